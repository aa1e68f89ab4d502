/* Write batches: all of it or nothing, whatever its size; the last write to a key stands. */
#include <stdio.h>

#include "damage.h"

static flashkv_batch *new_batch(test_store *test) {
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  return batch;
}

static void add(flashkv_batch *batch, const char *key, const char *value) {
  MUST(flashkv_batch_put(batch, flashkv_text(key), flashkv_text(value), NULL, &err));
}

static void add_delete(flashkv_batch *batch, const char *key) {
  MUST(flashkv_batch_delete(batch, flashkv_text(key), &err));
}

static uint64_t commit(flashkv_batch *batch) {
  uint64_t sequence = 0;
  MUST(flashkv_batch_commit(batch, &sequence, &err));
  assert_int_equal(flashkv_batch_count(batch), 0);
  return sequence;
}

static void a_batch_is_one_commit(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "gone", "1");
  flashkv_batch *batch = new_batch(test);
  add(batch, "a", "1");
  add(batch, "b", "2");
  add_delete(batch, "gone");
  add_delete(batch, "never there");
  assert_int_equal(flashkv_batch_count(batch), 4);
  store_assert_text(test->store, "a", NULL);
  store_assert_text(test->store, "gone", "1");
  assert_int_equal(commit(batch), 2);
  flashkv_batch_free(&batch);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(flashkv_sequence(test->store), 2);
    store_assert_entries(test->store, NULL, "a=1 b=2");
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
}

static void the_last_write_to_a_key_stands(void **state) {
  test_store *test = *state;
  flashkv_batch *batch = new_batch(test);
  add(batch, "a", "1");
  add(batch, "a", "2");
  add_delete(batch, "b");
  add(batch, "b", "3");
  add(batch, "c", "4");
  add_delete(batch, "c");
  add(batch, "d", "5");
  add_delete(batch, "d");
  add(batch, "d", "6");
  commit(batch);
  flashkv_batch_free(&batch);
  for (int round = 0; round < 2; round++) {
    store_assert_entries(test->store, NULL, "a=2 b=3 d=6");
    assert_int_equal(store_stats(test->store).key_num, 3);
    store_reopen(test);
  }
}

static void writing_a_key_twice_hides_nothing_from_snapshots(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "old");
  store_put_text(test->store, "b", "old");
  flashkv_snapshot *snapshot = NULL;
  MUST(flashkv_snapshot_open(test->store, &snapshot, &err));
  flashkv_batch *batch = new_batch(test);
  add(batch, "a", "1");
  add(batch, "a", "2");
  add_delete(batch, "b");
  add(batch, "b", "3");
  add_delete(batch, "b");
  commit(batch);
  flashkv_batch_free(&batch);
  store_assert_text_at(test->store, 2, "a", "old");
  store_assert_text_at(test->store, 2, "b", "old");
  store_assert_text(test->store, "a", "2");
  store_assert_text(test->store, "b", NULL);
  flashkv_snapshot_close(&snapshot);
  assert_int_equal(store_stats(test->store).retained, 0);
  store_assert_entries(test->store, NULL, "a=2");
}

static void a_batch_can_be_cleared_and_used_again(void **state) {
  test_store *test = *state;
  flashkv_batch *batch = new_batch(test);
  add(batch, "a", "1");
  flashkv_batch_clear(batch);
  assert_int_equal(flashkv_batch_count(batch), 0);
  add(batch, "b", "2");
  assert_int_equal(commit(batch), 1);
  add(batch, "c", "3");
  add(batch, "d", "4");
  assert_int_equal(commit(batch), 2);
  assert_int_equal(commit(batch), 2); /* empty: no commit */
  flashkv_batch_free(&batch);
  flashkv_batch_free(&batch);
  assert_int_equal(flashkv_sequence(test->store), 2);
  store_assert_entries(test->store, NULL, "b=2 c=3 d=4");
}

