/* ordered_inner: inner nodes of the ordered map. */
#include "ordered_node.h"

static uint32_t *ends_of(const kh_ordered_node *inner) {
  return (uint32_t *)(void *)(kh_inner_children(inner) + inner->count);
}
static char *suffixes_of(const kh_ordered_node *inner) { return (char *)(ends_of(inner) + inner->count - 1); }

static khonsu_slice suffix_of(const kh_ordered_node *inner, unsigned index) {
  uint32_t start = index == 0 ? 0 : ends_of(inner)[index - 1];
  return kh_slice(suffixes_of(inner) + start, ends_of(inner)[index] - start);
}

static size_t memory_of_inner(size_t count, kh_packing packing) {
  size_t each_separator = sizeof(uint64_t) + sizeof(uint32_t);
  return sizeof(kh_ordered_node) + ((packing.prefix_size + 7) & ~(size_t)7) + count * sizeof(kh_ordered_node *) +
         (count - 1) * each_separator + packing.bytes;
}

size_t kh_inner_bytes(const kh_ordered_node *inner) { return inner->count == 1 ? 0 : ends_of(inner)[inner->count - 2]; }

size_t kh_inner_memory(const kh_ordered_node *inner) {
  return memory_of_inner(inner->count, (kh_packing){inner->prefix_size, kh_inner_bytes(inner)});
}

kh_key_pieces kh_inner_separator(const kh_ordered_node *inner, unsigned index) {
  return (kh_key_pieces){{inner->prefix, inner->prefix_size}, suffix_of(inner, index)};
}

/* ---- finding */

int kh_ordered_prefix_compare(const kh_ordered_node *node, khonsu_slice key) {
  size_t shared = key.size < node->prefix_size ? key.size : node->prefix_size;
  int order = shared == 0 ? 0 : memcmp(key.data, node->prefix, shared);
  if (order != 0) return order < 0 ? -1 : 1;
  return key.size < node->prefix_size ? -1 : 0;
}

unsigned kh_inner_find(const kh_ordered_node *inner, khonsu_slice key) {
  int order = kh_ordered_prefix_order(inner, key);
  if (order != 0) return order < 0 ? 0 : inner->count - 1U;
  khonsu_slice rest = kh_key_rest(key, inner->prefix_size);
  const uint64_t *heads = kh_inner_heads(inner);
  uint64_t head = kh_key_head(rest);
  unsigned low = 0, high = inner->count - 1U;
  while (low < high) { /* as many separators as `low`, at least, are not above the key */
    unsigned middle = (low + high) / 2;
    bool above = heads[middle] > head;
    if (KH_UNLIKELY(heads[middle] == head)) above = kh_slice_compare(suffix_of(inner, middle), rest) > 0;
    low = above ? low : middle + 1;
    high = above ? middle : high;
  }
  return low;
}

/* ---- parts */

void kh_inner_parts_add(kh_inner_parts *parts, kh_key_pieces separator, kh_ordered_node *child) {
  KH_ASSERT(parts->count <= KH_INNER_MAX);
  parts->separators[parts->count] = separator;
  parts->children[parts->count++] = child;
}

void kh_inner_parts_add_all(kh_inner_parts *parts, kh_key_pieces separator, const kh_ordered_node *inner) {
  for (unsigned index = 0; index < inner->count; index++) {
    kh_inner_parts_add(parts, index == 0 ? separator : kh_inner_separator(inner, index - 1),
                       kh_inner_child(inner, index));
  }
}

/* Shifts the parts from `index` on, so that the first of them comes to `to`. */
static void shift(kh_inner_parts *parts, unsigned index, unsigned to) {
  size_t count = parts->count - index;
  memmove(&parts->children[to], &parts->children[index], count * sizeof parts->children[0]);
  memmove(&parts->separators[to], &parts->separators[index], count * sizeof parts->separators[0]);
}

void kh_inner_parts_insert(kh_inner_parts *parts, unsigned index, kh_key_pieces separator, kh_ordered_node *child) {
  KH_ASSERT(parts->count <= KH_INNER_MAX);
  shift(parts, index, index + 1);
  parts->children[index] = child;
  parts->separators[index] = separator;
  parts->count++;
}

void kh_inner_parts_remove(kh_inner_parts *parts, unsigned index) {
  shift(parts, index + 1, index);
  parts->count--;
}

static kh_packing packing_of(const kh_inner_parts *parts, unsigned first, unsigned end) {
  return kh_pieces_pack(parts->separators + first + 1, end - first - 1);
}

size_t kh_inner_parts_bytes(const kh_inner_parts *parts) { return packing_of(parts, 0, parts->count).bytes; }

static void write_separators(kh_ordered_node *inner, const kh_inner_parts *parts, unsigned first) {
  if (inner->prefix_size > 0) {
    kh_pieces_write(inner->prefix, kh_pieces_cut(parts->separators[first + 1], inner->prefix_size), 0);
  }
  char *suffixes = suffixes_of(inner), *to = suffixes;
  for (unsigned index = 0; index + 1 < inner->count; index++) {
    to = kh_pieces_write(to, parts->separators[first + index + 1], inner->prefix_size);
    ends_of(inner)[index] = (uint32_t)(to - suffixes);
    kh_inner_heads(inner)[index] = kh_key_head(suffix_of(inner, index));
  }
}

kh_ordered_node *kh_inner_new(const kh_inner_parts *parts, unsigned first, unsigned end, unsigned level) {
  kh_packing packing = packing_of(parts, first, end);
  kh_ordered_node *inner = kh_alloc(memory_of_inner(end - first, packing));
  if (inner == NULL) return NULL;
  inner->retired = (kh_retired){NULL, 0, NULL};
  atomic_init(&inner->live, 0);
  inner->prefix_size = (uint32_t)packing.prefix_size;
  inner->level = (uint8_t)level;
  inner->has_words = false;
  inner->count = (uint16_t)(end - first);
  for (unsigned index = first; index < end; index++) {
    atomic_init(&kh_inner_children(inner)[index - first], parts->children[index]);
  }
  write_separators(inner, parts, first);
  return inner;
}
