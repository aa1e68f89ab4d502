/* Idempotency tokens: a commit happens once, however often and by however many it is tried; and one can ask. In memory, over a
 * user's storage, and in a directory, across its reopening. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "support.h"

typedef enum place { IN_MEMORY, USERS_STORAGE, DIRECTORY } place;

typedef struct test_db {
  place place;
  char folder[FOLDER_PATH_SIZE];
  void *storage;
  khonsu_options options;
  khonsu_db *db;
} test_db;

static void open_db(test_db *test) {
  if (test->place == USERS_STORAGE)
    MUST(khonsu_open_with_storage(khonsu_storage_memory(), test->storage, &test->options, &test->db, &err));
  else MUST(khonsu_open(test->place == DIRECTORY ? test->folder : NULL, &test->options, &test->db, &err));
}

static int begin_test(void **state) {
  test_db *test = calloc(1, sizeof *test);
  assert_non_null(test);
  test->place = *(const place *)*state;
  test->options = (khonsu_options)KHONSU_OPTIONS_INIT;
  if (test->place == DIRECTORY) folder_make(test->folder);
  if (test->place == USERS_STORAGE) MUST(khonsu_storage_memory_new(&test->storage, &err));
  open_db(test);
  *state = test;
  return 0;
}

static int end_test(void **state) {
  test_db *test = *state;
  close_db(&test->db);
  if (test->place == DIRECTORY) folder_remove(test->folder);
  khonsu_storage_memory_free(&test->storage);
  free(test);
  return 0;
}

static khonsu_txn *begin_with(khonsu_db *db, const khonsu_token *token) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.token = token;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  return txn;
}

/* Adds one to the counter; once for each token. */
static khonsu_status add_once(khonsu_db *db, const khonsu_token *token, khonsu_commit_info *info) {
  khonsu_txn *txn = begin_with(db, token);
  MUST(khonsu_add(txn, khonsu_key("n"), 1, &err));
  khonsu_status status = khonsu_commit(txn, info, NULL);
  khonsu_txn_free(&txn);
  return status;
}

static int64_t counter(khonsu_db *db) {
  khonsu_txn *txn = begin_read_only(db);
  int64_t value = 0;
  khonsu_status status = khonsu_get_counter(txn, khonsu_key("n"), &value, NULL);
  assert_true(status == KHONSU_OK || status == KHONSU_NOT_FOUND);
  khonsu_txn_free(&txn);
  return value;
}

static void assert_outcome(khonsu_db *db, const khonsu_token *token, bool fence, khonsu_outcome expected,
                           khonsu_version version) {
  khonsu_outcome outcome;
  khonsu_version found = 0;
  MUST(khonsu_commit_status(db, token, fence, &outcome, &found, &err));
  assert_int_equal(outcome, expected);
  assert_int_equal(found, version);
}

static void a_commit_is_once(void **state) {
  test_db *test = *state;
  khonsu_token token, other;
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_token_new(&token);
  khonsu_token_new(&other);
  assert_outcome(test->db, &token, false, KHONSU_OUTCOME_UNSEEN, 0);
  assert_int_equal(add_once(test->db, &token, &info), KHONSU_OK);
  khonsu_version version = info.version;
  assert_false(info.repeated);
  put_text_now(test->db, "a", "1");
  assert_int_equal(add_once(test->db, &token, &info), KHONSU_OK);
  assert_int_equal(info.version, version);
  assert_true(info.repeated);
  assert_int_equal(counter(test->db), 1);
  assert_outcome(test->db, &token, true, KHONSU_OUTCOME_COMMITTED, version);
  assert_outcome(test->db, &other, false, KHONSU_OUTCOME_UNSEEN, 0);
  assert_int_equal(add_once(test->db, &other, &info), KHONSU_OK);
  assert_false(info.repeated);
  assert_int_equal(counter(test->db), 2);
  if (test->place != DIRECTORY) return;
  close_db(&test->db);
  open_db(test);
  assert_outcome(test->db, &token, false, KHONSU_OUTCOME_COMMITTED, version);
  assert_int_equal(add_once(test->db, &token, &info), KHONSU_OK);
  assert_true(info.repeated);
  assert_int_equal(counter(test->db), 2);
}

