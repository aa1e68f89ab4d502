/* ordered_read: reading the ordered map; why it is right is in ordered_map.c. B: of base/epoch.h. */
#include "ordered_node.h"

enum { SHORT = KH_READ_SLACK }; /* bytes that are copied as two words, whatever the size */

_Static_assert((int)SHORT <= (int)KH_NODE_SLACK, "what follows a suffix may be loaded with it");

/* Where a read stands: a leaf, and the inner nodes above it with the child that was taken in each. */
typedef struct cursor {
  unsigned height;
  const kh_ordered_node *leaf;
  const kh_ordered_node *inner[KH_HEIGHT_MAX]; /* by level; 0 is unused */
  unsigned index[KH_HEIGHT_MAX];
} cursor;

/* Where the keys go, and their words, if they are wanted. */
typedef struct output {
  kh_buffer *keys;
  kh_key_place *places;
  uint64_t *words;
  size_t room, count;
} output;

/* Goes down from `node`: to `key`; without one, to the first leaf, or to the last if `reverse`. */
static void go_down(cursor *at, const kh_ordered_node *node, const khonsu_slice *key, bool reverse) {
  while (node->level > 0) {
    unsigned level = node->level, index = reverse ? node->count - 1U : 0;
    if (key != NULL) index = kh_inner_find(node, *key);
    at->inner[level] = node;
    at->index[level] = index;
    node = atomic_load(&kh_inner_children(node)[index]); /* B */
    kh_ordered_node_prefetch(node);
  }
  at->leaf = node;
}

/* To the leaf after this one, or the one before. False: there is none. */
static bool go_on(cursor *at, bool reverse) {
  for (unsigned level = 1; level <= at->height; level++) {
    const kh_ordered_node *inner = at->inner[level];
    if (at->index[level] == (reverse ? 0 : inner->count - 1U)) continue;
    at->index[level] += reverse ? -1U : 1U;
    go_down(at, atomic_load(&kh_inner_children(inner)[at->index[level]]), NULL, reverse); /* B */
    return true;
  }
  return false;
}

/* Has the words before a leaf fetched. */
static void prefetch_words(const kh_ordered_node *leaf) {
  enum { LINES = KH_LEAF_MAX * 8 / KH_CACHE_LINE };
  for (size_t line = 1; line <= LINES; line++) kh_prefetch((const char *)leaf - line * KH_CACHE_LINE);
}

/* Has the leaf that go_on will come to fetched, if it is of the same parent. Only its address is used. */
static void prefetch_next(const cursor *at, bool reverse) {
  if (at->height == 0) return;
  unsigned next = at->index[1] + (reverse ? -1U : 1U); /* the one before 0 is no child either */
  if (next >= at->inner[1]->count) return;
  const kh_ordered_node *leaf = kh_inner_child(at->inner[1], next);
  kh_ordered_node_prefetch(leaf);
  if (at->leaf->has_words) prefetch_words(leaf);
}

/* Copies with SHORT bytes of room at both ends, so that short keys take no call. */
static inline void copy(uint8_t *to, const char *from, size_t size) {
  if (KH_LIKELY(size <= SHORT)) memcpy(to, from, SHORT);
  else memcpy(to, from, size);
}

/* Makes room for one more key. What has been written stays. */
static khonsu_status make_room(kh_buffer *keys, size_t written, size_t size) {
  keys->size = written;
  return kh_buffer_reserve(keys, size + SHORT);
}

/* The keys of the leaf whose bits are set in `chosen`; as many as there is room for. `has_words` is given as a constant,
 * so that sets do not pay. */
static inline __attribute__((always_inline)) khonsu_status copy_entries(const kh_ordered_node *leaf, bool has_words,
                                                                        uint64_t chosen, bool reverse, output *out) {
  const uint16_t *starts = kh_leaf_starts(leaf);
  const char *suffixes = kh_leaf_suffixes(leaf);
  size_t prefix_size = leaf->prefix_size, written = out->keys->size;
  kh_key_place *place = out->places + out->count, *end = out->places + out->room;
  khonsu_status status = KHONSU_OK;
  while (chosen != 0 && place < end) {
    unsigned index = (unsigned)(reverse ? 63 - __builtin_clzll(chosen) : __builtin_ctzll(chosen));
    chosen ^= UINT64_C(1) << index;
    if (has_words) {
      uint64_t word = atomic_load(kh_leaf_word(leaf, index)); /* B; W of ordered_map.c */
      if (word == 0) continue;
      if (out->words != NULL) out->words[place - out->places] = word;
    }
    size_t start = starts[index], suffix_size = starts[index + 1] - start, size = prefix_size + suffix_size;
    if (KH_UNLIKELY(out->keys->capacity - written < size + SHORT)) {
      status = make_room(out->keys, written, size);
      if (status != KHONSU_OK) break;
    }
    uint8_t *to = out->keys->data + written;
    copy(to, leaf->prefix, prefix_size);
    copy(to + prefix_size, suffixes + start, suffix_size);
    *place++ = (kh_key_place){written, size};
    written += size;
  }
  out->keys->size = written;
  out->count = (size_t)(place - out->places);
  return status;
}

static khonsu_status copy_keys(const kh_ordered_node *leaf, uint64_t chosen, bool reverse, output *out) {
  return leaf->has_words ? copy_entries(leaf, true, chosen, reverse, out)
                         : copy_entries(leaf, false, chosen, reverse, out);
}

/* The entries from which to read in the first leaf. */
static uint64_t chosen_in(const kh_ordered_node *leaf, const khonsu_slice *from, bool inclusive, bool reverse) {
  if (from == NULL) return UINT64_MAX;
  unsigned position;
  (void)kh_leaf_seek(leaf, *from, inclusive == reverse, &position);
  return reverse ? kh_leaf_first(position) : ~kh_leaf_first(position);
}

khonsu_status kh_ordered_map_read_words(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive,
                                        bool reverse, kh_buffer *keys, kh_key_place *places, uint64_t *words,
                                        size_t room, size_t *count) {
  const kh_ordered_node *root = atomic_load(&map->root); /* B */
  cursor at = {.height = root->level};
  output out = {keys, places, words, room, 0};
  go_down(&at, root, from, reverse);
  if (words != NULL) prefetch_words(at.leaf);
  uint64_t chosen = chosen_in(at.leaf, from, inclusive, reverse);
  khonsu_status status = KHONSU_OK;
  for (;;) {
    uint64_t live = atomic_load(&at.leaf->live) & chosen; /* with the writer's changes of bits, in ordered_map.c */
    if (room - out.count > (unsigned)__builtin_popcountll(live)) prefetch_next(&at, reverse);
    status = copy_keys(at.leaf, live, reverse, &out);
    if (status != KHONSU_OK || out.count == room || !go_on(&at, reverse)) break;
    chosen = UINT64_MAX;
  }
  *count = out.count;
  return status;
}

khonsu_status kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive, bool reverse,
                                  kh_buffer *keys, kh_key_place *places, size_t room, size_t *count) {
  return kh_ordered_map_read_words(map, from, inclusive, reverse, keys, places, NULL, room, count);
}

uint64_t kh_ordered_map_find(const kh_ordered_map *map, khonsu_slice key) {
  const kh_ordered_node *node = atomic_load(&map->root); /* B */
  while (node->level > 0) {
    node = atomic_load(&kh_inner_children(node)[kh_inner_find(node, key)]); /* B */
    kh_ordered_node_prefetch(node);
  }
  unsigned index;
  if (!kh_leaf_seek(node, key, false, &index)) return 0;
  return atomic_load(kh_leaf_word(node, index)); /* B; W of ordered_map.c */
}
