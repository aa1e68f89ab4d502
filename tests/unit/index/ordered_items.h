/* What tests of the indexes in order share: items to be put into one, of several shapes of keys, and a model. The including
 * file has included the index's headers, and says by the functions at the top what is tested. */
#ifndef TEST_ORDERED_ITEMS_H
#define TEST_ORDERED_ITEMS_H

#include <stdio.h>

#include "unit.h"

typedef struct item {
  uint32_t size;
  bool in; /* the model: this, and the word */
  uint8_t *key;
  uint64_t word;
} item;

typedef struct fixture {
  kh_epoch epoch;
  kh_heap *heap;
  tested_index map;
  item *items; /* in the order of their keys, each key once */
  size_t count;
  uint32_t *order; /* room for a permutation */
  uint64_t words;  /* how many have been given out */
} fixture;

static bool with_words; /* whether the index has words */
static khonsu_status index_init(fixture *f);
static void index_fini(fixture *f);
static khonsu_status index_insert(fixture *f, khonsu_slice key, uint64_t word);
static void index_replace(fixture *f, khonsu_slice key, uint64_t word);
static void index_remove(fixture *f, khonsu_slice key);
static uint64_t index_find(const fixture *f, khonsu_slice key);
static khonsu_status index_read(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count);
static void check_structure(const fixture *f);

static inline khonsu_slice item_key(const item *it) { return kh_slice(it->key, it->size); }
static inline int begin(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  kh_epoch_init(&f->epoch);
  f->items = NULL;
  f->order = NULL;
  f->count = 0;
  f->words = 0;
  *state = f;
  f->heap = kh_heap_new();
  return index_init(f) != KHONSU_OK;
}

static inline int end(void **state) {
  fixture *f = *state;
  index_fini(f);
  kh_epoch_fini(&f->epoch);
  kh_heap_close(f->heap);
  for (size_t i = 0; i < f->count; i++) free(f->items[i].key);
  free(f->items);
  free(f->order);
  free(f);
  return 0;
}

/* ---- keys */

typedef size_t (*key_shape)(kh_prng *prng, size_t index, uint8_t *key); /* room for 64 KiB; returns the size */

static inline size_t big_endian(uint64_t number, uint8_t *key) {
  for (int byte = 0; byte < 8; byte++) key[byte] = (uint8_t)(number >> (56 - 8 * byte));
  return 8;
}
static inline size_t numbers(kh_prng *prng, size_t index, uint8_t *key) {
  (void)prng;
  return big_endian(index * 3, key);
}
static inline size_t hex_digits(kh_prng *prng, size_t index, uint8_t *key) {
  (void)index;
  return (size_t)snprintf((char *)key, 20, "%016llx", (unsigned long long)kh_prng_next(prng));
}
/* What tells them apart is spread over their length, and some are long: leaves are full of bytes before they are full of
 * keys, and separators are of all lengths. */
static inline size_t uneven(kh_prng *prng, size_t index, uint8_t *key) {
  size_t size = 0;
  for (int piece = 0; piece < 4; piece++) {
    size_t more = kh_prng_below(prng, 8) == 0 ? 1 + (size_t)kh_prng_below(prng, 1500) : 1;
    memset(key + size, "abcd"[kh_prng_below(prng, 4)], more);
    size += more;
  }
  return size + big_endian(index, key + size);
}
/* Pairs that differ in their last byte only, and have nothing in common with other pairs: long separators. */
static inline size_t long_pairs(kh_prng *prng, size_t index, uint8_t *key) {
  (void)prng;
  size_t size = 3000 + index / 2 % 7 * 1000;
  big_endian((index / 2) * UINT64_C(0x9e3779b97f4a7c15), key);
  memset(key + 8, 'p', size - 8);
  key[size - 1] = (uint8_t)(index & 1);
  return size;
}
/* The longest ones that are allowed, with nothing in common. */
static inline size_t longest(kh_prng *prng, size_t index, uint8_t *key) {
  (void)index;
  memset(key, 'k', 65536);
  big_endian(kh_prng_next(prng), key);
  return 65536;
}
/* Common prefixes of several lengths, longer than heads. */
static inline size_t paths(kh_prng *prng, size_t index, uint8_t *key) {
  return (size_t)snprintf((char *)key, 80, "tenant-%04u/orders/of-the-year/%02u/%zu", (unsigned)kh_prng_below(prng, 9),
                          (unsigned)kh_prng_below(prng, 12), index);
}
/* Prefixes of each other, of bytes that are signed, or look like an end. */
static inline size_t odd_bytes(kh_prng *prng, size_t index, uint8_t *key) {
  static const uint8_t bytes[] = {0, 0, 0, 1, 0x7f, 0x80, 0xff, 0xff};
  (void)index;
  size_t size = (size_t)kh_prng_below(prng, 14);
  for (size_t i = 0; i < size; i++) key[i] = bytes[kh_prng_below(prng, sizeof bytes)];
  return size;
}
/* One byte, at all lengths. */
static inline size_t repeated(kh_prng *prng, size_t index, uint8_t *key) {
  (void)prng;
  memset(key, index & 1 ? 0xff : 0, index / 2);
  return index / 2;
}
/* The longest ones that are allowed: all that tells them apart comes last. */
static inline size_t long_keys(kh_prng *prng, size_t index, uint8_t *key) {
  size_t size = 65536 - (size_t)kh_prng_below(prng, 3);
  memset(key, 'k', size);
  big_endian(index, key + size - 8);
  return size;
}

