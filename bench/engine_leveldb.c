/* LevelDB, for scans and durable transactions. Settings: docs/benchmarks.md. */
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

enum { MEMTABLE_SIZE_BYTES = 64 << 20, FILE_SIZE_BYTES = 64 << 20, BLOOM_BITS = 10, FILES_MAX = 10000 };
#define CACHE_SIZE_BYTES ((size_t)4 << 30)

typedef struct leveldb_store {
  leveldb_t *db;
  leveldb_readoptions_t *read_options;
  leveldb_writeoptions_t *write_options;
  size_t value_size;
} leveldb_store;

static void check(char *error, const char *call) {
  if (error != NULL) engine_fail("%s: %s", call, error);
}

static const char *version(void) {
  static char text[32];
  snprintf(text, sizeof text, "%d.%d", leveldb_major_version(), leveldb_minor_version());
  return text;
}

static leveldb_options_t *store_options(void) {
  leveldb_options_t *options = leveldb_options_create();
  leveldb_options_set_create_if_missing(options, 1);
  leveldb_options_set_write_buffer_size(options, MEMTABLE_SIZE_BYTES);
  leveldb_options_set_max_file_size(options, FILE_SIZE_BYTES);
  leveldb_options_set_max_open_files(options, FILES_MAX);
  leveldb_options_set_compression(options, leveldb_no_compression);
  leveldb_options_set_cache(options, leveldb_cache_create_lru(CACHE_SIZE_BYTES));
  leveldb_options_set_filter_policy(options, leveldb_filterpolicy_create_bloom(BLOOM_BITS));
  return options;
}

static void *open_store(const engine_config *config) {
  leveldb_store *store = engine_alloc(sizeof *store);
  char *error = NULL;
  store->db = leveldb_open(store_options(), config->directory, &error);
  check(error, "leveldb_open");
  store->read_options = leveldb_readoptions_create();
  store->write_options = leveldb_writeoptions_create();
  leveldb_writeoptions_set_sync(store->write_options, config->durable);
  store->value_size = config->value_size;
  return store;
}

static void load(void *opened, const engine_config *config) {
  const leveldb_store *store = opened;
  leveldb_writeoptions_t *options = leveldb_writeoptions_create();
  leveldb_writebatch_t *batch = leveldb_writebatch_create();
  for (uint64_t i = 0; i < config->keys;) {
    char *error = NULL;
    leveldb_writebatch_clear(batch);
    for (uint64_t end = i + load_txn_keys(config); i < end && i < config->keys; i++) {
      bench_key key;
      input_key(i, key);
      leveldb_writebatch_put(batch, key, KEY_SIZE, input_bytes(i, config->value_size), config->value_size);
    }
    leveldb_write(store->db, options, batch, &error);
    check(error, "leveldb_write");
  }
  leveldb_writebatch_destroy(batch);
  leveldb_writeoptions_destroy(options);
}

static void settle(void *opened) {
  const leveldb_store *store = opened;
  leveldb_compact_range(store->db, NULL, 0, NULL, 0);
}

static void close_store(void *opened) {
  leveldb_store *store = opened;
  leveldb_readoptions_destroy(store->read_options);
  leveldb_writeoptions_destroy(store->write_options);
  leveldb_close(store->db);
  free(store);
}

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

static uint64_t scan(void *entered, const char *first, unsigned count) {
  const leveldb_store *store = entered;
  leveldb_iterator_t *iterator = leveldb_create_iterator(store->db, store->read_options);
  uint64_t sum = 0;
  leveldb_iter_seek(iterator, first, KEY_SIZE);
  for (unsigned i = 0; i < count; i++) {
    if (i > 0) leveldb_iter_next(iterator);
    if (!leveldb_iter_valid(iterator)) engine_fail("a scan of %u entries", i);
    size_t size;
    const char *value = leveldb_iter_value(iterator, &size);
    engine_check_size(size, store->value_size);
    sum += touch_wanted(value, size);
  }
  leveldb_iter_destroy(iterator);
  return sum;
}

static uint64_t read_one(const leveldb_store *store, const char *key) {
  char *error = NULL;
  size_t size;
  char *value = leveldb_get(store->db, store->read_options, key, KEY_SIZE, &size, &error);
  check(error, "leveldb_get");
  if (value == NULL) engine_fail("a key is missing");
  engine_check_size(size, store->value_size);
  uint64_t sum = touch_ends(value, size);
  leveldb_free(value);
  return sum;
}

/* It has no transactions: nothing looks whether what was read has changed by the time of the batch. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  const leveldb_store *store = entered;
  char *error = NULL;
  leveldb_writebatch_t *batch = leveldb_writebatch_create();
  for (unsigned i = 0; i < asked->reads; i++) *sum += read_one(store, asked->keys[i]);
  for (unsigned i = 0; i < asked->writes; i++)
    leveldb_writebatch_put(batch, asked->keys[i], KEY_SIZE, asked->value, VALUE_SIZE);
  leveldb_write(store->db, store->write_options, batch, &error);
  check(error, "leveldb_write");
  leveldb_writebatch_destroy(batch);
  return true;
}

const engine_ops engine_leveldb = {
    .name = "leveldb",
    .settings =
        "64 MiB memtable and files, no compression, 4 GiB LRU block cache, bloom of 10 bits, fully compacted after "
        "loading; transactions are gets and a batch, synced in durable rows, which nothing isolates",
    .version = version,
    .open = open_store,
    .load = load,
    .settle = settle,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .scan = scan,
    .transact = transact,
};
