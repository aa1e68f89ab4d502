/* Scans under writers that insert and delete: every scan, at every level but read committed, sees each pair of keys with
 * exactly one of the two; at serializable a transaction that counted a range and wrote the count is never wrong. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { PAIRS = 300, WRITERS = 2, SCANNERS = 2, COUNTERS = 1 };

typedef struct shared {
  khonsu_db *db;
  uint64_t scans_wanted;
  _Atomic uint64_t scans, expired, counts, flips;
  _Atomic bool stop;
} shared;

static void name(char key[16], char side, int pair) { snprintf(key, 16, "%c%05d", side, pair); }

/* Moves a pair from one side to the other: one key goes, another comes. */
static khonsu_status flip(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  char left[16], right[16];
  bool on_left;
  name(left, 'l', *(int *)ctx);
  name(right, 'r', *(int *)ctx);
  khonsu_status status = khonsu_exists(txn, khonsu_key(left), &on_left, error);
  if (status != KHONSU_OK) return status;
  status = khonsu_delete(txn, khonsu_key(on_left ? left : right), error);
  if (status != KHONSU_OK) return status;
  return khonsu_put_bytes(txn, khonsu_key(on_left ? right : left), khonsu_key("here"), error);
}

static void *run_writer(void *ctx) {
  shared *s = ctx;
  for (unsigned i = 1; !atomic_load(&s->stop); i++) {
    int pair = (int)(i * 2654435761u >> 8) % PAIRS;
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = khonsu_run(s->db, NULL, flip, &pair, NULL, &error);
    if (status != KHONSU_SNAPSHOT_EXPIRED) must_at(status, &error, "khonsu_run", __FILE__, __LINE__);
    khonsu_error_clear(&error);
    atomic_fetch_add(&s->flips, 1);
  }
  return NULL;
}

/* END if all of the range was stepped through; each pair seen is marked. */
static khonsu_status scan_pairs(khonsu_txn *txn, bool reverse, char seen[PAIRS], int *count) {
  khonsu_range range = {.first = khonsu_key("l"), .end = khonsu_key("s")};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.reverse = reverse;
  khonsu_scan *scan;
  khonsu_entry entry;
  char last[16] = "";
  MUST(khonsu_scan_open(txn, &range, &options, &scan, &err));
  khonsu_status status;
  for (*count = 0; (status = khonsu_scan_next(scan, &entry, NULL)) == KHONSU_OK; ++*count) {
    char key[16];
    snprintf(key, sizeof key, "%.*s", (int)entry.key.size, (const char *)entry.key.data);
    if (*count > 0) assert_true((strcmp(key, last) < 0) == reverse);
    memcpy(last, key, sizeof last);
    seen[atoi(key + 1)]++;
  }
  khonsu_scan_free(&scan);
  return status;
}

static void *run_scanner(void *ctx) {
  shared *s = ctx;
  for (unsigned i = 0; atomic_load(&s->scans) < s->scans_wanted; i++) {
    khonsu_snapshot *snapshot;
    MUST(khonsu_snapshot_open(s->db, &snapshot, &err));
    for (int again = 0; again < 3; again++) { /* the same moment, seen again later */
      khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
      options.read_only = true;
      options.snapshot = snapshot;
      khonsu_txn *txn;
      khonsu_status status = khonsu_begin(s->db, &options, &txn, NULL);
      char seen[PAIRS] = {0};
      int count = 0;
      if (status == KHONSU_OK) {
        status = scan_pairs(txn, i % 2 != 0, seen, &count);
        khonsu_txn_free(&txn);
      }
      if (status == KHONSU_SNAPSHOT_EXPIRED) {
        atomic_fetch_add(&s->expired, 1);
        break;
      }
      assert_int_equal(status, KHONSU_END);
      assert_int_equal(count, PAIRS);
      for (int pair = 0; pair < PAIRS; pair++) assert_int_equal(seen[pair], 1);
      atomic_fetch_add(&s->scans, 1);
    }
    khonsu_snapshot_close(&snapshot);
  }
  return NULL;
}

