/* Merging: space comes back, and nobody notices, now or after reopening. */
#include "store.h"

enum { VALUE = 1000 };

static void put_large(flashkv *store, const char *key) {
  char value[VALUE];
  memset(value, key[0], sizeof value);
  MUST(flashkv_put(store, flashkv_text(key), slice_of(value, sizeof value), &err));
}

static void assert_large(flashkv *store, const char *key) {
  char value[VALUE];
  memset(value, key[0], sizeof value);
  store_assert_value(store, flashkv_text(key), slice_of(value, sizeof value));
}

static flashkv_merge_result merge(test_store *test, double threshold) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_merge_result result = FLASHKV_MERGE_RESULT_INIT;
  options.threshold = threshold;
  MUST(flashkv_merge(test->store, &options, &result, &err));
  return result;
}

/* Files hold three large values. */
static void small_files(test_store *test) {
  test->options.data_file_size = 4096;
  store_reopen(test);
}

static void space_of_what_was_replaced_comes_back(void **state) {
  test_store *test = *state;
  small_files(test);
  for (int round = 0; round < 100; round++) {
    put_large(test->store, "a");
    put_large(test->store, "b");
    put_large(test->store, "c");
  }
  uint64_t before = store_stats(test->store).disk_size;
  assert_true(merge(test, 0.5).files_dropped > 10);
  assert_true(store_stats(test->store).disk_size < before / 4);
  for (int round = 0; round < 3; round++) {
    assert_large(test->store, "a");
    assert_large(test->store, "b");
    assert_large(test->store, "c");
    assert_int_equal(store_stats(test->store).key_num, 3);
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
}

static void what_was_deleted_does_not_come_back(void **state) {
  test_store *test = *state;
  small_files(test);
  store_put_text(test->store, "gone", "1");
  store_put_until(test->store, "expired", "1", 0);
  put_large(test->store, "keep1");
  put_large(test->store, "keep2");
  put_large(test->store, "keep3");
  put_large(test->store, "x"); /* begins the next file */
  store_delete_text(test->store, "gone");
  store_put_until(test->store, "expired", "2", 1);
  for (int round = 0; round < 6; round++) put_large(test->store, "x");
  for (int round = 0; round < 4; round++) {
    (void)merge(test, 0.5); /* not of the file in which they were put */
    store_assert_text(test->store, "gone", NULL);
    store_assert_text(test->store, "expired", NULL);
    if (round % 2) store_crash(test);
    else store_reopen(test);
    store_assert_text(test->store, "gone", NULL);
    store_assert_text(test->store, "expired", NULL);
  }
  (void)merge(test, -1);
  store_reopen(test);
  assert_large(test->store, "keep1");
  assert_int_equal(store_stats(test->store).key_num, 4);
}

/* A deletion that is followed by a newer value still hides what was before it from who reads the past. */
static void what_was_deleted_stays_so_in_the_past(void **state) {
  test_store *test = *state;
  small_files(test);
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "b", "1");
  put_large(test->store, "keep1");
  put_large(test->store, "keep2");
  put_large(test->store, "keep3");
  put_large(test->store, "x"); /* begins the next file */
  store_delete_text(test->store, "a");
  store_put_until(test->store, "b", "2", 1);
  for (int round = 0; round < 6; round++) put_large(test->store, "x");
  (void)merge(test, 0.9); /* "b" has expired */
  uint64_t then = flashkv_sequence(test->store);
  MUST(flashkv_retain(test->store, then, &err));
  store_put_text(test->store, "a", "3");
  store_put_text(test->store, "b", "3");
  for (int round = 0; round < 3; round++) {
    (void)merge(test, 0.5);
    store_assert_text_at(test->store, then, "a", NULL);
    store_assert_text_at(test->store, then, "b", NULL);
    store_reopen(test);
    store_assert_text_at(test->store, then, "a", NULL);
    store_assert_text_at(test->store, then, "b", NULL);
    store_assert_text(test->store, "a", "3");
  }
}

static void readers_keep_what_they_hold(void **state) {
  test_store *test = *state;
  small_files(test);
  store_put_text(test->store, "a", "old");
  put_large(test->store, "b");
  flashkv_snapshot *snapshot = NULL;
  flashkv_iterator *iterator = NULL;
  flashkv_value value = FLASHKV_VALUE_INIT;
  uint64_t then = flashkv_sequence(test->store);
  MUST(flashkv_snapshot_open(test->store, &snapshot, &err));
  MUST(flashkv_iterator_open(test->store, NULL, &iterator, &err));
  MUST(flashkv_get(test->store, flashkv_text("a"), &value, &err));
  for (int round = 0; round < 20; round++) {
    store_put_text(test->store, "a", "new");
    put_large(test->store, "b");
    if (round % 5 == 0) (void)merge(test, 0);
  }
  (void)merge(test, -1);
  store_assert_text_at(test->store, then, "a", "old");
  assert_memory_equal(value.data, "old", 3);
  flashkv_slice key, found;
  MUST(flashkv_iterator_next(iterator, &key, &found, &err));
  assert_int_equal(found.size, 3);
  assert_memory_equal(found.data, "old", 3);
  flashkv_iterator_free(&iterator);
  flashkv_snapshot_close(&snapshot);
  (void)merge(test, 0);
  assert_int_equal(store_stats(test->store).retained, 0);
  assert_memory_equal(value.data, "old", 3);
  flashkv_value_release(&value);
  store_assert_text(test->store, "a", "new");
}

/* What expires is known by where it is: places are used again, for files that a merge makes. */
static void expiring_keys_are_moved_and_replaced(void **state) {
  test_store *test = *state;
  small_files(test);
  uint64_t soon = store_now_ms() + 300;
  for (uint32_t at = 0; at < 3000; at++) {
    char key[] = {(char)('a' + at % 20), 0};
    store_put_until(test->store, key, at % 3 ? "soon" : "a somewhat longer value", at % 2 ? soon : soon + 1000000);
    if (at % 500 == 0) (void)merge(test, 0);
  }
  (void)merge(test, -1);
  store_sleep_ms(400);
  (void)merge(test, 0);
  for (char letter = 'a'; letter <= 't'; letter++) {
    flashkv_status expected = letter % 2 == 'a' % 2 ? FLASHKV_OK : FLASHKV_NOT_FOUND;
    MUST_BE(expected, flashkv_exists(test->store, slice_of(&letter, 1), &err));
  }
  assert_int_equal(store_stats(test->store).key_num, 10);
  assert_true(store_stats(test->store).expired >= 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(space_of_what_was_replaced_comes_back), cmocka_unit_test(what_was_deleted_does_not_come_back),
      cmocka_unit_test(what_was_deleted_stays_so_in_the_past), cmocka_unit_test(readers_keep_what_they_hold),
      cmocka_unit_test(expiring_keys_are_moved_and_replaced),
  };
  return STORE_SUITE(tests);
}
