/* Upsert and deletion by key in transactions: what is counted, what is seen before and after the commit, whom it
 * conflicts with at each level, that an abort leaves nothing, and what a storage is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "fault_storage.h"
#include "support.h"

static const khonsu_isolation levels[] = {KHONSU_READ_COMMITTED, KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ,
                                          KHONSU_SERIALIZABLE};
enum { LEVELS = 4, ROWS = 16 };

static const char *const key_column[] = {"k"};

/* ---- tables as text: "1:10 2:20" is rows of a key k and a value v; without colons only keys */

static void make_rows(const char *text, struct ArrowSchema *schema, struct ArrowArray *batch) {
  static const char *const names[] = {"k", "v"};
  int64_t columns[2][ROWS];
  size_t rows = 0, column_count = 1;
  char copy[256], *rest = copy;
  snprintf(copy, sizeof copy, "%s", text);
  if (text[0] == '\0' || strchr(text, ':') != NULL) column_count = 2;
  for (char *word; (word = strsep(&rest, " ")) != NULL;) {
    if (*word == '\0') continue;
    char *end;
    columns[0][rows] = strtoll(word, &end, 10);
    if (*end == ':') columns[1][rows] = strtoll(end + 1, NULL, 10);
    rows++;
  }
  make_batch(schema, batch, column_count, names, rows, (const int64_t *const[]){columns[0], columns[1]});
}

static khonsu_status upsert(khonsu_txn *txn, const char *rows, uint64_t *inserted, uint64_t *updated,
                            khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  khonsu_status status =
      khonsu_upsert_batch(txn, KHONSU_KEY("t"), &schema, &batch, key_column, 1, inserted, updated, error);
  assert_null(schema.release);
  assert_null(batch.release);
  return status;
}

static khonsu_status upsert_by(khonsu_txn *txn, const char *rows, const char *const *columns, size_t count,
                               khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  khonsu_status status =
      khonsu_upsert_batch_ref(txn, KHONSU_KEY("t"), &schema, &batch, columns, count, NULL, NULL, error);
  schema.release(&schema);
  batch.release(&batch);
  return status;
}

static khonsu_status delete_rows(khonsu_txn *txn, const char *keys, uint64_t *deleted, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(keys, &schema, &batch);
  return khonsu_delete_rows_batch(txn, KHONSU_KEY("t"), &schema, &batch, deleted, error);
}

static void put_rows(khonsu_txn *txn, const char *rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  MUST(khonsu_put_batch(txn, KHONSU_KEY("t"), &schema, &batch, &err));
}

static void append_rows(khonsu_txn *txn, const char *rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  MUST(khonsu_append_batch(txn, KHONSU_KEY("t"), &schema, &batch, &err));
}

/* False: nothing is there. */
static bool read_rows(khonsu_txn *txn, char text[512]) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  khonsu_status status = khonsu_get_batch(txn, KHONSU_KEY("t"), &schema, &batch, NULL);
  text[0] = '\0';
  if (status == KHONSU_NOT_FOUND) return false;
  assert_int_equal(status, KHONSU_OK);
  const int64_t *keys = (const int64_t *)batch.children[0]->buffers[1] + batch.children[0]->offset;
  const int64_t *values = (const int64_t *)batch.children[1]->buffers[1] + batch.children[1]->offset;
  for (int64_t i = 0; i < batch.length; i++) {
    size_t used = strlen(text);
    snprintf(text + used, 512 - used, "%s%lld:%lld", i > 0 ? " " : "", (long long)keys[i], (long long)values[i]);
  }
  schema.release(&schema);
  batch.release(&batch);
  return true;
}

/* NULL: nothing is there. */
static void assert_rows(khonsu_txn *txn, const char *expected) {
  char text[512];
  assert_int_equal(read_rows(txn, text), expected != NULL);
  if (expected != NULL) assert_string_equal(text, expected);
}

