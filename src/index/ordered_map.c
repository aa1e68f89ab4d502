/* ordered_map: a B+-tree ... */
#include "ordered_node.h"

enum { LEAF_FEW = KH_LEAF_MAX / 4, INNER_FEW = KH_INNER_MAX / 4 };

/* ---- making and freeing */

size_t kh_leaf_memory(const kh_leaf *leaf);
size_t kh_inner_memory(const kh_inner *inner);
size_t kh_ordered_node_memory(const kh_ordered_node *node) {
  return node->level == 0 ? kh_leaf_memory((const kh_leaf *)node) : kh_inner_memory((const kh_inner *)node);
}

/* The writer's view: it alone changes links. */
static kh_ordered_node *follow(const _Atomic(kh_ordered_node *) *link) {
  return atomic_load_explicit(link, memory_order_relaxed);
}

khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_ordered_source source, kh_epoch *epoch) {
  *map = (kh_ordered_map){.source = source, .epoch = epoch};
  kh_leaf *leaf = kh_leaf_new(0, 0);
  if (leaf == NULL) return KHONSU_NO_MEMORY;
  atomic_store(&map->root, &leaf->node);
  map->memory = kh_ordered_node_memory(&leaf->node);
  return KHONSU_OK;
}

static void free_tree(kh_ordered_node *node) {
  for (unsigned index = 0; node->level > 0 && index < node->count; index++) {
    free_tree(follow(&kh_inner_children(kh_as_inner(node))[index]));
  }
  kh_free(node);
}

void kh_ordered_map_fini(kh_ordered_map *map) {
  kh_ordered_node *root = follow(&map->root);
  if (root == NULL) return;
  free_tree(root);
  atomic_store(&map->root, NULL);
  map->count = map->memory = 0;
}

static void free_node(kh_retired *retired) { kh_free(KH_CONTAINER_OF(retired, kh_ordered_node, retired)); }

static void retire(kh_ordered_map *map, kh_ordered_node *node) {
  map->memory -= kh_ordered_node_memory(node);
  kh_epoch_retire(map->epoch, &node->retired, free_node);
}

/* ---- the way down, for the writer */

/* A node, the child of it that was taken, and its bounds: separators above it; empty where there is none. */
typedef struct step {
  kh_ordered_node *node;
  unsigned index;
  khonsu_slice low, high;
} step;

typedef struct path {
  unsigned height;
  step at[KH_HEIGHT_MAX]; /* [level] */
} path;

static khonsu_slice low_of_child(const step *parent, unsigned index) {
  return index == 0 ? parent->low : kh_inner_separator(kh_as_inner(parent->node), index - 1);
}
static khonsu_slice high_of_child(const step *parent, unsigned index) {
  return index == parent->node->count - 1U ? parent->high : kh_inner_separator(kh_as_inner(parent->node), index);
}

static void descend(const kh_ordered_map *map, khonsu_slice key, path *way) {
  kh_ordered_node *node = follow(&map->root);
  way->height = node->level;
  way->at[node->level] = (step){.node = node};
  while (node->level > 0) {
    step *parent = &way->at[node->level];
    parent->index = kh_inner_find(kh_as_inner(node), key);
    node = follow(&kh_inner_children(kh_as_inner(node))[parent->index]);
    way->at[node->level] =
        (step){.node = node, .low = low_of_child(parent, parent->index), .high = high_of_child(parent, parent->index)};
    if (node->level == 0) kh_ordered_node_prefetch(node);
  }
}

static _Atomic(kh_ordered_node *) *link_to(kh_ordered_map *map, const path *way, unsigned level) {
  if (level == way->height) return &map->root;
  const step *parent = &way->at[level + 1];
  return &kh_inner_children(kh_as_inner(parent->node))[parent->index];
}

static size_t skip_between(khonsu_slice low, khonsu_slice high) {
  return low.size == 0 || high.size == 0 ? 0 : kh_key_common(low, high);
}

size_t kh_key_common(khonsu_slice a, khonsu_slice b) {
  size_t shared = a.size < b.size ? a.size : b.size, common = 0;
  while (common < shared && ((const char *)a.data)[common] == ((const char *)b.data)[common]) common++;
  return common;
}

/* Puts `node` in the place of the one at `level`. */
static void publish(kh_ordered_map *map, const path *way, unsigned level, kh_ordered_node *node) {
  map->memory += kh_ordered_node_memory(node);
  atomic_store(link_to(map, way, level), node); /* C */
  retire(map, way->at[level].node);
}

/* ---- splitting */

/* Two nodes in the place of one. One of them may be the old one. */
typedef struct halves {
  kh_ordered_node *left, *right;
  khonsu_slice separator;
} halves;

static khonsu_slice key_at(const kh_ordered_map *map, const kh_leaf *leaf, unsigned index) {
  return map->source.key(map->source.ctx, atomic_load_explicit(&kh_leaf_words(leaf)[index], memory_order_relaxed));
}

