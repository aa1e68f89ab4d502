/* ordered_read: reading the ordered map; why it is right is in ordered_map.c. B: of base/epoch.h. */
#include "ordered_node.h"

/* Where a read stands: a leaf, and the inner nodes above it with the child that was taken in each. */
typedef struct cursor {
  unsigned height;
  const kh_leaf *leaf;
  const kh_inner *inner[KH_HEIGHT_MAX]; /* by level; 0 is unused */
  unsigned index[KH_HEIGHT_MAX];
} cursor;

/* Goes down from `node`: to `key`; without one, to the first leaf, or to the last if `reverse`. */
static void go_down(cursor *at, kh_ordered_node *node, const khonsu_slice *key, bool reverse) {
  while (node->level > 0) {
    unsigned level = node->level, index = reverse ? node->count - 1U : 0;
    const kh_inner *inner = kh_as_inner(node);
    if (key != NULL) index = kh_inner_find(inner, *key);
    at->inner[level] = inner;
    at->index[level] = index;
    node = atomic_load(&kh_inner_children(inner)[index]); /* B */
    kh_ordered_node_prefetch(node);
  }
  at->leaf = kh_as_leaf(node);
}

/* To the leaf after this one, or the one before. False: there is none. */
static bool go_on(cursor *at, bool reverse) {
  for (unsigned level = 1; level <= at->height; level++) {
    const kh_inner *inner = at->inner[level];
    if (at->index[level] == (reverse ? 0 : inner->node.count - 1U)) continue;
    at->index[level] += reverse ? -1U : 1U;
    go_down(at, atomic_load(&kh_inner_children(inner)[at->index[level]]), NULL, reverse); /* B */
    return true;
  }
  return false;
}

/* Has the leaf that go_on will come to fetched, if it is of the same parent. Only its address is used. */
static void prefetch_next(const cursor *at, bool reverse) {
  if (at->height == 0) return;
  unsigned next = at->index[1] + (reverse ? -1U : 1U); /* the one before 0 is no child either */
  if (next < at->inner[1]->node.count) kh_ordered_node_prefetch(kh_inner_child(at->inner[1], next));
}

static size_t copy_up(const kh_leaf *leaf, unsigned first, uint64_t *words, size_t room) {
  const _Atomic uint64_t *from = kh_leaf_words(leaf);
  size_t count = 0;
  for (unsigned index = first; index < leaf->node.count && count < room; index++) {
    words[count] = atomic_load(&from[index]); /* B */
    count += words[count] != 0;
  }
  return count;
}

static size_t copy_down(const kh_leaf *leaf, unsigned end, uint64_t *words, size_t room) {
  const _Atomic uint64_t *from = kh_leaf_words(leaf);
  size_t count = 0;
  while (end > 0 && count < room) {
    words[count] = atomic_load(&from[--end]); /* B */
    count += words[count] != 0;
  }
  return count;
}

/* The entry to read from in the first leaf; when reverse, the one after that. */
static unsigned start_in(const kh_ordered_map *map, const kh_leaf *leaf, const khonsu_slice *from, bool inclusive,
                         bool reverse) {
  if (from == NULL) return reverse ? leaf->node.count : 0;
  uint64_t equal;
  return kh_leaf_seek(leaf, *from, inclusive == reverse, map->source, &equal);
}

size_t kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive, bool reverse,
                           uint64_t *words, size_t room) {
  kh_ordered_node *root = atomic_load(&map->root); /* B */
  cursor at = {.height = root->level};
  go_down(&at, root, from, reverse);
  unsigned index = start_in(map, at.leaf, from, inclusive, reverse);
  size_t count = 0;
  for (;;) {
    unsigned ahead = reverse ? index : at.leaf->node.count - index;
    if (room - count > ahead) prefetch_next(&at, reverse);
    if (reverse) count += copy_down(at.leaf, index, words + count, room - count);
    else count += copy_up(at.leaf, index, words + count, room - count);
    if (count == room || !go_on(&at, reverse)) return count;
    index = reverse ? at.leaf->node.count : 0;
  }
}
