/* Snapshots that outlive transactions: shared between them and between threads, given up by age and by memory. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

static khonsu_snapshot *snapshot_of(khonsu_db *db) {
  khonsu_snapshot *snapshot;
  MUST(khonsu_snapshot_open(db, &snapshot, &err));
  return snapshot;
}

static khonsu_txn_options at(khonsu_snapshot *snapshot, bool read_only) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.snapshot = snapshot;
  options.read_only = read_only;
  return options;
}

static khonsu_txn *begin_in(khonsu_db *db, khonsu_snapshot *snapshot, bool read_only) {
  khonsu_txn_options options = at(snapshot, read_only);
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  assert_int_equal(khonsu_txn_snapshot(txn), khonsu_snapshot_version(snapshot));
  return txn;
}

static void transactions_share_a_moment_and_outlive_it(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "k", "1");
  khonsu_snapshot *first = snapshot_of(db);
  put_text_now(db, "k", "2");
  khonsu_snapshot *second = snapshot_of(db);
  delete_now(db, "k");
  assert_int_equal(stats_of(db).open_snapshots, 2);
  assert_int_equal(stats_of(db).oldest_snapshot, khonsu_snapshot_version(first));
  for (int i = 0; i < 600; i++) put_text_now(db, "other", "x"); /* has the store reclaim */
  khonsu_txn *one = begin_in(db, first, true), *two = begin_in(db, second, true), *three = begin_in(db, first, true);
  khonsu_snapshot_close(&first);
  khonsu_snapshot_close(&first); /* no-op */
  assert_null(first);
  for (int i = 0; i < 600; i++) put_text_now(db, "other", "y");
  assert_text(one, "k", "1");
  assert_text(two, "k", "2");
  assert_text(three, "k", "1");
  MUST_BE(KHONSU_BUSY, khonsu_close(&db, &err));
  khonsu_txn_free(&one);
  khonsu_txn_free(&two);
  khonsu_txn_free(&three);
  MUST_BE(KHONSU_BUSY, khonsu_close(&db, &err)); /* one snapshot is open */
  khonsu_snapshot_close(&second);
  close_db(&db);
}

/* Who begins at an old moment and writes is certified against everything since. */
static void writers_at_a_moment_are_certified_since(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "k", "1");
  put_text_now(db, "gone", "1");
  khonsu_snapshot *snapshot = snapshot_of(db);
  put_text_now(db, "k", "2");
  delete_now(db, "gone");
  for (int i = 0; i < 600; i++) put_text_now(db, "other", "x"); /* the tombstone must wait for the snapshot */
  khonsu_txn *txn = begin_in(db, snapshot, false);
  put_text(txn, "k", "3");
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  txn = begin_in(db, snapshot, false);
  assert_text(txn, "gone", "1");
  put_text(txn, "elsewhere", "1");
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  txn = begin_in(db, snapshot, false);
  put_text(txn, "elsewhere", "1");
  commit_and_free(&txn);
  khonsu_snapshot_close(&snapshot);
  close_db(&db);
}

static khonsu_status read_k(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  khonsu_bytes bytes;
  khonsu_status status = khonsu_get_bytes(txn, KHONSU_KEY("k"), &bytes, error);
  if (status != KHONSU_OK) return status;
  memcpy(ctx, bytes.data, 1);
  khonsu_bytes_release(&bytes);
  return status;
}

static void what_makes_no_sense_is_refused(void **state) {
  (void)state;
  khonsu_db *db = open_memory(), *other = open_memory();
  put_text_now(db, "k", "1");
  khonsu_snapshot *snapshot = snapshot_of(db);
  khonsu_txn *txn;
  khonsu_txn_options options = at(snapshot, false);
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_begin(other, &options, &txn, &err));
  char seen = 0;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_run(db, &options, read_k, &seen, NULL, &err));
  options.read_only = true;
  put_text_now(db, "k", "2");
  MUST(khonsu_run(db, &options, read_k, &seen, NULL, &err));
  assert_int_equal(seen, '1');
  options.isolation = KHONSU_READ_COMMITTED;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_begin(db, &options, &txn, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_snapshot_open(NULL, &snapshot, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_snapshot_open(db, NULL, &err));
  assert_int_equal(khonsu_snapshot_version(NULL), 0);
  khonsu_snapshot_close(&snapshot);
  close_db(&db);
  close_db(&other);
}

static khonsu_db *open_with(const char *option, const char *value) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  MUST(khonsu_options_set(&options, option, value, &err));
  khonsu_db *db;
  MUST(khonsu_open(NULL, &options, &db, &err));
  return db;
}

