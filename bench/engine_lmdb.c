/* LMDB: a copy-on-write B+tree in a mapped file; one writer at a time, readers never wait.
 * Settings: docs/benchmarks.md. */
#include <lmdb.h>
#include <stdlib.h>

#include "engine.h"

#define MAP_SIZE_BYTES ((size_t)32 << 30)
enum { READERS_MAX = 64, FLAGS_BUFFERED = MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMETASYNC };

typedef struct lmdb_store {
  MDB_env *env;
  MDB_dbi dbi;
  size_t value_size;
} lmdb_store;

typedef struct lmdb_thread {
  lmdb_store *store;
  /* Both are renewed for each use: what LMDB offers for many short read transactions. */
  MDB_txn *reader;
  MDB_cursor *cursor;
} lmdb_thread;

static void check(int status, const char *call) {
  if (status != 0) engine_fail("%s: %s", call, mdb_strerror(status));
}

static const char *version(void) { return mdb_version(NULL, NULL, NULL); }

/* ---- the calls that the operations are made of */

static MDB_txn *begin(lmdb_store *store, unsigned flags) {
  MDB_txn *txn;
  check(mdb_txn_begin(store->env, NULL, flags, &txn), "mdb_txn_begin");
  return txn;
}

static void commit(MDB_txn *txn) { check(mdb_txn_commit(txn), "mdb_txn_commit"); }

static void put_in(MDB_txn *txn, const lmdb_store *store, const char *key, const char *value) {
  MDB_val key_val = {KEY_SIZE, (void *)key}, value_val = {store->value_size, (void *)value};
  check(mdb_put(txn, store->dbi, &key_val, &value_val, 0), "mdb_put");
}

static uint64_t touch_value(MDB_val value) {
  if (value.mv_size != VALUE_SIZE) engine_fail("a value of %zu bytes", value.mv_size);
  return touch_ends(value.mv_data, value.mv_size);
}

static uint64_t read_one(MDB_txn *txn, MDB_dbi dbi, const char *key) {
  MDB_val key_val = {KEY_SIZE, (void *)key}, value;
  check(mdb_get(txn, dbi, &key_val, &value), "mdb_get");
  return touch_value(value);
}

/* ---- the store */

static void load(void *store, const engine_config *config) {
  for (uint64_t i = 0; i < config->keys;) {
    MDB_txn *txn = begin(store, 0);
    for (uint64_t end = i + load_txn_keys(config); i < end && i < config->keys; i++) {
      bench_key key;
      input_key(i, key);
      put_in(txn, store, key, input_bytes(i, config->value_size));
    }
    commit(txn);
  }
}

static void *open_store(const engine_config *config) {
  lmdb_store *store = engine_alloc(sizeof *store);
  store->value_size = config->value_size;
  check(mdb_env_create(&store->env), "mdb_env_create");
  check(mdb_env_set_mapsize(store->env, MAP_SIZE_BYTES), "mdb_env_set_mapsize");
  check(mdb_env_set_maxreaders(store->env, READERS_MAX), "mdb_env_set_maxreaders");
  check(mdb_env_open(store->env, config->directory, config->durable ? 0 : FLAGS_BUFFERED, 0644), "mdb_env_open");
  MDB_txn *txn = begin(store, 0);
  check(mdb_dbi_open(txn, NULL, 0, &store->dbi), "mdb_dbi_open");
  commit(txn);
  return store;
}

static void close_store(void *opened) {
  lmdb_store *store = opened;
  mdb_env_close(store->env);
  free(store);
}

static void *enter(void *store) {
  lmdb_thread *thread = engine_alloc(sizeof *thread);
  thread->store = store;
  thread->reader = begin(store, MDB_RDONLY);
  check(mdb_cursor_open(thread->reader, thread->store->dbi, &thread->cursor), "mdb_cursor_open");
  mdb_txn_reset(thread->reader);
  return thread;
}

static void leave(void *entered) {
  lmdb_thread *thread = entered;
  mdb_cursor_close(thread->cursor);
  mdb_txn_abort(thread->reader);
  free(thread);
}

/* ---- operations */

