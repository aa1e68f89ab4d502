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

/* The table that a stream of this library was made from, if nothing was read from it yet; else NULL. */
kh_table *kh_table_of_stream(const struct ArrowArrayStream *stream);

/* The whole table as one chunk: the one it has, or a new one. As kh_table_export_batch. */
KHONSU_MUST_USE khonsu_status kh_table_to_chunk(const kh_table *table, kh_chunk **whole, khonsu_error *error);

#endif
