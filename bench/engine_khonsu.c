/* Khonsu, in memory or in a directory, with byte values. */
#include <stdlib.h>

#include "khonsu_store.h"

typedef struct khonsu_thread {
  khonsu_db *db;
  khonsu_txn *reader; /* of a series of gets */
} khonsu_thread;

static void put(khonsu_txn *txn, khonsu_slice key, const char *value) {
  khonsu_store_check(khonsu_put_bytes(txn, key, (khonsu_slice){value, VALUE_SIZE}, NULL), "khonsu_put_bytes");
}

static uint64_t touch_value(khonsu_slice value) {
  if (value.size != VALUE_SIZE) engine_fail("a value of %zu bytes", value.size);
  return touch_ends(value.data, value.size);
}

static uint64_t read_one(khonsu_txn *txn, const char *key) {
  khonsu_bytes value;
  khonsu_store_check(khonsu_get_bytes(txn, slice_of_key(key), &value, NULL), "khonsu_get_bytes");
  uint64_t sum = touch_value((khonsu_slice){value.data, value.size});
  khonsu_bytes_release(&value);
  return sum;
}

static void load_one(khonsu_txn *txn, khonsu_slice key, uint64_t index) { put(txn, key, input_value(index)); }

static void *open_store(const engine_config *config) { return khonsu_store_open(config, load_one); }

static void *open_stored(const engine_config *config) { return khonsu_store_open_stored(config); }

static void load_stored(void *db, const engine_config *config) { khonsu_store_load(db, config->keys, load_one); }

static void *enter(void *db) {
  khonsu_thread *thread = engine_alloc(sizeof *thread);
  thread->db = db;
  return thread;
}

static void leave(void *thread) { free(thread); }

static void series_begin(void *entered) {
  khonsu_thread *thread = entered;
  thread->reader = khonsu_store_begin_reading(thread->db);
}

static void series_end(void *entered) {
  khonsu_thread *thread = entered;
  khonsu_txn_free(&thread->reader);
}

static uint64_t get(void *entered, const char *key) {
  khonsu_thread *thread = entered;
  return read_one(thread->reader, key);
}

static uint64_t read_txn(void *entered, const char *key) {
  khonsu_thread *thread = entered;
  khonsu_txn *txn = khonsu_store_begin_reading(thread->db);
  uint64_t sum = read_one(txn, key);
  khonsu_txn_free(&txn);
  return sum;
}

static uint64_t scan(void *entered, const char *first, unsigned count) {
  khonsu_thread *thread = entered;
  khonsu_txn *txn = khonsu_store_begin_reading(thread->db);
  khonsu_range range = {.first = slice_of_key(first)};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.limit = count;
  khonsu_scan *scan;
  uint64_t sum = 0;
  khonsu_store_check(khonsu_scan_open(txn, &range, &options, &scan, NULL), "khonsu_scan_open");
  for (unsigned i = 0; i < count; i++) {
    khonsu_entry entry;
    khonsu_store_check(khonsu_scan_next(scan, &entry, NULL), "khonsu_scan_next");
    sum += touch_value(entry.bytes);
  }
  khonsu_scan_free(&scan);
  khonsu_txn_free(&txn);
  return sum;
}

static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  khonsu_thread *thread = entered;
  khonsu_txn *txn = asked->writes == 0 ? khonsu_store_begin_reading(thread->db) : khonsu_store_begin(thread->db);
  for (unsigned i = 0; i < asked->reads; i++) *sum += read_one(txn, asked->keys[i]);
  for (unsigned i = 0; i < asked->writes; i++) put(txn, slice_of_key(asked->keys[i]), asked->value);
  return khonsu_store_commit(txn);
}

static bool find(void *entered, const char *key, uint64_t *sum) {
  *sum += read_txn(entered, key);
  return true;
}

const engine_ops engine_khonsu = {
    .name = "khonsu",
    .settings =
        "in memory, no storage, default options (serializable); values of 100 bytes, copied in by put, borrowed "
        "by get",
    .version = khonsu_store_version,
    .open = open_store,
    .close = khonsu_store_close,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
    .scan = scan,
    .transact = transact,
};

const engine_ops engine_khonsu_stored = {
    .name = "khonsu in a directory",
    .settings =
        "default options (serializable), commits buffered, in durable rows synced; values of 100 bytes; files that "
        "are due are merged between turns",
    .version = khonsu_store_version,
    .open = open_stored,
    .load = load_stored,
    .close = khonsu_store_close,
    .rest = khonsu_store_rest,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
    .transact = transact,
    .find = find,
};
