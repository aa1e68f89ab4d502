/* ordered_split: growth of the ordered map. */
#include "ordered_path.h"

/* Two nodes in the place of one, and what separates them. One of the two may be the old one. */
typedef struct halves {
  kh_ordered_node *left, *right;
  kh_key_pieces separator;
} halves;

/* The shortest key that is above `left`, and not above `right`. */
static kh_key_pieces separator_of(kh_key_pieces left, kh_key_pieces right) {
  return kh_pieces_cut(right, kh_pieces_common(left, right) + 1);
}

/* Where near the middle, an eighth up or down at most, the shortest key will do as separator; the nearest such. */
static unsigned best_middle(const kh_leaf_parts *parts) {
  unsigned middle = parts->count / 2, best = middle;
  size_t least = SIZE_MAX;
  for (unsigned away = 0; away <= parts->count / 8; away++) {
    for (unsigned side = 0; side < 2; side++) {
      unsigned at = side == 0 ? middle - away : middle + away;
      size_t common = kh_pieces_common(parts->keys[at - 1], parts->keys[at]);
      if (common >= least) continue;
      least = common;
      best = at;
    }
  }
  return best;
}

/* Splits where the key belongs if that is an end, as when keys come in order: then full leaves stay full, and as they
 * are if nothing in them is gone, for narrower bounds do no harm. */
static halves split_leaf(kh_ordered_node *leaf, khonsu_slice key, unsigned position) {
  kh_leaf_parts parts;
  kh_leaf_parts_init(&parts, leaf->has_words);
  kh_leaf_parts_add_from(&parts, leaf, 0, position);
  unsigned middle = parts.count;
  kh_leaf_parts_add_from(&parts, leaf, position, leaf->count);
  bool at_begin = middle == 0, at_end = middle == parts.count, whole = parts.count == leaf->count;
  KH_ASSERT(parts.count > 0);
  if (!at_begin && !at_end) middle = best_middle(&parts);
  kh_key_pieces left_last = at_begin ? kh_key_whole(key) : parts.keys[middle - 1];
  kh_key_pieces right_first = at_end ? kh_key_whole(key) : parts.keys[middle];
  halves made = {.separator = separator_of(left_last, right_first)};
  made.left = at_end && whole ? leaf : kh_leaf_new(&parts, 0, middle);
  made.right = at_begin && whole ? leaf : kh_leaf_new(&parts, middle, parts.count);
  return made;
}

/* In the middle, wherever the key goes: the height of the tree is bounded because of it. */
static halves split_inner(const kh_ordered_node *inner) {
  unsigned middle = inner->count / 2U;
  kh_inner_parts parts;
  parts.count = 0;
  kh_inner_parts_add_all(&parts, kh_key_whole(kh_slice(NULL, 0)), inner);
  kh_ordered_node *left = kh_inner_new(&parts, 0, middle, inner->level);
  kh_ordered_node *right = kh_inner_new(&parts, middle, parts.count, inner->level);
  return (halves){left, right, parts.separators[middle]};
}

/* A copy of the parent that leads to the halves; for the root, a root above it. NULL: out of memory. */
static kh_ordered_node *parent_of_halves(const halves *made, const kh_ordered_path *path, unsigned level) {
  kh_inner_parts parts;
  parts.count = 0;
  if (level == path->height) {
    kh_inner_parts_add(&parts, kh_key_whole(kh_slice(NULL, 0)), made->left);
    kh_inner_parts_add(&parts, made->separator, made->right);
    return kh_inner_new(&parts, 0, 2, level + 1);
  }
  const kh_ordered_step *parent = &path->at[level + 1];
  kh_inner_parts_add_all(&parts, kh_key_whole(kh_slice(NULL, 0)), parent->node);
  parts.children[parent->index] = made->left;
  kh_inner_parts_insert(&parts, parent->index + 1, made->separator, made->right);
  return kh_inner_new(&parts, 0, parts.count, level + 1);
}

static khonsu_status split(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, const halves *made) {
  kh_ordered_node *old = path->at[level].node, *parent = NULL;
  if (made->left != NULL && made->right != NULL) parent = parent_of_halves(made, path, level);
  if (parent == NULL) {
    if (made->left != old) kh_ordered_node_free(made->left);
    if (made->right != old) kh_ordered_node_free(made->right);
    return KHONSU_NO_MEMORY;
  }
  bool is_root = level == path->height;
  kh_ordered_map_own(map, parent);
  kh_ordered_map_own(map, made->left);
  kh_ordered_map_own(map, made->right);
  kh_ordered_map_link(map, path, is_root ? level : level + 1, parent);
  if (!is_root) kh_ordered_map_retire(map, path->at[level + 1].node);
  if (made->left == old || made->right == old) map->memory -= kh_ordered_node_memory(old); /* owned it twice */
  else kh_ordered_map_retire(map, old);
  return KHONSU_OK;
}

static bool is_full(const kh_ordered_node *inner) {
  if (inner->count >= KH_INNER_LEAST && kh_inner_bytes(inner) > KH_INNER_BYTES) return true;
  return inner->count == KH_INNER_MAX;
}

khonsu_status kh_ordered_map_split(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key,
                                   unsigned position) {
  unsigned level = 0; /* of the first full node whose parent is not full */
  while (level < path->height && is_full(path->at[level + 1].node)) level++;
  KH_ASSERT(level + 1 < KH_HEIGHT_MAX);
  kh_ordered_node *node = path->at[level].node;
  halves made = level == 0 ? split_leaf(node, key, position) : split_inner(node);
  return split(map, path, level, &made);
}
