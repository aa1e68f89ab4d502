/* A database ten times as large as the memory it may use: whatever has left memory is read again, as of the moment it is asked
 * for, and certified as if it had stayed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "folder.h"
#include "support.h"

enum { PAIRS = 2000, VALUE = 1000, MEMORY = 400 << 10, WRITERS = 2, READERS = 2 };

typedef struct shared {
  khonsu_db *db;
  _Atomic bool stop;
  _Atomic uint64_t commits, conflicts, reads, scans;
} shared;

static char folder[FOLDER_PATH_SIZE];
static shared all;

static void key_of(int pair, int side, char key[32]) { snprintf(key, 32, "%c%06d", side ? 'b' : 'a', pair); }

/* Both of a pair are written together: at any moment they say the same. */
static void write_pair(khonsu_txn *txn, int pair, uint64_t number) {
  static const char filler[VALUE];
  char value[VALUE];
  memcpy(value, filler, sizeof value);
  snprintf(value, sizeof value, "%d %llu", pair, (unsigned long long)number);
  for (int side = 0; side < 2; side++) {
    char key[32];
    key_of(pair, side, key);
    MUST(khonsu_put_bytes(txn, khonsu_key(key), (khonsu_slice){value, sizeof value}, &err));
  }
}

static uint64_t read_side(khonsu_txn *txn, int pair, int side) {
  char key[32];
  khonsu_bytes value = {NULL, 0, NULL, NULL};
  key_of(pair, side, key);
  MUST(khonsu_get_bytes(txn, khonsu_key(key), &value, &err));
  int found = -1;
  unsigned long long number = 0;
  assert_int_equal(value.size, VALUE);
  assert_int_equal(sscanf(value.data, "%d %llu", &found, &number), 2);
  assert_int_equal(found, pair);
  khonsu_bytes_release(&value);
  return number;
}

static uint64_t read_pair(khonsu_txn *txn, int pair) {
  uint64_t a = read_side(txn, pair, 0), b = read_side(txn, pair, 1);
  assert_int_equal(a, b);
  return a;
}

/* Reads a pair and writes it one greater; now and then blindly, or another one than was read. */
static void *write_on(void *ctx) {
  kh_prng prng = {*(const uint64_t *)ctx};
  while (!atomic_load(&all.stop)) {
    static const khonsu_isolation levels[] = {KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ, KHONSU_SERIALIZABLE};
    int pair = (int)kh_prng_below(&prng, PAIRS);
    khonsu_txn *txn = begin_at(all.db, levels[kh_prng_below(&prng, 3)]);
    uint64_t number = read_pair(txn, pair);
    write_pair(txn, pair, number + 1);
    MUST(khonsu_add(txn, khonsu_key("sum"), 1, &err));
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = khonsu_commit(txn, NULL, &error);
    if (status != KHONSU_OK && status != KHONSU_CONFLICT) print_error("%s\n", error.message);
    assert_true(status == KHONSU_OK || status == KHONSU_CONFLICT);
    khonsu_error_clear(&error);
    atomic_fetch_add(status == KHONSU_OK ? &all.commits : &all.conflicts, 1);
    khonsu_txn_free(&txn);
  }
  return NULL;
}

static void *read_on(void *ctx) {
  kh_prng prng = {*(const uint64_t *)ctx};
  while (!atomic_load(&all.stop)) {
    khonsu_txn *txn = begin_read_only(all.db);
    for (int i = 0; i < 10; i++) read_pair(txn, (int)kh_prng_below(&prng, PAIRS));
    khonsu_txn_free(&txn);
    atomic_fetch_add(&all.reads, 10);
  }
  return NULL;
}

/* All of it, in order, at one moment: the sum of all numbers is the counter. */
static uint64_t scan_all(khonsu_txn *txn) {
  khonsu_scan *scan;
  khonsu_entry entry;
  khonsu_error error = KHONSU_ERROR_INIT;
  uint64_t sums[2] = {0, 0}, entries = 0;
  int64_t counter = 0;
  khonsu_status status;
  MUST(khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  while ((status = khonsu_scan_next(scan, &entry, &error)) == KHONSU_OK) {
    unsigned long long number;
    int pair;
    if (entry.type == KHONSU_COUNTER) {
      counter = entry.counter;
      continue;
    }
    assert_int_equal(sscanf(entry.bytes.data, "%d %llu", &pair, &number), 2);
    sums[((const char *)entry.key.data)[0] == 'b'] += number;
    entries++;
  }
  if (status != KHONSU_END) fail_msg("scan: %s", error.message);
  khonsu_scan_free(&scan);
  assert_int_equal(entries, 2 * PAIRS);
  assert_int_equal(sums[0], sums[1]);
  assert_int_equal(sums[0], counter);
  return sums[0];
}

static void fill(void) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.durability = KHONSU_BUFFERED;
  options.memory_bytes_max = MEMORY;
  options.storage = "data_file_size=1M,merge_idle_ms=0";
  folder_make(folder);
  MUST(khonsu_open(folder, &options, &all.db, &err));
  for (int pair = 0; pair < PAIRS; pair += 20) {
    khonsu_txn *txn = begin_at(all.db, KHONSU_SERIALIZABLE);
    for (int i = pair; i < pair + 20; i++) write_pair(txn, i, 0);
    commit_and_free(&txn);
    assert_true(stats_of(all.db).memory_bytes <= MEMORY);
  }
  khonsu_txn *txn = begin_at(all.db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_counter(txn, khonsu_key("sum"), 0, &err));
  commit_and_free(&txn);
}

