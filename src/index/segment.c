/* segment: placing and taking out words; the rules are P of hash_map.c. */
#include "segment.h"

kh_segment *kh_segment_new(kh_heap *heap, unsigned depth, unsigned capacity_log2) {
  KH_ASSERT(capacity_log2 >= KH_SEGMENT_LOG2_LEAST && capacity_log2 <= KH_SEGMENT_LOG2_MOST);
  size_t size = sizeof(kh_segment) + ((size_t)1 << capacity_log2) * sizeof(uint64_t); /* a multiple of 64 */
  kh_segment *segment = kh_heap_alloc(heap, size);
  if (segment == NULL) return NULL;
  memset(segment, 0, size); /* KH_SLOT_EMPTY */
  segment->depth = depth;
  segment->capacity_log2 = capacity_log2;
  return segment;
}

kh_segment *kh_segment_copy(kh_heap *heap, const kh_segment *segment, unsigned capacity_log2) {
  size_t size = sizeof *segment + (sizeof segment->slots[0] << capacity_log2);
  kh_segment *copy = kh_heap_alloc(heap, size);
  if (copy != NULL) memcpy((void *)copy, (const void *)segment, size);
  return copy;
}

void kh_segment_free(kh_segment *segment) {
  if (segment != NULL) kh_heap_free(segment, kh_segment_memory(segment));
}

/* The slot `probe` steps from the home of the hash. */
static _Atomic uint64_t *slot_at(kh_segment *segment, uint64_t hash, size_t probe) {
  return &segment->slots[(kh_hash_home(hash) + probe) & (kh_segment_capacity(segment) - 1)];
}

/* What only the writer changes, it may read without order. */
static uint64_t peek(const _Atomic uint64_t *slot) { return atomic_load_explicit(slot, memory_order_relaxed); }

bool kh_segment_place(kh_segment *segment, uint64_t hash, uint64_t word) {
  size_t probe = 0;
  while ((peek(slot_at(segment, hash, probe)) & (KH_WORD_LIMIT - 1)) != 0) probe++; /* ends: the limit leaves some */
  _Atomic uint64_t *slot = slot_at(segment, hash, probe);
  if (peek(slot) == KH_SLOT_DELETED) segment->deleted--;
  else if (segment->words + segment->deleted >= kh_segment_limit(segment)) return false;
  segment->words++;
  /* With 3 of find: what the word leads to has been written. */
  atomic_store_explicit(slot, kh_hash_tag(hash) | word, memory_order_release);
  return true;
}

/* How many steps from home the word is. */
static size_t probe_of(kh_segment *segment, uint64_t hash, uint64_t word) {
  uint64_t wanted = kh_hash_tag(hash) | word;
  size_t probe = 0;
  while (peek(slot_at(segment, hash, probe)) != wanted) {
    KH_ASSERT(probe < kh_segment_capacity(segment)); /* the caller says that it is here */
    probe++;
  }
  return probe;
}

void kh_segment_replace(kh_segment *segment, uint64_t hash, uint64_t old, uint64_t word) {
  _Atomic uint64_t *slot = slot_at(segment, hash, probe_of(segment, hash, old));
  atomic_store(slot, kh_hash_tag(hash) | word); /* with 3; unlinks `old`: C of base/epoch.h */
}

/* A slot before an empty one can be empty too, as no probe need go on over it; and so those marked deleted before it.
 * This keeps marks rare: without it every slot would bear one in the end. */
void kh_segment_remove(kh_segment *segment, uint64_t hash, uint64_t word) {
  size_t probe = probe_of(segment, hash, word);
  bool last = peek(slot_at(segment, hash, probe + 1)) == KH_SLOT_EMPTY;
  atomic_store(slot_at(segment, hash, probe), last ? KH_SLOT_EMPTY : KH_SLOT_DELETED); /* with 3; unlinks: C */
  segment->words--;
  segment->deleted += !last;
  if (!last) return;
  while (peek(slot_at(segment, hash, --probe)) == KH_SLOT_DELETED) {
    atomic_store_explicit(slot_at(segment, hash, probe), KH_SLOT_EMPTY, memory_order_relaxed); /* leads nowhere */
    segment->deleted--;
  }
}
