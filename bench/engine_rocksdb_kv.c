/* RocksDB as a key-value store, without transactions. Settings: docs/benchmarks.md. */
#include <stdlib.h>

#include "rocksdb_store.h"

enum { FIND_MANY_MAX = 128 };

typedef struct rocksdb_kv {
  rocksdb_t *db;
  rocksdb_column_family_handle_t *family; /* the one there is; finding many asks for it */
  rocksdb_writeoptions_t *write_options;
  rocksdb_readoptions_t *read_options;
  size_t value_size;
} rocksdb_kv;

typedef struct rocksdb_kv_thread {
  const rocksdb_kv *store;
  rocksdb_writebatch_t *batch;
} rocksdb_kv_thread;

/* ---- the store */

static void *open_store(const engine_config *config) {
  rocksdb_kv *store = engine_alloc(sizeof *store);
  rocksdb_options_t *options = rocksdb_store_options();
  const rocksdb_options_t *family_options[] = {options};
  const char *names[] = {"default"};
  char *error = NULL;
  store->db =
      rocksdb_open_column_families(options, config->directory, 1, names, family_options, &store->family, &error);
  rocksdb_check(error, "rocksdb_open");
  store->write_options = rocksdb_writeoptions_create();
  rocksdb_writeoptions_set_sync(store->write_options, config->durable);
  store->read_options = rocksdb_store_read_options();
  store->value_size = config->value_size;
  return store;
}

static void load(void *opened, const engine_config *config) {
  const rocksdb_kv *store = opened;
  rocksdb_store_load(store->db, config);
}

static void rest(void *opened) {
  const rocksdb_kv *store = opened;
  rocksdb_store_rest(store->db);
}

static void settle(void *opened) {
  const rocksdb_kv *store = opened;
  rocksdb_store_compact(store->db);
  rocksdb_store_rest(store->db);
}

static void close_store(void *opened) {
  rocksdb_kv *store = opened;
  rocksdb_readoptions_destroy(store->read_options);
  rocksdb_writeoptions_destroy(store->write_options);
  rocksdb_column_family_handle_destroy(store->family);
  rocksdb_close(store->db);
  free(store);
}

static void *enter(void *store) {
  rocksdb_kv_thread *thread = engine_alloc(sizeof *thread);
  *thread = (rocksdb_kv_thread){store, rocksdb_writebatch_create()};
  return thread;
}

static void leave(void *entered) {
  rocksdb_kv_thread *thread = entered;
  rocksdb_writebatch_destroy(thread->batch);
  free(thread);
}

/* ---- operations */

/* Takes the slice; NULL is a missing key. */
static bool take(const rocksdb_kv *store, rocksdb_pinnableslice_t *slice, uint64_t *sum) {
  if (slice == NULL) return false;
  size_t size;
  const char *value = rocksdb_pinnableslice_value(slice, &size);
  engine_check_size(size, store->value_size);
  *sum += touch_wanted(value, size);
  rocksdb_pinnableslice_destroy(slice);
  return true;
}

static bool find(void *entered, const char *key, uint64_t *sum) {
  const rocksdb_kv *store = ((rocksdb_kv_thread *)entered)->store;
  char *error = NULL;
  rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(store->db, store->read_options, key, KEY_SIZE, &error);
  rocksdb_check(error, "rocksdb_get_pinned");
  return take(store, slice, sum);
}

static uint64_t find_many(void *entered, const bench_key *keys, unsigned count) {
  const rocksdb_kv *store = ((rocksdb_kv_thread *)entered)->store;
  const char *starts[FIND_MANY_MAX];
  size_t sizes[FIND_MANY_MAX];
  rocksdb_pinnableslice_t *slices[FIND_MANY_MAX];
  char *errors[FIND_MANY_MAX];
  uint64_t sum = 0;
  if (count == 0 || count > FIND_MANY_MAX) engine_fail("%u keys at once", count);
  for (unsigned i = 0; i < count; i++) starts[i] = keys[i], sizes[i] = KEY_SIZE;
  rocksdb_batched_multi_get_cf(store->db, store->read_options, store->family, count, starts, sizes, slices, errors,
                               false);
  for (unsigned i = 0; i < count; i++) {
    rocksdb_check(errors[i], "rocksdb_batched_multi_get_cf");
    if (!take(store, slices[i], &sum)) engine_fail("a key is missing");
  }
  return sum;
}

static uint64_t scan(void *entered, const char *first, unsigned count) {
  const rocksdb_kv *store = ((rocksdb_kv_thread *)entered)->store;
  rocksdb_iterator_t *iterator = rocksdb_create_iterator(store->db, store->read_options);
  uint64_t sum = 0;
  rocksdb_iter_seek(iterator, first, KEY_SIZE);
  for (unsigned i = 0; i < count; i++) {
    if (i > 0) rocksdb_iter_next(iterator);
    if (!rocksdb_iter_valid(iterator)) engine_fail("a scan of %u entries", i);
    size_t size;
    const char *value = rocksdb_iter_value(iterator, &size);
    engine_check_size(size, store->value_size);
    sum += touch_wanted(value, size);
  }
  rocksdb_iter_destroy(iterator);
  return sum;
}

static void put(void *entered, const char *key, const char *value) {
  const rocksdb_kv *store = ((rocksdb_kv_thread *)entered)->store;
  char *error = NULL;
  rocksdb_put(store->db, store->write_options, key, KEY_SIZE, value, store->value_size, &error);
  rocksdb_check(error, "rocksdb_put");
}

static void erase(void *entered, const char *key) {
  const rocksdb_kv *store = ((rocksdb_kv_thread *)entered)->store;
  char *error = NULL;
  rocksdb_delete(store->db, store->write_options, key, KEY_SIZE, &error);
  rocksdb_check(error, "rocksdb_delete");
}

static void batch(void *entered, const bench_key *keys, unsigned count, const char *value) {
  const rocksdb_kv_thread *thread = entered;
  char *error = NULL;
  rocksdb_writebatch_clear(thread->batch);
  for (unsigned i = 0; i < count; i++)
    rocksdb_writebatch_put(thread->batch, keys[i], KEY_SIZE, value, thread->store->value_size);
  rocksdb_write(thread->store->db, thread->store->write_options, thread->batch, &error);
  rocksdb_check(error, "rocksdb_write");
}

const engine_ops engine_rocksdb_kv = {
    .name = "rocksdb",
    .settings = "WAL on, sync off, in durable rows on; " ROCKSDB_SETTINGS "; get is a pinned Get, scan an iterator",
    .version = rocksdb_store_version,
    .open = open_store,
    .load = load,
    .settle = settle,
    .close = close_store,
    .rest = rest,
    .enter = enter,
    .leave = leave,
    .scan = scan,
    .find = find,
    .find_many = find_many,
    .put = put,
    .erase = erase,
    .batch = batch,
};
