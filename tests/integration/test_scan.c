/* Scans through the public API: ranges, order, limits, own writes merged in, moments, and what they keep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Entries as one line of text: "a=1 b=2 c+5 t[3] ". */
static const char *scan_text(khonsu_txn *txn, const khonsu_range *range, const khonsu_scan_options *options) {
  static char text[4096];
  size_t used = 0;
  text[0] = '\0';
  khonsu_scan *scan;
  khonsu_entry entry;
  khonsu_status status;
  khonsu_error error = KHONSU_ERROR_INIT;
  MUST(khonsu_scan_open(txn, range, options, &scan, &err));
  while ((status = khonsu_scan_next(scan, &entry, &error)) == KHONSU_OK) {
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%.*s", (int)entry.key.size, (const char *)entry.key.data);
    if (entry.type == KHONSU_COUNTER)
      used += (size_t)snprintf(text + used, sizeof text - used, "+%lld ", (long long)entry.counter);
    else if (entry.type == KHONSU_BYTES)
      used += (size_t)snprintf(text + used, sizeof text - used, "=%.*s ", (int)entry.bytes.size,
                               (const char *)entry.bytes.data);
    else used += (size_t)snprintf(text + used, sizeof text - used, "[] ");
  }
  must_be_at(status, KHONSU_END, &error, "khonsu_scan_next", __FILE__, __LINE__);
  must_be_at(khonsu_scan_next(scan, &entry, &error), KHONSU_END, &error, "khonsu_scan_next", __FILE__, __LINE__);
  khonsu_error_clear(&error);
  khonsu_scan_free(&scan);
  return text;
}

static khonsu_range prefix(const char *text) { return (khonsu_range){.prefix = khonsu_key(text)}; }
static khonsu_range between(const char *first, const char *end) {
  return (khonsu_range){.first = khonsu_key(first), .end = khonsu_key(end)};
}

static khonsu_db *open_with_letters(void) {
  khonsu_db *db = open_memory();
  for (const char *key = "bdfhjl"; *key != '\0'; key++) put_text_now(db, (char[]){*key, '\0'}, "1");
  return db;
}

static void ranges_are_what_they_say(void **state) {
  (void)state;
  khonsu_db *db = open_with_letters();
  put_text_now(db, "da", "2");
  put_text_now(db, "d\xff", "3");
  khonsu_txn *txn = begin_read_only(db);
  khonsu_scan_options reverse = KHONSU_SCAN_OPTIONS_INIT, two = KHONSU_SCAN_OPTIONS_INIT,
                      keys = KHONSU_SCAN_OPTIONS_INIT;
  reverse.reverse = true;
  two.limit = 2;
  keys.keys_only = true;
  khonsu_range d = prefix("d"), middle = between("d", "h"), from_c = between("c", ""), to_e = between("", "e"),
               none = between("h", "d"), last = prefix("\xff\xff"), both = {khonsu_key("d"), khonsu_key("da"), {0}};
  assert_string_equal(scan_text(txn, NULL, NULL), "b=1 d=1 da=2 d\xff=3 f=1 h=1 j=1 l=1 ");
  assert_string_equal(scan_text(txn, &d, NULL), "d=1 da=2 d\xff=3 ");
  assert_string_equal(scan_text(txn, &d, &reverse), "d\xff=3 da=2 d=1 ");
  assert_string_equal(scan_text(txn, &d, &two), "d=1 da=2 ");
  assert_string_equal(scan_text(txn, &d, &keys), "d= da= d\xff= ");
  assert_string_equal(scan_text(txn, &middle, NULL), "d=1 da=2 d\xff=3 f=1 ");
  assert_string_equal(scan_text(txn, &middle, &reverse), "f=1 d\xff=3 da=2 d=1 ");
  assert_string_equal(scan_text(txn, &from_c, &two), "d=1 da=2 ");
  assert_string_equal(scan_text(txn, &to_e, &reverse), "d\xff=3 da=2 d=1 b=1 ");
  assert_string_equal(scan_text(txn, &none, NULL), "");
  assert_string_equal(scan_text(txn, &last, NULL), "");
  assert_string_equal(scan_text(txn, &both, NULL), "da=2 d\xff=3 ");
  khonsu_txn_free(&txn);
  close_db(&db);
}