static inline int compare_items(const void *a, const void *b) { return kh_slice_compare(item_key(a), item_key(b)); }

/* `count` items at most: keys that come twice are left out. */
static inline void make_items(fixture *f, size_t count, key_shape shape, uint64_t seed) {
  kh_prng prng = {seed};
  uint8_t *key = malloc(65536);
  f->items = calloc(count, sizeof *f->items);
  f->order = calloc(count, sizeof *f->order);
  assert_true(f->items != NULL && f->order != NULL && key != NULL);
  for (size_t i = 0; i < count; i++) {
    uint32_t size = (uint32_t)shape(&prng, i, key);
    f->items[i] = (item){.size = size, .key = malloc(size + !size)};
    assert_non_null(f->items[i].key);
    memcpy(f->items[i].key, key, size);
  }
  free(key);
  qsort(f->items, count, sizeof *f->items, compare_items);
  for (size_t i = 0; i < count; i++) {
    if (f->count > 0 && compare_items(&f->items[f->count - 1], &f->items[i]) == 0) free(f->items[i].key);
    else f->items[f->count++] = f->items[i];
  }
}

typedef enum direction { UPWARDS, DOWNWARDS, AT_RANDOM } direction;

static inline void put_in_order(fixture *f, direction way, kh_prng *prng) {
  for (size_t i = 0; i < f->count; i++) f->order[i] = (uint32_t)(way == DOWNWARDS ? f->count - 1 - i : i);
  for (size_t i = f->count; way == AT_RANDOM && i > 1; i--) {
    size_t other = (size_t)kh_prng_below(prng, i);
    uint32_t swapped = f->order[i - 1];
    f->order[i - 1] = f->order[other];
    f->order[other] = swapped;
  }
}

/* ---- changes */

/* A word that no key has had; of all bits. */
static inline uint64_t new_word(fixture *f) { return ++f->words * UINT64_C(0x9e3779b97f4a7c15); }

static inline void check_find(const fixture *f, size_t i) {
  const item *it = &f->items[i];
  if (with_words) assert_true(index_find(f, item_key(it)) == (it->in ? it->word : 0));
}

/* Or gives it another word. */
static inline void add(fixture *f, size_t i) {
  uint64_t word = new_word(f);
  assert_int_equal(index_insert(f, item_key(&f->items[i]), word), KHONSU_OK);
  f->items[i].in = true;
  f->items[i].word = word;
  check_find(f, i);
}

static inline void give_another_word(fixture *f, size_t i) {
  if (!with_words || !f->items[i].in) return;
  f->items[i].word = new_word(f);
  index_replace(f, item_key(&f->items[i]), f->items[i].word);
  check_find(f, i);
}

static inline void take_out(fixture *f, size_t i) {
  index_remove(f, item_key(&f->items[i]));
  f->items[i].in = false;
  check_find(f, i);
}

/* ---- reading, against the model */

