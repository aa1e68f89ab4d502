/* Both horizons: memory falls again when snapshots end; one old snapshot pins only what it can see; an idle open
 * transaction holds nothing up. And exports outlive transaction and database. */
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { KEYS = 200, ROUNDS = 50 };

static void overwrite_all(khonsu_db *db, int round) {
  for (int i = 0; i < KEYS; i++) {
    char key[16], value[32];
    snprintf(key, sizeof key, "key%d", i);
    snprintf(value, sizeof value, "value%d", round);
    put_text_now(db, key, value);
  }
}

static void one_old_snapshot_pins_only_what_it_can_see(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  overwrite_all(db, 0);
  khonsu_txn *old = begin_read_only(db);
  for (int round = 1; round < ROUNDS; round++) overwrite_all(db, round);
  khonsu_stats stats = stats_of(db);
  assert_int_equal(stats.oldest_snapshot, khonsu_txn_snapshot(old));
  assert_true(stats.versions >= 2 * KEYS);
  assert_true(stats.versions <= 2 * KEYS + 600); /* what is new, what is old, and what has not been looked at yet */
  assert_text(old, "key7", "value0");
  khonsu_txn_free(&old);
  stats = stats_of(db); /* the end of the snapshot has the store reclaim, without another commit */
  assert_true(stats.versions <= KEYS + 300);
  close_db(&db);
}

static void snapshots_between_pin_their_own_versions(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  enum { SNAPSHOTS = 20 };
  khonsu_txn *snapshots[SNAPSHOTS];
  for (int i = 0; i < SNAPSHOTS; i++) {
    overwrite_all(db, 2 * i);
    snapshots[i] = begin_read_only(db);
    overwrite_all(db, 2 * i + 1); /* no snapshot sees this round */
  }
  assert_true(stats_of(db).versions <= (SNAPSHOTS + 1) * KEYS + 600);
  for (int i = 0; i < SNAPSHOTS; i += 2) khonsu_txn_free(&snapshots[i]);
  for (int i = 1; i < SNAPSHOTS; i += 2) {
    char expected[32];
    snprintf(expected, sizeof expected, "value%d", 2 * i);
    assert_text(snapshots[i], "key0", expected);
    assert_text(snapshots[i], "key199", expected);
  }
  for (int i = 1; i < SNAPSHOTS; i += 2) khonsu_txn_free(&snapshots[i]);
  assert_true(stats_of(db).versions <= KEYS + 300);
  close_db(&db);
}

/* Keys that are inserted and deleted leave nothing, even while an old read-only snapshot is open. */
static void deleted_keys_leave_no_records(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "first", "1");
  uint64_t before = stats_of(db).memory_bytes;
  khonsu_txn *old = begin_read_only(db);
  for (int i = 0; i < 5000; i++) {
    char key[16];
    snprintf(key, sizeof key, "key%d", i);
    put_text_now(db, key, "x");
    delete_now(db, key);
  }
  khonsu_stats stats = stats_of(db);
  assert_true(stats.records <= 600);
  assert_true(stats.memory_bytes < before + 200000);
  khonsu_txn_free(&old);
  close_db(&db);
}

/* A read-write transaction must be certified against deletions since it began: their tombstones wait for it. */
static void tombstones_wait_for_who_must_be_certified(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "x", "1");
  khonsu_txn *writer = begin_at(db, KHONSU_SNAPSHOT);
  delete_now(db, "x");
  for (int i = 0; i < 1000; i++) put_text_now(db, "other", "x");
  put_text(writer, "x", "2");
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(writer, NULL, &err));
  khonsu_txn_free(&writer);
  for (int i = 0; i < 1000; i++) put_text_now(db, "other", "x");
  assert_int_equal(stats_of(db).records, 1);
  close_db(&db);
}

/* A commit that makes room for itself may take out a tombstone that it has just been certified against. */
static void making_room_takes_tombstones_along(void **state) {
  (void)state;
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.memory_bytes_max = 20000;
  khonsu_db *db;
  MUST(khonsu_open(NULL, &options, &db, &err));
  static char value[9000];
  put_text_now(db, "x", "1");
  khonsu_txn *old = begin_at(db, KHONSU_SNAPSHOT); /* keeps the tombstone */
  delete_now(db, "x");
  for (int i = 0; i < 2; i++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    MUST(khonsu_put_bytes(txn, KHONSU_KEY("large"), (khonsu_slice){value, sizeof value}, &err));
    commit_and_free(&txn);
  }
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_bytes(txn, KHONSU_KEY("x"), (khonsu_slice){value, 5000}, &err));
  khonsu_txn_free(&old);
  commit_and_free(&txn);
  assert_int_equal(stats_of(db).records, 2);
  assert_true(stats_of(db).memory_bytes < 15000);
  delete_now(db, "x");
  put_text_now(db, "x", "2");
  khonsu_txn *reader = begin_read_only(db);
  assert_text(reader, "x", "2");
  khonsu_txn_free(&reader);
  close_db(&db);
}

