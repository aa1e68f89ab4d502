/* What calls ask for in memory must be in proportion to what they are given, not to what was given before. Measured in
 * bytes asked for, which are the same in each run. */
#include "fail_alloc.h"
#include "support.h"

static const char *const id_column[] = {"id"};

/* By so many upserts of one row each, in one transaction. */
static uint64_t bytes_of_upserts(khonsu_db *db, int count, int keys) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_set_key_columns(txn, id_column, 1, &err));
  (void)fail_alloc_take_bytes();
  for (int i = 0; i < count; i++) append_ids(txn, "t", i % keys, 1);
  commit_and_free(&txn);
  return fail_alloc_take_bytes();
}

static void blind_upserts_of_one_transaction(void **state) {
  (void)state;
  for (int keys = 7; keys <= 7000; keys *= 1000) {
    khonsu_db *db = open_memory();
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    append_ids(txn, "t", 0, 100);
    commit_and_free(&txn);
    uint64_t few = bytes_of_upserts(db, 100, keys), many = bytes_of_upserts(db, 3200, keys);
    assert_in_range(many, few, 64 * few);
    close_db(&db);
  }
}

static uint64_t bytes_of_reads(khonsu_txn *txn, int count) {
  (void)fail_alloc_take_bytes();
  for (int i = 0; i < count; i++) {
    struct ArrowArrayStream rows;
    MUST(khonsu_get(txn, KHONSU_KEY("t"), &rows, &err));
    rows.release(&rows);
  }
  return fail_alloc_take_bytes();
}

/* The table as it is with them is made when it is first read. */
static void reading_back_blind_upserts(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, "t", 0, 5000);
  commit_and_free(&txn);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_set_key_columns(txn, id_column, 1, &err));
  for (int round = 0; round < 3; round++) {
    append_ids(txn, "t", 4990 + 7 * round, 20);
    uint64_t first = bytes_of_reads(txn, 1), others = bytes_of_reads(txn, 20);
    assert_true(others < first);
    int64_t sum;
    uint64_t rows;
    sum_table(txn, "t", &sum, &rows);
    assert_int_equal(rows, 5010 + 7 * round);
  }
  khonsu_txn_free(&txn);
  close_db(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blind_upserts_of_one_transaction),
      cmocka_unit_test(reading_back_blind_upserts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
