/* Conflict strategies: every cell of the table of docs/guarantees.md, at every level, for tables, bytes and counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const khonsu_isolation levels[] = {KHONSU_READ_COMMITTED, KHONSU_SNAPSHOT, KHONSU_REPEATABLE_READ,
                                          KHONSU_SERIALIZABLE};
enum { LEVELS = 4, STRATEGIES = 4 };

/* ---- a small language: one write a word, of the key "k"
 *   T7 puts a table of one row, id = 7    O7 the same with a column "other"    A7, Q7 append such a row
 *   B7 puts bytes "7"    C7 puts a counter of 7    +7 adds 7    D deletes */

static void put_row(khonsu_txn *txn, const char *column, int64_t value, bool append) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_batch(&schema, &batch, 1, &column, 1, (const int64_t *const[]){&value});
  if (append) MUST(khonsu_append_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
  else MUST(khonsu_put_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
}

static void write_word(khonsu_txn *txn, const char *word) {
  int64_t number = strtoll(word + 1, NULL, 10);
  switch (word[0]) {
    case 'T': put_row(txn, "id", number, false); return;
    case 'O': put_row(txn, "other", number, false); return;
    case 'A': put_row(txn, "id", number, true); return;
    case 'Q': put_row(txn, "other", number, true); return;
    case 'B': MUST(khonsu_put_bytes(txn, KHONSU_KEY("k"), khonsu_key(word + 1), &err)); return;
    case 'C': MUST(khonsu_put_counter(txn, KHONSU_KEY("k"), number, &err)); return;
    case '+': MUST(khonsu_add(txn, KHONSU_KEY("k"), number, &err)); return;
    case 'D': MUST(khonsu_delete(txn, KHONSU_KEY("k"), &err)); return;
    default: fail_msg("no such word: %s", word);
  }
}

/* Each word in a transaction of its own. */
static void write_words(khonsu_db *db, const char *words) {
  char copy[64], *rest = copy;
  snprintf(copy, sizeof copy, "%s", words);
  for (char *word; (word = strsep(&rest, " ")) != NULL;) {
    if (*word == '\0') continue;
    khonsu_txn *txn = begin_at(db, KHONSU_READ_COMMITTED);
    write_word(txn, word);
    commit_and_free(&txn);
  }
}

static void describe_table(khonsu_txn *txn, char *text, size_t size) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  MUST(khonsu_get_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
  size_t used = (size_t)snprintf(text, size, "%s", schema.children[0]->name[0] == 'i' ? "T" : "O");
  const int64_t *values = (const int64_t *)batch.children[0]->buffers[1] + batch.children[0]->offset;
  for (int64_t i = 0; i < batch.length; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i > 0 ? "," : "", (long long)values[i]);
  schema.release(&schema);
  batch.release(&batch);
}

/* What is at the key, in the language above: "T1,2", "B7", "C9", "-". */
static void describe(khonsu_db *db, char *text, size_t size) {
  khonsu_txn *txn = begin_read_only(db);
  khonsu_bytes bytes;
  int64_t number;
  khonsu_status status = khonsu_get_bytes(txn, KHONSU_KEY("k"), &bytes, NULL);
  if (status == KHONSU_OK) {
    snprintf(text, size, "B%.*s", (int)bytes.size, (const char *)bytes.data);
    khonsu_bytes_release(&bytes);
  } else if (status == KHONSU_NOT_FOUND) {
    snprintf(text, size, "-");
  } else if (khonsu_get_counter(txn, KHONSU_KEY("k"), &number, NULL) == KHONSU_OK) {
    snprintf(text, size, "C%lld", (long long)number);
  } else {
    describe_table(txn, text, size);
  }
  khonsu_txn_free(&txn);
}

/* ---- the table */

/* What comes of `mine`, staged blindly before `theirs` committed, under fail, ignore, replace, append: the value at the
 * key; or "write", "schema": a conflict of that kind; or "dropped". */
typedef struct cell {
  const char *before, *mine, *theirs;
  const char *outcomes[STRATEGIES];
} cell;

static const cell cells[] = {
    /* appends, adds among themselves: both stand, in whatever strategy */
    {"T1", "A2", "A3", {"T1,3,2", "T1,3,2", "T1,3,2", "T1,3,2"}},
    {"T1", "A2", "A3 A4", {"T1,3,4,2", "T1,3,4,2", "T1,3,4,2", "T1,3,4,2"}},
    {"", "A2", "A3", {"T3,2", "T3,2", "T3,2", "T3,2"}},
    {"C1", "+2", "+3", {"C6", "C6", "C6", "C6"}},
    {"", "+2", "+3", {"C5", "C5", "C5", "C5"}},
    /* append, add; put since */
    {"T1", "A2", "T3", {"write", "dropped", "T3,2", "T3,2"}},
    {"", "A2", "T3", {"write", "dropped", "T3,2", "T3,2"}},
    {"T1", "A2", "D A3", {"write", "dropped", "T3,2", "T3,2"}},
    {"C1", "+2", "C3", {"write", "dropped", "C5", "C5"}},
    {"C1", "+2", "D +3", {"write", "dropped", "C5", "C5"}},
    /* append, add; delete since */
    {"T1", "A2", "D", {"write", "dropped", "T2", "T2"}},
    {"C1", "+2", "D", {"write", "dropped", "C2", "C2"}},
    /* append, add; another type or schema since */
    {"T1", "A2", "O3", {"schema", "dropped", "schema", "schema"}},
    {"T1", "A2", "B3", {"schema", "dropped", "schema", "schema"}},
    {"T1", "A2", "D +3", {"schema", "dropped", "schema", "schema"}},
    {"", "A2", "Q3", {"schema", "dropped", "schema", "schema"}},
    {"", "A2", "+3", {"schema", "dropped", "schema", "schema"}},
    {"C1", "+2", "B3", {"schema", "dropped", "schema", "schema"}},
    {"", "+2", "A3", {"schema", "dropped", "schema", "schema"}},
    /* put of a table */
    {"T1", "T2", "T3", {"write", "dropped", "T2", "T3,2"}},
    {"T1", "T2", "A3", {"write", "dropped", "T2", "T1,3,2"}},
    {"", "T2", "A3", {"write", "dropped", "T2", "T3,2"}},
    {"T1", "T2", "D", {"write", "dropped", "T2", "T2"}},
    {"T1", "T2", "O3", {"schema", "dropped", "T2", "schema"}},
    {"T1", "T2", "B3", {"schema", "dropped", "T2", "schema"}},
    {"B1", "T2", "B3", {"schema", "dropped", "T2", "schema"}},
    {"C1", "T2", "+3", {"schema", "dropped", "T2", "schema"}},
    /* put of bytes, of a counter: they have no rows to go after others */
    {"B1", "B2", "B3", {"write", "dropped", "B2", "write"}},
    {"", "B2", "B3", {"write", "dropped", "B2", "write"}},
    {"B1", "B2", "D", {"write", "dropped", "B2", "write"}},
    {"T1", "B2", "A3", {"schema", "dropped", "B2", "schema"}},
    {"C1", "C2", "+3", {"write", "dropped", "C2", "write"}},
    {"C1", "C2", "C3", {"write", "dropped", "C2", "write"}},
    {"C1", "C2", "B3", {"schema", "dropped", "C2", "schema"}},
    /* delete */
    {"T1", "D", "T3", {"write", "dropped", "-", "write"}},
    {"T1", "D", "A3", {"write", "dropped", "-", "write"}},
    {"T1", "D", "O3", {"write", "dropped", "-", "write"}},
    {"T1", "D", "D", {"write", "dropped", "-", "write"}},
    {"B1", "D", "B3", {"write", "dropped", "-", "write"}},
    {"C1", "D", "+3", {"write", "dropped", "-", "write"}},
};

static khonsu_txn *begin_with(khonsu_db *db, khonsu_isolation level, khonsu_on_conflict strategy) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = level;
  options.on_conflict = strategy;
  khonsu_txn *txn;
  MUST(khonsu_begin(db, &options, &txn, &err));
  return txn;
}

