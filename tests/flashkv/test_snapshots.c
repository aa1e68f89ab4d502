/* The past: snapshots, reads at a sequence, flashkv_retain, and what is no longer kept; expiry at each of them. */
#include "store.h"

static flashkv_snapshot *snapshot_of(test_store *test) {
  flashkv_snapshot *snapshot = NULL;
  MUST(flashkv_snapshot_open(test->store, &snapshot, &err));
  assert_int_equal(flashkv_snapshot_sequence(snapshot), flashkv_sequence(test->store));
  return snapshot;
}

static void assert_entries_at(flashkv *store, uint64_t sequence, const char *expected) {
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_at(store, sequence, NULL, &iterator, &err));
  assert_int_equal(flashkv_iterator_sequence(iterator), sequence);
  store_assert_rest(iterator, expected);
  flashkv_iterator_free(&iterator);
}

static void a_snapshot_sees_what_was_there(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "b", "2");
  flashkv_snapshot *first = snapshot_of(test);
  store_put_text(test->store, "a", "3");
  store_put_text(test->store, "c", "4");
  flashkv_snapshot *second = snapshot_of(test);
  store_delete_text(test->store, "a");
  store_delete_text(test->store, "b");
  store_put_text(test->store, "a", "5");
  assert_entries_at(test->store, 2, "a=1 b=2");
  assert_entries_at(test->store, 4, "a=3 b=2 c=4");
  store_assert_entries(test->store, NULL, "a=5 c=4");
  store_assert_text_at(test->store, 2, "a", "1");
  store_assert_text_at(test->store, 2, "b", "2");
  store_assert_text_at(test->store, 2, "c", NULL);
  store_assert_text_at(test->store, 4, "a", "3");
  assert_int_equal(store_stats(test->store).snapshots, 2);
  flashkv_snapshot_close(&first);
  assert_entries_at(test->store, 4, "a=3 b=2 c=4");
  flashkv_snapshot_close(&second);
  flashkv_snapshot_close(&second);
  assert_int_equal(store_stats(test->store).snapshots, 0);
  assert_int_equal(store_stats(test->store).retained, 0);
  store_assert_entries(test->store, NULL, "a=5 c=4");
}

/* However often a key is written after the snapshot. */
static void a_snapshot_sees_past_many_writes(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "first");
  store_put_text(test->store, "b", "first");
  flashkv_snapshot *snapshot = snapshot_of(test);
  for (int round = 0; round < 100; round++) {
    store_put_text(test->store, "a", "later");
    store_delete_text(test->store, "b");
    store_put_text(test->store, "b", "later");
    store_assert_text_at(test->store, 2, "a", "first");
    store_assert_text_at(test->store, 2, "b", "first");
    assert_int_equal(store_stats(test->store).retained, 2);
  }
  flashkv_snapshot *other = snapshot_of(test);
  uint64_t middle = flashkv_snapshot_sequence(other);
  for (int round = 0; round < 100; round++) store_put_text(test->store, "a", "last");
  store_assert_text_at(test->store, 2, "a", "first");
  store_assert_text_at(test->store, middle, "a", "later");
  flashkv_snapshot_close(&snapshot);
  store_assert_text_at(test->store, middle, "a", "later");
  store_assert_text_at(test->store, middle, "b", "later");
  flashkv_snapshot_close(&other);
  store_assert_entries(test->store, NULL, "a=last b=later");
  assert_int_equal(store_stats(test->store).retained, 0);
}

static void what_nobody_held_is_trimmed(void **state) {
  test_store *test = *state;
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_iterator *iterator = NULL;
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "a", "2");
  store_put_text(test->store, "a", "3");
  MUST_SAY(FLASHKV_TRIMMED, "commit 1 ", flashkv_get_at(test->store, flashkv_text("a"), 1, &value, &err));
  MUST_SAY(FLASHKV_TRIMMED, "commit 2 ", flashkv_iterator_at(test->store, 2, NULL, &iterator, &err));
  store_assert_text_at(test->store, 3, "a", "3");
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "no commit 4 yet",
           flashkv_get_at(test->store, flashkv_text("a"), 4, &value, &err));
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "no commit 4 yet", flashkv_iterator_at(test->store, 4, NULL, &iterator, &err));
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "no commit 4 yet", flashkv_retain(test->store, 4, &err));
}

static void an_empty_store_has_a_past_too(void **state) {
  test_store *test = *state;
  flashkv_snapshot *snapshot = snapshot_of(test);
  store_put_text(test->store, "a", "1");
  assert_entries_at(test->store, 0, "");
  store_assert_text_at(test->store, 0, "a", NULL);
  flashkv_snapshot_close(&snapshot);
}

