/* scan_api: scans, as the API shows them. */
#include "db.h"

static khonsu_status check_bound(const khonsu_txn *txn, const char *name, khonsu_slice bound, khonsu_error *error) {
  if (bound.size != 0 && bound.data == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "range.%s.data is NULL but its size is %zu", name,
                            bound.size);
  uint64_t limit = txn->partition->options.key_size_max;
  if (bound.size <= limit) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_KEY_TOO_LARGE, "range.%s has %zu bytes: more than key_size_max = %llu", name,
                          bound.size, (unsigned long long)limit);
}

static khonsu_status check_range(const khonsu_txn *txn, const khonsu_range *range, khonsu_error *error) {
  if (range == NULL) return KHONSU_OK;
  khonsu_status status = check_bound(txn, "prefix", range->prefix, error);
  if (status == KHONSU_OK) status = check_bound(txn, "first", range->first, error);
  return status != KHONSU_OK ? status : check_bound(txn, "end", range->end, error);
}

khonsu_status khonsu_scan_open(khonsu_txn *txn, const khonsu_range *range, const khonsu_scan_options *options,
                               khonsu_scan **scan, khonsu_error *error) {
  khonsu_status status = kh_txn_check_handle(txn, error);
  if (status != KHONSU_OK) return status;
  if (scan == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "scan must not be NULL");
  khonsu_scan_options resolved;
  status = kh_scan_options_resolve(options, &resolved, error);
  if (status == KHONSU_OK) status = check_range(txn, range, error);
  return status != KHONSU_OK ? status : kh_scan_open(txn, range, &resolved, scan, error);
}

/* Of a scan that can go on. */
static khonsu_status check_scan(const khonsu_scan *scan, const void *out, khonsu_error *error) {
  if (scan == NULL || out == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "scan and output must not be NULL");
  if (scan->txn == NULL) return khonsu_error_set(error, KHONSU_BAD_STATE, "the transaction of the scan has been freed");
  return kh_txn_check_active(scan->txn, error);
}

khonsu_status khonsu_scan_next(khonsu_scan *scan, khonsu_entry *entry, khonsu_error *error) {
  khonsu_status status = check_scan(scan, entry, error);
  return status != KHONSU_OK ? status : kh_scan_next(scan, entry, error);
}

khonsu_status khonsu_scan_get(khonsu_scan *scan, struct ArrowArrayStream *table, khonsu_error *error) {
  khonsu_status status = check_scan(scan, table, error);
  if (status != KHONSU_OK) return status;
  if (scan->table == NULL)
    return khonsu_error_set(error, KHONSU_WRONG_TYPE, "the scan does not stand at a table that it has read");
  status = kh_table_export_stream(scan->table, table);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory to lend out a table");
}

void khonsu_scan_free(khonsu_scan **scan) {
  if (scan == NULL || *scan == NULL) return;
  kh_scan_free(*scan);
  *scan = NULL;
}
