/* The hash map finds what is in it and nothing else, whatever came and went, and however the hashes fall. */
#include "index/index.h"
#include "index/segment.h"

#include "hash_items.h"

static void an_empty_map_is_small_and_finds_nothing(void **state) {
  fixture *f = *state;
  make_items(f, 100, spread);
  check_all(f);
  assert_true(kh_hash_map_memory(&f->map) < 1024);
}

static void a_key_is_found_until_it_is_taken_out(void **state) {
  fixture *f = *state;
  make_items(f, 2, spread);
  add(f, 0);
  check(f, 0);
  check(f, 1);
  add(f, 1);
  take_out(f, 0);
  check(f, 0);
  check(f, 1);
  add(f, 0);
  check_all(f);
}

static void a_replaced_word_is_found_instead(void **state) {
  fixture *f = *state;
  make_items(f, 1000, spread);
  for (size_t i = 0; i < 1000; i++) add(f, i);
  item newer = f->items[500];
  kh_hash_map_replace(&f->map, newer.hash, word_of(&f->items[500]), word_of(&newer));
  assert_true(kh_hash_map_find(&f->map, key_of(&newer), newer.hash) == word_of(&newer));
  assert_int_equal(f->map.count, 1000);
  kh_hash_map_replace(&f->map, newer.hash, word_of(&newer), word_of(&f->items[500]));
  check_all(f);
}

static bool word_is(void *ctx, uint64_t word, khonsu_slice key) {
  (void)key;
  return word == *(uint64_t *)ctx;
}

/* Words of all 48 bits, under hashes whose tag, or upper half of it, is what means an empty or a deleted slot. */
static void words_and_tags_may_be_extreme(void **state) {
  fixture *f = *state;
  const uint64_t words[] = {1, 2, KH_WORD_LIMIT - 1, KH_WORD_LIMIT / 2};
  const uint64_t tags[] = {0, 1, 2, 0x100, 0x1ff, 0x200, 0x2ff, 0x300, 0xffff};
  for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
    uint64_t tag = tags[t];
    for (size_t i = 0; i < 4; i++) assert_int_equal(kh_hash_map_insert(&f->map, tag, words[i]), KHONSU_OK);
    for (size_t i = 0; i < 4; i++) {
      uint64_t wanted = words[i], none = 3;
      assert_true(kh_hash_map_find_by(&f->map, kh_slice("", 0), tag, word_is, &wanted) == wanted);
      assert_true(kh_hash_map_find_by(&f->map, kh_slice("", 0), tag, word_is, &none) == 0);
    }
    for (size_t i = 0; i < 4; i++) kh_hash_map_remove(&f->map, tag, words[i]);
    assert_true(kh_hash_map_find_by(&f->map, kh_slice("", 0), tag, word_is, &(uint64_t){1}) == 0);
  }
}

static void a_map_grows_and_empties(void **state) {
  fixture *f = *state;
  make_items(f, 200000, spread);
  for (size_t i = 0; i < f->count; i++) {
    add(f, i);
    check(f, i);
    check(f, i / 2);
    if (i + 1 < f->count) check(f, i + 1);
    if ((i & (i - 1)) == 0) check_structure(f);
    kh_epoch_collect(&f->epoch, 8);
  }
  check_all(f);
  assert_true(kh_hash_map_memory(&f->map) <= 24 * f->count); /* shared/performance.md, section 6 */
  for (size_t i = 0; i < f->count; i++) take_out(f, i);
  check_all(f);
}

/* Marks of deletion do not fill the map: it stays as large as its keys need. */
static void coming_and_going_does_not_grow_the_map(void **state) {
  fixture *f = *state;
  make_items(f, 40000, spread);
  for (size_t i = 0; i < 20000; i++) add(f, i);
  size_t memory = kh_hash_map_memory(&f->map);
  for (size_t round = 0; round < 5; round++) {
    for (size_t i = 0; i < 40000; i++) {
      if (f->items[i].in) take_out(f, i);
      else add(f, i);
      kh_epoch_collect(&f->epoch, 8);
    }
  }
  check_all(f);
  assert_true(kh_hash_map_memory(&f->map) <= 2 * memory);
}

