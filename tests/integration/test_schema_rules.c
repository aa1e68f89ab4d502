/* Schema rules in transactions: rows that fit stay blind and commute, rows that change the schema read the table; what is
 * seen before and after, by whom; that rules survive a reopening; and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_storage.h"
#include "support.h"

static const khonsu_isolation levels[] = {KHONSU_READ_COMMITTED, KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ,
                                          KHONSU_SERIALIZABLE};
enum { LEVELS = 4, ROWS = 16, COLUMNS = 4 };
static const khonsu_schema_rules both = (khonsu_schema_rules)(KHONSU_SCHEMA_ADD | KHONSU_SCHEMA_WIDEN);
static const khonsu_slice key = {"t", 1};

/* ---- tables as text: "a:i=1,2 b:l=3,_": columns of type i (int32) or l (int64), _ is null */

/* int64 values become int32, where they stand. */
static void narrow(struct ArrowSchema *schema, struct ArrowArray *column) {
  int32_t *narrowed = (int32_t *)column->buffers[1];
  const int64_t *values = column->buffers[1];
  for (int64_t i = 0; i < column->length; i++) {
    int64_t value = values[i];
    memcpy(&narrowed[i], &(int32_t){(int32_t)value}, sizeof(int32_t));
  }
  schema->format = "i";
}

static void make_rows(const char *text, struct ArrowSchema *schema, struct ArrowArray *batch) {
  static char names[COLUMNS][8];
  int64_t values[COLUMNS][ROWS];
  const int64_t *columns[COLUMNS];
  const char *name_list[COLUMNS];
  char formats[COLUMNS], copy[256], *rest = copy;
  size_t count = 0, rows = 0;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word; (word = strsep(&rest, " ")) != NULL; count++) {
    char *colon = strchr(word, ':'), *at = colon + 3;
    snprintf(names[count], sizeof names[count], "%.*s", (int)(colon - word), word);
    formats[count] = colon[1];
    name_list[count] = names[count];
    columns[count] = values[count];
    for (rows = 0; *at != '\0'; rows++) {
      values[count][rows] = strtoll(at, &at, 10);
      if (*at == ',') at++;
    }
  }
  make_batch(schema, batch, count, name_list, rows, columns);
  for (size_t i = 0; i < count; i++)
    if (formats[i] == 'i') narrow(schema->children[i], batch->children[i]);
}

static void show_column(const struct ArrowSchema *schema, const struct ArrowArray *column, char *text, size_t room) {
  const uint8_t *validity = column->buffers[0];
  int used = snprintf(text, room, "%s:%s=", schema->name, schema->format);
  for (int64_t i = 0; i < column->length; i++) {
    int64_t at = column->offset + i;
    long long value =
        *schema->format == 'i' ? ((const int32_t *)column->buffers[1])[at] : ((const int64_t *)column->buffers[1])[at];
    bool is_null = validity != NULL && (validity[at >> 3] >> (at & 7) & 1) == 0;
    char number[24];
    snprintf(number, sizeof number, "%lld", value);
    used += snprintf(text + used, room - (size_t)used, "%s%s", i > 0 ? "," : "", is_null ? "_" : number);
  }
}

static void assert_rows(khonsu_txn *txn, const char *expected) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  char text[512] = "";
  MUST(khonsu_get_batch(txn, key, &schema, &batch, &err));
  for (int64_t i = 0; i < batch.n_children; i++) {
    size_t used = strlen(text);
    if (i > 0) text[used++] = ' ';
    show_column(schema.children[i], batch.children[i], text + used, sizeof text - used);
  }
  schema.release(&schema);
  batch.release(&batch);
  assert_string_equal(text, expected);
}

static void assert_rows_now(khonsu_db *db, const char *expected) {
  khonsu_txn *txn = begin_read_only(db);
  assert_rows(txn, expected);
  khonsu_txn_free(&txn);
}

static khonsu_status append(khonsu_txn *txn, const char *rows, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  khonsu_status status = khonsu_append_batch(txn, key, &schema, &batch, error);
  assert_null(schema.release);
  assert_null(batch.release);
  return status;
}

static khonsu_status put(khonsu_txn *txn, const char *rows, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  return khonsu_put_batch(txn, key, &schema, &batch, error);
}

static const char *const key_column[] = {"k"};

static khonsu_status upsert(khonsu_txn *txn, const char *rows, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(rows, &schema, &batch);
  return khonsu_upsert_batch(txn, key, &schema, &batch, key_column, 1, NULL, NULL, error);
}

static void set_up(khonsu_db *db, const char *rows, khonsu_schema_rules rules) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(put(txn, rows, &err));
  MUST(khonsu_set_schema_rules(txn, key, rules, &err));
  commit_and_free(&txn);
}

static khonsu_db *open_with(const char *rows, khonsu_schema_rules rules) {
  khonsu_db *db = open_memory();
  set_up(db, rows, rules);
  return db;
}

