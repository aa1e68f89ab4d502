/* chunk: one validated record batch, immutable and shared.
 *
 * `nodes` are its arrays in the schema's level order, ready to be lent out: their links, release and private_data are
 * NULL. Guarantees, which everything that reads a chunk may rely on
 *   1. Lengths, offsets and sizes are within the buffers, for every value that is not null.
 *   2. null_count is exact; where it is 0 the bitmap may be missing, else it is there.
 *   3. The root has offset 0 and no nulls, and its columns have its length: what consumers expect of a record batch. */
#ifndef KH_ARROW_CHUNK_H
#define KH_ARROW_CHUNK_H

#include "arena.h"
#include "memory.h"
#include "schema.h"

typedef struct kh_chunk {
  struct ArrowArray owner; /* keeps alive what was moved in; release NULL: there is nothing */
  kh_memory *memory;       /* the same of what was read in place; NULL: nothing was */
  kh_arena arena;          /* what was made here */
  const char *metadata;  /* what an IPC message said of the batch, in the C Data interface's encoding; NULL: nothing */
  uint64_t bytes;        /* of the buffers, as far as offset + length reach */
  struct kh_chunk *self; /* a list of one chunk; while it waits to be freed, the next that does */
  _Atomic(struct kh_chunk_statistics *) statistics;    /* predicate_skip.c; NULL: nobody has asked */
  _Alignas(KH_CACHE_LINE) _Atomic uint32_t references; /* what lending it out looks at begins here */
  uint32_t memory_units;                               /* of a cache line each: this block */
  kh_schema *schema; /* what it was validated against; a table's own may have other names */
  struct ArrowArray nodes[];
} kh_chunk;

/* One with zeroed nodes and no owner, for the caller to fill in. NULL: out of memory. */
kh_chunk *kh_chunk_new(kh_schema *schema);
/* The same, with `size` bytes, aligned to 8, that go with it. */
kh_chunk *kh_chunk_new_with_room(kh_schema *schema, size_t size, void **room);
/* The same, whose nodes have their tables of fixed buffers, in its arena: for kernels to fill in. */
kh_chunk *kh_chunk_new_to_fill(kh_schema *schema);
/* Empties a node of such a chunk: `length` values, nothing null, buffers yet to be made. */
static inline void kh_node_begin(const kh_field *field, struct ArrowArray *node, int64_t length) {
  KH_ASSERT(node->buffers != NULL);
  *node = (struct ArrowArray){.length = length,
                              .n_buffers = kh_field_buffer_count(field),
                              .n_children = field->arrow.n_children,
                              .buffers = node->buffers};
}
kh_chunk *kh_chunk_ref(kh_chunk *chunk);
void kh_chunk_unref(kh_chunk *chunk); /* NULL is a no-op */
void kh_chunk_statistics_free(kh_chunk *chunk);

static inline uint64_t kh_chunk_rows(const kh_chunk *chunk) { return (uint64_t)chunk->nodes[0].length; }

/* A record batch becomes a chunk; one that this library lent out and that is whole is taken back by reference. The
 * first form consumes `array`, on failure too, the second copies its buffers. INVALID_ARROW, VALUE_TOO_LARGE,
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_import(kh_schema *schema, struct ArrowArray *array, uint64_t bytes_max,
                                              kh_chunk **imported, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_chunk_import_copy(kh_schema *schema, const struct ArrowArray *array,
                                                   uint64_t bytes_max, kh_chunk **imported, khonsu_error *error);

/* Sizes of the fixed buffers of a node, where they are known; -1 = not known. KH_CHECKED_BEFORE in the first: the node is
 * one of a chunk that was validated, and is not looked at again. */
typedef struct kh_known_sizes {
  int64_t bytes[NANOARROW_MAX_FIXED_BUFFERS];
} kh_known_sizes;

enum { KH_CHECKED_BEFORE = -2 };

/* Validates nodes as they came from outside, for the first time, and makes the guarantees above true. `known` NULL: no
 * sizes are known. INVALID_ARROW, VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_check(kh_chunk *chunk, const kh_known_sizes *known, uint64_t bytes_max,
                                             khonsu_error *error);

/* The same of nodes that were validated before they were stored: buffers are as large as lengths and counts of nulls,
 * which are believed, need them to be; what is in them is not looked at. */
KHONSU_MUST_USE khonsu_status kh_chunk_trust(kh_chunk *chunk, const kh_known_sizes *known, uint64_t bytes_max,
                                             khonsu_error *error);

/* Bytes that fixed buffer `index` of `field` must have for values up to `end`, as far as lengths alone tell. False: they
 * overflow. */
bool kh_buffer_required_size(const kh_field *field, uint32_t index, int64_t end, int64_t *bytes);
/* Bytes of the fixed buffer `index` of a node of `field`, as far as its offset + length reach. The node is valid. */
int64_t kh_node_buffer_size(const kh_field *field, const struct ArrowArray *node, uint32_t index);
/* Bytes of all buffers of all nodes. They are valid. */
uint64_t kh_chunk_count_bytes(const kh_chunk *chunk);

/* Lends the chunk out; the array holds a reference. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_export(kh_chunk *chunk, struct ArrowArray *exported);
/* The same, of a reference that the array takes over, on failure too. */
KHONSU_MUST_USE khonsu_status kh_chunk_export_move(kh_chunk *chunk, struct ArrowArray *exported);
/* The chunk that `exported` was lent from, if nothing in it was changed or moved out since; else NULL. */
kh_chunk *kh_chunk_of_export(const struct ArrowArray *exported);

/* The rows of the chunks, one after the other, in new memory and with offset 0 throughout. They have the layout of
 * `schema`. VALUE_TOO_LARGE: 32-bit offsets or indices cannot hold the whole. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_concat(kh_schema *schema, kh_chunk *const *chunks, size_t count,
                                              kh_chunk **joined, khonsu_error *error);

/* Makes a chunk without owner, whose nodes refer to memory of `kept`, hold a reference to it. */
void kh_chunk_keep(kh_chunk *chunk, kh_chunk *kept);
/* Cuts a node that has a validity bitmap, if any, down to `length` values from `from` on; null_count stays exact. */
void kh_node_cut(const kh_field *field, struct ArrowArray *node, int64_t from, int64_t length);

/* Non-NULL and readable, for buffers without bytes. */
extern const uint64_t kh_no_bytes[8];

/* Variadic buffers of a view array: buffers[2] on, and their sizes. */
static inline int64_t kh_node_variadic_count(const struct ArrowArray *node) { return node->n_buffers - 3; }
static inline const int64_t *kh_node_variadic_sizes(const struct ArrowArray *node) {
  return node->buffers[node->n_buffers - 1];
}

#endif
