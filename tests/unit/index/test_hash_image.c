/* What was written as an image is found in it, stays right when it changes, and where it is damaged this is said: never a
 * wrong word, never a crash. */
#include "index/directory.h"
#include "index/index.h"

#include "hash_items.h"

typedef struct image {
  uint8_t *bytes; /* aligned to 64 */
  size_t size, capacity;
} image;

static khonsu_status append(void *ctx, const void *bytes, size_t size) {
  image *to = ctx;
  if (size > to->capacity - to->size) return KHONSU_STORAGE_FULL;
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
  return KHONSU_OK;
}

/* The caller's to free. */
static image image_of(const kh_hash_map *map) {
  size_t size = kh_hash_map_image_size(map);
  image made = {.bytes = kh_alloc_lines(size), .capacity = size};
  assert_non_null(made.bytes);
  assert_int_equal(kh_hash_map_image_write(map, append, &made), KHONSU_OK);
  assert_int_equal(made.size, size);
  assert_int_equal(size % 64, 0);
  return made;
}

static khonsu_status adopt(fixture *f, kh_hash_map *map, const image *from) {
  return kh_hash_map_adopt(map, source, &f->epoch, f->heap, from->bytes, from->size);
}

/* Puts the map that stands on its own image in the place of the map. The image is the fixture's. */
static image change_for_image(fixture *f) {
  image made = image_of(&f->map);
  f->kept[f->kept[0] != NULL] = made.bytes;
  kh_hash_map_fini(&f->map);
  assert_int_equal(adopt(f, &f->map, &made), KHONSU_OK);
  return made;
}

static void fill(fixture *f, size_t count) {
  make_items(f, 2 * count, spread);
  for (size_t i = 0; i < count; i++) add(f, i);
}

/* As `take_out`, in a map that may stand on an image. */
static void prepare_and_take_out(fixture *f, size_t i) {
  assert_int_equal(kh_hash_map_prepare(&f->map, f->items[i].hash), KHONSU_OK);
  take_out(f, i);
}

static void an_adopted_map_has_what_was_written(void **state) {
  (void)state;
  const size_t counts[] = {0, 1, 50, 1000, 30000};
  for (size_t kind = 0; kind < sizeof counts / sizeof counts[0]; kind++) {
    void *fresh;
    assert_int_equal(begin(&fresh), 0);
    fixture *f = fresh;
    fill(f, counts[kind] + 1);
    for (size_t i = 0; i < f->count / 2; i += 7) take_out(f, i); /* which leaves marks */
    image made = change_for_image(f);
    assert_true(kh_hash_map_memory(&f->map) <= made.size / 64 + 128);
    for (size_t i = 0; i < f->count; i++) check(f, i);
    check_all(f);
    image again = image_of(&f->map);
    assert_true(again.size == made.size && memcmp(again.bytes, made.bytes, made.size) == 0);
    end(&fresh);
    free(again.bytes);
  }
}

/* A segment is looked at when it is needed, once. */
static void segments_are_checked_when_they_are_needed(void **state) {
  fixture *f = *state;
  fill(f, 30000);
  (void)change_for_image(f);
  const kh_directory *directory = atomic_load(&f->map.directory);
  size_t count = kh_directory_count(directory), unchecked = 0;
  assert_true(count >= 16);
  for (size_t i = 0; i < count; i++) assert_true(kh_entry_is_unchecked(kh_directory_entry(directory, i)));
  check(f, 0);
  size_t index = (size_t)(f->items[0].hash >> directory->shift);
  assert_false(kh_entry_is_unchecked(kh_directory_entry(directory, index)));
  for (size_t i = 0; i < count; i++) unchecked += kh_entry_is_unchecked(kh_directory_entry(directory, i));
  assert_true(unchecked >= count / 2 && unchecked < count);
  assert_int_equal(kh_hash_map_check_all(&f->map), KHONSU_OK);
  for (size_t i = 0; i < count; i++) assert_false(kh_entry_is_unchecked(kh_directory_entry(directory, i)));
}

