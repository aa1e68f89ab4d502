/* keyed_write: a table read, changed by key, and written: the key is observed by that, unless the table is an own put. */
#include "transaction.h"

/* The table at the key: a reference, or NULL if nothing is there. */
static khonsu_status look_at_table(khonsu_txn *txn, khonsu_slice key, const char *verb, kh_table **table,
                                   khonsu_error *error) {
  kh_look look;
  *table = NULL;
  khonsu_status status = kh_txn_look(txn, key, &look, error);
  if (status != KHONSU_OK) return status;
  kh_version_kind kind = look.kind;
  if (kind == KH_TABLE) *table = kh_table_ref(look.table); /* the rest may take long: not inside the epoch */
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK && kind != KH_TABLE && kind != KH_TOMBSTONE)
    status = khonsu_error_set(error, KHONSU_WRONG_TYPE, "cannot %s rows: the key holds %s", verb, kh_kind_name(kind));
  if (status == KHONSU_OK) return KHONSU_OK;
  kh_table_unref(*table);
  return status;
}

static khonsu_status put_table(khonsu_txn *txn, khonsu_slice key, kh_table *table, khonsu_error *error) {
  kh_version *version = kh_version_new_table(&txn->cache, key, table);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  return kh_txn_put(txn, version, kh_table_bytes(table, 0), error);
}

static khonsu_status upsert_into(kh_table *base, kh_table *rows, const kh_keyed_rows *keyed, kh_table **result,
                                 kh_upsert_counts *counts, khonsu_error *error) {
  if (base != NULL) return kh_table_upsert(base, keyed, result, counts, error);
  *counts = (kh_upsert_counts){kh_table_rows(rows), 0, kh_table_bytes(rows, 0)};
  *result = kh_table_ref(rows);
  return KHONSU_OK;
}

khonsu_status kh_txn_upsert(khonsu_txn *txn, khonsu_slice key, kh_table *rows, const kh_key_names *names,
                            kh_upsert_counts *counts, khonsu_error *error) {
  kh_table *base = NULL, *result = NULL;
  kh_keyed_rows *keyed;
  khonsu_status status =
      kh_keyed_rows_new(rows, names->all, names->count, txn->partition->store.hash_seed, true, &keyed, error);
  if (status != KHONSU_OK) return status;
  status = look_at_table(txn, key, "upsert", &base, error);
  if (status == KHONSU_OK) status = upsert_into(base, rows, keyed, &result, counts, error);
  bool changes = base == NULL || kh_table_rows(rows) != 0;
  if (status == KHONSU_OK && changes) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  kh_table_unref(base);
  kh_keyed_rows_free(keyed);
  return status;
}

khonsu_status kh_txn_delete_rows(khonsu_txn *txn, khonsu_slice key, kh_table *keys, uint64_t *deleted,
                                 khonsu_error *error) {
  kh_table *base = NULL, *result = NULL;
  kh_keyed_rows *keyed;
  *deleted = 0;
  khonsu_status status = kh_keyed_rows_new(keys, NULL, 0, txn->partition->store.hash_seed, false, &keyed, error);
  if (status != KHONSU_OK) return status;
  status = look_at_table(txn, key, "delete", &base, error);
  if (status == KHONSU_OK && base != NULL) status = kh_table_delete_rows(base, keyed, &result, deleted, error);
  if (status == KHONSU_OK && *deleted != 0) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  kh_table_unref(base);
  kh_keyed_rows_free(keyed);
  return status;
}

static khonsu_status append_to(kh_table *base, kh_table *rows, kh_table **result, khonsu_error *error) {
  khonsu_status status = kh_table_match(base, rows, error);
  if (status == KHONSU_OK && kh_table_append(base, rows, result) != KHONSU_OK)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to append rows");
  return status;
}

khonsu_status kh_txn_append_read(khonsu_txn *txn, khonsu_slice key, kh_table *rows, const kh_upsert *upsert,
                                 khonsu_error *error) {
  kh_table *base = NULL, *result = NULL;
  kh_upsert_counts counts;
  khonsu_status status = look_at_table(txn, key, "append", &base, error);
  if (status != KHONSU_OK) return status;
  KH_ASSERT(base != NULL); /* own rows are there */
  status = upsert != NULL ? kh_table_upsert(base, upsert->rows, &result, &counts, error)
                          : append_to(base, rows, &result, error);
  if (status == KHONSU_OK) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  kh_table_unref(base);
  return status;
}
