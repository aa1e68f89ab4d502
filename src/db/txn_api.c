/* txn_api: begin, commit, abort, free; the retry loop is in run.c. */
#include "db.h"

static khonsu_status check_snapshot(const khonsu_db *db, const khonsu_txn_options *options, khonsu_error *error) {
  if (options->snapshot->owner != &db->moments)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the snapshot is another database's");
  if (options->isolation != KHONSU_READ_COMMITTED) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "at read committed each read is of its own moment: it cannot begin at a snapshot");
}

static khonsu_status check_past(const khonsu_txn_options *options, khonsu_error *error) {
  if (options->snapshot != NULL || (options->as_of != 0 && options->as_of_ms != 0))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "snapshot, as_of and as_of_ms: only one can be chosen");
  if (options->isolation != KHONSU_READ_COMMITTED) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "at read committed each read is of its own moment: it cannot be as of another");
}

khonsu_status khonsu_begin(khonsu_db *db, const khonsu_txn_options *options, khonsu_txn **txn, khonsu_error *error) {
  if (KH_UNLIKELY(db == NULL || txn == NULL))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db and txn must not be NULL");
  khonsu_txn_options resolved;
  khonsu_status status = kh_txn_options_resolve(options, &db->partition.options, &resolved, error);
  if (status == KHONSU_OK && resolved.snapshot != NULL) status = check_snapshot(db, &resolved, error);
  if (status == KHONSU_OK && (resolved.as_of != 0 || resolved.as_of_ms != 0)) status = check_past(&resolved, error);
  if (status != KHONSU_OK) return status;
  khonsu_txn *begun = kh_txn_pool_take(&db->pool);
  if (begun == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a transaction");
  begun->pool = &db->pool;
  status = kh_txn_begin(begun, &resolved, error);
  if (KH_LIKELY(status == KHONSU_OK)) {
    *txn = begun;
    return KHONSU_OK;
  }
  kh_txn_pool_give(&db->pool, begun);
  return status;
}

static bool has_list(const khonsu_commit_info *info) {
  return info->struct_size >= offsetof(khonsu_commit_info, private_data) + sizeof info->private_data;
}

/* Callers with an older header have a shorter struct. */
static void fill(khonsu_commit_info *info, khonsu_commit_info filled) {
  uint32_t size = info->struct_size;
  filled.struct_size = size;
  memcpy(info, &filled, size < sizeof filled ? size : sizeof filled);
}

void khonsu_commit_info_clear(khonsu_commit_info *info) {
  if (info == NULL) return;
  if (has_list(info)) kh_free(info->private_data);
  fill(info, (khonsu_commit_info)KHONSU_COMMIT_INFO_INIT);
}

void kh_commit_info_set_attempts(khonsu_commit_info *info, uint64_t attempts) {
  if (info->struct_size >= offsetof(khonsu_commit_info, attempts) + sizeof info->attempts) info->attempts = attempts;
}

/* The list of dropped writes goes to who has room for it. */
static void report(khonsu_commit_info *info, khonsu_txn *txn) {
  khonsu_commit_info_clear(info);
  khonsu_commit_info filled = {
      .version = txn->request.version, .attempts = 1, .repeated = txn->outcome == KHONSU_OUTCOME_COMMITTED};
  if (has_list(info)) {
    filled.private_data = txn->dropped;
    filled.dropped = txn->dropped;
    filled.dropped_count = txn->dropped_count;
    txn->dropped = NULL;
  }
  fill(info, filled);
}

khonsu_status kh_txn_check_handle(const khonsu_txn *txn, khonsu_error *error) {
  if (KH_UNLIKELY(txn == NULL || txn->magic != KH_TXN_MAGIC))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "txn is %s",
                            txn == NULL ? "NULL" : "not a transaction handle");
  return kh_txn_check_active(txn, error);
}

khonsu_status khonsu_commit(khonsu_txn *txn, khonsu_commit_info *info, khonsu_error *error) {
  khonsu_status status = kh_txn_check_handle(txn, error);
  if (status != KHONSU_OK) return status;
  status = kh_txn_commit(txn, error);
  if (status == KHONSU_OK && info != NULL) report(info, txn);
  return status;
}

khonsu_status khonsu_abort(khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = kh_txn_check_handle(txn, error);
  if (status == KHONSU_OK) kh_txn_abort(txn);
  return status;
}

khonsu_status khonsu_set_on_conflict(khonsu_txn *txn, khonsu_on_conflict on_conflict, khonsu_error *error) {
  khonsu_status status = kh_txn_check_handle(txn, error);
  if (status == KHONSU_OK) status = kh_on_conflict_check(on_conflict, error);
  if (status == KHONSU_OK) kh_txn_set_on_conflict(txn, on_conflict);
  return status;
}

khonsu_status khonsu_set_key_columns(khonsu_txn *txn, const char *const *columns, size_t column_count,
                                     khonsu_error *error) {
  khonsu_status status = kh_txn_check_handle(txn, error);
  if (status == KHONSU_OK) status = kh_columns_check(columns, column_count, error);
  if (status != KHONSU_OK) return status;
  for (size_t i = 0; i < column_count; i++)
    if (columns[i] == NULL)
      return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the name of key column %zu is NULL", i);
  return kh_txn_set_key_names(txn, &(kh_key_names){columns, column_count}, error);
}

void khonsu_token_new(khonsu_token *token) {
  token->issued_ms = kh_os_wall_us() / 1000;
  kh_os_random(token->id, sizeof token->id);
}

/* An empty transaction that goes through the seat for its token. */
khonsu_status khonsu_commit_status(khonsu_db *db, const khonsu_token *token, bool fence, khonsu_outcome *outcome,
                                   khonsu_version *version, khonsu_error *error) {
  if (db == NULL || token == NULL || outcome == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db, token and outcome must not be NULL");
  if (fence && db->partition.options.read_only)
    return khonsu_error_set(error, KHONSU_READ_ONLY, "the database was opened read-only: a token cannot be fenced");
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = KHONSU_READ_COMMITTED;
  options.token = token;
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(db, &options, &txn, error);
  if (status != KHONSU_OK) return status;
  txn->asks = true;
  txn->fences = fence;
  status = kh_txn_commit(txn, error);
  if (status == KHONSU_OK) {
    bool was_seen = txn->outcome != KHONSU_OUTCOME_UNSEEN;
    *outcome = !was_seen && fence ? KHONSU_OUTCOME_ABORTED : txn->outcome;
    if (version != NULL && *outcome == KHONSU_OUTCOME_COMMITTED) *version = txn->request.version;
  }
  khonsu_txn_free(&txn);
  return status;
}

void khonsu_txn_free(khonsu_txn **txn) {
  if (txn == NULL || *txn == NULL) return;
  khonsu_txn *freed = *txn;
  KH_ASSERT(freed->magic == KH_TXN_MAGIC && freed->state != KH_TXN_IDLE);
  if (freed->state == KH_TXN_ACTIVE) kh_txn_abort(freed);
  kh_scan_detach_all(freed);
  freed->state = KH_TXN_IDLE;
  kh_txn_pool_give(freed->pool, freed);
  *txn = NULL;
}

uint64_t khonsu_txn_id(const khonsu_txn *txn) { return txn == NULL ? 0 : txn->id; }

khonsu_version khonsu_txn_snapshot(const khonsu_txn *txn) { return txn == NULL ? 0 : txn->snapshot; }
