/* Each isolation level prevents the point anomalies that docs/guarantees.md says it prevents, and allows the others:
 * both are shown by the same script, run at every level. Names after Adya (1999) and the Hermitage test suite. */
#include <stdio.h>
#include <string.h>

#include "support.h"

static const khonsu_isolation levels[] = {KHONSU_READ_COMMITTED, KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ,
                                          KHONSU_SERIALIZABLE};
enum { LEVELS = 4 };

/* Two keys hold 10 and 20. */
static khonsu_db *open_with_two_keys(void) {
  khonsu_db *db = open_anywhere();
  put_text_now(db, "x", "10");
  put_text_now(db, "y", "20");
  return db;
}

static bool try_commit(khonsu_txn **txn) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_commit(*txn, NULL, &error);
  if (status == KHONSU_CONFLICT) assert_true(error.conflict_count > 0);
  else must_at(status, &error, "khonsu_commit", __FILE__, __LINE__);
  khonsu_error_clear(&error);
  khonsu_txn_free(txn);
  return status == KHONSU_OK;
}

/* A script returns whether the anomaly happened. */
typedef bool (*script)(khonsu_db *db, khonsu_isolation level);

/* G0, dirty write: two transactions write both keys; the values of the two must not end up mixed. */
static bool dirty_write(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  put_text(one, "x", "11");
  put_text(two, "x", "12");
  put_text(one, "y", "21");
  bool one_in = try_commit(&one);
  put_text(two, "y", "22");
  bool two_in = try_commit(&two);
  khonsu_txn *check = begin_read_only(db);
  char x[64], y[64];
  assert_true(get_text(check, "x", x) && get_text(check, "y", y));
  khonsu_txn_free(&check);
  assert_true(one_in || two_in);
  return x[1] != y[1];
}

/* G1a, aborted read: nobody sees what is rolled back. */
static bool aborted_read(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  put_text(one, "x", "101");
  char before[64], after[64];
  assert_true(get_text(two, "x", before));
  MUST(khonsu_abort(one, &err));
  khonsu_txn_free(&one);
  assert_true(get_text(two, "x", after));
  try_commit(&two);
  return strcmp(before, "10") != 0 || strcmp(after, "10") != 0;
}

/* G1b, intermediate read: nobody sees a value that its writer replaced before committing. */
static bool intermediate_read(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  put_text(one, "x", "101");
  char before[64], after[64];
  assert_true(get_text(two, "x", before));
  put_text(one, "x", "11");
  assert_true(try_commit(&one));
  assert_true(get_text(two, "x", after));
  try_commit(&two);
  return strcmp(before, "101") == 0 || strcmp(after, "101") == 0;
}

/* G1c, circular information flow: each reads what the other writes. */
static bool circular_flow(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  put_text(one, "x", "11");
  put_text(two, "y", "22");
  char seen_by_one[64], seen_by_two[64];
  assert_true(get_text(one, "y", seen_by_one) && get_text(two, "x", seen_by_two));
  bool both = try_commit(&one);
  both &= try_commit(&two);
  return both && strcmp(seen_by_one, "22") == 0 && strcmp(seen_by_two, "11") == 0;
}

/* OTV, observed transaction vanishes: a reader sees one write of a transaction and then an older value beside it. */
static bool observed_vanishes(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  put_text(one, "x", "11");
  put_text(one, "y", "19");
  khonsu_txn *three = begin_at(db, level);
  assert_true(try_commit(&one));
  khonsu_txn *two = begin_at(db, level);
  put_text(two, "x", "12");
  char x[64], y[64];
  assert_true(get_text(three, "x", x));
  put_text(two, "y", "18");
  assert_true(try_commit(&two));
  assert_true(get_text(three, "y", y));
  try_commit(&three);
  return strcmp(x, "11") == 0 && strcmp(y, "20") == 0;
}

/* Fuzzy read (P2, the point form of PMP): reading a key twice gives two values. */
static bool fuzzy_read(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  char first[64], second[64];
  assert_true(get_text(one, "x", first));
  put_text_now(db, "x", "11");
  assert_true(get_text(one, "x", second));
  try_commit(&one);
  return strcmp(first, second) != 0;
}