static khonsu_schema_rules rules_of(khonsu_db *db) {
  khonsu_schema_rules rules;
  khonsu_txn *txn = begin_read_only(db);
  MUST(khonsu_get_schema_rules(txn, key, &rules, &err));
  khonsu_txn_free(&txn);
  return rules;
}

/* ---- rows that fit, and rows for which the schema changes */

static void narrower_rows_stay_blind(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with("a:l=1 b:l=10", both);
    khonsu_txn *one = begin_at(db, levels[level]), *other = begin_at(db, levels[level]);
    MUST(append(one, "a:i=2", &err));
    MUST(append(one, "b:i=30 a:i=3", &err));
    MUST(append(other, "b:l=40", &err));
    commit_and_free(&other);
    commit_and_free(&one); /* neither has read the table */
    assert_rows_now(db, "a:l=1,_,2,3 b:l=10,40,_,30");
    close_db(&db);
  }
}

static void the_schema_grows(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with("a:i=1 b:i=10", both);
    khonsu_txn *txn = begin_at(db, levels[level]), *before = begin_read_only(db);
    MUST(append(txn, "a:i=2 b:i=20", &err));
    MUST(append(txn, "c:l=300 a:l=3", &err));
    assert_rows(txn, "a:l=1,2,3 b:i=10,20,_ c:l=_,_,300");
    MUST(append(txn, "a:i=4", &err));
    commit_and_free(&txn);
    assert_rows(before, "a:i=1 b:i=10");
    khonsu_txn_free(&before);
    assert_rows_now(db, "a:l=1,2,3,4 b:i=10,20,_,_ c:l=_,_,300,_");
    assert_int_equal(rules_of(db), both);
    close_db(&db);
  }
}

/* The table was read: a commit to it in between is a conflict, at every level. */
static void growing_is_an_update(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with("a:i=1", both);
    khonsu_txn *grows = begin_at(db, levels[level]), *other = begin_at(db, levels[level]);
    MUST(append(grows, "a:l=2", &err));
    MUST(append(other, "a:i=3", &err));
    commit_and_free(&other);
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(khonsu_commit(grows, NULL, &error), KHONSU_CONFLICT);
    assert_int_equal(error.conflict_count, 1);
    assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_UPDATE);
    khonsu_error_clear(&error);
    khonsu_txn_free(&grows);
    assert_rows_now(db, "a:i=1,3");
    close_db(&db);
  }
}

/* Blind rows of the schema before meet one that has grown: run again, they fit. That read committed has looked at it in
 * between changes nothing. */
static void blind_rows_meet_a_grown_schema(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with("a:i=1", both);
    khonsu_txn *grows = begin_at(db, levels[level]), *other = begin_at(db, levels[level]);
    MUST(append(other, "a:i=3", &err));
    MUST(append(grows, "a:l=2", &err));
    commit_and_free(&grows);
    khonsu_error error = KHONSU_ERROR_INIT;
    if (levels[level] == KHONSU_READ_COMMITTED) { /* which sees the other schema at once */
      struct ArrowArrayStream stream;
      assert_int_equal(khonsu_get(other, key, &stream, &error), KHONSU_CONFLICT);
      assert_int_equal(error.conflict_count, 1);
      assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_SCHEMA);
    }
    assert_int_equal(khonsu_commit(other, NULL, &error), KHONSU_CONFLICT);
    assert_int_equal(error.conflict_count, 1);
    assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_SCHEMA);
    khonsu_error_clear(&error);
    khonsu_txn_free(&other);
    other = begin_at(db, levels[level]);
    MUST(append(other, "a:i=3", &err));
    commit_and_free(&other);
    assert_rows_now(db, "a:l=1,2,3");
    close_db(&db);
  }
}

/* The same of a number that was added to a counter, which is bytes by now. */
static void a_number_meets_bytes(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  int64_t value;
  khonsu_txn *txn = begin_at(db, KHONSU_READ_COMMITTED);
  MUST(khonsu_add(txn, key, 1, &err));
  put_text_now(db, "t", "bytes");
  MUST_BE(KHONSU_CONFLICT, khonsu_get_counter(txn, key, &value, &err));
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  txn = begin_read_only(db);
  assert_text(txn, "t", "bytes");
  khonsu_txn_free(&txn);
  close_db(&db);
}

static void own_tables_grow(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(put(txn, "a:i=1", &err));
  MUST(khonsu_set_schema_rules(txn, key, both, &err));
  MUST(append(txn, "a:l=2", &err));
  MUST(append(txn, "b:i=3", &err));
  assert_rows(txn, "a:l=1,2,_ b:i=_,_,3");
  commit_and_free(&txn);
  assert_rows_now(db, "a:l=1,2,_ b:i=_,_,3");
  close_db(&db);
}

