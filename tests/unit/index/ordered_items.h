/* What tests of the ordered map share: items to be put into it, of several shapes of keys, a model, and a look at the
 * structure itself. The including file has included the map's headers. */
#ifndef TEST_ORDERED_ITEMS_H
#define TEST_ORDERED_ITEMS_H

#include <stdio.h>

#include "unit.h"

static bool with_words; /* which kind of map the tests run with */

typedef struct item {
  uint32_t size;
  bool in; /* the model: this, and the word */
  uint8_t *key;
  uint64_t word;
} item;

typedef struct fixture {
  kh_epoch epoch;
  kh_ordered_map map;
  item *items; /* in the order of their keys, each key once */
  size_t count;
  uint32_t *order; /* room for a permutation */
  uint64_t words;  /* how many have been given out */
} fixture;

static inline khonsu_slice item_key(const item *it) { return kh_slice(it->key, it->size); }
static inline int begin(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  kh_epoch_init(&f->epoch);
  f->items = NULL;
  f->order = NULL;
  f->count = 0;
  f->words = 0;
  *state = f;
  return (with_words ? kh_ordered_map_init_words : kh_ordered_map_init)(&f->map, &f->epoch) != KHONSU_OK;
}

static inline int end(void **state) {
  fixture *f = *state;
  kh_ordered_map_fini(&f->map);
  kh_epoch_fini(&f->epoch);
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

static inline khonsu_status insert_item(fixture *f, size_t i, uint64_t word) {
  if (with_words) return kh_ordered_map_insert_word(&f->map, item_key(&f->items[i]), word);
  return kh_ordered_map_insert(&f->map, item_key(&f->items[i]));
}

static inline void check_find(const fixture *f, size_t i) {
  const item *it = &f->items[i];
  if (with_words) assert_true(kh_ordered_map_find(&f->map, item_key(it)) == (it->in ? it->word : 0));
}

/* Or gives it another word. */
static inline void add(fixture *f, size_t i) {
  uint64_t word = new_word(f);
  assert_int_equal(insert_item(f, i, word), KHONSU_OK);
  f->items[i].in = true;
  f->items[i].word = word;
  check_find(f, i);
}

static inline void give_another_word(fixture *f, size_t i) {
  if (!with_words || !f->items[i].in) return;
  f->items[i].word = new_word(f);
  kh_ordered_map_replace_word(&f->map, item_key(&f->items[i]), f->items[i].word);
  check_find(f, i);
}

static inline void take_out(fixture *f, size_t i) {
  kh_ordered_map_remove(&f->map, item_key(&f->items[i]));
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

static inline khonsu_status read_into(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse,
                                      size_t room, reading *it) {
  if (it->words == NULL) {
    return kh_ordered_map_read(&f->map, from, inclusive, reverse, &it->keys, it->places, room, &it->count);
  }
  return kh_ordered_map_read_words(&f->map, from, inclusive, reverse, &it->keys, it->places, it->words, room,
                                   &it->count);
}

/* Of a map with words, with and without them in turns. */
static inline void check_read(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse, size_t room) {
  static unsigned turn;
  reading it = {.places = malloc((room + 1) * sizeof(kh_key_place)), .count = 42};
  if (with_words && turn++ % 4 != 0) it.words = malloc((room + 1) * sizeof(uint64_t));
  assert_true(it.places != NULL && (it.words != NULL || !with_words || turn % 4 == 1));
  it.places[room].at = 42;
  assert_int_equal(kh_buffer_append(&it.keys, "before", 6), KHONSU_OK);
  assert_int_equal(read_into(f, from, inclusive, reverse, room, &it), KHONSU_OK);
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

/* ---- the structure itself */

typedef struct seen {
  size_t keys, memory, nodes;
} seen;

/* In one piece; the caller's to free. */
static inline khonsu_slice whole_of(kh_key_pieces pieces) {
  char *bytes = malloc(kh_pieces_size(pieces) + 1);
  assert_non_null(bytes);
  kh_pieces_write(bytes, pieces, 0);
  return kh_slice(bytes, kh_pieces_size(pieces));
}

static inline bool is_between(khonsu_slice low, khonsu_slice key, khonsu_slice high) {
  if (low.size > 0 && kh_slice_compare(key, low) < 0) return false;
  return high.size == 0 || kh_slice_compare(key, high) < 0;
}

static inline void check_leaf(const fixture *f, const kh_ordered_node *leaf, khonsu_slice low, khonsu_slice high,
                              seen *all) {
  khonsu_slice last = kh_slice(NULL, 0);
  for (unsigned i = 0; i < leaf->count; i++) {
    khonsu_slice key = whole_of(kh_leaf_key(leaf, i));
    assert_true(is_between(low, key, high));
    assert_true(i == 0 || kh_slice_compare(last, key) < 0);
    size_t at = rank(f, key, false);
    assert_true(at < f->count && kh_slice_equal(item_key(&f->items[at]), key));
    assert_int_equal(f->items[at].in, kh_leaf_live(leaf) >> i & 1);
    if (with_words) assert_true(kh_leaf_peek_word(leaf, i) == (f->items[at].in ? f->items[at].word : 0));
    free((void *)(uintptr_t)last.data);
    last = key;
  }
  free((void *)(uintptr_t)last.data);
  assert_true((kh_leaf_live(leaf) & ~kh_leaf_first(leaf->count)) == 0);
  assert_int_equal(leaf->has_words, with_words);
  assert_true(leaf->count <= KH_LEAF_MAX && kh_leaf_bytes(leaf) <= KH_LEAF_BYTES);
  all->keys += kh_leaf_live_count(leaf);
}

static inline void check_node(const fixture *f, kh_ordered_node *node, khonsu_slice low, khonsu_slice high, seen *all);

static inline void check_inner(const fixture *f, kh_ordered_node *inner, khonsu_slice low, khonsu_slice high,
                               seen *all) {
  assert_true(inner->count >= 1 && inner->count <= KH_INNER_MAX);
  khonsu_slice from = low;
  for (unsigned i = 0; i < inner->count; i++) {
    bool is_last = i == inner->count - 1U;
    khonsu_slice to = is_last ? high : whole_of(kh_inner_separator(inner, i));
    assert_true(from.size == 0 || to.size == 0 || kh_slice_compare(from, to) < 0);
    if (!is_last) assert_true(kh_inner_heads(inner)[i] == kh_key_head(kh_key_rest(to, inner->prefix_size)));
    assert_int_equal(kh_inner_child(inner, i)->level, inner->level - 1);
    check_node(f, kh_inner_child(inner, i), from, to, all);
    if (i > 0) free((void *)(uintptr_t)from.data);
    from = to;
  }
}

static inline void check_node(const fixture *f, kh_ordered_node *node, khonsu_slice low, khonsu_slice high, seen *all) {
  all->nodes++;
  all->memory += kh_ordered_node_memory(node);
  if (node->level == 0) check_leaf(f, node, low, high, all);
  else check_inner(f, node, low, high, all);
}

static inline seen check_structure(const fixture *f) {
  seen all = {0, 0, 0};
  kh_ordered_node *root = atomic_load(&f->map.root);
  if (root->level > 0) assert_true(root->count > 1);
  check_node(f, root, kh_slice(NULL, 0), kh_slice(NULL, 0), &all);
  assert_int_equal(all.keys, f->map.count);
  assert_int_equal(all.memory, kh_ordered_map_memory(&f->map));
  return all;
}

static inline void check_all(const fixture *f) {
  size_t in = 0;
  for (size_t i = 0; i < f->count; i++) in += f->items[i].in;
  assert_int_equal(f->map.count, in);
  check_structure(f);
  check_read(f, NULL, true, false, in + 1);
  check_read(f, NULL, true, true, in + 1);
}

#endif
