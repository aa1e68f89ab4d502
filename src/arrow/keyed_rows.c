#include "keyed_rows.h"

#include "hash.h"

enum { BLOCK = KH_KEY_BLOCK, SLOTS_PER_ROW = 4, FILTER_BITS_PER_ROW = 32, ROWS_AT_FIRST = 256 };
static const uint64_t rows_most = UINT64_C(1) << 30;

/* ---- keys that are not plain, or are looked for in a chunk where they are not */

/* A chunk whose rows are looked for. */
typedef struct seeker {
  const kh_keyed_rows *keyed;
  kh_row_key key, of_input;
} seeker;

static seeker seeker_of(const kh_keyed_rows *keyed, const kh_chunk *chunk, const uint32_t *columns) {
  return (seeker){keyed, {chunk, columns, keyed->column_count}, {keyed->rows, keyed->columns, keyed->column_count}};
}

static void hash_block(const seeker *seek, int64_t from, int64_t length, uint64_t *hashes) {
  const kh_row_key *key = &seek->key;
  kh_chunk_hash_range(key->chunk, key->columns, key->count, seek->keyed->table.seed, from, length, hashes);
}

/* The slot with the row's key, or the free one where it would be. */
static uint32_t *slot_of(const seeker *seek, int64_t row, uint64_t hash) {
  const kh_key_table *table = &seek->keyed->table;
  uint32_t tag = kh_key_tag(table, hash);
  for (uint64_t at = hash & table->slot_mask;; at = (at + 1) & table->slot_mask) {
    uint32_t slot = table->slots[at];
    bool may_be = (slot & ~table->row_mask) == tag;
    int64_t input_row = (int64_t)(slot & table->row_mask) - 1;
    if (slot == 0 || (may_be && kh_rows_equal(&seek->key, row, &seek->of_input, input_row))) return &table->slots[at];
  }
}

/* ---- making it */

static khonsu_status same_key(int64_t row, int64_t other, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "rows %lld and %lld of the input have the same key",
                          (long long)row, (long long)other);
}

static khonsu_status insert_block(const seeker *seek, int64_t from, int64_t length, bool unique, khonsu_error *error) {
  const kh_key_table *table = &seek->keyed->table;
  uint64_t hashes[BLOCK];
  hash_block(seek, from, length, hashes);
  for (int64_t i = 0; i < length; i++) {
    uint32_t *slot = slot_of(seek, from + i, hashes[i]);
    if (*slot != 0 && unique) return same_key((int64_t)(*slot & table->row_mask) - 1, from + i, error);
    if (*slot != 0) continue;
    *slot = kh_key_slot(table, hashes[i], from + i);
    kh_key_filter_add(table, hashes[i]);
  }
  return KHONSU_OK;
}

static khonsu_status insert_rows(const kh_keyed_rows *keyed, bool unique, khonsu_error *error) {
  int64_t rows = keyed->rows->nodes[0].length, earlier;
  if (keyed->plain != NULL) {
    int64_t row = kh_plain_keys_insert(keyed, unique, &earlier);
    return row < 0 ? KHONSU_OK : same_key(earlier, row, error);
  }
  seeker seek = seeker_of(keyed, keyed->rows, keyed->columns);
  khonsu_status status = KHONSU_OK;
  for (int64_t from = 0; from < rows && status == KHONSU_OK; from += BLOCK)
    status = insert_block(&seek, from, rows - from < BLOCK ? rows - from : BLOCK, unique, error);
  return status;
}

static khonsu_status fill(kh_keyed_rows *keyed, bool unique, khonsu_error *error) {
  kh_key_table *table = &keyed->table;
  uint64_t rows = kh_chunk_rows(keyed->rows), slots = 4;
  while (slots < SLOTS_PER_ROW * rows) slots *= 2;
  uint64_t bits = slots < 64 ? 64 : slots * (FILTER_BITS_PER_ROW / SLOTS_PER_ROW);
  table->slots = kh_alloc_zero_array(slots, sizeof *table->slots);
  table->filter = kh_alloc_zero_array(bits / 64, sizeof *table->filter);
  if (table->slots == NULL || table->filter == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a hash table of %llu rows",
                            (unsigned long long)rows);
  table->slot_mask = slots - 1;
  table->row_mask = (uint32_t)(slots / 2 - 1); /* a number plus one is below half of that */
  table->filter_shift = (unsigned)__builtin_clzll(bits) + 1;
  keyed->plain = keyed->column_count == 1 ? kh_plain_keys(keyed->rows, keyed->columns[0]) : NULL;
  return insert_rows(keyed, unique, error);
}

static khonsu_status find_columns(kh_keyed_rows *keyed, const char *const *names, khonsu_error *error) {
  if (keyed->column_count == 0)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there are no key columns: name one or more");
  if (names != NULL) return kh_key_columns_find(keyed->schema, names, keyed->column_count, keyed->columns, error);
  for (size_t k = 0; k < keyed->column_count; k++) keyed->columns[k] = (uint32_t)k + 1;
  return KHONSU_OK;
}

