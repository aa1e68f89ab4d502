/* Khonsu with a range of all keys of the data set, certified by one thread while another commits outside of it.
 *
 * The committer puts 100 bytes at one of 10,000 further keys per transaction, without a pause, from the moment that the
 * measuring thread enters. A watch counts its commits in a window of time:
 *   alone    nothing else happens in the window
 *   beside   before it, a serializable transaction has read the whole range and written a key; its commit, and so the
 *            certification of the range, begins and ends in the window
 * A window is a millisecond long at least: what stops the others for a shorter while hardly delays them, and must not
 * look as if it did. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "khonsu_store.h"
#include "machine.h"

enum { OUTSIDE_KEYS = 10000, WINDOW_US = 1000, WATCHER_CPU = 0, COMMITTER_CPU = 1 };

/* Above all hex digits: the end of the range. */
#define OUTSIDE_PREFIX "~"

typedef struct wide_store {
  khonsu_db *db;
  uint64_t keys;
} wide_store;

typedef struct wide_thread {
  wide_store *store;
  pthread_t committer;
  atomic_bool leaving;
  _Atomic uint64_t commits; /* written by the committer, read by the watcher */
} wide_thread;

static void put(khonsu_txn *txn, khonsu_slice key, uint64_t number) {
  khonsu_store_check(khonsu_put_bytes(txn, key, (khonsu_slice){input_value(number), VALUE_SIZE}, NULL),
                     "khonsu_put_bytes");
}

static void outside_key(uint64_t index, bench_key key) {
  input_key(index, key);
  key[0] = *OUTSIDE_PREFIX;
}

/* ---- the store */

static void load_one(khonsu_txn *txn, khonsu_slice key, uint64_t index) { put(txn, key, index); }

static void load_outside(khonsu_db *db) {
  khonsu_txn *txn = khonsu_store_begin(db);
  for (uint64_t i = 0; i < OUTSIDE_KEYS; i++) {
    bench_key key;
    outside_key(i, key);
    put(txn, slice_of_key(key), i);
  }
  khonsu_store_commit_alone(txn);
}

static void *open_store(const engine_config *config) {
  wide_store *store = engine_alloc(sizeof *store);
  *store = (wide_store){khonsu_store_open(config, load_one), config->keys};
  load_outside(store->db);
  return store;
}

static void close_store(void *opened) {
  wide_store *store = opened;
  khonsu_store_close(store->db);
  free(store);
}

/* ---- the two threads */

static void *commit_on(void *entered) {
  wide_thread *thread = entered;
  machine_pin_thread(COMMITTER_CPU);
  bench_prng prng = prng_seeded(OUTSIDE_KEYS);
  for (uint64_t commits = 0; !atomic_load_explicit(&thread->leaving, memory_order_relaxed);) {
    bench_key key;
    outside_key(prng_below(&prng, OUTSIDE_KEYS), key);
    khonsu_txn *txn = khonsu_store_begin(thread->store->db);
    put(txn, slice_of_key(key), commits);
    khonsu_store_commit_alone(txn);
    atomic_store_explicit(&thread->commits, ++commits, memory_order_relaxed);
  }
  return NULL;
}

static void *enter(void *store) {
  wide_thread *thread = engine_alloc(sizeof *thread);
  thread->store = store;
  machine_pin_thread(WATCHER_CPU);
  if (pthread_create(&thread->committer, NULL, commit_on, thread) != 0) engine_fail("cannot start a thread");
  return thread;
}

static void leave(void *entered) {
  wide_thread *thread = entered;
  atomic_store(&thread->leaving, true);
  pthread_join(thread->committer, NULL);
  free(thread);
}

/* ---- operations */

static khonsu_txn *read_range(const wide_store *store) {
  khonsu_txn *txn = khonsu_store_begin(store->db);
  khonsu_range range = {.end = KHONSU_KEY(OUTSIDE_PREFIX)};
  khonsu_scan *scan;
  khonsu_entry entry;
  khonsu_status status;
  uint64_t entries = 0;
  khonsu_store_check(khonsu_scan_open(txn, &range, NULL, &scan, NULL), "khonsu_scan_open");
  while ((status = khonsu_scan_next(scan, &entry, NULL)) == KHONSU_OK) entries++;
  if (status != KHONSU_END) khonsu_store_check(status, "khonsu_scan_next");
  if (entries != store->keys) engine_fail("the range has %llu keys", (unsigned long long)entries);
  khonsu_scan_free(&scan);
  return txn;
}

/* With a transaction to certify or, NULL, without. */
static void watch_window(wide_thread *thread, khonsu_txn *certified, engine_tally *seen) {
  uint64_t before = atomic_load_explicit(&thread->commits, memory_order_relaxed), began_ns = machine_now_ns(),
           passed_ns;
  if (certified != NULL) khonsu_store_commit_alone(certified);
  while ((passed_ns = machine_now_ns() - began_ns) < WINDOW_US * UINT64_C(1000))
    usleep(WINDOW_US - (useconds_t)(passed_ns / 1000));
  seen->operations += atomic_load_explicit(&thread->commits, memory_order_relaxed) - before;
  seen->elapsed_ns += passed_ns;
}

static void commits_alone(void *entered, engine_tally *seen) { watch_window(entered, NULL, seen); }

static void commits_beside(void *entered, engine_tally *seen) {
  wide_thread *thread = entered;
  khonsu_txn *txn = read_range(thread->store);
  put(txn, KHONSU_KEY(OUTSIDE_PREFIX "the watcher's"), 0);
  watch_window(thread, txn, seen);
}

const engine_ops engine_khonsu_wide = {
    .name = "khonsu-wide",
    .settings =
        "as khonsu, with 10,000 further keys after the others; one thread puts at these, one key per transaction; "
        "another reads all other keys in order, in serializable transactions that write one key",
    .version = khonsu_store_version,
    .open = open_store,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .commits_alone = commits_alone,
    .commits_beside = commits_beside,
};
