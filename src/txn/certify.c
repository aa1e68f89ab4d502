/* certify: may this request commit after everything that is linked before it? The isolation level first, then what
 * becomes of blind writes (docs/guarantees.md). Deterministic: the same order in, the same verdicts out. In the seat.
 *
 * "Changed" means: the newest linked version of the key, published or not, is newer than the moment the transaction read
 * it, or for a blind write newer than its snapshot. A key that is not in the index has not changed, as far as anyone running could
 * have seen: its last tombstone went only when it was older than the snapshot of everyone who will be certified. */
#include "stretch.h"
#include "transaction.h"

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

/* Whether a write can go on top of the version, rows after rows or a number to a number. Nothing there takes all. */
static bool fits(const kh_access *access, const kh_version *newest) {
  if (access->staged->kind == KH_TOMBSTONE || newest->kind == KH_TOMBSTONE) return true;
  if (access->staged->kind != newest->kind) return false;
  if (newest->kind != KH_TABLE) return true;
  const kh_table *rows = access->accrues ? access->rows : kh_version_table(access->staged);
  return kh_table_match(kh_version_table(newest), rows, NULL) == KHONSU_OK;
}

static bool lose(kh_request *request, kh_access *access, const kh_version *newest, bool fit) {
  in_conflict(request, access, fit ? KHONSU_CONFLICT_WRITE : KHONSU_CONFLICT_SCHEMA, newest);
  return false;
}

static bool drop(kh_access *access, const kh_version *newest, bool fit) {
  access->fate = KH_DROPPED;
  access->conflict = fit ? KHONSU_CONFLICT_WRITE : KHONSU_CONFLICT_SCHEMA;
  access->winner_version = newest->timestamp;
  access->winner = newest->writer;
  return false;
}

/* The rows of a put go after those that are there now. Deletions, bytes and numbers have no "after". */
static bool go_after(kh_request *request, kh_access *access, const kh_version *newest, bool fit) {
  if (!fit || access->staged->kind != KH_TABLE) return lose(request, access, newest, fit);
  access->fate = KH_APPENDED;
  return true;
}

/* A blind write whose key has changed since the snapshot: the table of docs/guarantees.md. Returns true where it stands,
 * on the newer version. */
static bool certify_blind_write(kh_request *request, kh_access *access, const kh_version *newest) {
  bool fit = fits(access, newest);
  bool only_accrued_since =
      kh_kind_accrues((kh_version_kind)newest->kind) && kh_version_replaced_at(newest) <= request->txn->snapshot;
  if (access->accrues && fit && only_accrued_since) return true;
  switch (access->on_conflict) {
    case KHONSU_ON_CONFLICT_IGNORE: return drop(access, newest, fit);
    case KHONSU_ON_CONFLICT_REPLACE: return !access->accrues || fit || lose(request, access, newest, fit);
    case KHONSU_ON_CONFLICT_APPEND:
      return access->accrues ? fit || lose(request, access, newest, fit) : go_after(request, access, newest, fit);
    case KHONSU_ON_CONFLICT_DEFAULT:
    case KHONSU_ON_CONFLICT_FAIL: break;
  }
  return lose(request, access, newest, fit);
}

/* At read committed what is added to may have been read after the addition was staged, and no longer fit it. */
static void certify_base(kh_request *request, kh_access *access, const kh_version *newest) {
  if (access->staged == NULL || !access->accrues || newest->timestamp <= request->txn->snapshot) return;
  if (!fits(access, newest)) in_conflict(request, access, KHONSU_CONFLICT_SCHEMA, newest);
}

/* What the members before it in the group have linked is in no log yet. */
static void certify_against_group(kh_stretch *stretch, kh_request *group, const kh_request *request) {
  for (; group != request && !stretch->broken; group = group->member) {
    if (group->status != KHONSU_OK || group->task != NULL) continue;
    const kh_access_set *set = &group->txn->accesses;
    for (uint32_t i = 0; i < set->count && !stretch->broken; i++) {
      const kh_access *access = &set->entries[i];
      if (access->linked != NULL && kh_stretch_holds(stretch, access->key)) kh_stretch_break(stretch, access->linked);
    }
  }
}

/* What memory has forgotten since the transaction began is known no more to have changed. */
static bool is_forgotten(const kh_partition *partition, const khonsu_txn *txn) {
  return KH_UNLIKELY(txn->snapshot < partition->store.forgotten) && partition->storage.ops != NULL;
}

static void certify_stretches(kh_partition *partition, kh_request *group, kh_request *request) {
  for (kh_stretch *stretch = request->txn->stretches; stretch != NULL; stretch = stretch->next) {
    bool all;
    khonsu_status status = kh_stretch_certify(stretch, &partition->store, request->txn->slot, &all);
    if (status == KHONSU_OK && !all) certify_against_group(stretch, group, request);
    if (status == KHONSU_OK && is_forgotten(partition, request->txn))
      status = kh_stretch_certify_forgotten(partition, stretch, request->error);
    if (status != KHONSU_OK && status != KHONSU_CONFLICT && request->status == KHONSU_OK) request->status = status;
    if (!stretch->broken) continue;
    if (stretch->winner_version > request->lost_to) request->lost_to = stretch->winner_version;
    request->status = KHONSU_CONFLICT;
  }
}

/* Above read committed a write that landed on a version newer than the snapshot moves its transaction to commit time:
 * its reads must still hold there (else G-single). */
static void certify_point_reads(kh_request *request) {
  khonsu_txn *txn = request->txn;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    kh_access *access = &txn->accesses.entries[i];
    if (!access->observed || access->conflict != 0) continue;
    if (access->newest != NULL && access->newest->timestamp > access->read_at)
      in_conflict(request, access, KHONSU_CONFLICT_READ, access->newest);
  }
}

khonsu_status kh_certify(kh_partition *partition, kh_request *group, kh_request *request) {
  khonsu_txn *txn = request->txn;
  bool moved = false, read_broken = false;
  request->status = KHONSU_OK;
  request->lost_to = 0;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    kh_access *access = &txn->accesses.entries[i];
    access->conflict = 0;
    access->fate = KH_STANDS;
    const kh_version *newest = access->newest = kh_store_find(&partition->store, access->key, access->hash);
    if (newest == NULL && is_forgotten(partition, txn)) {
      khonsu_status status = kh_recall(partition, request, access);
      if (status != KHONSU_OK) return request->status = status;
      newest = access->newest;
    }
    if (newest == NULL) continue;
    if (access->observed) {
      if (newest->timestamp > access->read_at) read_broken |= certify_read(request, access, newest);
      else certify_base(request, access, newest);
    } else if (newest->timestamp > txn->snapshot) {
      moved |= certify_blind_write(request, access, newest);
    }
  }
  bool at_commit_time = moved && txn->isolation > KHONSU_READ_COMMITTED;
  if (at_commit_time && read_broken) certify_point_reads(request);
  if (at_commit_time || txn->isolation == KHONSU_SERIALIZABLE) certify_stretches(partition, group, request);
  return request->status;
}
