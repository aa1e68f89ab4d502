/* tkrzw, HashDBM: a hash table in a mapped file. What it has written survives the death of the process, but not at every
 * moment: a process that dies within a write can leave a file that has to be restored, with that write half done.
 * Settings: docs/benchmarks.md. */
#include <stdio.h>
#include <stdlib.h>
#include <tkrzw_langc.h>

#include "engine.h"

enum { BUCKETS_PER_KEY = 2, BATCH_MAX = 128 };

typedef struct tkrzw_store {
  TkrzwDBM *dbm;
  size_t value_size;
} tkrzw_store;

/* What the callbacks of one operation see. */
typedef struct tkrzw_visit {
  const tkrzw_store *store;
  const char *value; /* to be written */
  uint64_t sum;
  bool found;
} tkrzw_visit;

static void check(bool done, const char *call) {
  if (!done) engine_fail("%s: %s", call, tkrzw_get_last_status_message());
}

static const char *version(void) { return TKRZW_PACKAGE_VERSION; }

/* ---- the store */

static void *open_store(const engine_config *config) {
  tkrzw_store *store = engine_alloc(sizeof *store);
  char parameters[96], path[4096];
  snprintf(parameters, sizeof parameters, "dbm=HashDBM,num_buckets=%llu,offset_width=5",
           (unsigned long long)config->keys * BUCKETS_PER_KEY);
  snprintf(path, sizeof path, "%s/store.tkh", config->directory);
  *store = (tkrzw_store){tkrzw_dbm_open(path, true, parameters), config->value_size};
  check(store->dbm != NULL, "tkrzw_dbm_open");
  return store;
}

static void put(void *opened, const char *key, const char *value) {
  const tkrzw_store *store = opened;
  check(tkrzw_dbm_set(store->dbm, key, KEY_SIZE, value, (int32_t)store->value_size, true), "tkrzw_dbm_set");
}

static void load(void *store, const engine_config *config) {
  for (uint64_t i = 0; i < config->keys; i++) {
    bench_key key;
    input_key(i, key);
    put(store, key, input_bytes(i, config->value_size));
  }
}

static void close_store(void *opened) {
  tkrzw_store *store = opened;
  check(tkrzw_dbm_close(store->dbm), "tkrzw_dbm_close");
  free(store);
}

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

/* ---- operations */

static const char *read_record(void *visiting, const char *key, int32_t key_size, const char *value, int32_t size,
                               int32_t *new_size) {
  (void)key, (void)key_size, (void)new_size;
  tkrzw_visit *visit = visiting;
  visit->found = value != NULL;
  if (!visit->found) return TKRZW_REC_PROC_NOOP;
  engine_check_size((size_t)size, visit->store->value_size);
  visit->sum += touch_wanted(value, (size_t)size);
  return TKRZW_REC_PROC_NOOP;
}

static bool find(void *store, const char *key, uint64_t *sum) {
  tkrzw_visit visit = {.store = store};
  check(tkrzw_dbm_process(visit.store->dbm, key, KEY_SIZE, read_record, &visit, false), "tkrzw_dbm_process");
  *sum += visit.sum;
  return visit.found;
}

static const char *write_record(void *visiting, const char *key, int32_t key_size, const char *value, int32_t size,
                                int32_t *new_size) {
  (void)key, (void)key_size, (void)value, (void)size;
  const tkrzw_visit *visit = visiting;
  *new_size = (int32_t)visit->store->value_size;
  return visit->value;
}

static void batch(void *store, const bench_key *keys, unsigned count, const char *value) {
  tkrzw_visit visit = {.store = store, .value = value};
  TkrzwKeyProcPair pairs[BATCH_MAX];
  for (unsigned i = 0; i < count; i++) pairs[i] = (TkrzwKeyProcPair){keys[i], KEY_SIZE, write_record, &visit};
  check(tkrzw_dbm_process_multi(visit.store->dbm, pairs, (int32_t)count, true), "tkrzw_dbm_process_multi");
}

static void erase(void *opened, const char *key) {
  const tkrzw_store *store = opened;
  check(tkrzw_dbm_remove(store->dbm, key, KEY_SIZE), "tkrzw_dbm_remove");
}

const engine_ops engine_tkrzw_hash = {
    .name = "tkrzw HashDBM",
    .settings = "a mapped file, 2 buckets per key, offsets of 5 bytes; get is process, batches are process_multi",
    .version = version,
    .open = open_store,
    .load = load,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .find = find,
    .put = put,
    .erase = erase,
    .batch = batch,
};