static void upserts_grow(void **state) {
  (void)state;
  for (int blind = 0; blind < 2; blind++) {
    khonsu_db *db = open_with("k:i=1,2,3 v:i=10,20,30", both);
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    if (blind) MUST(khonsu_set_key_columns(txn, key_column, 1, &err));
    MUST(blind ? append(txn, "k:i=2", &err) : upsert(txn, "k:i=2", &err));
    MUST(blind ? append(txn, "w:i=7,8 k:l=3,4", &err) : upsert(txn, "w:i=7,8 k:l=3,4", &err));
    assert_rows(txn, "k:l=1,2,3,4 v:i=10,_,_,_ w:i=_,_,7,8");
    commit_and_free(&txn);
    assert_rows_now(db, "k:l=1,2,3,4 v:i=10,_,_,_ w:i=_,_,7,8");
    close_db(&db);
  }
}

/* ---- the rules */

static void strict_is_the_default(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(put(txn, "a:i=1", &err));
  commit_and_free(&txn);
  assert_int_equal(rules_of(db), KHONSU_SCHEMA_STRICT);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(append(txn, "a:l=2", &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "column 'a': int32 in the table, int64 in the rows");
  assert_int_equal(append(txn, "a:i=2 b:i=2", &error), KHONSU_SCHEMA_MISMATCH);
  assert_rows(txn, "a:i=1"); /* nothing half done */
  MUST(khonsu_set_schema_rules(txn, key, KHONSU_SCHEMA_WIDEN, &err));
  assert_int_equal(append(txn, "a:i=2 b:i=2", &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message,
                      "column 'b': it is not in the table, and the rules of the table's schema do not say 'add'");
  MUST(append(txn, "a:l=2", &err));
  commit_and_free(&txn);
  assert_rows_now(db, "a:l=1,2");
  txn = begin_at(db, KHONSU_SERIALIZABLE); /* a put takes the schema's place, and that of its rules */
  MUST(put(txn, "a:i=1", &err));
  commit_and_free(&txn);
  assert_int_equal(rules_of(db), KHONSU_SCHEMA_STRICT);
  close_db(&db);
}

static void wrong_calls(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_schema_rules rules = both;
  put_text_now(db, "bytes", "x");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_set_schema_rules(txn, key, both, &error), KHONSU_NOT_FOUND);
  assert_string_equal(error.message, "there is no table at the key to set schema rules of");
  assert_int_equal(khonsu_get_schema_rules(txn, key, &rules, &error), KHONSU_NOT_FOUND);
  assert_int_equal(khonsu_set_schema_rules(txn, KHONSU_KEY("bytes"), both, &error), KHONSU_WRONG_TYPE);
  assert_string_equal(error.message, "cannot set schema rules: the key holds bytes");
  assert_int_equal(khonsu_get_schema_rules(txn, KHONSU_KEY("bytes"), &rules, &error), KHONSU_WRONG_TYPE);
  MUST(put(txn, "a:i=1", &err));
  assert_int_equal(khonsu_set_schema_rules(txn, key, (khonsu_schema_rules)4, &error), KHONSU_INVALID_ARGUMENT);
  assert_string_equal(error.message, "schema rules 4: they must be KHONSU_SCHEMA_STRICT, or _ADD and _WIDEN, or-ed");
  assert_int_equal(khonsu_get_schema_rules(txn, key, NULL, &error), KHONSU_INVALID_ARGUMENT);
  assert_int_equal(rules, both);
  commit_and_free(&txn);
  txn = begin_read_only(db);
  assert_int_equal(khonsu_set_schema_rules(txn, key, both, &error), KHONSU_READ_ONLY);
  khonsu_txn_free(&txn);
  close_db(&db);
}

/* ---- over a storage */

static khonsu_db *open_over(fault_storage *storage) {
  khonsu_db *db;
  MUST(khonsu_open_with_storage(fault_storage_ops(), storage, NULL, &db, &err));
  return db;
}

static void rules_and_grown_schemas_are_stored(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  set_up(db, "a:i=1", both);
  close_db(&db);
  db = open_over(&storage);
  assert_int_equal(rules_of(db), both);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(append(txn, "b:i=20 a:l=2", &err));
  commit_and_free(&txn);
  close_db(&db);
  db = open_over(&storage);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(append(txn, "a:i=3", &err));
  commit_and_free(&txn);
  close_db(&db);
  db = open_over(&storage);
  assert_rows_now(db, "a:l=1,2,3 b:i=_,20,_");
  close_db(&db);
  fault_storage_fini(&storage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(narrower_rows_stay_blind),
      cmocka_unit_test(the_schema_grows),
      cmocka_unit_test(growing_is_an_update),
      cmocka_unit_test(blind_rows_meet_a_grown_schema),
      cmocka_unit_test(a_number_meets_bytes),
      cmocka_unit_test(own_tables_grow),
      cmocka_unit_test(upserts_grow),
      cmocka_unit_test(strict_is_the_default),
      cmocka_unit_test(wrong_calls),
      cmocka_unit_test(rules_and_grown_schemas_are_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