static void what_was_fenced_stays_out(void **state) {
  test_db *test = *state;
  khonsu_token token;
  khonsu_token_new(&token);
  khonsu_txn *late = begin_with(test->db, &token);
  MUST(khonsu_add(late, khonsu_key("n"), 1, &err));
  assert_outcome(test->db, &token, true, KHONSU_OUTCOME_ABORTED, 0);
  MUST_BE(KHONSU_TOKEN_FENCED, khonsu_commit(late, NULL, &err));
  khonsu_txn_free(&late);
  if (test->place == DIRECTORY) {
    close_db(&test->db);
    open_db(test);
  }
  assert_outcome(test->db, &token, false, KHONSU_OUTCOME_ABORTED, 0);
  assert_int_equal(add_once(test->db, &token, NULL), KHONSU_TOKEN_FENCED);
  assert_int_equal(counter(test->db), 0);
}

/* A conflict is no outcome: the next attempt may commit. */
static void a_failed_attempt_leaves_nothing(void **state) {
  test_db *test = *state;
  khonsu_token token;
  char ignored[64];
  khonsu_token_new(&token);
  khonsu_txn *txn = begin_with(test->db, &token);
  get_text(txn, "a", ignored);
  put_text_now(test->db, "a", "theirs");
  put_text(txn, "a", "mine");
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  assert_outcome(test->db, &token, false, KHONSU_OUTCOME_UNSEEN, 0);
  assert_int_equal(add_once(test->db, &token, NULL), KHONSU_OK);
  assert_int_equal(counter(test->db), 1);
}

static void an_old_one_is_refused(void **state) {
  test_db *test = *state;
  khonsu_token token;
  khonsu_outcome outcome;
  khonsu_token_new(&token);
  assert_int_equal(add_once(test->db, &token, NULL), KHONSU_OK);
  token.issued_ms -= test->options.token_age_ms_max + 1000;
  assert_int_equal(add_once(test->db, &token, NULL), KHONSU_TOKEN_EXPIRED);
  MUST_BE(KHONSU_TOKEN_EXPIRED, khonsu_commit_status(test->db, &token, true, &outcome, NULL, &err));
  assert_int_equal(counter(test->db), 1);
}

enum { THREADS = 4, TOKENS = 50 };

typedef struct racer {
  khonsu_db *db;
  const khonsu_token *tokens;
  khonsu_version versions[TOKENS];
  int first; /* times that this one was it */
} racer;

static void *race(void *ctx) {
  racer *own = ctx;
  for (int i = 0; i < TOKENS; i++) {
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    assert_int_equal(add_once(own->db, &own->tokens[i], &info), KHONSU_OK);
    own->versions[i] = info.version;
    own->first += !info.repeated;
  }
  return NULL;
}

static void all_try_the_same(void **state) {
  test_db *test = *state;
  khonsu_token tokens[TOKENS];
  racer racers[THREADS];
  pthread_t threads[THREADS];
  int first = 0;
  for (int i = 0; i < TOKENS; i++) khonsu_token_new(&tokens[i]);
  for (int i = 0; i < THREADS; i++) {
    racers[i] = (racer){.db = test->db, .tokens = tokens};
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_memory_equal(racers[i].versions, racers[0].versions, sizeof racers[i].versions);
    first += racers[i].first;
  }
  assert_int_equal(first, TOKENS);
  assert_int_equal(counter(test->db), TOKENS);
}

int main(void) {
  static place places[] = {IN_MEMORY, USERS_STORAGE, DIRECTORY};
  int failed = 0;
  for (size_t i = 0; i < 3; i++) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(a_commit_is_once, begin_test, end_test, &places[i]),
        cmocka_unit_test_prestate_setup_teardown(what_was_fenced_stays_out, begin_test, end_test, &places[i]),
        cmocka_unit_test_prestate_setup_teardown(a_failed_attempt_leaves_nothing, begin_test, end_test, &places[i]),
        cmocka_unit_test_prestate_setup_teardown(an_old_one_is_refused, begin_test, end_test, &places[i]),
        cmocka_unit_test_prestate_setup_teardown(all_try_the_same, begin_test, end_test, &places[i]),
    };
    failed += cmocka_run_group_tests(tests, NULL, NULL);
  }
  return failed;
}
