/* The ordered map reads what is in it, in order, from wherever and in both directions, whatever came and went, and
 * whatever keys look like; and it gives memory back. All of this as a set of keys, and as a map in which keys have words. */
#include "index/index.h"
#include "index/ordered_node.h"

#include "ordered_map_items.h"

static void an_empty_map_is_small_and_reads_nothing(void **state) {
  fixture *f = *state;
  khonsu_slice nothing = kh_slice(NULL, 0), key = kh_slice("key", 3), *froms[] = {NULL, &nothing, &key};
  for (int way = 0; way < 12; way++) check_read(f, froms[way / 4], way & 1, way & 2, 1);
  check_all(f);
  assert_true(kh_ordered_map_memory(&f->map) < 64);
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
  size_t memory = kh_ordered_map_memory(&f->map);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  assert_int_equal(f->map.count, 1000);
  assert_int_equal(kh_ordered_map_memory(&f->map), memory);
  kh_ordered_map_remove(&f->map, kh_slice("tenant", 6)); /* which is not in */
  kh_ordered_map_remove(&f->map, kh_slice(NULL, 0));
  check_all(f);
  take_out(f, 500);
  take_out(f, 500);
  check_all(f);
}

/* A key that is gone has its entry until the leaf is copied without it: neither a read nor a removal finds it there, and
 * when it comes back, it gets that entry, without any memory. */
static void a_key_that_comes_back_takes_no_memory(void **state) {
  fixture *f = *state;
  make_items(f, 40, numbers, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  const kh_ordered_node *leaf = atomic_load(&f->map.root);
  assert_true(kh_leaf_live(leaf) == kh_leaf_first(40));
  uint64_t retired = f->epoch.retired_count;
  for (size_t i = 0; i < f->count; i += 3) take_out(f, i);
  for (size_t i = 0; i < f->count; i += 3) take_out(f, i);
  assert_ptr_equal(atomic_load(&f->map.root), leaf);
  check_all(f);
  for (size_t i = 0; i < f->count; i++) {
    khonsu_slice from = item_key(&f->items[i]);
    for (int way = 0; way < 4; way++) check_read(f, &from, way & 1, way & 2, 5);
  }
  for (size_t i = 0; i < f->count; i += 6) add(f, i);
  check_all(f);
  assert_ptr_equal(atomic_load(&f->map.root), leaf);
  assert_int_equal(f->epoch.retired_count, retired);
}

/* An insert copies entries that are gone along; they go when the leaf is full, and their bits with them. */
static void what_is_gone_makes_room_in_a_full_leaf(void **state) {
  fixture *f = *state;
  make_items(f, KH_LEAF_MAX + 20, numbers, 1);
  for (size_t i = 0; i < KH_LEAF_MAX; i++) add(f, i);
  for (size_t i = 0; i < 20; i++) take_out(f, 3 * i);
  for (size_t i = KH_LEAF_MAX; i < f->count; i++) add(f, i);
  check_all(f);
  assert_int_equal(atomic_load(&f->map.root)->level, 0);
  assert_int_equal(atomic_load(&f->map.root)->count, KH_LEAF_MAX);
}

/* Finds look for whole keys: neither what one begins with nor what begins with one. */
static void a_word_is_that_of_its_key_alone(void **state) {
  fixture *f = *state;
  if (!with_words) skip();
  make_items(f, 500, hex_digits, 1);
  assert_true(kh_ordered_map_find(&f->map, item_key(&f->items[0])) == 0);
  for (size_t i = 0; i < f->count; i += 2) add(f, i);
  for (size_t i = 0; i < f->count; i++) {
    uint8_t longer[80];
    memcpy(longer, f->items[i].key, f->items[i].size);
    longer[f->items[i].size] = 0;
    check_find(f, i);
    assert_true(kh_ordered_map_find(&f->map, kh_slice(longer, f->items[i].size - 1)) == 0);
    assert_true(kh_ordered_map_find(&f->map, kh_slice(longer, f->items[i].size + 1)) == 0);
  }
  assert_true(kh_ordered_map_find(&f->map, kh_slice(NULL, 0)) == 0);
  for (size_t i = 0; i < f->count; i += 3) give_another_word(f, i);
  check_all(f);
}

static void keys_may_look_like_anything_in_any_order(void **state) {
  (void)state;
  const struct {
    key_shape shape;
    size_t count;
  } kinds[] = {{numbers, unit_size(3000)},
               {hex_digits, unit_size(3000)},
               {paths, unit_size(3000)},
               {odd_bytes, unit_size(3000)},
               {repeated, 600},
               {uneven, unit_size(1500)}};
  uint64_t seed = unit_seed();
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    for (direction filling = UPWARDS; filling <= AT_RANDOM; filling++) {
      for (direction emptying = UPWARDS; emptying <= AT_RANDOM; emptying++) {
        fill_and_empty(kinds[kind].shape, kinds[kind].count, filling, emptying, seed);
      }
    }
  }
}

