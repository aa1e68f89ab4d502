/* control: a byte for each slot of a segment of the hash map, eight of them in one number, the first one lowest. Within the
 * room; what a byte says and who changes it stands in hash_map.h and segment.c.
 *
 * They are looked at together, without branches: the bits of "which of these bytes is x" are found by arithmetic on the
 * number (Mycroft's test for a zero byte), as in the portable groups of Abseil's Swiss tables. */
#ifndef KH_INDEX_CONTROL_H
#define KH_INDEX_CONTROL_H

#include "base/base.h"

enum { KH_GROUP_LOG2 = 3, KH_GROUP_SLOTS = 1 << KH_GROUP_LOG2 };

/* The other values are of slots that hold words. */
enum { KH_CONTROL_EMPTY = 0, KH_CONTROL_DELETED = 1 };

#define KH_CONTROL_EACH UINT64_C(0x0101010101010101)

/* The top bits of the bytes that are 0. Above the lowest of these, of some that are 1 as well. */
static inline uint64_t kh_control_zeros(uint64_t controls) {
  return (controls - KH_CONTROL_EACH) & ~controls & KH_CONTROL_EACH << 7;
}

/* The top bits of the bytes that are `control`, and perhaps of a few others. */
static inline uint64_t kh_control_matches(uint64_t controls, uint64_t control) {
  return kh_control_zeros(controls ^ control * KH_CONTROL_EACH);
}

/* The top bits of the bytes of slots without a word; but for the lowest, perhaps of a few others. */
static inline uint64_t kh_control_free(uint64_t controls) {
  return kh_control_zeros(controls & ~(KH_CONTROL_DELETED * KH_CONTROL_EACH));
}

static inline bool kh_control_has_empty(uint64_t controls) { return kh_control_zeros(controls) != 0; }

/* Which byte the lowest of such bits is of. */
static inline size_t kh_control_first(uint64_t bits) { return (size_t)__builtin_ctzll(bits) / 8; }

static inline uint64_t kh_control_at(uint64_t controls, size_t index) {
  return controls >> 8 * (index % KH_GROUP_SLOTS) & 0xff;
}
static inline uint64_t kh_control_with(uint64_t controls, size_t index, uint64_t control) {
  return controls ^ (kh_control_at(controls, index) ^ control) << 8 * (index % KH_GROUP_SLOTS);
}

#endif
