/* What the engine that this one descends from was seen to lose, or to die of, and this one does not: a test for each. */
#include <pthread.h>
#include <stdio.h>

#include "damage.h"

enum { KEYS = 500 };

static void fill(flashkv *store, unsigned round) {
  for (unsigned number = 0; number < KEYS; number++) {
    char key[32], value[64];
    snprintf(key, sizeof key, "key %u", number);
    snprintf(value, sizeof value, "value %u of round %u", number, round);
    store_put_text(store, key, value);
  }
}

static void assert_filled(flashkv *store, unsigned round) {
  for (unsigned number = 0; number < KEYS; number++) {
    char key[32], value[64];
    snprintf(key, sizeof key, "key %u", number);
    snprintf(value, sizeof value, "value %u of round %u", number, round);
    store_assert_text(store, key, value);
  }
}

static void merge(flashkv *store, double threshold) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = threshold;
  MUST(flashkv_merge(store, &options, NULL, &err));
}

/* What is appended to the log is not part of it, and what is written afterwards can be read. */
static void goes_on_behind(test_store *test, uint8_t byte, size_t count) {
  char path[DAMAGE_PATH_SIZE];
  fill(test->store, 1);
  damage_close(test, path);
  damage_append(path, byte, count);
  store_open(test);
  store_put_text(test->store, "later", "1");
  store_reopen(test);
  store_assert_text(test->store, "later", "1");
  assert_filled(test->store, 1);
}

/* A torn tail was kept, and what was written behind it could not be read. */
static void a_torn_tail_is_cut_off_before_more_is_written(void **state) { goes_on_behind(*state, 0xa5, 333); }

/* Zeros at the end made a later put unreadable. */
static void zeros_at_the_end_do_no_harm(void **state) { goes_on_behind(*state, 0, 10000); }

/* A last record that was shorter than what was expected to be read was lost by a clean close, and the next key read wrong. */
static void a_short_last_record_survives_a_clean_close(void **state) {
  test_store *test = *state;
  fill(test->store, 1);
  store_put_text(test->store, "s", "");
  store_reopen(test);
  store_assert_text(test->store, "s", "");
  store_put_text(test->store, "t", "next");
  store_reopen(test);
  store_assert_text(test->store, "s", "");
  store_assert_text(test->store, "t", "next");
}

/* One flipped bit, and opening ended the process. */
static void one_flipped_bit_is_a_status(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  fill(test->store, 1);
  damage_close(test, path);
  for (uint64_t at = 0; at < 2000; at += 97) {
    damage_flip(path, at);
    flashkv *store = NULL;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_open(&test->options, &store, &error);
    if (status != FLASHKV_OK) assert_int_equal(status, FLASHKV_CORRUPT);
    MUST(flashkv_close(&store, &err));
    damage_flip(path, at);
  }
  found_by_check(&own, test->folder, FLASHKV_OK);
  store_open(test);
  assert_filled(test->store, 1);
}

/* A process killed in the first opening after a merge left every value unreadable. */
static void a_kill_after_a_merge_and_another_while_opening_lose_nothing(void **state) {
  test_store *test = *state;
  fill(test->store, 1);
  fill(test->store, 2);
  merge(test->store, -1);
  for (int kill = 0; kill < 3; kill++) {
    store_crash(test);
    assert_filled(test->store, 2);
  }
}

static void *read_all(void *ctx) {
  test_store *test = ctx;
  for (size_t round = 0; round < unit_size(50); round++) {
    for (unsigned number = 0; number < KEYS; number++) {
      char key[32];
      flashkv_value value = FLASHKV_VALUE_INIT;
      snprintf(key, sizeof key, "key %u", number);
      MUST(flashkv_get(test->store, flashkv_text(key), &value, &err));
      flashkv_value_release(&value);
    }
  }
  return NULL;
}

/* A merge beside gets came to a standstill within half a second. */
static void merges_and_gets_go_on_together(void **state) {
  test_store *test = *state;
  pthread_t reader;
  fill(test->store, 1);
  assert_int_equal(pthread_create(&reader, NULL, read_all, test), 0);
  for (unsigned round = 2; round < 12; round++) {
    fill(test->store, round);
    merge(test->store, 0);
  }
  pthread_join(reader, NULL);
  assert_filled(test->store, 11);
}

/* A merge took effect with the next opening only. */
static void a_merge_gives_back_space_at_once(void **state) {
  test_store *test = *state;
  for (unsigned round = 1; round <= 10; round++) fill(test->store, round);
  merge(test->store, -1);
  flashkv_stats stats = store_stats(test->store);
  assert_true(stats.disk_size < 4 * stats.live_size);
  assert_int_equal(stats.reclaim_size, 0);
  assert_filled(test->store, 10);
}

/* With the index on disk, the first put after an opening ended the process, and a merge left nothing readable. */
static void puts_and_merges_after_opening_work_with_every_index(void **state) {
  test_store *test = *state;
  fill(test->store, 1);
  store_reopen(test);
  fill(test->store, 2);
  merge(test->store, -1);
  store_reopen(test);
  assert_filled(test->store, 2);
}

static void *write_batches(void *ctx) {
  test_store *test = ctx;
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  for (unsigned round = 0; round < unit_size(2000); round++) {
    for (char key = 'a'; key <= 'h'; key++) {
      MUST(flashkv_batch_put(batch, slice_of(&key, 1), slice_of(&round, sizeof round), NULL, &err));
    }
    MUST(flashkv_batch_commit(batch, NULL, &err));
  }
  flashkv_batch_free(&batch);
  return NULL;
}

typedef struct sight {
  unsigned first, count;
} sight;

static int must_be_same(void *ctx, flashkv_slice key, flashkv_slice value) {
  (void)key;
  sight *own = ctx;
  unsigned round;
  memcpy(&round, value.data, sizeof round);
  if (own->count++ == 0) own->first = round;
  assert_int_equal(round, own->first);
  return 0;
}

/* An iterator could see half a batch. */
static void iterators_see_whole_batches(void **state) {
  test_store *test = *state;
  pthread_t writer;
  assert_int_equal(pthread_create(&writer, NULL, write_batches, test), 0);
  for (size_t round = 0; round < unit_size(500); round++) {
    sight own = {0};
    MUST(flashkv_fold(test->store, NULL, must_be_same, &own, &err));
    assert_true(own.count == 0 || own.count == 8);
  }
  pthread_join(writer, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_torn_tail_is_cut_off_before_more_is_written),
      cmocka_unit_test(zeros_at_the_end_do_no_harm),
      cmocka_unit_test(a_short_last_record_survives_a_clean_close),
      cmocka_unit_test(one_flipped_bit_is_a_status),
      cmocka_unit_test(a_kill_after_a_merge_and_another_while_opening_lose_nothing),
      cmocka_unit_test(merges_and_gets_go_on_together),
      cmocka_unit_test(a_merge_gives_back_space_at_once),
      cmocka_unit_test(puts_and_merges_after_opening_work_with_every_index),
      cmocka_unit_test(iterators_see_whole_batches),
  };
  return STORE_SUITE(tests);
}
