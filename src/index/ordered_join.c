/* ordered_join: what the ordered map does with nodes that have become small. Nothing here need succeed. */
#include "ordered_path.h"

enum { LEAF_FEW = KH_LEAF_MAX / 4, INNER_FEW = KH_INNER_MAX / 4 };

static unsigned weight(const kh_ordered_node *node) { return node->level == 0 ? node->live : node->count; }

static bool is_small(const kh_ordered_node *node) {
  return weight(node) <= (node->level == 0 ? (unsigned)LEAF_FEW : (unsigned)INNER_FEW);
}

/* What is joined should not soon be split again, except that nodes with next to nothing in them must go. */
static bool can_be_joined(const kh_ordered_node *left, const kh_ordered_node *right) {
  unsigned room = left->level == 0 ? KH_LEAF_MAX : KH_INNER_MAX, sum = weight(left) + weight(right);
  bool is_bare = weight(left) <= 1 || weight(right) <= 1;
  return sum <= (is_bare ? room : room / 4 * 3);
}

static kh_ordered_node *joined_leaf(const kh_ordered_map *map, const kh_leaf *left, const kh_leaf *right, size_t skip) {
  kh_leaf *leaf = kh_leaf_new((unsigned)left->node.live + right->node.live, skip);
  if (leaf == NULL) return NULL;
  kh_leaf_append_from(leaf, left, 0, left->node.count, map->source);
  kh_leaf_append_from(leaf, right, 0, right->node.count, map->source);
  return &leaf->node;
}

static kh_ordered_node *joined_inner(const kh_inner *left, khonsu_slice separator, const kh_inner *right, size_t skip) {
  kh_inner_parts parts = {.count = 0};
  kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), left);
  kh_inner_parts_add_all(&parts, separator, right);
  kh_inner *inner = kh_inner_new(&parts, 0, parts.count, left->node.level, skip);
  return inner == NULL ? NULL : &inner->node;
}

/* One node of the two children of `parent` at `index` and after it. NULL: out of memory. */
static kh_ordered_node *joined(const kh_ordered_map *map, const kh_ordered_step *parent, unsigned index) {
  const kh_inner *inner = kh_as_inner(parent->node);
  kh_ordered_node *left = kh_inner_child(inner, index), *right = kh_inner_child(inner, index + 1);
  size_t skip = kh_ordered_skip(kh_ordered_step_low(parent, index), kh_ordered_step_high(parent, index + 1));
  if (left->level == 0) return joined_leaf(map, kh_as_leaf(left), kh_as_leaf(right), skip);
  return joined_inner(kh_as_inner(left), kh_inner_separator(inner, index), kh_as_inner(right), skip);
}

/* A copy of the parent in which `node` is in the place of two children. NULL: out of memory. */
static kh_ordered_node *parent_with(kh_ordered_node *node, const kh_ordered_step *parent, unsigned index) {
  kh_inner_parts parts = {.count = 0};
  kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), kh_as_inner(parent->node));
  parts.children[index] = node;
  kh_inner_parts_remove(&parts, index + 1);
  kh_inner *inner = kh_inner_new(&parts, 0, parts.count, parent->node->level, parent->node->skip);
  return inner == NULL ? NULL : &inner->node;
}

/* Joins the children at `index` and after it of the inner node at `level`. A root that is left with one child gives way
 * to it. False: they are too full, or no memory. */
static bool join(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, unsigned index) {
  const kh_ordered_step *parent = &path->at[level];
  kh_ordered_node *left = kh_inner_child(kh_as_inner(parent->node), index);
  kh_ordered_node *right = kh_inner_child(kh_as_inner(parent->node), index + 1);
  if (!can_be_joined(left, right)) return false;
  kh_ordered_node *node = joined(map, parent, index), *top = node;
  if (node == NULL) return false;
  if (level < path->height || parent->node->count > 2) {
    top = parent_with(node, parent, index);
    if (top == NULL) {
      kh_free(node);
      return false;
    }
    kh_ordered_map_own(map, top);
  }
  kh_ordered_map_own(map, node);
  kh_ordered_map_link(map, path, level, top);
  kh_ordered_map_retire(map, parent->node);
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

/* Replaces the leaf by one without entries that are 0. */
static void compact(kh_ordered_map *map, const kh_ordered_path *path) {
  const kh_leaf *old = kh_ordered_path_leaf(path);
  kh_leaf *leaf = kh_leaf_new(old->node.live, old->node.skip);
  if (leaf == NULL) return;
  kh_leaf_append_from(leaf, old, 0, old->node.count, map->source);
  kh_ordered_map_own(map, &leaf->node);
  kh_ordered_map_link(map, path, 0, &leaf->node);
  kh_ordered_map_retire(map, path->at[0].node);
}

void kh_ordered_map_tidy(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key) {
  const kh_ordered_node *leaf = path->at[0].node;
  bool is_hollow = leaf->live <= leaf->count / 2, was_joined = false;
  if (is_small(leaf)) {
    while (join_on_path(map, key)) was_joined = true;
  }
  if (is_hollow && !was_joined) compact(map, path);
}
