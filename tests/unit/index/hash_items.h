/* What tests of the hash map share: items to be put into it, a model, and a look at the structure itself. The including
 * file has included the map's headers. */
#ifndef TEST_HASH_ITEMS_H
#define TEST_HASH_ITEMS_H

#include "unit.h"

/* ---- keys: numbers, with a hash that each test chooses */

typedef struct item {
  uint64_t hash, number;
  bool in; /* the model */
  unsigned visits;
} item;

static inline bool item_is(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  return memcmp(&((const item *)(uintptr_t)word)->number, key.data, sizeof(uint64_t)) == 0;
}

static inline uint64_t item_hash(void *ctx, uint64_t word) {
  (void)ctx;
  return ((const item *)(uintptr_t)word)->hash;
}

static const kh_key_source source = {item_is, item_hash, NULL, NULL};

static inline uint64_t word_of(const item *it) { return (uint64_t)(uintptr_t)it; }
static inline khonsu_slice key_of(const item *it) { return kh_slice(&it->number, sizeof it->number); }
static inline uint64_t spread(uint64_t number) { return kh_hash_bytes(kh_slice(&number, sizeof number), 7); }

typedef struct fixture {
  kh_epoch epoch;
  kh_heap *heap;
  kh_hash_map map;
  item *items;
  size_t count;
  void *kept[2]; /* images that the map stands on, or did */
} fixture;

static inline int begin(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  kh_epoch_init(&f->epoch);
  f->items = NULL;
  f->kept[0] = f->kept[1] = NULL;
  f->heap = kh_heap_new();
  *state = f;
  return kh_hash_map_init(&f->map, source, &f->epoch, f->heap) != KHONSU_OK;
}

static inline int end(void **state) {
  fixture *f = *state;
  kh_hash_map_fini(&f->map);
  kh_epoch_fini(&f->epoch);
  kh_heap_close(f->heap);
  free(f->items);
  for (int i = 0; i < 2; i++) free(f->kept[i]);
  free(f);
  return 0;
}

static inline void make_items(fixture *f, size_t count, uint64_t (*hash)(uint64_t number)) {
  f->items = calloc(count, sizeof *f->items);
  f->count = count;
  assert_non_null(f->items);
  for (size_t i = 0; i < count; i++) f->items[i] = (item){hash(i), i, false, 0};
}

static inline void add(fixture *f, size_t i) {
  assert_int_equal(kh_hash_map_insert(&f->map, f->items[i].hash, word_of(&f->items[i])), KHONSU_OK);
  f->items[i].in = true;
}

static inline void take_out(fixture *f, size_t i) {
  kh_hash_map_remove(&f->map, f->items[i].hash, word_of(&f->items[i]));
  f->items[i].in = false;
}

static inline void check(const fixture *f, size_t i) {
  uint64_t found = kh_hash_map_find(&f->map, key_of(&f->items[i]), f->items[i].hash);
  assert_true(found == (f->items[i].in ? word_of(&f->items[i]) : 0));
}

/* ---- the structure itself: every word where its hash says, counts right, P of hash_map.c */

static inline uint64_t control_of(const kh_segment *segment, size_t index) {
  return kh_control_at(kh_segment_controls(segment, index / KH_GROUP_SLOTS), index);
}

static inline size_t check_slot(const fixture *f, kh_segment *segment, size_t index, size_t first_entry) {
  size_t mask = kh_segment_groups(segment) - 1;
  uint64_t slot = atomic_load(&segment->slots[index]), word = slot & (KH_WORD_LIMIT - 1);
  if (word == 0) {
    assert_true(slot == KH_SLOT_EMPTY && control_of(segment, index) <= KH_CONTROL_DELETED);
    return 0;
  }
  uint64_t hash = item_hash(NULL, word);
  assert_true(slot == (kh_hash_tag(hash) | word) && control_of(segment, index) == kh_hash_control(hash));
  kh_directory *directory = atomic_load(&f->map.directory);
  size_t span = (size_t)1 << (64 - directory->shift - segment->depth);
  assert_true(hash >> directory->shift >= first_entry && hash >> directory->shift < first_entry + span);
  for (size_t at = kh_hash_home(hash) & mask; at != index / KH_GROUP_SLOTS; at = (at + 1) & mask) {
    assert_false(kh_control_has_empty(kh_segment_controls(segment, at)));
  }
  return 1;
}

static inline size_t check_segment(const fixture *f, kh_segment *segment, size_t first_entry) {
  size_t words = 0, deleted = 0;
  for (size_t index = 0; index < kh_segment_capacity(segment); index++) {
    words += check_slot(f, segment, index, first_entry);
    if (control_of(segment, index) != KH_CONTROL_DELETED) continue;
    deleted++; /* and no mark where an empty slot would do */
    assert_false(kh_control_has_empty(kh_segment_controls(segment, index / KH_GROUP_SLOTS)));
  }
  assert_int_equal(words, segment->words);
  assert_int_equal(deleted, segment->deleted);
  assert_true(words + deleted <= kh_segment_limit(segment));
  return words;
}

static inline void check_structure(const fixture *f) {
  kh_directory *directory = atomic_load(&f->map.directory);
  size_t entries = (size_t)1 << (64 - directory->shift), words = 0;
  size_t memory = sizeof *directory + entries * sizeof directory->entries[0];
  for (size_t first = 0, span; first < entries; first += span) {
    kh_segment *segment = kh_entry_segment(atomic_load(&directory->entries[first]));
    span = (size_t)1 << (64 - directory->shift - segment->depth);
    assert_int_equal(first % span, 0);
    for (size_t i = 0; i < span; i++) {
      assert_true(atomic_load(&directory->entries[first + i]) == kh_segment_entry(segment));
    }
    words += check_segment(f, segment, first);
    if ((uintptr_t)segment - (uintptr_t)f->map.image >= f->map.image_size) memory += kh_segment_memory(segment);
  }
  assert_int_equal(words, f->map.count);
  assert_int_equal(memory, kh_hash_map_memory(&f->map));
}

static inline void mark_visited(void *ctx, uint64_t word) {
  fixture *f = ctx;
  item *it = (item *)(uintptr_t)word;
  assert_true(it->in && !(it->number >> 63)); /* the top bit: seen in this walk */
  it->number |= UINT64_C(1) << 63;
  f->count++;
}

/* Everything, by every way to look at it. */
static inline void check_all(fixture *f) {
  size_t count = f->count, in = 0;
  for (size_t i = 0; i < count; i++) {
    check(f, i);
    in += f->items[i].in;
  }
  assert_int_equal(f->map.count, in);
  f->count = 0;
  kh_hash_map_each(&f->map, mark_visited, f);
  assert_int_equal(f->count, in);
  f->count = count;
  for (size_t i = 0; i < count; i++) f->items[i].number = i;
  check_structure(f);
}

#endif
