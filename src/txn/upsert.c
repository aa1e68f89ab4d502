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
  kh_buffer_fini(&upsert->whole.bytes);
  kh_free(upsert);
}

/* A group that was undone may have left what was made for it. */
khonsu_status kh_upsert_apply(kh_upsert *upsert, kh_table *base, bool for_storage, kh_table **result, uint64_t *bytes,
                              khonsu_error *error) {
  kh_upsert_counts counts;
  kh_table *made;
  kh_buffer_fini(&upsert->whole.bytes);
  upsert->whole = (kh_encoded_table){0};
  khonsu_status status = kh_table_upsert(base, upsert->rows, &made, &counts, error);
  if (status != KHONSU_OK) return status;
  upsert->replaces = counts.updated != 0;
  if (for_storage && upsert->replaces) status = kh_storage_encode(made, &upsert->whole, error);
  if (status != KHONSU_OK) {
    kh_table_unref(made);
    return status;
  }
  *result = made;
  *bytes = counts.bytes;
  return KHONSU_OK;
}
