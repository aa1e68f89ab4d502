/* The skip list finds and reads what is in it, in order, from wherever and in both directions, whatever came and went, and
 * whatever keys look like; and it gives memory back. */
#include "index/index.h"
#include "index/skip_node.h"

typedef kh_skip_list tested_index;

#include "ordered_items.h"

static khonsu_status index_init(fixture *f) {
  with_words = true;
  kh_skip_list_init(&f->map, &f->epoch, f->heap, 42);
  return KHONSU_OK;
}
static void index_fini(fixture *f) { kh_skip_list_fini(&f->map); }

static khonsu_status index_insert(fixture *f, khonsu_slice key, uint64_t word) {
  return kh_skip_list_insert(&f->map, key, word);
}
static void index_replace(fixture *f, khonsu_slice key, uint64_t word) { kh_skip_list_replace(&f->map, key, word); }
static void index_remove(fixture *f, khonsu_slice key) { kh_skip_list_remove(&f->map, key); }
static uint64_t index_find(const fixture *f, khonsu_slice key) { return kh_skip_list_find(&f->map, key); }

static khonsu_status index_read(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  return kh_skip_list_read(&f->map, from, inclusive, reverse, keys, places, words, room, count);
}

/* How many nodes of a level there are; in order, and all of them as high as the level. */
static size_t check_level(const fixture *f, unsigned level) {
  size_t count = 0;
  const kh_skip_node *node = atomic_load(&f->map.first[level]), *next;
  for (; node != NULL; node = next, count++) {
    assert_true(node->height > level && atomic_load(&node->word) != 0);
    next = atomic_load(&node->links[level]);
    if (next != NULL) assert_true(kh_slice_compare(kh_skip_key(node), kh_skip_key(next)) < 0);
  }
  return count;
}

static void check_structure(const fixture *f) {
  size_t memory = 0, higher[KH_SKIP_HEIGHT_MAX] = {0};
  const kh_skip_node *node = atomic_load(&f->map.first[0]);
  for (; node != NULL; node = atomic_load(&node->links[0])) {
    memory += kh_skip_memory(node->height, node->size);
    for (unsigned level = 0; level < node->height; level++) higher[level]++;
  }
  assert_int_equal(memory, kh_skip_list_memory(&f->map));
  assert_int_equal(higher[0], f->map.count);
  for (unsigned level = 0; level < KH_SKIP_HEIGHT_MAX; level++) assert_int_equal(check_level(f, level), higher[level]);
}

/* ---- tests */

static void an_empty_list_reads_nothing(void **state) {
  fixture *f = *state;
  khonsu_slice nothing = kh_slice(NULL, 0), key = kh_slice("key", 3), *froms[] = {NULL, &nothing, &key};
  for (int way = 0; way < 12; way++) check_read(f, froms[way / 4], way & 1, way & 2, 1);
  assert_true(index_find(f, key) == 0 && index_find(f, nothing) == 0);
  index_remove(f, key);
  check_all(f);
  assert_int_equal(kh_skip_list_memory(&f->map), 0);
}

static void a_read_begins_at_or_beside_a_key(void **state) {
  fixture *f = *state;
  make_items(f, 3, numbers, 1);
  add(f, 1);
  for (size_t i = 0; i < 3; i++) {
    khonsu_slice from = item_key(&f->items[i]);
    for (size_t room = 0; room < 3; room++) {
      for (int way = 0; way < 4; way++) check_read(f, &from, way & 1, way & 2, room);
    }
  }
  take_out(f, 1);
  check_all(f);
}

static void a_key_is_in_once(void **state) {
  fixture *f = *state;
  make_items(f, 1000, paths, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  size_t memory = kh_skip_list_memory(&f->map);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  assert_int_equal(f->map.count, 1000);
  assert_int_equal(kh_skip_list_memory(&f->map), memory);
  for (size_t i = 0; i < f->count; i += 2) give_another_word(f, i);
  check_all(f);
  take_out(f, 500);
  take_out(f, 500);
  check_all(f);
}

static void keys_may_look_like_anything_in_any_order(void **state) {
  (void)state;
  const key_shape shapes[] = {numbers, hex_digits, paths, odd_bytes, repeated, uneven};
  uint64_t seed = unit_seed();
  for (size_t kind = 0; kind < sizeof shapes / sizeof shapes[0]; kind++) {
    for (direction filling = UPWARDS; filling <= AT_RANDOM; filling++) {
      for (direction emptying = UPWARDS; emptying <= AT_RANDOM; emptying++) {
        fill_and_empty(shapes[kind], unit_size(600), filling, emptying, seed);
      }
    }
  }
  fill_and_empty(long_keys, 100, AT_RANDOM, AT_RANDOM, seed);
}

static void random_changes_match_the_model(void **state) {
  (void)state;
  uint64_t seed = unit_seed();
  change_at_random(hex_digits, seed);
  change_at_random(odd_bytes, seed);
}

/* A quarter of each level, and the memory that the header says. */
static void heights_are_drawn(void **state) {
  fixture *f = *state;
  make_items(f, 40000, hex_digits, unit_seed());
  for (size_t i = 0; i < f->count; i++) add(f, i);
  for (unsigned level = 1; level <= 4; level++) {
    size_t expected = f->count >> 2 * level, found = check_level(f, level);
    assert_true(found > expected / 2 && found < expected * 2);
  }
  assert_true(kh_skip_list_memory(&f->map) < (16 + 51 + 10) * f->count);
  check_structure(f);
}

static void what_is_taken_out_waits_for_readers(void **state) {
  fixture *f = *state;
  make_items(f, 1000, numbers, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  kh_participant *reader;
  assert_int_equal(kh_epoch_join(&f->epoch, &reader), KHONSU_OK);
  kh_epoch_enter(reader);
  const kh_skip_node *node = atomic_load(&f->map.first[0]);
  for (size_t i = 0; i < f->count - 1; i++) take_out(f, i);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_int_equal(f->epoch.retired_count, 999);
  assert_true(kh_slice_equal(kh_skip_key(node), item_key(&f->items[0])));
  node = atomic_load(&node->links[0]); /* who stands on it goes on */
  assert_true(kh_slice_equal(kh_skip_key(node), item_key(&f->items[1])));
  kh_epoch_exit(reader);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_int_equal(f->epoch.retired_count, 0);
  check_all(f);
}

static void ending_twice_does_nothing(void **state) {
  fixture *f = *state;
  make_items(f, 1000, numbers, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  kh_skip_list_fini(&f->map);
  assert_int_equal(kh_skip_list_memory(&f->map), 0); /* `end` does it again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_empty_list_reads_nothing),
      TEST(a_read_begins_at_or_beside_a_key),
      TEST(a_key_is_in_once),
      cmocka_unit_test(keys_may_look_like_anything_in_any_order),
      cmocka_unit_test(random_changes_match_the_model),
      TEST(heights_are_drawn),
      TEST(what_is_taken_out_waits_for_readers),
      TEST(ending_twice_does_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
