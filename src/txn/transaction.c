#include "transaction.h"

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

void kh_txn_begin(khonsu_txn *txn, khonsu_isolation isolation, khonsu_on_conflict on_conflict, bool read_only) {
  KH_ASSERT(txn->state == KH_TXN_IDLE && txn->accesses.count == 0);
  kh_store *store = &txn->partition->store;
  draw_id(txn);
  txn->isolation = isolation;
  txn->read_only = read_only;
  txn->blind_writes_win = isolation == KHONSU_READ_COMMITTED && on_conflict == KHONSU_ON_CONFLICT_DEFAULT;
  txn->bytes = 0;
  if (store->snapshot_age_ns_max != 0) atomic_store(&txn->slot->begun_ns, kh_os_now_coarse_ns());
  unsigned uses = uses_of_snapshot(txn);
  txn->snapshot = uses != 0 ? kh_snapshot_begin(&store->snapshots, txn->slot, uses) : kh_store_visible(store);
  txn->unlinks = atomic_load_explicit(&store->unlinks, memory_order_acquire);
  txn->state = KH_TXN_ACTIVE;
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

static khonsu_status expired(const khonsu_txn *txn, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_SNAPSHOT_EXPIRED,
                          "the snapshot at version %llu is older than snapshot_age_ms_max = %llu and was given up",
                          (unsigned long long)txn->snapshot,
                          (unsigned long long)txn->partition->options.snapshot_age_ms_max);
}

/* ---- reading */

static void look_at(kh_look *look, kh_version *version) {
  look->kind = version == NULL ? KH_TOMBSTONE : (kh_version_kind)version->kind;
  look->version = version;
  look->table = look->kind == KH_TABLE ? version->table : NULL;
  look->read_version = look->kind == KH_TOMBSTONE ? 0 : version->timestamp;
}

static kh_version *version_of_stored(kh_stored_value *value) {
  kh_version *version;
  if (value->type == KHONSU_TABLE) {
    version = kh_version_new_table(value->table);
    kh_table_unref(value->table);
    if (version != NULL) version->incarnation = value->version;
    if (version != NULL) version->charge = kh_table_bytes(version->table, 0);
  } else {
    version = kh_version_new_bytes(kh_slice(value->bytes.data, value->bytes.size));
    khonsu_bytes_release(&value->bytes);
  }
  if (version != NULL) version->timestamp = value->version;
  return version;
}

