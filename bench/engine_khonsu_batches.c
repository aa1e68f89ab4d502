/* Khonsu, in memory or in a directory, with resident Arrow batches as values: reads lend them out, writes hand batches that Khonsu lent
 * out back to it, both by reference. Peers hold 100 bytes in place of the reference. */
#include <stdlib.h>

#include "batch.h"
#include "khonsu_store.h"

/* Few enough that what is stocked stays in the second-level cache until it is written. */
enum { STOCK_WRITES = 256 };

typedef struct batches_thread {
  khonsu_db *db;
  khonsu_txn *reader; /* of a series of gets */
  uint64_t keys;
  bench_prng prng;
  held_batch stock[STOCK_WRITES]; /* lent out by Khonsu, ready to be moved back in */
  unsigned stocked;
} batches_thread;

typedef struct batches_store {
  khonsu_db *db;
  uint64_t keys;
} batches_store;

static void load_one(khonsu_txn *txn, khonsu_slice key, uint64_t index) {
  held_batch value;
  batch_make_values(index, &value);
  khonsu_store_check(khonsu_put_batch(txn, key, &value.schema, &value.batch, NULL), "khonsu_put_batch");
}

static void *open_store(const engine_config *config) {
  batches_store *store = engine_alloc(sizeof *store);
  *store = (batches_store){khonsu_store_open(config, load_one), config->keys};
  return store;
}

static void *open_stored(const engine_config *config) {
  batches_store *store = engine_alloc(sizeof *store);
  *store = (batches_store){khonsu_store_open_stored(config), config->keys};
  khonsu_store_load(store->db, config->keys, load_one);
  return store;
}

static void close_store(void *opened) {
  batches_store *store = opened;
  khonsu_store_close(store->db);
  free(store);
}

static void *enter(void *opened) {
  batches_store *store = opened;
  batches_thread *thread = engine_alloc(sizeof *thread);
  thread->db = store->db;
  thread->keys = store->keys;
  thread->prng = prng_seeded(store->keys);
  return thread;
}

static void leave(void *entered) {
  batches_thread *thread = entered;
  while (thread->stocked > 0) batch_release(&thread->stock[--thread->stocked]);
  free(thread);
}

/* ---- reading */

typedef uint64_t touch_batch(const struct ArrowArray *batch);

static inline uint64_t read_one(khonsu_txn *txn, const char *key, touch_batch *touch) {
  struct ArrowArray batch;
  khonsu_store_check(khonsu_get_batch(txn, slice_of_key(key), NULL, &batch, NULL), "khonsu_get_batch");
  uint64_t sum = touch(&batch);
  batch.release(&batch);
  return sum;
}

static void series_begin(void *entered) {
  batches_thread *thread = entered;
  thread->reader = khonsu_store_begin_reading(thread->db);
}

static void series_end(void *entered) {
  batches_thread *thread = entered;
  khonsu_txn_free(&thread->reader);
}

static uint64_t get(void *entered, const char *key) {
  batches_thread *thread = entered;
  return read_one(thread->reader, key, batch_touch_reference);
}

static inline uint64_t read_in_txn(khonsu_db *db, const char *key, touch_batch *touch) {
  khonsu_txn *txn = khonsu_store_begin_reading(db);
  uint64_t sum = read_one(txn, key, touch);
  khonsu_txn_free(&txn);
  return sum;
}

static uint64_t read_txn(void *entered, const char *key) {
  batches_thread *thread = entered;
  return read_in_txn(thread->db, key, batch_touch_reference);
}

static uint64_t read_values(void *entered, const char *key) {
  batches_thread *thread = entered;
  return read_in_txn(thread->db, key, batch_touch_values);
}

/* ---- writing */

static void borrow(khonsu_txn *txn, const char *key, held_batch *lent) {
  khonsu_store_check(khonsu_get_batch(txn, slice_of_key(key), &lent->schema, &lent->batch, NULL), "khonsu_get_batch");
}

static void hand_back(khonsu_txn *txn, const char *key, held_batch *lent) {
  khonsu_store_check(khonsu_put_batch(txn, slice_of_key(key), &lent->schema, &lent->batch, NULL), "khonsu_put_batch");
}

/* Borrows the batches of random keys. */
static void stock(void *entered, unsigned writes) {
  batches_thread *thread = entered;
  khonsu_txn *txn = khonsu_store_begin_reading(thread->db);
  while (thread->stocked < writes) {
    bench_key key;
    input_key(prng_below(&thread->prng, thread->keys), key);
    borrow(txn, key, &thread->stock[thread->stocked++]);
  }
  khonsu_txn_free(&txn);
}

/* What the transaction writes is what it read, each batch to the next key; or, when it reads nothing, what was stocked.
 * A commit that conflicts consumes what it was to write, so a transaction tried again may find the stock empty. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  batches_thread *thread = entered;
  held_batch read[TXN_KEYS_MAX];
  if (asked->reads != 0 && asked->reads != asked->writes) engine_fail("batches that were read must be written");
  khonsu_txn *txn = khonsu_store_begin(thread->db);
  for (unsigned i = 0; i < asked->reads; i++) {
    borrow(txn, asked->keys[i], &read[i]);
    *sum += batch_touch_reference(&read[i].batch);
  }
  for (unsigned i = 0; i < asked->writes; i++) {
    if (asked->reads == 0 && thread->stocked == 0) stock(thread, asked->writes);
    hand_back(txn, asked->keys[i],
              asked->reads == 0 ? &thread->stock[--thread->stocked] : &read[(i + 1) % asked->reads]);
  }
  return khonsu_store_commit(txn);
}

const engine_ops engine_khonsu_batches = {
    .name = "khonsu-batches",
    .settings =
        "in memory, no storage, default options (serializable); each value a resident record batch of its own "
        "(10 rows of int64, float64, utf8), read and written by reference; peers hold 100 bytes instead",
    .version = khonsu_store_version,
    .open = open_store,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
    .read_values = read_values,
    .stock = stock,
    .stock_writes = STOCK_WRITES,
    .transact = transact,
};

const engine_ops engine_khonsu_batches_stored = {
    .name = "khonsu-batches in a directory",
    .settings = "as khonsu-batches, in a directory, commits buffered; what was written is still in memory",
    .version = khonsu_store_version,
    .open = open_stored,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
};