/* The shortest key that is above `below` and not above `key`. */
static khonsu_slice separator_between(khonsu_slice below, khonsu_slice key) {
  return kh_slice(key.data, kh_key_common(below, key) + 1);
}

/* For `key`, which goes to `position`. At an end, as when keys come in order, an empty leaf is put there. */
static void split_leaf(const kh_ordered_map *map, const step *at, khonsu_slice key, unsigned position, halves *made) {
  kh_leaf *leaf = (kh_leaf *)at->node;
  unsigned count = at->node->count, middle = position == 0 || position == count ? position : count / 2;
  khonsu_slice below = middle == 0 ? key : key_at(map, leaf, middle - 1);
  made->separator = separator_between(below, middle == count ? key : key_at(map, leaf, middle));
  made->left = made->right = at->node;
  if (middle < count) {
    kh_leaf *left = kh_leaf_new(middle, skip_between(at->low, made->separator));
    made->left = &left->node;
    if (left != NULL) kh_leaf_append_from(left, leaf, 0, middle, map->source);
  }
  if (middle > 0) {
    kh_leaf *right = kh_leaf_new(count - middle, skip_between(made->separator, at->high));
    made->right = &right->node;
    if (right != NULL) kh_leaf_append_from(right, leaf, middle, count, map->source);
  }
}

static void split_inner(const step *at, halves *made) {
  kh_inner *inner = kh_as_inner(at->node);
  unsigned count = at->node->count, middle = count / 2;
  if (at->index == 0) middle = 1;
  if (at->index == count - 1) middle = count - 1;
  kh_inner_parts parts = {0};
  kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), inner);
  made->separator = parts.separators[middle];
  unsigned level = at->node->level;
  made->left = (kh_ordered_node *)kh_inner_new(&parts, 0, middle, level, skip_between(at->low, made->separator));
  made->right = (kh_ordered_node *)kh_inner_new(&parts, middle, count, level, skip_between(made->separator, at->high));
}

/* The parent of the node at `level` with the halves in its place; a new root if it is the root. */
static kh_inner *parent_of_halves(const path *way, unsigned level, const halves *made) {
  kh_inner_parts parts = {0};
  size_t skip = 0;
  if (level == way->height) kh_inner_parts_add(&parts, kh_slice(NULL, 0), made->left);
  else {
    const step *parent = &way->at[level + 1];
    kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), kh_as_inner(parent->node));
    parts.children[parent->index] = made->left;
    skip = parent->node->skip;
  }
  unsigned index = level == way->height ? 0 : way->at[level + 1].index;
  kh_inner_parts_insert(&parts, index + 1, made->separator, made->right);
  return kh_inner_new(&parts, 0, parts.count, level + 1, skip);
}

/* Halves the node at `level`, whose parent has room. */
static khonsu_status split(kh_ordered_map *map, const path *way, unsigned level, khonsu_slice key, unsigned position) {
  const step *at = &way->at[level];
  halves made;
  if (level == 0) split_leaf(map, at, key, position, &made);
  else split_inner(at, &made);
  kh_inner *parent = NULL;
  if (made.left != NULL && made.right != NULL) parent = parent_of_halves(way, level, &made);
  if (parent == NULL) {
    if (made.left != at->node) kh_free(made.left);
    if (made.right != at->node) kh_free(made.right);
    return KHONSU_NO_MEMORY;
  }
  if (made.left != at->node) map->memory += kh_ordered_node_memory(made.left);
  if (made.right != at->node) map->memory += kh_ordered_node_memory(made.right);
  if (level == way->height) {
    map->memory += kh_ordered_node_memory(&parent->node);
    atomic_store(&map->root, &parent->node); /* C */
  } else publish(map, way, level + 1, &parent->node);
  if (made.left != at->node && made.right != at->node) retire(map, at->node);
  return KHONSU_OK;
}

static khonsu_status make_room(kh_ordered_map *map, const path *way, khonsu_slice key, unsigned position) {
  unsigned level = 0;
  while (level < way->height && way->at[level + 1].node->count == KH_INNER_MAX) level++;
  return split(map, way, level, key, position);
}

/* ---- inserting */

static khonsu_status insert_at(kh_ordered_map *map, const path *way, unsigned position, khonsu_slice key,
                               uint64_t word) {
  const kh_leaf *old = (const kh_leaf *)way->at[0].node;
  kh_leaf *leaf = kh_leaf_new(old->node.live + 1U, old->node.skip);
  if (leaf == NULL) return KHONSU_NO_MEMORY;
  kh_leaf_append_from(leaf, old, 0, position, map->source);
  kh_leaf_append(leaf, kh_leaf_head_of(key, old->node.skip), word);
  kh_leaf_append_from(leaf, old, position, old->node.count, map->source);
  publish(map, way, 0, &leaf->node);
  map->count++;
  return KHONSU_OK;
}

