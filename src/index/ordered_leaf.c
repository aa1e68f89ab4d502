/* ordered_leaf: leaves of the ordered map. */
#include "ordered_node.h"

static size_t leaf_memory(unsigned count) {
  return sizeof(kh_leaf) + ((count + 1U) & ~1U) * sizeof(kh_leaf_head) + count * sizeof(uint64_t);
}

size_t kh_leaf_memory(const kh_leaf *leaf) { return leaf_memory(leaf->node.count); }

kh_leaf *kh_leaf_new(unsigned count, size_t skip) {
  kh_leaf *leaf = kh_alloc(leaf_memory(count));
  if (leaf == NULL) return NULL;
  leaf->node = (kh_ordered_node){.skip = (uint32_t)skip, .count = (uint16_t)count};
  return leaf;
}

static uint64_t word_at(const kh_leaf *leaf, unsigned index) {
  return atomic_load_explicit(&kh_leaf_words(leaf)[index], memory_order_relaxed);
}

void kh_leaf_append(kh_leaf *leaf, kh_leaf_head head, uint64_t word) {
  unsigned index = leaf->node.live++;
  leaf->heads[index] = head;
  atomic_init((_Atomic uint64_t *)(uintptr_t)&kh_leaf_words(leaf)[index], word);
}

void kh_leaf_append_from(kh_leaf *leaf, const kh_leaf *from, unsigned first, unsigned end, kh_ordered_source source) {
  bool same = leaf->node.skip == from->node.skip;
  for (unsigned index = first; index < end; index++) {
    uint64_t word = word_at(from, index);
    if (word == 0) continue;
    kh_leaf_head head = same ? from->heads[index] : kh_leaf_head_of(source.key(source.ctx, word), leaf->node.skip);
    kh_leaf_append(leaf, head, word);
  }
}

static unsigned first_not_below(const kh_leaf *leaf, kh_leaf_head head) {
  const kh_leaf_head *base = leaf->heads;
  unsigned left = leaf->node.count;
  if (left == 0) return 0;
  while (left > 1) {
    unsigned half = left / 2;
    base = base[half - 1] < head ? base + half : base;
    left -= half;
  }
  return (unsigned)(base - leaf->heads) + (*base < head);
}

/* Entries that are 0 tell nothing: the next one that does speaks for them. */
static unsigned seek_among(const kh_leaf *leaf, unsigned low, unsigned high, khonsu_slice key, bool after,
                           kh_ordered_source source, uint64_t *equal) {
  while (low < high) {
    unsigned middle = (low + high) / 2, probe = middle;
    uint64_t word = 0;
    while (probe < high && (word = atomic_load(&kh_leaf_words(leaf)[probe])) == 0) probe++;
    int order = probe == high ? 1 : kh_key_compare(source.key(source.ctx, word), key, leaf->node.skip);
    if (order == 0) *equal = word;
    if (order < 0 || (order == 0 && after)) low = probe + 1;
    else high = middle;
  }
  return low;
}

unsigned kh_leaf_seek(const kh_leaf *leaf, khonsu_slice key, bool after, kh_ordered_source source, uint64_t *equal) {
  kh_leaf_head head = kh_leaf_head_of(key, leaf->node.skip);
  unsigned low = first_not_below(leaf, head), high = low;
  while (high < leaf->node.count && leaf->heads[high] == head) high++;
  return seek_among(leaf, low, high, key, after, source, equal);
}
