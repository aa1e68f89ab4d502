/* transaction: begin and end; reading is in look.c, writing in stage.c, the way to the seat in submit.c. */
#include "transaction.h"
#include "moment.h"
#include "scan.h"

enum { ID_BLOCK = 1024 };

static void draw_id(khonsu_txn *txn) {
  if (txn->id == txn->last_id) {
    txn->id = atomic_fetch_add_explicit(&txn->partition->next_txn_id, ID_BLOCK, memory_order_relaxed);
    txn->last_id = txn->id + ID_BLOCK - 1;
    return;
  }
  txn->id++;
}

/* What the transaction has to announce for its life. Read committed announces each read instead. */
static unsigned uses_of_snapshot(const khonsu_txn *txn) {
  unsigned uses = txn->read_only ? 0 : KH_CERTIFIES;
  return txn->isolation == KHONSU_READ_COMMITTED ? uses : uses | KH_PINS;
}

void kh_txn_set_on_conflict(khonsu_txn *txn, khonsu_on_conflict on_conflict) {
  if (on_conflict == KHONSU_ON_CONFLICT_DEFAULT)
    on_conflict = txn->isolation == KHONSU_READ_COMMITTED ? KHONSU_ON_CONFLICT_REPLACE : KHONSU_ON_CONFLICT_FAIL;
  txn->on_conflict = on_conflict;
}

static void forget_key_names(khonsu_txn *txn) {
  kh_free((void *)(uintptr_t)txn->key_names.all);
  txn->key_names = (kh_key_names){NULL, 0};
}

khonsu_status kh_txn_set_key_names(khonsu_txn *txn, const kh_key_names *names, khonsu_error *error) {
  size_t size = names->count * sizeof(char *);
  for (size_t i = 0; i < names->count; i++) size += strlen(names->all[i]) + 1;
  const char **copies = names->count == 0 ? NULL : kh_alloc(size);
  if (names->count != 0 && copies == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the names of key columns");
  char *to = copies == NULL ? NULL : (char *)(copies + names->count);
  for (size_t i = 0; i < names->count; i++) {
    size_t length = strlen(names->all[i]) + 1;
    copies[i] = memcpy(to, names->all[i], length);
    to += length;
  }
  forget_key_names(txn);
  txn->key_names = (kh_key_names){copies, names->count};
  return KHONSU_OK;
}

/* Announces the snapshot, a new one or that of `kept`. False: that has expired. */
static bool take_snapshot(khonsu_txn *txn, const khonsu_snapshot *kept) {
  kh_store *store = &txn->partition->store;
  unsigned uses = uses_of_snapshot(txn);
  if (kept != NULL) {
    txn->snapshot = kept->timestamp;
    return kh_snapshot_begin_at(txn->slot, kept->slot, kept->timestamp, uses);
  }
  if (store->snapshot_age_ns_max != 0) atomic_store(&txn->slot->begun_ns, kh_os_now_coarse_ns());
  txn->snapshot = uses != 0 ? kh_snapshot_begin(&store->snapshots, txn->slot, uses) : kh_store_visible(store);
  return true;
}

/* As memory has forgotten what nobody was reading, all is asked of the storage. */
static khonsu_status go_back(khonsu_txn *txn, const khonsu_txn_options *options, khonsu_error *error) {
  const kh_partition *partition = txn->partition;
  const kh_storage *storage = &partition->storage;
  khonsu_version version = options->as_of, visible = kh_store_visible(&partition->store);
  khonsu_status status = KHONSU_OK;
  if (storage->ops == NULL || storage->ops->past_open == NULL)
    return khonsu_error_set(error, KHONSU_UNSUPPORTED, "the past can be read of a database in a directory only");
  if (version == 0) status = storage->ops->version_at(storage->ctx, options->as_of_ms, &version, error);
  if (status != KHONSU_OK) return status;
  if (options->as_of == 0 && version > visible) version = visible; /* written, and on its way to be seen */
  if (version > visible)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there is no version %llu yet: the newest is %llu",
                            (unsigned long long)version, (unsigned long long)visible);
  status = storage->ops->past_open(storage->ctx, version, &txn->past, error);
  if (status == KHONSU_OK) txn->snapshot = version;
  return status;
}