/* As in another database. */
static void assert_same_rows(khonsu_txn *txn, khonsu_db *other) {
  char expected[512];
  khonsu_txn *reading = begin_read_only(other);
  assert_true(read_rows(reading, expected));
  khonsu_txn_free(&reading);
  assert_rows(txn, expected);
}

static void assert_rows_now(khonsu_db *db, const char *expected) {
  khonsu_txn *txn = begin_read_only(db);
  assert_rows(txn, expected);
  khonsu_txn_free(&txn);
}

static khonsu_db *open_with_rows(const char *rows) {
  khonsu_db *db = open_memory();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_rows(txn, rows);
  commit_and_free(&txn);
  return db;
}

/* ---- what it does */

static void counts_and_own_writes(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with_rows("1:10 2:20 3:30");
    khonsu_txn *txn = begin_at(db, levels[level]), *before = begin_read_only(db);
    uint64_t inserted = 9, updated = 9, deleted = 9;
    MUST(upsert(txn, "2:21 4:41 5:51", &inserted, &updated, &err));
    assert_int_equal(inserted, 2);
    assert_int_equal(updated, 1);
    assert_rows(txn, "1:10 2:21 3:30 4:41 5:51");
    MUST(upsert(txn, "4:42 1:12", NULL, NULL, &err));
    MUST(delete_rows(txn, "3 5 77", &deleted, &err));
    assert_int_equal(deleted, 2);
    assert_rows(txn, "1:12 2:21 4:42");
    assert_rows(before, "1:10 2:20 3:30");
    commit_and_free(&txn);
    assert_rows(before, "1:10 2:20 3:30");
    khonsu_txn_free(&before);
    assert_rows_now(db, "1:12 2:21 4:42");
    close_db(&db);
  }
}

static void an_absent_table(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  uint64_t inserted, updated, deleted = 9;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(delete_rows(txn, "1", &deleted, &err));
  assert_int_equal(deleted, 0);
  assert_rows(txn, NULL);
  MUST(upsert(txn, "2:20 1:10", &inserted, &updated, &err));
  assert_int_equal(inserted, 2);
  assert_int_equal(updated, 0);
  assert_rows(txn, "2:20 1:10");
  commit_and_free(&txn);
  assert_rows_now(db, "2:20 1:10");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_delete(txn, KHONSU_KEY("t"), &err));
  MUST(upsert(txn, "3:30", &inserted, &updated, &err));
  assert_rows(txn, "3:30");
  MUST(delete_rows(txn, "3", &deleted, &err));
  assert_int_equal(deleted, 1);
  assert_rows(txn, ""); /* a table without rows is a table */
  commit_and_free(&txn);
  assert_rows_now(db, "");
  close_db(&db);
}

/* Onto own puts and appends, and under them. */
static void among_other_writes(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 2:20");
  uint64_t updated;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_rows(txn, "3:30");
  MUST(upsert(txn, "3:31 2:21", NULL, &updated, &err));
  assert_int_equal(updated, 2);
  append_rows(txn, "4:40");
  assert_rows(txn, "1:10 2:21 3:31 4:40");
  commit_and_free(&txn);
  assert_rows_now(db, "1:10 2:21 3:31 4:40");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_rows(txn, "7:70 8:80");
  MUST(upsert(txn, "8:81", NULL, &updated, &err));
  assert_int_equal(updated, 1);
  commit_and_free(&txn);
  assert_rows_now(db, "7:70 8:81");
  close_db(&db);
}

static void an_abort_leaves_nothing(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 2:20");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(upsert(txn, "1:11 3:30", NULL, NULL, &err));
  MUST(delete_rows(txn, "2", NULL, &err));
  MUST(khonsu_abort(txn, &err));
  khonsu_txn_free(&txn);
  assert_rows_now(db, "1:10 2:20");
  close_db(&db);
}

/* What changes nothing is a read: it commits without a version of its own. */
static void nothing_to_do_is_nothing_written(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10");
  khonsu_version before = stats_of(db).version;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(upsert(txn, "", NULL, NULL, &err));
  MUST(delete_rows(txn, "5", NULL, &err));
  commit_and_free(&txn);
  assert_int_equal(stats_of(db).version, before);
  close_db(&db);
}

