/* ipc_gather: what a RecordBatch flatbuffer says of arrays, and the body that it speaks of, of any piece of them.
 *
 * Only what the piece needs is written. Buffers are not copied, but for bitmaps that begin within a byte, and offsets
 * that do not begin at 0 or, of views and unions, point into a child or text of which only a part is needed: these are
 * small beside the values, and made anew. */
#ifndef KH_ARROW_IPC_GATHER_H
#define KH_ARROW_IPC_GATHER_H

#include "chunk.h"
#include "ipc_codec.h"
#include "ipc_format.h"
#include "ipc_pieces.h"

typedef struct kh_ipc_gathered {
  kh_ipc_compression *compression; /* for `codec`; NULL with KH_IPC_PLAIN */
  kh_ipc_codec codec;
  bool is_exact;      /* for comparison: bits after the last value are 0 */
  kh_buffer nodes;    /* of FieldNode */
  kh_buffer buffers;  /* of Buffer */
  kh_buffer variadic; /* of int64_t */
  kh_ipc_pieces body;
} kh_ipc_gathered;

void kh_ipc_gathered_init(kh_ipc_gathered *gathered, kh_ipc_compression *compression, kh_ipc_codec codec);
void kh_ipc_gathered_fini(kh_ipc_gathered *gathered);

/* A piece of an array: `start` counts from the beginning of its buffers, so it includes the array's offset. */
typedef struct kh_ipc_span {
  const kh_chunk *chunk;
  uint32_t index;
  int64_t start, length;
} kh_ipc_span;

/* Adds the piece and what it needs of the arrays below it; dictionaries are left out. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_gather(kh_ipc_gathered *gathered, kh_ipc_span span);
/* All columns. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_gather_columns(kh_ipc_gathered *gathered, const kh_chunk *chunk);

/* The RecordBatch's fields, into a builder that has begun one. False: out of memory. */
KHONSU_MUST_USE bool kh_ipc_gathered_write(const kh_ipc_gathered *gathered, int64_t rows, flatcc_builder_t *builder);
/* Whether the same was gathered, byte for byte. */
bool kh_ipc_gathered_equal(const kh_ipc_gathered *a, const kh_ipc_gathered *b);

/* ---- for those who gather */

KHONSU_MUST_USE khonsu_status kh_ipc_add_node(kh_ipc_gathered *gathered, int64_t length, int64_t null_count);
KHONSU_MUST_USE khonsu_status kh_ipc_add_buffer(kh_ipc_gathered *gathered, const void *bytes, int64_t size);
KHONSU_MUST_USE khonsu_status kh_ipc_add_bits(kh_ipc_gathered *gathered, const uint8_t *bits, int64_t start,
                                              int64_t count);
/* Offsets from `start` on, `count` and one more, so that the first is 0. */
KHONSU_MUST_USE khonsu_status kh_ipc_add_offsets(kh_ipc_gathered *gathered, const void *offsets, int64_t bits,
                                                 int64_t start, int64_t count);

/* What comes after validity. Layouts whose offsets may point anywhere. */
typedef khonsu_status kh_ipc_gather_family(kh_ipc_gathered *gathered, const kh_ipc_span *span);
kh_ipc_gather_family kh_ipc_gather_views, kh_ipc_gather_list_view, kh_ipc_gather_dense_union, kh_ipc_gather_runs;

/* `length` values of a child, from its value `first` on. */
static inline kh_ipc_span kh_ipc_span_child(const kh_ipc_span *parent, uint32_t child, int64_t first, int64_t length) {
  return (kh_ipc_span){parent->chunk, child, parent->chunk->nodes[child].offset + first, length};
}

#endif
