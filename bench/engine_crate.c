/* The Rust crate flash-kv, which flashkv takes after, behind the C ABI of flash_kv_shim/: a B-tree in memory under a
 * lock, and a log that each put writes to by a system call. */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

/* ---- flash_kv_shim/src/lib.rs */

typedef struct flash_kv flash_kv;
/* The value is valid during the call. */
typedef void flash_kv_visit(void *context, const uint8_t *value, size_t size);

enum { FLASH_KV_NOT_FOUND = -1 };

flash_kv *flash_kv_open(const char *directory); /* with the crate's default options */
int64_t flash_kv_close(flash_kv *store);
int64_t flash_kv_put(flash_kv *store, const void *key, size_t key_size, const void *value, size_t size);
int64_t flash_kv_get(flash_kv *store, const void *key, size_t key_size, flash_kv_visit *visit, void *context);
int64_t flash_kv_delete(flash_kv *store, const void *key, size_t key_size);
/* `keys` are one after the other. */
int64_t flash_kv_batch(flash_kv *store, const void *keys, size_t key_size, size_t count, const void *value,
                       size_t size);
/* All values in the order of keys; returns how many. */
int64_t flash_kv_iterate(flash_kv *store, flash_kv_visit *visit, void *context);
/* Takes effect when the store is opened the next time. */
int64_t flash_kv_merge(flash_kv *store);

/* ---- the store */

typedef struct crate_store {
  flash_kv *engine;
  size_t value_size;
} crate_store;

typedef struct crate_visit {
  size_t value_size;
  uint64_t sum;
} crate_visit;

static void check(int64_t status, const char *call) {
  if (status < 0) engine_fail("%s: status %lld", call, (long long)status);
}

static const char *version(void) { return BENCH_CRATE_VERSION; }

static void *open_store(const engine_config *config) {
  crate_store *store = engine_alloc(sizeof *store);
  char path[4096];
  /* It merges into a directory beside the store's own. */
  snprintf(path, sizeof path, "%s/store", config->directory);
  *store = (crate_store){flash_kv_open(path), config->value_size};
  if (store->engine == NULL) engine_fail("flash_kv_open");
  return store;
}

static void put(void *opened, const char *key, const char *value) {
  const crate_store *store = opened;
  check(flash_kv_put(store->engine, key, KEY_SIZE, value, store->value_size), "flash_kv_put");
}

/* Its batches are slower. */
static void load(void *store, const engine_config *config) {
  for (uint64_t i = 0; i < config->keys; i++) {
    bench_key key;
    input_key(i, key);
    put(store, key, input_bytes(i, config->value_size));
  }
}

static void close_store(void *opened) {
  crate_store *store = opened;
  check(flash_kv_close(store->engine), "flash_kv_close");
  free(store);
}

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

/* ---- operations */

static void visit_value(void *visiting, const uint8_t *value, size_t size) {
  crate_visit *visit = visiting;
  engine_check_size(size, visit->value_size);
  visit->sum += touch_wanted(value, size);
}

static bool find(void *opened, const char *key, uint64_t *sum) {
  const crate_store *store = opened;
  crate_visit visit = {.value_size = store->value_size};
  int64_t status = flash_kv_get(store->engine, key, KEY_SIZE, visit_value, &visit);
  if (status == FLASH_KV_NOT_FOUND) return false;
  check(status, "flash_kv_get");
  *sum += visit.sum;
  return true;
}

/* Of all keys only: to make an iterator, it copies all of them. */
static uint64_t scan(void *opened, const char *first, unsigned count) {
  (void)first;
  const crate_store *store = opened;
  crate_visit visit = {.value_size = store->value_size};
  int64_t visited = flash_kv_iterate(store->engine, visit_value, &visit);
  check(visited, "flash_kv_iterate");
  if (visited != count) engine_fail("a scan of %lld entries", (long long)visited);
  return visit.sum;
}

static void erase(void *opened, const char *key) {
  const crate_store *store = opened;
  check(flash_kv_delete(store->engine, key, KEY_SIZE), "flash_kv_delete");
}

static void batch(void *opened, const bench_key *keys, unsigned count, const char *value) {
  const crate_store *store = opened;
  check(flash_kv_batch(store->engine, keys, KEY_SIZE, count, value, store->value_size), "flash_kv_batch");
}

static void merge(void *opened) {
  const crate_store *store = opened;
  check(flash_kv_merge(store->engine), "flash_kv_merge");
}

const engine_ops engine_crate = {
    .name = "flash-kv (crate)",
    .settings = "default options: B-tree index, not synced, files mapped at startup",
    .version = version,
    .open = open_store,
    .load = load,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .scan = scan,
    .find = find,
    .put = put,
    .erase = erase,
    .batch = batch,
    .merge = merge,
};