static void put_large(khonsu_db *db, const char *key) {
  static const char large[10000];
  khonsu_txn *txn = begin_at(db, KHONSU_READ_COMMITTED);
  MUST(khonsu_put_bytes(txn, khonsu_key(key), (khonsu_slice){large, sizeof large}, &err));
  commit_and_free(&txn);
}

/* Snapshots that keep too much are given up, the oldest first; what they kept goes, and who reads at them is told. */
static void the_oldest_is_given_up_for_memory(void **state) {
  (void)state;
  khonsu_db *db = open_with("pinned_bytes_max", "100000");
  khonsu_snapshot *snapshots[20];
  char key[16];
  for (int i = 0; i < 20; i++) { /* each keeps one version of 10 kB more */
    snprintf(key, sizeof key, "key%d", i);
    put_large(db, key);
    snapshots[i] = snapshot_of(db);
    put_large(db, key);
  }
  khonsu_txn *oldest = NULL;
  khonsu_txn_options options = at(snapshots[0], true);
  bool expired = khonsu_begin(db, &options, &oldest, NULL) == KHONSU_SNAPSHOT_EXPIRED;
  for (int i = 0; i < 300; i++) put_large(db, "other"); /* has the store reclaim */
  assert_true(stats_of(db).pinned_bytes > 0);
  assert_true(stats_of(db).pinned_bytes <= 100000);
  if (!expired) {
    bool exists;
    MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_exists(oldest, KHONSU_KEY("key0"), &exists, &err));
    khonsu_txn_free(&oldest);
  }
  MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_begin(db, &options, &oldest, &err));
  khonsu_txn *youngest = begin_in(db, snapshots[19], true);
  khonsu_txn_free(&youngest);
  for (int i = 0; i < 20; i++) khonsu_snapshot_close(&snapshots[i]);
  for (int i = 0; i < 300; i++) put_large(db, "other");
  assert_int_equal(stats_of(db).pinned_bytes, 0);
  close_db(&db);
}

static void figures_say_what_snapshots_keep(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_snapshot *snapshots[10];
  for (int i = 0; i < 10; i++) {
    put_large(db, "k");
    snapshots[i] = snapshot_of(db);
  }
  for (int i = 0; i < 300; i++) put_large(db, "k");
  assert_true(stats_of(db).longest_chain >= 10);
  assert_true(stats_of(db).pinned_bytes >= 9 * 10000 && stats_of(db).pinned_bytes < 12 * 10000);
  for (int i = 0; i < 10; i++) khonsu_snapshot_close(&snapshots[i]);
  for (int i = 0; i < 300; i++) put_large(db, "other");
  assert_int_equal(stats_of(db).pinned_bytes, 0);
  assert_true(stats_of(db).longest_chain <= 300);
  assert_true(stats_of(db).versions < 300);
  close_db(&db);
}

static void keys_that_are_lost_over_are_counted(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  char key[32];
  for (int i = 0; i < 200; i++) { /* one key often, and many once: more than are followed */
    snprintf(key, sizeof key, i % 2 == 0 ? "hot" : "cold%d", i);
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    put_text(txn, key, "mine");
    put_text_now(db, key, "theirs");
    MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
    khonsu_txn_free(&txn);
  }
  khonsu_hot_key keys[100];
  size_t count = 100;
  MUST(khonsu_stat_conflicts(db, keys, &count, &err));
  assert_int_equal(count, 64);
  assert_int_equal(keys[0].key.size, 3);
  assert_memory_equal(keys[0].key.data, "hot", 3);
  assert_true(keys[0].conflicts >= 100 && keys[0].conflicts - keys[0].uncertain <= 100);
  for (size_t i = 1; i < count; i++) assert_true(keys[i].conflicts <= keys[i - 1].conflicts);
  for (size_t i = 0; i < count; i++) khonsu_bytes_release(&keys[i].key);
  count = 1;
  MUST(khonsu_stat_conflicts(db, keys, &count, &err));
  assert_int_equal(count, 1);
  khonsu_bytes_release(&keys[0].key);
  count = 0;
  MUST(khonsu_stat_conflicts(db, NULL, &count, &err));
  count = 1;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_stat_conflicts(db, NULL, &count, &err));
  close_db(&db);
}

/* ---- threads: the sum of two accounts is the same at every shared moment, however it is read */

enum { ACCOUNTS = 16, TOTAL = 1600 };

typedef struct bank {
  khonsu_db *db;
  pthread_mutex_t mutex; /* of `shared` */
  khonsu_snapshot *shared;
  _Atomic bool stop;
  _Atomic uint64_t sums, expired;
} bank;

