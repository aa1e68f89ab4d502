/* ipc_layout: what a schema message says of the batches behind it. Values of a dictionary come in batches of their own,
 * which have one column; so each dictionary has a schema of its own, and takes memory for what is in it, not for the
 * whole table. Immutable once made, and shared by all who read such batches. */
#ifndef KH_ARROW_IPC_LAYOUT_H
#define KH_ARROW_IPC_LAYOUT_H

#include "chunk.h"

#define KH_IPC_NO_DICTIONARY UINT32_MAX

typedef struct kh_ipc_shape {
  kh_schema *schema;
  uint32_t *dictionaries;    /* by field: which of the layout's it has */
  uint32_t dictionary_count; /* fields that have one */
} kh_ipc_shape;

typedef struct kh_ipc_dictionary {
  int64_t id;
  kh_ipc_shape shape; /* its column is named after the first column that the dictionary belongs to */
} kh_ipc_dictionary;

struct kh_ipc_layout {
  _Atomic uint32_t references;
  bool is_big_endian;
  kh_ipc_shape batch;
  kh_ipc_dictionary *dictionaries; /* by id */
  uint32_t dictionary_count;
};

/* A node of a schema that was read. Where it has a dictionary it stands for the indices. */
typedef struct kh_ipc_node {
  struct ArrowSchema arrow; /* first: nodes are found again through pointers to it */
  int64_t dictionary_id;
} kh_ipc_node;

/* All nodes below `root` are kh_ipc_nodes. CORRUPT, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_layout_make(const kh_ipc_node *root, bool is_big_endian, uint64_t depth_max,
                                                 kh_ipc_layout **layout, khonsu_error *error);

/* NULL: there is none. */
const kh_ipc_dictionary *kh_ipc_dictionary_find(const kh_ipc_layout *layout, int64_t id);

#endif
