/* table_write: a table read, changed, and written: the key is observed by that, unless the table is an own put. */
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
    status = khonsu_error_set(error, KHONSU_WRONG_TYPE, "cannot %s: the key holds %s", verb, kh_kind_name(kind));
  if (status == KHONSU_OK) return KHONSU_OK;
  kh_table_unref(*table);
  return status;
}

static khonsu_status put_table(khonsu_txn *txn, khonsu_slice key, kh_table *table, khonsu_error *error) {
  kh_version *version = kh_version_new_table(&txn->cache, key, table);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  return kh_txn_put(txn, version, kh_table_bytes_in_memory(table), error);
}

/* Rows that come into a table, which is cast first where its schema has to change for them. */
typedef struct coming {
  kh_table *base, *rows; /* references; base NULL: there is no table */
  kh_keyed_rows *keyed;  /* upserts */
} coming;

static void coming_fini(coming *in) {
  kh_table_unref(in->base);
  kh_table_unref(in->rows);
  kh_keyed_rows_free(in->keyed);
}

static khonsu_status make_keyed(const khonsu_txn *txn, const kh_key_names *names, coming *in, khonsu_error *error) {
  return kh_keyed_rows_new(in->rows, names->all, names->count, txn->partition->store.hash_seed, true, &in->keyed,
                           error);
}

static khonsu_status cast_base(coming *in, kh_schema *to, khonsu_error *error) {
  kh_table *cast;
  khonsu_status status = kh_table_cast(in->base, to, &cast, error);
  if (status != KHONSU_OK) return status;
  kh_table_unref(in->base);
  in->base = cast;
  return KHONSU_OK;
}

static khonsu_status fit(const khonsu_txn *txn, const kh_key_names *names, coming *in, khonsu_error *error) {
  kh_table *fitting;
  kh_schema *grown;
  if (in->base == NULL) return KHONSU_OK;
  khonsu_status status = kh_table_fit(in->base, in->rows, &fitting, &grown, error);
  if (status != KHONSU_OK) return status;
  if (grown != NULL) status = cast_base(in, grown, error);
  kh_schema_unref(grown);
  bool same = fitting == in->rows;
  kh_table_unref(in->rows);
  in->rows = fitting;
  if (same || in->keyed == NULL || status != KHONSU_OK) return status;
  kh_keyed_rows_free(in->keyed);
  in->keyed = NULL;
  return make_keyed(txn, names, in, error);
}

static khonsu_status upsert_into(const coming *in, kh_table **result, kh_upsert_counts *counts, khonsu_error *error) {
  if (in->base != NULL) return kh_table_upsert(in->base, in->keyed, result, counts, error);
  *counts = (kh_upsert_counts){kh_table_rows(in->rows), 0, kh_table_bytes(in->rows)};
  *result = kh_table_ref(in->rows);
  return KHONSU_OK;
}

khonsu_status kh_txn_upsert(khonsu_txn *txn, khonsu_slice key, kh_table *rows, const kh_key_names *names,
                            kh_upsert_counts *counts, khonsu_error *error) {
  coming in = {NULL, kh_table_ref(rows), NULL};
  kh_table *result = NULL;
  bool changes = true;
  khonsu_status status = make_keyed(txn, names, &in, error);
  if (status == KHONSU_OK) status = look_at_table(txn, key, "upsert rows", &in.base, error);
  if (status == KHONSU_OK) {
    changes = in.base == NULL || kh_table_rows(rows) != 0;
    status = fit(txn, names, &in, error);
  }
  if (status == KHONSU_OK) status = upsert_into(&in, &result, counts, error);
  if (status == KHONSU_OK && changes) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  coming_fini(&in);
  return status;
}

khonsu_status kh_txn_delete_rows(khonsu_txn *txn, khonsu_slice key, kh_table *keys, uint64_t *deleted,
                                 khonsu_error *error) {
  kh_table *base = NULL, *result = NULL;
  kh_keyed_rows *keyed;
  *deleted = 0;
  khonsu_status status = kh_keyed_rows_new(keys, NULL, 0, txn->partition->store.hash_seed, false, &keyed, error);
  if (status != KHONSU_OK) return status;
  status = look_at_table(txn, key, "delete rows", &base, error);
  if (status == KHONSU_OK && base != NULL) status = kh_table_delete_rows(base, keyed, &result, deleted, error);
  if (status == KHONSU_OK && *deleted != 0) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  kh_table_unref(base);
  kh_keyed_rows_free(keyed);
  return status;
}

khonsu_status kh_txn_append_read(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  coming in = {NULL, kh_table_ref(rows), NULL};
  kh_table *result = NULL;
  khonsu_status status = KHONSU_OK;
  if (txn->key_names.count != 0) status = make_keyed(txn, &txn->key_names, &in, error);
  if (status == KHONSU_OK) status = look_at_table(txn, key, "append rows", &in.base, error);
  if (status == KHONSU_OK) status = fit(txn, &txn->key_names, &in, error);
  if (status == KHONSU_OK && in.base == NULL) result = kh_table_ref(in.rows); /* it went meanwhile */
  else if (status == KHONSU_OK) status = kh_rows_join(in.base, in.rows, in.keyed, &result, error);
  if (status == KHONSU_OK) status = put_table(txn, key, result, error);
  kh_table_unref(result);
  coming_fini(&in);
  return status;
}

khonsu_status kh_txn_set_schema_rules(khonsu_txn *txn, khonsu_slice key, uint32_t rules, khonsu_error *error) {
  kh_table *table, *changed = NULL;
  khonsu_status status = look_at_table(txn, key, "set schema rules", &table, error);
  if (status == KHONSU_OK && table == NULL)
    status = khonsu_error_set(error, KHONSU_NOT_FOUND, "there is no table at the key to set schema rules of");
  if (status == KHONSU_OK) status = kh_table_with_rules(table, rules, &changed, error);
  if (status == KHONSU_OK) status = put_table(txn, key, changed, error);
  kh_table_unref(changed);
  kh_table_unref(table);
  return status;
}
