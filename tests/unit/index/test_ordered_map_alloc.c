/* Whichever allocation of the ordered map fails: a failed insert changes nothing that can be read, taking out succeeds
 * all the same, a failed read says how far it came, and nothing leaks. */
#include "ordered_map_failing.h"

#include "ordered_map_items.h"

static void allocate_again(void) {
  fail_at = 0;
  fail_after = failed = false;
}

static void init_may_fail(void **state) {
  (void)state;
  kh_epoch epoch;
  kh_ordered_map map;
  kh_epoch_init(&epoch);
  fail_at = 1;
  assert_int_equal((with_words ? kh_ordered_map_init_words : kh_ordered_map_init)(&map, &epoch), KHONSU_NO_MEMORY);
  allocate_again();
  kh_ordered_map_fini(&map);
  kh_epoch_fini(&epoch);
}

/* Tries with the first allocation failing, then the second, until none is left that could. */
static void add_at_last(fixture *f, size_t i, kh_prng *prng) {
  f->items[i].word = new_word(f);
  for (uint64_t failing_at = 1;; failing_at++) {
    fail_at = failing_at;
    khonsu_status status = index_insert(f, item_key(&f->items[i]), f->items[i].word);
    bool had_to_fail = failed;
    allocate_again();
    assert_int_equal(status, had_to_fail ? KHONSU_NO_MEMORY : KHONSU_OK);
    if (!had_to_fail) break;
    check_some_read(f, prng);
    check_read(f, &(khonsu_slice){f->items[i].key, f->items[i].size}, true, false, 3);
    if (i % 16 == 0) check_structure(f);
  }
  f->items[i].in = true;
}

static void inserts_may_fail_anywhere(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  make_items(f, 9000, paths, prng.state);
  for (direction way = UPWARDS; way <= AT_RANDOM; way++) {
    put_in_order(f, way, &prng);
    for (size_t i = 0; i < f->count; i++) {
      add_at_last(f, f->order[i], &prng);
      kh_epoch_collect(&f->epoch, 80);
    }
    check_all(f);
    assert_int_equal(atomic_load(&f->map.root)->level, 2); /* an inner node was split */
    for (size_t i = 0; i < f->count; i++) take_out(f, i);
    check_all(f);
  }
}

/* `failing_at` 0: with all memory there is. */
static void take_out_with(fixture *f, uint64_t failing_at, bool all_after, direction way, kh_prng *prng) {
  put_in_order(f, way, prng);
  for (size_t i = 0; i < f->count; i++) {
    fail_at = failing_at;
    fail_after = all_after;
    take_out(f, f->order[i]);
    allocate_again();
    check_some_read(f, prng);
    if (i % 1000 == 0) check_structure(f);
    kh_epoch_collect(&f->epoch, 80);
  }
  check_all(f);
}

/* What could not be made smaller then is used again, and given back when there is memory. */
static void taking_out_needs_no_memory(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  size_t memory = kh_ordered_map_memory(&f->map);
  make_items(f, 9000, paths, prng.state);
  for (direction way = UPWARDS; way <= AT_RANDOM; way++) {
    for (uint64_t failing_at = 1; failing_at <= 4; failing_at++) {
      for (size_t i = 0; i < f->count; i++) add(f, i);
      take_out_with(f, failing_at, failing_at == 1, way, &prng);
      assert_int_equal(f->map.count, 0);
    }
  }
  for (size_t i = 0; i < f->count; i++) add(f, i);
  take_out_with(f, 0, false, AT_RANDOM, &prng);
  assert_int_equal(kh_ordered_map_memory(&f->map), memory);
}

/* Keys of all sizes; all are in. */
static void fill_with_long_keys(fixture *f) {
  make_items(f, 400, uneven, unit_seed());
  for (size_t i = 0; i < f->count; i++) add(f, i);
}

static void a_read_may_fail_after_some_keys(void **state) {
  fixture *f = *state;
  fill_with_long_keys(f);
  kh_key_place places[400];
  reading it = {.places = places};
  khonsu_status status = KHONSU_NO_MEMORY;
  for (uint64_t failing_at = 1; status != KHONSU_OK; failing_at++) {
    kh_buffer_fini(&it.keys);
    fail_at = failing_at;
    status = kh_ordered_map_read(&f->map, NULL, true, failing_at % 2, &it.keys, places, 400, &it.count);
    assert_int_equal(status, failed ? KHONSU_NO_MEMORY : KHONSU_OK);
    allocate_again();
    assert_true(status != KHONSU_OK || it.count == f->count);
    check_reading(f, &it, NULL, true, failing_at % 2, it.count);
  }
  kh_buffer_fini(&it.keys);
}

/* In a buffer with room for a key, from which the next read goes on. */
static void reading_on_needs_no_memory_with_room_for_a_key(void **state) {
  fixture *f = *state;
  fill_with_long_keys(f);
  kh_key_place places[4];
  kh_buffer keys = {NULL, 0, 0};
  assert_int_equal(kh_buffer_reserve(&keys, KH_KEY_MAX + KH_READ_SLACK), KHONSU_OK);
  khonsu_slice from = kh_slice(NULL, 0);
  size_t count, done = 0;
  fail_at = 1;
  fail_after = true;
  for (; done < f->count; done += count) {
    keys.size = 0;
    khonsu_status status =
        kh_ordered_map_read(&f->map, done == 0 ? NULL : &from, false, false, &keys, places, 4, &count);
    assert_true(count > 0 && (status == KHONSU_NO_MEMORY || count == 4 || done + count == f->count));
    for (size_t i = 0; i < count; i++) {
      from = kh_slice(keys.data + places[i].at, places[i].size);
      assert_true(kh_slice_equal(from, item_key(&f->items[done + i])));
    }
  }
  allocate_again();
  kh_buffer_fini(&keys);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_may_fail),
      TEST(inserts_may_fail_anywhere),
      TEST(taking_out_needs_no_memory),
      TEST(a_read_may_fail_after_some_keys),
      TEST(reading_on_needs_no_memory_with_room_for_a_key),
  };
  int all_failed = cmocka_run_group_tests_name("keys", tests, NULL, NULL);
  with_words = true;
  return all_failed + cmocka_run_group_tests_name("keys with words", tests, NULL, NULL);
}
