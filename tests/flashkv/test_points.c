/* Single keys: what was put is what is got, whatever sizes and bytes keys and values have, now and after reopening. */
#include <stdio.h>

#include "store.h"

static void puts_gets_overwrites_and_deletes(void **state) {
  test_store *test = *state;
  store_assert_text(test->store, "a", NULL);
  store_put_text(test->store, "a", "one");
  store_assert_text(test->store, "a", "one");
  store_put_text(test->store, "a", "a longer value than the one before");
  store_assert_text(test->store, "a", "a longer value than the one before");
  store_put_text(test->store, "a", "");
  store_assert_text(test->store, "a", "");
  store_delete_text(test->store, "a");
  store_assert_text(test->store, "a", NULL);
  store_put_text(test->store, "a", "again");
  store_assert_text(test->store, "a", "again");
  store_assert_text(test->store, "A", NULL);
  store_reopen(test);
  store_assert_text(test->store, "a", "again");
}

static void deleting_what_is_not_there_writes_nothing(void **state) {
  test_store *test = *state;
  uint64_t before = flashkv_sequence(test->store);
  MUST_SAY(FLASHKV_NOT_FOUND, "no such key", flashkv_delete(test->store, flashkv_text("absent"), &err));
  assert_int_equal(flashkv_sequence(test->store), before);
  store_put_text(test->store, "a", "1");
  store_delete_text(test->store, "a");
  MUST_BE(FLASHKV_NOT_FOUND, flashkv_delete(test->store, flashkv_text("a"), &err));
  assert_int_equal(flashkv_sequence(test->store), before + 2);
}

static void each_commit_has_the_next_sequence_and_a_time(void **state) {
  test_store *test = *state;
  uint64_t last_time = 0;
  for (uint64_t number = 1; number <= 100; number++) {
    uint64_t sequence;
    flashkv_value value = FLASHKV_VALUE_INIT;
    MUST(flashkv_put_with(test->store, flashkv_text("a"), flashkv_text("v"), NULL, &sequence, &err));
    assert_int_equal(sequence, number);
    assert_int_equal(flashkv_sequence(test->store), number);
    MUST(flashkv_get(test->store, flashkv_text("a"), &value, &err));
    assert_int_equal(value.sequence, number);
    assert_int_equal(value.expires_ms, 0);
    assert_true(value.timestamp_us >= last_time);
    last_time = value.timestamp_us;
    flashkv_value_release(&value);
    if (number % 30 == 0) store_reopen(test);
  }
}

/* ---- keys */

static void keys_that_are_none(void **state) {
  test_store *test = *state;
  size_t size = FLASHKV_KEY_SIZE_MAX + 1;
  char *large = calloc(1, size);
  flashkv_value value = FLASHKV_VALUE_INIT;
  const struct {
    flashkv_slice key;
    flashkv_status status;
    const char *text;
  } cases[] = {
      {slice_of("", 0), FLASHKV_KEY_EMPTY, "the key is empty"},
      {slice_of(NULL, 0), FLASHKV_KEY_EMPTY, "the key is empty"},
      {slice_of(large, size), FLASHKV_KEY_TOO_LARGE, "65537 bytes"},
  };
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
    flashkv_slice key = cases[at].key, nothing = slice_of("", 0);
    flashkv_status status = cases[at].status;
    const char *text = cases[at].text;
    MUST_SAY(status, text, flashkv_put(test->store, key, nothing, &err));
    MUST_SAY(status, text, flashkv_get(test->store, key, &value, &err));
    MUST_SAY(status, text, flashkv_exists(test->store, key, &err));
    MUST_SAY(status, text, flashkv_delete(test->store, key, &err));
    MUST_SAY(status, text, flashkv_get_at(test->store, key, 0, &value, &err));
    MUST_SAY(status, text, flashkv_batch_put(batch, key, nothing, NULL, &err));
    MUST_SAY(status, text, flashkv_batch_delete(batch, key, &err));
    MUST_SAY(status, text, flashkv_multi_get(test->store, &key, 1, &value, &(flashkv_status){0}, &err));
  }
  assert_int_equal(flashkv_batch_count(batch), 0);
  assert_int_equal(flashkv_sequence(test->store), 0);
  flashkv_batch_free(&batch);
  free(large);
}

/* All of the same bytes, so that each is a prefix of all that are longer. */
static const size_t key_sizes[] = {1,   2,   7,   8,   9,   16,  31,  32,   33,   100,   255,   256,   480,
                                   481, 482, 510, 511, 512, 513, 600, 4095, 4096, 10000, 65000, 65535, 65536};
