/* Iterating: keys in the order of their bytes, between bounds, either way, as of one moment. */
#include <stdio.h>

#include "store.h"

static flashkv_iterator_options options_of(const char *prefix, const char *lower, const char *upper, bool reverse) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.prefix = flashkv_text(prefix);
  options.lower = flashkv_text(lower);
  options.upper = flashkv_text(upper);
  options.reverse = reverse;
  return options;
}

static void put_letters(flashkv *store, const char *const *keys) {
  for (; *keys != NULL; keys++) store_put_text(store, *keys, "");
}

static void keys_come_in_order_between_bounds(void **state) {
  test_store *test = *state;
  put_letters(test->store, (const char *const[]){"b", "abc", "c", "ab", "a", "abd", "ac", "b\xff", "b\xff\xff", NULL});
  static const struct {
    const char *prefix, *lower, *upper, *forward, *reverse;
  } cases[] = {
      {"", "", "", "a= ab= abc= abd= ac= b= b\xff= b\xff\xff= c=", "c= b\xff\xff= b\xff= b= ac= abd= abc= ab= a="},
      {"ab", "", "", "ab= abc= abd=", "abd= abc= ab="},
      {"b", "", "", "b= b\xff= b\xff\xff=", "b\xff\xff= b\xff= b="},
      {"b\xff", "", "", "b\xff= b\xff\xff=", "b\xff\xff= b\xff="},
      {"\xff", "", "", "", ""},
      {"abx", "", "", "", ""},
      {"", "ab", "b", "ab= abc= abd= ac=", "ac= abd= abc= ab="},
      {"", "aba", "bb", "abc= abd= ac= b=", "b= ac= abd= abc="},
      {"", "c", "", "c=", "c="},
      {"", "d", "", "", ""},
      {"", "", "a", "", ""},
      {"", "", "a\x01", "a=", "a="},
      {"", "b", "ab", "", ""},
      {"a", "ab", "abd", "ab= abc=", "abc= ab="},
      {"ab", "a", "z", "ab= abc= abd=", "abd= abc= ab="},
      {"ab", "c", "", "", ""},
      {"ab", "", "aa", "", ""},
  };
  for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
    flashkv_iterator_options options = options_of(cases[at].prefix, cases[at].lower, cases[at].upper, false);
    store_assert_entries(test->store, &options, cases[at].forward);
    options.reverse = true;
    store_assert_entries(test->store, &options, cases[at].reverse);
  }
}

static void prefixes_of_the_greatest_bytes_only(void **state) {
  test_store *test = *state;
  put_letters(test->store, (const char *const[]){"\xfe", "\xff", "\xff\xfe", "\xff\xff", "\xff\xff\xff", NULL});
  flashkv_iterator_options options = options_of("\xff\xff", "", "", false);
  store_assert_entries(test->store, &options, "\xff\xff= \xff\xff\xff=");
  options.reverse = true;
  store_assert_entries(test->store, &options, "\xff\xff\xff= \xff\xff=");
  options.prefix = flashkv_text("\xff");
  store_assert_entries(test->store, &options, "\xff\xff\xff= \xff\xff= \xff\xfe= \xff=");
}

static void keys_with_zero_bytes_are_in_order_too(void **state) {
  test_store *test = *state;
  static const struct {
    const char *bytes;
    size_t size;
  } keys[] = {{"", 1}, {"\0\0", 2}, {"\0\1", 2}, {"a", 1}, {"a\0", 2}, {"a\0\0", 3}, {"a\0b", 3}, {"ab", 2}};
  enum { COUNT = sizeof keys / sizeof keys[0] };
  for (size_t at = COUNT; at-- > 0;) {
    MUST(flashkv_put(test->store, slice_of(keys[at].bytes, keys[at].size), slice_of("", 0), &err));
  }
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_open(test->store, NULL, &iterator, &err));
  for (size_t at = 0; at < COUNT; at++) {
    flashkv_slice key;
    MUST(flashkv_iterator_next(iterator, &key, NULL, &err));
    assert_int_equal(key.size, keys[at].size);
    assert_memory_equal(key.data, keys[at].bytes, key.size);
  }
  MUST_SAY(FLASHKV_END, "no more entries", flashkv_iterator_next(iterator, NULL, NULL, &err));
  MUST_SAY(FLASHKV_END, "no more entries", flashkv_iterator_next(iterator, NULL, NULL, &err));
  flashkv_iterator_free(&iterator);
  flashkv_iterator_free(&iterator);
}