/* The same for absence: a key that was not there appears. */
static bool fuzzy_absence(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  char value[64];
  bool first = get_text(one, "new", value);
  put_text_now(db, "new", "1");
  bool second = get_text(one, "new", value);
  try_commit(&one);
  return first != second;
}

/* P4, lost update: both read, both write what they computed. */
static bool lost_update(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  char value[64];
  assert_true(get_text(one, "x", value) && get_text(two, "x", value));
  put_text(one, "x", "11");
  put_text(two, "x", "12");
  assert_true(try_commit(&one));
  return try_commit(&two);
}

/* P4 through a re-read: the update rests on the first read, the guard on the second. */
static bool lost_update_reread(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *two = begin_at(db, level);
  char value[64];
  assert_true(get_text(two, "x", value));
  put_text_now(db, "x", "11");
  assert_true(get_text(two, "x", value));
  put_text(two, "x", "12");
  return try_commit(&two);
}

/* A blind write over a newer commit: no anomaly; first-committer-wins says whether it may. */
static bool blind_overwrite(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  put_text(one, "x", "12");
  put_text_now(db, "x", "11");
  return try_commit(&one);
}

/* G-single, read skew: x before and y after another's commit. */
static bool read_skew(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  char x[64], y[64];
  assert_true(get_text(one, "x", x));
  khonsu_txn *two = begin_at(db, level);
  put_text(two, "x", "12");
  put_text(two, "y", "18");
  assert_true(try_commit(&two));
  assert_true(get_text(one, "y", y));
  try_commit(&one);
  return strcmp(x, "10") == 0 && strcmp(y, "18") == 0;
}

/* G-single with a write: x is read before another's commit, y is written blindly after it. */
static bool read_skew_by_write(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  char x[64];
  assert_true(get_text(one, "x", x));
  khonsu_txn *two = begin_at(db, level);
  put_text(two, "x", "12");
  put_text(two, "y", "18");
  assert_true(try_commit(&two));
  put_text(one, "y", "21");
  return try_commit(&one);
}

/* G2-item, write skew: each reads both keys and writes the other one. */
static bool write_skew(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  char value[64];
  assert_true(get_text(one, "x", value) && get_text(one, "y", value));
  assert_true(get_text(two, "x", value) && get_text(two, "y", value));
  put_text(one, "x", "11");
  put_text(two, "y", "21");
  assert_true(try_commit(&one));
  return try_commit(&two);
}

/* Write skew on keys that do not exist: each inserts after having seen the other's absence. */
static bool write_skew_on_absence(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  char value[64];
  assert_false(get_text(one, "a", value) || get_text(two, "b", value));
  put_text(one, "b", "1");
  put_text(two, "a", "1");
  assert_true(try_commit(&one));
  return try_commit(&two);
}

/* Write skew through a deletion. */
static bool write_skew_by_delete(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level), *two = begin_at(db, level);
  char value[64];
  assert_true(get_text(one, "x", value) && get_text(two, "y", value));
  MUST(khonsu_delete(one, khonsu_key("y"), &err));
  MUST(khonsu_delete(two, khonsu_key("x"), &err));
  assert_true(try_commit(&one));
  return try_commit(&two);
}

/* Read-only anomaly (Fekete, O'Neil, O'Neil 2004): a reader sees a state that no serial order has. */
static bool read_only_anomaly(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *two = begin_at(db, level);
  char x[64], y[64], value[64];
  assert_true(get_text(two, "x", value) && get_text(two, "y", value));
  khonsu_txn *one = begin_at(db, level);
  assert_true(get_text(one, "y", value));
  put_text(one, "y", "40");
  assert_true(try_commit(&one));
  khonsu_txn *reader = begin_read_only(db);
  assert_true(get_text(reader, "x", x) && get_text(reader, "y", y));
  commit_and_free(&reader);
  put_text(two, "x", "-1"); /* computed from the old y */
  return try_commit(&two) && strcmp(x, "10") == 0 && strcmp(y, "40") == 0;
}

/* An append that lands on a newer version while a read of another key is stale: G-single, unless the transaction is
 * certified at commit time. */
