#include "upsert.h"

khonsu_status kh_upsert_new(kh_table *rows, const kh_key_names *names, uint64_t seed, kh_upsert **upsert,
                            khonsu_error *error) {
  kh_upsert *made = kh_alloc_zero(sizeof *made);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for an upsert");
  khonsu_status status = kh_keyed_rows_new(rows, names->all, names->count, seed, true, &made->rows, error);
  if (status == KHONSU_OK) *upsert = made;
  else kh_upsert_free(made);
  return status;
}

void kh_upsert_free(kh_upsert *upsert) {
  if (upsert == NULL) return;
  kh_keyed_rows_free(upsert->rows);
  kh_ipc_encoded_fini(&upsert->whole);
  kh_free(upsert);
}

static khonsu_status unite(kh_upsert *upsert, kh_table **rows, khonsu_error *error) {
  kh_keyed_rows *united;
  kh_table *table;
  khonsu_status status = kh_keyed_rows_unite(*rows, upsert->rows, &table, &united, error);
  if (status != KHONSU_OK) return status;
  kh_keyed_rows_free(upsert->rows);
  upsert->rows = united;
  upsert->behind = 0;
  kh_table_unref(*rows);
  *rows = table;
  return KHONSU_OK;
}

khonsu_status kh_upsert_follow(kh_upsert *upsert, kh_table **joined, uint64_t added, khonsu_error *error) {
  if (upsert->behind + added > kh_keyed_rows_count(upsert->rows)) return unite(upsert, joined, error);
  upsert->behind += added;
  return KHONSU_OK;
}

khonsu_status kh_upsert_unite(kh_upsert *upsert, kh_table **rows, khonsu_error *error) {
  return upsert->behind == 0 ? KHONSU_OK : unite(upsert, rows, error);
}

khonsu_status kh_rows_join(kh_table *base, kh_table *rows, const kh_keyed_rows *keyed, kh_table **joined,
                           khonsu_error *error) {
  kh_upsert_counts counts;
  if (keyed != NULL) return kh_table_upsert(base, keyed, joined, &counts, error);
  khonsu_status status = kh_table_match(base, rows, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_append(base, rows, joined, error);
  if (status != KHONSU_OK) return status;
  *joined = kh_table_coalesced(*joined);
  return KHONSU_OK;
}

/* A group that was undone may have left what was made for it. */
khonsu_status kh_upsert_apply(kh_upsert *upsert, kh_table *base, bool for_storage, kh_table **result, uint64_t *bytes,
                              khonsu_error *error) {
  kh_upsert_counts counts;
  kh_table *made;
  kh_ipc_encoded_fini(&upsert->whole);
  khonsu_status status = kh_table_upsert(base, upsert->rows, &made, &counts, error);
  if (status != KHONSU_OK) return status;
  upsert->replaces = counts.updated != 0;
  if (for_storage && upsert->replaces) status = kh_ipc_encode(made, &upsert->whole, error);
  if (status != KHONSU_OK) {
    kh_table_unref(made);
    return status;
  }
  *result = made;
  *bytes = counts.bytes;
  return KHONSU_OK;
}
