/* txn_api: begin, commit, abort, free; the retry loop is in run.c. */
#include "db.h"

khonsu_status khonsu_begin(khonsu_db *db, const khonsu_txn_options *options, khonsu_txn **txn, khonsu_error *error) {
  if (KH_UNLIKELY(db == NULL || txn == NULL))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db and txn must not be NULL");
  khonsu_txn_options resolved;
  khonsu_status status = kh_txn_options_resolve(options, db->partition.options.isolation, &resolved, error);
  if (status != KHONSU_OK) return status;
  khonsu_txn *begun = kh_txn_pool_take(&db->pool);
  if (begun == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a transaction");
  begun->pool = &db->pool;
  kh_txn_begin(begun, resolved.isolation, resolved.on_conflict, resolved.read_only);
  *txn = begun;
  return KHONSU_OK;
}

void kh_commit_info_fill(khonsu_commit_info *info, khonsu_version version, uint64_t attempts) {
  if (info == NULL) return;
  uint32_t size = info->struct_size;
  khonsu_commit_info filled = {size, version, attempts};
  memcpy(info, &filled, size < sizeof filled ? size : sizeof filled);
}

static khonsu_status check_handle(const khonsu_txn *txn, khonsu_error *error) {
  if (KH_UNLIKELY(txn == NULL || txn->magic != KH_TXN_MAGIC))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "txn is %s",
                            txn == NULL ? "NULL" : "not a transaction handle");
  return kh_txn_check_active(txn, error);
}

khonsu_status khonsu_commit(khonsu_txn *txn, khonsu_commit_info *info, khonsu_error *error) {
  khonsu_status status = check_handle(txn, error);
  if (status != KHONSU_OK) return status;
  status = kh_txn_commit(txn, error);
  if (status == KHONSU_OK) kh_commit_info_fill(info, txn->request.version, 1);
  return status;
}

khonsu_status khonsu_abort(khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = check_handle(txn, error);
  if (status == KHONSU_OK) kh_txn_abort(txn);
  return status;
}

void khonsu_txn_free(khonsu_txn **txn) {
  if (txn == NULL || *txn == NULL) return;
  khonsu_txn *freed = *txn;
  KH_ASSERT(freed->magic == KH_TXN_MAGIC && freed->state != KH_TXN_IDLE);
  if (freed->state == KH_TXN_ACTIVE) kh_txn_abort(freed);
  freed->state = KH_TXN_IDLE;
  kh_txn_pool_give(freed->pool, freed);
  *txn = NULL;
}

uint64_t khonsu_txn_id(const khonsu_txn *txn) { return txn == NULL ? 0 : txn->id; }

khonsu_version khonsu_txn_snapshot(const khonsu_txn *txn) { return txn == NULL ? 0 : txn->snapshot; }
