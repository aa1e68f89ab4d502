/* table: a schema and a version of a list of chunks. No chunk is empty. */
#ifndef KH_ARROW_TABLE_H
#define KH_ARROW_TABLE_H

#include "chunk_list.h"

struct kh_table {
  _Atomic uint32_t references;
  kh_schema *schema;
  kh_chunk_list chunks;
  uint64_t rows, bytes;
};

/* A table of no chunks that references `schema`. NULL: out of memory. */
kh_table *kh_table_new(kh_schema *schema);

/* Adds a chunk at the end, before the table is shared; takes the reference. Chunks without rows are dropped. NO_MEMORY:
 * the reference is gone too. */
KHONSU_MUST_USE khonsu_status kh_table_add(kh_table *table, kh_chunk *chunk, khonsu_error *error);

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

#endif
