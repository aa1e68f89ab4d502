/* table: a schema and a version of a list of chunks. No chunk is empty.
 *
 * A table may begin with chunks that are in a storage (stored_chunks.h), of which it shares the first so many with other
 * tables; the list has those that come after. What can be said and done without looking into chunks loads none.
 *
 * Most tables are one chunk, which has the schema: that chunk is the table, and a kh_table * to it has the lowest bit
 * set. So they cost no memory and no look beyond the chunk. Whoever handles a kh_table * uses the functions here. */
#ifndef KH_ARROW_TABLE_H
#define KH_ARROW_TABLE_H

#include "chunk_list.h"
#include "stored_chunks.h"

struct kh_table {
  _Atomic uint32_t references;
  kh_schema *schema;
  kh_stored_chunks *stored;            /* a reference; NULL: all chunks are in the list */
  uint64_t stored_count, stored_bytes; /* of these that the table begins with */
  kh_chunk_list chunks;                /* that come after */
  uint64_t rows, bytes;                /* of all */
};

/* The chunk that is the table, or NULL. */
static inline kh_chunk *kh_table_chunk(const kh_table *table) {
  return (uintptr_t)table & 1 ? (kh_chunk *)((uintptr_t)table - 1) : NULL;
}
/* The chunk as a table; the reference is taken over. */
static inline kh_table *kh_table_of_chunk(kh_chunk *chunk) { return (kh_table *)((uintptr_t)chunk + 1); }

static inline kh_schema *kh_table_schema(const kh_table *table) {
  kh_chunk *chunk = kh_table_chunk(table);
  return chunk != NULL ? chunk->schema : table->schema;
}
static inline bool kh_table_is_stored(const kh_table *table, uint64_t index) {
  return kh_table_chunk(table) == NULL && index < table->stored_count;
}
/* As kh_chunk_list_run, from a chunk on that is not stored. table_walk.h goes through all. */
static inline kh_chunk_run kh_table_run(const kh_table *table, uint64_t index) {
  kh_chunk *chunk = kh_table_chunk(table);
  if (chunk != NULL) return (kh_chunk_run){&chunk->self, 1};
  KH_ASSERT(index >= table->stored_count);
  return kh_chunk_list_run(&table->chunks, index - table->stored_count);
}

/* Adds a chunk at the end of a table in the making; takes the reference. Chunks without rows are dropped. NO_MEMORY: the
 * reference is gone too. */
KHONSU_MUST_USE khonsu_status kh_table_add(kh_table *table, kh_chunk *chunk, khonsu_error *error);
/* Puts small chunks at the end of a table in the making together, where there are many and memory for it. */
void kh_table_coalesce(kh_table *table);
/* The table that was made, which may be its chunk. */
kh_table *kh_table_made(kh_table *table);

/* The same chunks under a schema that matches. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_under(kh_table *table, kh_schema *schema, kh_table **changed);

/* A stream of somebody's, read chunk by chunk. */
typedef struct kh_table_source {
  struct ArrowArrayStream *stream;
  kh_schema *schema;
  kh_arrow_limits limits;
} kh_table_source;

/* Reads the schema. The stream is consumed: by close, or by a failing open. INVALID_ARROW, NESTING_TOO_DEEP,
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_source_open(kh_table_source *source, struct ArrowArrayStream *stream,
                                                   const kh_arrow_limits *limits, khonsu_error *error);
/* *chunk = NULL at the end. INVALID_ARROW, VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_source_next(kh_table_source *source, kh_chunk **chunk, khonsu_error *error);
void kh_table_source_close(kh_table_source *source);

/* The table that a stream of this library was made from, if nothing was read from it yet; else NULL. */
kh_table *kh_table_of_stream(const struct ArrowArrayStream *stream);

/* The whole table as one chunk: the one it has, or a new one. As kh_table_export_batch. */
KHONSU_MUST_USE khonsu_status kh_table_to_chunk(const kh_table *table, kh_chunk **whole, khonsu_error *error);

/* What a stream's callback answers when a kernel has returned the status. */
int kh_stream_errno(khonsu_status status);

#endif