static void keys_may_be_long(void **state) {
  (void)state;
  uint64_t seed = unit_seed();
  for (direction filling = UPWARDS; filling <= AT_RANDOM; filling++) {
    fill_and_empty(long_keys, unit_size(400), filling, AT_RANDOM, seed);
    fill_and_empty(longest, 100, filling, AT_RANDOM, seed);
    fill_and_empty(long_pairs, unit_size(600), filling, AT_RANDOM, seed);
  }
}

/* Inner nodes of three levels split, and are joined again. */
static void a_map_grows_high_and_shrinks(void **state) {
  fixture *f = *state;
  if (UNIT_SANITIZED) {
    print_message("skipped: half a million keys take a minute under sanitizers\n");
    skip();
  }
  kh_prng prng = {unit_seed()};
  size_t memory = kh_ordered_map_memory(&f->map);
  make_items(f, KH_LEAF_MAX * KH_INNER_MAX * (KH_INNER_MAX / 2 + 2), numbers, 1);
  for (size_t i = 0; i < f->count; i++) {
    add(f, i);
    kh_epoch_collect(&f->epoch, 8);
  }
  assert_int_equal(atomic_load(&f->map.root)->level, 3);
  check_all(f);
  put_in_order(f, AT_RANDOM, &prng);
  for (size_t i = 0; i < f->count; i++) {
    take_out(f, f->order[i]);
    kh_epoch_collect(&f->epoch, 8);
    if (i % 100000 == 0) check_structure(f);
  }
  check_all(f);
  assert_int_equal(kh_ordered_map_memory(&f->map), memory);
}

static void random_changes_match_the_model(void **state) {
  (void)state;
  uint64_t seed = unit_seed();
  change_at_random(hex_digits, seed);
  change_at_random(paths, seed);
  change_at_random(odd_bytes, seed);
  change_at_random(uneven, seed);
}

/* ---- cost */

