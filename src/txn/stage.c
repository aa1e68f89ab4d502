/* stage: what a transaction will write, kept to itself until it is submitted. */
#include "scan.h"
#include "transaction.h"

static khonsu_status check_bytes(const khonsu_txn *txn, uint64_t replaced, uint64_t bytes, khonsu_error *error) {
  uint64_t limit = txn->partition->options.txn_bytes_max, others = txn->bytes - replaced;
  if (bytes <= limit && others <= limit - bytes) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_TXN_TOO_LARGE,
                          "%llu bytes more than the %llu already written exceed txn_bytes_max = %llu",
                          (unsigned long long)bytes, (unsigned long long)others, (unsigned long long)limit);
}

/* A key in a range that was scanned has been observed, absent or not: its first write is not blind. */
static void observe_if_scanned(const khonsu_txn *txn, kh_access *access) {
  if (access->observed || access->staged != NULL) return;
  for (const kh_stretch *stretch = txn->stretches; stretch != NULL; stretch = stretch->next) {
    if (!kh_stretch_holds(stretch, access->key)) continue;
    access->observed = true;
    if (stretch->read_at > access->read_at) access->read_at = stretch->read_at;
  }
}

static void stage(khonsu_txn *txn, kh_access *access, kh_version *version, uint64_t bytes) {
  kh_scan_catch_up_all(txn);
  observe_if_scanned(txn, access);
  txn->bytes -= access->bytes;
  kh_access_drop_write(&txn->accesses, access);
  access->staged = version;
  access->on_conflict = txn->on_conflict;
  access->bytes = bytes;
  txn->bytes += bytes;
  txn->accesses.writes++;
}

/* With key columns and the strategy `append` a blind put of a table has to be ready to be an upsert. */
static khonsu_status prepare_put(const khonsu_txn *txn, const kh_access *access, kh_table *table, kh_upsert **upsert,
                                 khonsu_error *error) {
  *upsert = NULL;
  if (txn->key_names.count == 0 || txn->on_conflict != KHONSU_ON_CONFLICT_APPEND) return KHONSU_OK;
  if (access != NULL && access->observed) return KHONSU_OK;
  return kh_upsert_new(table, &txn->key_names, txn->partition->store.hash_seed, upsert, error);
}

khonsu_status kh_txn_put(khonsu_txn *txn, kh_version *version, uint64_t bytes, khonsu_error *error) {
  kh_upsert *upsert = NULL;
  khonsu_slice key = kh_version_key(version);
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  khonsu_status status = check_bytes(txn, access != NULL ? access->bytes : 0, bytes, error);
  if (status == KHONSU_OK && version->kind == KH_TABLE)
    status = prepare_put(txn, access, kh_version_table(version), &upsert, error);
  if (status == KHONSU_OK) status = kh_txn_access(txn, key, hash, &access, error);
  if (status != KHONSU_OK) {
    kh_upsert_free(upsert);
    kh_version_unref(version, &txn->cache);
    return status;
  }
  stage(txn, access, version, bytes);
  access->upsert = upsert;
  return KHONSU_OK;
}

/* ---- what adds to a value: rows to a table, an amount to a counter */

typedef struct increment {
  kh_version_kind kind; /* KH_TABLE or KH_COUNTER */
  kh_table *rows;
  kh_upsert *upsert; /* of the rows; NULL: they go after others. Taken over by the access, and then NULL */
  int64_t amount;
  uint64_t bytes;
} increment;

static khonsu_status wrong_type(const increment *added, kh_version_kind there, const char *whose, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_WRONG_TYPE, "cannot %s: the key holds %s%s",
                          added->kind == KH_TABLE ? "append rows" : "add a number", kh_kind_name(there), whose);
}

static kh_version *version_of(khonsu_txn *txn, khonsu_slice key, const increment *added) {
  return added->kind == KH_TABLE ? kh_version_new_table(&txn->cache, key, added->rows)
                                 : kh_version_new_counter(&txn->cache, key, added->amount);
}

