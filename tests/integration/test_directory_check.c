/* khonsu_check and khonsu_repair: what is wrong with a database is told by key, and what is whole is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flashkv.h"
#include "folder.h"
#include "support.h"

static char folder[FOLDER_PATH_SIZE];

static void fill(void) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_db *db = NULL;
  options.durability = KHONSU_BUFFERED;
  MUST(khonsu_open(folder, &options, &db, &err));
  put_text_now(db, "text", "value");
  for (int i = 0; i < 40; i++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    append_ids(txn, "table", (int64_t)i * 1000, 1000);
    commit_and_free(&txn);
  }
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, "small", 0, 10);
  commit_and_free(&txn);
  close_db(&db);
}

static int begin_test(void **state) {
  (void)state;
  folder_make(folder);
  fill();
  return 0;
}

static int end_test(void **state) {
  (void)state;
  folder_remove(folder);
  return 0;
}

/* What was told: texts, one line each, with their keys. */
typedef struct told {
  char text[4096];
  size_t size;
} told;

static void tell(void *ctx, const khonsu_finding *finding) {
  told *to = ctx;
  int added = snprintf(to->text + to->size, sizeof to->text - to->size, "%.*s: %s\n", (int)finding->key.size,
                       (const char *)finding->key.data, finding->text);
  if (added > 0 && to->size + (size_t)added < sizeof to->text) to->size += (size_t)added;
}

typedef khonsu_status look_over(const char *, const khonsu_check_options *, khonsu_check_result *, khonsu_error *);

static khonsu_check_result look(look_over *what, khonsu_status wanted, told *findings) {
  khonsu_check_options options = KHONSU_CHECK_OPTIONS_INIT;
  khonsu_check_result result = KHONSU_CHECK_RESULT_INIT;
  *findings = (told){.size = 0};
  options.finding = tell;
  options.ctx = findings;
  MUST_BE(wanted, what(folder, &options, &result, &err));
  return result;
}

/* Runs `change` on the store under the database. */
static void change_store(void (*change)(flashkv *store)) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  flashkv *store = NULL;
  options.dir_path = folder;
  assert_int_equal(flashkv_open(&options, &store, NULL), FLASHKV_OK);
  change(store);
  assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
}

/* The how many-th key that begins with the prefix. */
static flashkv_slice nth_key(flashkv *store, const char *prefix, int number, char copy[64]) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  flashkv_iterator *iterator = NULL;
  flashkv_slice key = {NULL, 0};
  options.prefix = flashkv_text(prefix);
  assert_int_equal(flashkv_iterator_open(store, &options, &iterator, NULL), FLASHKV_OK);
  for (int i = 0; i <= number; i++) assert_int_equal(flashkv_iterator_next(iterator, &key, NULL, NULL), FLASHKV_OK);
  assert_true(key.size <= 64);
  memcpy(copy, key.data, key.size);
  flashkv_iterator_free(&iterator);
  return (flashkv_slice){copy, key.size};
}

static void delete_a_chunk(flashkv *store) {
  char key[64];
  assert_int_equal(flashkv_delete(store, nth_key(store, "c", 35, key), NULL), FLASHKV_OK);
}

static void delete_the_segment(flashkv *store) {
  char key[64];
  assert_int_equal(flashkv_delete(store, nth_key(store, "d", 0, key), NULL), FLASHKV_OK);
}

static void delete_the_head(flashkv *store) {
  assert_int_equal(flashkv_delete(store, flashkv_text("ktable"), NULL), FLASHKV_OK);
}

static void spoil_a_value(flashkv *store) {
  assert_int_equal(flashkv_put(store, flashkv_text("ktext"), flashkv_text("no type"), NULL), FLASHKV_OK);
  assert_int_equal(flashkv_put(store, flashkv_text("ksmall"), flashkv_text("no head\2"), NULL), FLASHKV_OK);
}

static uint64_t rows_of(const char *key) {
  khonsu_db *db = NULL;
  MUST(khonsu_open(folder, NULL, &db, &err));
  khonsu_txn *txn = begin_read_only(db);
  int64_t sum;
  uint64_t rows;
  sum_table(txn, key, &sum, &rows);
  khonsu_txn_free(&txn);
  close_db(&db);
  return rows;
}

static void a_whole_one(void **state) {
  (void)state;
  told findings;
  khonsu_check_result result = look(khonsu_check, KHONSU_OK, &findings);
  assert_int_equal(result.keys, 3);
  assert_int_equal(result.tables, 2);
  assert_int_equal(result.chunks, 41);
  assert_int_equal(result.rows, 40010);
  assert_int_equal(result.findings, 0);
  result = look(khonsu_repair, KHONSU_OK, &findings);
  assert_int_equal(result.findings, 0);
  assert_int_equal(result.lost, 0);
  assert_int_equal(rows_of("table"), 40000);
  MUST_BE(KHONSU_NOT_A_STORE, khonsu_check("/tmp/there is no such thing", NULL, NULL, &err));
}

static void a_missing_chunk(void **state) {
  (void)state;
  told findings;
  change_store(delete_a_chunk);
  khonsu_check_result result = look(khonsu_check, KHONSU_CORRUPT, &findings);
  assert_string_equal(findings.text, "table: chunk 35 of its table is missing\n");
  assert_int_equal(result.findings, 1);
  result = look(khonsu_repair, KHONSU_OK, &findings);
  assert_int_equal(result.lost, 1);
  look(khonsu_check, KHONSU_OK, &findings);
  assert_int_equal(rows_of("table"), 39000);
}

/* The chunks that only it spoke of are nobody's. */
static void a_missing_segment(void **state) {
  (void)state;
  told findings;
  change_store(delete_the_segment);
  khonsu_check_result result = look(khonsu_check, KHONSU_CORRUPT, &findings);
  assert_non_null(strstr(findings.text, "table: directory segment 0 of its table is missing\n"));
  assert_int_equal(result.findings, 1 + 32);
  result = look(khonsu_repair, KHONSU_OK, &findings);
  assert_int_equal(result.lost, 32 + 32);
  look(khonsu_check, KHONSU_OK, &findings);
  assert_int_equal(rows_of("table"), 8000);
}

static void what_is_nobodys(void **state) {
  (void)state;
  told findings;
  change_store(delete_the_head);
  khonsu_check_result result = look(khonsu_check, KHONSU_CORRUPT, &findings);
  assert_int_equal(result.findings, 41);
  assert_non_null(strstr(findings.text, "no table's"));
  look(khonsu_repair, KHONSU_OK, &findings);
  result = look(khonsu_check, KHONSU_OK, &findings);
  assert_int_equal(result.chunks, 1);
}

static void values_that_are_none(void **state) {
  (void)state;
  told findings;
  change_store(spoil_a_value);
  khonsu_check_result result = look(khonsu_check, KHONSU_CORRUPT, &findings);
  assert_int_equal(result.findings, 2);
  assert_non_null(strstr(findings.text, "small: the stored value of key 'small' is not one"));
  assert_non_null(strstr(findings.text, "text: the stored value"));
  result = look(khonsu_repair, KHONSU_OK, &findings);
  assert_int_equal(result.lost, 2);
  assert_int_equal(look(khonsu_check, KHONSU_OK, &findings).keys, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_whole_one, begin_test, end_test),
      cmocka_unit_test_setup_teardown(a_missing_chunk, begin_test, end_test),
      cmocka_unit_test_setup_teardown(a_missing_segment, begin_test, end_test),
      cmocka_unit_test_setup_teardown(what_is_nobodys, begin_test, end_test),
      cmocka_unit_test_setup_teardown(values_that_are_none, begin_test, end_test),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
