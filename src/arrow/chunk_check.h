/* chunk_check: what the files of validation share. */
#ifndef KH_ARROW_CHUNK_CHECK_H
#define KH_ARROW_CHUNK_CHECK_H

#include <inttypes.h>

#include "bits.h"
#include "chunk.h"

typedef struct kh_check {
  kh_chunk *chunk;
  const kh_field *fields;
  const kh_known_sizes *known; /* NULL: none */
  uint64_t *bytes;             /* of all buffers, as kh_chunk_count_bytes counts them */
  bool is_trusted;             /* only what can be known without a look at values */
  khonsu_error *error;
} kh_check;

/* Fails with the column's path and a reason. */
#define KH_INVALID(check, index, ...)                                                                                  \
  kh_field_fail((check)->fields, index, (check)->error, KHONSU_INVALID_ARROW, __VA_ARGS__)
/* The same for one value: position `i` of the buffers. In a column that is a row, deeper down just a value. */
#define KH_INVALID_AT(check, index, i, format, ...)                                                                    \
  KH_INVALID(check, index, "%s %" PRId64 ": " format, (check)->fields[index].depth <= 1 ? "row" : "value",             \
             (i) - (check)->chunk->nodes[index].offset, __VA_ARGS__)

static inline int64_t kh_node_end(const struct ArrowArray *node) { return node->offset + node->length; }

/* NULL: no value is null. Nulls are counted by then. */
static inline const uint8_t *kh_node_validity(const struct ArrowArray *node) {
  return node->null_count == 0 ? NULL : node->buffers[0];
}

static inline bool kh_is_null(const uint8_t *validity, int64_t i) {
  return validity != NULL && !kh_bit_get(validity, i);
}

/* Each checks the values of one family of layouts, after the shapes of all nodes. INVALID_ARROW. */
typedef khonsu_status kh_check_family(const kh_check *check, uint32_t index);
kh_check_family kh_check_text;       /* utf8 and binary, also large */
kh_check_family kh_check_views;      /* utf8_view, binary_view */
kh_check_family kh_check_list;       /* list, map, large list */
kh_check_family kh_check_list_view;  /* also large */
kh_check_family kh_check_fixed_list; /* and what else has children of a known length: struct, sparse union */
kh_check_family kh_check_union;
kh_check_family kh_check_runs;
kh_check_family kh_check_dictionary;

/* Whether offsets begin at 0 or later, do not fall, and end at `most` or before; if not, why. */
KHONSU_MUST_USE khonsu_status kh_check_offsets(const kh_check *check, uint32_t index, int64_t most, const char *what);

#endif
