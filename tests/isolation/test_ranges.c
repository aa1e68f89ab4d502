/* Anomalies over ranges: phantoms by insert, delete and update, at every level; narrow ranges, which are certified in
 * the seat, and wide ones, which are certified outside it first. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fault_storage.h"
#include "support.h"
#include "txn/transaction.h"

static const khonsu_isolation levels[] = {KHONSU_READ_COMMITTED, KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ,
                                          KHONSU_SERIALIZABLE};
enum { LEVELS = 4, NARROW = 10, WIDE = 2000 };

/* Keys "r00000" to "r<count - 1>", and "s" after, "q" before them. */
static khonsu_db *open_with_range(int count) {
  khonsu_db *db = open_anywhere();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  char key[16];
  for (int i = 0; i < count; i++) {
    snprintf(key, sizeof key, "r%05d", i);
    put_text(txn, key, "1");
  }
  put_text(txn, "q", "1");
  put_text(txn, "s", "1");
  commit_and_free(&txn);
  return db;
}

/* Steps through at most `limit` entries of the range (0 = to its end), and returns how many there were. */
static int scan_range(khonsu_txn *txn, bool reverse, uint64_t limit) {
  khonsu_range range = {.prefix = KHONSU_KEY("r")};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.reverse = reverse;
  options.limit = limit;
  khonsu_scan *scan;
  khonsu_entry entry;
  MUST(khonsu_scan_open(txn, &range, &options, &scan, &err));
  int count = 0;
  khonsu_status status;
  while ((status = khonsu_scan_next(scan, &entry, NULL)) == KHONSU_OK) count++;
  assert_int_equal(status, KHONSU_END);
  khonsu_scan_free(&scan);
  return count;
}

static bool try_commit(khonsu_txn **txn, khonsu_conflict_kind *kind, char key[16]) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_commit(*txn, NULL, &error);
  if (status == KHONSU_CONFLICT) {
    *kind = error.conflicts[0].kind;
    snprintf(key, 16, "%.*s", (int)error.conflicts[0].key.size, (const char *)error.conflicts[0].key.data);
    assert_true(error.conflicts[0].winner != 0 && error.conflicts[0].winner_version != 0);
  } else {
    must_at(status, &error, "khonsu_commit", __FILE__, __LINE__);
  }
  khonsu_error_clear(&error);
  khonsu_txn_free(txn);
  return status == KHONSU_OK;
}

typedef void (*change)(khonsu_db *db);
static void insert_in_the_middle(khonsu_db *db) { put_text_now(db, "r00004x", "2"); }
static void insert_at_the_front(khonsu_db *db) { put_text_now(db, "r", "2"); }
static void insert_at_the_end(khonsu_db *db) { put_text_now(db, "rz", "2"); }
static void update_one(khonsu_db *db) { put_text_now(db, "r00005", "2"); }
static void delete_one(khonsu_db *db) { delete_now(db, "r00005"); }
static void insert_and_delete(khonsu_db *db) {
  put_text_now(db, "r00004x", "2");
  delete_now(db, "r00004x");
}
static void change_beside(khonsu_db *db) {
  put_text_now(db, "q", "2");
  put_text_now(db, "s", "2");
  put_text_now(db, "qz", "2");
}

/* Who scanned a range and writes elsewhere may commit only if nothing in it has changed: at serializable. */
static void phantoms(void **state) {
  (void)state;
  static const struct {
    change happens;
    const char *key; /* where; NULL: not in the range */
  } changes[] = {{insert_in_the_middle, "r00004x"},
                 {insert_at_the_front, "r"},
                 {insert_at_the_end, "rz"},
                 {update_one, "r00005"},
                 {delete_one, "r00005"},
                 {insert_and_delete, "r00004x"},
                 {change_beside, NULL}};
  static const int widths[] = {0, NARROW, WIDE};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
      for (int level = 0; level < LEVELS; level++)
        for (int reverse = 0; reverse < 2; reverse++) {
          if (widths[w] == 0 && changes[i].happens == delete_one) continue; /* nothing there to delete */
          khonsu_db *db = open_with_range(widths[w]);
          khonsu_txn *txn = begin_at(db, levels[level]);
          assert_int_equal(scan_range(txn, reverse != 0, 0), widths[w]);
          changes[i].happens(db);
          put_text(txn, "elsewhere", "1");
          khonsu_conflict_kind kind = 0;
          char key[16] = "";
          bool committed = try_commit(&txn, &kind, key);
          bool must_fail = levels[level] == KHONSU_SERIALIZABLE && changes[i].key != NULL;
          if (committed == must_fail)
            fail_msg("width %d, change %zu, level %d, reverse %d: commit %s", widths[w], i, (int)levels[level], reverse,
                     committed ? "went through" : "failed");
          if (!committed) {
            assert_int_equal(kind, KHONSU_CONFLICT_RANGE);
            assert_string_equal(key, changes[i].key);
          }
          close_anywhere(&db);
        }
}

