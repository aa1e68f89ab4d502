/* flashkv, with its default index. */
#include <flashkv.h>
#include <stdlib.h>

#include "engine.h"
#include "machine.h"

enum { FIND_MANY_MAX = 128 };

typedef struct flashkv_store {
  flashkv *db;
  size_t value_size;
  uint64_t arranged; /* the sequence at which what is stored was last put in order */
} flashkv_store;

typedef struct flashkv_thread {
  const flashkv_store *store;
  flashkv_batch *batch;
} flashkv_thread;

static void check(flashkv_status status, const char *call, const flashkv_error *error) {
  if (status != FLASHKV_OK) engine_fail("%s: %s: %s", call, flashkv_status_name(status), error->message);
}

static flashkv_slice slice_of_key(const char *key) { return (flashkv_slice){key, KEY_SIZE}; }

/* ---- the store */

static void *open_store(const engine_config *config) {
  flashkv_store *store = engine_alloc(sizeof *store);
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  options.dir_path = config->directory;
  options.sync_writes = config->durable ? FLASHKV_SYNC : FLASHKV_BUFFERED;
  check(flashkv_open(&options, &store->db, &error), "flashkv_open", &error);
  store->value_size = config->value_size;
  return store;
}

static flashkv_batch *new_batch(const flashkv_store *store) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_batch *made;
  check(flashkv_batch_new(store->db, NULL, &made, &error), "flashkv_batch_new", &error);
  return made;
}

static void put_in(flashkv_batch *batch, const char *key, const char *value, size_t size) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_slice bytes = {value, size};
  check(flashkv_batch_put(batch, slice_of_key(key), bytes, NULL, &error), "flashkv_batch_put", &error);
}

static void commit(flashkv_batch *batch) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  check(flashkv_batch_commit(batch, NULL, &error), "flashkv_batch_commit", &error);
}

static void load(void *store, const engine_config *config) {
  flashkv_batch *batch = new_batch(store);
  for (uint64_t i = 0; i < config->keys;) {
    for (uint64_t end = i + load_txn_keys(config); i < end && i < config->keys; i++) {
      bench_key key;
      input_key(i, key);
      put_in(batch, key, input_bytes(i, config->value_size), config->value_size);
    }
    commit(batch);
  }
  flashkv_batch_free(&batch);
}

static void close_store(void *opened) {
  flashkv_store *store = opened;
  flashkv_error error = FLASHKV_ERROR_INIT;
  check(flashkv_close(&store->db, &error), "flashkv_close", &error);
  free(store);
}

/* ---- merging */

static void merge_from(const flashkv_store *store, double threshold) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  if (threshold <= 1) options.threshold = threshold;
  flashkv_status status;
  while ((status = flashkv_merge(store->db, &options, NULL, &error)) == FLASHKV_MERGE_RUNNING) machine_await_idle();
  check(status, "flashkv_merge", &error);
}

/* What the store's own thread would merge as soon as nobody writes, and so during others' turns. */
static void rest(void *opened) {
  merge_from(opened, 2);
  machine_await_idle();
}

static void merge(void *opened) { merge_from(opened, 0); }

static void arrange(void *opened) {
  flashkv_store *store = opened;
  uint64_t newest = flashkv_sequence(store->db);
  if (store->arranged == newest) return;
  merge_from(store, -1);
  store->arranged = newest;
}

/* ---- operations */

static void *enter(void *store) {
  flashkv_thread *thread = engine_alloc(sizeof *thread);
  *thread = (flashkv_thread){store, new_batch(store)};
  return thread;
}

static void leave(void *entered) {
  flashkv_thread *thread = entered;
  flashkv_batch_free(&thread->batch);
  free(thread);
}

static uint64_t touch_and_release(const flashkv_store *store, flashkv_value *value) {
  engine_check_size(value->size, store->value_size);
  uint64_t sum = touch_wanted(value->data, value->size);
  flashkv_value_release(value);
  return sum;
}

static bool find(void *entered, const char *key, uint64_t *sum) {
  const flashkv_store *store = ((flashkv_thread *)entered)->store;
  flashkv_value value;
  flashkv_status status = flashkv_get(store->db, slice_of_key(key), &value, NULL);
  if (status == FLASHKV_NOT_FOUND) return false;
  if (status != FLASHKV_OK) engine_fail("flashkv_get: %s", flashkv_status_name(status));
  *sum += touch_and_release(store, &value);
  return true;
}

static uint64_t find_many(void *entered, const bench_key *keys, unsigned count) {
  const flashkv_store *store = ((flashkv_thread *)entered)->store;
  flashkv_slice slices[FIND_MANY_MAX];
  flashkv_value values[FIND_MANY_MAX];
  flashkv_status statuses[FIND_MANY_MAX];
  uint64_t sum = 0;
  if (count == 0 || count > FIND_MANY_MAX) engine_fail("%u keys at once", count);
  for (unsigned i = 0; i < count; i++) slices[i] = slice_of_key(keys[i]);
  flashkv_status status = flashkv_multi_get(store->db, slices, count, values, statuses, NULL);
  if (status != FLASHKV_OK) engine_fail("flashkv_multi_get: %s", flashkv_status_name(status));
  for (unsigned i = 0; i < count; i++) {
    if (statuses[i] != FLASHKV_OK) engine_fail("flashkv_multi_get: %s", flashkv_status_name(statuses[i]));
    sum += touch_and_release(store, &values[i]);
  }
  return sum;
}

static uint64_t scan(void *entered, const char *first, unsigned count) {
  const flashkv_store *store = ((flashkv_thread *)entered)->store;
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_iterator *iterator;
  uint64_t sum = 0;
  options.lower = slice_of_key(first);
  check(flashkv_iterator_open(store->db, &options, &iterator, &error), "flashkv_iterator_open", &error);
  for (unsigned i = 0; i < count; i++) {
    flashkv_slice key, value;
    check(flashkv_iterator_next(iterator, &key, &value, &error), "flashkv_iterator_next", &error);
    engine_check_size(value.size, store->value_size);
    sum += touch_wanted(value.data, value.size);
  }
  flashkv_iterator_free(&iterator);
  return sum;
}

static void put(void *entered, const char *key, const char *value) {
  const flashkv_store *store = ((flashkv_thread *)entered)->store;
  flashkv_slice bytes = {value, store->value_size};
  flashkv_status status = flashkv_put(store->db, slice_of_key(key), bytes, NULL);
  if (status != FLASHKV_OK) engine_fail("flashkv_put: %s", flashkv_status_name(status));
}

static void erase(void *entered, const char *key) {
  const flashkv_store *store = ((flashkv_thread *)entered)->store;
  flashkv_status status = flashkv_delete(store->db, slice_of_key(key), NULL);
  if (status != FLASHKV_OK) engine_fail("flashkv_delete: %s", flashkv_status_name(status));
}

static void batch(void *entered, const bench_key *keys, unsigned count, const char *value) {
  const flashkv_thread *thread = entered;
  for (unsigned i = 0; i < count; i++) put_in(thread->batch, keys[i], value, thread->store->value_size);
  commit(thread->batch);
}

const engine_ops engine_flashkv = {
    .name = "flashkv",
    .settings =
        "default options, in durable rows sync_writes = sync; get lends the value, and checks it when it is read for "
        "the first time; files that are due are merged between turns",
    .version = flashkv_version,
    .open = open_store,
    .load = load,
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
    .arrange = arrange,
    .merge = merge,
};
