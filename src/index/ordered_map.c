/* ordered_map: a B+-tree with one writer and wait-free readers.
 *
 *                        [ child  "b3"  child  "f"  child ]               inner nodes, up to 128 children
 *                       /           |              \
 *      [a0 a1 a7 b2]        [b3 b4 c2' c9 e1]       [f: 0 f]              leaves, up to 64 keys
 *
 * Leaves hold the keys themselves (packed, see ordered_node.h), so that a reader looks at nothing outside the tree, and
 * a word of bits that says which of them are there. Leaves are never changed but for these bits: a key is taken out by
 * clearing its bit (c2'), which cannot fail, and one that comes again while it still has an entry gets its bit back.
 * In a map with words each key has a word beside, which is changed where it stands; W says how it goes with the bits.
 * Whatever else changes is copied, and the copy put in place by one store into the link that leads to it, from the node
 * above or from the map:
 *   insert  a leaf with one key more in the place of the old one.
 *   split   two nodes in the place of one, and so a copy of the node above with a child and a separator more in the
 *           place of that; it has room, or is split first. (For the root: a new node above.)
 *   join    the reverse.
 *   compact a leaf without the keys that are gone.
 * As leaves are copied anyway, they are never larger than what is in them. What a copy takes is bounded: a leaf has as
 * many bytes as KH_LEAF_BYTES besides what all its keys begin with, a key of its own if that is longer; separators are
 * as short as keys allow, and nodes with many long ones split early.
 *
 * What a node promises. R: all keys below the child at a place lie between the separators beside that place, in the node
 * and in those above it. Separators of a node never change, and what replaces a child covers the same range.
 *
 * What the words of a leaf promise. W: where they are, a key is there if its word is not 0, and then it has its bit, too.
 * A key that comes again gets its bit before its word, and one that goes loses its word before its bit. So a find asks
 * the word alone, and a read, which begins with the bits, leaves out those whose word it finds to be 0: both by the one
 * load of that word.
 *
 * What is so replaced is never changed again, bits and words of leaves included, except that a replaced inner node leads
 * to nodes that may still be in the tree, and change there: it keeps the links of the moment of its replacement.
 *
 * Why reads are right (guarantee 2 of index.h; "during" and "before" mean C11's happens-before). A read walks from leaf
 * to leaf by the inner nodes it came through, and never asks the map for a newer root. By R, and as separators are in
 * order, the leaves it comes to cover successive ranges without gaps; within a leaf entries are in order: so what is
 * returned is strictly in order, and each key has one leaf of those in which it would be. The bits of a leaf are loaded
 * once. If the leaf is in the tree then, they are what is in the map. If not, an inner node it was come to through, or
 * itself, was replaced after the read had begun (had that happened before, the loads of links would have seen it), and
 * what it holds is what the map held in its range when it was replaced: at a moment during the read. So a key present
 * during the whole read is in it, one absent during the whole of it is not.
 *
 * A find is a read of one key. The word that it returns was the key's at the moment of its load, or, in a leaf that had
 * been replaced, at the moment of that.
 *
 * Bits, words and links are loaded and changed in sequentially consistent order, so a read sees all changes that came
 * before it in that order, and who knows of a change from elsewhere, such as another index, does not miss it here.
 *
 * Why reads end: a root leads to so many nodes, each with so many children, all of a lower level, and a read comes to
 * each place once. What the writer puts in the place of a node is of the same level.
 *
 * Why nobody looks at freed memory (base/epoch.h: A announce, B load of a link, C unlinking store, D the writer's load
 * of announcements). Links are the root, the children and the words; their loads (B) and the stores that replace them
 * (C) are sequentially consistent. A replaced node goes on leading to nodes, and to what is behind words, that are
 * retired long after it. Who looks at it got to it (B) before it was replaced (C), so announced itself (A) before the
 * writer, later still, looked (D): what it leads to waits as well. */
#include "ordered_path.h"