enum { KEY_SIZES = sizeof key_sizes / sizeof key_sizes[0] };

static void assert_keys(flashkv *store, const char *bytes, size_t without) {
  for (size_t at = 0; at < KEY_SIZES; at++) {
    flashkv_slice key = slice_of(bytes, key_sizes[at]);
    if (at == without) MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(store, key, &err));
    else store_assert_value(store, key, slice_of(&key_sizes[at], sizeof key_sizes[at]));
  }
  for (size_t at = 0; at + 1 < KEY_SIZES; at++) { /* what lies between two of them is not there */
    if (key_sizes[at] + 1 == key_sizes[at + 1]) continue;
    MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(store, slice_of(bytes, key_sizes[at] + 1), &err));
  }
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_open(store, NULL, &iterator, &err));
  for (size_t at = 0; at < KEY_SIZES; at++) {
    flashkv_slice key;
    if (at == without) continue;
    MUST(flashkv_iterator_next(iterator, &key, NULL, &err));
    assert_int_equal(key.size, key_sizes[at]);
    assert_memory_equal(key.data, bytes, key.size);
  }
  MUST_BE(FLASHKV_END, flashkv_iterator_next(iterator, NULL, NULL, &err));
  flashkv_iterator_free(&iterator);
}

static void keys_of_all_sizes_that_share_what_they_begin_with(void **state) {
  test_store *test = *state;
  char *bytes = malloc(FLASHKV_KEY_SIZE_MAX);
  memset(bytes, 'k', FLASHKV_KEY_SIZE_MAX);
  for (size_t at = KEY_SIZES; at-- > 0;) {
    MUST(flashkv_put(test->store, slice_of(bytes, key_sizes[at]), slice_of(&key_sizes[at], sizeof(size_t)), &err));
  }
  assert_keys(test->store, bytes, KEY_SIZES);
  store_reopen(test);
  assert_keys(test->store, bytes, KEY_SIZES);
  for (size_t at = 0; at < KEY_SIZES; at++) {
    MUST(flashkv_delete(test->store, slice_of(bytes, key_sizes[at]), &err));
    assert_keys(test->store, bytes, at);
    MUST(flashkv_put(test->store, slice_of(bytes, key_sizes[at]), slice_of(&key_sizes[at], sizeof(size_t)), &err));
  }
  assert_keys(test->store, bytes, KEY_SIZES);
  free(bytes);
}

/* Long keys that differ at one place only. */
static void long_keys_that_differ_in_one_byte(void **state) {
  test_store *test = *state;
  enum { SIZE = 3000, EACH = 37 };
  char key[SIZE];
  memset(key, 'x', SIZE);
  for (uint32_t at = 0; at < SIZE; at += EACH) {
    key[at] = 'y';
    MUST(flashkv_put(test->store, slice_of(key, SIZE), slice_of(&at, sizeof at), &err));
    key[at] = 'x';
  }
  for (int round = 0; round < 2; round++) {
    for (uint32_t at = 0; at < SIZE; at += EACH) {
      key[at] = 'y';
      store_assert_value(test->store, slice_of(key, SIZE), slice_of(&at, sizeof at));
      key[at] = 'x';
    }
    MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(test->store, slice_of(key, SIZE), &err));
    store_reopen(test);
  }
}

static void bytes_of_any_value_in_keys(void **state) {
  test_store *test = *state;
  uint8_t key[2];
  for (unsigned number = 0; number < 0x10000; number += 257 - 3) {
    key[0] = (uint8_t)(number >> 8);
    key[1] = (uint8_t)number;
    MUST(flashkv_put(test->store, slice_of(key, 2), slice_of(key, 2), &err));
  }
  for (unsigned number = 0; number < 0x10000; number += 257 - 3) {
    key[0] = (uint8_t)(number >> 8);
    key[1] = (uint8_t)number;
    store_assert_value(test->store, slice_of(key, 2), slice_of(key, 2));
    if (key[0] != key[1]) MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(test->store, slice_of(key, 1), &err));
  }
  MUST(flashkv_put(test->store, slice_of("\0", 1), slice_of("one", 3), &err));
  MUST(flashkv_put(test->store, slice_of("\0\0", 2), slice_of("two", 3), &err));
  MUST(flashkv_put(test->store, slice_of("\0\0\0", 3), slice_of("\0\0", 2), &err));
  store_assert_value(test->store, slice_of("\0", 1), slice_of("one", 3));
  store_assert_value(test->store, slice_of("\0\0", 2), slice_of("two", 3));
  store_assert_value(test->store, slice_of("\0\0\0", 3), slice_of("\0\0", 2));
}

