/* ordered_key: keys as the nodes of the ordered map keep them: what all keys of a node begin with once, and the rest of
 * each. Within the room. */
#ifndef KH_INDEX_ORDERED_KEY_H
#define KH_INDEX_ORDERED_KEY_H

#include "base/base.h"

/* A key, one piece after the other. Borrowed. */
typedef struct kh_key_pieces {
  khonsu_slice front, back;
} kh_key_pieces;

static inline kh_key_pieces kh_key_whole(khonsu_slice key) { return (kh_key_pieces){.back = key}; }

/* A key without its first bytes. */
static inline khonsu_slice kh_key_rest(khonsu_slice key, size_t skip) {
  return skip == 0 ? key : kh_slice((const char *)key.data + skip, key.size - skip);
}

/* Eight bytes as a number that is in their order. */
static inline uint64_t kh_key_number(const void *from) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap64(kh_load_8(from));
#else
  return kh_load_8(from);
#endif
}
/* The first `size` bytes of such a number, as if zeros followed them. */
static inline uint64_t kh_key_number_cut(uint64_t number, size_t size) {
  return size >= 8 ? number : number & ~(UINT64_MAX >> (8 * size));
}
/* The head of a key: its first bytes as a number, as if zeros followed it. Heads that differ are in the order of their
 * keys; only where they are equal keys must be compared. */
static inline uint64_t kh_key_head(khonsu_slice rest) {
  if (KH_LIKELY(rest.size >= 8)) return kh_key_number(rest.data);
  char bytes[8] = {0};
  if (rest.size > 0) memcpy(bytes, rest.data, rest.size);
  return kh_key_number(bytes);
}

/* How many bytes two keys have in common. */
static inline size_t kh_key_common(khonsu_slice a, khonsu_slice b) {
  const char *left = a.data, *right = b.data;
  size_t shared = a.size < b.size ? a.size : b.size, common = 0;
  while (common + 8 <= shared && kh_load_8(left + common) == kh_load_8(right + common)) common += 8;
  while (common < shared && left[common] == right[common]) common++;
  return common;
}

/* ---- pieces */

static inline size_t kh_pieces_size(kh_key_pieces key) { return key.front.size + key.back.size; }

/* What follows byte `at`, in one piece. */
static inline khonsu_slice kh_pieces_from(kh_key_pieces key, size_t at) {
  return at < key.front.size ? kh_key_rest(key.front, at) : kh_key_rest(key.back, at - key.front.size);
}

/* The first `size` bytes. */
static inline kh_key_pieces kh_pieces_cut(kh_key_pieces key, size_t size) {
  if (size < key.front.size) return (kh_key_pieces){.front = kh_slice(key.front.data, size)};
  key.back.size = size - key.front.size;
  return key;
}

static inline size_t kh_pieces_common(kh_key_pieces a, kh_key_pieces b) {
  bool same_front = a.front.data == b.front.data && a.front.size == b.front.size;
  for (size_t common = same_front ? a.front.size : 0;;) { /* ends: each piece is looked at twice at most */
    khonsu_slice left = kh_pieces_from(a, common), right = kh_pieces_from(b, common);
    size_t shared = left.size < right.size ? left.size : right.size, more = kh_key_common(left, right);
    common += more;
    if (shared == 0 || more < shared) return common;
  }
}

/* Writes what follows the first `skip` bytes; returns where that ends. */
static inline char *kh_pieces_write(char *to, kh_key_pieces key, size_t skip) {
  if (skip < key.front.size) {
    memcpy(to, (const char *)key.front.data + skip, key.front.size - skip);
    to += key.front.size - skip;
    skip = key.front.size;
  }
  khonsu_slice rest = kh_key_rest(key.back, skip - key.front.size);
  if (rest.size > 0) memcpy(to, rest.data, rest.size);
  return to + rest.size;
}

/* How keys in order are packed: what all of them begin with, which is what the outermost have in common; and how many
 * bytes are left. */
typedef struct kh_packing {
  size_t prefix_size, bytes;
} kh_packing;

static inline kh_packing kh_pieces_pack(const kh_key_pieces *keys, unsigned count) {
  kh_packing packing = {count == 0 ? 0 : kh_pieces_common(keys[0], keys[count - 1]), 0};
  for (unsigned index = 0; index < count; index++) packing.bytes += kh_pieces_size(keys[index]) - packing.prefix_size;
  return packing;
}

#endif
