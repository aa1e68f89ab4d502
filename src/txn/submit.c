/* submit: the way of a transaction to the seat and back: what can be done before, and the words for the verdict. */
#include "report.h"
#include "scan.h"
#include "transaction.h"

/* Has the newest versions of all keys brought near, so that the seat does not wait for one after the other. */
static void bring_near(khonsu_txn *txn) {
  const kh_store *store = &txn->partition->store;
  const kh_access_set *set = &txn->accesses;
  kh_epoch_enter(txn->participant);
  for (uint32_t i = 0; i < set->count; i++) kh_store_prefetch(store, set->entries[i].hash);
  for (uint32_t i = 0; i < set->count; i++) kh_store_prefetch_version(store, set->entries[i].hash);
  kh_epoch_exit(txn->participant);
}

/* Over a storage: whether there is anything to delete. */
static khonsu_status prepare_deletion(khonsu_txn *txn, kh_access *access, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  const kh_storage *storage = &partition->storage;
  khonsu_version now = kh_store_visible(&partition->store);
  kh_stored_value value;
  kh_epoch_enter(txn->participant);
  bool is_known = kh_store_find(&partition->store, access->key, access->hash) != NULL;
  kh_epoch_exit(txn->participant);
  access->was_absent = false;
  if (is_known) return KHONSU_OK;
  khonsu_status status = storage->ops->get(storage->ctx, access->key, now, &partition->arrow_limits, &value, error);
  access->was_absent = status == KHONSU_NOT_FOUND;
  if (status == KHONSU_OK) kh_stored_value_release(&value);
  return access->was_absent ? KHONSU_OK : status;
}

static khonsu_status prepare_write(khonsu_txn *txn, kh_access *access, khonsu_error *error) {
  kh_version *version = access->staged;
  txn->request.bytes += kh_version_memory(version);
  if (version->kind == KH_TOMBSTONE && txn->partition->storage.ops != NULL) return prepare_deletion(txn, access, error);
  if (version->kind != KH_TABLE) return KHONSU_OK;
  if (access->accrues && access->upsert != NULL) {
    khonsu_status status = kh_upsert_unite(access->upsert, &access->rows, error);
    if (status != KHONSU_OK) return status;
  }
  kh_accrued *value = kh_version_accrued(version);
  kh_table *rows = access->accrues ? access->rows : value->table;
  value->charge = kh_table_bytes_in_memory(rows);
  txn->request.bytes += value->charge;
  return txn->partition->storage.ops == NULL ? KHONSU_OK : kh_ipc_encode(rows, &access->encoded, error);
}

static void renew_request(khonsu_txn *txn, khonsu_status (*task)(kh_partition *), khonsu_error *error) {
  kh_request *request = &txn->request;
  atomic_store(&request->state, KH_QUEUED);
  request->durability = txn->durability;
  request->member = NULL;
  request->txn = txn;
  request->task = task;
  request->bytes = 0;
  request->status = KHONSU_OK;
  request->lost_to = 0;
  request->error = error;
}

/* Does outside the seat what can be done there: brings memory near, encodes for the storage, looks at wide ranges. */
static khonsu_status prepare(khonsu_txn *txn, khonsu_error *error) {
  renew_request(txn, NULL, error);
  bring_near(txn);
  bool may_drop = false;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    kh_access *access = &txn->accesses.entries[i];
    if (access->staged == NULL) continue;
    khonsu_status status = prepare_write(txn, access, error);
    if (status != KHONSU_OK) return status;
    may_drop |= access->on_conflict == KHONSU_ON_CONFLICT_IGNORE;
  }
  if (may_drop && !kh_report_reserve(txn))
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to report dropped writes");
  kh_scan_catch_up_all(txn);
  for (kh_stretch *stretch = txn->stretches; stretch != NULL; stretch = stretch->next)
    kh_stretch_certify_outside(stretch, &txn->partition->store, txn->participant, txn->slot);
  return KHONSU_OK;
}

/* Says what the seat decided, where the seat has not said it itself. */
static void explain(const khonsu_txn *txn, khonsu_status status, khonsu_error *error) {
  if (status == KHONSU_CONFLICT) kh_report_conflicts(txn, error);
  else if (status == KHONSU_SNAPSHOT_EXPIRED && (error == NULL || error->status != status))
    (void)kh_txn_expired(txn, error);
  else if (error != NULL && error->status != status)
    khonsu_error_set(error, status, "%s%s%s", khonsu_status_text(status),
                     kh_partition_stopped(txn->partition) ? ": " : "",
                     kh_partition_stopped(txn->partition) ? txn->partition->stop_reason : "");
}

khonsu_status kh_txn_submit(khonsu_txn *txn, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  if (error != NULL) khonsu_error_clear(error);
  khonsu_status status = prepare(txn, error);
  if (status != KHONSU_OK) return status;
  partition->sequencer->submit(partition->sequencer_ctx, &txn->request);
  status = txn->request.status;
  if (status == KHONSU_OK) {
    if (error != NULL && error->status != KHONSU_OK) khonsu_error_clear(error); /* of a try that was undone */
    kh_report_dropped(txn);
  } else {
    explain(txn, status, error);
  }
  return status;
}

static khonsu_status order_a_piece(kh_partition *partition) { return kh_store_order(&partition->store); }

khonsu_status kh_txn_order_store(khonsu_txn *txn, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  while (!kh_store_is_ordered(&partition->store)) {
    renew_request(txn, order_a_piece, error);
    partition->sequencer->submit(partition->sequencer_ctx, &txn->request);
    if (txn->request.status != KHONSU_OK)
      return khonsu_error_set(error, txn->request.status, "no memory for the ordered index");
  }
  return KHONSU_OK;
}