/* ---- conflicts: the table was read */

typedef khonsu_status keyed_write(khonsu_txn *txn);
static khonsu_status upsert_one(khonsu_txn *txn) { return upsert(txn, "2:99", NULL, NULL, NULL); }
static khonsu_status insert_one(khonsu_txn *txn) { return upsert(txn, "9:99", NULL, NULL, NULL); }
static khonsu_status delete_one(khonsu_txn *txn) { return delete_rows(txn, "2", NULL, NULL); }

static void a_change_meanwhile_is_a_conflict(void **state) {
  (void)state;
  static keyed_write *const writes[] = {upsert_one, insert_one, delete_one};
  for (int level = 0; level < LEVELS; level++)
    for (int strategy = KHONSU_ON_CONFLICT_DEFAULT; strategy <= KHONSU_ON_CONFLICT_APPEND; strategy++)
      for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        khonsu_db *db = open_with_rows("1:10 2:20");
        khonsu_txn *txn = begin_at(db, levels[level]), *other = begin_at(db, levels[level]);
        MUST(khonsu_set_on_conflict(txn, (khonsu_on_conflict)strategy, &err));
        MUST(writes[i](txn));
        append_rows(other, "3:30");
        commit_and_free(&other);
        khonsu_error error = KHONSU_ERROR_INIT;
        assert_int_equal(khonsu_commit(txn, NULL, &error), KHONSU_CONFLICT);
        assert_int_equal(error.conflict_count, 1);
        assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_UPDATE);
        khonsu_error_clear(&error);
        khonsu_txn_free(&txn);
        assert_rows_now(db, "1:10 2:20 3:30");
        close_db(&db);
      }
}

/* An append that read nothing stands on an upsert's result no more than on a put's; with `append` it does. */
static void a_blind_append_meets_an_upsert(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE), *other = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_txn *third = begin_at(db, KHONSU_SERIALIZABLE);
  append_rows(txn, "2:20");
  MUST(khonsu_set_on_conflict(third, KHONSU_ON_CONFLICT_APPEND, &err));
  append_rows(third, "3:30");
  MUST(upsert(other, "1:11", NULL, NULL, &err));
  commit_and_free(&other);
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  commit_and_free(&third);
  assert_rows_now(db, "1:11 3:30");
  close_db(&db);
}

/* ---- blind upserts: appends with key columns */

static khonsu_txn *begin_keyed(khonsu_db *db, khonsu_isolation level, khonsu_on_conflict strategy) {
  khonsu_txn *txn = begin_at(db, level);
  MUST(khonsu_set_key_columns(txn, key_column, 1, &err));
  MUST(khonsu_set_on_conflict(txn, strategy, &err));
  return txn;
}

static void blind_upserts_all_stand(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with_rows("1:10 2:20");
    khonsu_txn *txns[3];
    for (int i = 0; i < 3; i++) txns[i] = begin_keyed(db, levels[level], KHONSU_ON_CONFLICT_FAIL);
    append_rows(txns[0], "2:21 3:31");
    append_rows(txns[1], "3:32 1:12");
    append_rows(txns[2], "4:43");
    MUST(khonsu_set_key_columns(txns[2], NULL, 0, &err));
    for (int i = 0; i < 3; i++) commit_and_free(&txns[i]);
    assert_rows_now(db, "1:12 2:21 3:32 4:43");
    close_db(&db);
  }
}

