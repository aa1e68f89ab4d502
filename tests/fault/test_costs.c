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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(blind_upserts_of_one_transaction)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