static void own_writes_are_merged_in(void **state) {
  (void)state;
  khonsu_db *db = open_with_letters();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "a", "2");
  put_text(txn, "d", "2");
  MUST(khonsu_delete(txn, KHONSU_KEY("f"), &err));
  MUST(khonsu_delete(txn, KHONSU_KEY("g"), &err));
  MUST(khonsu_add(txn, KHONSU_KEY("c"), 5, &err));
  append_ids(txn, "m", 0, 3);
  khonsu_scan_options reverse = KHONSU_SCAN_OPTIONS_INIT;
  reverse.reverse = true;
  assert_string_equal(scan_text(txn, NULL, NULL), "a=2 b=1 c+5 d=2 h=1 j=1 l=1 m[] ");
  assert_string_equal(scan_text(txn, NULL, &reverse), "m[] l=1 j=1 h=1 d=2 c+5 b=1 a=2 ");
  khonsu_txn_free(&txn);
  close_db(&db);
}

static void own_increments_are_on_top_of_what_is_there(void **state) {
  (void)state;
  khonsu_db *db = open_memory();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_counter(txn, KHONSU_KEY("n"), 40, &err));
  append_ids(txn, "t", 0, 3);
  commit_and_free(&txn);
  txn = begin_at(db, KHONSU_SNAPSHOT);
  MUST(khonsu_add(txn, KHONSU_KEY("n"), 2, &err));
  append_ids(txn, "t", 3, 2);
  khonsu_scan *scan;
  khonsu_entry entry;
  MUST(khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  struct ArrowArrayStream stream;
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_scan_get(scan, &stream, &err)); /* it stands nowhere */
  MUST(khonsu_scan_next(scan, &entry, &err));
  assert_int_equal(entry.counter, 42);
  MUST_BE(KHONSU_WRONG_TYPE, khonsu_scan_get(scan, &stream, &err));
  MUST(khonsu_scan_next(scan, &entry, &err));
  MUST(khonsu_scan_get(scan, &stream, &err));
  khonsu_scan_free(&scan);
  khonsu_txn *other = begin_at(db, KHONSU_SNAPSHOT); /* what was read back is observed: adding is no longer blind */
  MUST(khonsu_add(other, KHONSU_KEY("n"), 1, &err));
  commit_and_free(&other);
  MUST_BE(KHONSU_CONFLICT, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  close_db(&db);
  int64_t rows = 0; /* what was lent out is still there */
  struct ArrowArray batch;
  while (stream.get_next(&stream, &batch) == 0 && batch.release != NULL) {
    rows += batch.length;
    batch.release(&batch);
  }
  stream.release(&stream);
  assert_int_equal(rows, 5);
}

/* What is written during a scan shows where it is still ahead. */
static void writes_during_a_scan_show_ahead(void **state) {
  (void)state;
  khonsu_db *db = open_with_letters();
  for (int reverse = 0; reverse < 2; reverse++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
    options.reverse = reverse != 0;
    khonsu_scan *scan;
    khonsu_entry entry;
    MUST(khonsu_scan_open(txn, NULL, &options, &scan, &err));
    char seen[64] = "";
    while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK) {
      char key = *(const char *)entry.key.data;
      strncat(seen, &key, 1);
      if (key == 'f') {
        put_text(txn, "e", "2");
        put_text(txn, "g", "2");
        MUST(khonsu_delete(txn, KHONSU_KEY("h"), &err));
        MUST(khonsu_delete(txn, KHONSU_KEY("d"), &err));
      }
    }
    assert_string_equal(seen, reverse ? "ljhfeb" : "bdfgjl");
    khonsu_scan_free(&scan);
    khonsu_txn_free(&txn);
  }
  close_db(&db);
}