/* Only what was stepped through is certified. */
static void what_was_not_stepped_to_does_not_count(void **state) {
  (void)state;
  for (int width = NARROW; width <= WIDE; width += WIDE - NARROW)
    for (int reverse = 0; reverse < 2; reverse++)
      for (int inside = 0; inside < 2; inside++) {
        khonsu_db *db = open_with_range(width);
        khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
        uint64_t half = (uint64_t)width / 2;
        scan_range(txn, reverse != 0, half);
        int last = reverse ? width - (int)half : (int)half - 1, beyond = reverse ? last - 1 : last + 1;
        char key[16], found[16] = "";
        snprintf(key, sizeof key, "r%05d", inside ? last : beyond);
        put_text_now(db, key, "2");
        put_text(txn, "elsewhere", "1");
        khonsu_conflict_kind kind = 0;
        assert_int_equal(try_commit(&txn, &kind, found), !inside);
        if (inside) assert_string_equal(found, key);
        close_anywhere(&db);
      }
}

/* A write of a key in a range that was scanned is not blind: no update is lost, at any level, absent keys included. */
static void scanned_keys_are_observed(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++)
    for (int absent = 0; absent < 2; absent++) {
      const char *key = absent ? "r00004x" : "r00005";
      khonsu_db *db = open_with_range(NARROW);
      khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
      options.isolation = levels[level];
      options.on_conflict = KHONSU_ON_CONFLICT_REPLACE; /* would win if it were blind */
      khonsu_txn *txn;
      MUST(khonsu_begin(db, &options, &txn, &err));
      scan_range(txn, false, 0);
      put_text(txn, key, "mine");
      put_text_now(db, key, "theirs");
      khonsu_conflict_kind kind = 0;
      char found[16] = "";
      assert_false(try_commit(&txn, &kind, found));
      assert_int_equal(kind, KHONSU_CONFLICT_UPDATE);
      assert_string_equal(found, key);
      close_anywhere(&db);
    }
}

/* G-single: above read committed a write that lands on a newer version takes the ranges along too. */
static void a_write_that_lands_later_takes_its_ranges_along(void **state) {
  (void)state;
  for (int width = NARROW; width <= WIDE; width += WIDE - NARROW)
    for (int level = 0; level < LEVELS; level++)
      for (int breaks = 0; breaks < 2; breaks++) {
        khonsu_db *db = open_with_range(width);
        khonsu_txn *txn = begin_at(db, levels[level]), *other = begin_at(db, levels[level]);
        scan_range(txn, false, 0);
        MUST(khonsu_add(txn, KHONSU_KEY("counter"), 1, &err));
        MUST(khonsu_add(other, KHONSU_KEY("counter"), 1, &err));
        if (breaks) put_text(other, "r00005", "2");
        commit_and_free(&other);
        khonsu_conflict_kind kind = 0;
        char key[16];
        assert_int_equal(try_commit(&txn, &kind, key), !breaks || levels[level] == KHONSU_READ_COMMITTED);
        if (kind != 0) assert_int_equal(kind, KHONSU_CONFLICT_RANGE);
        close_anywhere(&db);
      }
}

/* G2, write skew over a predicate: both find the range empty and fill it. */
static void write_skew_over_a_range(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with_range(0);
    khonsu_txn *one = begin_at(db, levels[level]), *two = begin_at(db, levels[level]);
    bool one_empty = scan_range(one, false, 0) == 0, two_empty = scan_range(two, false, 0) == 0;
    put_text(one, "r1", "1");
    put_text(two, "r2", "1");
    khonsu_conflict_kind kind;
    char key[16];
    bool first = try_commit(&one, &kind, key), second = try_commit(&two, &kind, key);
    assert_true(one_empty && two_empty);
    assert_int_equal(first && second, levels[level] != KHONSU_SERIALIZABLE);
    close_anywhere(&db);
  }
}

