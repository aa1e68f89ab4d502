/* ordered_node: leaves and inner nodes of the ordered map. Within the room; see ordered_map.c for the argument.
 *
 * A node is built in private, published by one store, and from then on constant, but for the bits of a leaf that say
 * which of its keys are there, the words of its keys, and the children of an inner node, each of which can be replaced by
 * another of the same range.
 *
 * A node keeps its keys, or separators, packed: once what all of them begin with, the prefix; then of each what follows,
 * its suffix. A node is not full of bytes as long as its suffixes are short, whatever the prefix. */
#ifndef KH_INDEX_ORDERED_NODE_H
#define KH_INDEX_ORDERED_NODE_H

#include "index.h"
#include "ordered_key.h"

/* docs/index.md has what was measured. */
enum {
  KH_LEAF_MAX = 64,       /* keys: as many as a word has bits */
  KH_LEAF_BYTES = 2048,   /* of suffixes; so places of suffixes have 16 bits */
  KH_INNER_MAX = 128,     /* children */
  KH_INNER_BYTES = 16384, /* of suffixes; but nodes of fewer than KH_INNER_LEAST children may have more */
  KH_INNER_LEAST = 32,
  KH_NODE_SLACK = 16, /* bytes after the suffixes, so that they can be loaded in words */
  KH_HEIGHT_MAX = 24  /* levels: nodes that split have KH_INNER_LEAST children, their halves have 16, and of neighbours
                         with fewer than 24 between them there is one after each removal near by: six children for a
                         node, on average, at the very least, so another level takes more than 2^59 keys */
};

typedef struct kh_ordered_node {
  kh_retired retired;
  _Atomic uint64_t live; /* of a leaf: which of its keys are there, by bit */
  uint32_t prefix_size;
  uint8_t level;  /* 0: a leaf */
  bool has_words; /* a leaf: they stand before it in memory, the first one last */
  uint16_t count; /* keys, those not there among them; or children */
  char prefix[];
} kh_ordered_node;

_Static_assert(KH_LEAF_MAX <= 64, "a bit for each key");
_Static_assert(KH_HEIGHT_MAX <= UINT8_MAX, "levels have 8 bits");
_Static_assert(KH_LEAF_BYTES <= UINT16_MAX, "where suffixes begin is kept in 16 bits");

/* Whether the key is before (-1) or after (1) all that begins with the node's prefix, or begins with it (0). */
int kh_ordered_prefix_compare(const kh_ordered_node *node, khonsu_slice key);
static inline int kh_ordered_prefix_order(const kh_ordered_node *node, khonsu_slice key) {
  size_t size = node->prefix_size;
  if (size == 0) return 0;
  if (KH_UNLIKELY(size > 8 || key.size < 8)) return kh_ordered_prefix_compare(node, key);
  uint64_t expected = kh_key_number(node->prefix) >> (64 - 8 * size); /* there is something behind it */
  uint64_t found = kh_key_number(key.data) >> (64 - 8 * size);
  return (found > expected) - (found < expected);
}

/* Has the first lines fetched: most of a leaf, and the heads of an inner node. */
static inline void kh_ordered_node_prefetch(const kh_ordered_node *node) {
  for (size_t line = 0; line < 12; line++) kh_prefetch((const char *)node + line * KH_CACHE_LINE);
}

/* ---- leaves: the prefix; where suffixes start, and where the last one ends; the suffixes; slack, unless it is empty */

static inline uint16_t *kh_leaf_starts(const kh_ordered_node *leaf) {
  return (uint16_t *)(uintptr_t)(leaf->prefix + ((leaf->prefix_size + 1) & ~(size_t)1));
}
static inline char *kh_leaf_suffixes(const kh_ordered_node *leaf) {
  return (char *)(kh_leaf_starts(leaf) + leaf->count + 1);
}
static inline size_t kh_leaf_bytes(const kh_ordered_node *leaf) { return kh_leaf_starts(leaf)[leaf->count]; }
static inline khonsu_slice kh_leaf_suffix(const kh_ordered_node *leaf, unsigned index) {
  const uint16_t *starts = kh_leaf_starts(leaf);
  return kh_slice(kh_leaf_suffixes(leaf) + starts[index], (size_t)starts[index + 1] - starts[index]);
}
static inline kh_key_pieces kh_leaf_key(const kh_ordered_node *leaf, unsigned index) {
  return (kh_key_pieces){{leaf->prefix, leaf->prefix_size}, kh_leaf_suffix(leaf, index)};
}

/* The word of a key, in a leaf with words; 0 for those not there. */
static inline _Atomic uint64_t *kh_leaf_word(const kh_ordered_node *leaf, unsigned index) {
  return (_Atomic uint64_t *)(uintptr_t)leaf - 1 - index;
}
/* The writer's view, of any leaf. */
static inline uint64_t kh_leaf_peek_word(const kh_ordered_node *leaf, unsigned index) {
  return leaf->has_words ? atomic_load_explicit(kh_leaf_word(leaf, index), memory_order_relaxed) : 0;
}