static bool append_after_stale_read(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *setup = begin_at(db, level);
  append_ids(setup, "t", 0, 1);
  commit_and_free(&setup);
  khonsu_txn *one = begin_at(db, level);
  char value[64];
  assert_true(get_text(one, "x", value));
  append_ids(one, "t", 10, 1);
  khonsu_txn *two = begin_at(db, level);
  put_text(two, "x", "11");
  append_ids(two, "t", 20, 1);
  assert_true(try_commit(&two));
  return try_commit(&one);
}

/* A read of a key that changed, and a write elsewhere that nobody contends for: stands at snapshot (it is before the
 * other), fails where reads are certified. */
static bool stale_read_write_elsewhere(khonsu_db *db, khonsu_isolation level) {
  khonsu_txn *one = begin_at(db, level);
  char value[64];
  assert_true(get_text(one, "x", value));
  put_text_now(db, "x", "11");
  put_text(one, "z", "1");
  return try_commit(&one);
}

typedef struct anomaly {
  const char *name;
  script run;
  bool happens[LEVELS]; /* read committed, snapshot, repeatable read, serializable */
} anomaly;

static const anomaly anomalies[] = {
    {"G0 dirty write", dirty_write, {false, false, false, false}},
    {"G1a aborted read", aborted_read, {false, false, false, false}},
    {"G1b intermediate read", intermediate_read, {false, false, false, false}},
    {"G1c circular information flow", circular_flow, {false, false, false, false}},
    {"OTV observed transaction vanishes", observed_vanishes, {false, false, false, false}},
    {"P2 fuzzy read", fuzzy_read, {true, false, false, false}},
    {"P2 fuzzy read of absence", fuzzy_absence, {true, false, false, false}},
    {"P4 lost update", lost_update, {false, false, false, false}},
    {"P4 lost update through a re-read", lost_update_reread, {true, false, false, false}},
    {"blind write over a newer commit", blind_overwrite, {true, false, false, false}},
    {"G-single read skew", read_skew, {true, false, false, false}},
    {"G-single read skew by a blind write", read_skew_by_write, {true, false, false, false}},
    {"G-single by an append that lands on a newer version", append_after_stale_read, {true, false, false, false}},
    {"G2-item write skew", write_skew, {true, true, false, false}},
    {"G2-item write skew on absent keys", write_skew_on_absence, {true, true, false, false}},
    {"G2-item write skew by deletes", write_skew_by_delete, {true, true, false, false}},
    {"G2 read-only anomaly", read_only_anomaly, {true, true, false, false}},
    {"stale read, write elsewhere", stale_read_write_elsewhere, {true, true, false, false}},
};

static void every_level_prevents_and_allows_what_it_says(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof anomalies / sizeof *anomalies; i++) {
    for (int level = 0; level < LEVELS; level++) {
      khonsu_db *db = open_with_two_keys();
      bool happened = anomalies[i].run(db, levels[level]);
      if (happened != anomalies[i].happens[level])
        fail_msg("%s at level %d: %s", anomalies[i].name, (int)levels[level], happened ? "happened" : "did not happen");
      close_anywhere(&db);
    }
  }
}

/* The report names the key, the kind, both versions and the winner. */
static void a_conflict_says_who_won_and_where(void **state) {
  (void)state;
  khonsu_db *db = open_with_two_keys();
  khonsu_txn *loser = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_version read_version = khonsu_txn_snapshot(loser);
  char value[64];
  assert_true(get_text(loser, "x", value) && get_text(loser, "y", value));
  put_text(loser, "y", "21");
  khonsu_txn *winner = begin_at(db, KHONSU_SNAPSHOT);
  uint64_t winner_id = khonsu_txn_id(winner);
  put_text(winner, "x", "11");
  put_text(winner, "y", "22");
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  MUST(khonsu_commit(winner, &info, &err));
  khonsu_txn_free(&winner);

  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_commit(loser, NULL, &error), KHONSU_CONFLICT);
  assert_true(khonsu_status_is(error.status, KHONSU_CLASS_CONFLICT));
  assert_int_equal(error.conflict_count, 2);
  for (size_t i = 0; i < 2; i++) {
    const khonsu_conflict *conflict = &error.conflicts[i];
    assert_int_equal(conflict->key.size, 1);
    bool is_x = *(const char *)conflict->key.data == 'x';
    assert_int_equal(conflict->kind, is_x ? KHONSU_CONFLICT_READ : KHONSU_CONFLICT_UPDATE);
    assert_true(conflict->read_version != 0 && conflict->read_version <= read_version);
    assert_int_equal(conflict->winner_version, info.version);
    assert_int_equal(conflict->winner, winner_id);
  }
  assert_non_null(strstr(error.message, "key 'x'"));
  khonsu_error_clear(&error);
  khonsu_txn_free(&loser);
  close_anywhere(&db);
}