/* One consistent cut above read committed; at read committed the newest at each step. */
static void a_scan_is_of_one_moment_or_of_each_step(void **state) {
  (void)state;
  for (khonsu_isolation level = KHONSU_READ_COMMITTED; level <= KHONSU_SERIALIZABLE; level++) {
    khonsu_db *db = open_with_letters();
    khonsu_txn *txn = begin_at(db, level);
    khonsu_scan *scan;
    khonsu_entry entry;
    MUST(khonsu_scan_open(txn, NULL, NULL, &scan, &err));
    MUST(khonsu_scan_next(scan, &entry, &err));
    MUST(khonsu_scan_next(scan, &entry, &err));
    put_text_now(db, "e", "2");
    delete_now(db, "h");
    put_text_now(db, "b", "2");
    char seen[64] = "";
    while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK) strncat(seen, entry.key.data, 1);
    assert_string_equal(seen, level == KHONSU_READ_COMMITTED ? "efjl" : "fhjl");
    khonsu_scan_free(&scan);
    khonsu_txn_free(&txn);
    close_db(&db);
  }
}

/* Many keys, in many batches, with large values between; both ways, and again while everything is overwritten. */
static void a_long_scan_is_whole_and_in_order(void **state) {
  (void)state;
  enum { KEYS = 5000 };
  khonsu_db *db = open_memory();
  static char large[5000];
  memset(large, 'x', sizeof large);
  char key[32];
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "%08d", i * 7919 % KEYS);
    khonsu_slice value = i % 10 == 0 ? (khonsu_slice){large, sizeof large} : khonsu_key(key);
    MUST(khonsu_put_bytes(txn, khonsu_key(key), value, &err));
  }
  commit_and_free(&txn);
  for (int reverse = 0; reverse < 2; reverse++) {
    khonsu_txn *reader = begin_read_only(db);
    khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
    options.reverse = reverse != 0;
    khonsu_scan *scan;
    khonsu_entry entry;
    MUST(khonsu_scan_open(reader, NULL, &options, &scan, &err));
    int count = 0, at = reverse ? KEYS - 1 : 0;
    for (; khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK; count++, at += reverse ? -1 : 1) {
      if (reverse && at % 100 == 0) at--; /* deleted the first time round */
      snprintf(key, sizeof key, "%08d", at);
      assert_memory_equal(entry.key.data, key, 8);
      assert_true(entry.bytes.size == sizeof large || memcmp(entry.bytes.data, key, 8) == 0);
      if (at % 100 == 0) delete_now(db, key);
      if (at % 100 == 50) put_text_now(db, key, "new");
    }
    assert_int_equal(count, reverse ? KEYS - KEYS / 100 : KEYS);
    khonsu_scan_free(&scan);
    khonsu_txn_free(&reader);
    txn = begin_at(db, KHONSU_SERIALIZABLE);
    for (int i = 0; i < KEYS; i++) {
      snprintf(key, sizeof key, "%08d", i);
      if (!reverse && i % 100 != 0) put_text(txn, key, key);
    }
    commit_and_free(&txn);
  }
  close_db(&db);
}

/* Keeping keys in order leaves copies of nodes behind: they go, however many keys come. */
static void the_ordered_index_gives_its_copies_back(void **state) {
  (void)state;
  enum { KEYS = 20000 };
  khonsu_db *db = open_memory();
  char key[32];
  for (int i = 0; i < KEYS; i++) {
    if (i == KEYS / 2) { /* the first half is put in order at once, the second as it comes */
      khonsu_txn *txn = begin_read_only(db);
      scan_text(txn, &(khonsu_range){.prefix = khonsu_key("none")}, NULL);
      khonsu_txn_free(&txn);
      assert_true(stats_of(db).unreclaimed < 2000);
    }
    snprintf(key, sizeof key, "%08d", i * 7919 % KEYS);
    put_text_now(db, key, "1");
    assert_true(stats_of(db).unreclaimed < 2000);
  }
  close_db(&db);
}