/* The bits of the first `count` keys. */
static inline uint64_t kh_leaf_first(unsigned count) { return count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1; }
/* The writer's view: it alone changes bits. */
static inline uint64_t kh_leaf_live(const kh_ordered_node *leaf) {
  return atomic_load_explicit(&leaf->live, memory_order_relaxed);
}
static inline unsigned kh_leaf_live_count(const kh_ordered_node *leaf) {
  return (unsigned)__builtin_popcountll(kh_leaf_live(leaf));
}

/* Keys that leaves are made from, in order: at most those of two leaves and one more. Borrowed. */
typedef struct kh_leaf_parts {
  unsigned count;
  bool has_words;
  kh_key_pieces keys[2 * KH_LEAF_MAX + 1];
  uint64_t words[2 * KH_LEAF_MAX + 1]; /* if it has words */
} kh_leaf_parts;

static inline void kh_leaf_parts_init(kh_leaf_parts *parts, bool has_words) { /* not what `count` has not come to */
  parts->count = 0;
  parts->has_words = has_words;
}
void kh_leaf_parts_add(kh_leaf_parts *parts, kh_key_pieces key, uint64_t word);
/* Adds the keys that are there, from `first` to before `end`. */
void kh_leaf_parts_add_from(kh_leaf_parts *parts, const kh_ordered_node *leaf, unsigned first, unsigned end);
/* How many bytes of suffixes a leaf of all the parts would have. */
size_t kh_leaf_parts_bytes(const kh_leaf_parts *parts);

/* A leaf of the parts from `first` to before `end`, all there; they fit. NULL: out of memory. */
kh_ordered_node *kh_leaf_new(const kh_leaf_parts *parts, unsigned first, unsigned end);
/* A copy of the leaf with `key` before the entry `position`. False: it would not fit. `*made` NULL: out of memory. */
bool kh_leaf_with(const kh_ordered_node *leaf, unsigned position, khonsu_slice key, uint64_t word,
                  kh_ordered_node **made);

/* Finds the first entry that is not before `key`, or, with `after`, the first that is after it, be they there or not.
 * Returns whether there is an entry of that key. Readers too. */
bool kh_leaf_seek(const kh_ordered_node *leaf, khonsu_slice key, bool after, unsigned *position);

/* ---- inner nodes: `count` children, and between them count - 1 separators: keys from a separator on are with the
 * children after it. The prefix; heads of suffixes; children; where each suffix ends; suffixes. */

static inline uint64_t *kh_inner_heads(const kh_ordered_node *inner) {
  return (uint64_t *)(uintptr_t)(inner->prefix + ((inner->prefix_size + 7) & ~(size_t)7));
}
static inline _Atomic(kh_ordered_node *) *kh_inner_children(const kh_ordered_node *inner) {
  return (_Atomic(kh_ordered_node *) *)(void *)(kh_inner_heads(inner) + inner->count - 1);
}
/* The writer's view: it alone changes children. */
static inline kh_ordered_node *kh_inner_child(const kh_ordered_node *inner, unsigned index) {
  return atomic_load_explicit(&kh_inner_children(inner)[index], memory_order_relaxed);
}
kh_key_pieces kh_inner_separator(const kh_ordered_node *inner, unsigned index);
/* Of suffixes. */
size_t kh_inner_bytes(const kh_ordered_node *inner);

/* Which child is for `key`. Readers too. */
unsigned kh_inner_find(const kh_ordered_node *inner, khonsu_slice key);

/* What inner nodes are made from: children, and what separates each from the one before (nothing, before the first).
 * All borrowed. */
typedef struct kh_inner_parts {
  unsigned count;
  kh_ordered_node *children[KH_INNER_MAX + 1];
  kh_key_pieces separators[KH_INNER_MAX + 1];
} kh_inner_parts;

void kh_inner_parts_add(kh_inner_parts *parts, kh_key_pieces separator, kh_ordered_node *child);
/* Adds all children of `inner`, `separator` before them. */
void kh_inner_parts_add_all(kh_inner_parts *parts, kh_key_pieces separator, const kh_ordered_node *inner);
void kh_inner_parts_insert(kh_inner_parts *parts, unsigned index, kh_key_pieces separator, kh_ordered_node *child);
void kh_inner_parts_remove(kh_inner_parts *parts, unsigned index);
/* How many bytes of suffixes a node of all the parts would have. */
size_t kh_inner_parts_bytes(const kh_inner_parts *parts);
/* A node of the parts from `first` to before `end`. NULL: out of memory. */
kh_ordered_node *kh_inner_new(const kh_inner_parts *parts, unsigned first, unsigned end, unsigned level);

/* ---- both */

size_t kh_leaf_memory(const kh_ordered_node *leaf);
size_t kh_inner_memory(const kh_ordered_node *inner);
static inline size_t kh_ordered_node_memory(const kh_ordered_node *node) {
  return node->level == 0 ? kh_leaf_memory(node) : kh_inner_memory(node);
}

/* NULL is a no-op. */
static inline void kh_ordered_node_free(kh_ordered_node *node) {
  if (node != NULL) kh_free((uint64_t *)(void *)node - (node->has_words ? node->count : 0));
}

#endif