/* Onto rows that go to those that are there in the same way as these. */
static khonsu_status append_to_rows(kh_access *access, const increment *added, khonsu_error *error) {
  kh_table *joined;
  khonsu_status status = kh_rows_join(access->rows, added->rows, NULL, &joined, error);
  if (status == KHONSU_OK && access->upsert != NULL) {
    status = kh_upsert_follow(access->upsert, &joined, kh_table_rows(added->rows), error);
    if (status != KHONSU_OK) kh_table_unref(joined);
  }
  if (status != KHONSU_OK) return status;
  kh_access_drop_view(access);
  kh_table_unref(access->rows);
  access->rows = joined;
  return KHONSU_OK;
}

static khonsu_status append_to_put(khonsu_txn *txn, kh_access *access, const increment *added, khonsu_error *error) {
  kh_table *own = kh_version_table(access->staged), *joined;
  kh_upsert *upsert = NULL;
  const kh_keyed_rows *keyed = added->upsert != NULL ? added->upsert->rows : NULL;
  khonsu_status status = kh_rows_join(own, added->rows, keyed, &joined, error);
  if (status != KHONSU_OK) return status;
  status = prepare_put(txn, access, joined, &upsert, error);
  if (status != KHONSU_OK) {
    kh_table_unref(joined);
    return status;
  }
  kh_upsert_free(access->upsert);
  access->upsert = upsert;
  kh_version_set_table(access->staged, joined);
  return KHONSU_OK;
}

static khonsu_status append_to_own(khonsu_txn *txn, kh_access *access, const increment *added, khonsu_error *error) {
  return access->accrues ? append_to_rows(access, added, error) : append_to_put(txn, access, added, error);
}

static khonsu_status add_to_own(kh_access *access, const increment *added, khonsu_error *error) {
  int64_t *own = access->accrues ? &access->amount : &kh_version_accrued(access->staged)->number, sum;
  if (__builtin_add_overflow(*own, added->amount, &sum))
    return khonsu_error_set(error, KHONSU_COUNTER_OVERFLOW, "the sum of what is added leaves the range of 64 bits");
  *own = sum;
  return KHONSU_OK;
}

/* To an own put, append or add. */
static khonsu_status accrue_to_own(khonsu_txn *txn, kh_access *access, increment *added, khonsu_error *error) {
  if (access->staged->kind != added->kind)
    return wrong_type(added, (kh_version_kind)access->staged->kind, ", put by this transaction", error);
  khonsu_status status = check_bytes(txn, 0, added->bytes, error);
  if (status != KHONSU_OK) return status;
  status = added->kind == KH_TABLE ? append_to_own(txn, access, added, error) : add_to_own(access, added, error);
  if (status != KHONSU_OK) return status;
  access->on_conflict = txn->on_conflict;
  access->bytes += added->bytes;
  txn->bytes += added->bytes;
  return KHONSU_OK;
}

/* Looks, without observing, whether the increment fits what is there: a mistake is told at once and not at commit. */
static khonsu_status check_fit(khonsu_txn *txn, khonsu_slice key, uint64_t hash, const increment *added, bool *had_base,
                               kh_version **base, khonsu_error *error) {
  kh_look look;
  khonsu_status status = kh_txn_look_committed(txn, key, hash, &look, error);
  if (status != KHONSU_OK) return status;
  if (look.kind != KH_TOMBSTONE && look.kind != added->kind) status = wrong_type(added, look.kind, "", error);
  else if (look.kind == KH_TABLE) status = kh_table_match(look.table, added->rows, error);
  if (status == KHONSU_OK && look.from_storage != NULL) *base = kh_version_ref(look.from_storage);
  *had_base = look.kind != KH_TOMBSTONE;
  kh_txn_leave(txn, &look);
  return status;
}

static khonsu_status accrue_first(khonsu_txn *txn, khonsu_slice key, uint64_t hash, increment *added,
                                  khonsu_error *error) {
  kh_access *access;
  kh_version *base = NULL, *version = NULL;
  bool had_base = false;
  khonsu_status status = check_bytes(txn, 0, added->bytes, error);
  if (status == KHONSU_OK) status = check_fit(txn, key, hash, added, &had_base, &base, error);
  if (status == KHONSU_OK) status = kh_txn_access(txn, key, hash, &access, error);
  if (status == KHONSU_OK && (version = version_of(txn, key, added)) == NULL)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  if (status != KHONSU_OK) {
    kh_version_unref(base, &txn->cache);
    return status;
  }
  stage(txn, access, version, added->bytes);
  access->accrues = true;
  access->rows = added->kind == KH_TABLE ? kh_table_ref(added->rows) : NULL;
  access->amount = added->amount;
  access->had_base = had_base;
  access->base = base;
  access->upsert = added->upsert;
  added->upsert = NULL;
  return KHONSU_OK;
}

