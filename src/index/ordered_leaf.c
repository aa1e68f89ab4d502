/* ordered_leaf: leaves of the ordered map. */
#include "ordered_node.h"

static size_t memory_of_words(size_t count, bool has_words) { return has_words ? count * sizeof(uint64_t) : 0; }

static size_t memory_of_leaf(size_t count, kh_packing packing, bool has_words) {
  size_t fixed = sizeof(kh_ordered_node) + ((packing.prefix_size + 1) & ~(size_t)1) + (count + 1) * sizeof(uint16_t);
  return memory_of_words(count, has_words) + fixed + (count == 0 ? 0 : packing.bytes + KH_NODE_SLACK);
}

size_t kh_leaf_memory(const kh_ordered_node *leaf) {
  return memory_of_leaf(leaf->count, (kh_packing){leaf->prefix_size, kh_leaf_bytes(leaf)}, leaf->has_words);
}

/* With all but the bytes of its keys, where they start, and words. NULL: out of memory. */
static kh_ordered_node *leaf_of(unsigned count, kh_packing packing, bool has_words, uint64_t live) {
  KH_ASSERT(count <= KH_LEAF_MAX && packing.bytes <= KH_LEAF_BYTES);
  char *block = kh_alloc(memory_of_leaf(count, packing, has_words));
  if (block == NULL) return NULL;
  kh_ordered_node *leaf = (kh_ordered_node *)(void *)(block + memory_of_words(count, has_words));
  leaf->retired = (kh_retired){NULL, 0, NULL};
  atomic_init(&leaf->live, live);
  leaf->prefix_size = (uint32_t)packing.prefix_size;
  leaf->level = 0;
  leaf->has_words = has_words;
  leaf->count = (uint16_t)count;
  kh_leaf_starts(leaf)[0] = 0;
  if (count > 0) memset(kh_leaf_suffixes(leaf) + packing.bytes, 0, KH_NODE_SLACK);
  return leaf;
}

/* ---- parts */

void kh_leaf_parts_add(kh_leaf_parts *parts, kh_key_pieces key, uint64_t word) {
  parts->words[parts->count] = word;
  parts->keys[parts->count++] = key;
}

void kh_leaf_parts_add_from(kh_leaf_parts *parts, const kh_ordered_node *leaf, unsigned first, unsigned end) {
  uint64_t live = kh_leaf_live(leaf) & kh_leaf_first(end) & ~kh_leaf_first(first);
  for (; live != 0; live &= live - 1) {
    unsigned index = (unsigned)__builtin_ctzll(live);
    kh_leaf_parts_add(parts, kh_leaf_key(leaf, index), kh_leaf_peek_word(leaf, index));
  }
}

size_t kh_leaf_parts_bytes(const kh_leaf_parts *parts) { return kh_pieces_pack(parts->keys, parts->count).bytes; }

kh_ordered_node *kh_leaf_new(const kh_leaf_parts *parts, unsigned first, unsigned end) {
  kh_packing packing = kh_pieces_pack(parts->keys + first, end - first);
  kh_ordered_node *leaf = leaf_of(end - first, packing, parts->has_words, kh_leaf_first(end - first));
  if (leaf == NULL) return NULL;
  if (packing.prefix_size > 0) kh_pieces_write(leaf->prefix, kh_pieces_cut(parts->keys[first], packing.prefix_size), 0);
  uint16_t *starts = kh_leaf_starts(leaf);
  char *suffixes = kh_leaf_suffixes(leaf), *to = suffixes;
  for (unsigned index = first; index < end; index++) {
    to = kh_pieces_write(to, parts->keys[index], packing.prefix_size);
    *++starts = (uint16_t)(to - suffixes);
    if (leaf->has_words) atomic_init(kh_leaf_word(leaf, index - first), parts->words[index]);
  }
  return leaf;
}

/* ---- inserting */

/* Plain copies: the new leaf is private, and the writer alone changes the words of the old one. */
static void splice_words(kh_ordered_node *leaf, const kh_ordered_node *old, unsigned position, uint64_t word) {
  uint64_t *to = (uint64_t *)(void *)leaf;
  const uint64_t *from = (const uint64_t *)(const void *)old;
  memcpy(to - position, from - position, position * sizeof *to);
  atomic_init(kh_leaf_word(leaf, position), word);
  memcpy(to - leaf->count, from - old->count, (old->count - position) * sizeof *to);
}

