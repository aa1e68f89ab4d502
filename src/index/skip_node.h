/* skip_node: nodes of the skip list, and the way to one. Within the room; see skip_list.c for the argument. */
#ifndef KH_INDEX_SKIP_NODE_H
#define KH_INDEX_SKIP_NODE_H

#include "index.h"

typedef struct kh_skip_node {
  kh_retired retired;
  _Atomic uint64_t word;
  uint32_t size; /* of the key */
  uint32_t height;
  kh_skip_link links[]; /* to the next node, by level, below `height`; the key follows */
} kh_skip_node;

static inline khonsu_slice kh_skip_key(const kh_skip_node *node) {
  return kh_slice(node->links + node->height, node->size);
}

/* What the heap gives for a node. */
static inline size_t kh_skip_memory(size_t height, size_t size) {
  size_t bytes = sizeof(kh_skip_node) + height * sizeof(kh_skip_link) + size;
  size_t unit = bytes <= KH_HEAP_CACHED ? 16 : 64;
  return (bytes + unit - 1) & ~(unit - 1);
}

/* A place between keys: before `key`, or after it; without one, behind all keys. */
typedef struct kh_skip_bound {
  const khonsu_slice *key;
  bool after;
} kh_skip_bound;

static inline bool kh_skip_is_before(const kh_skip_node *node, kh_skip_bound bound) {
  if (bound.key == NULL) return true;
  int order = kh_slice_compare(kh_skip_key(node), *bound.key);
  return order < 0 || (order == 0 && bound.after);
}

/* Goes down to the level `bottom`, on each level as far as keys are before the bound. `before`, if it is not NULL, gets
 * the links of the last node there, or those of the list, by level. Returns the first node of the lowest that is not
 * before the bound; NULL: none. */
static inline __attribute__((always_inline)) kh_skip_node *kh_skip_seek(const kh_skip_list *list, kh_skip_bound bound,
                                                                        unsigned bottom, kh_skip_link **before) {
  kh_skip_link *at = (kh_skip_link *)(uintptr_t)list->first;
  kh_skip_node *beyond = NULL; /* one that is known not to be before the bound: the same for several levels, mostly */
  for (unsigned level = KH_SKIP_HEIGHT_MAX; level-- > bottom;) {
    kh_skip_node *next = atomic_load(&at[level]); /* B */
    while (next != beyond && next != NULL && kh_skip_is_before(next, bound)) {
      at = next->links;
      next = atomic_load(&at[level]); /* B */
    }
    beyond = next;
    if (before != NULL) before[level] = at;
  }
  return beyond;
}

#endif
