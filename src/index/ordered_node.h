/* ordered_node: leaves and inner nodes of the ordered map. Within the room; see ordered_map.c for the argument.
 *
 * A node is built in private, published by one store, and then constant, but for the words of leaves, which can become
 * 0, and the children of inner nodes, which can be replaced by others of the same range.
 *
 * Keys that are looked for in a node lie between its bounds, so all of them begin with the bytes that its bounds have in
 * common. A node skips those (`skip` is how many) and keeps a head of each of its keys: the bytes that follow, as a
 * number. Heads that differ are in the order of their keys; only where they are equal keys must be compared. */
#ifndef KH_INDEX_ORDERED_NODE_H
#define KH_INDEX_ORDERED_NODE_H

#include "index.h"

#ifndef NPRE
#define NPRE 640
#endif
enum { KH_NODE_PREFETCH = NPRE };
#ifndef LEAFMAX
#define LEAFMAX 64
#endif
#ifndef INNERMAX
#define INNERMAX 128
#endif
enum {
  KH_LEAF_MAX = LEAFMAX,
  KH_INNER_MAX = INNERMAX,
  KH_HEIGHT_MAX = 12 /* an inner node only splits when it has KH_INNER_MAX children, so 2^48 words need less */
};

typedef struct kh_ordered_node {
  kh_retired retired;
  uint32_t skip;
  uint16_t level; /* 0: a leaf */
  uint16_t count; /* entries, or children */
  uint16_t live;  /* entries that are not 0; the writer's */
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
  uint64_t head = 0;
  if (rest.size >= sizeof head) memcpy(&head, rest.data, sizeof head);
  else if (rest.size > 0) memcpy(&head, rest.data, rest.size);
  return __builtin_bswap64(head);
}
size_t kh_key_common(khonsu_slice a, khonsu_slice b);

size_t kh_ordered_node_memory(const kh_ordered_node *node);
/* Has the first bytes fetched. */
static inline void kh_ordered_node_prefetch(const kh_ordered_node *node) {
  for (size_t at = 0; at < KH_NODE_PREFETCH; at += KH_CACHE_LINE) __builtin_prefetch((const char *)node + at);
}

/* ---- leaves */

#ifndef HEADT
#define HEADT uint32_t
#endif
typedef HEADT kh_leaf_head;

typedef struct kh_leaf {
  kh_ordered_node node;
  kh_leaf_head heads[]; /* `count` of them; then as many words */
} kh_leaf;

static inline const _Atomic uint64_t *kh_leaf_words(const kh_leaf *leaf) {
  return (const _Atomic uint64_t *)(const void *)(leaf->heads + ((leaf->node.count + 1U) & ~1U));
}
static inline kh_leaf_head kh_leaf_head_of(khonsu_slice key, size_t skip) {
  return (kh_leaf_head)(kh_key_head(kh_key_rest(key, skip)) >> (64 - 8 * sizeof(kh_leaf_head)));
}

/* With room for `count` entries, to be appended. NULL: out of memory. */
kh_leaf *kh_leaf_new(unsigned count, size_t skip);
void kh_leaf_append(kh_leaf *leaf, kh_leaf_head head, uint64_t word);
/* Appends the live entries from `first` to before `end` of another leaf. */
void kh_leaf_append_from(kh_leaf *leaf, const kh_leaf *from, unsigned first, unsigned end, kh_ordered_source source);

/* The first entry that is not before `key`, or, with `after`, the first that is after it; entries that are 0 may stand
 * before it. `*equal` becomes the word of the key if it is there; else it is left alone. */
unsigned kh_leaf_seek(const kh_leaf *leaf, khonsu_slice key, bool after, kh_ordered_source source, uint64_t *equal);

/* ---- inner nodes */

/* `count` children; count - 1 separators between them: keys from a separator on are in the children after it. */
typedef struct kh_inner {
  kh_ordered_node node;
  uint64_t heads[]; /* of separators; then children, then where separators end, then their bytes */
} kh_inner;

static inline kh_inner *kh_as_inner(kh_ordered_node *node) { return (kh_inner *)node; }
static inline _Atomic(kh_ordered_node *) *kh_inner_children(const kh_inner *inner) {
  return (_Atomic(kh_ordered_node *) *)(uintptr_t)(inner->heads + inner->node.count - 1);
}
khonsu_slice kh_inner_separator(const kh_inner *inner, unsigned index);

/* The child for `key`: as many separators are not after it. */
unsigned kh_inner_find(const kh_inner *inner, khonsu_slice key);

/* Of which inner nodes are made; separators[i] stands before children[i], separators[0] nowhere. Borrowed. */
typedef struct kh_inner_parts {
  unsigned count;
  kh_ordered_node *children[2 * KH_INNER_MAX];
  khonsu_slice separators[2 * KH_INNER_MAX];
} kh_inner_parts;

void kh_inner_parts_add(kh_inner_parts *parts, khonsu_slice separator, kh_ordered_node *child);
/* Adds all children of a node, the first one behind `separator`. */
void kh_inner_parts_add_all(kh_inner_parts *parts, khonsu_slice separator, const kh_inner *inner);
void kh_inner_parts_insert(kh_inner_parts *parts, unsigned index, khonsu_slice separator, kh_ordered_node *child);
void kh_inner_parts_remove(kh_inner_parts *parts, unsigned index);
/* A node of the parts from `first` to before `end`. NULL: out of memory. */
kh_inner *kh_inner_new(const kh_inner_parts *parts, unsigned first, unsigned end, unsigned level, size_t skip);

#endif
