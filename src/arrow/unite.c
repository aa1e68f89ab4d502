/* unite: rows of which several may have the same key become rows of which each has its own. */
#include "keyed_rows.h"

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to unite rows of the same keys");
}

/* The same columns of other rows, by name. */
static khonsu_status key_again(kh_table *rows, const kh_keyed_rows *like, bool unique, kh_keyed_rows **keyed,
                               khonsu_error *error) {
  const char **names = kh_alloc_array(like->column_count, sizeof *names);
  if (names == NULL) return no_memory(error);
  for (size_t k = 0; k < like->column_count; k++) names[k] = like->schema->fields[like->columns[k]].arrow.name;
  khonsu_status status = kh_keyed_rows_new(rows, names, like->column_count, like->table.seed, unique, keyed, error);
  kh_free(names);
  return status;
}

/* Where each key came first, the row in which it came last. `matches` has, for all rows, the first of the same key.
 * Returns how many keys there are. */
static int64_t pick_last(const kh_key_matches *matches, int64_t *last) {
  int64_t count = 0;
  for (int64_t row = 0; row < matches->count; row++) last[matches->by[row]] = row;
  for (int64_t row = 0; row < matches->count; row++)
    if (matches->by[row] == row) last[count++] = last[row];
  return count;
}

static khonsu_status table_of(kh_schema *schema, kh_chunk *chunk, kh_table **made, khonsu_error *error) {
  kh_table *table = kh_table_new(schema);
  if (table == NULL) {
    kh_chunk_unref(chunk);
    return no_memory(error);
  }
  khonsu_status status = kh_table_add(table, chunk, error);
  if (status == KHONSU_OK) *made = kh_table_made(table);
  else kh_table_unref(table);
  return status;
}

static khonsu_status take_last(const kh_keyed_rows *keyed, const kh_key_matches *matches, kh_chunk **taken,
                               khonsu_error *error) {
  int64_t *last = kh_alloc_array((size_t)matches->count, sizeof *last);
  if (last == NULL) return no_memory(error);
  int64_t count = pick_last(matches, last);
  khonsu_status status = KHONSU_OK;
  if (count < matches->count)
    status = kh_chunk_take(keyed->rows, &(kh_row_indices){last, NULL, NULL, count}, taken, error);
  else *taken = kh_chunk_ref(keyed->rows);
  kh_free(last);
  return status;
}

/* `keyed`, of all rows, finds the first row of a key; it is what is wanted where that is the only one. */
static khonsu_status unite(kh_keyed_rows *keyed, kh_table **table, kh_keyed_rows **united, khonsu_error *error) {
  kh_key_matches matches = {NULL, NULL, 0, 0};
  kh_chunk *taken = NULL;
  khonsu_status status = kh_keyed_rows_find(keyed, keyed->rows, keyed->columns, &matches, error);
  if (status == KHONSU_OK) status = take_last(keyed, &matches, &taken, error);
  kh_key_matches_fini(&matches);
  if (status != KHONSU_OK) return status;
  bool are_all = taken == keyed->rows;
  status = table_of(keyed->schema, taken, table, error);
  if (status != KHONSU_OK || are_all) return status;
  status = key_again(*table, keyed, true, united, error);
  if (status != KHONSU_OK) kh_table_unref(*table);
  return status;
}

khonsu_status kh_keyed_rows_unite(kh_table *rows, const kh_keyed_rows *like, kh_table **table, kh_keyed_rows **united,
                                  khonsu_error *error) {
  kh_keyed_rows *all, *of_last = NULL;
  kh_table *made = NULL;
  khonsu_status status = key_again(rows, like, false, &all, error);
  if (status != KHONSU_OK) return status;
  status = unite(all, &made, &of_last, error);
  if (status != KHONSU_OK || of_last != NULL) kh_keyed_rows_free(all);
  if (status != KHONSU_OK) return status;
  *table = made;
  *united = of_last != NULL ? of_last : all;
  return KHONSU_OK;
}