static void clear(void) {
  close_db(&all.db);
  MUST(khonsu_check(folder, NULL, NULL, &err));
  folder_remove(folder);
}

static void a_working_set_larger_than_memory(void **state) {
  (void)state;
  uint64_t rounds = test_steps(20, 1000);
  fill();
  khonsu_snapshot *old = NULL;
  MUST(khonsu_snapshot_open(all.db, &old, &err));
  pthread_t threads[WRITERS + READERS];
  uint64_t seeds[WRITERS + READERS], seed = test_seed();
  for (int i = 0; i < WRITERS + READERS; i++) {
    seeds[i] = seed + (uint64_t)i;
    assert_int_equal(pthread_create(&threads[i], NULL, i < WRITERS ? write_on : read_on, &seeds[i]), 0);
  }
  uint64_t last = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    khonsu_txn *txn = begin_read_only(all.db);
    uint64_t sum = scan_all(txn);
    assert_true(sum >= last);
    last = sum;
    khonsu_txn_free(&txn);
    assert_true(stats_of(all.db).memory_bytes <= MEMORY + (64 << 10));
  }
  atomic_store(&all.stop, true);
  for (int i = 0; i < WRITERS + READERS; i++) pthread_join(threads[i], NULL);
  khonsu_txn_options at_old = KHONSU_TXN_OPTIONS_INIT;
  at_old.snapshot = old;
  khonsu_txn *txn;
  MUST(khonsu_begin(all.db, &at_old, &txn, &err));
  assert_int_equal(scan_all(txn), 0); /* the snapshot of the beginning sees the beginning */
  for (int pair = 0; pair < PAIRS; pair += 7) assert_int_equal(read_pair(txn, pair), 0);
  khonsu_txn_free(&txn);
  khonsu_snapshot_close(&old);
  txn = begin_read_only(all.db);
  assert_int_equal(scan_all(txn), atomic_load(&all.commits));
  khonsu_txn_free(&txn);
  print_message("%llu commits, %llu conflicts, %llu pairs read, %llu scans\n",
                (unsigned long long)atomic_load(&all.commits), (unsigned long long)atomic_load(&all.conflicts),
                (unsigned long long)atomic_load(&all.reads), (unsigned long long)rounds);
  clear();
}

/* Rows that come to a table which has left memory since they were staged come to all of it. */
static void appends_to_what_was_forgotten(void **state) {
  (void)state;
  fill();
  khonsu_txn *txn = begin_at(all.db, KHONSU_SERIALIZABLE);
  append_ids(txn, "t", 0, 1000);
  commit_and_free(&txn);
  for (int i = 1; i < 10; i++) {
    txn = begin_at(all.db, KHONSU_SNAPSHOT);
    append_ids(txn, "t", i * 1000, 1000);
    MUST(khonsu_add(txn, khonsu_key("sum"), 1, &err));
    for (int pair = 0; pair < PAIRS; pair += 5) { /* pushes all else out */
      khonsu_txn *reader = begin_read_only(all.db);
      read_pair(reader, pair);
      khonsu_txn_free(&reader);
    }
    commit_and_free(&txn);
  }
  txn = begin_read_only(all.db);
  int64_t sum, counter;
  uint64_t rows;
  sum_table(txn, "t", &sum, &rows);
  assert_int_equal(rows, 10000);
  assert_int_equal(sum, 10000 * 9999 / 2);
  MUST(khonsu_get_counter(txn, khonsu_key("sum"), &counter, &err));
  assert_int_equal(counter, 9);
  khonsu_txn_free(&txn);
  clear();
}

/* What changed since the snapshot has left memory: the storage says so. */
static void writing_at_a_snapshot_of_long_ago(void **state) {
  (void)state;
  fill();
  khonsu_snapshot *old = NULL;
  MUST(khonsu_snapshot_open(all.db, &old, &err));
  for (int pair = 0; pair < PAIRS; pair++) {
    khonsu_txn *txn = begin_at(all.db, KHONSU_SERIALIZABLE);
    write_pair(txn, pair, 1);
    commit_and_free(&txn);
  }
  khonsu_txn_options at_old = KHONSU_TXN_OPTIONS_INIT;
  at_old.snapshot = old;
  for (int pair = 0; pair < PAIRS; pair += 50) {
    khonsu_txn *txn;
    MUST(khonsu_begin(all.db, &at_old, &txn, &err));
    assert_int_equal(read_pair(txn, pair), 0);
    write_pair(txn, pair, 2);
    khonsu_status status = khonsu_commit(txn, NULL, NULL);
    assert_int_equal(status, KHONSU_CONFLICT);
    khonsu_txn_free(&txn);
  }
  khonsu_txn *txn;
  khonsu_scan *scan;
  khonsu_entry entry;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_range range = {.first = KHONSU_KEY("a000100"), .end = KHONSU_KEY("a000110")};
  MUST(khonsu_begin(all.db, &at_old, &txn, &err));
  MUST(khonsu_scan_open(txn, &range, NULL, &scan, &err));
  while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK) continue;
  khonsu_scan_free(&scan);
  put_text(txn, "new", "1");
  assert_int_equal(khonsu_commit(txn, NULL, &error), KHONSU_CONFLICT);
  assert_int_equal(error.conflict_count, 1);
  assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_RANGE);
  assert_memory_equal(error.conflicts[0].key.data, "a00010", 6);
  khonsu_error_clear(&error);
  khonsu_txn_free(&txn);
  khonsu_snapshot_close(&old);
  clear();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_working_set_larger_than_memory),
      cmocka_unit_test(appends_to_what_was_forgotten),
      cmocka_unit_test(writing_at_a_snapshot_of_long_ago),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
