/* The ordered map as what is tested, with words or without, and a look at its structure. The including file has included
 * the map's headers. */
#ifndef TEST_ORDERED_MAP_ITEMS_H
#define TEST_ORDERED_MAP_ITEMS_H

typedef kh_ordered_map tested_index;

#include "ordered_items.h"

static khonsu_status index_init(fixture *f) {
  return (with_words ? kh_ordered_map_init_words : kh_ordered_map_init)(&f->map, &f->epoch);
}
static void index_fini(fixture *f) { kh_ordered_map_fini(&f->map); }

static khonsu_status index_insert(fixture *f, khonsu_slice key, uint64_t word) {
  if (with_words) return kh_ordered_map_insert_word(&f->map, key, word);
  return kh_ordered_map_insert(&f->map, key);
}
static void index_replace(fixture *f, khonsu_slice key, uint64_t word) {
  kh_ordered_map_replace_word(&f->map, key, word);
}
static void index_remove(fixture *f, khonsu_slice key) { kh_ordered_map_remove(&f->map, key); }

static uint64_t index_find(const fixture *f, khonsu_slice key) { return kh_ordered_map_find(&f->map, key); }

static khonsu_status index_read(const fixture *f, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  if (words == NULL) return kh_ordered_map_read(&f->map, from, inclusive, reverse, keys, places, room, count);
  return kh_ordered_map_read_words(&f->map, from, inclusive, reverse, keys, places, words, room, count);
}

/* ---- the structure itself */

typedef struct seen {
  size_t keys, memory, nodes;
} seen;

/* In one piece; the caller's to free. */
static inline khonsu_slice whole_of(kh_key_pieces pieces) {
  char *bytes = malloc(kh_pieces_size(pieces) + 1);
  assert_non_null(bytes);
  kh_pieces_write(bytes, pieces, 0);
  return kh_slice(bytes, kh_pieces_size(pieces));
}

static inline bool is_between(khonsu_slice low, khonsu_slice key, khonsu_slice high) {
  if (low.size > 0 && kh_slice_compare(key, low) < 0) return false;
  return high.size == 0 || kh_slice_compare(key, high) < 0;
}

static inline void check_leaf(const fixture *f, const kh_ordered_node *leaf, khonsu_slice low, khonsu_slice high,
                              seen *all) {
  khonsu_slice last = kh_slice(NULL, 0);
  for (unsigned i = 0; i < leaf->count; i++) {
    khonsu_slice key = whole_of(kh_leaf_key(leaf, i));
    assert_true(is_between(low, key, high));
    assert_true(i == 0 || kh_slice_compare(last, key) < 0);
    size_t at = rank(f, key, false);
    assert_true(at < f->count && kh_slice_equal(item_key(&f->items[at]), key));
    assert_int_equal(f->items[at].in, kh_leaf_live(leaf) >> i & 1);
    if (with_words) assert_true(kh_leaf_peek_word(leaf, i) == (f->items[at].in ? f->items[at].word : 0));
    free((void *)(uintptr_t)last.data);
    last = key;
  }
  free((void *)(uintptr_t)last.data);
  assert_true((kh_leaf_live(leaf) & ~kh_leaf_first(leaf->count)) == 0);
  assert_int_equal(leaf->has_words, with_words);
  assert_true(leaf->count <= KH_LEAF_MAX && kh_leaf_bytes(leaf) <= KH_LEAF_BYTES);
  all->keys += kh_leaf_live_count(leaf);
}

static inline void check_node(const fixture *f, kh_ordered_node *node, khonsu_slice low, khonsu_slice high, seen *all);

static inline void check_inner(const fixture *f, kh_ordered_node *inner, khonsu_slice low, khonsu_slice high,
                               seen *all) {
  assert_true(inner->count >= 1 && inner->count <= KH_INNER_MAX);
  khonsu_slice from = low;
  for (unsigned i = 0; i < inner->count; i++) {
    bool is_last = i == inner->count - 1U;
    khonsu_slice to = is_last ? high : whole_of(kh_inner_separator(inner, i));
    assert_true(from.size == 0 || to.size == 0 || kh_slice_compare(from, to) < 0);
    if (!is_last) assert_true(kh_inner_heads(inner)[i] == kh_key_head(kh_key_rest(to, inner->prefix_size)));
    assert_int_equal(kh_inner_child(inner, i)->level, inner->level - 1);
    check_node(f, kh_inner_child(inner, i), from, to, all);
    if (i > 0) free((void *)(uintptr_t)from.data);
    from = to;
  }
}

static inline void check_node(const fixture *f, kh_ordered_node *node, khonsu_slice low, khonsu_slice high, seen *all) {
  all->nodes++;
  all->memory += kh_ordered_node_memory(node);
  if (node->level == 0) check_leaf(f, node, low, high, all);
  else check_inner(f, node, low, high, all);
}

static inline seen look_at_structure(const fixture *f) {
  seen all = {0, 0, 0};
  kh_ordered_node *root = atomic_load(&f->map.root);
  if (root->level > 0) assert_true(root->count > 1);
  check_node(f, root, kh_slice(NULL, 0), kh_slice(NULL, 0), &all);
  assert_int_equal(all.keys, f->map.count);
  assert_int_equal(all.memory, kh_ordered_map_memory(&f->map));
  return all;
}

static void check_structure(const fixture *f) { (void)look_at_structure(f); }

#endif
