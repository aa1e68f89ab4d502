/* upsert: rows replaced by rows of the same key, chunk by chunk, and the rest put after them. */
#include "replace.h"
#include "table_walk.h"

typedef struct upserting {
  const kh_keyed_rows *input;
  kh_schema *schema; /* of the result */
  kh_key_matches matches;
  uint8_t *fresh; /* for each input row: 1 = it has replaced nothing */
  kh_upsert_counts counts;
  khonsu_error *error;
} upserting;

/* ---- a chunk in which rows are replaced */

static bool is_all_in_order(const upserting *to) {
  const kh_key_matches *matches = &to->matches;
  if (matches->count != (int64_t)kh_chunk_rows(to->input->rows)) return false;
  for (int64_t i = 0; i < matches->count; i++)
    if (matches->by[i] != i) return false;
  return true;
}

/* All of its rows: nothing of the chunk is left. */
static khonsu_status replace_all(const upserting *to, kh_chunk **replaced) {
  kh_row_indices by = {to->matches.by, NULL, NULL, to->matches.count};
  if (!is_all_in_order(to)) return kh_chunk_take(to->input->rows, &by, replaced, to->error);
  *replaced = kh_chunk_ref(to->input->rows);
  return KHONSU_OK;
}

static void note_matches(upserting *to) {
  const int64_t *by = to->matches.by;
  uint8_t *fresh = to->fresh;
  int64_t count = to->matches.count;
  to->counts.updated += (uint64_t)count;
  for (int64_t i = 0; i < count; i++) fresh[by[i]] = 0;
}

/* *replaced: what comes in its place; a reference, or NULL: it stays. */
static khonsu_status upsert_chunk(upserting *to, kh_chunk *chunk, kh_chunk **replaced) {
  khonsu_status status = kh_keyed_rows_find(to->input, chunk, to->input->columns, &to->matches, to->error);
  if (status != KHONSU_OK) return status;
  *replaced = NULL;
  if (to->matches.count == 0) return KHONSU_OK;
  note_matches(to);
  status = to->matches.count == (int64_t)kh_chunk_rows(chunk)
               ? replace_all(to, replaced)
               : kh_chunk_replace(to->schema, chunk, to->input->rows, &to->matches, replaced, to->error);
  if (status == KHONSU_OK) to->counts.bytes += (*replaced)->bytes;
  return status;
}

/* ---- the table */

static khonsu_status take_fresh(upserting *to, int64_t *places, kh_chunk **fresh) {
  int64_t rows = to->input->rows->nodes[0].length, count = 0;
  for (int64_t i = 0; i < rows; i++) {
    places[count] = i;
    count += to->fresh[i];
  }
  to->counts.inserted = (uint64_t)count;
  *fresh = NULL;
  if (count == 0) return KHONSU_OK;
  if (count < rows)
    return kh_chunk_take(to->input->rows, &(kh_row_indices){places, NULL, NULL, count}, fresh, to->error);
  *fresh = kh_chunk_ref(to->input->rows);
  return KHONSU_OK;
}

static khonsu_status add_fresh(upserting *to, kh_table *table) {
  kh_chunk *fresh;
  int64_t *places = kh_alloc_array(kh_chunk_rows(to->input->rows), sizeof *places);
  if (places == NULL) return khonsu_error_set(to->error, KHONSU_NO_MEMORY, "no memory for new rows");
  khonsu_status status = take_fresh(to, places, &fresh);
  kh_free(places);
  if (status != KHONSU_OK || fresh == NULL) return status;
  to->counts.bytes += fresh->bytes;
  return kh_table_add(table, fresh, to->error);
}

static khonsu_status upsert_chunks(upserting *to, kh_table_walk *walk, kh_table *table) {
  kh_chunk *chunk, *replaced;
  khonsu_status status;
  while ((status = kh_table_walk_next(walk, &chunk, to->error)) == KHONSU_OK && chunk != NULL) {
    status = upsert_chunk(to, chunk, &replaced);
    if (status != KHONSU_OK) break;
    status = replaced == NULL ? kh_table_add_unchanged(table, walk, chunk, to->error)
                              : kh_table_add(table, replaced, to->error);
    if (status != KHONSU_OK) break;
  }
  return status;
}

static khonsu_status fill(upserting *to, kh_table *base, kh_table *table) {
  kh_table_walk walk = kh_table_walk_from(base, 0);
  khonsu_status status = upsert_chunks(to, &walk, table);
  kh_table_walk_end(&walk);
  return status == KHONSU_OK ? add_fresh(to, table) : status;
}

khonsu_status kh_table_upsert(kh_table *base, const kh_keyed_rows *rows, kh_table **result, kh_upsert_counts *counts,
                              khonsu_error *error) {
  upserting to = {.input = rows, .schema = kh_table_schema(base), .error = error};
  khonsu_status status = kh_schema_match(to.schema, rows->schema, error);
  if (status != KHONSU_OK) return status;
  to.fresh = kh_alloc(kh_chunk_rows(rows->rows));
  kh_table *table = kh_table_new(to.schema);
  if (to.fresh == NULL || table == NULL) {
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to replace rows");
  } else {
    memset(to.fresh, 1, kh_chunk_rows(rows->rows));
    status = fill(&to, base, table);
  }
  kh_free(to.fresh);
  kh_key_matches_fini(&to.matches);
  if (status != KHONSU_OK) {
    kh_table_unref(table);
    return status;
  }
  *result = kh_table_coalesced(table);
  *counts = to.counts;
  return KHONSU_OK;
}