static void what_is_retained_is_kept_over_reopening(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "b", "1");
  MUST(flashkv_retain(test->store, 2, &err));
  store_put_text(test->store, "a", "3");
  store_delete_text(test->store, "a");
  store_put_text(test->store, "b", "5");
  store_put_text(test->store, "a", "6");
  store_delete_text(test->store, "b");
  static const char *const expected[] = {"a=1 b=1", "a=3 b=1", "b=1", "b=5", "a=6 b=5", "a=6"};
  for (int round = 0; round < 3; round++) {
    for (uint64_t sequence = 2; sequence <= 7; sequence++) {
      assert_entries_at(test->store, sequence, expected[sequence - 2]);
    }
    flashkv_iterator *iterator = NULL;
    MUST_BE(FLASHKV_TRIMMED, flashkv_iterator_at(test->store, 1, NULL, &iterator, &err));
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
  MUST(flashkv_retain(test->store, 5, &err));
  for (int round = 0; round < 2; round++) {
    for (uint64_t sequence = 5; sequence <= 7; sequence++) {
      assert_entries_at(test->store, sequence, expected[sequence - 2]);
    }
    flashkv_iterator *iterator = NULL;
    MUST_BE(FLASHKV_TRIMMED, flashkv_iterator_at(test->store, 4, NULL, &iterator, &err));
    store_reopen(test);
  }
  MUST(flashkv_retain(test->store, 3, &err)); /* what was given up stays so */
  flashkv_iterator *iterator = NULL;
  MUST_BE(FLASHKV_TRIMMED, flashkv_iterator_at(test->store, 4, NULL, &iterator, &err));
  assert_entries_at(test->store, 5, "b=5");
  MUST(flashkv_retain(test->store, UINT64_MAX, &err));
  MUST_BE(FLASHKV_TRIMMED, flashkv_iterator_at(test->store, 6, NULL, &iterator, &err));
  assert_int_equal(store_stats(test->store).retained, 0);
  store_assert_entries(test->store, NULL, "a=6");
}

static void batches_are_retained_as_a_whole(void **state) {
  test_store *test = *state;
  MUST(flashkv_retain(test->store, 0, &err));
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  for (char round = '1'; round <= '4'; round++) {
    flashkv_slice value = slice_of(&round, 1);
    MUST(flashkv_batch_put(batch, flashkv_text("a"), flashkv_text("overwritten"), NULL, &err));
    MUST(flashkv_batch_put(batch, flashkv_text("b"), value, NULL, &err));
    MUST(flashkv_batch_put(batch, flashkv_text("a"), value, NULL, &err));
    if (round == '3') MUST(flashkv_batch_delete(batch, flashkv_text("b"), &err));
    MUST(flashkv_batch_commit(batch, NULL, &err));
  }
  flashkv_batch_free(&batch);
  for (int round = 0; round < 3; round++) {
    assert_entries_at(test->store, 0, "");
    assert_entries_at(test->store, 1, "a=1 b=1");
    assert_entries_at(test->store, 2, "a=2 b=2");
    assert_entries_at(test->store, 3, "a=3");
    assert_entries_at(test->store, 4, "a=4 b=4");
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
}

/* ---- expiry */

static void what_has_expired_is_not_there(void **state) {
  test_store *test = *state;
  uint64_t now = store_now_ms();
  store_put_until(test->store, "past", "1", now - 1000);
  store_put_until(test->store, "first", "1", 1);
  store_put_until(test->store, "future", "1", now + 1000000);
  store_put_until(test->store, "soon", "1", now + 150);
  store_put_until(test->store, "never", "1", 0);
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST(flashkv_get(test->store, flashkv_text("future"), &value, &err));
  assert_int_equal(value.expires_ms, now + 1000000);
  flashkv_value_release(&value);
  store_assert_entries(test->store, NULL, "future=1 never=1 soon=1");
  MUST_BE(FLASHKV_NOT_FOUND, flashkv_delete(test->store, flashkv_text("past"), &err));
  store_sleep_ms(200);
  for (int round = 0; round < 2; round++) {
    store_assert_text(test->store, "soon", NULL);
    store_assert_text(test->store, "past", NULL);
    store_assert_text(test->store, "first", NULL);
    store_assert_text(test->store, "future", "1");
    store_assert_entries(test->store, NULL, "future=1 never=1");
    store_reopen(test);
  }
  store_put_text(test->store, "past", "2");
  store_put_until(test->store, "never", "2", 1);
  store_assert_entries(test->store, NULL, "future=1 past=2");
}

static void the_past_expires_by_its_own_time(void **state) {
  test_store *test = *state;
  MUST(flashkv_retain(test->store, 0, &err));
  store_put_until(test->store, "a", "1", store_now_ms() + 100);
  store_put_text(test->store, "b", "1");
  flashkv_iterator *before = NULL;
  MUST(flashkv_iterator_open(test->store, NULL, &before, &err));
  store_sleep_ms(200);
  store_put_text(test->store, "b", "2");
  store_assert_text(test->store, "a", NULL);
  store_assert_rest(before, "a=1 b=1"); /* it sees the store as it was when it was opened */
  flashkv_iterator_free(&before);
  for (int round = 0; round < 2; round++) {
    store_assert_text_at(test->store, 1, "a", "1");
    store_assert_text_at(test->store, 2, "a", "1");
    store_assert_text_at(test->store, 3, "a", NULL);
    assert_entries_at(test->store, 2, "a=1 b=1");
    assert_entries_at(test->store, 3, "b=2");
    store_reopen(test);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_snapshot_sees_what_was_there),
      cmocka_unit_test(a_snapshot_sees_past_many_writes),
      cmocka_unit_test(what_nobody_held_is_trimmed),
      cmocka_unit_test(an_empty_store_has_a_past_too),
      cmocka_unit_test(what_is_retained_is_kept_over_reopening),
      cmocka_unit_test(batches_are_retained_as_a_whole),
      cmocka_unit_test(what_has_expired_is_not_there),
      cmocka_unit_test(the_past_expires_by_its_own_time),
  };
  return STORE_SUITE(tests);
}