/* How much memory 100 keys of this shape take. */
static size_t memory_of_100(key_shape shape) {
  void *fresh;
  assert_int_equal(begin(&fresh), 0);
  fixture *f = fresh;
  make_items(f, 100, shape, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  size_t memory = kh_ordered_map_memory(&f->map);
  end(&fresh);
  return memory;
}

/* What keys have in common is kept a few times, not for each, be it in leaves or between them; and what is long and
 * apart is told apart by a few bytes. */
static void long_keys_take_what_tells_them_apart(void **state) {
  (void)state;
  assert_true(memory_of_100(long_keys) < 8 * 65536);
  assert_true(memory_of_100(longest) < 101 * 65536);
}

static void check_inner_sizes(const kh_ordered_node *node) {
  for (unsigned i = 0; node->level > 0 && i < node->count; i++) check_inner_sizes(kh_inner_child(node, i));
  /* One that is too large has been made so by the last separator, or is of few. */
  if (node->level > 0 && node->count > KH_INNER_LEAST) {
    assert_true(kh_inner_bytes(node) <= KH_INNER_BYTES + KH_KEY_MAX);
  }
}

/* What an insert copies is bounded: leaves by their bytes, which check_structure looks at, inner nodes by those of
 * separators, though every other one of these is as long as a key. */
static void nodes_are_bounded_by_bytes(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  make_items(f, 3000, long_pairs, 1);
  put_in_order(f, AT_RANDOM, &prng);
  for (size_t i = 0; i < f->count; i++) {
    add(f, f->order[i]);
    if (i % 100 == 0) check_inner_sizes(atomic_load(&f->map.root));
    kh_epoch_collect(&f->epoch, 80);
  }
  assert_true(atomic_load(&f->map.root)->level >= 2);
  check_all(f);
}

/* ---- memory; the bounds are those of ordered_map.h */

static size_t bytes_in(const fixture *f) {
  size_t bytes = 0;
  for (size_t i = 0; i < f->count; i++) bytes += f->items[i].in ? f->items[i].size : 0;
  return bytes;
}

static void check_memory(key_shape shape, size_t count, direction filling, size_t bytes_per_key) {
  void *fresh;
  assert_int_equal(begin(&fresh), 0);
  fixture *f = fresh;
  kh_prng prng = {unit_seed()};
  size_t word_bytes = with_words ? sizeof(uint64_t) : 0;
  make_items(f, count, shape, prng.state);
  put_in_order(f, filling, &prng);
  for (size_t i = 0; i < f->count; i++) add(f, f->order[i]);
  assert_true(kh_ordered_map_memory(&f->map) <= (bytes_per_key + word_bytes) * f->count);
  put_in_order(f, AT_RANDOM, &prng);
  for (size_t i = 0; i < f->count; i++) {
    take_out(f, f->order[i]);
    if (i % 100 != 0) continue;
    size_t bound = (20 + 2 * word_bytes) * f->map.count + 2 * bytes_in(f) + 1024;
    assert_true(kh_ordered_map_memory(&f->map) <= bound);
  }
  end(&fresh);
}

static void memory_follows_what_is_in(void **state) {
  (void)state;
  for (direction filling = UPWARDS; filling <= AT_RANDOM; filling++) {
    check_memory(hex_digits, 40000, filling, 20);
    check_memory(numbers, 40000, filling, 8);
    check_memory(uneven, 2000, filling, 1200);
  }
}

/* Keys that come in order make full leaves, and a leaf whose last key goes, goes too, however full those beside it. */
static void leaves_fill_in_order_and_go_when_empty(void **state) {
  (void)state;
  for (direction filling = UPWARDS; filling <= DOWNWARDS; filling++) {
    void *fresh;
    assert_int_equal(begin(&fresh), 0);
    fixture *f = fresh;
    const size_t leaves = 10, gone[] = {0, 5, 9}; /* the first, one between others, the last */
    make_items(f, leaves * KH_LEAF_MAX, numbers, 1);
    put_in_order(f, filling, NULL);
    for (size_t i = 0; i < f->count; i++) add(f, f->order[i]);
    assert_int_equal(look_at_structure(f).nodes, leaves + 1);
    for (size_t leaf = 0; leaf < 3; leaf++) {
      for (size_t i = 0; i < KH_LEAF_MAX; i++) take_out(f, gone[leaf] * KH_LEAF_MAX + i);
      assert_int_equal(look_at_structure(f).nodes, leaves - leaf);
    }
    check_all(f);
    end(&fresh);
  }
}

static void what_is_replaced_waits_for_readers(void **state) {
  fixture *f = *state;
  make_items(f, 5000, numbers, 1);
  kh_participant *reader;
  assert_int_equal(kh_epoch_join(&f->epoch, &reader), KHONSU_OK);
  kh_epoch_enter(reader);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_true(f->epoch.retired_count >= f->count);
  kh_epoch_exit(reader);
  kh_epoch_collect(&f->epoch, UINT64_MAX);
  assert_int_equal(f->epoch.retired_count, 0);
  check_all(f);
}

static void ending_twice_does_nothing(void **state) {
  fixture *f = *state;
  make_items(f, 1000, numbers, 1);
  for (size_t i = 0; i < f->count; i++) add(f, i);
  kh_ordered_map_fini(&f->map);
  assert_int_equal(kh_ordered_map_memory(&f->map), 0); /* `end` does it again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_empty_map_is_small_and_reads_nothing),
      TEST(a_read_begins_at_or_beside_a_key),
      TEST(a_key_is_in_once),
      TEST(a_key_that_comes_back_takes_no_memory),
      TEST(what_is_gone_makes_room_in_a_full_leaf),
      TEST(a_word_is_that_of_its_key_alone),
      cmocka_unit_test(keys_may_look_like_anything_in_any_order),
      cmocka_unit_test(keys_may_be_long),
      TEST(a_map_grows_high_and_shrinks),
      cmocka_unit_test(random_changes_match_the_model),
      cmocka_unit_test(long_keys_take_what_tells_them_apart),
      TEST(nodes_are_bounded_by_bytes),
      cmocka_unit_test(memory_follows_what_is_in),
      cmocka_unit_test(leaves_fill_in_order_and_go_when_empty),
      TEST(what_is_replaced_waits_for_readers),
      TEST(ending_twice_does_nothing),
  };
  int failed = cmocka_run_group_tests_name("keys", tests, NULL, NULL);
  with_words = true;
  return failed + cmocka_run_group_tests_name("keys with words", tests, NULL, NULL);
}