static void check_cell(const cell *c, khonsu_isolation level, int strategy) {
  const char *expected = c->outcomes[strategy];
  khonsu_db *db = open_anywhere();
  write_words(db, c->before);
  khonsu_txn *txn = begin_with(db, level, (khonsu_on_conflict)(KHONSU_ON_CONFLICT_FAIL + strategy));
  put_text(txn, "rest", "of it");
  write_word(txn, c->mine);
  write_words(db, c->theirs);
  char theirs[64], now[64];
  describe(db, theirs, sizeof theirs);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_commit(txn, &info, &error);
  khonsu_txn_free(&txn);
  const char *outcome = now;
  describe(db, now, sizeof now);
  if (status != KHONSU_OK) {
    must_be_at(status, KHONSU_CONFLICT, &error, "khonsu_commit", __FILE__, __LINE__);
    assert_int_equal(error.conflict_count, 1);
    assert_string_equal(now, theirs); /* nothing of mine */
    outcome = error.conflicts[0].kind == KHONSU_CONFLICT_SCHEMA ? "schema" : "write";
  } else if (info.dropped_count != 0) {
    assert_int_equal(info.dropped_count, 1);
    assert_memory_equal(info.dropped[0].key.data, "k", 1);
    assert_int_equal(info.dropped[0].winner_version, info.version - 1);
    assert_true(info.dropped[0].winner != 0);
    assert_string_equal(now, theirs);
    outcome = "dropped";
  }
  if (strcmp(outcome, expected) != 0)
    fail_msg("level %d, strategy %d: '%s', then mine %s, theirs %s: %s, not %s", (int)level, strategy, c->before,
             c->mine, c->theirs, outcome, expected);
  khonsu_txn *rest = begin_read_only(db);
  assert_text(rest, "rest", status == KHONSU_OK ? "of it" : NULL);
  khonsu_txn_free(&rest);
  khonsu_commit_info_clear(&info);
  khonsu_error_clear(&error);
  close_anywhere(&db);
}

