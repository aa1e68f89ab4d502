/* ordered_map: a B+-tree with one writer and wait-free readers.
 *
 *                        [ child  "b3"  child  "f"  child ]               inner nodes, up to 128 children
 *                       /           |              \
 *      [a0 a1 a7 b2]        [b3 b4  0  c9 e1]         [f0 ff]             leaves, up to 64 words with their heads
 *
 * Leaves hold words, and of each key a head of 4 bytes (ordered_node.h), so that seeking seldom looks at a key. They are
 * never changed but for one thing: taking a word out stores 0 in its place, which cannot fail. Whatever else changes is
 * copied, and the copy put in place by one store into the link that leads to it, from the node above or from the map:
 *   insert  a leaf with one word more, without what is 0, in the place of the old one.
 *   split   two nodes in the place of one, and so a copy of the node above with a child and a separator more in the
 *           place of that; it has room, or is split first. (For the root: a new node above.)
 *   join    the reverse.
 *   compact a leaf without what is 0.
 * As leaves are copied anyway, they are never larger than what is in them.
 *
 * What a node promises. R: all keys below the child at a place lie between the separators beside that place, in the node
 * and in those above it. Separators of a node never change, and what replaces a child covers the same range.
 *
 * What is so replaced is never changed again, except that words in leaves it leads to may become 0, as long as those
 * leaves are in the tree: it keeps the links of the moment of its replacement.
 *
 * Why reads are right (guarantee 2 of index.h; "during" and "before" mean C11's happens-before). A read walks from leaf
 * to leaf by the inner nodes it came through, and never asks the map for a newer root. By R, and as separators are in
 * order, the leaves it comes to cover successive ranges without gaps; within a leaf entries are in order: so what is
 * returned is strictly in order, and each key has one leaf of those in which it would be. If a leaf is in the tree when
 * its words are loaded, they are what is in the map. If not, an inner node it was come to through, or itself, was
 * replaced after the read had begun (had that happened before, the loads of links would have seen it), so that the leaf
 * is that of a moment during the read. A key present during the whole read is in it, one absent during the whole of it
 * is not: what was 0 before the read began is 0.
 *
 * Why reads end: a root leads to so many nodes, each with so many children, all of a lower level, and a read comes to
 * each place once. What the writer puts in the place of a node is of the same level.
 *
 * Why nobody looks at freed memory (base/epoch.h: A announce, B load of a link, C unlinking store, D the writer's load
 * of announcements). Links are the root, the children and the words; their loads (B) and the stores that replace them
 * (C) are sequentially consistent. A replaced node goes on leading to nodes and words that are retired long after it.
 * Who looks at it got to it (B) before it was replaced (C), so announced itself (A) before the writer, later still,
 * looked (D): what it leads to waits as well. */
#include "ordered_path.h"

khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_ordered_source source, kh_epoch *epoch) {
  *map = (kh_ordered_map){.source = source, .epoch = epoch};
  kh_leaf *leaf = kh_leaf_new(0, 0);
  if (leaf == NULL) return KHONSU_NO_MEMORY;
  atomic_store(&map->root, &leaf->node);
  kh_ordered_map_own(map, &leaf->node);
  return KHONSU_OK;
}

static void free_tree(kh_ordered_node *node) { /* as deep as the tree is high */
  for (unsigned index = 0; node->level > 0 && index < node->count; index++) {
    free_tree(kh_inner_child(kh_as_inner(node), index));
  }
  kh_free(node);
}

void kh_ordered_map_fini(kh_ordered_map *map) {
  kh_ordered_node *root = atomic_load_explicit(&map->root, memory_order_relaxed);
  if (root == NULL) return;
  free_tree(root);
  atomic_store(&map->root, NULL);
  map->count = map->memory = 0;
}

/* Puts the word before the entry `position` of the leaf, which has room. */
static khonsu_status insert_into(kh_ordered_map *map, const kh_ordered_path *path, unsigned position, khonsu_slice key,
                                 uint64_t word) {
  const kh_leaf *old = kh_ordered_path_leaf(path);
  kh_leaf *leaf = kh_leaf_new(old->node.live + 1U, old->node.skip);
  if (leaf == NULL) return KHONSU_NO_MEMORY;
  kh_leaf_append_from(leaf, old, 0, position, map->source);
  kh_leaf_append(leaf, kh_leaf_head_of(key, leaf->node.skip), word);
  kh_leaf_append_from(leaf, old, position, old->node.count, map->source);
  kh_ordered_map_own(map, &leaf->node);
  kh_ordered_map_link(map, path, 0, &leaf->node);
  kh_ordered_map_retire(map, path->at[0].node);
  map->count++;
  return KHONSU_OK;
}

khonsu_status kh_ordered_map_insert(kh_ordered_map *map, uint64_t word) {
  KH_ASSERT(word != 0 && word < KH_WORD_LIMIT);
  khonsu_slice key = map->source.key(map->source.ctx, word);
  for (;;) { /* ends: each split makes room one level further down */
    kh_ordered_path path;
    kh_ordered_path_to(map, key, &path);
    const kh_leaf *leaf = kh_ordered_path_leaf(&path);
    uint64_t equal = 0;
    unsigned position = kh_leaf_seek(leaf, key, false, map->source, &equal);
    if (equal != 0) return KHONSU_OK;
    if (leaf->node.live < KH_LEAF_MAX) return insert_into(map, &path, position, key, word);
    khonsu_status status = kh_ordered_map_split(map, &path, key, position);
    if (status != KHONSU_OK) return status;
  }
}

void kh_ordered_map_remove(kh_ordered_map *map, uint64_t word) {
  khonsu_slice key = map->source.key(map->source.ctx, word);
  kh_ordered_path path;
  kh_ordered_path_to(map, key, &path);
  const kh_leaf *leaf = kh_ordered_path_leaf(&path);
  uint64_t equal = 0;
  unsigned index = kh_leaf_seek(leaf, key, false, map->source, &equal);
  if (equal != word) return;
  while (kh_leaf_word(leaf, index) == 0) index++;
  KH_ASSERT(kh_leaf_word(leaf, index) == word);
  atomic_store(&kh_leaf_words(leaf)[index], 0); /* C, with B of ordered_read.c */
  path.at[0].node->live--;
  map->count--;
  kh_ordered_map_tidy(map, &path, key);
}
