/* Reading as of a version or a time, of which one consistent cut is there: after overwriting, merging, reopening; and what is
 * not kept any more is said to be so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "folder.h"
#include "support.h"

static char folder[FOLDER_PATH_SIZE];
static khonsu_options options;
static khonsu_db *db;

static void open_db(void) { MUST(khonsu_open(folder, &options, &db, &err)); }

static void reopen(void) {
  close_db(&db);
  open_db();
}

static int begin_test(void **state) {
  (void)state;
  folder_make(folder);
  options = (khonsu_options)KHONSU_OPTIONS_INIT;
  options.durability = KHONSU_BUFFERED;
  options.retain_versions = 1000000;
  options.storage = "data_file_size=64K,merge_automatically=false";
  open_db();
  return 0;
}

static int end_test(void **state) {
  (void)state;
  close_db(&db);
  folder_remove(folder);
  return 0;
}

static khonsu_txn *begin_as_of(khonsu_version version) {
  khonsu_txn_options at = KHONSU_TXN_OPTIONS_INIT;
  at.as_of = version;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &at, &txn, &err));
  assert_int_equal(khonsu_txn_snapshot(txn), version);
  return txn;
}

enum { ROUNDS = 60, KEYS = 10 };

/* Round by round: every key says which it is, the counter as well; a table grows and is replaced every tenth round, and one
 * key is there in even rounds only. Returns the version. */
static khonsu_version write_round(int round) {
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  char key[16], value[32];
  snprintf(value, sizeof value, "%d", round);
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "key%d", i);
    put_text(txn, key, value);
  }
  if (round % 10 == 0) MUST(khonsu_delete(txn, khonsu_key("table"), &err));
  append_ids(txn, "table", (round % 10) * 1000, 1000);
  if (round % 2 == 0) put_text(txn, "even", value);
  else MUST(khonsu_delete(txn, khonsu_key("even"), &err));
  MUST(khonsu_add(txn, khonsu_key("count"), 1, &err));
  MUST(khonsu_commit(txn, &info, &err));
  khonsu_txn_free(&txn);
  return info.version;
}

static void assert_round(khonsu_txn *txn, int round) {
  char key[16], value[32];
  int64_t sum, count;
  uint64_t rows;
  snprintf(value, sizeof value, "%d", round);
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "key%d", i);
    assert_text(txn, key, value);
  }
  assert_text(txn, "even", round % 2 == 0 ? value : NULL);
  assert_text(txn, "never", NULL);
  MUST(khonsu_get_counter(txn, khonsu_key("count"), &count, &err));
  assert_int_equal(count, round + 1);
  sum_table(txn, "table", &sum, &rows);
  assert_int_equal(rows, (round % 10 + 1) * 1000);
  khonsu_scan *scan;
  khonsu_entry entry;
  int entries = 0;
  MUST(khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK) {
    assert_true(entry.version <= khonsu_txn_snapshot(txn));
    entries++;
  }
  assert_int_equal(entries, KEYS + 2 + (round % 2 == 0));
  khonsu_scan_free(&scan);
}

static void assert_rounds(const khonsu_version *versions, int from) {
  for (int round = from; round < ROUNDS; round += 7) {
    khonsu_txn *txn = begin_as_of(versions[round]);
    assert_round(txn, round);
    MUST_BE(KHONSU_READ_ONLY, khonsu_put_bytes(txn, khonsu_key("a"), khonsu_key("b"), &err));
    khonsu_txn_free(&txn);
  }
}

static void every_version_is_there(void **state) {
  (void)state;
  khonsu_version versions[ROUNDS];
  for (int round = 0; round < ROUNDS; round++) versions[round] = write_round(round);
  assert_rounds(versions, 0);
  MUST(khonsu_merge(db, NULL, &err));
  assert_rounds(versions, 1);
  reopen();
  assert_rounds(versions, 2);
  khonsu_txn *txn = begin_as_of(versions[15]);
  struct ArrowArrayStream stream;
  MUST(khonsu_get(txn, khonsu_key("table"), &stream, &err));
  khonsu_txn_free(&txn);
  khonsu_options forgetful = options;
  options.retain_versions = 0;
  reopen(); /* what is lent out outlives the policy, too */
  int64_t rows = 0;
  for (;;) {
    struct ArrowArray array;
    assert_int_equal(stream.get_next(&stream, &array), 0);
    if (array.release == NULL) break;
    rows += array.length;
    array.release(&array);
  }
  stream.release(&stream);
  assert_int_equal(rows, 6000);
  khonsu_txn_options at = KHONSU_TXN_OPTIONS_INIT;
  at.as_of = versions[15];
  MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_begin(db, &at, &txn, &err));
  MUST(khonsu_merge(db, NULL, &err));
  MUST(khonsu_check(folder, NULL, NULL, &err));
  options = forgetful;
}

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until clocks, of which the library's is a coarse one, say a later time. */
static uint64_t later(uint64_t than) {
  uint64_t now = now_ms();
  while (now <= than + 20) now = now_ms();
  return now;
}

static void by_time(void **state) {
  (void)state;
  khonsu_txn_options at = KHONSU_TXN_OPTIONS_INIT;
  khonsu_txn *txn;
  at.as_of_ms = now_ms() - 100000;
  MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_begin(db, &at, &txn, &err));
  khonsu_version first = write_round(0), second;
  uint64_t between = later(now_ms());
  later(between);
  second = write_round(1);
  for (int reopened = 0; reopened < 2; reopened++) {
    at.as_of_ms = between;
    MUST(khonsu_begin(db, &at, &txn, &err));
    assert_int_equal(khonsu_txn_snapshot(txn), first);
    assert_round(txn, 0);
    khonsu_txn_free(&txn);
    at.as_of_ms = now_ms() + 100000;
    MUST(khonsu_begin(db, &at, &txn, &err));
    assert_int_equal(khonsu_txn_snapshot(txn), second);
    khonsu_txn_free(&txn);
    reopen();
  }
}

static void what_cannot_be(void **state) {
  (void)state;
  khonsu_txn_options at = KHONSU_TXN_OPTIONS_INIT;
  khonsu_txn *txn;
  khonsu_version version = write_round(0);
  at.as_of = version + 1;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_begin(db, &at, &txn, &err));
  at.as_of = version;
  at.as_of_ms = 1;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_begin(db, &at, &txn, &err));
  at.as_of_ms = 0;
  at.isolation = KHONSU_READ_COMMITTED;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_begin(db, &at, &txn, &err));
  khonsu_db *memory = open_memory();
  at.isolation = KHONSU_SNAPSHOT;
  at.as_of = 1;
  MUST_BE(KHONSU_UNSUPPORTED, khonsu_begin(memory, &at, &txn, &err));
  close_db(&memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_version_is_there, begin_test, end_test),
      cmocka_unit_test_setup_teardown(by_time, begin_test, end_test),
      cmocka_unit_test_setup_teardown(what_cannot_be, begin_test, end_test),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
