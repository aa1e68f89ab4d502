/* Databases in directories: what is committed is there after a reopen and after a crash, of all kinds; who may open; what is
 * lent out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flashkv.h"
#include "folder.h"
#include "support.h"

typedef struct test_db {
  char folder[FOLDER_PATH_SIZE];
  khonsu_options options;
  khonsu_db *db; /* open, in `folder` */
} test_db;

static void open_db(test_db *test) { MUST(khonsu_open(test->folder, &test->options, &test->db, &err)); }

static void reopen(test_db *test) {
  close_db(&test->db);
  open_db(test);
}

/* In the folder is then what a process that dies now would leave. */
static void crash(test_db *test) {
  char left[FOLDER_PATH_SIZE];
  folder_make(left);
  folder_copy(test->folder, left);
  close_db(&test->db);
  folder_copy(left, test->folder);
  folder_remove(left);
  open_db(test);
}

static int begin_test(void **state) {
  test_db *test = calloc(1, sizeof *test);
  assert_non_null(test);
  folder_make(test->folder);
  test->options = (khonsu_options)KHONSU_OPTIONS_INIT;
  test->options.durability = KHONSU_BUFFERED;
  open_db(test);
  *state = test;
  return 0;
}

static int end_test(void **state) {
  test_db *test = *state;
  close_db(&test->db);
  folder_remove(test->folder);
  free(test);
  return 0;
}

static void append_now(khonsu_db *db, const char *key, int64_t first, size_t rows) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, key, first, rows);
  commit_and_free(&txn);
}

static void put_ids_now(khonsu_db *db, const char *key, int64_t first, size_t rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_ids(&schema, &batch, first, rows);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_batch(txn, khonsu_key(key), &schema, &batch, &err));
  commit_and_free(&txn);
}

static void add_now(khonsu_db *db, const char *key, int64_t amount) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_add(txn, khonsu_key(key), amount, &err));
  commit_and_free(&txn);
}

/* The table holds 0, 1, 2 ... up to `rows`. */
static void assert_ids(khonsu_db *db, const char *key, int64_t rows) {
  khonsu_txn *txn = begin_read_only(db);
  int64_t sum = 0;
  uint64_t count = 0;
  sum_table(txn, key, &sum, &count);
  assert_int_equal(count, rows);
  assert_int_equal(sum, rows * (rows - 1) / 2);
  khonsu_txn_free(&txn);
}

static void assert_counter(khonsu_db *db, const char *key, int64_t expected) {
  khonsu_txn *txn = begin_read_only(db);
  int64_t value;
  MUST(khonsu_get_counter(txn, khonsu_key(key), &value, &err));
  assert_int_equal(value, expected);
  khonsu_txn_free(&txn);
}

static void assert_text_now(khonsu_db *db, const char *key, const char *expected) {
  khonsu_txn *txn = begin_read_only(db);
  assert_text(txn, key, expected);
  khonsu_txn_free(&txn);
}

static void commit_some(khonsu_db *db) {
  put_text_now(db, "text", "first");
  put_text_now(db, "text", "second");
  put_text_now(db, "gone", "soon");
  delete_now(db, "gone");
  put_text_now(db, "empty", "");
  put_ids_now(db, "small", 0, 10);
  put_ids_now(db, "replaced", 5, 10);
  put_ids_now(db, "replaced", 0, 3);
  append_now(db, "grown", 0, 100);
  append_now(db, "grown", 100, 1);
  add_now(db, "count", 5);
  add_now(db, "count", -2);
}

static void assert_some(khonsu_db *db) {
  assert_text_now(db, "text", "second");
  assert_text_now(db, "gone", NULL);
  assert_text_now(db, "empty", "");
  assert_ids(db, "small", 10);
  assert_ids(db, "replaced", 3);
  assert_ids(db, "grown", 101);
  assert_counter(db, "count", 3);
}