/* Against the model, from a map that stands on an image, which does not change, to one that has next to nothing of it. */
static void an_adopted_map_changes_as_any_other(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  fill(f, 20000);
  image made = change_for_image(f);
  uint32_t crc = kh_crc32c(0, made.bytes, made.size);
  for (uint64_t step = 0; step < unit_steps(100000, 5000000); step++) {
    size_t i = (size_t)kh_prng_below(&prng, f->count);
    if (!f->items[i].in) add(f, i);
    else if (kh_prng_below(&prng, 4) == 0) prepare_and_take_out(f, i);
    check(f, (size_t)kh_prng_below(&prng, f->count));
    if (step % 64 == 0) kh_epoch_collect(&f->epoch, 8);
  }
  check_all(f);
  assert_int_equal(kh_crc32c(0, made.bytes, made.size), crc);
  (void)change_for_image(f); /* partly of what stood in the first */
  check_all(f);
}

static void prepared_words_can_be_replaced(void **state) {
  fixture *f = *state;
  fill(f, 5000);
  (void)change_for_image(f);
  item newer = f->items[500];
  assert_int_equal(kh_hash_map_prepare(&f->map, newer.hash), KHONSU_OK);
  size_t memory = kh_hash_map_memory(&f->map);
  assert_int_equal(kh_hash_map_prepare(&f->map, newer.hash), KHONSU_OK);
  assert_int_equal(kh_hash_map_memory(&f->map), memory);
  kh_hash_map_replace(&f->map, newer.hash, word_of(&f->items[500]), word_of(&newer));
  assert_true(kh_hash_map_find(&f->map, key_of(&newer), newer.hash) == word_of(&newer));
  kh_hash_map_replace(&f->map, newer.hash, word_of(&newer), word_of(&f->items[500]));
  for (size_t i = 0; i < f->count; i++) check(f, i);
}

static void what_the_sink_fails_with_is_returned(void **state) {
  fixture *f = *state;
  fill(f, 5000);
  size_t size = kh_hash_map_image_size(&f->map);
  image made = {.bytes = kh_alloc_lines(size)};
  for (; made.capacity < size; made.capacity += 4096, made.size = 0) {
    assert_int_equal(kh_hash_map_image_write(&f->map, append, &made), KHONSU_STORAGE_FULL);
  }
  free(made.bytes);
}

/* ---- damage */

/* Every key that was in is found, or it is said that this cannot be known; no other is found. */
static size_t look_at_damaged(const fixture *f, const kh_hash_map *map) {
  size_t damaged = 0;
  for (size_t i = 0; i < f->count; i++) {
    uint64_t found = kh_hash_map_find(map, key_of(&f->items[i]), f->items[i].hash);
    damaged += found == KH_WORD_DAMAGED;
    if (found != KH_WORD_DAMAGED) assert_true(found == (f->items[i].in ? word_of(&f->items[i]) : 0));
  }
  return damaged;
}

/* Changes of damaged segments fail, others succeed. */
static void change_damaged(const fixture *f, kh_hash_map *map) {
  for (size_t i = 0; i < f->count; i++) {
    uint64_t found = kh_hash_map_find(map, key_of(&f->items[i]), f->items[i].hash);
    khonsu_status expected = found == KH_WORD_DAMAGED ? KHONSU_CORRUPT : KHONSU_OK;
    assert_int_equal(kh_hash_map_prepare(map, f->items[i].hash), expected);
    if (found == 0 || found == KH_WORD_DAMAGED) {
      assert_int_equal(kh_hash_map_insert(map, f->items[i].hash, word_of(&f->items[i])), expected);
    } else {
      kh_hash_map_remove(map, f->items[i].hash, found);
    }
  }
}

/* In the place of the damaged map comes one that was made anew. */
static void mend(fixture *f, kh_hash_map *map) {
  kh_hash_map other;
  assert_int_equal(kh_hash_map_init(&other, source, &f->epoch, f->heap), KHONSU_OK);
  for (size_t i = 0; i < f->count; i++) {
    if (!f->items[i].in) continue;
    assert_int_equal(kh_hash_map_insert(&other, f->items[i].hash, word_of(&f->items[i])), KHONSU_OK);
  }
  kh_hash_map_replace_all(map, &other);
  assert_int_equal(look_at_damaged(f, map), 0);
  assert_int_equal(kh_hash_map_check_all(map), KHONSU_OK);
}

