/* certify: may this request commit after everything that is linked before it? The isolation level first, then what
 * becomes of blind writes (docs/guarantees.md). Deterministic: the same order in, the same verdicts out. In the seat.
 *
 * "Changed" means: the newest linked version of the key, published or not, is newer than the moment the transaction read
 * it, or for a blind write newer than its snapshot. A key without record has not changed, as far as anyone running could
 * have seen: its last tombstone went only when it was older than the snapshot of everyone who will be certified. */
#include "transaction.h"

static const kh_version *newest_of(kh_partition *partition, const khonsu_txn *txn, kh_access *access) {
  kh_store *store = &partition->store;
  if (access->record == NULL || txn->unlinks != atomic_load_explicit(&store->unlinks, memory_order_relaxed))
    access->record = kh_store_find(store, access->key, access->hash);
  return access->record == NULL ? NULL : atomic_load_explicit(&access->record->head, memory_order_acquire);
}

static void in_conflict(kh_request *request, kh_access *access, khonsu_conflict_kind kind, const kh_version *newest) {
  access->conflict = kind;
  access->winner_version = newest->timestamp;
  access->winner = newest->writer;
  if (newest->timestamp > request->lost_to) request->lost_to = newest->timestamp;
  request->status = KHONSU_CONFLICT;
}

/* A read whose key has changed. Returns true where it matters only if the transaction moves to commit time. */
static bool certify_read(kh_request *request, kh_access *access, const kh_version *newest) {
  if (access->staged != NULL) in_conflict(request, access, KHONSU_CONFLICT_UPDATE, newest);
  else if (request->txn->isolation >= KHONSU_REPEATABLE_READ)
    in_conflict(request, access, KHONSU_CONFLICT_READ, newest);
  else return request->txn->isolation == KHONSU_SNAPSHOT;
  return false;
}

/* A blind write whose key has changed since the snapshot. Returns true where it stands, on the newer version. */
static bool certify_blind_write(kh_request *request, kh_access *access, const kh_version *newest) {
  const khonsu_txn *txn = request->txn;
  bool only_appends_since = newest->kind == KH_TABLE && kh_version_replaced_at(newest) <= txn->snapshot;
  if (txn->blind_writes_win || (access->tail != NULL && only_appends_since)) return true;
  in_conflict(request, access, KHONSU_CONFLICT_WRITE, newest);
  return false;
}

static void certify_schema(kh_request *request, kh_access *access, const kh_version *newest) {
  if (access->tail == NULL || access->conflict != 0 || newest->kind == KH_TOMBSTONE) return;
  if (newest->kind == KH_TABLE && kh_table_match(newest->table, access->tail, NULL) == KHONSU_OK) return;
  in_conflict(request, access, KHONSU_CONFLICT_SCHEMA, newest);
}

/* Above read committed a write that landed on a version newer than the snapshot moves its transaction to commit time:
 * its reads must still hold there (else G-single). */
static void certify_reads_at_commit(kh_partition *partition, kh_request *request) {
  khonsu_txn *txn = request->txn;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    kh_access *access = &txn->accesses.entries[i];
    if (!access->observed || access->conflict != 0) continue;
    const kh_version *newest = newest_of(partition, txn, access);
    if (newest != NULL && newest->timestamp > access->read_at)
      in_conflict(request, access, KHONSU_CONFLICT_READ, newest);
  }
}

khonsu_status kh_certify(kh_partition *partition, kh_request *request) {
  khonsu_txn *txn = request->txn;
  bool moved = false, read_broken = false;
  request->status = KHONSU_OK;
  request->lost_to = 0;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    kh_access *access = &txn->accesses.entries[i];
    access->conflict = 0;
    const kh_version *newest = newest_of(partition, txn, access);
    if (newest == NULL) continue;
    if (access->observed) {
      if (newest->timestamp > access->read_at) read_broken |= certify_read(request, access, newest);
    } else if (newest->timestamp > txn->snapshot) {
      moved |= certify_blind_write(request, access, newest);
    }
    certify_schema(request, access, newest);
  }
  if (moved && read_broken) certify_reads_at_commit(partition, request);
  return request->status;
}