static khonsu_status look_in_storage(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  kh_stored_value value;
  khonsu_status status =
      kh_storage_get(&partition->storage, key, look->read_at, &partition->arrow_limits, &value, error);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK;
  if (status != KHONSU_OK) return status;
  look->from_storage = version_of_stored(&value);
  if (look->from_storage == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a stored value");
  look_at(look, look->from_storage);
  return KHONSU_OK;
}

static void leave(khonsu_txn *txn, kh_look *look) {
  if (look->inside) kh_epoch_exit(txn->participant);
  look->inside = false;
  if (txn->isolation == KHONSU_READ_COMMITTED) kh_snapshot_read_end(txn->slot);
  kh_version_unref(look->from_storage);
  look->from_storage = NULL;
}

/* What is committed at the key; in memory, or else in the storage as of the same moment. */
static khonsu_status look_committed(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_look *look,
                                    khonsu_error *error) {
  kh_store *store = &txn->partition->store;
  look->from_storage = NULL;
  look->read_at =
      txn->isolation == KHONSU_READ_COMMITTED ? kh_snapshot_read_begin(&store->snapshots, txn->slot) : txn->snapshot;
  kh_epoch_enter(txn->participant);
  look->inside = true;
  look->record = kh_store_find(store, key, hash);
  kh_version *version = look->record == NULL ? NULL : kh_record_visible(look->record, look->read_at);
  look_at(look, version);
  if (KH_LIKELY(version != NULL || txn->partition->storage.ops == NULL)) return KHONSU_OK;
  kh_epoch_exit(txn->participant); /* memory must not wait for I/O */
  look->inside = false;
  khonsu_status status = look_in_storage(txn, key, look, error);
  if (status != KHONSU_OK) leave(txn, look);
  return status;
}

static khonsu_status add_access(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_access **access,
                                khonsu_error *error) {
  *access = kh_access_set_find(&txn->accesses, key, hash);
  if (*access != NULL) return KHONSU_OK;
  uint64_t limit = txn->partition->options.txn_keys_max;
  if (txn->accesses.count >= limit)
    return khonsu_error_set(error, KHONSU_TOO_MANY_KEYS, "the transaction already touches txn_keys_max = %llu keys",
                            (unsigned long long)limit);
  *access = kh_access_set_add(&txn->accesses, key, hash);
  if (*access != NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to remember a key");
}

/* The read is the newest of its key: at read committed a later read takes the place of an earlier one. */
static khonsu_status observe(khonsu_txn *txn, khonsu_slice key, uint64_t hash, const kh_look *look,
                             khonsu_error *error) {
  kh_access *access;
  khonsu_status status = add_access(txn, key, hash, &access, error);
  if (status != KHONSU_OK) return status;
  access->observed = true;
  access->read_at = look->read_at;
  access->read_version = look->read_version;
  access->record = look->record;
  return KHONSU_OK;
}

/* Base and own appended rows as one table. */
static khonsu_status look_through_append(kh_access *access, kh_look *look, khonsu_error *error) {
  kh_table_unref(access->view);
  access->view = NULL;
  if (look->kind == KH_TABLE) {
    khonsu_status status = kh_table_match(look->table, access->tail, error);
    if (status != KHONSU_OK) return status;
    status = kh_table_append(look->table, access->tail, &access->view);
    if (status != KHONSU_OK) return khonsu_error_set(error, status, "no memory to join a table with appended rows");
  } else if (look->kind == KH_TOMBSTONE) {
    access->view = kh_table_ref(access->tail);
  } else {
    return khonsu_error_set(error, KHONSU_WRONG_TYPE, "rows were appended to a key that now holds bytes");
  }
  look->kind = KH_TABLE;
  look->table = access->view;
  return KHONSU_OK;
}

static void look_at_own(const khonsu_txn *txn, const kh_access *access, kh_look *look) {
  *look = (kh_look){.read_at = txn->snapshot};
  look_at(look, access->staged);
}

khonsu_status kh_txn_look(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  if (txn->read_only) return look_committed(txn, key, hash, look, error);
  kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  if (access != NULL && access->staged != NULL && access->tail == NULL) {
    look_at_own(txn, access, look);
    return KHONSU_OK;
  }
  khonsu_status status = look_committed(txn, key, hash, look, error);
  if (status != KHONSU_OK) return status;
  status = observe(txn, key, hash, look, error);
  if (status == KHONSU_OK && access != NULL && access->tail != NULL)
    status = look_through_append(kh_access_set_find(&txn->accesses, key, hash), look, error);
  if (status != KHONSU_OK) leave(txn, look);
  return status;
}

khonsu_status kh_txn_look_done(khonsu_txn *txn, kh_look *look, khonsu_error *error) {
  leave(txn, look);
  return KH_UNLIKELY(kh_snapshot_expired(txn->slot)) ? expired(txn, error) : KHONSU_OK;
}

/* ---- staging writes */

static khonsu_status check_bytes(const khonsu_txn *txn, uint64_t replaced, uint64_t bytes, khonsu_error *error) {
  uint64_t limit = txn->partition->options.txn_bytes_max, others = txn->bytes - replaced;
  if (bytes <= limit && others <= limit - bytes) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_TXN_TOO_LARGE,
                          "%llu bytes more than the %llu already written exceed txn_bytes_max = %llu",
                          (unsigned long long)bytes, (unsigned long long)others, (unsigned long long)limit);
}

static void stage(khonsu_txn *txn, kh_access *access, kh_version *version, uint64_t bytes) {
  txn->bytes -= access->bytes;
  kh_access_drop_write(&txn->accesses, access);
  access->staged = version;
  access->bytes = bytes;
  txn->bytes += bytes;
  txn->accesses.writes++;
}

khonsu_status kh_txn_put(khonsu_txn *txn, khonsu_slice key, kh_version *version, uint64_t bytes, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  khonsu_status status = check_bytes(txn, access != NULL ? access->bytes : 0, bytes, error);
  if (status == KHONSU_OK) status = add_access(txn, key, hash, &access, error);
  if (status == KHONSU_OK) stage(txn, access, version, bytes);
  else kh_version_unref(version);
  return status;
}

/* Rows after those of an own put or append. `joined` replaces what was staged. */
static khonsu_status append_to_own(khonsu_txn *txn, kh_access *access, kh_table *rows, uint64_t bytes,
                                   khonsu_error *error) {
  kh_table *own = access->tail != NULL ? access->tail : access->staged->table, *joined;
  khonsu_status status = check_bytes(txn, 0, bytes, error);
  if (status == KHONSU_OK) status = kh_table_match(own, rows, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_append(own, rows, &joined);
  if (status != KHONSU_OK) return khonsu_error_set(error, status, "no memory to append rows");
  kh_table_unref(own);
  if (access->tail != NULL) access->tail = joined;
  else access->staged->table = joined;
  access->bytes += bytes;
  txn->bytes += bytes;
  return KHONSU_OK;
}

/* Looks, without observing, whether the rows fit what is there: a mistake is told at once and not at commit. */
static khonsu_status check_fit(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_table *rows, kh_record **record,
                               kh_version **base, khonsu_error *error) {
  kh_look look;
  khonsu_status status = look_committed(txn, key, hash, &look, error);
  if (status != KHONSU_OK) return status;
  *record = look.record;
  if (look.kind == KH_TABLE) status = kh_table_match(look.table, rows, error);
  else if (look.kind == KH_BYTES)
    status = khonsu_error_set(error, KHONSU_WRONG_TYPE, "cannot append rows: the key holds bytes");
  if (status == KHONSU_OK && look.kind == KH_TABLE && look.from_storage != NULL)
    *base = kh_version_ref(look.from_storage);
  leave(txn, &look);
  return status;
}

static khonsu_status append_first(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_table *rows, uint64_t bytes,
                                  khonsu_error *error) {
  kh_access *access;
  kh_record *record = NULL;
  kh_version *base = NULL, *version = NULL;
  khonsu_status status = check_bytes(txn, 0, bytes, error);
  if (status == KHONSU_OK) status = check_fit(txn, key, hash, rows, &record, &base, error);
  if (status == KHONSU_OK) status = add_access(txn, key, hash, &access, error);
  if (status == KHONSU_OK) {
    version = kh_version_new_table(rows);
    if (version == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  }
  if (status != KHONSU_OK) {
    kh_version_unref(base);
    return status;
  }
  stage(txn, access, version, bytes);
  access->tail = kh_table_ref(rows);
  access->base = base;
  if (access->record == NULL) access->record = record;
  return KHONSU_OK;
}

static khonsu_status append_rows(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key), bytes = kh_table_bytes(rows, 0);
  kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  if (access == NULL || access->staged == NULL) return append_first(txn, key, hash, rows, bytes, error);
  switch ((kh_version_kind)access->staged->kind) {
    case KH_TABLE: return append_to_own(txn, access, rows, bytes, error);
    case KH_BYTES:
      return khonsu_error_set(error, KHONSU_WRONG_TYPE, "cannot append rows: this transaction put bytes at the key");
    case KH_TOMBSTONE: break; /* after an own delete the rows are all there is */
  }
  kh_version *version = kh_version_new_table(rows);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  return kh_txn_put(txn, key, version, bytes, error);
}

khonsu_status kh_txn_append(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  khonsu_status status = append_rows(txn, key, rows, error);
  kh_table_unref(rows);
  return status;
}

/* ---- ending */

static void end(khonsu_txn *txn, kh_txn_state state) {
  kh_partition *partition = txn->partition;
  txn->state = state;
  kh_access_set_clear(&txn->accesses);
  if (kh_snapshot_end(txn->slot)) partition->sequencer->reclaim(partition->sequencer_ctx);
}

void kh_txn_abort(khonsu_txn *txn) { end(txn, KH_TXN_ABORTED); }

/* Finds the records of keys that were written blindly. All are asked for before the first is waited for. */
static void find_records(khonsu_txn *txn) {
  kh_store *store = &txn->partition->store;
  kh_access_set *set = &txn->accesses;
  kh_epoch_enter(txn->participant);
  for (uint32_t i = 0; i < set->count; i++)
    if (set->entries[i].record == NULL) kh_store_prefetch(store, set->entries[i].hash);
  for (uint32_t i = 0; i < set->count; i++) {
    kh_access *access = &set->entries[i];
    if (access->record == NULL) access->record = kh_store_find(store, access->key, access->hash);
  }
  kh_epoch_exit(txn->participant);
}

static khonsu_status prepare_write(khonsu_txn *txn, kh_access *access, khonsu_error *error) {
  if (access->record == NULL) {
    access->fresh = kh_record_new(access->key, access->hash);
    if (access->fresh == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record");
    txn->request.bytes += kh_record_memory(access->fresh);
  }
  kh_version *version = access->staged;
  txn->request.bytes += kh_version_memory(version);
  if (version->kind != KH_TABLE) return KHONSU_OK;
  kh_table *rows = access->tail != NULL ? access->tail : version->table;
  version->charge = kh_table_bytes(rows, 0);
  txn->request.bytes += version->charge;
  return txn->partition->storage.ops == NULL ? KHONSU_OK : kh_storage_encode(rows, &access->encoded, error);
}

/* Does outside the seat what can be done there: finds records (which also brings them near), makes those that are
 * missing, encodes for the storage. */
static khonsu_status prepare(khonsu_txn *txn, khonsu_error *error) {
  kh_request *request = &txn->request;
  atomic_store(&request->state, KH_QUEUED);
  request->sync = txn->partition->storage.ops != NULL && txn->partition->options.durability == KHONSU_SYNC;
  request->member = NULL;
  request->txn = txn;
  request->bytes = 0;
  request->status = KHONSU_OK;
  request->lost_to = 0;
  request->error = error;
  find_records(txn);
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    if (txn->accesses.entries[i].staged == NULL) continue;
    khonsu_status status = prepare_write(txn, &txn->accesses.entries[i], error);
    if (status != KHONSU_OK) return status;
  }
  return KHONSU_OK;
}

/* One block: the conflicts, then the bytes of their keys. Out of memory, the list is empty and the text still there. */
static void report_conflicts(const khonsu_txn *txn, khonsu_error *error) {
  size_t count = 0, key_bytes = 0;
  const kh_access *first = NULL;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    const kh_access *access = &txn->accesses.entries[i];
    if (access->conflict == 0) continue;
    if (first == NULL) first = access;
    count++;
    key_bytes += access->key.size;
  }
  KH_ASSERT(first != NULL);
  static const char *const what[] = {"", "was read", "was written", "was read and written", "was appended to"};
  khonsu_error_set(error, KHONSU_CONFLICT,
                   "transaction %llu: key '%.*s' %s here, and changed to version %llu by transaction %llu%s (%zu %s)",
                   (unsigned long long)txn->id, (int)(first->key.size > 128 ? 128 : first->key.size),
                   (const char *)first->key.data, what[first->conflict], (unsigned long long)first->winner_version,
                   (unsigned long long)first->winner,
                   first->conflict == KHONSU_CONFLICT_SCHEMA ? ", with another schema or type" : "", count,
                   count == 1 ? "key in conflict" : "keys in conflict");
  if (error == NULL) return;
  khonsu_conflict *conflicts = kh_alloc(count * sizeof *conflicts + key_bytes);
  if (conflicts == NULL) return;
  char *keys = (char *)(conflicts + count);
  size_t n = 0;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    const kh_access *access = &txn->accesses.entries[i];
    if (access->conflict == 0) continue;
    memcpy(keys, access->key.data, access->key.size);
    conflicts[n++] = (khonsu_conflict){kh_slice(keys, access->key.size), access->conflict, access->read_version,
                                       access->winner_version, access->winner};
    keys += access->key.size;
  }
  error->private_data = conflicts;
  error->conflicts = conflicts;
  error->conflict_count = count;
}