static void series_begin(void *entered) {
  lmdb_thread *thread = entered;
  check(mdb_txn_renew(thread->reader), "mdb_txn_renew");
}

static void series_end(void *entered) {
  lmdb_thread *thread = entered;
  mdb_txn_reset(thread->reader);
}

static uint64_t get(void *entered, const char *key) {
  lmdb_thread *thread = entered;
  return read_one(thread->reader, thread->store->dbi, key);
}

static uint64_t read_txn(void *entered, const char *key) {
  series_begin(entered);
  uint64_t sum = get(entered, key);
  series_end(entered);
  return sum;
}

static uint64_t scan(void *entered, const char *first, unsigned count) {
  lmdb_thread *thread = entered;
  series_begin(thread);
  check(mdb_cursor_renew(thread->reader, thread->cursor), "mdb_cursor_renew");
  MDB_val key = {KEY_SIZE, (void *)first}, value;
  check(mdb_cursor_get(thread->cursor, &key, &value, MDB_SET_RANGE), "mdb_cursor_get");
  uint64_t sum = touch_value(value);
  for (unsigned i = 1; i < count; i++) {
    check(mdb_cursor_get(thread->cursor, &key, &value, MDB_NEXT), "mdb_cursor_get");
    sum += touch_value(value);
  }
  series_end(thread);
  return sum;
}

/* Never conflicts: the writer's lock is held from begin to commit. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  lmdb_thread *thread = entered;
  MDB_txn *txn = begin(thread->store, 0);
  for (unsigned i = 0; i < asked->reads; i++) *sum += read_one(txn, thread->store->dbi, asked->keys[i]);
  for (unsigned i = 0; i < asked->writes; i++) put_in(txn, thread->store, asked->keys[i], asked->value);
  commit(txn);
  return true;
}

/* ---- operations of a key-value store: a transaction each */

static bool find_in(const lmdb_thread *thread, const char *key, uint64_t *sum) {
  MDB_val key_val = {KEY_SIZE, (void *)key}, value;
  int status = mdb_get(thread->reader, thread->store->dbi, &key_val, &value);
  if (status == MDB_NOTFOUND) return false;
  check(status, "mdb_get");
  engine_check_size(value.mv_size, thread->store->value_size);
  *sum += touch_wanted(value.mv_data, value.mv_size);
  return true;
}

static bool find(void *entered, const char *key, uint64_t *sum) {
  series_begin(entered);
  bool found = find_in(entered, key, sum);
  series_end(entered);
  return found;
}

static uint64_t find_many(void *entered, const bench_key *keys, unsigned count) {
  uint64_t sum = 0;
  series_begin(entered);
  for (unsigned i = 0; i < count; i++)
    if (!find_in(entered, keys[i], &sum)) engine_fail("a key is missing");
  series_end(entered);
  return sum;
}

static void batch(void *entered, const bench_key *keys, unsigned count, const char *value) {
  const lmdb_thread *thread = entered;
  MDB_txn *txn = begin(thread->store, 0);
  for (unsigned i = 0; i < count; i++) put_in(txn, thread->store, keys[i], value);
  commit(txn);
}

static void put(void *entered, const char *key, const char *value) {
  const lmdb_thread *thread = entered;
  MDB_txn *txn = begin(thread->store, 0);
  put_in(txn, thread->store, key, value);
  commit(txn);
}

static void erase(void *entered, const char *key) {
  const lmdb_thread *thread = entered;
  MDB_txn *txn = begin(thread->store, 0);
  MDB_val key_val = {KEY_SIZE, (void *)key};
  check(mdb_del(txn, thread->store->dbi, &key_val, NULL), "mdb_del");
  commit(txn);
}

const engine_ops engine_lmdb = {
    .name = "lmdb",
    .settings =
        "NOSYNC|WRITEMAP|NOMETASYNC, in durable rows default flags; 32 GiB map; one read transaction and cursor per "
        "thread, renewed for each; transactions that write hold the writer's lock",
    .version = version,
    .open = open_store,
    .load = load,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
    .scan = scan,
    .transact = transact,
    .find = find,
    .find_many = find_many,
    .put = put,
    .erase = erase,
    .batch = batch,
};