/* ---- values */

static const size_t value_sizes[] = {0,    1,    7,    8,     9,     63,     64,      65,      1000,    2000,
                                     2015, 2016, 2048, 40000, 65536, 262144, 1 << 20, 5000001, 17 << 20};
enum { VALUE_SIZES = sizeof value_sizes / sizeof value_sizes[0] };

static uint8_t *make_bytes(size_t size, uint64_t seed) {
  uint8_t *bytes = malloc(size + 8);
  kh_prng prng = {seed};
  for (size_t at = 0; at < size; at += 8) {
    uint64_t word = kh_prng_next(&prng);
    memcpy(bytes + at, &word, sizeof word);
  }
  return bytes;
}

static void assert_sized(flashkv *store, uint64_t seed) {
  for (size_t at = 0; at < VALUE_SIZES; at++) {
    uint8_t *expected = make_bytes(value_sizes[at], seed + at);
    store_assert_value(store, slice_of(&at, sizeof at), slice_of(expected, value_sizes[at]));
    free(expected);
  }
}

static void values_of_all_sizes(void **state) {
  test_store *test = *state;
  for (uint64_t seed = 1; seed < 100; seed += 50) {
    for (size_t at = 0; at < VALUE_SIZES; at++) {
      uint8_t *bytes = make_bytes(value_sizes[at], seed + at);
      flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
      options.aligned = at % 2;
      options.expires_ms = at % 3 == 0 ? UINT64_MAX : 0;
      MUST(flashkv_put_with(test->store, slice_of(&at, sizeof at), slice_of(bytes, value_sizes[at]), &options, NULL,
                            &err));
      free(bytes);
    }
    assert_sized(test->store, seed);
    store_crash(test);
    assert_sized(test->store, seed);
    store_reopen(test);
    assert_sized(test->store, seed);
  }
}

static void values_that_are_to_be_aligned_are(void **state) {
  test_store *test = *state;
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.aligned = true;
  for (size_t size = 1; size < 200; size++) {
    char key[200];
    memset(key, 'a', sizeof key);
    flashkv_value value = FLASHKV_VALUE_INIT;
    MUST(flashkv_put_with(test->store, slice_of(key, size), slice_of(key, size % 50 + 1), &options, NULL, &err));
    MUST(flashkv_get(test->store, slice_of(key, size), &value, &err));
    assert_int_equal((uintptr_t)value.data % 64, 0);
    assert_memory_equal(value.data, key, size % 50 + 1);
    flashkv_value_release(&value);
  }
}

static void values_too_large_or_missing_are_refused(void **state) {
  test_store *test = *state;
  flashkv_slice large = slice_of("v", (size_t)FLASHKV_VALUE_SIZE_MAX + 1); /* is not looked at */
  MUST_SAY(FLASHKV_VALUE_TOO_LARGE, "4294967296 bytes", flashkv_put(test->store, flashkv_text("a"), large, &err));
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "NULL", flashkv_put(test->store, flashkv_text("a"), slice_of(NULL, 1), &err));
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "NULL", flashkv_put(test->store, slice_of(NULL, 1), slice_of("", 0), &err));
  assert_int_equal(flashkv_sequence(test->store), 0);
}

static void put_options_out_of_range_are_refused(void **state) {
  test_store *test = *state;
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.sync_writes = (flashkv_durability)17;
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "sync_writes",
           flashkv_put_with(test->store, flashkv_text("a"), flashkv_text("v"), &options, NULL, &err));
  store_assert_text(test->store, "a", NULL);
}

static void values_outlive_what_happens_to_their_key_and_store(void **state) {
  test_store *test = *state;
  flashkv_value first = FLASHKV_VALUE_INIT, second = FLASHKV_VALUE_INIT;
  store_put_text(test->store, "a", "first");
  MUST(flashkv_get(test->store, flashkv_text("a"), &first, &err));
  store_put_text(test->store, "a", "second");
  MUST(flashkv_get(test->store, flashkv_text("a"), &second, &err));
  store_delete_text(test->store, "a");
  store_close(test);
  assert_int_equal(first.size, 5);
  assert_memory_equal(first.data, "first", 5);
  flashkv_value_release(&first);
  assert_null(first.pin);
  flashkv_value_release(&first);
  assert_memory_equal(second.data, "second", 6);
  flashkv_value_release(&second);
}

/* ---- other ways to get */

