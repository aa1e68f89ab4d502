/* delete_rows: a table without the rows that have certain keys. */
#include "keyed_rows.h"
#include "table_walk.h"

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

/* `walk` has just given the chunk. */
static khonsu_status delete_in_chunk(deleting *from, const kh_table_walk *walk, kh_chunk *chunk, kh_table *table) {
  khonsu_status status = kh_keyed_rows_find(from->keys, chunk, from->columns, &from->matches, from->error);
  if (status != KHONSU_OK) return status;
  from->deleted += (uint64_t)from->matches.count;
  if (from->matches.count == chunk->nodes[0].length) return KHONSU_OK;
  if (from->matches.count == 0) return kh_table_add_unchanged(table, walk, chunk, from->error);
  kh_chunk *kept;
  status = keep_others(from, chunk, &kept);
  if (status == KHONSU_OK) status = kh_table_add(table, kept, from->error);
  if (status == KHONSU_OK) kh_table_coalesce(table);
  return status;
}

static khonsu_status fill(deleting *from, kh_table *base, kh_table *table) {
  kh_chunk *chunk;
  khonsu_status status = kh_key_columns_match(kh_table_schema(base), from->keys, from->columns, from->error);
  if (status != KHONSU_OK) return status;
  kh_table_walk walk = kh_table_walk_from(base, 0);
  while ((status = kh_table_walk_next(&walk, &chunk, from->error)) == KHONSU_OK && chunk != NULL) {
    status = delete_in_chunk(from, &walk, chunk, table);
    if (status != KHONSU_OK) break;
  }
  kh_table_walk_end(&walk);
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