/* At read committed: an own number, at a key that holds bytes by now. The scan stays before it. */
static void a_step_that_fails_passes_nothing(void **state) {
  (void)state;
  for (int reverse = 0; reverse < 2; reverse++) {
    khonsu_db *db = open_memory();
    khonsu_txn *txn = begin_at(db, KHONSU_READ_COMMITTED);
    khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
    options.reverse = reverse != 0;
    khonsu_scan *scan;
    khonsu_entry entry;
    MUST(khonsu_add(txn, KHONSU_KEY("b"), 1, &err));
    for (int i = 0; i < 3; i++) put_text_now(db, (const char *[]){"a", "b", "c"}[i], "bytes");
    MUST(khonsu_scan_open(txn, NULL, &options, &scan, &err));
    MUST(khonsu_scan_next(scan, &entry, &err));
    for (int again = 0; again < 3; again++) MUST_BE(KHONSU_CONFLICT, khonsu_scan_next(scan, &entry, &err));
    delete_now(db, "b");
    MUST(khonsu_scan_next(scan, &entry, &err));
    assert_true(entry.key.size == 1 && memcmp(entry.key.data, "b", 1) == 0);
    assert_int_equal(entry.counter, 1);
    MUST(khonsu_scan_next(scan, &entry, &err));
    assert_true(entry.key.size == 1 && memcmp(entry.key.data, reverse ? "a" : "c", 1) == 0);
    MUST_BE(KHONSU_END, khonsu_scan_next(scan, &entry, &err));
    khonsu_scan_free(&scan);
    khonsu_txn_free(&txn);
    close_db(&db);
  }
}

static void a_scan_says_what_is_wrong_with_it(void **state) {
  (void)state;
  khonsu_db *db = open_with_letters();
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  khonsu_scan *scan = NULL;
  khonsu_entry entry;
  khonsu_range bad = {.prefix = {NULL, 3}};
  static char huge[70000];
  khonsu_range large = {.first = {huge, sizeof huge}};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.struct_size = 1;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_open(NULL, NULL, NULL, &scan, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_open(txn, NULL, NULL, NULL, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_open(txn, &bad, NULL, &scan, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_open(txn, NULL, &options, &scan, &err));
  MUST_BE(KHONSU_KEY_TOO_LARGE, khonsu_scan_open(txn, &large, NULL, &scan, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_next(NULL, &entry, &err));
  assert_null(scan);
  MUST(khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_scan_next(scan, NULL, &err));
  MUST(khonsu_scan_next(scan, &entry, &err));
  MUST(khonsu_commit(txn, NULL, &err));
  MUST_BE(KHONSU_BAD_STATE, khonsu_scan_next(scan, &entry, &err));
  MUST_BE(KHONSU_BAD_STATE, khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  khonsu_txn_free(&txn);
  MUST_BE(KHONSU_BAD_STATE, khonsu_scan_next(scan, &entry, &err)); /* the wrong order does no harm */
  khonsu_scan_free(&scan);
  khonsu_scan_free(&scan);
  close_db(&db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_are_what_they_say),
      cmocka_unit_test(own_writes_are_merged_in),
      cmocka_unit_test(own_increments_are_on_top_of_what_is_there),
      cmocka_unit_test(writes_during_a_scan_show_ahead),
      cmocka_unit_test(a_scan_is_of_one_moment_or_of_each_step),
      cmocka_unit_test(a_long_scan_is_whole_and_in_order),
      cmocka_unit_test(the_ordered_index_gives_its_copies_back),
      cmocka_unit_test(a_step_that_fails_passes_nothing),
      cmocka_unit_test(a_scan_says_what_is_wrong_with_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