static void copies_go_where_there_is_room(void **state) {
  test_store *test = *state;
  char room[8] = "unused.";
  size_t size = 0;
  store_put_text(test->store, "a", "12345");
  MUST(flashkv_get_copy(test->store, flashkv_text("a"), room, sizeof room, &size, &err));
  assert_int_equal(size, 5);
  assert_memory_equal(room, "12345d.", 7);
  MUST_SAY(FLASHKV_VALUE_TOO_LARGE, "5 bytes, the buffer 4",
           flashkv_get_copy(test->store, flashkv_text("a"), room, 4, &size, &err));
  assert_int_equal(size, 5);
  assert_memory_equal(room, "12345d.", 7);
  MUST_BE(FLASHKV_VALUE_TOO_LARGE, flashkv_get_copy(test->store, flashkv_text("a"), NULL, 0, &size, &err));
  MUST_BE(FLASHKV_NOT_FOUND, flashkv_get_copy(test->store, flashkv_text("b"), room, 8, &size, &err));
  store_put_text(test->store, "a", "");
  MUST(flashkv_get_copy(test->store, flashkv_text("a"), NULL, 0, &size, &err));
  assert_int_equal(size, 0);
}

static void many_are_got_each_for_itself(void **state) {
  test_store *test = *state;
  enum { COUNT = 100 };
  char names[COUNT][16];
  flashkv_slice keys[COUNT];
  flashkv_value values[COUNT];
  flashkv_status statuses[COUNT];
  for (int at = 0; at < COUNT; at++) {
    snprintf(names[at], sizeof names[at], "k%d", at);
    keys[at] = flashkv_text(names[at]);
    if (at % 3 != 0) store_put_text(test->store, names[at], names[at]);
  }
  keys[50] = keys[1];
  MUST(flashkv_multi_get(test->store, keys, COUNT, values, statuses, &err));
  for (int at = 0; at < COUNT; at++) {
    bool there = at == 50 || at % 3 != 0;
    assert_int_equal(statuses[at], there ? FLASHKV_OK : FLASHKV_NOT_FOUND);
    assert_int_equal(values[at].size, there ? keys[at].size : 0);
    if (there) assert_memory_equal(values[at].data, keys[at].data, keys[at].size);
    flashkv_value_release(&values[at]);
  }
  MUST(flashkv_multi_get(test->store, keys, 0, values, statuses, &err));
  keys[7] = slice_of("", 0);
  MUST_SAY(FLASHKV_KEY_EMPTY, "empty", flashkv_multi_get(test->store, keys, COUNT, values, statuses, &err));
  for (int at = 0; at < COUNT; at++) {
    flashkv_status other = at % 3 != 0 || at == 50 ? FLASHKV_OK : FLASHKV_NOT_FOUND;
    assert_int_equal(statuses[at], at == 7 ? FLASHKV_KEY_EMPTY : other);
    flashkv_value_release(&values[at]);
  }
}

static void many_keys_come_and_go(void **state) {
  test_store *test = *state;
  uint32_t count = (uint32_t)unit_size(30000);
  for (uint32_t at = 0; at < count; at++) {
    MUST(flashkv_put(test->store, slice_of(&at, sizeof at), slice_of(&at, sizeof at), &err));
  }
  for (uint32_t at = 0; at < count; at += 2) MUST(flashkv_delete(test->store, slice_of(&at, sizeof at), &err));
  for (int round = 0; round < 3; round++) {
    assert_int_equal(store_stats(test->store).key_num, count / 2);
    for (uint32_t at = 0; at < count; at++) {
      if (at % 2) store_assert_value(test->store, slice_of(&at, sizeof at), slice_of(&at, sizeof at));
      else MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(test->store, slice_of(&at, sizeof at), &err));
    }
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puts_gets_overwrites_and_deletes),
      cmocka_unit_test(deleting_what_is_not_there_writes_nothing),
      cmocka_unit_test(each_commit_has_the_next_sequence_and_a_time),
      cmocka_unit_test(keys_that_are_none),
      cmocka_unit_test(keys_of_all_sizes_that_share_what_they_begin_with),
      cmocka_unit_test(long_keys_that_differ_in_one_byte),
      cmocka_unit_test(bytes_of_any_value_in_keys),
      cmocka_unit_test(values_of_all_sizes),
      cmocka_unit_test(values_that_are_to_be_aligned_are),
      cmocka_unit_test(values_too_large_or_missing_are_refused),
      cmocka_unit_test(put_options_out_of_range_are_refused),
      cmocka_unit_test(values_outlive_what_happens_to_their_key_and_store),
      cmocka_unit_test(copies_go_where_there_is_room),
      cmocka_unit_test(many_are_got_each_for_itself),
      cmocka_unit_test(many_keys_come_and_go),
  };
  return STORE_SUITE(tests);
}
