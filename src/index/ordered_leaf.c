/* ordered_leaf: leaves of the ordered map. */
#include "ordered_node.h"

size_t kh_leaf_memory(size_t count) {
  return sizeof(kh_leaf) + kh_leaf_heads(count) * sizeof(uint32_t) + count * sizeof(uint64_t);
}

kh_leaf *kh_leaf_new(unsigned count, size_t skip) {
  kh_leaf *leaf = kh_alloc(kh_leaf_memory(count));
  if (leaf == NULL) return NULL;
  leaf->node = (kh_ordered_node){.skip = (uint32_t)skip, .count = (uint16_t)count};
  return leaf;
}

void kh_leaf_append(kh_leaf *leaf, uint32_t head, uint64_t word) {
  KH_ASSERT(leaf->node.live < leaf->node.count);
  unsigned index = leaf->node.live++;
  leaf->heads[index] = head;
  atomic_init(&kh_leaf_words(leaf)[index], word);
}

/* All of it live, and the heads of the same bytes. */
static void append_as_is(kh_leaf *leaf, const kh_leaf *from, unsigned first, unsigned end) {
  KH_ASSERT(leaf->node.live + (end - first) <= leaf->node.count);
  _Atomic uint64_t *to = kh_leaf_words(leaf) + leaf->node.live;
  memcpy(leaf->heads + leaf->node.live, from->heads + first, (end - first) * sizeof(uint32_t));
  for (unsigned index = first; index < end; index++) atomic_init(to++, kh_leaf_word(from, index));
  leaf->node.live = (uint16_t)(leaf->node.live + (end - first));
}

void kh_leaf_append_from(kh_leaf *leaf, const kh_leaf *from, unsigned first, unsigned end, kh_ordered_source source) {
  bool same_skip = leaf->node.skip == from->node.skip;
  if (same_skip && from->node.live == from->node.count) {
    append_as_is(leaf, from, first, end);
    return;
  }
  for (unsigned index = first; index < end; index++) {
    uint64_t word = kh_leaf_word(from, index);
    if (word == 0) continue;
    uint32_t head = from->heads[index];
    if (!same_skip) head = kh_leaf_head_of(source.key(source.ctx, word), leaf->node.skip);
    kh_leaf_append(leaf, head, word);
  }
}

/* ---- seeking */

/* The first entry whose head is not below `head`. Without branches that could be mispredicted. */
static unsigned first_not_below(const kh_leaf *leaf, uint32_t head) {
  if (leaf->node.count == 0) return 0;
  const uint32_t *base = leaf->heads;
  for (unsigned left = leaf->node.count; left > 1; left -= left / 2) {
    base = base[left / 2 - 1] < head ? base + left / 2 : base;
  }
  return (unsigned)(base - leaf->heads) + (*base < head);
}

/* Among entries with the head of `key`. Those that are 0 tell nothing; the next one that is not speaks for them. */
static unsigned seek_among(const kh_leaf *leaf, unsigned low, unsigned high, khonsu_slice key, bool after,
                           kh_ordered_source source, uint64_t *equal) {
  while (low < high) {
    unsigned middle = (low + high) / 2, probe = middle;
    uint64_t word = 0;
    while (probe < high && (word = atomic_load(&kh_leaf_words(leaf)[probe])) == 0) probe++; /* B */
    int order = word == 0 ? 1 : kh_key_compare(source.key(source.ctx, word), key, leaf->node.skip);
    if (order == 0) *equal = word;
    if (order < 0 || (order == 0 && after)) low = probe + 1;
    else high = middle;
  }
  return low;
}

unsigned kh_leaf_seek(const kh_leaf *leaf, khonsu_slice key, bool after, kh_ordered_source source, uint64_t *equal) {
  uint32_t head = kh_leaf_head_of(key, leaf->node.skip);
  unsigned low = first_not_below(leaf, head), high = low;
  while (high < leaf->node.count && leaf->heads[high] == head) high++;
  return seek_among(leaf, low, high, key, after, source, equal);
}