static void every_cell_of_the_table_at_every_level(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
    for (int level = 0; level < LEVELS; level++)
      for (int strategy = 0; strategy < STRATEGIES; strategy++) check_cell(&cells[i], levels[level], strategy);
}

/* Without a strategy: fail; at read committed, replace. */
static void the_default_is_fail_and_at_read_committed_replace(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    khonsu_db *db = open_anywhere();
    khonsu_txn *txn = begin_at(db, levels[level]);
    write_word(txn, "B1");
    write_words(db, "B2");
    MUST_BE(levels[level] == KHONSU_READ_COMMITTED ? KHONSU_OK : KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
    khonsu_txn_free(&txn);
    close_anywhere(&db);
  }
}

/* A strategy never saves a write whose key was read: that would be a lost update. */
static void no_strategy_saves_what_was_read(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++)
    for (int strategy = 0; strategy < STRATEGIES; strategy++)
      for (int own_first = 0; own_first < 2; own_first++) {
        khonsu_db *db = open_anywhere();
        write_words(db, "C1");
        khonsu_txn *txn = begin_with(db, levels[level], (khonsu_on_conflict)(KHONSU_ON_CONFLICT_FAIL + strategy));
        int64_t number;
        if (own_first) write_word(txn, "+5"); /* reading back an own add is a read too */
        MUST(khonsu_get_counter(txn, KHONSU_KEY("k"), &number, &err));
        assert_int_equal(number, own_first ? 6 : 1);
        if (!own_first) write_word(txn, "+5");
        write_words(db, "+1");
        khonsu_error error = KHONSU_ERROR_INIT;
        assert_int_equal(khonsu_commit(txn, NULL, &error), KHONSU_CONFLICT);
        assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_UPDATE);
        khonsu_error_clear(&error);
        khonsu_txn_free(&txn);
        close_anywhere(&db);
      }
}

/* The strategy is each write's own: the one in force when it was made. */
static void each_write_has_its_own_strategy(void **state) {
  (void)state;
  khonsu_db *db = open_anywhere();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_set_on_conflict(txn, KHONSU_ON_CONFLICT_IGNORE, &err));
  put_text(txn, "a", "mine");
  MUST(khonsu_set_on_conflict(txn, KHONSU_ON_CONFLICT_REPLACE, &err));
  put_text(txn, "b", "mine");
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_set_on_conflict(txn, (khonsu_on_conflict)99, &err));
  put_text_now(db, "a", "theirs");
  put_text_now(db, "b", "theirs");
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  MUST(khonsu_commit(txn, &info, &err));
  assert_int_equal(info.dropped_count, 1);
  khonsu_commit_info_clear(&info);
  MUST_BE(KHONSU_BAD_STATE, khonsu_set_on_conflict(txn, KHONSU_ON_CONFLICT_FAIL, &err));
  khonsu_txn_free(&txn);
  txn = begin_read_only(db);
  assert_text(txn, "a", "theirs");
  assert_text(txn, "b", "mine");
  khonsu_txn_free(&txn);
  close_anywhere(&db);
}

/* G-single through a write that lands on a newer version: above read committed what was read must still hold there. A
 * dropped write lands nowhere, and a transaction that only wrote has nothing that could break. */