static void damage_byte(fixture *f, const image *made, size_t at, uint8_t bits) {
  kh_hash_map map;
  made->bytes[at] ^= bits;
  khonsu_status status = adopt(f, &map, made);
  if (status == KHONSU_OK) {
    size_t damaged = look_at_damaged(f, &map);
    assert_int_equal(kh_hash_map_check_all(&map), KHONSU_CORRUPT);
    image again = {.bytes = NULL};
    assert_int_equal(kh_hash_map_image_write(&map, append, &again), KHONSU_CORRUPT);
    if (at % 16 == 0) {
      change_damaged(f, &map);
      assert_true(damaged > 0);
      mend(f, &map);
    }
    kh_epoch_collect(&f->epoch, UINT64_MAX);
  } else {
    assert_int_equal(status, KHONSU_CORRUPT);
  }
  kh_hash_map_fini(&map);
  made->bytes[at] ^= bits;
}

static void every_damaged_byte_is_noticed(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  fill(f, 45); /* two thirds of 64 slots */
  for (size_t i = 0; i < 45; i += 6) take_out(f, i);
  image made = image_of(&f->map);
  for (size_t at = 0; at < made.size; at++) damage_byte(f, &made, at, (uint8_t)(1 + kh_prng_below(&prng, 255)));
  free(made.bytes);
}

static void damaged_bytes_of_a_large_image_are_noticed(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  fill(f, 6000);
  image made = image_of(&f->map);
  for (uint64_t step = 0; step < unit_size(100); step++) {
    size_t at = (size_t)kh_prng_below(&prng, step % 2 == 0 ? 256 : made.size);
    damage_byte(f, &made, at, (uint8_t)(1 + kh_prng_below(&prng, 255)));
  }
  free(made.bytes);
}

static void an_image_that_is_cut_is_not_adopted(void **state) {
  fixture *f = *state;
  fill(f, 6000);
  image made = image_of(&f->map);
  kh_hash_map map;
  for (size_t size = 0; size < made.size; size += size < 512 ? 1 : 997) {
    uint8_t *cut = kh_alloc_lines(size + 1);
    memcpy(cut, made.bytes, size);
    assert_int_equal(kh_hash_map_adopt(&map, source, &f->epoch, f->heap, cut, size), KHONSU_CORRUPT);
    free(cut);
  }
  free(made.bytes);
}

/* Header and rows that say anything, under checksums that are right: where the format has numbers, by hash_image.c. */
static void seal(image *made) {
  uint32_t segments, crc;
  memcpy(&segments, made->bytes + 28, sizeof segments);
  size_t end = (64 + 16 * (size_t)segments + 63) & ~(size_t)63;
  if (end >= 64 && end <= made->size) {
    crc = kh_crc32c(0, made->bytes + 64, end - 64);
    memcpy(made->bytes + 32, &crc, sizeof crc);
  }
  crc = kh_crc32c(0, made->bytes, 60);
  memcpy(made->bytes + 60, &crc, sizeof crc);
}

static void lies_under_right_checksums_do_no_harm(void **state) {
  fixture *f = *state;
  kh_prng prng = {unit_seed()};
  fill(f, 6000);
  image made = image_of(&f->map), copy = {kh_alloc_lines(made.size), made.size, made.size};
  size_t adopted = 0;
  for (uint64_t step = 0; step < unit_steps(500, 50000); step++) {
    memcpy(copy.bytes, made.bytes, made.size);
    for (uint64_t changes = 1 + kh_prng_below(&prng, 3); changes > 0; changes--) {
      size_t at = 8 + (size_t)kh_prng_below(&prng, 56 + 16 * 8);
      copy.bytes[at] = kh_prng_below(&prng, 2) ? (uint8_t)kh_prng_next(&prng) : (uint8_t)(copy.bytes[at] + 1);
    }
    seal(&copy);
    kh_hash_map map;
    khonsu_status status = adopt(f, &map, &copy);
    assert_true(status == KHONSU_OK || status == KHONSU_CORRUPT);
    adopted += status == KHONSU_OK;
    if (status == KHONSU_OK) (void)look_at_damaged(f, &map);
    kh_hash_map_fini(&map);
  }
  print_message("%zu of them adopted\n", adopted);
  free(copy.bytes);
  free(made.bytes);
}