/* Full of marks rather than of words: cleaned, not enlarged. */
static void a_small_map_stays_small(void **state) {
  fixture *f = *state;
  make_items(f, 20000, spread);
  size_t memory = kh_hash_map_memory(&f->map);
  for (size_t i = 0; i < f->count; i++) {
    if (i >= 35) take_out(f, i - 35);
    add(f, i);
    if (i % 1000 == 0) check_structure(f);
    kh_epoch_collect(&f->epoch, 8);
  }
  check_all(f);
  assert_int_equal(kh_hash_map_memory(&f->map), memory);
}

static uint64_t all_equal(uint64_t number) {
  (void)number;
  return 42;
}
static uint64_t all_zero(uint64_t number) { return number & 0; }
static uint64_t all_ones(uint64_t number) { return ~(number & 0); }
static uint64_t identity(uint64_t number) { return number; }
static uint64_t top_bits_only(uint64_t number) { return number << 44; }
static uint64_t middle_bits_only(uint64_t number) { return number << 16; }
static uint64_t seven_values(uint64_t number) { return number % 7 * UINT64_C(0x9e3779b97f4a7c15); }

/* Hashes that crowd make finds slow, but neither wrong nor endless, and memory stays within reason. */
static void hashes_may_crowd(void **state) {
  (void)state;
  uint64_t (*const crowded[])(uint64_t) = {all_equal,     all_zero,         all_ones,    identity,
                                           top_bits_only, middle_bits_only, seven_values};
  for (size_t kind = 0; kind < sizeof crowded / sizeof crowded[0]; kind++) {
    void *fresh;
    assert_int_equal(begin(&fresh), 0);
    fixture *f = fresh;
    make_items(f, 2500, crowded[kind]); /* more than a segment of the usual size takes */
    for (size_t i = 0; i < f->count; i++) {
      add(f, i);
      if (i % 16 != 0) continue; /* finds are slow here */
      check(f, i / 2);
      check(f, i + 1);
    }
    check_all(f);
    assert_true(kh_hash_map_memory(&f->map) <= 200 * f->count);
    for (size_t i = 0; i < f->count; i += 2) take_out(f, i);
    check_all(f);
    for (size_t i = 0; i < f->count; i += 2) add(f, i);
    check_all(f);
    end(&fresh);
  }
}

/* Against the model, at random, with phases in which the map fills and phases in which it empties. */
static void random_changes_match_the_model(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  make_items(f, 20000, spread);
  uint64_t steps = unit_steps(200000, 50000000);
  for (uint64_t step = 0; step < steps; step++) {
    uint64_t fill_percent = step / 25000 % 2 == 0 ? 80 : 20;
    size_t i = (size_t)kh_prng_below(&prng, f->count);
    bool wanted = kh_prng_below(&prng, 100) < fill_percent;
    if (wanted && !f->items[i].in) add(f, i);
    if (!wanted && f->items[i].in) take_out(f, i);
    check(f, i);
    check(f, (size_t)kh_prng_below(&prng, f->count));
    if (step % 20000 == 0) check_all(f);
    if (step % 64 == 0) kh_epoch_collect(&f->epoch, 8);
  }
  check_all(f);
}

static void finding_in_batches_finds_the_same(void **state) {
  fixture *f = *state;
  make_items(f, 10000, spread);
  for (size_t i = 0; i < 5000; i++) add(f, i);
  for (size_t i = 0; i < f->count; i += 10) {
    uintptr_t entries[10];
    for (size_t j = i; j < i + 10; j++) {
      entries[j - i] = kh_hash_map_entry(&f->map, f->items[j].hash);
      kh_hash_map_prefetch(entries[j - i], f->items[j].hash);
    }
    for (size_t j = i; j < i + 10; j++) {
      uint64_t guess = kh_hash_map_guess(entries[j - i], f->items[j].hash);
      if (j < 5000) assert_true(guess != 0); /* 0 is never wrong */
      uint64_t found = kh_hash_map_find_by(&f->map, key_of(&f->items[j]), f->items[j].hash, item_is, NULL);
      assert_true(found == (j < 5000 ? word_of(&f->items[j]) : 0));
    }
  }
}

static void count_visit(void *ctx, uint64_t word) {
  (void)ctx;
  ((item *)(uintptr_t)word)->visits++;
}

