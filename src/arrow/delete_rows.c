/* delete_rows: a table without the rows that have certain keys. */
#include "keyed_rows.h"

typedef struct deleting {
  const kh_keyed_rows *keys;
  uint32_t *columns; /* of the table, for each key column */
  kh_key_matches matches;
  uint64_t deleted;
  khonsu_error *error;
} deleting;

static khonsu_status keep_others(const deleting *from, kh_chunk *chunk, kh_chunk **kept) {
  size_t size = (size_t)kh_bits_bytes(chunk->nodes[0].length);
  uint8_t *bits = kh_alloc(size);
  if (bits == NULL) return khonsu_error_set(from->error, KHONSU_NO_MEMORY, "no memory to delete rows");
  memset(bits, 0xff, size);
  for (int64_t i = 0; i < from->matches.count; i++) {
    int64_t row = from->matches.rows[i];
    bits[row >> 3] = (uint8_t)(bits[row >> 3] & ~(1u << (row & 7)));
  }
  khonsu_status status = kh_chunk_filter(chunk, bits, kept, from->error);
  kh_free(bits);
  return status;
}

static khonsu_status delete_in_chunk(deleting *from, kh_chunk *chunk, kh_table *table) {
  khonsu_status status = kh_keyed_rows_find(from->keys, chunk, from->columns, &from->matches, from->error);
  if (status != KHONSU_OK) return status;
  from->deleted += (uint64_t)from->matches.count;
  if (from->matches.count == chunk->nodes[0].length) return KHONSU_OK;
  kh_chunk *kept = chunk;
  if (from->matches.count == 0) kh_chunk_ref(chunk);
  else status = keep_others(from, chunk, &kept);
  if (status == KHONSU_OK) status = kh_table_add(table, kept, from->error);
  if (status == KHONSU_OK && kept != chunk) kh_table_coalesce(table);
  return status;
}

static khonsu_status fill(deleting *from, kh_table *base, kh_table *table) {
  uint64_t count = kh_table_chunk_count(base);
  khonsu_status status = kh_key_columns_match(kh_table_schema(base), from->keys, from->columns, from->error);
  for (uint64_t index = 0; index < count && status == KHONSU_OK;) {
    kh_chunk_run run = kh_table_run(base, index);
    for (uint64_t i = 0; i < run.count && status == KHONSU_OK; i++)
      status = delete_in_chunk(from, run.chunks[i], table);
    index += run.count;
  }
  return status;
}

khonsu_status kh_table_delete_rows(kh_table *base, const kh_keyed_rows *keys, kh_table **result, uint64_t *deleted,
                                   khonsu_error *error) {
  deleting from = {.keys = keys, .error = error};
  from.columns = kh_alloc_array(keys->column_count, sizeof *from.columns);
  kh_table *table = kh_table_new(kh_table_schema(base));
  khonsu_status status = KHONSU_OK;
  if (from.columns == NULL || table == NULL)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to delete rows");
  else status = fill(&from, base, table);
  kh_free(from.columns);
  kh_key_matches_fini(&from.matches);
  if (status == KHONSU_OK && from.deleted > 0) {
    *result = kh_table_made(table);
    *deleted = from.deleted;
    return KHONSU_OK;
  }
  kh_table_unref(table);
  if (status != KHONSU_OK) return status;
  *result = kh_table_ref(base);
  *deleted = 0;
  return KHONSU_OK;
}