static void all_kinds_are_there_afterwards(void **state) {
  test_db *test = *state;
  commit_some(test->db);
  assert_some(test->db);
  khonsu_version version = stats_of(test->db).version;
  reopen(test);
  assert_int_equal(stats_of(test->db).version, version);
  assert_int_equal(stats_of(test->db).records, 0);
  assert_some(test->db);
  crash(test);
  assert_int_equal(stats_of(test->db).version, version);
  assert_some(test->db);
  append_now(test->db, "small", 10, 5);
  append_now(test->db, "grown", 101, 9);
  add_now(test->db, "count", 1);
  crash(test);
  assert_int_equal(stats_of(test->db).version, version + 3);
  assert_ids(test->db, "small", 15);
  assert_ids(test->db, "grown", 110);
  assert_counter(test->db, "count", 4);
}

/* Chunks too large to be put together, beyond a segment of the directory, in the store as well as on top of it. */
static void tables_of_many_chunks(void **state) {
  enum { CHUNKS = 100, ROWS = 1000 };
  test_db *test = *state;
  for (int i = 0; i < CHUNKS; i++) {
    append_now(test->db, "t", (int64_t)i * ROWS, ROWS);
    if (i % 30 == 29) reopen(test);
  }
  assert_ids(test->db, "t", CHUNKS * ROWS);
  reopen(test);
  khonsu_txn *txn = begin_read_only(test->db);
  struct ArrowArrayStream stream;
  MUST(khonsu_get(txn, khonsu_key("t"), &stream, &err));
  khonsu_txn_free(&txn);
  delete_now(test->db, "t"); /* what is lent out stays, chunk by chunk */
  assert_text_now(test->db, "t", NULL);
  int chunks = 0;
  for (;; chunks++) {
    struct ArrowArray array;
    if (chunks == CHUNKS / 2) reopen(test); /* and outlives the database */
    assert_int_equal(stream.get_next(&stream, &array), 0);
    if (array.release == NULL) break;
    assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[0], (int64_t)chunks * ROWS);
    array.release(&array);
  }
  assert_int_equal(chunks, CHUNKS);
  stream.release(&stream);
  put_ids_now(test->db, "t", 0, 7);
  reopen(test);
  assert_ids(test->db, "t", 7);
}

/* All rows deleted: still a table, of its schema. */
static void tables_without_rows(void **state) {
  test_db *test = *state;
  put_ids_now(test->db, "t", 0, 3);
  append_now(test->db, "t", 3, 2);
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_ids(&schema, &batch, 0, 5);
  khonsu_txn *txn = begin_at(test->db, KHONSU_SERIALIZABLE);
  MUST(khonsu_delete_rows_batch(txn, khonsu_key("t"), &schema, &batch, NULL, &err));
  commit_and_free(&txn);
  crash(test);
  txn = begin_read_only(test->db);
  MUST(khonsu_get_batch(txn, khonsu_key("t"), &schema, &batch, &err));
  khonsu_txn_free(&txn);
  assert_string_equal(schema.children[0]->name, "id");
  assert_int_equal(batch.length, 0);
  schema.release(&schema);
  batch.release(&batch);
  append_now(test->db, "t", 0, 4);
  reopen(test);
  assert_ids(test->db, "t", 4);
}

/* A reader whose snapshot is old finds what was there, though only the store knew it. */
static void old_snapshots_see_what_is_only_stored(void **state) {
  test_db *test = *state;
  commit_some(test->db);
  reopen(test);
  khonsu_txn *old = begin_read_only(test->db);
  put_text_now(test->db, "text", "third");
  put_text_now(test->db, "new", "1");
  delete_now(test->db, "grown");
  put_text_now(test->db, "gone", "back");
  put_ids_now(test->db, "replaced", 0, 50);
  for (int i = 0; i < 10000; i++) put_text_now(test->db, "busy", "x"); /* holds are taken, and let go, under way */
  assert_text(old, "text", "second");
  assert_text(old, "new", NULL);
  assert_text(old, "gone", NULL);
  int64_t sum;
  uint64_t rows;
  sum_table(old, "grown", &sum, &rows);
  assert_int_equal(rows, 101);
  sum_table(old, "replaced", &sum, &rows);
  assert_int_equal(rows, 3);
  khonsu_scan *scan;
  khonsu_entry entry;
  int entries = 0;
  MUST(khonsu_scan_open(old, NULL, NULL, &scan, &err));
  while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK) entries++;
  assert_int_equal(entries, 6);
  khonsu_scan_free(&scan);
  khonsu_txn_free(&old);
  assert_text_now(test->db, "text", "third");
  assert_ids(test->db, "replaced", 50);
}