/* A batch keeps some memory from one use to the next; what does not fit there goes elsewhere. */
static void a_batch_of_one_entry_lasts_whatever_its_size(void **state) {
  test_store *test = *state;
  static const size_t sizes[] = {1, 100000, 5, 2 << 20, 17000, 0, 3 << 20};
  flashkv_batch *batch = new_batch(test);
  uint8_t *bytes = malloc(3 << 20);
  memset(bytes, 'v', 3 << 20);
  for (size_t at = 0; at < sizeof sizes / sizeof sizes[0]; at++) {
    MUST(flashkv_batch_put(batch, slice_of(&at, sizeof at), slice_of(bytes, sizes[at]), NULL, &err));
    assert_int_equal(commit(batch), at + 1);
  }
  flashkv_batch_free(&batch);
  store_crash(test);
  for (size_t at = 0; at < sizeof sizes / sizeof sizes[0]; at++) {
    store_assert_value(test->store, slice_of(&at, sizeof at), slice_of(bytes, sizes[at]));
  }
  free(bytes);
}

static void a_batch_holds_no_more_than_it_may(void **state) {
  test_store *test = *state;
  flashkv_batch_options options = FLASHKV_BATCH_OPTIONS_INIT;
  options.max_batch_num = 2;
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, &options, &batch, &err));
  add(batch, "a", "1");
  add_delete(batch, "b");
  MUST_SAY(FLASHKV_BATCH_TOO_LARGE, "2 records",
           flashkv_batch_put(batch, flashkv_text("c"), flashkv_text("3"), NULL, &err));
  MUST_BE(FLASHKV_BATCH_TOO_LARGE, flashkv_batch_delete(batch, flashkv_text("c"), &err));
  assert_int_equal(flashkv_batch_count(batch), 2);
  commit(batch);
  add(batch, "c", "3");
  commit(batch);
  flashkv_batch_free(&batch);
  store_assert_entries(test->store, NULL, "a=1 c=3");
  options.sync_writes = (flashkv_durability)9;
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "sync_writes", flashkv_batch_new(test->store, &options, &batch, &err));
  assert_null(batch);
}

static void entries_expire_and_are_aligned_as_they_say(void **state) {
  test_store *test = *state;
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  flashkv_batch *batch = new_batch(test);
  for (uint32_t at = 0; at < 500; at++) {
    char value[100];
    memset(value, (int)at, sizeof value);
    options.aligned = at % 3 == 1;
    options.expires_ms = at % 5 == 0 ? 1 : at % 5 == 1 ? UINT64_MAX : 0;
    MUST(flashkv_batch_put(batch, slice_of(&at, sizeof at), slice_of(value, at % 100), &options, &err));
  }
  commit(batch);
  flashkv_batch_free(&batch);
  for (int round = 0; round < 2; round++) {
    for (uint32_t at = 0; at < 500; at++) {
      flashkv_value value = FLASHKV_VALUE_INIT;
      MUST_BE(at % 5 == 0 ? FLASHKV_NOT_FOUND : FLASHKV_OK,
              flashkv_get(test->store, slice_of(&at, sizeof at), &value, &err));
      if (at % 5 == 0) continue;
      assert_int_equal(value.size, at % 100);
      assert_int_equal(value.expires_ms, at % 5 == 1 ? UINT64_MAX : 0);
      if (at % 3 == 1 && test->options.mmap_at_startup) assert_int_equal((uintptr_t)value.data % 64, 0);
      for (size_t byte = 0; byte < value.size; byte++) assert_int_equal(((const uint8_t *)value.data)[byte], at & 0xff);
      flashkv_value_release(&value);
    }
    store_crash(test);
  }
}

/* ---- large ones. Files hold 4 MiB. */

static void fill(flashkv_batch *batch, uint32_t count, size_t size, uint8_t *value) {
  for (uint32_t at = 0; at < count; at++) {
    memset(value, (int)at, size);
    MUST(flashkv_batch_put(batch, slice_of(&at, sizeof at), slice_of(value, size), NULL, &err));
  }
}

static void assert_filled(flashkv *store, uint32_t count, size_t size, uint8_t *value) {
  assert_int_equal(store_stats(store).key_num, count);
  for (uint32_t at = 0; at < count; at++) {
    memset(value, (int)at, size);
    store_assert_value(store, slice_of(&at, sizeof at), slice_of(value, size));
  }
}

