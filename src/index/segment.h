/* segment: one table of slots of the hash map, with linear probing by groups. Within the room; see hash_map.c for the
 * argument.
 *
 * Readers see the slots only, through an entry of the directory. All functions here are the writer's. */
#ifndef KH_INDEX_SEGMENT_H
#define KH_INDEX_SEGMENT_H

#include "index.h"

typedef struct kh_segment {
  kh_retired retired;
  unsigned depth;         /* how many top bits the hashes of all its words share ("local depth") */
  unsigned capacity_log2; /* of the number of slots */
  size_t words, deleted;  /* slots that hold a word, slots marked deleted */
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t slots[]; /* and behind them their control bytes */
} kh_segment;

enum { KH_SEGMENT_LOG2_LEAST = 6, KH_SEGMENT_LOG2_MOST = 31 }; /* of capacities; what entries have room for */

static inline size_t kh_segment_capacity(const kh_segment *segment) { return (size_t)1 << segment->capacity_log2; }
static inline size_t kh_segment_groups(const kh_segment *segment) {
  return kh_segment_capacity(segment) / KH_GROUP_SLOTS;
}
/* How many slots may be other than empty: at four fifths a third of the groups is full, and finds go on over them. */
static inline size_t kh_segment_limit(const kh_segment *segment) {
  return kh_segment_capacity(segment) - kh_segment_capacity(segment) / 5;
}
/* Bytes of one with so many slots, with their control bytes: a multiple of 64. */
static inline size_t kh_segment_size(unsigned capacity_log2) {
  return sizeof(kh_segment) + ((sizeof(uint64_t) + 1) << capacity_log2);
}
static inline size_t kh_segment_memory(const kh_segment *segment) { return kh_segment_size(segment->capacity_log2); }
static inline uintptr_t kh_segment_entry(kh_segment *segment) {
  return (uintptr_t)segment->slots | segment->capacity_log2;
}
static inline kh_segment *kh_entry_segment(uintptr_t entry) {
  return KH_CONTAINER_OF(kh_entry_slots(entry), kh_segment, slots);
}
/* What only the writer changes, it may read without order; so may who knows that nobody changes it. */
static inline uint64_t kh_segment_controls(const kh_segment *segment, size_t group) {
  return atomic_load_explicit(&segment->slots[kh_segment_capacity(segment) + group], memory_order_relaxed);
}

/* An empty segment; NULL: out of memory. */
kh_segment *kh_segment_new(kh_heap *heap, unsigned depth, unsigned capacity_log2);
/* The same again, of so many slots: what the segment says itself is not looked at. NULL: out of memory. */
kh_segment *kh_segment_copy(kh_heap *heap, const kh_segment *segment, unsigned capacity_log2);
void kh_segment_free(kh_segment *segment); /* NULL is a no-op; its capacity is right */

/* Puts the word into the first slot free for it. False: that would exceed the limit; nothing changed. */
bool kh_segment_place(kh_segment *segment, uint64_t hash, uint64_t word);
/* Both words are of the same key; `old` must be present. */
void kh_segment_replace(kh_segment *segment, uint64_t hash, uint64_t old, uint64_t word);
/* The word must be present. */
void kh_segment_remove(kh_segment *segment, uint64_t hash, uint64_t word);

#endif