khonsu_status kh_ordered_map_insert(kh_ordered_map *map, uint64_t word) {
  KH_ASSERT(word != 0 && word < KH_WORD_LIMIT);
  khonsu_slice key = map->source.key(map->source.ctx, word);
  for (;;) {
    path way;
    descend(map, key, &way);
    const kh_leaf *leaf = (const kh_leaf *)way.at[0].node;
    uint64_t equal = 0;
    unsigned position = kh_leaf_seek(leaf, key, false, map->source, &equal);
    if (equal != 0) return KHONSU_OK;
    if (leaf->node.live < KH_LEAF_MAX) return insert_at(map, &way, position, key, word);
    khonsu_status status = make_room(map, &way, key, position);
    if (status != KHONSU_OK) return status;
  }
}

/* ---- removing */

static unsigned weight(const kh_ordered_node *node) { return node->level == 0 ? node->live : node->count; }

static bool are_joinable(const kh_ordered_node *left, const kh_ordered_node *right) {
  unsigned most = left->level == 0 ? KH_LEAF_MAX : KH_INNER_MAX, sum = weight(left) + weight(right);
  return sum <= most / 4 * 3 || (sum <= most && (weight(left) <= 1 || weight(right) <= 1));
}

static kh_ordered_node *joined(const kh_ordered_map *map, const step *parent, unsigned index) {
  const kh_inner *inner = kh_as_inner(parent->node);
  kh_ordered_node *left = follow(&kh_inner_children(inner)[index]),
                  *right = follow(&kh_inner_children(inner)[index + 1]);
  size_t skip = skip_between(low_of_child(parent, index), high_of_child(parent, index + 1));
  if (left->level > 0) {
    kh_inner_parts parts = {0};
    kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), kh_as_inner(left));
    kh_inner_parts_add_all(&parts, kh_inner_separator(inner, index), kh_as_inner(right));
    return (kh_ordered_node *)kh_inner_new(&parts, 0, parts.count, left->level, skip);
  }
  kh_leaf *leaf = kh_leaf_new((unsigned)left->live + right->live, skip);
  if (leaf == NULL) return NULL;
  kh_leaf_append_from(leaf, (const kh_leaf *)left, 0, left->count, map->source);
  kh_leaf_append_from(leaf, (const kh_leaf *)right, 0, right->count, map->source);
  return &leaf->node;
}

/* Makes one node of the children of `parent` at `index` and after it. */
static bool join(kh_ordered_map *map, const path *way, unsigned level, unsigned index) {
  const step *parent = &way->at[level];
  kh_inner *inner = kh_as_inner(parent->node);
  kh_ordered_node *left = follow(&kh_inner_children(inner)[index]),
                  *right = follow(&kh_inner_children(inner)[index + 1]);
  if (!are_joinable(left, right)) return false;
  kh_ordered_node *node = joined(map, parent, index), *above = node;
  if (node == NULL) return false;
  if (level < way->height || inner->node.count > 2) {
    kh_inner_parts parts = {0};
    kh_inner_parts_add_all(&parts, kh_slice(NULL, 0), inner);
    parts.children[index] = node;
    kh_inner_parts_remove(&parts, index + 1);
    above = (kh_ordered_node *)kh_inner_new(&parts, 0, parts.count, level, parent->node->skip);
    if (above == NULL) {
      kh_free(node);
      return false;
    }
    map->memory += kh_ordered_node_memory(node);
  }
  publish(map, way, level, above);
  retire(map, left);
  retire(map, right);
  return true;
}

static bool tidy(kh_ordered_map *map, khonsu_slice key) {
  path way;
  descend(map, key, &way);
  for (unsigned level = 0; level < way.height; level++) {
    const step *parent = &way.at[level + 1];
    if (weight(way.at[level].node) > (level == 0 ? LEAF_FEW : INNER_FEW)) continue;
    if (parent->index + 1U < parent->node->count && join(map, &way, level + 1, parent->index)) return true;
    if (parent->index > 0 && join(map, &way, level + 1, parent->index - 1)) return true;
  }
  return false;
}

static void compact(kh_ordered_map *map, const path *way) {
  const kh_leaf *old = (const kh_leaf *)way->at[0].node;
  kh_leaf *leaf = kh_leaf_new(old->node.live, old->node.skip);
  if (leaf == NULL) return;
  kh_leaf_append_from(leaf, old, 0, old->node.count, map->source);
  publish(map, way, 0, &leaf->node);
}

void kh_ordered_map_remove(kh_ordered_map *map, uint64_t word) {
  khonsu_slice key = map->source.key(map->source.ctx, word);
  path way;
  descend(map, key, &way);
  kh_leaf *leaf = (kh_leaf *)way.at[0].node;
  uint64_t equal = 0;
  unsigned index = kh_leaf_seek(leaf, key, false, map->source, &equal);
  if (equal != word) return;
  while (atomic_load_explicit(&kh_leaf_words(leaf)[index], memory_order_relaxed) != word) index++;
  atomic_store((_Atomic uint64_t *)(uintptr_t)&kh_leaf_words(leaf)[index], 0); /* C */
  leaf->node.live--;
  map->count--;
  if (leaf->node.live <= leaf->node.count / 2) compact(map, &way);
  while (tidy(map, key)) continue;
}