/* Opacity: a transaction that will abort sees one moment all the same, in points and ranges. */
static void a_doomed_transaction_sees_one_moment(void **state) {
  (void)state;
  for (int level = 1; level < LEVELS; level++) {
    khonsu_db *db = open_with_range(NARROW);
    khonsu_txn *txn = begin_at(db, levels[level]);
    assert_text(txn, "r00003", "1");
    put_text(txn, "r00003", "mine");
    put_text_now(db, "r00003", "2"); /* dooms it */
    delete_now(db, "r00004");
    put_text_now(db, "r00004x", "2");
    assert_text(txn, "r00004", "1");
    assert_text(txn, "r00004x", NULL);
    assert_int_equal(scan_range(txn, false, 0), NARROW);
    assert_int_equal(scan_range(txn, true, 0), NARROW);
    khonsu_conflict_kind kind;
    char key[16];
    assert_false(try_commit(&txn, &kind, key));
    close_anywhere(&db);
  }
}

/* ---- a wide range against what is logged, and against the group it commits in */

/* More commits than the log holds: the range is walked again. */
static void a_log_that_was_overrun_is_made_good(void **state) {
  (void)state;
  for (int breaks = 0; breaks < 2; breaks++) {
    khonsu_db *db = open_with_range(WIDE);
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    scan_range(txn, false, 0);
    if (breaks) put_text_now(db, "r00005", "2");
    for (int i = 0; i < KH_COMMIT_LOG_CAPACITY + 10; i++) put_text_now(db, "q", "2");
    put_text(txn, "elsewhere", "1");
    khonsu_conflict_kind kind;
    char key[16];
    assert_int_equal(try_commit(&txn, &kind, key), !breaks);
    close_anywhere(&db);
  }
}

typedef struct committer {
  khonsu_txn *txn;
  khonsu_status status;
  pthread_t thread;
} committer;

static void *run_committer(void *ctx) {
  committer *c = ctx;
  c->status = khonsu_commit(c->txn, NULL, NULL);
  return NULL;
}

/* In one group: the first member writes into the range that the second has scanned. */
static void a_member_of_the_group_breaks_the_range(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db;
  MUST(khonsu_open_with_storage(fault_storage_ops(), &storage, NULL, &db, &err));
  for (int inside = 0; inside < 2; inside++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    char key[16];
    for (int i = 0; i < WIDE; i++) {
      snprintf(key, sizeof key, "r%05d", i);
      put_text(txn, key, "1");
    }
    commit_and_free(&txn);
    committer first = {.txn = begin_at(db, KHONSU_SERIALIZABLE)}, second = {.txn = begin_at(db, KHONSU_SERIALIZABLE)},
              third = {.txn = begin_at(db, KHONSU_SERIALIZABLE)};
    put_text(first.txn, "first", "1");
    put_text(second.txn, inside ? "r00005" : "s", "2");
    scan_range(third.txn, false, 0);
    put_text(third.txn, "elsewhere", "1");
    fault_storage_hold(&storage, &storage.write_gate, true);
    assert_int_equal(pthread_create(&first.thread, NULL, run_committer, &first), 0);
    fault_storage_await(&storage, &storage.write_gate); /* holds the seat; the others queue up as one group */
    for (committer *c = &second;; c = &third) {
      assert_int_equal(pthread_create(&c->thread, NULL, run_committer, c), 0);
      while (!(atomic_load(&c->txn->request.state) & KH_ASLEEP)) sched_yield();
      if (c == &third) break;
    }
    fault_storage_hold(&storage, &storage.write_gate, false);
    committer *all[] = {&first, &second, &third};
    for (int i = 0; i < 3; i++) {
      pthread_join(all[i]->thread, NULL);
      assert_int_equal(all[i]->status, i == 2 && inside ? KHONSU_CONFLICT : KHONSU_OK);
      khonsu_txn_free(&all[i]->txn);
    }
  }
  close_anywhere(&db);
  fault_storage_fini(&storage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(phantoms),
      cmocka_unit_test(what_was_not_stepped_to_does_not_count),
      cmocka_unit_test(scanned_keys_are_observed),
      cmocka_unit_test(a_write_that_lands_later_takes_its_ranges_along),
      cmocka_unit_test(write_skew_over_a_range),
      cmocka_unit_test(a_doomed_transaction_sees_one_moment),
      cmocka_unit_test(a_log_that_was_overrun_is_made_good),
      cmocka_unit_test(a_member_of_the_group_breaks_the_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