/* A segment at a time, while others come and go and segments split. */
static void a_visit_comes_to_each_word_once_while_the_map_changes(void **state) {
  fixture *f = *state;
  make_items(f, 100000, spread);
  for (size_t i = 0; i < 20000; i++) add(f, i);
  uint64_t position = 0;
  size_t calls = 1;
  for (size_t i = 20000; kh_hash_map_visit(&f->map, &position, count_visit, NULL); calls++) {
    for (size_t end = i + 4000; i < end && i < f->count; i++) add(f, i);
    take_out(f, calls); /* of the first few */
    kh_epoch_collect(&f->epoch, 8);
  }
  assert_true(calls > 20 && calls < 1000);
  for (size_t i = 1000; i < 20000; i++) assert_int_equal(f->items[i].visits, 1);
  for (size_t i = 20000; i < f->count; i++) assert_true(f->items[i].visits <= 1);
  check_all(f);
}

static void what_growth_replaces_waits_for_readers(void **state) {
  fixture *f = *state;
  make_items(f, 5000, spread);
  kh_participant *reader;
  assert_int_equal(kh_epoch_join(&f->epoch, &reader), KHONSU_OK);
  kh_epoch_enter(reader);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_true(f->epoch.retired_count > 0);
  kh_epoch_exit(reader);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_int_equal(f->epoch.retired_count, 0);
  check_all(f);
}

/* Presized for its words, a map takes them without a step of growth, and finds in it what is in it; for none, it is the
 * smallest one. */
static void a_reserved_map_does_not_grow(void **state) {
  fixture *f = *state;
  const uint64_t counts[] = {0, 1, 42, 1000, 1365, 1366, 5000, 100000};
  make_items(f, 100000, spread);
  for (size_t kind = 0; kind < sizeof counts / sizeof counts[0]; kind++) {
    assert_int_equal(kh_hash_map_reserve(&f->map, counts[kind]), KHONSU_OK);
    size_t memory = kh_hash_map_memory(&f->map);
    assert_true(memory <= 720 + 29 * counts[kind]);
    for (size_t i = 0; i < counts[kind]; i++) add(f, i);
    assert_int_equal(kh_hash_map_memory(&f->map), memory);
    check_all(f);
    for (size_t i = 0; i < counts[kind]; i++) take_out(f, i);
    check_all(f);
  }
}

/* A reader that is inside goes on in what it found; all after it find the new words. */
static void a_map_takes_the_place_of_another(void **state) {
  fixture *f = *state;
  make_items(f, 20000, spread);
  for (size_t i = 0; i < 10000; i++) add(f, i);
  kh_participant *reader;
  assert_int_equal(kh_epoch_join(&f->epoch, &reader), KHONSU_OK);
  kh_epoch_enter(reader);
  uintptr_t entry = kh_hash_map_entry(&f->map, f->items[7].hash);
  kh_hash_map other;
  assert_int_equal(kh_hash_map_init(&other, source, &f->epoch, f->heap), KHONSU_OK);
  for (size_t i = 0; i < f->count; i++) {
    f->items[i].in = i >= 5000 && i < 15000;
    if (!f->items[i].in) continue;
    assert_int_equal(kh_hash_map_insert(&other, f->items[i].hash, word_of(&f->items[i])), KHONSU_OK);
  }
  kh_hash_map_replace_all(&f->map, &other);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  uint64_t found = kh_hash_map_probe(entry, key_of(&f->items[7]), f->items[7].hash, item_is, NULL);
  assert_true(found == word_of(&f->items[7]));
  kh_epoch_exit(reader);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_int_equal(f->epoch.retired_count, 0);
  check_all(f);
  for (size_t i = 0; i < 5000; i++) add(f, i);
  check_all(f);
  assert_int_equal(kh_hash_map_memory(&other), 0);
  kh_hash_map_fini(&other);
}

static void ending_twice_does_nothing(void **state) {
  fixture *f = *state;
  kh_hash_map_fini(&f->map); /* `end` does it again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_empty_map_is_small_and_finds_nothing),
      TEST(a_key_is_found_until_it_is_taken_out),
      TEST(a_replaced_word_is_found_instead),
      TEST(words_and_tags_may_be_extreme),
      TEST(a_map_grows_and_empties),
      TEST(coming_and_going_does_not_grow_the_map),
      TEST(a_small_map_stays_small),
      cmocka_unit_test(hashes_may_crowd),
      TEST(random_changes_match_the_model),
      TEST(finding_in_batches_finds_the_same),
      TEST(a_visit_comes_to_each_word_once_while_the_map_changes),
      TEST(what_growth_replaces_waits_for_readers),
      TEST(a_reserved_map_does_not_grow),
      TEST(a_map_takes_the_place_of_another),
      TEST(ending_twice_does_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