/* How many stand on the left, written beside them, certified together. */
static khonsu_status count_left(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  (void)ctx;
  khonsu_range left = {.prefix = khonsu_key("l")};
  khonsu_scan *scan;
  khonsu_entry entry;
  int64_t count = 0;
  khonsu_status status = khonsu_scan_open(txn, &left, NULL, &scan, error);
  if (status != KHONSU_OK) return status;
  while ((status = khonsu_scan_next(scan, &entry, error)) == KHONSU_OK) count++;
  khonsu_scan_free(&scan);
  return status == KHONSU_END ? khonsu_put_counter(txn, khonsu_key("count"), count, error) : status;
}

static void *run_counter(void *ctx) {
  shared *s = ctx;
  while (!atomic_load(&s->stop)) {
    khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
    options.deadline_ms = 20; /* writers may be too quick for it */
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    if (khonsu_run(s->db, &options, count_left, NULL, &info, NULL) == KHONSU_OK) atomic_fetch_add(&s->counts, 1);
  }
  return NULL;
}

static void scans_hold_under_writers(void **state) {
  (void)state;
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.pinned_bytes_max = 2000;
  shared s = {.scans_wanted = test_steps(300, 300000)};
  MUST(khonsu_open(NULL, &options, &s.db, &err));
  khonsu_txn *txn = begin_at(s.db, KHONSU_SERIALIZABLE);
  for (int pair = 0; pair < PAIRS; pair++) {
    char key[16];
    name(key, pair % 2 == 0 ? 'l' : 'r', pair);
    put_text(txn, key, "here");
  }
  commit_and_free(&txn);
  pthread_t threads[WRITERS + SCANNERS + COUNTERS];
  void *(*const runs[])(void *) = {run_writer, run_writer, run_scanner, run_scanner, run_counter};
  for (int i = 0; i < WRITERS + SCANNERS + COUNTERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &s), 0);
  for (int i = WRITERS; i < WRITERS + SCANNERS; i++) pthread_join(threads[i], NULL);
  atomic_store(&s.stop, true);
  for (int i = 0; i < WRITERS + SCANNERS + COUNTERS; i++)
    if (i < WRITERS || i >= WRITERS + SCANNERS) pthread_join(threads[i], NULL);
  print_message("scans=%llu expired=%llu counts=%llu flips=%llu\n", (unsigned long long)s.scans,
                (unsigned long long)s.expired, (unsigned long long)s.counts, (unsigned long long)s.flips);
  close_db(&s.db);
}

/* Old versions go while one old snapshot stays: what the store holds does not grow with what is written. */
static void churn_under_an_old_snapshot_holds_a_bounded_memory(void **state) {
  (void)state;
  enum { KEYS = 500 };
  khonsu_db *db = open_memory();
  char key[16];
  for (int i = 0; i < KEYS; i++) {
    name(key, 'k', i);
    put_text_now(db, key, "first");
  }
  khonsu_snapshot *old;
  MUST(khonsu_snapshot_open(db, &old, &err));
  uint64_t steps = test_steps(50000, 5000000000), most = 0, early = 0;
  for (uint64_t i = 0; i < steps; i++) {
    name(key, 'k', (int)(i * 7919 % (2 * KEYS))); /* half of the keys come and go */
    if (i % 3 == 0) delete_now(db, key);
    else put_text_now(db, key, "later");
    if (i % 1024 != 0) continue;
    uint64_t held = stats_of(db).memory_bytes;
    if (held > most) most = held;
    if (i <= steps / 10) early = most;
  }
  if (most > early + early / 5)
    fail_msg("%llu bytes, %llu early on", (unsigned long long)most, (unsigned long long)early);
  print_message("steps=%llu memory_bytes=%llu\n", (unsigned long long)steps, (unsigned long long)most);
  assert_true(stats_of(db).versions < 5 * KEYS);
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.snapshot = old;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  for (int i = 0; i < KEYS; i++) {
    name(key, 'k', i);
    assert_text(txn, key, "first");
  }
  khonsu_txn_free(&txn);
  khonsu_snapshot_close(&old);
  close_db(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scans_hold_under_writers),
      cmocka_unit_test(churn_under_an_old_snapshot_holds_a_bounded_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
