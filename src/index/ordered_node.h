/* ordered_node: leaves and inner nodes of the ordered map. Within the room; see ordered_map.c for the argument.
 *
 * A node is built in private, published by one store, and from then on constant, but for the words of a leaf, which can
 * become 0, and the children of an inner node, each of which can be replaced by another of the same range.
 *
 * Keys that are looked for in a node lie between its bounds, so all of them begin with the bytes that its bounds have in
 * common. A node skips those (`skip` is how many) and keeps a head of each of its keys: the bytes that follow, as a
 * number. Heads that differ are in the order of their keys; only where they are equal keys must be compared. */
#ifndef KH_INDEX_ORDERED_NODE_H
#define KH_INDEX_ORDERED_NODE_H

#include "index.h"

/* Measured at 1 M keys: leaves of 32 to 96 and inner nodes of 128 or 256 are equally fast; smaller ones slower. */
enum {
  KH_LEAF_MAX = 64,   /* entries */
  KH_INNER_MAX = 128, /* children */
  KH_HEIGHT_MAX = 12  /* levels: a node splits at 128 children, halves have 64, and joining stops at 96; so one split
                         takes 32 on the level below, and another level more than 2^50 inserts */
};

typedef struct kh_ordered_node {
  kh_retired retired;
  uint32_t skip;
  uint16_t level; /* 0: a leaf */
  uint16_t count; /* entries, or children */
  uint16_t live;  /* of a leaf: entries that are not 0; the writer's */
} kh_ordered_node;

/* Keys that begin with the same `skip` bytes, without those. */
static inline khonsu_slice kh_key_rest(khonsu_slice key, size_t skip) {
  return skip == 0 ? key : kh_slice((const char *)key.data + skip, key.size - skip);
}
static inline int kh_key_compare(khonsu_slice a, khonsu_slice b, size_t skip) {
  return kh_slice_compare(kh_key_rest(a, skip), kh_key_rest(b, skip));
}
/* The first bytes as a number, as if zeros followed the key. */
static inline uint64_t kh_key_head(khonsu_slice rest) {
  uint8_t bytes[8] = {0};
  if (rest.size >= sizeof bytes) memcpy(bytes, rest.data, sizeof bytes);
  else if (rest.size > 0) memcpy(bytes, rest.data, rest.size);
  uint64_t head = 0;
  for (size_t index = 0; index < sizeof bytes; index++) head = head << 8 | bytes[index];
  return head;
}
/* How many bytes two keys have in common. */
static inline size_t kh_key_common(khonsu_slice a, khonsu_slice b) {
  const char *left = a.data, *right = b.data;
  size_t shared = a.size < b.size ? a.size : b.size, common = 0;
  while (common < shared && left[common] == right[common]) common++;
  return common;
}

/* Has the first ten lines fetched: most of a leaf, and the heads of an inner node. */
static inline void kh_ordered_node_prefetch(const kh_ordered_node *node) {
  for (size_t line = 0; line < 10; line++) __builtin_prefetch((const char *)node + line * KH_CACHE_LINE);
}

/* ---- leaves */

typedef struct kh_leaf {
  kh_ordered_node node;
  uint32_t heads[]; /* `count`, and one more if that is odd; then as many words */
} kh_leaf;

static inline kh_leaf *kh_as_leaf(kh_ordered_node *node) { return (kh_leaf *)(void *)node; }
static inline size_t kh_leaf_heads(size_t count) { return (count + 1) & ~(size_t)1; }
static inline _Atomic uint64_t *kh_leaf_words(const kh_leaf *leaf) {
  return (_Atomic uint64_t *)(uintptr_t)(leaf->heads + kh_leaf_heads(leaf->node.count));
}
/* The writer's view: it alone changes words. */
static inline uint64_t kh_leaf_word(const kh_leaf *leaf, unsigned index) {
  return atomic_load_explicit(&kh_leaf_words(leaf)[index], memory_order_relaxed);
}
static inline uint32_t kh_leaf_head_of(khonsu_slice key, size_t skip) {
  return (uint32_t)(kh_key_head(kh_key_rest(key, skip)) >> 32);
}

/* For `count` entries, which are to be appended. NULL: out of memory. */
kh_leaf *kh_leaf_new(unsigned count, size_t skip);
void kh_leaf_append(kh_leaf *leaf, uint32_t head, uint64_t word);
/* Appends what is live from entry `first` to before `end` of another leaf. */
void kh_leaf_append_from(kh_leaf *leaf, const kh_leaf *from, unsigned first, unsigned end, kh_ordered_source source);

/* The first entry that is not before `key`, or, with `after`, the first that is after it; entries that are 0 may come
 * before that. `*equal` becomes the word of the key, if there is one. Readers too. */
unsigned kh_leaf_seek(const kh_leaf *leaf, khonsu_slice key, bool after, kh_ordered_source source, uint64_t *equal);

/* ---- inner nodes */

/* `count` children, and between them count - 1 separators: keys from a separator on are with the children after it. */
typedef struct kh_inner {
  kh_ordered_node node;
  uint64_t heads[]; /* of the separators; then the children; then where each separator's bytes end; then all bytes */
} kh_inner;

static inline kh_inner *kh_as_inner(kh_ordered_node *node) { return (kh_inner *)(void *)node; }
static inline _Atomic(kh_ordered_node *) *kh_inner_children(const kh_inner *inner) {
  return (_Atomic(kh_ordered_node *) *)(uintptr_t)(inner->heads + inner->node.count - 1);
}
/* The writer's view: it alone changes children. */
static inline kh_ordered_node *kh_inner_child(const kh_inner *inner, unsigned index) {
  return atomic_load_explicit(&kh_inner_children(inner)[index], memory_order_relaxed);
}
khonsu_slice kh_inner_separator(const kh_inner *inner, unsigned index);

/* Which child is for `key`. Readers too. */
unsigned kh_inner_find(const kh_inner *inner, khonsu_slice key);

/* What inner nodes are made from: children, and what separates each from the one before (nothing, before the first).
 * All borrowed. */
typedef struct kh_inner_parts {
  unsigned count;
  kh_ordered_node *children[KH_INNER_MAX + 1];
  khonsu_slice separators[KH_INNER_MAX + 1];
} kh_inner_parts;

void kh_inner_parts_add(kh_inner_parts *parts, khonsu_slice separator, kh_ordered_node *child);
/* Adds all children of `inner`, `separator` before them. */
void kh_inner_parts_add_all(kh_inner_parts *parts, khonsu_slice separator, const kh_inner *inner);
void kh_inner_parts_insert(kh_inner_parts *parts, unsigned index, khonsu_slice separator, kh_ordered_node *child);
void kh_inner_parts_remove(kh_inner_parts *parts, unsigned index);
/* A node of the parts from `first` to before `end`. NULL: out of memory. */
kh_inner *kh_inner_new(const kh_inner_parts *parts, unsigned first, unsigned end, unsigned level, size_t skip);

/* ---- both */

size_t kh_leaf_memory(size_t count);
size_t kh_inner_memory(const kh_inner *inner);
static inline size_t kh_ordered_node_memory(const kh_ordered_node *node) {
  return node->level == 0 ? kh_leaf_memory(node->count) : kh_inner_memory((const kh_inner *)(const void *)node);
}

#endif
