/* ordered_inner: inner nodes of the ordered map. */
#include "ordered_node.h"

static uint32_t *ends_of(const kh_inner *inner) {
  return (uint32_t *)(void *)(kh_inner_children(inner) + inner->node.count);
}
static char *bytes_of(const kh_inner *inner) { return (char *)(ends_of(inner) + inner->node.count - 1); }

static size_t memory_of(size_t count, size_t separator_bytes) {
  size_t each_separator = sizeof(uint64_t) + sizeof(uint32_t);
  return sizeof(kh_inner) + count * sizeof(kh_ordered_node *) + (count - 1) * each_separator + separator_bytes;
}

size_t kh_inner_memory(const kh_inner *inner) {
  unsigned count = inner->node.count;
  return memory_of(count, count == 1 ? 0 : ends_of(inner)[count - 2]);
}

khonsu_slice kh_inner_separator(const kh_inner *inner, unsigned index) {
  uint32_t start = index == 0 ? 0 : ends_of(inner)[index - 1];
  return kh_slice(bytes_of(inner) + start, ends_of(inner)[index] - start);
}

unsigned kh_inner_find(const kh_inner *inner, khonsu_slice key) {
  uint64_t head = kh_key_head(kh_key_rest(key, inner->node.skip));
  unsigned low = 0, high = inner->node.count - 1U;
  while (low < high) { /* as many separators as `low`, at least, are not above the key */
    unsigned middle = (low + high) / 2;
    bool above = inner->heads[middle] > head;
    if (KH_UNLIKELY(inner->heads[middle] == head)) {
      above = kh_key_compare(kh_inner_separator(inner, middle), key, inner->node.skip) > 0;
    }
    low = above ? low : middle + 1;
    high = above ? middle : high;
  }
  return low;
}

/* ---- parts */

void kh_inner_parts_add(kh_inner_parts *parts, khonsu_slice separator, kh_ordered_node *child) {
  KH_ASSERT(parts->count <= KH_INNER_MAX);
  parts->separators[parts->count] = separator;
  parts->children[parts->count++] = child;
}

void kh_inner_parts_add_all(kh_inner_parts *parts, khonsu_slice separator, const kh_inner *inner) {
  for (unsigned index = 0; index < inner->node.count; index++) {
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

void kh_inner_parts_insert(kh_inner_parts *parts, unsigned index, khonsu_slice separator, kh_ordered_node *child) {
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

kh_inner *kh_inner_new(const kh_inner_parts *parts, unsigned first, unsigned end, unsigned level, size_t skip) {
  size_t bytes = 0;
  for (unsigned index = first + 1; index < end; index++) bytes += parts->separators[index].size;
  kh_inner *inner = kh_alloc(memory_of(end - first, bytes));
  if (inner == NULL) return NULL;
  inner->node = (kh_ordered_node){.skip = (uint32_t)skip, .level = (uint16_t)level, .count = (uint16_t)(end - first)};
  atomic_init(&kh_inner_children(inner)[0], parts->children[first]);
  uint32_t written = 0;
  for (unsigned index = 1; index < end - first; index++) {
    khonsu_slice separator = parts->separators[first + index];
    atomic_init(&kh_inner_children(inner)[index], parts->children[first + index]);
    inner->heads[index - 1] = kh_key_head(kh_key_rest(separator, skip));
    memcpy(bytes_of(inner) + written, separator.data, separator.size);
    ends_of(inner)[index - 1] = written += (uint32_t)separator.size;
  }
  return inner;
}