static khonsu_status take_rows(kh_keyed_rows *keyed, const kh_table *rows, khonsu_error *error) {
  if (kh_table_rows(rows) > rows_most)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE, "%llu rows to be found by key at once: more than %llu",
                            (unsigned long long)kh_table_rows(rows), (unsigned long long)rows_most);
  return kh_table_to_chunk(rows, &keyed->rows, error);
}

khonsu_status kh_keyed_rows_new(kh_table *rows, const char *const *names, size_t name_count, uint64_t seed, bool unique,
                                kh_keyed_rows **keyed, khonsu_error *error) {
  kh_schema *schema = kh_table_schema(rows);
  size_t count = names != NULL ? name_count : (size_t)schema->fields[0].arrow.n_children;
  kh_keyed_rows *made = count > UINT32_MAX ? NULL : kh_alloc_zero(sizeof *made + count * sizeof made->columns[0]);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for rows with keys");
  made->schema = kh_schema_ref(schema);
  made->table.seed = seed;
  made->column_count = count;
  khonsu_status status = find_columns(made, names, error);
  if (status == KHONSU_OK) status = take_rows(made, rows, error);
  if (status == KHONSU_OK) status = fill(made, unique, error);
  if (status == KHONSU_OK) *keyed = made;
  else kh_keyed_rows_free(made);
  return status;
}

void kh_keyed_rows_free(kh_keyed_rows *keyed) {
  if (keyed == NULL) return;
  kh_chunk_unref(keyed->rows);
  kh_schema_unref(keyed->schema);
  kh_free(keyed->table.slots);
  kh_free(keyed->table.filter);
  kh_free(keyed);
}

uint64_t kh_keyed_rows_count(const kh_keyed_rows *keyed) { return kh_chunk_rows(keyed->rows); }

static bool has_column(const kh_keyed_rows *keyed, uint32_t column) {
  for (size_t k = 0; k < keyed->column_count; k++)
    if (keyed->columns[k] == column) return true;
  return false;
}

bool kh_keyed_rows_alike(const kh_keyed_rows *a, const kh_keyed_rows *b) {
  bool are_alike = a->column_count == b->column_count;
  for (size_t k = 0; are_alike && k < a->column_count; k++) are_alike = has_column(b, a->columns[k]);
  return are_alike;
}

/* ---- finding */

khonsu_status kh_key_matches_reserve(kh_key_matches *matches, int64_t more, khonsu_error *error) {
  if (matches->capacity - matches->count >= more) return KHONSU_OK;
  int64_t capacity = 2 * matches->capacity > ROWS_AT_FIRST ? 2 * matches->capacity : ROWS_AT_FIRST;
  if (capacity < matches->count + more) capacity = matches->count + more;
  int64_t *rows = kh_realloc_array(matches->rows, (size_t)capacity, sizeof *rows);
  if (rows != NULL) matches->rows = rows;
  int64_t *by = rows == NULL ? NULL : kh_realloc_array(matches->by, (size_t)capacity, sizeof *by);
  if (by == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for rows that have the same keys");
  matches->by = by;
  matches->capacity = capacity;
  return KHONSU_OK;
}

/* Those that the filter lets through; the filter of plain keys knows nothing of hashes. */
static int64_t filter_block(const kh_keyed_rows *keyed, const uint64_t *hashes, int64_t length, uint16_t *places) {
  int64_t count = 0;
  for (int64_t i = 0; i < length; i++) {
    places[count] = (uint16_t)i;
    count += keyed->plain != NULL || kh_key_filter_has(&keyed->table, hashes[i]);
  }
  return count;
}

static khonsu_status find_in_block(const seeker *seek, int64_t from, int64_t length, kh_key_matches *matches,
                                   khonsu_error *error) {
  const kh_keyed_rows *keyed = seek->keyed;
  uint64_t hashes[BLOCK];
  uint16_t places[BLOCK];
  hash_block(seek, from, length, hashes);
  int64_t count = filter_block(keyed, hashes, length, places);
  khonsu_status status = kh_key_matches_reserve(matches, count, error);
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++) {
    uint32_t slot = *slot_of(seek, from + places[i], hashes[places[i]]);
    if (slot == 0) continue;
    matches->rows[matches->count] = from + places[i];
    matches->by[matches->count++] = (int64_t)(slot & keyed->table.row_mask) - 1;
  }
  return status;
}

khonsu_status kh_keyed_rows_find(const kh_keyed_rows *keyed, const kh_chunk *chunk, const uint32_t *columns,
                                 kh_key_matches *matches, khonsu_error *error) {
  int64_t rows = chunk->nodes[0].length;
  matches->count = 0;
  if (kh_chunk_rows(keyed->rows) == 0) return KHONSU_OK;
  const uint64_t *plain = keyed->plain != NULL ? kh_plain_keys(chunk, columns[0]) : NULL;
  if (plain != NULL) return kh_plain_keys_find(keyed, plain, rows, matches, error);
  seeker seek = seeker_of(keyed, chunk, columns);
  khonsu_status status = KHONSU_OK;
  for (int64_t from = 0; from < rows && status == KHONSU_OK; from += BLOCK)
    status = find_in_block(&seek, from, rows - from < BLOCK ? rows - from : BLOCK, matches, error);
  return status;
}

void kh_key_matches_fini(kh_key_matches *matches) {
  kh_free(matches->rows);
  kh_free(matches->by);
}