static void own_blind_upserts(void **state) {
  (void)state;
  for (int read_back = 0; read_back < 2; read_back++) {
    khonsu_db *db = open_with_rows("1:10 2:20");
    khonsu_txn *txn = begin_keyed(db, KHONSU_SERIALIZABLE, KHONSU_ON_CONFLICT_FAIL);
    append_rows(txn, "2:21 3:31");
    append_rows(txn, "3:32 1:12 4:42");
    if (read_back) assert_rows(txn, "1:12 2:21 3:32 4:42");
    khonsu_txn *other = begin_at(db, KHONSU_SERIALIZABLE);
    append_rows(other, "4:40 5:50");
    commit_and_free(&other);
    MUST_BE(read_back ? KHONSU_CONFLICT : KHONSU_OK, khonsu_commit(txn, NULL, &err)); /* it was observed */
    khonsu_txn_free(&txn);
    assert_rows_now(db, read_back ? "1:10 2:20 4:40 5:50" : "1:12 2:21 4:42 5:50 3:32");
    close_db(&db);
  }
}

/* Many upserts of one transaction, some of them read back, do what each would have done in one of its own. */
static void many_own_blind_upserts(void **state) {
  (void)state;
  kh_prng prng = {test_seed()};
  for (int round = 0; round < 60; round++) {
    khonsu_db *one = open_with_rows("1:10 2:20"), *each = open_with_rows("1:10 2:20");
    khonsu_txn *txn = begin_keyed(one, levels[round % LEVELS], KHONSU_ON_CONFLICT_FAIL);
    uint64_t steps = 1 + kh_prng_below(&prng, 40);
    for (uint64_t step = 0; step < steps; step++) {
      char rows[256] = "";
      uint64_t key = kh_prng_below(&prng, 8);
      for (uint64_t left = kh_prng_below(&prng, 5); left > 0; left--, key += 1 + kh_prng_below(&prng, 3)) {
        size_t used = strlen(rows);
        snprintf(rows + used, sizeof rows - used, " %d:%d", (int)key, (int)(100 * step + left));
      }
      append_rows(txn, rows);
      khonsu_txn *alone = begin_keyed(each, KHONSU_SERIALIZABLE, KHONSU_ON_CONFLICT_FAIL);
      append_rows(alone, rows);
      commit_and_free(&alone);
      if (kh_prng_below(&prng, 10) == 0) assert_same_rows(txn, each);
    }
    commit_and_free(&txn);
    txn = begin_read_only(one);
    assert_same_rows(txn, each);
    khonsu_txn_free(&txn);
    close_db(&one);
    close_db(&each);
  }
}

/* What was read is never blind, so it is never upserted: how its rows repeat the key columns is its own affair. */
static void what_was_read_need_not_be_ready_to_be_upserted(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 1:11 2:20");
  static const char *const value_column[] = {"v"};
  uint64_t deleted;
  khonsu_txn *txn = begin_keyed(db, KHONSU_SERIALIZABLE, KHONSU_ON_CONFLICT_APPEND);
  MUST(delete_rows(txn, "2", &deleted, &err));
  assert_int_equal(deleted, 1);
  MUST(upsert_by(txn, "3:11 1:12", value_column, 1, &err));
  assert_rows(txn, "1:10 3:11 1:12");
  append_rows(txn, "1:13 4:40");
  commit_and_free(&txn);
  assert_rows_now(db, "1:13 3:11 1:13 4:40");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_set_on_conflict(txn, KHONSU_ON_CONFLICT_APPEND, &err));
  append_rows(txn, "5:50");
  MUST(khonsu_set_key_columns(txn, key_column, 1, &err));
  append_rows(txn, "4:41"); /* onto a plain append: it is read */
  commit_and_free(&txn);
  assert_rows_now(db, "1:13 3:11 1:13 4:41 5:50");
  close_db(&db);
}

/* Rows that go in in two ways depend on what is there: the table is read. */
static void mixed_with_plain_appends(void **state) {
  (void)state;
  for (int plain_first = 0; plain_first < 2; plain_first++) {
    khonsu_db *db = open_with_rows("1:10 2:20");
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    if (plain_first) append_rows(txn, "2:22");
    MUST(khonsu_set_key_columns(txn, key_column, 1, &err));
    append_rows(txn, "2:21 3:30");
    MUST(khonsu_set_key_columns(txn, NULL, 0, &err));
    append_rows(txn, "3:33");
    khonsu_txn *other = begin_at(db, KHONSU_SERIALIZABLE);
    put_text(other, "another", "key");
    commit_and_free(&other);
    commit_and_free(&txn);
    assert_rows_now(db, plain_first ? "1:10 2:21 2:21 3:30 3:33" : "1:10 2:21 3:30 3:33");
    close_db(&db);
  }
}