static khonsu_status make(kh_ordered_map *map, kh_epoch *epoch, bool has_words) {
  *map = (kh_ordered_map){.epoch = epoch};
  kh_leaf_parts none;
  kh_leaf_parts_init(&none, has_words);
  kh_ordered_node *leaf = kh_leaf_new(&none, 0, 0);
  if (leaf == NULL) return KHONSU_NO_MEMORY;
  atomic_store(&map->root, leaf);
  kh_ordered_map_own(map, leaf);
  return KHONSU_OK;
}

khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_epoch *epoch) { return make(map, epoch, false); }
khonsu_status kh_ordered_map_init_words(kh_ordered_map *map, kh_epoch *epoch) { return make(map, epoch, true); }

static void free_tree(kh_ordered_node *node) { /* as deep as the tree is high */
  for (unsigned index = 0; node->level > 0 && index < node->count; index++) free_tree(kh_inner_child(node, index));
  kh_ordered_node_free(node);
}

void kh_ordered_map_fini(kh_ordered_map *map) {
  kh_ordered_node *root = atomic_load_explicit(&map->root, memory_order_relaxed);
  if (root == NULL) return;
  free_tree(root);
  atomic_store(&map->root, NULL);
  map->count = map->memory = 0;
}

/* Gives the entry its bit, or takes it. */
static void set_live(kh_ordered_map *map, kh_ordered_node *leaf, unsigned index, bool live) {
  uint64_t bit = UINT64_C(1) << index, others = kh_leaf_live(leaf) & ~bit;
  atomic_store(&leaf->live, live ? others | bit : others); /* with the load of ordered_read.c */
  map->count += live ? 1 : UINT64_MAX;
}

static bool is_live(const kh_ordered_node *leaf, unsigned index) { return kh_leaf_live(leaf) >> index & 1; }

static void set_word(kh_ordered_node *leaf, unsigned index, uint64_t word) {
  if (leaf->has_words) atomic_store(kh_leaf_word(leaf, index), word); /* C, with B of ordered_read.c */
}

/* With the word 0 in a map without. */
static khonsu_status insert(kh_ordered_map *map, khonsu_slice key, uint64_t word) {
  KH_ASSERT(key.size <= KH_KEY_MAX);
  for (;;) { /* ends: each split makes room one level further down, or halves the leaf */
    kh_ordered_path path;
    kh_ordered_path_to(map, key, &path);
    kh_ordered_node *leaf = path.at[0].node, *made;
    unsigned position;
    KH_ASSERT(leaf->has_words == (word != 0));
    if (kh_leaf_seek(leaf, key, false, &position)) {
      if (!is_live(leaf, position)) set_live(map, leaf, position, true);
      set_word(leaf, position, word);
      return KHONSU_OK;
    }
    if (kh_leaf_with(leaf, position, key, word, &made)) {
      if (made == NULL) return KHONSU_NO_MEMORY;
      kh_ordered_map_replace(map, &path, 0, made);
      map->count++;
      return KHONSU_OK;
    }
    khonsu_status status = kh_ordered_map_split(map, &path, key, position);
    if (status != KHONSU_OK) return status;
  }
}

khonsu_status kh_ordered_map_insert(kh_ordered_map *map, khonsu_slice key) { return insert(map, key, 0); }

khonsu_status kh_ordered_map_insert_word(kh_ordered_map *map, khonsu_slice key, uint64_t word) {
  KH_ASSERT(word != 0);
  return insert(map, key, word);
}

void kh_ordered_map_replace_word(kh_ordered_map *map, khonsu_slice key, uint64_t word) {
  KH_ASSERT(word != 0);
  kh_ordered_path path;
  kh_ordered_path_to(map, key, &path);
  unsigned index;
  bool found = kh_leaf_seek(path.at[0].node, key, false, &index);
  KH_ASSERT(found && is_live(path.at[0].node, index));
  set_word(path.at[0].node, index, word);
}

void kh_ordered_map_remove(kh_ordered_map *map, khonsu_slice key) {
  kh_ordered_path path;
  kh_ordered_path_to(map, key, &path);
  kh_ordered_node *leaf = path.at[0].node;
  unsigned index;
  if (!kh_leaf_seek(leaf, key, false, &index) || !is_live(leaf, index)) return;
  set_word(leaf, index, 0);
  set_live(map, leaf, index, false);
  kh_ordered_map_tidy(map, &path, key);
}