static void large_values_are_reclaimed_soon(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  static char value[100000];
  for (int i = 0; i < 100; i++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    MUST(khonsu_put_bytes(txn, KHONSU_KEY("large"), (khonsu_slice){value, sizeof value}, &err));
    commit_and_free(&txn);
  }
  assert_true(stats_of(db).memory_bytes < 20 * sizeof value);
  close_db(&db);
}

/* The charge of a table's chunks follows the table through appends, and goes with it. */
static void a_replaced_table_gives_its_memory_back(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  uint64_t empty = stats_of(db).memory_bytes;
  for (int i = 0; i < 1000; i++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
    append_ids(txn, "table", i, 100);
    commit_and_free(&txn);
  }
  uint64_t full = stats_of(db).memory_bytes;
  assert_true(full - empty >= 1000 * 100 * sizeof(int64_t));
  put_text_now(db, "table", "replaced");
  for (int i = 0; i < 600; i++) put_text_now(db, "other", "x");
  assert_true(stats_of(db).memory_bytes < empty + 100000);
  close_db(&db);
}

static void expired_snapshots_get_an_error_and_never_a_wrong_answer(void **state) {
  (void)state;
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.snapshot_age_ms_max = 1;
  khonsu_db *db;
  MUST(khonsu_open(NULL, &options, &db, &err));
  put_text_now(db, "x", "1");
  khonsu_txn *reader = begin_read_only(db), *writer = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(writer, "y", "1");
  khonsu_status status = KHONSU_OK;
  while (status == KHONSU_OK) { /* commits go on until the snapshot is too old */
    put_text_now(db, "x", "2");
    khonsu_bytes bytes = {0};
    status = khonsu_get_bytes(reader, KHONSU_KEY("x"), &bytes, NULL);
    if (status == KHONSU_OK) assert_int_equal(*(const char *)bytes.data, '1');
    khonsu_bytes_release(&bytes);
  }
  assert_int_equal(status, KHONSU_SNAPSHOT_EXPIRED);
  MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_commit(reader, NULL, &err));
  MUST_BE(KHONSU_SNAPSHOT_EXPIRED, khonsu_commit(writer, NULL, &err));
  khonsu_txn_free(&reader);
  khonsu_txn_free(&writer);
  close_db(&db);
}

static void exports_outlive_transaction_and_database(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "bytes", "hello");
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  append_ids(txn, "table", 0, 10);
  append_ids(txn, "table", 10, 10);
  commit_and_free(&txn);
  txn = begin_read_only(db);
  khonsu_bytes bytes;
  struct ArrowArrayStream stream;
  MUST(khonsu_get_bytes(txn, KHONSU_KEY("bytes"), &bytes, &err));
  MUST(khonsu_get(txn, KHONSU_KEY("table"), &stream, &err));
  khonsu_txn_free(&txn);
  put_text_now(db, "bytes", "other");
  delete_now(db, "table");
  close_db(&db);
  assert_int_equal(bytes.size, 5);
  assert_memory_equal(bytes.data, "hello", 5);
  khonsu_bytes_release(&bytes);
  khonsu_bytes_release(&bytes); /* once more does nothing */
  int64_t rows = 0;
  struct ArrowArray batch;
  while (stream.get_next(&stream, &batch) == 0 && batch.release != NULL) {
    rows += batch.length;
    batch.release(&batch);
  }
  stream.release(&stream);
  assert_int_equal(rows, 20);
}

static void any_number_of_transactions_per_thread(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  enum { MANY = 3000 };
  static khonsu_txn *txns[MANY];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < MANY; i++) txns[i] = begin_at(db, KHONSU_SNAPSHOT);
    assert_int_equal(stats_of(db).open_transactions, MANY);
    MUST_BE(KHONSU_BUSY, khonsu_close(&db, &err));
    for (int i = 0; i < MANY; i++) khonsu_txn_free(&txns[i]);
    assert_int_equal(stats_of(db).open_transactions, 0);
  }
  close_db(&db);
  assert_null(db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_old_snapshot_pins_only_what_it_can_see),
      cmocka_unit_test(snapshots_between_pin_their_own_versions),
      cmocka_unit_test(deleted_keys_leave_no_records),
      cmocka_unit_test(tombstones_wait_for_who_must_be_certified),
      cmocka_unit_test(making_room_takes_tombstones_along),
      cmocka_unit_test(large_values_are_reclaimed_soon),
      cmocka_unit_test(a_replaced_table_gives_its_memory_back),
      cmocka_unit_test(expired_snapshots_get_an_error_and_never_a_wrong_answer),
      cmocka_unit_test(exports_outlive_transaction_and_database),
      cmocka_unit_test(any_number_of_transactions_per_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