static void fills_and_reads_back(test_store *test, uint32_t count, size_t size) {
  uint8_t *value = malloc(size);
  flashkv_batch *batch = new_batch(test);
  store_put_text(test->store, "before", "");
  fill(batch, count, size, value);
  MUST(flashkv_delete(test->store, flashkv_text("before"), &err));
  assert_int_equal(commit(batch), 3);
  assert_filled(test->store, count, size, value);
  store_stats(test->store);
  uint32_t more = UINT32_MAX;
  MUST(flashkv_batch_put(batch, slice_of(&more, 4), slice_of("", 0), NULL, &err)); /* it is as good as new */
  MUST(flashkv_batch_delete(batch, slice_of(&more, 4), &err));
  assert_int_equal(commit(batch), 4);
  flashkv_batch_free(&batch);
  store_crash(test);
  assert_filled(test->store, count, size, value);
  store_reopen(test);
  assert_filled(test->store, count, size, value);
  free(value);
}

static void a_batch_may_be_larger_than_a_file(void **state) { fills_and_reads_back(*state, 50000, 200); }

static void a_batch_may_be_larger_than_what_it_keeps_in_memory(void **state) {
  fills_and_reads_back(*state, 1100, 80000);
}

static void a_large_batch_can_be_cleared(void **state) {
  test_store *test = *state;
  uint8_t *value = malloc(1 << 20);
  flashkv_batch *batch = new_batch(test);
  fill(batch, 80, 1 << 20, value);
  flashkv_batch_clear(batch);
  assert_int_equal(flashkv_batch_count(batch), 0);
  add(batch, "a", "1");
  assert_int_equal(commit(batch), 1);
  flashkv_batch_free(&batch);
  store_crash(test);
  store_assert_entries(test->store, NULL, "a=1");
  free(value);
}

/* A power loss may keep the end of a batch, in the next file, and not what stands before it. */
static void a_batch_whose_beginning_is_lost_is_lost(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  store_close(test);
  test->options.data_file_size = 8192;
  store_open(test);
  store_put_text(test->store, "a", "1");
  flashkv_batch *batch = new_batch(test);
  for (char key = 'b'; key <= 'u'; key++) {
    char value[700];
    memset(value, key, sizeof value);
    MUST(flashkv_batch_put(batch, slice_of(&key, 1), slice_of(value, sizeof value), NULL, &err));
  }
  commit(batch);
  flashkv_batch_free(&batch);
  store_kill(test);
  damage_path(test, "000000002.data", path); /* the first is of the options before */
  uint64_t at = damage_find(path, "dddd");
  damage_zero(path, at, damage_size(path) - at);
  store_open(test);
  store_assert_entries(test->store, NULL, "a=1");
}

static void a_batch_that_was_never_committed_leaves_nothing(void **state) {
  test_store *test = *state;
  flashkv_batch *batch = new_batch(test);
  add(batch, "a", "1");
  flashkv_batch_free(&batch);
  assert_int_equal(flashkv_sequence(test->store), 0);
  store_reopen(test);
  store_assert_entries(test->store, NULL, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_is_one_commit),
      cmocka_unit_test(the_last_write_to_a_key_stands),
      cmocka_unit_test(writing_a_key_twice_hides_nothing_from_snapshots),
      cmocka_unit_test(a_batch_can_be_cleared_and_used_again),
      cmocka_unit_test(a_batch_of_one_entry_lasts_whatever_its_size),
      cmocka_unit_test(a_batch_holds_no_more_than_it_may),
      cmocka_unit_test(entries_expire_and_are_aligned_as_they_say),
      cmocka_unit_test(a_batch_may_be_larger_than_a_file),
      cmocka_unit_test(a_batch_may_be_larger_than_what_it_keeps_in_memory),
      cmocka_unit_test(a_large_batch_can_be_cleared),
      cmocka_unit_test(a_batch_whose_beginning_is_lost_is_lost),
      cmocka_unit_test(a_batch_that_was_never_committed_leaves_nothing),
  };
  return STORE_SUITE(tests);
}