/* The same prefix, and all entries, with one that begins with the prefix among them. NULL: out of memory. */
static kh_ordered_node *spliced(const kh_ordered_node *old, unsigned position, khonsu_slice suffix, uint64_t word) {
  uint64_t live = kh_leaf_live(old), before = kh_leaf_first(position);
  live = (live & before) | UINT64_C(1) << position | (live & ~before) << 1;
  kh_packing packing = {old->prefix_size, kh_leaf_bytes(old) + suffix.size};
  kh_ordered_node *leaf = leaf_of(old->count + 1U, packing, old->has_words, live);
  if (leaf == NULL) return NULL;
  if (old->has_words) splice_words(leaf, old, position, word);
  memcpy(leaf->prefix, old->prefix, old->prefix_size);
  const uint16_t *old_starts = kh_leaf_starts(old);
  uint16_t *starts = kh_leaf_starts(leaf), more = (uint16_t)suffix.size;
  memcpy(starts, old_starts, (position + 1U) * sizeof *starts);
  for (unsigned index = position; index <= old->count; index++)
    starts[index + 1] = (uint16_t)(old_starts[index] + more);
  const char *from = kh_leaf_suffixes(old);
  char *to = kh_leaf_suffixes(leaf);
  size_t at = old_starts[position];
  memcpy(to, from, at);
  if (suffix.size > 0) memcpy(to + at, suffix.data, suffix.size);
  memcpy(to + at + suffix.size, from + at, kh_leaf_bytes(old) - at);
  return leaf;
}

static bool can_be_spliced(const kh_ordered_node *leaf, khonsu_slice key) {
  if (leaf->count == 0 || leaf->count == KH_LEAF_MAX || key.size < leaf->prefix_size) return false;
  if (kh_leaf_bytes(leaf) + key.size - leaf->prefix_size > KH_LEAF_BYTES) return false;
  return kh_ordered_prefix_order(leaf, key) == 0;
}

bool kh_leaf_with(const kh_ordered_node *leaf, unsigned position, khonsu_slice key, uint64_t word,
                  kh_ordered_node **made) {
  if (KH_LIKELY(can_be_spliced(leaf, key))) {
    *made = spliced(leaf, position, kh_key_rest(key, leaf->prefix_size), word);
    return true;
  }
  kh_leaf_parts parts;
  kh_leaf_parts_init(&parts, leaf->has_words);
  kh_leaf_parts_add_from(&parts, leaf, 0, position);
  kh_leaf_parts_add(&parts, kh_key_whole(key), word);
  kh_leaf_parts_add_from(&parts, leaf, position, leaf->count);
  if (parts.count > KH_LEAF_MAX || kh_leaf_parts_bytes(&parts) > KH_LEAF_BYTES) return false;
  *made = kh_leaf_new(&parts, 0, parts.count);
  return true;
}

/* ---- seeking */

static inline uint64_t head_at(const uint16_t *starts, const char *suffixes, unsigned index) {
  return kh_key_number_cut(kh_key_number(suffixes + starts[index]), (size_t)starts[index + 1] - starts[index]);
}

/* The first entry whose head is not below `head`. Without branches that could be mispredicted. */
static unsigned first_not_below(const kh_ordered_node *leaf, uint64_t head) {
  const uint16_t *starts = kh_leaf_starts(leaf), *base = starts;
  const char *suffixes = kh_leaf_suffixes(leaf);
  for (unsigned left = leaf->count; left > 1; left -= left / 2) {
    base = head_at(base, suffixes, left / 2 - 1) < head ? base + left / 2 : base;
  }
  return (unsigned)(base - starts) + (head_at(base, suffixes, 0) < head);
}

bool kh_leaf_seek(const kh_ordered_node *leaf, khonsu_slice key, bool after, unsigned *position) {
  int order = kh_ordered_prefix_order(leaf, key);
  *position = order > 0 ? leaf->count : 0;
  if (order != 0 || leaf->count == 0) return false;
  const uint16_t *starts = kh_leaf_starts(leaf);
  const char *suffixes = kh_leaf_suffixes(leaf);
  khonsu_slice rest = kh_key_rest(key, leaf->prefix_size);
  uint64_t head = kh_key_head(rest);
  unsigned low = first_not_below(leaf, head), high = low;
  while (high < leaf->count && head_at(starts, suffixes, high) == head) high++;
  bool equal = false;
  while (low < high) { /* among those with the head of the key */
    unsigned middle = (low + high) / 2;
    order = kh_slice_compare(kh_leaf_suffix(leaf, middle), rest);
    equal |= order == 0;
    if (order < 0 || (order == 0 && after)) low = middle + 1;
    else high = middle;
  }
  *position = low;
  return equal;
}