static khonsu_status accrue(khonsu_txn *txn, khonsu_slice key, increment *added, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  if (access == NULL || access->staged == NULL) return accrue_first(txn, key, hash, added, error);
  if (access->staged->kind != KH_TOMBSTONE) return accrue_to_own(txn, access, added, error);
  kh_version *version = version_of(txn, key, added); /* after an own delete the increment is all there is */
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  return kh_txn_put(txn, version, added->bytes, error);
}

/* Whether own rows that were added before are put together with these in another way than these: then what comes of both
 * depends on what is there. */
static bool are_unlike(const khonsu_txn *txn, khonsu_slice key, const kh_upsert *upsert) {
  const kh_access *access = kh_access_set_find(&txn->accesses, key, kh_store_hash(&txn->partition->store, key));
  if (access == NULL || !access->accrues || access->staged == NULL || access->staged->kind != KH_TABLE) return false;
  if (access->upsert == NULL || upsert == NULL) return access->upsert != upsert;
  return !kh_keyed_rows_alike(access->upsert->rows, upsert->rows);
}

/* `rows` match what they come to. */
static khonsu_status append_matching(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  increment added = {.kind = KH_TABLE, .rows = rows, .bytes = kh_table_bytes(rows)};
  khonsu_status status = KHONSU_OK;
  if (txn->key_names.count != 0)
    status = kh_upsert_new(rows, &txn->key_names, txn->partition->store.hash_seed, &added.upsert, error);
  if (status == KHONSU_OK)
    status = are_unlike(txn, key, added.upsert) ? kh_txn_append_read(txn, key, rows, error)
                                                : accrue(txn, key, &added, error);
  kh_upsert_free(added.upsert);
  return status;
}

/* The table that rows for the key come to, not remembered as observed: a reference, or NULL. */
static khonsu_status look_for_table(khonsu_txn *txn, khonsu_slice key, kh_table **table, khonsu_error *error) {
  uint64_t hash = kh_store_hash(&txn->partition->store, key);
  const kh_access *access = kh_access_set_find(&txn->accesses, key, hash);
  kh_table *own = NULL;
  kh_look look;
  *table = NULL;
  if (access != NULL && access->staged != NULL && access->staged->kind == KH_TABLE)
    own = access->accrues ? access->rows : kh_version_table(access->staged);
  if (own == NULL || access->accrues) {
    khonsu_status status = kh_txn_look_committed(txn, key, hash, &look, error);
    if (status != KHONSU_OK) return status;
    if (look.kind == KH_TABLE) *table = kh_table_ref(look.table);
    kh_txn_leave(txn, &look);
  }
  if (*table == NULL && own != NULL) *table = kh_table_ref(own);
  return KHONSU_OK;
}

/* Rows that do not match: the rules of the table's schema may let them in. Where the schema has to change for that, the
 * table is read. */
static khonsu_status append_other(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  kh_table *base, *fitting;
  kh_schema *grown = NULL;
  khonsu_status status = look_for_table(txn, key, &base, error);
  if (status != KHONSU_OK) return status;
  if (base == NULL) return append_matching(txn, key, rows, error); /* it went meanwhile */
  status = kh_table_fit(base, rows, &fitting, &grown, error);
  kh_table_unref(base);
  if (status != KHONSU_OK) return status;
  status = grown != NULL ? kh_txn_append_read(txn, key, rows, error) : append_matching(txn, key, fitting, error);
  kh_schema_unref(grown);
  kh_table_unref(fitting);
  return status;
}

khonsu_status kh_txn_append(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error) {
  khonsu_status status = append_matching(txn, key, rows, error);
  if (status == KHONSU_SCHEMA_MISMATCH) status = append_other(txn, key, rows, error);
  kh_table_unref(rows);
  return status;
}

khonsu_status kh_txn_add(khonsu_txn *txn, khonsu_slice key, int64_t amount, khonsu_error *error) {
  increment added = {.kind = KH_COUNTER, .amount = amount};
  return accrue(txn, key, &added, error);
}
