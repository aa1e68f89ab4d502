/* ipc_shapes: what batches of a stream look like. Values of a dictionary come in batches of their own, which have one
 * column; so each dictionary has a schema of its own, and takes memory for what is in it, not for the whole table. */
#ifndef KH_ARROW_IPC_SHAPES_H
#define KH_ARROW_IPC_SHAPES_H

#include "chunk.h"

#define KH_IPC_NO_DICTIONARY UINT32_MAX

typedef struct kh_ipc_shape {
  kh_schema *schema;
  uint32_t *dictionaries;    /* by field: which of the stream's it has */
  uint32_t dictionary_count; /* fields that have one */
} kh_ipc_shape;

typedef struct kh_ipc_dictionary {
  int64_t id;
  kh_ipc_shape shape; /* its column is named after the first column that the dictionary belongs to */
  kh_chunk *values;   /* NULL: there were none yet */
} kh_ipc_dictionary;

typedef struct kh_ipc_shapes {
  kh_ipc_shape batch;
  kh_ipc_dictionary *dictionaries; /* by id */
  uint32_t dictionary_count;
} kh_ipc_shapes;

/* A node of a schema that was read. Where it has a dictionary it stands for the indices. */
typedef struct kh_ipc_node {
  struct ArrowSchema arrow; /* first: nodes are found again through pointers to it */
  int64_t dictionary_id;
} kh_ipc_node;

/* All nodes below `root` are kh_ipc_nodes. Zero-initialised `shapes`; kh_ipc_shapes_fini frees, on failure too. CORRUPT,
 * NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_shapes_make(const kh_ipc_node *root, uint64_t depth_max, kh_ipc_shapes *shapes,
                                                 khonsu_error *error);
void kh_ipc_shapes_fini(kh_ipc_shapes *shapes);

/* NULL: there is none. */
kh_ipc_dictionary *kh_ipc_dictionary_find(const kh_ipc_shapes *shapes, int64_t id);

#endif
