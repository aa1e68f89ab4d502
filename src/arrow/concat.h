/* concat: arrays one after the other, in new memory. One file for each family of layouts; concat.c decides.
 *
 * A span is a piece of an array of some chunk: `start` counts from the beginning of its buffers, so it includes the
 * array's offset. A parent passes down what of its children its own piece needs, no more: so concatenating also
 * re-bases, and copies nothing that no value refers to. */
#ifndef KH_ARROW_CONCAT_H
#define KH_ARROW_CONCAT_H

#include "chunk.h"

typedef struct kh_span {
  const kh_chunk *chunk;
  int64_t start, length;
} kh_span;

typedef struct kh_concat {
  const kh_field *fields;
  kh_chunk *result; /* owns all that is made */
  khonsu_error *error;
} kh_concat;

/* Makes node `field` of the result, and those below it, of the spans. VALUE_TOO_LARGE, NO_MEMORY. */
typedef khonsu_status kh_concat_family(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count);
kh_concat_family kh_concat_field;

/* A chunk of the rows that the spans are, each of a root. */
KHONSU_MUST_USE khonsu_status kh_concat_rows(kh_schema *schema, const kh_span *spans, size_t count, kh_chunk **joined,
                                             khonsu_error *error);

/* Each does what kh_concat_field does, after kh_concat_begin has been called. */
kh_concat_family kh_concat_fixed;  /* numbers, booleans, fixed-size binary */
kh_concat_family kh_concat_text;   /* utf8, binary, and large */
kh_concat_family kh_concat_views;  /* utf8_view, binary_view */
kh_concat_family kh_concat_struct; /* also sparse unions' children */
kh_concat_family kh_concat_fixed_list;
kh_concat_family kh_concat_list; /* list, map, large list */
kh_concat_family kh_concat_list_view;
kh_concat_family kh_concat_sparse_union;
kh_concat_family kh_concat_dense_union;
kh_concat_family kh_concat_runs;
kh_concat_family kh_concat_dictionary;

/* Sets the node's length, and its validity and null_count if it has one. */
KHONSU_MUST_USE khonsu_status kh_concat_begin(const kh_concat *concat, uint32_t field, const kh_span *spans,
                                              size_t count);
/* Makes buffer `index` of the node; to be filled in. NULL: out of memory, which `error` says. */
void *kh_concat_buffer(const kh_concat *concat, uint32_t field, uint32_t index, int64_t count, int64_t size);
/* Uninitialised spans for the children, for kh_free. NULL: out of memory, which `error` says. */
kh_span *kh_concat_spans(const kh_concat *concat, size_t count);

/* `count` offsets of `bits` bits from place `start` on, with `shift` added, to place `row` on. */
void kh_concat_offsets(void *to, int64_t row, const void *from, int64_t start, int64_t count, int64_t bits,
                       int64_t shift);

static inline const struct ArrowArray *kh_span_node(const kh_span *span, uint32_t field) {
  return &span->chunk->nodes[field];
}

/* `length` values of the child `field`, from its value `first` on. */
static inline kh_span kh_span_child(const kh_span *parent, uint32_t field, int64_t first, int64_t length) {
  return (kh_span){parent->chunk, parent->chunk->nodes[field].offset + first, length};
}

static inline khonsu_status kh_concat_no_memory(const kh_concat *concat) {
  return khonsu_error_set(concat->error, KHONSU_NO_MEMORY, "no memory to concatenate record batches");
}

#endif
