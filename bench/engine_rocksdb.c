/* RocksDB, OptimisticTransactionDB: a log-structured merge tree; commits validate against the memtables.
 * Settings: docs/benchmarks.md. */
#include <stdlib.h>

#include "rocksdb_store.h"

typedef struct rocksdb_store {
  rocksdb_optimistictransactiondb_t *txn_db;
  rocksdb_t *db;
  rocksdb_writeoptions_t *write_options;
  rocksdb_readoptions_t *read_options;
  rocksdb_optimistictransaction_options_t *txn_options;
} rocksdb_store;

typedef struct rocksdb_thread {
  rocksdb_store *store;
  rocksdb_transaction_t *txn;          /* used again for each transaction, as its documentation advises */
  rocksdb_readoptions_t *read_options; /* at the transaction's snapshot */
  const rocksdb_snapshot_t *snapshot;
} rocksdb_thread;

static void *open_store(const engine_config *config) {
  rocksdb_store *store = engine_alloc(sizeof *store);
  char *error = NULL;
  store->txn_db = rocksdb_optimistictransactiondb_open(rocksdb_store_options(), config->directory, &error);
  rocksdb_check(error, "rocksdb_optimistictransactiondb_open");
  store->db = rocksdb_optimistictransactiondb_get_base_db(store->txn_db);
  store->write_options = rocksdb_writeoptions_create();
  rocksdb_writeoptions_set_sync(store->write_options, config->durable);
  store->read_options = rocksdb_store_read_options();
  store->txn_options = rocksdb_optimistictransaction_options_create();
  rocksdb_optimistictransaction_options_set_set_snapshot(store->txn_options, 1);
  rocksdb_store_load(store->db, config);
  rocksdb_store_compact(store->db);
  rocksdb_store_rest(store->db);
  return store;
}

static void rest(void *opened) {
  const rocksdb_store *store = opened;
  rocksdb_store_rest(store->db);
}

static void close_store(void *opened) {
  rocksdb_store *store = opened;
  rocksdb_readoptions_destroy(store->read_options);
  rocksdb_writeoptions_destroy(store->write_options);
  rocksdb_optimistictransaction_options_destroy(store->txn_options);
  rocksdb_optimistictransactiondb_close_base_db(store->db);
  rocksdb_optimistictransactiondb_close(store->txn_db);
  free(store);
}

static void *enter(void *store) {
  rocksdb_thread *thread = engine_alloc(sizeof *thread);
  thread->store = store;
  thread->read_options = rocksdb_store_read_options();
  return thread;
}

static void leave(void *entered) {
  rocksdb_thread *thread = entered;
  if (thread->txn != NULL) rocksdb_transaction_destroy(thread->txn);
  rocksdb_readoptions_destroy(thread->read_options);
  free(thread);
}

/* ---- operations */

static uint64_t take(rocksdb_pinnableslice_t *slice, char *error, const char *call) {
  rocksdb_check(error, call);
  if (slice == NULL) engine_fail("%s: the key is missing", call);
  size_t size;
  const char *value = rocksdb_pinnableslice_value(slice, &size);
  if (size != VALUE_SIZE) engine_fail("%s: a value of %zu bytes", call, size);
  uint64_t sum = touch_ends(value, size);
  rocksdb_pinnableslice_destroy(slice);
  return sum;
}

static uint64_t get(void *entered, const char *key) {
  rocksdb_thread *thread = entered;
  char *error = NULL;
  return take(rocksdb_get_pinned(thread->store->db, thread->store->read_options, key, KEY_SIZE, &error), error,
              "rocksdb_get_pinned");
}