static void seeks_and_rewinds(void **state) {
  test_store *test = *state;
  put_letters(test->store, (const char *const[]){"a", "c", "e", "g", "i", NULL});
  for (int bounded = 0; bounded < 2; bounded++) {
    flashkv_iterator_options options = options_of("", bounded ? "b" : "", bounded ? "h" : "", false);
    flashkv_iterator *forward = NULL, *reverse = NULL;
    MUST(flashkv_iterator_open(test->store, &options, &forward, &err));
    options.reverse = true;
    MUST(flashkv_iterator_open(test->store, &options, &reverse, &err));
    static const struct {
      const char *key, *forward[2], *reverse[2];
    } cases[] = {
        {"e", {"e= g= i=", "e= g="}, {"e= c= a=", "e= c="}}, {"d", {"e= g= i=", "e= g="}, {"c= a=", "c="}},
        {"a", {"a= c= e= g= i=", "c= e= g="}, {"a=", ""}},   {"i", {"i=", ""}, {"i= g= e= c= a=", "g= e= c="}},
        {"z", {"", ""}, {"i= g= e= c= a=", "g= e= c="}},     {"", {"a= c= e= g= i=", "c= e= g="}, {"", ""}},
    };
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
      MUST(flashkv_iterator_seek(forward, flashkv_text(cases[at].key), &err));
      store_assert_rest(forward, cases[at].forward[bounded]);
      MUST(flashkv_iterator_seek(reverse, flashkv_text(cases[at].key), &err));
      store_assert_rest(reverse, cases[at].reverse[bounded]);
    }
    flashkv_iterator_rewind(forward);
    flashkv_iterator_rewind(reverse);
    store_assert_rest(forward, bounded ? "c= e= g=" : "a= c= e= g= i=");
    store_assert_rest(reverse, bounded ? "g= e= c=" : "i= g= e= c= a=");
    flashkv_iterator_free(&forward);
    flashkv_iterator_free(&reverse);
  }
}

static void keys_alone_come_without_values(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "value");
  store_put_until(test->store, "b", "value", 1);
  store_put_text(test->store, "c", "value");
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.keys_only = true;
  store_assert_entries(test->store, &options, "a= c=");
  store_assert_entries(test->store, NULL, "a=value c=value");
}

static void an_iterator_sees_one_moment(void **state) {
  test_store *test = *state;
  put_letters(test->store, (const char *const[]){"a", "b", "c", "d", NULL});
  flashkv_iterator *forward = NULL, *reverse = NULL;
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  MUST(flashkv_iterator_open(test->store, NULL, &forward, &err));
  options.reverse = true;
  MUST(flashkv_iterator_open(test->store, &options, &reverse, &err));
  assert_int_equal(flashkv_iterator_sequence(forward), 4);
  store_put_text(test->store, "a", "new");
  store_put_text(test->store, "aa", "new");
  store_delete_text(test->store, "b");
  store_delete_text(test->store, "d");
  store_put_text(test->store, "d", "again");
  store_delete_text(test->store, "c");
  store_put_text(test->store, "e", "new");
  store_assert_rest(forward, "a= b= c= d=");
  store_assert_rest(reverse, "d= c= b= a=");
  flashkv_iterator_rewind(forward);
  MUST(flashkv_iterator_seek(reverse, flashkv_text("cc"), &err));
  store_assert_rest(forward, "a= b= c= d=");
  store_assert_rest(reverse, "c= b= a=");
  flashkv_iterator_free(&forward);
  flashkv_iterator_free(&reverse);
  store_assert_entries(test->store, NULL, "a=new aa=new d=again e=new");
}

