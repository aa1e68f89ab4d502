/* ordered_read: reading the ordered map; the argument is in ordered_map.c. */
#include "ordered_node.h"

/* Where a read stands: a leaf, and the inner nodes above it with the child that was taken in each. */
typedef struct cursor {
  const kh_leaf *leaf;
  unsigned height;
  const kh_inner *inner[KH_HEIGHT_MAX]; /* [level]; 0 is unused */
  unsigned index[KH_HEIGHT_MAX];
} cursor;

static kh_ordered_node *child_at(const kh_inner *inner, unsigned index) {
  return atomic_load(&kh_inner_children(inner)[index]); /* B */
}

/* Goes down from a node: to `key`, or without one to the first leaf, to the last if `reverse`. */
static void go_down(cursor *at, kh_ordered_node *node, const khonsu_slice *key, bool reverse) {
  while (node->level > 0) {
    const kh_inner *inner = kh_as_inner(node);
    unsigned index = reverse ? node->count - 1U : 0;
    if (key != NULL) index = kh_inner_find(inner, *key);
    at->inner[node->level] = inner;
    at->index[node->level] = index;
    node = child_at(inner, index);
    if (node->level == 0) break;
  }
  at->leaf = (const kh_leaf *)node;
}

/* To the next leaf, or the one before. False: there is none. */
static bool go_on(cursor *at, bool reverse) {
  for (unsigned level = 1; level <= at->height; level++) {
    const kh_inner *inner = at->inner[level];
    if (at->index[level] == (reverse ? 0 : inner->node.count - 1U)) continue;
    at->index[level] += reverse ? -1U : 1U;
    go_down(at, child_at(inner, at->index[level]), NULL, reverse);
    return true;
  }
  return false;
}

/* Has the leaf after this one fetched, if it has the same parent. Only the address is used. */
static void prefetch_next(const cursor *at, bool reverse) {
  if (at->height == 0) return;
  unsigned next = at->index[1] + (reverse ? -1U : 1U);
  if (next >= at->inner[1]->node.count) return;
  kh_ordered_node_prefetch(atomic_load_explicit(&kh_inner_children(at->inner[1])[next], memory_order_relaxed));
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

size_t kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive, bool reverse,
                           uint64_t *words, size_t room) {
  cursor at;
  kh_ordered_node *root = atomic_load(&map->root); /* B */
  at.height = root->level;
  go_down(&at, root, from, reverse);
  uint64_t equal;
  unsigned index = reverse ? at.leaf->node.count : 0;
  if (from != NULL) index = kh_leaf_seek(at.leaf, *from, inclusive == reverse, map->source, &equal);
  size_t count = 0;
  do {
    unsigned ahead = reverse ? index : at.leaf->node.count - index;
    if (room - count > ahead) prefetch_next(&at, reverse);
    if (reverse) count += copy_down(at.leaf, index, words + count, room - count);
    else count += copy_up(at.leaf, index, words + count, room - count);
    if (count == room || !go_on(&at, reverse)) return count;
    index = reverse ? at.leaf->node.count : 0;
  } while (true);
}
