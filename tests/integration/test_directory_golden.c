/* Databases that were made once, and that every later version of the library opens, with all that is in them:
 *
 *   closed    was closed
 *   crashed   as its process left it when it was killed
 *
 * KHONSU_GOLDEN_MAKE=<folder> makes them there. Those in tests/golden stay as they are: a version that writes otherwise gets
 * others beside them. docs/formats/khonsu.md has what is in their records. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "folder.h"
#include "support.h"

enum { CHUNKS = 40, ROWS = 3 };

/* Good for a thousand years. */
static khonsu_options options_of_golden(void) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.durability = KHONSU_BUFFERED;
  options.storage = "data_file_size=64K,merge_automatically=false,merge_reserve=0";
  options.retain_versions = 1000000;
  MUST(khonsu_options_set(&options, "token_age_ms_max", "31536000000000", &err));
  return options;
}

static const khonsu_token committed = {1700000000000, "committed token"}, fenced = {1700000000000, "a fenced token."};

static void append_row(khonsu_db *db, const char *key, int64_t first, size_t rows, const char *compression) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  char metadata[64];
  make_ids(&schema, &batch, first, rows);
  if (compression != NULL) { /* one pair, lengths before texts */
    int32_t sizes[3] = {1, (int32_t)strlen("khonsu.compression"), (int32_t)strlen(compression)};
    memcpy(metadata, sizes, 8);
    memcpy(metadata + 8, "khonsu.compression", (size_t)sizes[1]);
    memcpy(metadata + 8 + sizes[1], &sizes[2], 4);
    memcpy(metadata + 12 + sizes[1], compression, (size_t)sizes[2]);
    schema.metadata = metadata;
  }
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_append_batch(txn, khonsu_key(key), &schema, &batch, &err));
  commit_and_free(&txn);
}

static void commit_all(khonsu_db *db) {
  khonsu_outcome outcome;
  put_text_now(db, "text", "old");
  put_text_now(db, "text", "new");
  put_text_now(db, "empty", "");
  put_text_now(db, "gone", "soon");
  delete_now(db, "gone");
  append_row(db, "small", 0, 10, NULL);
  for (int i = 0; i < CHUNKS; i++) append_row(db, "large", i * ROWS, ROWS, NULL);
  append_row(db, "replaced", 0, 100, NULL);
  append_row(db, "replaced", 100, 100, NULL);
  delete_now(db, "replaced");
  append_row(db, "compressed", 0, 5000, "zstd");
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.token = &committed;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  MUST(khonsu_add(txn, khonsu_key("count"), -7, &err));
  commit_and_free(&txn);
  MUST(khonsu_commit_status(db, &fenced, true, &outcome, NULL, &err));
}

static void assert_ids(khonsu_txn *txn, const char *key, int64_t rows) {
  int64_t sum;
  uint64_t count;
  sum_table(txn, key, &sum, &count);
  assert_int_equal(count, rows);
  assert_int_equal(sum, rows * (rows - 1) / 2);
}

static void assert_all(khonsu_db *db) {
  khonsu_outcome outcome;
  khonsu_version version;
  int64_t count;
  khonsu_txn *txn = begin_read_only(db);
  assert_text(txn, "text", "new");
  assert_text(txn, "empty", "");
  assert_text(txn, "gone", NULL);
  assert_ids(txn, "small", 10);
  assert_ids(txn, "large", CHUNKS * ROWS);
  assert_ids(txn, "replaced", 0);
  assert_ids(txn, "compressed", 5000);
  MUST(khonsu_get_counter(txn, khonsu_key("count"), &count, &err));
  assert_int_equal(count, -7);
  khonsu_txn_free(&txn);
  MUST(khonsu_commit_status(db, &committed, false, &outcome, &version, &err));
  assert_int_equal(outcome, KHONSU_OUTCOME_COMMITTED);
  assert_int_equal(version, stats_of(db).version - 1);
  MUST(khonsu_commit_status(db, &fenced, false, &outcome, NULL, &err));
  assert_int_equal(outcome, KHONSU_OUTCOME_ABORTED);
  khonsu_txn_options past = KHONSU_TXN_OPTIONS_INIT;
  past.as_of = 5;
  MUST(khonsu_begin(db, &past, &txn, &err));
  assert_text(txn, "text", "new");
  assert_text(txn, "gone", "soon");
  khonsu_txn_free(&txn);
  past.as_of = 2;
  MUST(khonsu_begin(db, &past, &txn, &err));
  assert_text(txn, "text", "old");
  khonsu_txn_free(&txn);
}

static void keep_as(const char *from, const char *place, const char *name) {
  char to[256];
  snprintf(to, sizeof to, "%s/%s", place, name);
  assert_true(mkdir(to, 0755) == 0 || errno == EEXIST);
  folder_copy(from, to);
}

static void make(const char *place) {
  char folder[FOLDER_PATH_SIZE];
  khonsu_options options = options_of_golden();
  khonsu_db *db = NULL;
  folder_make(folder);
  MUST(khonsu_open(folder, &options, &db, &err));
  commit_all(db);
  keep_as(folder, place, "crashed");
  close_db(&db);
  keep_as(folder, place, "closed");
  folder_remove(folder);
}

static void open_one(const char *name) {
  char folder[FOLDER_PATH_SIZE], from[256];
  khonsu_options options = options_of_golden();
  khonsu_db *db = NULL;
  snprintf(from, sizeof from, "%s/golden/khonsu-1/%s", KHONSU_TESTS, name);
  folder_make(folder);
  folder_copy(from, folder);
  MUST(khonsu_check(folder, NULL, NULL, &err));
  options.read_only = true;
  MUST(khonsu_open(folder, &options, &db, &err));
  assert_all(db);
  close_db(&db);
  options.read_only = false;
  MUST(khonsu_open(folder, &options, &db, &err));
  assert_all(db);
  append_row(db, "small", 10, 10, NULL);
  append_row(db, "large", CHUNKS * ROWS, 1, NULL);
  khonsu_txn *txn = begin_read_only(db);
  assert_ids(txn, "small", 20);
  assert_ids(txn, "large", CHUNKS * ROWS + 1);
  khonsu_txn_free(&txn);
  close_db(&db);
  MUST(khonsu_check(folder, NULL, NULL, &err));
  folder_remove(folder);
}

static void golden_databases_open(void **state) {
  (void)state;
  open_one("closed");
  open_one("crashed");
}

int main(void) {
  const char *place = getenv("KHONSU_GOLDEN_MAKE");
  if (place != NULL) {
    make(place);
    return 0;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(golden_databases_open)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