/* Far more than are read at a time, changed behind and before the place where it stands. */
static void a_long_iteration_is_not_disturbed(void **state) {
  test_store *test = *state;
  enum { COUNT = 3000 };
  char key[16];
  for (int at = 0; at < COUNT; at++) {
    snprintf(key, sizeof key, "%06d", at);
    store_put_text(test->store, key, key);
  }
  flashkv_iterator *iterators[2] = {NULL, NULL};
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  MUST(flashkv_iterator_open(test->store, &options, &iterators[0], &err));
  options.reverse = true;
  MUST(flashkv_iterator_open(test->store, &options, &iterators[1], &err));
  kh_prng prng = {unit_seed()};
  for (int at = 0; at < COUNT; at++) {
    for (int way = 0; way < 2; way++) {
      flashkv_slice found, value;
      MUST(flashkv_iterator_next(iterators[way], &found, &value, &err));
      snprintf(key, sizeof key, "%06d", way ? COUNT - 1 - at : at);
      assert_int_equal(found.size, 6);
      assert_memory_equal(found.data, key, 6);
      assert_int_equal(value.size, 6);
      assert_memory_equal(value.data, key, 6);
    }
    for (int change = 0; change < 3; change++) {
      snprintf(key, sizeof key, "%06d", (int)kh_prng_below(&prng, COUNT));
      if (change == 0 && flashkv_exists(test->store, flashkv_text(key), NULL) == FLASHKV_OK) {
        store_delete_text(test->store, key);
      } else {
        if (change == 1) strcat(key, "x");
        store_put_text(test->store, key, "changed");
      }
    }
  }
  for (int way = 0; way < 2; way++) {
    MUST_BE(FLASHKV_END, flashkv_iterator_next(iterators[way], NULL, NULL, &err));
    flashkv_iterator_free(&iterators[way]);
  }
  assert_int_equal(store_stats(test->store).retained, 0);
}

/* ---- folding */

typedef struct folded {
  flashkv *store;
  size_t count, most, bytes;
} folded;

static int count_entry(void *ctx, flashkv_slice key, flashkv_slice value) {
  folded *own = ctx;
  assert_int_equal(key.size, 1);
  own->bytes += value.size;
  store_put_text(own->store, "new", "written by the call"); /* which may use the store */
  return ++own->count == own->most;
}

static void folds_visit_until_told_to_stop(void **state) {
  test_store *test = *state;
  for (char key = 'a'; key <= 'z'; key++) store_put_text(test->store, (char[]){key, 0}, "12");
  folded own = {test->store, 0, 0, 0};
  MUST(flashkv_fold(test->store, NULL, count_entry, &own, &err));
  assert_int_equal(own.count, 26);
  assert_int_equal(own.bytes, 52);
  store_delete_text(test->store, "new");
  own = (folded){test->store, 0, 10, 0};
  MUST(flashkv_fold(test->store, NULL, count_entry, &own, &err));
  assert_int_equal(own.count, 10);
  store_delete_text(test->store, "new");
  own = (folded){test->store, 0, 0, 0};
  MUST(flashkv_list_keys(test->store, count_entry, &own, &err));
  assert_int_equal(own.count, 26);
  assert_int_equal(own.bytes, 0);
}

/* Values larger than what is mapped or read at a time, and keys as large as they may be. */
static void large_entries_are_iterated_over(void **state) {
  test_store *test = *state;
  enum { COUNT = 10, VALUE = 3 << 20 };
  uint8_t *key = calloc(1, FLASHKV_KEY_SIZE_MAX), *value = calloc(1, VALUE);
  for (uint8_t at = 0; at < COUNT; at++) {
    key[FLASHKV_KEY_SIZE_MAX - 1] = value[VALUE - 1] = at;
    MUST(flashkv_put(test->store, slice_of(key, FLASHKV_KEY_SIZE_MAX), slice_of(value, VALUE), &err));
  }
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_open(test->store, NULL, &iterator, &err));
  for (uint8_t at = 0; at < COUNT; at++) {
    flashkv_slice found_key, found_value;
    MUST(flashkv_iterator_next(iterator, &found_key, &found_value, &err));
    key[FLASHKV_KEY_SIZE_MAX - 1] = value[VALUE - 1] = at;
    assert_int_equal(found_key.size, FLASHKV_KEY_SIZE_MAX);
    assert_memory_equal(found_key.data, key, FLASHKV_KEY_SIZE_MAX);
    assert_int_equal(found_value.size, VALUE);
    assert_memory_equal(found_value.data, value, VALUE);
  }
  MUST_BE(FLASHKV_END, flashkv_iterator_next(iterator, NULL, NULL, &err));
  flashkv_iterator_free(&iterator);
  free(key);
  free(value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_come_in_order_between_bounds),     cmocka_unit_test(prefixes_of_the_greatest_bytes_only),
      cmocka_unit_test(keys_with_zero_bytes_are_in_order_too), cmocka_unit_test(seeks_and_rewinds),
      cmocka_unit_test(keys_alone_come_without_values),        cmocka_unit_test(an_iterator_sees_one_moment),
      cmocka_unit_test(a_long_iteration_is_not_disturbed),     cmocka_unit_test(folds_visit_until_told_to_stop),
      cmocka_unit_test(large_entries_are_iterated_over),
  };
  return STORE_SUITE(tests);
}
