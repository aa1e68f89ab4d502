#include "keyed_rows.h"

#include "hash.h"

enum { BLOCK = 1024, SLOTS_PER_ROW = 4, FILTER_BITS_PER_ROW = 16, ROWS_AT_FIRST = 256 };
static const uint64_t rows_most = UINT64_C(1) << 30;

/* ---- whether two rows have the same key */

/* The column's values, if it is 8-byte integers without nulls: what most keys are. */
static const uint64_t *plain_values(const kh_chunk *chunk, uint32_t column) {
  const kh_field *field = &chunk->schema->fields[column];
  const struct ArrowArray *node = &chunk->nodes[column];
  bool is_plain = kh_field_kind(field) == KH_KIND_INT && field->storage == NANOARROW_TYPE_INT64;
  bool is_aligned = (uintptr_t)node->buffers[1] % sizeof(uint64_t) == 0;
  return is_plain && is_aligned && node->null_count == 0 ? (const uint64_t *)node->buffers[1] + node->offset : NULL;
}

/* A chunk whose rows are looked for. */
typedef struct seeker {
  const kh_keyed_rows *keyed;
  kh_row_key key, of_input;
  const uint64_t *plain; /* as the input's; NULL also where that has none */
} seeker;

static seeker seeker_of(const kh_keyed_rows *keyed, const kh_chunk *chunk, const uint32_t *columns) {
  seeker seek = {
      keyed, {chunk, columns, keyed->column_count}, {keyed->rows, keyed->columns, keyed->column_count}, NULL};
  if (keyed->plain != NULL) seek.plain = plain_values(chunk, columns[0]);
  return seek;
}

static inline bool has_key_of(const seeker *seek, int64_t row, int64_t input_row) {
  if (seek->plain != NULL) return seek->plain[row] == seek->keyed->plain[input_row];
  return kh_rows_equal(&seek->key, row, &seek->of_input, input_row);
}

/* The slot with the row's key, or the free one where it would be. */
static inline uint32_t *slot_of(const seeker *seek, int64_t row, uint64_t hash) {
  const kh_keyed_rows *keyed = seek->keyed;
  uint32_t tag = (uint32_t)(hash >> 32) & ~keyed->row_mask;
  for (uint64_t at = hash & keyed->slot_mask;; at = (at + 1) & keyed->slot_mask) {
    uint32_t slot = keyed->slots[at];
    bool may_be = (slot & ~keyed->row_mask) == tag;
    if (slot == 0 || (may_be && has_key_of(seek, row, (int64_t)(slot & keyed->row_mask) - 1))) return &keyed->slots[at];
  }
}

/* ---- making it */

static khonsu_status same_key(int64_t row, int64_t other, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "rows %lld and %lld of the input have the same key",
                          (long long)row, (long long)other);
}

static khonsu_status insert_block(kh_keyed_rows *keyed, const seeker *seek, int64_t from, int64_t length, bool unique,
                                  khonsu_error *error) {
  uint64_t hashes[BLOCK];
  kh_chunk_hash_range(keyed->rows, keyed->columns, keyed->column_count, keyed->seed, from, length, hashes);
  for (int64_t i = 0; i < length; i++) {
    uint32_t *slot = slot_of(seek, from + i, hashes[i]);
    if (*slot != 0 && unique) return same_key((int64_t)(*slot & keyed->row_mask) - 1, from + i, error);
    if (*slot != 0) continue;
    *slot = ((uint32_t)(hashes[i] >> 32) & ~keyed->row_mask) | (uint32_t)(from + i + 1);
    uint64_t bit = hashes[i] >> 32 & keyed->filter_mask;
    keyed->filter[bit / 64] |= UINT64_C(1) << bit % 64;
  }
  return KHONSU_OK;
}

static khonsu_status fill(kh_keyed_rows *keyed, bool unique, khonsu_error *error) {
  uint64_t rows = kh_chunk_rows(keyed->rows), slots = 4;
  while (slots < SLOTS_PER_ROW * rows) slots *= 2;
  uint64_t bits = slots * FILTER_BITS_PER_ROW / SLOTS_PER_ROW < 64 ? 64 : slots * FILTER_BITS_PER_ROW / SLOTS_PER_ROW;
  keyed->slots = kh_alloc_zero_array(slots, sizeof *keyed->slots);
  keyed->filter = kh_alloc_zero_array(bits / 64, sizeof *keyed->filter);
  if (keyed->slots == NULL || keyed->filter == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a hash table of %llu rows",
                            (unsigned long long)rows);
  keyed->slot_mask = slots - 1;
  keyed->filter_mask = bits - 1;
  keyed->row_mask = (uint32_t)(slots / 2 - 1); /* a number plus one is below half of that */
  keyed->plain = keyed->column_count == 1 ? plain_values(keyed->rows, keyed->columns[0]) : NULL;
  seeker seek = seeker_of(keyed, keyed->rows, keyed->columns);
  khonsu_status status = KHONSU_OK;
  for (int64_t from = 0, count = (int64_t)rows; from < count && status == KHONSU_OK; from += BLOCK)
    status = insert_block(keyed, &seek, from, count - from < BLOCK ? count - from : BLOCK, unique, error);
  return status;
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
  made->seed = seed;
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
  kh_free(keyed->slots);
  kh_free(keyed->filter);
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

static khonsu_status reserve(kh_key_matches *matches, int64_t more, khonsu_error *error) {
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

/* Those that the filter lets through. */
static int64_t filter_block(const kh_keyed_rows *keyed, const uint64_t *hashes, int64_t length, uint16_t *places) {
  int64_t count = 0;
  for (int64_t i = 0; i < length; i++) {
    uint64_t bit = hashes[i] >> 32 & keyed->filter_mask;
    places[count] = (uint16_t)i;
    count += (int64_t)(keyed->filter[bit / 64] >> bit % 64 & 1);
  }
  return count;
}

static khonsu_status find_in_block(const seeker *seek, int64_t from, int64_t length, kh_key_matches *matches,
                                   khonsu_error *error) {
  const kh_keyed_rows *keyed = seek->keyed;
  uint64_t hashes[BLOCK];
  uint16_t places[BLOCK];
  kh_chunk_hash_range(seek->key.chunk, seek->key.columns, seek->key.count, keyed->seed, from, length, hashes);
  int64_t count = filter_block(keyed, hashes, length, places);
  khonsu_status status = reserve(matches, count, error);
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++) {
    uint32_t slot = *slot_of(seek, from + places[i], hashes[places[i]]);
    if (slot == 0) continue;
    matches->rows[matches->count] = from + places[i];
    matches->by[matches->count++] = (int64_t)(slot & keyed->row_mask) - 1;
  }
  return status;
}

khonsu_status kh_keyed_rows_find(const kh_keyed_rows *keyed, const kh_chunk *chunk, const uint32_t *columns,
                                 kh_key_matches *matches, khonsu_error *error) {
  seeker seek = seeker_of(keyed, chunk, columns);
  int64_t rows = chunk->nodes[0].length;
  khonsu_status status = KHONSU_OK;
  matches->count = 0;
  if (kh_chunk_rows(keyed->rows) == 0) return KHONSU_OK;
  for (int64_t from = 0; from < rows && status == KHONSU_OK; from += BLOCK)
    status = find_in_block(&seek, from, rows - from < BLOCK ? rows - from : BLOCK, matches, error);
  return status;
}

void kh_key_matches_fini(kh_key_matches *matches) {
  kh_free(matches->rows);
  kh_free(matches->by);
}