static void levels_of_durability(void **state) {
  test_db *test = *state;
  const khonsu_durability levels[] = {KHONSU_SYNC, KHONSU_BUFFERED, KHONSU_ASYNC, KHONSU_DURABILITY_DEFAULT};
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  for (size_t i = 0; i < 4; i++) {
    khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
    options.durability = levels[i];
    khonsu_txn *txn;
    MUST(khonsu_begin(test->db, &options, &txn, &err));
    put_text(txn, "a", "1");
    MUST(khonsu_commit(txn, &info, &err));
    khonsu_txn_free(&txn);
    MUST(khonsu_sync_wait(test->db, info.version, &err));
  }
  MUST(khonsu_sync(test->db, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_sync_wait(test->db, info.version + 1, &err));
}

static void one_may_write(void **state) {
  test_db *test = *state;
  khonsu_db *other = NULL;
  put_text_now(test->db, "a", "1");
  khonsu_error error = KHONSU_ERROR_INIT;
  char pid[32];
  snprintf(pid, sizeof pid, "%ld", (long)getpid());
  assert_int_equal(khonsu_open(test->folder, NULL, &other, &error), KHONSU_LOCKED);
  assert_non_null(strstr(error.message, pid));
  khonsu_options reading = KHONSU_OPTIONS_INIT;
  reading.read_only = true;
  MUST(khonsu_open(test->folder, &reading, &other, &err));
  put_text_now(test->db, "a", "2");
  assert_text_now(other, "a", "1");
  khonsu_txn *txn = begin_at(other, KHONSU_SERIALIZABLE);
  MUST_BE(KHONSU_READ_ONLY, khonsu_put_bytes(txn, khonsu_key("a"), khonsu_key("3"), &err));
  khonsu_txn_free(&txn);
  close_db(&other);
}

static void what_is_no_database(void **state) {
  test_db *test = *state;
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  char folder[FOLDER_PATH_SIZE], missing[FOLDER_PATH_SIZE + 8];
  folder_make(folder);
  snprintf(missing, sizeof missing, "%s/none", folder);
  khonsu_options existing = KHONSU_OPTIONS_INIT;
  existing.open_existing_only = true;
  assert_int_equal(khonsu_open(missing, &existing, &db, &error), KHONSU_NOT_A_STORE);
  assert_non_null(strstr(error.message, missing));
  assert_int_equal(access(missing, F_OK), -1);
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = folder;
  flashkv *store = NULL;
  assert_int_equal(flashkv_open(&options, &store, NULL), FLASHKV_OK);
  flashkv_slice one = {"1", 1};
  assert_int_equal(flashkv_put(store, one, one, NULL), FLASHKV_OK);
  assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
  assert_int_equal(khonsu_open(folder, NULL, &db, &error), KHONSU_NOT_A_STORE);
  assert_int_equal(flashkv_open(&options, &store, NULL), FLASHKV_OK);
  assert_int_equal(flashkv_delete(store, one, NULL), FLASHKV_OK);
  assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
  MUST(khonsu_open(folder, NULL, &db, &err)); /* nothing is in it: as when it could not be made the first time */
  close_db(&db);
  folder_remove(folder);
  khonsu_options wrong = KHONSU_OPTIONS_INIT;
  wrong.storage = "data_file_size=1M,nonsense=7";
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_open(test->folder, &wrong, &db, &err));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_kinds_are_there_afterwards, begin_test, end_test),
      cmocka_unit_test_setup_teardown(tables_of_many_chunks, begin_test, end_test),
      cmocka_unit_test_setup_teardown(tables_without_rows, begin_test, end_test),
      cmocka_unit_test_setup_teardown(old_snapshots_see_what_is_only_stored, begin_test, end_test),
      cmocka_unit_test_setup_teardown(levels_of_durability, begin_test, end_test),
      cmocka_unit_test_setup_teardown(one_may_write, begin_test, end_test),
      cmocka_unit_test_setup_teardown(what_is_no_database, begin_test, end_test),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
