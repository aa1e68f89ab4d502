/* look: what a transaction sees at a key. */
#include "report.h"
#include "transaction.h"

static inline void look_at(kh_look *look, kh_version *version) {
  look->version = version;
  look->kind = KH_TOMBSTONE;
  if (version == NULL) return;
  look->kind = (kh_version_kind)version->kind;
  if (kh_kind_accrues(look->kind)) look->number = kh_version_number(version); /* or the table, in its place */
}

/* In memory, beside its bytes, which may be in a file. */
enum { CHUNK_COSTS = 1024 };

static kh_version *table_of_stored(khonsu_txn *txn, khonsu_slice key, const kh_stored_value *value) {
  kh_version *version = kh_version_new_table(&txn->cache, key, value->table);
  if (version != NULL)
    kh_version_accrued(version)->charge =
        kh_table_bytes_in_memory(value->table) + CHUNK_COSTS * kh_table_chunk_count(value->table);
  kh_table_unref(value->table);
  return version;
}

static kh_version *bytes_of_stored(khonsu_txn *txn, khonsu_slice key, kh_stored_value *value) {
  kh_version *version = kh_version_new_bytes(&txn->cache, key, kh_slice(value->bytes.data, value->bytes.size));
  khonsu_bytes_release(&value->bytes);
  return version;
}

kh_version *kh_version_of_stored(khonsu_txn *txn, khonsu_slice key, kh_stored_value *value) {
  kh_version *version = value->type == KHONSU_TABLE     ? table_of_stored(txn, key, value)
                        : value->type == KHONSU_COUNTER ? kh_version_new_counter(&txn->cache, key, value->counter)
                                                        : bytes_of_stored(txn, key, value);
  if (version == NULL) return NULL;
  if (kh_kind_accrues((kh_version_kind)version->kind)) kh_version_accrued(version)->incarnation = value->version;
  version->timestamp = value->version;
  return version;
}

static khonsu_status look_in_storage(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error) {
  kh_partition *partition = txn->partition;
  kh_stored_value value;
  khonsu_status status =
      partition->storage.ops->get(partition->storage.ctx, key, look->read_at, &partition->arrow_limits, &value, error);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK;
  if (status != KHONSU_OK) return status;
  look->from_storage = kh_version_of_stored(txn, key, &value);
  if (look->from_storage == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a stored value");
  look_at(look, look->from_storage);
  return KHONSU_OK;
}

void kh_txn_leave(khonsu_txn *txn, kh_look *look) {
  if (look->inside) kh_epoch_exit(txn->participant);
  look->inside = false;
  if (txn->isolation == KHONSU_READ_COMMITTED) kh_snapshot_read_end(txn->slot);
  kh_version_unref(look->from_storage, &txn->cache);
  look->from_storage = NULL;
}

/* What memory holds at the key; inside the epoch from here on. */
static inline void look_in_memory(khonsu_txn *txn, khonsu_slice key, uint64_t hash, uint64_t read_at, kh_look *look) {
  look->from_storage = NULL;
  look->read_at = read_at;
  kh_epoch_enter(txn->participant);
  look->inside = true;
  kh_version *newest = kh_store_find(&txn->partition->store, key, hash);
  look->is_unknown = newest == NULL;
  look_at(look, kh_version_visible(newest, read_at));
}

/* Where memory has nothing, the storage may, as of the same moment. */
static inline khonsu_status look_further(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error) {
  if (KH_LIKELY(look->version != NULL || txn->partition->storage.ops == NULL)) return KHONSU_OK;
  kh_epoch_exit(txn->participant); /* memory must not wait for I/O */
  look->inside = false;
  khonsu_status status = look_in_storage(txn, key, look, error);
  if (status != KHONSU_OK) kh_txn_leave(txn, look);
  return status;
}

khonsu_status kh_txn_look_committed(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_look *look,
                                    khonsu_error *error) {
  kh_snapshots *snapshots = &txn->partition->store.snapshots;
  bool each_read = txn->isolation == KHONSU_READ_COMMITTED;
  if (KH_UNLIKELY(txn->past != NULL)) {
    *look = (kh_look){.kind = KH_TOMBSTONE, .read_at = txn->snapshot};
    return look_in_storage(txn, key, look, error);
  }
  look_in_memory(txn, key, hash, each_read ? kh_snapshot_read_begin(snapshots, txn->slot) : txn->snapshot, look);
  return look_further(txn, key, look, error);
}

khonsu_status kh_txn_access(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_access **access, khonsu_error *error) {
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
  khonsu_status status = kh_txn_access(txn, key, hash, &access, error);
  if (status != KHONSU_OK) return status;
  access->observed = true;
  access->read_at = look->read_at;
  access->read_version = look->kind == KH_TOMBSTONE ? 0 : look->version->timestamp;
  return KHONSU_OK;
}

/* Base and own appended or upserted rows as one table. */
static khonsu_status make_view(const kh_access *access, kh_table *base, kh_table **view, khonsu_error *error) {
  if (base != NULL)
    return kh_rows_join(base, access->rows, access->upsert != NULL ? access->upsert->rows : NULL, view, error);
  *view = kh_table_ref(access->rows);
  return KHONSU_OK;
}

/* The table that was made for the last look serves as long as nothing came to either side: an upsert costs a look at all
 * of the base. */
static khonsu_status look_through_append(kh_access *access, kh_look *look, khonsu_error *error) {
  kh_table *base = look->kind == KH_TABLE ? look->table : NULL;
  khonsu_status status = KHONSU_OK;
  if (access->view == NULL || access->view_of != base) {
    kh_access_drop_view(access);
    if (access->upsert != NULL) status = kh_upsert_unite(access->upsert, &access->rows, error);
    if (status == KHONSU_OK) status = make_view(access, base, &access->view, error);
    if (status != KHONSU_OK) return status;
    access->view_of = base != NULL ? kh_table_ref(base) : NULL;
  }
  look->table = access->view;
  return KHONSU_OK;
}

static khonsu_status look_through_add(const kh_access *access, kh_look *look, khonsu_error *error) {
  int64_t there = look->kind == KH_COUNTER ? look->number : 0;
  if (!__builtin_add_overflow(there, access->amount, &look->number)) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_COUNTER_OVERFLOW, "the counter would leave the range of 64-bit integers");
}