/* How many items come before the key; with `after`, before or at it. */
static inline size_t rank(const fixture *f, khonsu_slice key, bool after) {
  size_t low = 0, high = f->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = kh_slice_compare(item_key(&f->items[middle]), key);
    if (order < 0 || (order == 0 && after)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* What was read, and room for a place more: a guard. */
typedef struct reading {
  kh_buffer keys;
  kh_key_place *places;
  uint64_t *words; /* NULL: none were read */
  size_t count;
} reading;

static inline bool has_read(const reading *it, size_t index, const item *next) {
  assert_true(it->places[index].at + it->places[index].size <= it->keys.size);
  if (it->words != NULL && it->words[index] != next->word) return false;
  return kh_slice_equal(kh_slice(it->keys.data + it->places[index].at, it->places[index].size), item_key(next));
}

static inline void check_reading(const fixture *f, const reading *it, const khonsu_slice *from, bool inclusive,
                                 bool reverse, size_t room) {
  size_t at = reverse ? f->count : 0, expected = 0;
  if (from != NULL) at = rank(f, *from, inclusive == reverse);
  while (expected < room && (reverse ? at > 0 : at < f->count)) {
    const item *next = &f->items[reverse ? --at : at++];
    if (!next->in) continue;
    assert_true(expected < it->count);
    assert_true(has_read(it, expected++, next));
  }
  assert_int_equal(it->count, expected);
}

/* Of a map with words, with and without them in turns. */
static inline void check_read(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse, size_t room) {
  static unsigned turn;
  reading it = {.places = malloc((room + 1) * sizeof(kh_key_place)), .count = 42};
  if (with_words && turn++ % 4 != 0) it.words = malloc((room + 1) * sizeof(uint64_t));
  assert_true(it.places != NULL && (it.words != NULL || !with_words || turn % 4 == 1));
  it.places[room].at = 42;
  assert_int_equal(kh_buffer_append(&it.keys, "before", 6), KHONSU_OK);
  assert_int_equal(index_read(f, from, inclusive, reverse, &it.keys, it.places, it.words, room, &it.count), KHONSU_OK);
  check_reading(f, &it, from, inclusive, reverse, room);
  assert_true(it.places[room].at == 42 && memcmp(it.keys.data, "before", 6) == 0);
  kh_buffer_fini(&it.keys);
  free(it.places);
  free(it.words);
}

/* From the key of some item, from a bit before it and from a bit after it, with any of the ways to read. */
static inline void check_some_read(const fixture *f, kh_prng *prng) {
  const item *it = &f->items[kh_prng_below(prng, f->count)];
  uint64_t choice = kh_prng_next(prng);
  bool inclusive = choice & 1, reverse = choice & 2;
  uint8_t *other = malloc(it->size + 1);
  memcpy(other, it->key, it->size);
  other[it->size] = (uint8_t)(choice >> 32);
  khonsu_slice from = kh_slice(other, it->size + (choice >> 2) % 2); /* longer by a byte, or not */
  if (choice & 8 && it->size > 0) from.size = (size_t)kh_prng_below(prng, it->size + 1);
  if (choice & 16 && from.size > 0) other[from.size - 1] = (uint8_t)(choice >> 40);
  check_read(f, &from, inclusive, reverse, (size_t)kh_prng_below(prng, choice & 32 ? 300 : 4));
  free(other);
}

/* Everything, up and down; and the structure itself, which the including file knows. */
static inline void check_all(const fixture *f) {
  size_t in = 0;
  for (size_t i = 0; i < f->count; i++) {
    in += f->items[i].in;
    check_find(f, i);
  }
  assert_int_equal(f->map.count, in);
  check_structure(f);
  check_read(f, NULL, true, false, in + 1);
  check_read(f, NULL, true, true, in + 1);
}

/* ---- long runs */

static inline void check_as_it_changes(fixture *f, kh_prng *prng, size_t step) {
  for (int i = 0; i < 2; i++) check_some_read(f, prng);
  if ((step & (step - 1)) == 0) check_all(f);
  kh_epoch_collect(&f->epoch, 8);
}

/* Filled in one order and emptied in another. */
static inline void fill_and_empty(key_shape shape, size_t count, direction filling, direction emptying, uint64_t seed) {
  void *fresh;
  assert_int_equal(begin(&fresh), 0);
  fixture *f = fresh;
  kh_prng prng = {seed};
  size_t memory = f->map.memory;
  make_items(f, count, shape, seed);
  put_in_order(f, filling, &prng);
  for (size_t i = 0; i < f->count; i++) {
    add(f, f->order[i]);
    check_as_it_changes(f, &prng, i);
  }
  check_all(f);
  put_in_order(f, emptying, &prng);
  for (size_t i = 0; i < f->count; i++) {
    take_out(f, f->order[i]);
    check_as_it_changes(f, &prng, f->count - i);
  }
  check_all(f);
  assert_int_equal(f->map.memory, memory);
  end(&fresh);
}

/* Against the model, with phases in which the map fills and phases in which it empties. */
static inline void change_at_random(key_shape shape, uint64_t seed) {
  void *fresh;
  assert_int_equal(begin(&fresh), 0);
  fixture *f = fresh;
  kh_prng prng = {seed};
  make_items(f, 10000, shape, seed);
  uint64_t steps = unit_steps(40000, 20000000);
  for (uint64_t step = 0; step < steps; step++) {
    uint64_t fill_percent = step / 15000 % 2 == 0 ? 80 : 10;
    size_t i = (size_t)kh_prng_below(&prng, f->count);
    if (kh_prng_below(&prng, 100) < fill_percent) add(f, i);
    else take_out(f, i);
    give_another_word(f, (size_t)kh_prng_below(&prng, f->count));
    check_find(f, (size_t)kh_prng_below(&prng, f->count));
    check_some_read(f, &prng);
    if (step % 10000 == 0) check_all(f);
    if (step % 64 == 0) kh_epoch_collect(&f->epoch, 80);
  }
  check_all(f);
  end(&fresh);
}

#endif
