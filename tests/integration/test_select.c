/* Parts of tables, through the API: what is chosen, what counts as read, and what outlives what. */
#include <string.h>

#include "support.h"

static void make_tables(khonsu_db *db) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, "t", 0, 10);
  append_ids(txn, "t", 10, 10);
  put_text(txn, "bytes", "value");
  commit_and_free(&txn);
}

static uint64_t count_and_release(struct ArrowArrayStream *stream, int64_t *sum) {
  uint64_t rows = 0;
  *sum = 0;
  for (;;) {
    struct ArrowArray batch;
    assert_int_equal(stream->get_next(stream, &batch), 0);
    if (batch.release == NULL) break;
    const struct ArrowArray *column = batch.children[0];
    const int64_t *values = (const int64_t *)column->buffers[1] + column->offset;
    for (int64_t i = 0; i < batch.length; i++) *sum += values[i];
    rows += (uint64_t)batch.length;
    batch.release(&batch);
  }
  stream->release(stream);
  return rows;
}

static void rows_are_chosen(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  make_tables(db);
  khonsu_txn *txn = begin_read_only(db);
  khonsu_select_options options = {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id >= 5 and id < 15", .offset = 1,
                                   .limit = 3};
  struct ArrowArrayStream stream;
  int64_t sum;
  MUST(khonsu_select(txn, KHONSU_KEY("t"), &options, &stream, &err));
  assert_int_equal(count_and_release(&stream, &sum), 3);
  assert_int_equal(sum, 6 + 7 + 8);
  MUST(khonsu_select(txn, KHONSU_KEY("t"), NULL, &stream, &err));
  assert_int_equal(count_and_release(&stream, &sum), 20);
  khonsu_txn_free(&txn);
  close_db(&db);
}

/* What a stream still has to read outlives the transaction and the database; and it can be written. */
static void streams_live_on(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  make_tables(db);
  khonsu_select_options options = {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id > 17"};
  struct ArrowArrayStream stream;
  int64_t sum;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_select(txn, KHONSU_KEY("t"), &options, &stream, &err));
  MUST(khonsu_put(txn, KHONSU_KEY("few"), &stream, &err));
  commit_and_free(&txn);
  txn = begin_read_only(db);
  MUST(khonsu_select(txn, KHONSU_KEY("few"), NULL, &stream, &err));
  khonsu_txn_free(&txn);
  close_db(&db);
  assert_int_equal(count_and_release(&stream, &sum), 2);
  assert_int_equal(sum, 18 + 19);
}

/* A table that was read in part was read: rows that nobody chose count as well. */
static void counts_as_a_read(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  make_tables(db);
  khonsu_txn *reader = begin_at(db, KHONSU_SERIALIZABLE), *writer = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_select_options options = {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id = 3", .limit = 1};
  struct ArrowArrayStream stream;
  MUST(khonsu_select(reader, KHONSU_KEY("t"), &options, &stream, &err));
  stream.release(&stream);
  put_text(reader, "seen", "3");
  append_ids(writer, "t", 20, 1);
  commit_and_free(&writer);
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_commit(reader, NULL, &error), KHONSU_CONFLICT);
  assert_int_equal(error.conflict_count, 1);
  assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_READ);
  khonsu_error_clear(&error);
  khonsu_txn_free(&reader);
  close_db(&db);
}

static void own_writes_are_seen(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  make_tables(db);
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  append_ids(txn, "t", 100, 5);
  khonsu_select_options options = {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id >= 102"};
  struct ArrowArrayStream stream;
  int64_t sum;
  MUST(khonsu_select(txn, KHONSU_KEY("t"), &options, &stream, &err));
  assert_int_equal(count_and_release(&stream, &sum), 3);
  khonsu_txn_free(&txn);
  close_db(&db);
}

typedef struct wrong_select {
  const char *key;
  khonsu_select_options options;
  khonsu_status status;
  const char *message;
} wrong_select;

static void what_is_wrong(void **state) {
  (void)state;
  static const char *const no_column[] = {NULL}, *const absent[] = {"name"};
  static const wrong_select wrong[] = {
      {"none",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id = 1"},
       KHONSU_NOT_FOUND,
       "there is no value at key 'none'"},
      {"bytes",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id = 1"},
       KHONSU_WRONG_TYPE,
       "key 'bytes' holds bytes, not a table"},
      {"", {KHONSU_SELECT_OPTIONS_DEFAULTS}, KHONSU_KEY_EMPTY, "the key is empty"},
      {"t",
       {.struct_size = 0},
       KHONSU_INVALID_ARGUMENT,
       "khonsu_select_options.struct_size is 0: initialise with the _INIT macro"},
      {"t",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .column_count = 2},
       KHONSU_INVALID_ARGUMENT,
       "columns is NULL but column_count is 2"},
      {"t",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .columns = no_column, .column_count = 1},
       KHONSU_INVALID_ARGUMENT,
       "the name of a column is NULL"},
      {"t",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .columns = absent, .column_count = 1},
       KHONSU_SCHEMA_MISMATCH,
       "there is no column 'name'"},
      {"t",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id ="},
       KHONSU_INVALID_ARGUMENT,
       "the condition ends where a value should be"},
      {"t",
       {KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "id = 'one'"},
       KHONSU_SCHEMA_MISMATCH,
       "column 'id': int64 cannot be compared with 'one', but with a number"},
  };
  khonsu_db *db = open_memory();
  make_tables(db);
  khonsu_txn *txn = begin_read_only(db);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    struct ArrowArrayStream stream = {.release = NULL};
    assert_int_equal(khonsu_select(txn, khonsu_key(wrong[i].key), &wrong[i].options, &stream, &error), wrong[i].status);
    assert_string_equal(error.message, wrong[i].message);
    assert_null(stream.release);
  }
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_select(txn, KHONSU_KEY("t"), NULL, NULL, &err));
  MUST(khonsu_abort(txn, &err));
  struct ArrowArrayStream stream;
  MUST_BE(KHONSU_BAD_STATE, khonsu_select(txn, KHONSU_KEY("t"), NULL, &stream, &err));
  khonsu_txn_free(&txn);
  close_db(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_chosen),     cmocka_unit_test(streams_live_on), cmocka_unit_test(counts_as_a_read),
      cmocka_unit_test(own_writes_are_seen), cmocka_unit_test(what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