/* Outside transactions too: an iterator stays at the moment of its making. */
static uint64_t scan(void *entered, const char *first, unsigned count) {
  rocksdb_thread *thread = entered;
  rocksdb_iterator_t *iterator = rocksdb_create_iterator(thread->store->db, thread->store->read_options);
  uint64_t sum = 0;
  rocksdb_iter_seek(iterator, first, KEY_SIZE);
  for (unsigned i = 0; i < count; i++) {
    if (i > 0) rocksdb_iter_next(iterator);
    if (!rocksdb_iter_valid(iterator)) engine_fail("a scan of %u entries", i);
    size_t size;
    const char *value = rocksdb_iter_value(iterator, &size);
    if (size != VALUE_SIZE) engine_fail("a value of %zu bytes", size);
    sum += touch_ends(value, size);
  }
  rocksdb_iter_destroy(iterator);
  return sum;
}

static void begin(rocksdb_thread *thread) {
  rocksdb_store *store = thread->store;
  thread->txn =
      rocksdb_optimistictransaction_begin(store->txn_db, store->write_options, store->txn_options, thread->txn);
  thread->snapshot = rocksdb_transaction_get_snapshot(thread->txn);
  rocksdb_readoptions_set_snapshot(thread->read_options, thread->snapshot);
}

/* Whether another transaction was in the way; the second text means that the memtables no longer reach back far
 * enough to tell. */
static bool is_conflict(const char *error) {
  return strncmp(error, "Resource busy", 13) == 0 || strncmp(error, "Operation failed. Try again", 27) == 0;
}

static bool commit(rocksdb_thread *thread) {
  char *error = NULL;
  rocksdb_transaction_commit(thread->txn, &error);
  rocksdb_free((void *)(uintptr_t)thread->snapshot);
  if (error == NULL) return true;
  if (!is_conflict(error)) engine_fail("rocksdb_transaction_commit: %s", error);
  rocksdb_free(error);
  error = NULL;
  rocksdb_transaction_rollback(thread->txn, &error);
  rocksdb_check(error, "rocksdb_transaction_rollback");
  return false;
}

/* GetForUpdate makes a read part of what the commit validates: serializable, as against a plain Get. */
static uint64_t get_for_update(rocksdb_thread *thread, const char *key) {
  char *error = NULL;
  return take(rocksdb_transaction_get_pinned_for_update(thread->txn, thread->read_options, key, KEY_SIZE, 1, &error),
              error, "rocksdb_transaction_get_pinned_for_update");
}

static uint64_t read_txn(void *entered, const char *key) {
  rocksdb_thread *thread = entered;
  begin(thread);
  uint64_t sum = get_for_update(thread, key);
  if (!commit(thread)) engine_fail("a conflict while nobody writes");
  return sum;
}

static uint64_t read_untracked(void *entered, const char *key) {
  rocksdb_thread *thread = entered;
  char *error = NULL;
  begin(thread);
  uint64_t sum = take(rocksdb_transaction_get_pinned(thread->txn, thread->read_options, key, KEY_SIZE, &error), error,
                      "rocksdb_transaction_get_pinned");
  if (!commit(thread)) engine_fail("a conflict without a write");
  return sum;
}

static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  rocksdb_thread *thread = entered;
  begin(thread);
  for (unsigned i = 0; i < asked->reads; i++) *sum += get_for_update(thread, asked->keys[i]);
  for (unsigned i = 0; i < asked->writes; i++) {
    char *error = NULL;
    rocksdb_transaction_put(thread->txn, asked->keys[i], KEY_SIZE, asked->value, VALUE_SIZE, &error);
    rocksdb_check(error, "rocksdb_transaction_put");
  }
  return commit(thread);
}

const engine_ops engine_rocksdb = {
    .name = "rocksdb",
    .settings =
        "OptimisticTransactionDB; WAL on, sync off, in durable rows on; " ROCKSDB_SETTINGS
        "; a snapshot per transaction, its reads are GetForUpdate (read-txn too, but for the row read-untracked); get "
        "is a pinned Get, scan an iterator, both outside transactions",
    .version = rocksdb_store_version,
    .open = open_store,
    .close = close_store,
    .rest = rest,
    .enter = enter,
    .leave = leave,
    .get = get,
    .read_txn = read_txn,
    .read_untracked = read_untracked,
    .scan = scan,
    .transact = transact,
};