khonsu_status kh_txn_begin(khonsu_txn *txn, const khonsu_txn_options *options, khonsu_error *error) {
  KH_ASSERT(txn->state == KH_TXN_IDLE && txn->accesses.count == 0);
  txn->isolation = options->isolation;
  txn->read_only = options->read_only || txn->partition->options.read_only;
  txn->durability = options->durability;
  if (options->as_of != 0 || options->as_of_ms != 0) {
    khonsu_status status = go_back(txn, options, error);
    if (status != KHONSU_OK) return status;
    txn->read_only = true;
  } else if (!take_snapshot(txn, options->snapshot)) {
    return kh_txn_expired(txn, error);
  }
  txn->in_one_look = txn->read_only && txn->isolation != KHONSU_READ_COMMITTED && txn->past == NULL;
  txn->has_token = options->token != NULL;
  if (txn->has_token) txn->token = *options->token;
  txn->asks = txn->fences = txn->leaves_token = false;
  txn->outcome = KHONSU_OUTCOME_UNSEEN;
  draw_id(txn);
  kh_txn_set_on_conflict(txn, options->on_conflict);
  txn->bytes = 0;
  kh_free(txn->dropped);
  txn->dropped = NULL;
  txn->dropped_count = 0;
  txn->state = KH_TXN_ACTIVE;
  return KHONSU_OK;
}

khonsu_status kh_txn_check_active(const khonsu_txn *txn, khonsu_error *error) {
  if (KH_LIKELY(txn->state == KH_TXN_ACTIVE)) return KHONSU_OK;
  const char *became = txn->state == KH_TXN_COMMITTED  ? "is committed"
                       : txn->state == KH_TXN_ABORTED  ? "is aborted"
                       : txn->state == KH_TXN_IN_DOUBT ? "is in doubt"
                                                       : "has been freed";
  return khonsu_error_set(error, KHONSU_BAD_STATE, "transaction %llu %s; begin a new one", (unsigned long long)txn->id,
                          became);
}

khonsu_status kh_txn_expired(const khonsu_txn *txn, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_SNAPSHOT_EXPIRED,
                          "the snapshot at version %llu was given up: older than snapshot_age_ms_max = %llu, or the "
                          "oldest when more than pinned_bytes_max = %llu were kept for snapshots (0 = no limit)",
                          (unsigned long long)txn->snapshot,
                          (unsigned long long)txn->partition->options.snapshot_age_ms_max,
                          (unsigned long long)txn->partition->options.pinned_bytes_max);
}

static void end(khonsu_txn *txn, kh_txn_state state) {
  kh_partition *partition = txn->partition;
  txn->state = state;
  kh_access_set_clear(&txn->accesses);
  if (txn->key_names.all != NULL) forget_key_names(txn);
  while (txn->stretches != NULL) {
    kh_stretch *stretch = txn->stretches;
    txn->stretches = stretch->next;
    kh_stretch_free(stretch);
  }
  for (khonsu_scan *scan = txn->scans; scan != NULL; scan = scan->next_of_txn) scan->stretch = NULL;
  if (txn->past != NULL) partition->storage.ops->past_close(partition->storage.ctx, txn->past);
  txn->past = NULL;
  if (kh_snapshot_end(txn->slot)) partition->sequencer->ask(partition->sequencer_ctx, KH_RECLAIM);
}

void kh_txn_abort(khonsu_txn *txn) { end(txn, KH_TXN_ABORTED); }

khonsu_status kh_txn_commit(khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  txn->request.version = txn->snapshot;
  if (kh_snapshot_expired(txn->slot)) status = kh_txn_expired(txn, error);
  else if (txn->accesses.writes != 0 || txn->asks) status = kh_txn_submit(txn, error);
  end(txn, status == KHONSU_OK ? KH_TXN_COMMITTED : status == KHONSU_IN_DOUBT ? KH_TXN_IN_DOUBT : KH_TXN_ABORTED);
  return status;
}
