/* keyed_writes: rows of a table replaced, added and deleted by key. */
#include "input.h"

typedef struct upsert_call {
  khonsu_txn *txn;
  khonsu_slice key;
  const char *const *columns;
  size_t column_count;
  uint64_t *inserted, *updated;
} upsert_call;

/* The input is consumed in all cases; what is wrong with the columns is said after what is wrong with it. */
static khonsu_status upsert(const upsert_call *call, khonsu_status status, kh_table *rows, khonsu_error *error) {
  kh_upsert_counts counts;
  if (status != KHONSU_OK) return status;
  status = kh_columns_check(call->columns, call->column_count, error);
  const char *const none[1] = {NULL};
  kh_key_names names = {call->columns != NULL ? call->columns : none, call->column_count};
  if (status == KHONSU_OK) status = kh_txn_upsert(call->txn, call->key, rows, &names, &counts, error);
  kh_table_unref(rows);
  if (status != KHONSU_OK) return status;
  if (call->inserted != NULL) *call->inserted = counts.inserted;
  if (call->updated != NULL) *call->updated = counts.updated;
  return KHONSU_OK;
}

khonsu_status khonsu_upsert(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *rows,
                            const char *const *columns, size_t column_count, uint64_t *inserted, uint64_t *updated,
                            khonsu_error *error) {
  upsert_call call = {txn, key, columns, column_count, inserted, updated};
  kh_table *table = NULL;
  khonsu_status status = kh_input_stream(txn, key, rows, &table, error);
  return upsert(&call, status, table, error);
}

khonsu_status khonsu_upsert_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                  struct ArrowArray *batch, const char *const *columns, size_t column_count,
                                  uint64_t *inserted, uint64_t *updated, khonsu_error *error) {
  upsert_call call = {txn, key, columns, column_count, inserted, updated};
  kh_table *table = NULL;
  khonsu_status status = kh_input_batch(txn, key, schema, batch, &table, error);
  return upsert(&call, status, table, error);
}

khonsu_status khonsu_upsert_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, const char *const *columns, size_t column_count,
                                      uint64_t *inserted, uint64_t *updated, khonsu_error *error) {
  upsert_call call = {txn, key, columns, column_count, inserted, updated};
  kh_table *table = NULL;
  khonsu_status status = kh_input_batch_ref(txn, key, schema, batch, &table, error);
  return upsert(&call, status, table, error);
}

/* ---- deletion */

static khonsu_status delete_rows(khonsu_txn *txn, khonsu_slice key, khonsu_status status, kh_table *keys,
                                 uint64_t *deleted, khonsu_error *error) {
  uint64_t count;
  if (status != KHONSU_OK) return status;
  status = kh_txn_delete_rows(txn, key, keys, &count, error);
  kh_table_unref(keys);
  if (status == KHONSU_OK && deleted != NULL) *deleted = count;
  return status;
}

khonsu_status khonsu_delete_rows(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *keys, uint64_t *deleted,
                                 khonsu_error *error) {
  kh_table *table = NULL;
  khonsu_status status = kh_input_stream(txn, key, keys, &table, error);
  return delete_rows(txn, key, status, table, deleted, error);
}

khonsu_status khonsu_delete_rows_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                       struct ArrowArray *keys, uint64_t *deleted, khonsu_error *error) {
  kh_table *table = NULL;
  khonsu_status status = kh_input_batch(txn, key, schema, keys, &table, error);
  return delete_rows(txn, key, status, table, deleted, error);
}

khonsu_status khonsu_delete_rows_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                           const struct ArrowArray *keys, uint64_t *deleted, khonsu_error *error) {
  kh_table *table = NULL;
  khonsu_status status = kh_input_batch_ref(txn, key, schema, keys, &table, error);
  return delete_rows(txn, key, status, table, deleted, error);
}

/* ---- rules */

khonsu_status khonsu_set_schema_rules(khonsu_txn *txn, khonsu_slice key, khonsu_schema_rules rules,
                                      khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status != KHONSU_OK) return status;
  if (((unsigned)rules & ~(unsigned)(KHONSU_SCHEMA_ADD | KHONSU_SCHEMA_WIDEN)) != 0)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                            "schema rules %d: they must be KHONSU_SCHEMA_STRICT, or _ADD and _WIDEN, or-ed",
                            (int)rules);
  return kh_txn_set_schema_rules(txn, key, (uint32_t)rules, error);
}
