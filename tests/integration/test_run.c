/* The retry loop: attempts, deadlines, errors of the body, and that every attempt sees a moment of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

typedef struct body_state {
  khonsu_db *db;
  int conflicts_left; /* how often the body has another transaction interfere */
  int calls;
  khonsu_status returns;
  bool conflicts_seen; /* the error still held the last attempt's conflict when the body was called again */
} body_state;

/* Adds 1 to "counter"; while there are conflicts left, somebody else does so first. */
static khonsu_status increment(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  body_state *s = ctx;
  if (s->calls++ > 0 && error != NULL) s->conflicts_seen = error->conflict_count == 1;
  char value[64] = "0", next[32];
  get_text(txn, "counter", value);
  if (s->conflicts_left > 0) {
    s->conflicts_left--;
    put_text_now(s->db, "counter", value);
  }
  snprintf(next, sizeof next, "%d", atoi(value) + 1);
  put_text(txn, "counter", next);
  return s->returns != KHONSU_OK ? khonsu_error_set(error, s->returns, "the body says so") : KHONSU_OK;
}

static void conflicts_are_retried_until_it_commits(void **state) {
  (void)state;
  body_state s = {.db = open_memory(), .conflicts_left = 3};
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_run(s.db, NULL, increment, &s, &info, &error), KHONSU_OK);
  assert_int_equal(s.calls, 4);
  assert_int_equal(info.attempts, 4);
  assert_int_equal(info.version, stats_of(s.db).version);
  assert_true(s.conflicts_seen);
  assert_int_equal(error.conflict_count, 0); /* overcome */
  khonsu_txn *txn = begin_read_only(s.db);
  assert_text(txn, "counter", "1");
  khonsu_txn_free(&txn);
  close_db(&s.db);
}

static void a_deadline_ends_the_attempts(void **state) {
  (void)state;
  body_state s = {.db = open_memory(), .conflicts_left = 1000000000};
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.deadline_ms = 20;
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_run(s.db, &options, increment, &s, &info, &error), KHONSU_DEADLINE);
  assert_true(khonsu_status_is(error.status, KHONSU_CLASS_BUSY));
  assert_int_equal(error.conflict_count, 1); /* of the last attempt */
  assert_non_null(strstr(error.message, "deadline_ms = 20"));
  assert_non_null(strstr(error.message, "key 'counter'"));
  assert_int_equal(info.attempts, s.calls);
  assert_int_equal(stats_of(s.db).open_transactions, 0);
  khonsu_error_clear(&error);
  close_db(&s.db);
}

static void an_error_of_the_body_aborts_and_comes_back(void **state) {
  (void)state;
  body_state s = {.db = open_memory(), .returns = KHONSU_SCHEMA_MISMATCH};
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_run(s.db, NULL, increment, &s, NULL, &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "the body says so");
  assert_int_equal(s.calls, 1);
  khonsu_txn *txn = begin_read_only(s.db);
  assert_text(txn, "counter", NULL);
  khonsu_txn_free(&txn);
  khonsu_error_clear(&error);
  close_db(&s.db);
}

static khonsu_status read_counter(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  (void)error;
  *(bool *)ctx = get_text(txn, "counter", (char[64]){0});
  return KHONSU_OK;
}

static void a_body_that_only_reads_commits_at_its_snapshot(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  put_text_now(db, "counter", "1");
  bool found = false;
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  MUST(khonsu_run(db, &(khonsu_txn_options){KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true}, read_counter, &found,
                  &info, &err));
  assert_true(found);
  assert_int_equal(info.version, stats_of(db).version);
  close_db(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conflicts_are_retried_until_it_commits),
      cmocka_unit_test(a_deadline_ends_the_attempts),
      cmocka_unit_test(an_error_of_the_body_aborts_and_comes_back),
      cmocka_unit_test(a_body_that_only_reads_commits_at_its_snapshot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
