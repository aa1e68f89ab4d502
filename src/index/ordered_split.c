/* ordered_split: growth of the ordered map. */
#include "ordered_path.h"

/* Two nodes in the place of one, and what separates them. One of the two may be the old one. */
typedef struct halves {
  kh_ordered_node *left, *right;
  khonsu_slice separator;
} halves;

static khonsu_slice key_at(const kh_ordered_map *map, const kh_leaf *leaf, unsigned index) {
  return map->source.key(map->source.ctx, kh_leaf_word(leaf, index));
}

static kh_ordered_node *leaf_of(const kh_ordered_map *map, const kh_leaf *from, unsigned first, unsigned end,
                                size_t skip) {
  kh_leaf *leaf = kh_leaf_new(end - first, skip);
  if (leaf == NULL) return NULL;
  kh_leaf_append_from(leaf, from, first, end, map->source);
  return &leaf->node;
}

/* Splits at `position` if that is an end, as when keys come in order: then full leaves stay full, and as they are, for
 * narrower bounds do not harm. The separator is the shortest key that is above those to its left and not above those
 * to its right. */
static halves split_leaf(const kh_ordered_map *map, const kh_ordered_step *step, khonsu_slice key, unsigned position) {
  const kh_leaf *leaf = kh_as_leaf(step->node);
  unsigned count = leaf->node.count, middle = position == 0 || position == count ? position : count / 2;
  khonsu_slice left_last = middle == 0 ? key : key_at(map, leaf, middle - 1);
  khonsu_slice right_first = middle == count ? key : key_at(map, leaf, middle);
  halves made = {.left = step->node, .right = step->node};
  made.separator = kh_slice(right_first.data, kh_key_common(left_last, right_first) + 1);
  size_t left_skip = kh_ordered_skip(step->low, made.separator);
  size_t right_skip = kh_ordered_skip(made.separator, step->high);
  if (middle < count) made.left = leaf_of(map, leaf, 0, middle, left_skip);
  if (middle > 0) made.right = leaf_of(map, leaf, middle, count, right_skip);
  return made;
}

/* In the middle, wherever the key goes: the height of the tree is bounded because of it. */
static halves split_inner(const kh_ordered_step *step) {
  unsigned level = step->node->level, count = step->node->count, middle = count / 2;
  kh_inner_parts parts = {.count = 0};
  kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), kh_as_inner(step->node));
  khonsu_slice separator = parts.separators[middle];
  kh_inner *left = kh_inner_new(&parts, 0, middle, level, kh_ordered_skip(step->low, separator));
  kh_inner *right = kh_inner_new(&parts, middle, count, level, kh_ordered_skip(separator, step->high));
  return (halves){left == NULL ? NULL : &left->node, right == NULL ? NULL : &right->node, separator};
}

/* A copy of the parent that leads to the halves; for the root, a root above it. NULL: out of memory. */
static kh_inner *parent_of_halves(const halves *made, const kh_ordered_path *path, unsigned level) {
  kh_inner_parts parts = {.count = 0};
  if (level == path->height) {
    kh_inner_parts_add(&parts, kh_slice(NULL, 0), made->left);
    kh_inner_parts_add(&parts, made->separator, made->right);
    return kh_inner_new(&parts, 0, 2, level + 1, 0);
  }
  const kh_ordered_step *parent = &path->at[level + 1];
  kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), kh_as_inner(parent->node));
  parts.children[parent->index] = made->left;
  kh_inner_parts_insert(&parts, parent->index + 1, made->separator, made->right);
  return kh_inner_new(&parts, 0, parts.count, level + 1, parent->node->skip);
}

static khonsu_status split(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, const halves *made) {
  kh_ordered_node *old = path->at[level].node;
  kh_inner *parent = NULL;
  if (made->left != NULL && made->right != NULL) parent = parent_of_halves(made, path, level);
  if (parent == NULL) {
    if (made->left != old) kh_free(made->left);
    if (made->right != old) kh_free(made->right);
    return KHONSU_NO_MEMORY;
  }
  bool is_root = level == path->height;
  kh_ordered_map_own(map, &parent->node);
  kh_ordered_map_own(map, made->left);
  kh_ordered_map_own(map, made->right);
  kh_ordered_map_link(map, path, is_root ? level : level + 1, &parent->node);
  if (!is_root) kh_ordered_map_retire(map, path->at[level + 1].node);
  if (made->left == old || made->right == old) map->memory -= kh_ordered_node_memory(old); /* owned it twice */
  else kh_ordered_map_retire(map, old);
  return KHONSU_OK;
}

khonsu_status kh_ordered_map_split(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key,
                                   unsigned position) {
  unsigned level = 0; /* of the first full node whose parent is not full */
  while (level < path->height && path->at[level + 1].node->count == KH_INNER_MAX) level++;
  KH_ASSERT(level + 1 < KH_HEIGHT_MAX);
  const kh_ordered_step *step = &path->at[level];
  halves made = level == 0 ? split_leaf(map, step, key, position) : split_inner(step);
  return split(map, path, level, &made);
}