/* Says what the seat decided, where the seat has not said it itself. */
static void explain(const khonsu_txn *txn, khonsu_status status, khonsu_error *error) {
  if (status == KHONSU_CONFLICT) report_conflicts(txn, error);
  else if (status == KHONSU_SNAPSHOT_EXPIRED) (void)expired(txn, error);
  else if (error != NULL && error->status != status)
    khonsu_error_set(error, status, "%s%s%s", khonsu_status_text(status),
                     kh_partition_stopped(txn->partition) ? ": " : "",
                     kh_partition_stopped(txn->partition) ? txn->partition->stop_reason : "");
}

static khonsu_status submit(khonsu_txn *txn, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  if (error != NULL) khonsu_error_clear(error);
  khonsu_status status = prepare(txn, error);
  if (status != KHONSU_OK) return status;
  partition->sequencer->submit(partition->sequencer_ctx, &txn->request);
  status = txn->request.status;
  if (status != KHONSU_OK) explain(txn, status, error);
  return status;
}

khonsu_status kh_txn_commit(khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  txn->request.version = txn->snapshot;
  if (kh_snapshot_expired(txn->slot)) status = expired(txn, error);
  else if (txn->accesses.writes != 0) status = submit(txn, error);
  end(txn, status == KHONSU_OK ? KH_TXN_COMMITTED : status == KHONSU_IN_DOUBT ? KH_TXN_IN_DOUBT : KH_TXN_ABORTED);
  return status;
}