/* What was added no longer fits what is there, which only read committed can see; the commit would fail for it. */
static khonsu_status lose_base(const khonsu_txn *txn, kh_access *access, khonsu_error *error) {
  access->conflict = KHONSU_CONFLICT_SCHEMA;
  access->winner_version = access->read_version;
  access->winner = 0;
  kh_report_conflicts(txn, error);
  return KHONSU_CONFLICT;
}

/* What is committed with what this transaction has added to it. */
khonsu_status kh_txn_look_through_own(const khonsu_txn *txn, kh_access *access, kh_look *look, khonsu_error *error) {
  kh_version_kind own = (kh_version_kind)access->staged->kind;
  if (look->kind != own && look->kind != KH_TOMBSTONE) return lose_base(txn, access, error);
  khonsu_status status =
      own == KH_TABLE ? look_through_append(access, look, error) : look_through_add(access, look, error);
  look->kind = own;
  return status == KHONSU_SCHEMA_MISMATCH ? lose_base(txn, access, error) : status;
}

static void look_at_own(const khonsu_txn *txn, const kh_access *access, kh_look *look) {
  *look = (kh_look){.read_at = txn->snapshot};
  look_at(look, access->staged);
}

/* An upsert may take long: not inside the epoch. */
static khonsu_status look_through_upsert(khonsu_txn *txn, kh_access *access, kh_look *look, khonsu_error *error) {
  kh_table *base = look->kind == KH_TABLE ? kh_table_ref(look->table) : NULL;
  if (look->inside) kh_epoch_exit(txn->participant);
  look->inside = false;
  khonsu_status status = kh_txn_look_through_own(txn, access, look, error);
  kh_table_unref(base);
  return status;
}

/* A version that is also the base of an append is linked with that, and must not be offered. */
static inline void offer_if_unknown(khonsu_txn *txn, const kh_look *look) {
  if (KH_UNLIKELY(look->from_storage != NULL && look->is_unknown))
    kh_partition_offer(txn->partition, look->from_storage, look->read_at);
}

khonsu_status kh_txn_look(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  if (txn->in_one_look) {
    look_in_memory(txn, key, hash, txn->snapshot, look);
    khonsu_status looked = look_further(txn, key, look, error);
    if (looked == KHONSU_OK) offer_if_unknown(txn, look);
    return looked;
  }
  kh_access *access = txn->read_only ? NULL : kh_access_set_find(&txn->accesses, key, hash);
  if (access != NULL && access->staged != NULL && !access->accrues) {
    look_at_own(txn, access, look);
    return KHONSU_OK;
  }
  khonsu_status status = kh_txn_look_committed(txn, key, hash, look, error);
  if (status != KHONSU_OK) return status;
  offer_if_unknown(txn, look);
  if (txn->read_only) return KHONSU_OK;
  status = observe(txn, key, hash, look, error);
  if (status == KHONSU_OK && access != NULL && access->accrues)
    status = access->upsert != NULL ? look_through_upsert(txn, access, look, error)
                                    : kh_txn_look_through_own(txn, access, look, error);
  if (status != KHONSU_OK) kh_txn_leave(txn, look);
  return status;
}

khonsu_status kh_txn_look_done(khonsu_txn *txn, kh_look *look, khonsu_error *error) {
  if (txn->in_one_look && look->inside) kh_epoch_exit(txn->participant);
  else kh_txn_leave(txn, look);
  return KH_UNLIKELY(kh_snapshot_expired(txn->slot)) ? kh_txn_expired(txn, error) : KHONSU_OK;
}