/* The table of strategies, of upserts: theirs is a put, a delete, a put of another type; a put of mine is upserted. */
static void strategies(void **state) {
  (void)state;
  static const struct {
    bool put;
    const char *theirs, *outcomes[4]; /* of fail, ignore, replace, append; NULL: CONFLICT */
  } cells[] = {
      {false, "put", {NULL, "2:29 7:70", "2:21 7:70 3:31", "2:21 7:70 3:31"}},
      {false, "delete", {NULL, "", "2:21 3:31", "2:21 3:31"}},
      {false, "bytes", {NULL, "", NULL, NULL}},
      {true, "put", {NULL, "2:29 7:70", "2:21 3:31", "2:21 7:70 3:31"}},
      {true, "delete", {NULL, "", "2:21 3:31", "2:21 3:31"}},
  };
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
    for (int level = 0; level < LEVELS; level++)
      for (int strategy = 0; strategy < 4; strategy++) {
        khonsu_db *db = open_with_rows("1:10 2:20");
        khonsu_txn *txn = begin_keyed(db, levels[level], (khonsu_on_conflict)(KHONSU_ON_CONFLICT_FAIL + strategy));
        if (cells[i].put) put_rows(txn, "2:21 3:31");
        else append_rows(txn, "2:21 3:31");
        khonsu_txn *other = begin_at(db, levels[level]);
        if (cells[i].theirs[0] == 'p') put_rows(other, "2:29 7:70");
        else if (cells[i].theirs[0] == 'b') put_text(other, "t", "text");
        else MUST(khonsu_delete(other, KHONSU_KEY("t"), &err));
        commit_and_free(&other);
        const char *expected = cells[i].outcomes[strategy];
        khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
        MUST_BE(expected == NULL ? KHONSU_CONFLICT : KHONSU_OK, khonsu_commit(txn, &info, &err));
        assert_int_equal(info.dropped_count, strategy == 1 && expected != NULL);
        khonsu_commit_info_clear(&info);
        khonsu_txn_free(&txn);
        if (expected != NULL && cells[i].theirs[0] != 'b') assert_rows_now(db, expected[0] != '\0' ? expected : NULL);
        close_db(&db);
      }
}

/* A blind upsert that lands on newer rows takes the reads of its transaction along. */
static void what_was_read_must_hold(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with_rows("1:10");
    put_text_now(db, "read", "1");
    khonsu_txn *txn = begin_keyed(db, levels[level], KHONSU_ON_CONFLICT_FAIL);
    assert_text(txn, "read", "1");
    append_rows(txn, "1:11");
    khonsu_txn *other = begin_keyed(db, levels[level], KHONSU_ON_CONFLICT_FAIL);
    append_rows(other, "1:12");
    put_text(other, "read", "2");
    commit_and_free(&other);
    bool holds = levels[level] == KHONSU_READ_COMMITTED;
    MUST_BE(holds ? KHONSU_OK : KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
    khonsu_txn_free(&txn);
    assert_rows_now(db, holds ? "1:11" : "1:12");
    close_db(&db);
  }
}

/* What replaced rows take in memory goes when nobody sees them any more. */
static void memory_does_not_pile_up(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 2:20 3:30 4:40");
  uint64_t early = 0;
  for (int i = 0; i < 4000; i++) {
    khonsu_txn *txn = begin_keyed(db, KHONSU_SNAPSHOT, KHONSU_ON_CONFLICT_FAIL);
    append_rows(txn, i % 2 == 0 ? "2:21 3:31" : "1:11 2:22 3:32 4:42");
    commit_and_free(&txn);
    if (i == 1999) early = stats_of(db).memory_bytes;
  }
  assert_in_range(stats_of(db).memory_bytes, early / 2, early * 3 / 2);
  close_db(&db);
}

