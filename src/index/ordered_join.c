/* ordered_join: what the ordered map does with nodes that have become small. Nothing here need succeed. */
#include "ordered_path.h"

enum { LEAF_FEW = KH_LEAF_MAX / 4, LEAF_FEW_BYTES = KH_LEAF_BYTES / 4, INNER_FEW = KH_INNER_MAX / 4 };

static unsigned weight(const kh_ordered_node *node) {
  return node->level == 0 ? kh_leaf_live_count(node) : node->count;
}

/* Of suffixes of keys that are gone. */
static size_t dead_bytes(const kh_ordered_node *leaf) {
  size_t bytes = 0;
  uint64_t dead = ~kh_leaf_live(leaf) & kh_leaf_first(leaf->count);
  for (; dead != 0; dead &= dead - 1) bytes += kh_leaf_suffix(leaf, (unsigned)__builtin_ctzll(dead)).size;
  return bytes;
}

/* Half of it is gone. */
static bool is_hollow(const kh_ordered_node *leaf) {
  return kh_leaf_live_count(leaf) <= leaf->count / 2U || dead_bytes(leaf) > kh_leaf_bytes(leaf) / 2;
}

static bool is_small(const kh_ordered_node *node) {
  if (node->level > 0) return node->count <= INNER_FEW;
  return weight(node) <= LEAF_FEW && kh_leaf_bytes(node) - dead_bytes(node) <= LEAF_FEW_BYTES;
}

/* What is joined should not soon be split again, except that nodes with next to nothing in them must go. */
static bool is_bare(const kh_ordered_node *left, const kh_ordered_node *right) {
  return weight(left) <= 1 || weight(right) <= 1;
}
static size_t joined_most(size_t room, bool bare) { return bare ? room : room / 4 * 3; }

static bool join_leaves(const kh_ordered_node *left, const kh_ordered_node *right, kh_ordered_node **node) {
  bool bare = is_bare(left, right);
  kh_leaf_parts parts;
  kh_leaf_parts_init(&parts, left->has_words);
  kh_leaf_parts_add_from(&parts, left, 0, left->count);
  kh_leaf_parts_add_from(&parts, right, 0, right->count);
  if (kh_leaf_parts_bytes(&parts) > joined_most(KH_LEAF_BYTES, bare)) return false;
  *node = kh_leaf_new(&parts, 0, parts.count);
  return true;
}

static bool join_inner(const kh_ordered_node *left, kh_key_pieces separator, const kh_ordered_node *right,
                       kh_ordered_node **node) {
  bool bare = is_bare(left, right);
  kh_inner_parts parts;
  parts.count = 0;
  kh_inner_parts_add_all(&parts, kh_key_whole(kh_slice(NULL, 0)), left);
  kh_inner_parts_add_all(&parts, separator, right);
  bool few = parts.count < joined_most(KH_INNER_LEAST, false);
  if (!few && kh_inner_parts_bytes(&parts) > joined_most(KH_INNER_BYTES, bare)) return false;
  *node = kh_inner_new(&parts, 0, parts.count, left->level);
  return true;
}

/* One node of the two children of `parent` at `index` and after it. NULL: they are too full, or no memory. */
static kh_ordered_node *joined(const kh_ordered_node *parent, unsigned index) {
  const kh_ordered_node *left = kh_inner_child(parent, index), *right = kh_inner_child(parent, index + 1);
  size_t room = left->level == 0 ? KH_LEAF_MAX : KH_INNER_MAX;
  if (weight(left) + weight(right) > joined_most(room, is_bare(left, right))) return NULL;
  kh_ordered_node *node = NULL;
  bool fits = left->level == 0 ? join_leaves(left, right, &node)
                               : join_inner(left, kh_inner_separator(parent, index), right, &node);
  return fits ? node : NULL;
}

/* A copy of the parent in which `node` is in the place of two children. NULL: out of memory. */
static kh_ordered_node *parent_with(kh_ordered_node *node, const kh_ordered_node *parent, unsigned index) {
  kh_inner_parts parts;
  parts.count = 0;
  kh_inner_parts_add_all(&parts, kh_key_whole(kh_slice(NULL, 0)), parent);
  parts.children[index] = node;
  kh_inner_parts_remove(&parts, index + 1);
  return kh_inner_new(&parts, 0, parts.count, parent->level);
}

/* Joins the children at `index` and after it of the inner node at `level`. A root that is left with one child gives way
 * to it. False: they are too full, or no memory. */
static bool join(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, unsigned index) {
  kh_ordered_node *parent = path->at[level].node;
  kh_ordered_node *left = kh_inner_child(parent, index), *right = kh_inner_child(parent, index + 1);
  kh_ordered_node *node = joined(parent, index), *top = node;
  if (node == NULL) return false;
  if (level < path->height || parent->count > 2) {
    top = parent_with(node, parent, index);
    if (top == NULL) {
      kh_ordered_node_free(node);
      return false;
    }
    kh_ordered_map_own(map, top);
  }
  kh_ordered_map_own(map, node);
  kh_ordered_map_link(map, path, level, top);
  kh_ordered_map_retire(map, parent);
  kh_ordered_map_retire(map, left);
  kh_ordered_map_retire(map, right);
  return true;
}

/* Joins a small node on the way to `key` with a neighbour of the same parent; the lowest that can be. False: none. */
static bool join_on_path(kh_ordered_map *map, khonsu_slice key) {
  kh_ordered_path path;
  kh_ordered_path_to(map, key, &path);
  for (unsigned level = 1; level <= path.height; level++) {
    const kh_ordered_step *parent = &path.at[level];
    if (!is_small(path.at[level - 1].node)) continue;
    if (parent->index + 1U < parent->node->count && join(map, &path, level, parent->index)) return true;
    if (parent->index > 0 && join(map, &path, level, parent->index - 1)) return true;
  }
  return false;
}

/* Replaces the leaf by one of the keys that are there. */
static void compact(kh_ordered_map *map, const kh_ordered_path *path) {
  const kh_ordered_node *old = path->at[0].node;
  kh_leaf_parts parts;
  kh_leaf_parts_init(&parts, old->has_words);
  kh_leaf_parts_add_from(&parts, old, 0, old->count);
  kh_ordered_node *leaf = kh_leaf_new(&parts, 0, parts.count);
  if (leaf != NULL) kh_ordered_map_replace(map, path, 0, leaf);
}

void kh_ordered_map_tidy(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key) {
  const kh_ordered_node *leaf = path->at[0].node;
  bool hollow = is_hollow(leaf), was_joined = false; /* looked at before the leaf may be retired */
  if (is_small(leaf)) {
    while (join_on_path(map, key)) was_joined = true;
  }
  if (hollow && !was_joined) compact(map, path);
}