/* Read-only transactions commit at every level, whatever changed under them. */
static void read_only_transactions_never_conflict(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_with_two_keys();
    khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
    options.isolation = levels[level];
    options.read_only = true;
    khonsu_txn *reader;
    MUST(khonsu_begin(db, &options, &reader, &err));
    char value[64];
    assert_true(get_text(reader, "x", value));
    put_text_now(db, "x", "11");
    delete_now(db, "y");
    assert_true(get_text(reader, "x", value));
    assert_string_equal(value, levels[level] == KHONSU_READ_COMMITTED ? "11" : "10");
    assert_int_equal(get_text(reader, "y", value), levels[level] != KHONSU_READ_COMMITTED);
    MUST_BE(KHONSU_READ_ONLY, khonsu_delete(reader, KHONSU_KEY("x"), &err));
    commit_and_free(&reader);
    close_anywhere(&db);
  }
}

/* Both stand, whether the table is there or the appends create it; a put or delete in between does not commute. */
static void blind_appends_commute(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_anywhere();
    for (int round = 1; round <= 2; round++) {
      khonsu_txn *one = begin_at(db, levels[level]), *two = begin_at(db, levels[level]);
      append_ids(one, "t", 0, 3);
      append_ids(two, "t", 0, 4);
      assert_true(try_commit(&one) && try_commit(&two));
      khonsu_txn *check = begin_read_only(db);
      int64_t sum;
      uint64_t rows;
      sum_table(check, "t", &sum, &rows);
      assert_int_equal(rows, 7 * round);
      khonsu_txn_free(&check);
    }
    khonsu_txn *late = begin_at(db, levels[level]);
    append_ids(late, "t", 0, 5);
    delete_now(db, "t");
    assert_int_equal(try_commit(&late), levels[level] == KHONSU_READ_COMMITTED);
    close_anywhere(&db);
  }
}

/* An append that meets another schema, or bytes, is a conflict of its own kind at every level. */
static void an_append_onto_another_schema_is_a_conflict(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_anywhere();
    khonsu_txn *late = begin_at(db, levels[level]);
    append_ids(late, "t", 0, 5);
    put_text_now(db, "t", "bytes");
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(khonsu_commit(late, NULL, &error), KHONSU_CONFLICT);
    assert_int_equal(error.conflict_count, 1);
    assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_SCHEMA);
    khonsu_error_clear(&error);
    khonsu_txn_free(&late);
    close_anywhere(&db);
  }
}

/* With a strategy asked for, read committed checks blind writes since begin. */
static void read_committed_with_fail_checks_blind_writes(void **state) {
  (void)state;
  khonsu_db *db = open_with_two_keys();
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = KHONSU_READ_COMMITTED;
  options.on_conflict = KHONSU_ON_CONFLICT_FAIL;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  put_text(txn, "x", "12");
  put_text_now(db, "x", "11");
  assert_false(try_commit(&txn));
  close_anywhere(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_level_prevents_and_allows_what_it_says),
      cmocka_unit_test(a_conflict_says_who_won_and_where),
      cmocka_unit_test(read_only_transactions_never_conflict),
      cmocka_unit_test(blind_appends_commute),
      cmocka_unit_test(an_append_onto_another_schema_is_a_conflict),
      cmocka_unit_test(read_committed_with_fail_checks_blind_writes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