/* ---- errors: nothing is staged, the transaction goes on */

#define ASSERT_SAYS(wanted, text, call)                                                                                \
  do {                                                                                                                 \
    khonsu_error err = KHONSU_ERROR_INIT;                                                                              \
    assert_int_equal((call), wanted);                                                                                  \
    assert_string_equal(err.message, text);                                                                            \
    khonsu_error_clear(&err);                                                                                          \
  } while (0)

static void what_is_wrong_is_said(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 2:20");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  uint64_t inserted = 9, updated = 9;
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "rows 1 and 2 of the input have the same key",
              upsert(txn, "1:1 2:2 2:3", &inserted, &updated, &err));
  assert_int_equal(inserted, 9);
  assert_int_equal(updated, 9);
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "the input has no column 'x', which is a key column",
              upsert_by(txn, "1:1", (const char *[]){"x"}, 1, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "there are no key columns: name one or more",
              upsert_by(txn, "1:1", NULL, 0, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "columns is NULL but column_count is 2", upsert_by(txn, "1:1", NULL, 2, &err));
  ASSERT_SAYS(KHONSU_SCHEMA_MISMATCH,
              "2 columns in the table, 1 in the rows; the first that differs: 'v' in the table, none in the rows",
              upsert_by(txn, "1", key_column, 1, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "schema and batch must not be NULL",
              khonsu_upsert_batch(txn, KHONSU_KEY("t"), NULL, NULL, key_column, 1, NULL, NULL, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "the stream must not be NULL",
              khonsu_upsert(txn, KHONSU_KEY("t"), NULL, key_column, 1, NULL, NULL, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "the stream must not be NULL",
              khonsu_delete_rows(txn, KHONSU_KEY("t"), NULL, NULL, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "columns is NULL but column_count is 1",
              khonsu_set_key_columns(txn, NULL, 1, &err));
  ASSERT_SAYS(KHONSU_INVALID_ARGUMENT, "the name of key column 0 is NULL",
              khonsu_set_key_columns(txn, (const char *[]){NULL}, 1, &err));
  put_text(txn, "t", "text");
  ASSERT_SAYS(KHONSU_WRONG_TYPE, "cannot upsert rows: the key holds bytes", upsert(txn, "1:1", NULL, NULL, &err));
  ASSERT_SAYS(KHONSU_WRONG_TYPE, "cannot delete rows: the key holds bytes", delete_rows(txn, "1", NULL, &err));
  put_rows(txn, "5:50");
  assert_rows(txn, "5:50");
  commit_and_free(&txn);
  assert_rows_now(db, "5:50");
  txn = begin_read_only(db);
  MUST_BE(KHONSU_READ_ONLY, upsert(txn, "1:1", NULL, NULL, &err));
  MUST_BE(KHONSU_READ_ONLY, delete_rows(txn, "1", NULL, &err));
  khonsu_txn_free(&txn);
  close_db(&db);
}

/* ---- streams, as they were lent out */

static void streams(void **state) {
  (void)state;
  khonsu_db *db = open_with_rows("1:10 2:20");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct ArrowArrayStream stream;
  make_rows("2:21 3:30", &schema, &batch);
  MUST(khonsu_put_batch(txn, KHONSU_KEY("input"), &schema, &batch, &err));
  MUST(khonsu_get(txn, KHONSU_KEY("input"), &stream, &err));
  uint64_t inserted, updated, deleted;
  MUST(khonsu_upsert(txn, KHONSU_KEY("t"), &stream, key_column, 1, &inserted, &updated, &err));
  assert_null(stream.release);
  assert_int_equal(inserted + 10 * updated, 11);
  assert_rows(txn, "1:10 2:21 3:30");
  make_rows("1 3", &schema, &batch);
  MUST(khonsu_put_batch(txn, KHONSU_KEY("input"), &schema, &batch, &err));
  MUST(khonsu_get(txn, KHONSU_KEY("input"), &stream, &err));
  MUST(khonsu_delete_rows(txn, KHONSU_KEY("t"), &stream, &deleted, &err));
  assert_int_equal(deleted, 2);
  make_rows("2", &schema, &batch);
  MUST(khonsu_delete_rows_batch_ref(txn, KHONSU_KEY("t"), &schema, &batch, &deleted, &err));
  assert_int_equal(deleted, 1);
  schema.release(&schema);
  batch.release(&batch);
  assert_rows(txn, "");
  commit_and_free(&txn);
  close_db(&db);
}

/* ---- over a storage */

static khonsu_db *open_over(fault_storage *storage) {
  khonsu_db *db = NULL;
  MUST(khonsu_open_with_storage(fault_storage_ops(), storage, NULL, &db, &err));
  return db;
}

static void over_a_storage(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_rows(txn, "1:10 2:20");
  append_rows(txn, "3:30");
  commit_and_free(&txn);
  close_db(&db);

  db = open_over(&storage); /* what it is upserted into is cold */
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(upsert(txn, "2:21 4:40", NULL, NULL, &err));
  commit_and_free(&txn);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_rows(txn, "5:50");
  commit_and_free(&txn);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(delete_rows(txn, "1 4", NULL, &err));
  commit_and_free(&txn);
  assert_rows_now(db, "2:21 3:30 5:50");
  close_db(&db);

  db = open_over(&storage);
  assert_rows_now(db, "2:21 3:30 5:50");
  close_db(&db);
  assert_false(storage.order_broken);
  fault_storage_fini(&storage);
}

/* A blind upsert is written as rows after others where nothing was replaced, else as the whole table; a storage that
 * fails a group cleanly has its members tried again. */
static void blind_over_a_storage(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_rows(txn, "1:10 2:20");
  commit_and_free(&txn);
  close_db(&db);
  db = open_over(&storage);
  static const char *const rows[] = {"2:21 3:30", "4:40", "4:41 1:11", "5:50"};
  static const char *const expected[] = {"1:10 2:21 3:30", "1:10 2:21 3:30 4:40", "1:11 2:21 3:30 4:41",
                                         "1:11 2:21 3:30 4:41 5:50"};
  for (int i = 0; i < 4; i++) {
    txn = begin_keyed(db, KHONSU_SERIALIZABLE, KHONSU_ON_CONFLICT_FAIL);
    append_rows(txn, rows[i]);
    commit_and_free(&txn);
    assert_rows_now(db, expected[i]);
    if (i == 1) continue; /* the next goes onto what is in memory */
    close_db(&db);
    db = open_over(&storage);
    assert_rows_now(db, expected[i]);
  }
  close_db(&db);
  fault_storage_fini(&storage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_and_own_writes),
      cmocka_unit_test(an_absent_table),
      cmocka_unit_test(among_other_writes),
      cmocka_unit_test(an_abort_leaves_nothing),
      cmocka_unit_test(nothing_to_do_is_nothing_written),
      cmocka_unit_test(a_change_meanwhile_is_a_conflict),
      cmocka_unit_test(a_blind_append_meets_an_upsert),
      cmocka_unit_test(blind_upserts_all_stand),
      cmocka_unit_test(own_blind_upserts),
      cmocka_unit_test(many_own_blind_upserts),
      cmocka_unit_test(what_was_read_need_not_be_ready_to_be_upserted),
      cmocka_unit_test(mixed_with_plain_appends),
      cmocka_unit_test(strategies),
      cmocka_unit_test(what_was_read_must_hold),
      cmocka_unit_test(memory_does_not_pile_up),
      cmocka_unit_test(blind_over_a_storage),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(streams),
      cmocka_unit_test(over_a_storage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