/* A file that is cut short under its map reads as zeros, also where it was looked at before. */
static void what_was_whole_and_is_gone_is_not_changed(void **state) {
  fixture *f = *state;
  fill(f, 6000);
  image made = change_for_image(f);
  for (size_t i = 0; i < f->count; i++) check(f, i); /* all are whole */
  memset(made.bytes, 0, made.size);
  for (size_t i = 0; i < f->count; i += 7) {
    uint64_t hash = f->items[i].hash;
    assert_int_equal(kh_hash_map_prepare(&f->map, hash), KHONSU_CORRUPT);
    assert_true(kh_hash_map_find(&f->map, key_of(&f->items[i]), hash) == KH_WORD_DAMAGED);
  }
  assert_int_equal(kh_hash_map_check_all(&f->map), KHONSU_CORRUPT);
}

/* Bits of header and rows that have no meaning yet, under checksums that are right. */
static void what_only_a_later_version_knows_is_not_adopted(void **state) {
  fixture *f = *state;
  fill(f, 45);
  static const struct { size_t from, to; } reserved[] = {{36, 60}, {64 + 14, 64 + 16}};
  for (size_t at = 0; at < sizeof reserved / sizeof reserved[0]; at++) {
    for (size_t offset = reserved[at].from; offset < reserved[at].to; offset++) {
      image made = image_of(&f->map);
      kh_hash_map map;
      made.bytes[offset] = 1;
      seal(&made);
      assert_int_equal(adopt(f, &map, &made), KHONSU_CORRUPT);
      free(made.bytes);
    }
  }
}

/* What a segment says under right checksums is compared with its slots. `change` has it from its slots on. */
static void change_segment(fixture *f, void (*change)(uint8_t *slots)) {
  fill(f, 45);
  image made = image_of(&f->map);
  change(made.bytes + 192);
  uint32_t crc = kh_crc32c(0, made.bytes + 128, made.size - 128);
  memcpy(made.bytes + 64 + 8, &crc, sizeof crc);
  seal(&made);
  kh_hash_map map;
  assert_int_equal(adopt(f, &map, &made), KHONSU_OK);
  assert_int_equal(look_at_damaged(f, &map), f->count);
  kh_hash_map_fini(&map);
  free(made.bytes);
}

/* Segments with other counts than they say, under right checksums: a writer that believed them would not end. */
static void fill_up(uint8_t *slots) { memset(slots, 0x11, 9 * 64); /* with their control bytes */ }
static void a_segment_has_the_counts_that_it_says(void **state) { change_segment(*state, fill_up); }

static void change_control(uint8_t *slots) {
  for (uint8_t *control = slots + 8 * 64;; control++) {
    if (*control <= KH_CONTROL_DELETED) continue;
    *control ^= 0x80;
    return;
  }
}
static void control_bytes_say_what_slots_do(void **state) { change_segment(*state, change_control); }

static void tag_an_empty_slot(uint8_t *slots) {
  size_t slot = 0;
  while (slots[8 * 64 + slot] != KH_CONTROL_EMPTY) slot++;
  slots[8 * slot + 7] = 0x80; /* a tag without a word */
}
static void empty_slots_are_zero(void **state) { change_segment(*state, tag_an_empty_slot); }

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_adopted_map_has_what_was_written),
      TEST(segments_are_checked_when_they_are_needed),
      TEST(an_adopted_map_changes_as_any_other),
      TEST(prepared_words_can_be_replaced),
      TEST(what_the_sink_fails_with_is_returned),
      TEST(every_damaged_byte_is_noticed),
      TEST(damaged_bytes_of_a_large_image_are_noticed),
      TEST(an_image_that_is_cut_is_not_adopted),
      TEST(lies_under_right_checksums_do_no_harm),
      TEST(what_was_whole_and_is_gone_is_not_changed),
      TEST(what_only_a_later_version_knows_is_not_adopted),
      TEST(a_segment_has_the_counts_that_it_says),
      TEST(control_bytes_say_what_slots_do),
      TEST(empty_slots_are_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