static void a_write_that_lands_later_takes_its_reads_along(void **state) {
  (void)state;
  static const struct {
    khonsu_on_conflict strategy;
    const char *before, *mine, *theirs;
    bool moves;
  } cases[] = {
      {KHONSU_ON_CONFLICT_FAIL, "T1", "A2", "A3", true},    {KHONSU_ON_CONFLICT_FAIL, "C1", "+2", "+3", true},
      {KHONSU_ON_CONFLICT_REPLACE, "B1", "B2", "B3", true}, {KHONSU_ON_CONFLICT_REPLACE, "T1", "A2", "T3", true},
      {KHONSU_ON_CONFLICT_APPEND, "T1", "T2", "T3", true},  {KHONSU_ON_CONFLICT_REPLACE, "T1", "D", "A3", true},
      {KHONSU_ON_CONFLICT_IGNORE, "B1", "B2", "B3", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int level = 0; level < LEVELS; level++)
      for (int breaks = 0; breaks < 2; breaks++) {
        khonsu_db *db = open_anywhere();
        write_words(db, cases[i].before);
        put_text_now(db, "read", "1");
        khonsu_txn *txn = begin_with(db, levels[level], cases[i].strategy);
        assert_text(txn, "read", "1");
        write_word(txn, cases[i].mine);
        write_words(db, cases[i].theirs);
        if (breaks) put_text_now(db, "read", "2");
        bool fails = breaks && levels[level] != KHONSU_READ_COMMITTED &&
                     (cases[i].moves || levels[level] >= KHONSU_REPEATABLE_READ);
        khonsu_error error = KHONSU_ERROR_INIT;
        khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
        khonsu_status status = khonsu_commit(txn, &info, &error);
        must_be_at(status, fails ? KHONSU_CONFLICT : KHONSU_OK, &error, "khonsu_commit", __FILE__, __LINE__);
        if (fails) {
          assert_int_equal(error.conflict_count, 1);
          assert_int_equal(error.conflicts[0].kind, KHONSU_CONFLICT_READ);
        }
        khonsu_commit_info_clear(&info);
        khonsu_error_clear(&error);
        khonsu_txn_free(&txn);
        close_anywhere(&db);
      }
}

/* ---- counters */

static void counters_add_up_and_say_when_they_overflow(void **state) {
  (void)state;
  khonsu_db *db = open_anywhere();
  int64_t number = 0;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST_BE(KHONSU_NOT_FOUND, khonsu_get_counter(txn, KHONSU_KEY("n"), &number, &err));
  MUST(khonsu_add(txn, KHONSU_KEY("n"), INT64_MAX, &err));
  MUST_BE(KHONSU_COUNTER_OVERFLOW, khonsu_add(txn, KHONSU_KEY("n"), 1, &err));
  MUST(khonsu_get_counter(txn, KHONSU_KEY("n"), &number, &err));
  assert_int_equal(number, INT64_MAX); /* the failed add changed nothing */
  commit_and_free(&txn);

  txn = begin_at(db, KHONSU_SERIALIZABLE); /* blind: only the commit can know */
  MUST(khonsu_add(txn, KHONSU_KEY("n"), 1, &err));
  put_text(txn, "other", "1");
  MUST_BE(KHONSU_COUNTER_OVERFLOW, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  assert_text(txn, "other", NULL);
  MUST(khonsu_add(txn, KHONSU_KEY("n"), 1, &err));
  MUST_BE(KHONSU_COUNTER_OVERFLOW, khonsu_get_counter(txn, KHONSU_KEY("n"), &number, &err));
  MUST(khonsu_put_counter(txn, KHONSU_KEY("n"), INT64_MIN, &err));
  MUST_BE(KHONSU_COUNTER_OVERFLOW, khonsu_add(txn, KHONSU_KEY("n"), -1, &err));
  MUST(khonsu_add(txn, KHONSU_KEY("n"), 3, &err));
  commit_and_free(&txn);
  txn = begin_read_only(db);
  MUST(khonsu_get_counter(txn, KHONSU_KEY("n"), &number, &err));
  assert_int_equal(number, INT64_MIN + 3);
  MUST_BE(KHONSU_READ_ONLY, khonsu_add(txn, KHONSU_KEY("n"), 1, &err));
  khonsu_txn_free(&txn);
  close_anywhere(&db);
}

static void a_key_of_another_type_takes_no_number(void **state) {
  (void)state;
  khonsu_db *db = open_anywhere();
  write_words(db, "B12345678");
  int64_t number;
  khonsu_bytes bytes;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_add(txn, KHONSU_KEY("k"), 1, &err));
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_get_counter(txn, KHONSU_KEY("k"), &number, &err));
  write_word(txn, "C1");
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_get_bytes(txn, KHONSU_KEY("k"), &bytes, &err));
  write_word(txn, "D");
  write_word(txn, "+4"); /* after an own delete it starts at 0 */
  MUST(khonsu_get_counter(txn, KHONSU_KEY("k"), &number, &err));
  assert_int_equal(number, 4);
  write_word(txn, "B1");
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_add(txn, KHONSU_KEY("k"), 1, &err));
  commit_and_free(&txn);
  close_anywhere(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cell_of_the_table_at_every_level),
      cmocka_unit_test(the_default_is_fail_and_at_read_committed_replace),
      cmocka_unit_test(no_strategy_saves_what_was_read),
      cmocka_unit_test(each_write_has_its_own_strategy),
      cmocka_unit_test(a_write_that_lands_later_takes_its_reads_along),
      cmocka_unit_test(counters_add_up_and_say_when_they_overflow),
      cmocka_unit_test(a_key_of_another_type_takes_no_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