static void *transfer(void *ctx) {
  bank *b = ctx;
  for (unsigned i = 0; !atomic_load(&b->stop); i++) {
    char from[16], to[16];
    snprintf(from, sizeof from, "account%02u", i % ACCOUNTS);
    snprintf(to, sizeof to, "account%02u", i * 7 % ACCOUNTS);
    khonsu_txn *txn = begin_at(b->db, KHONSU_SNAPSHOT);
    MUST(khonsu_add(txn, khonsu_key(from), -1, &err));
    MUST(khonsu_add(txn, khonsu_key(to), 1, &err));
    khonsu_status status = khonsu_commit(txn, NULL, NULL); /* adds commute; but its snapshot may be given up too */
    assert_true(status == KHONSU_OK || status == KHONSU_SNAPSHOT_EXPIRED);
    khonsu_txn_free(&txn);
  }
  return NULL;
}

static int64_t sum_accounts(khonsu_txn *txn, bool scan, khonsu_status *status) {
  int64_t sum = 0, value;
  if (scan) {
    khonsu_range accounts = {.prefix = KHONSU_KEY("account")};
    khonsu_scan *opened;
    khonsu_entry entry;
    MUST(khonsu_scan_open(txn, &accounts, NULL, &opened, &err));
    while ((*status = khonsu_scan_next(opened, &entry, NULL)) == KHONSU_OK) sum += entry.counter;
    if (*status == KHONSU_END) *status = KHONSU_OK;
    khonsu_scan_free(&opened);
    return sum;
  }
  for (unsigned i = 0; i < ACCOUNTS; i++) {
    char key[16];
    snprintf(key, sizeof key, "account%02u", i);
    *status = khonsu_get_counter(txn, khonsu_key(key), &value, NULL);
    if (*status != KHONSU_OK) return 0;
    sum += value;
  }
  return sum;
}

static void *check_sums(void *ctx) {
  bank *b = ctx;
  for (unsigned i = 0; !atomic_load(&b->stop); i++) {
    pthread_mutex_lock(&b->mutex);
    if (i % 5 == 0) {
      khonsu_snapshot_close(&b->shared);
      MUST(khonsu_snapshot_open(b->db, &b->shared, &err));
    }
    khonsu_txn_options options = at(b->shared, true);
    khonsu_txn *txn;
    khonsu_status status = khonsu_begin(b->db, &options, &txn, NULL);
    pthread_mutex_unlock(&b->mutex);
    if (status == KHONSU_OK) {
      int64_t sum = sum_accounts(txn, i % 2 == 0, &status);
      if (status == KHONSU_OK) assert_int_equal(sum, TOTAL);
      khonsu_txn_free(&txn);
    }
    assert_true(status == KHONSU_OK || status == KHONSU_SNAPSHOT_EXPIRED);
    atomic_fetch_add(status == KHONSU_OK ? &b->sums : &b->expired, 1);
  }
  return NULL;
}

static void threads_share_snapshots_that_expire(void **state) {
  (void)state;
  bank b = {.db = open_with("pinned_bytes_max", "2000")};
  pthread_mutex_init(&b.mutex, NULL);
  for (unsigned i = 0; i < ACCOUNTS; i++) {
    char key[16];
    snprintf(key, sizeof key, "account%02u", i);
    khonsu_txn *txn = begin_at(b.db, KHONSU_SNAPSHOT);
    MUST(khonsu_put_counter(txn, khonsu_key(key), TOTAL / ACCOUNTS, &err));
    commit_and_free(&txn);
  }
  b.shared = snapshot_of(b.db);
  pthread_t threads[5];
  for (int i = 0; i < 5; i++) assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? transfer : check_sums, &b), 0);
  uint64_t enough = test_steps(2000, 2000000);
  while (atomic_load(&b.sums) < enough) sched_yield();
  atomic_store(&b.stop, true);
  for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
  print_message("sums=%llu expired=%llu\n", (unsigned long long)b.sums, (unsigned long long)b.expired);
  khonsu_snapshot_close(&b.shared);
  pthread_mutex_destroy(&b.mutex);
  close_db(&b.db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transactions_share_a_moment_and_outlive_it),
      cmocka_unit_test(writers_at_a_moment_are_certified_since),
      cmocka_unit_test(what_makes_no_sense_is_refused),
      cmocka_unit_test(the_oldest_is_given_up_for_memory),
      cmocka_unit_test(figures_say_what_snapshots_keep),
      cmocka_unit_test(keys_that_are_lost_over_are_counted),
      cmocka_unit_test(threads_share_snapshots_that_expire),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
