/* segment: placing and taking out words; the rules are P of hash_map.c. */
#include "segment.h"

kh_segment *kh_segment_new(kh_heap *heap, unsigned depth, unsigned capacity_log2) {
  KH_ASSERT(capacity_log2 >= KH_SEGMENT_LOG2_LEAST && capacity_log2 <= KH_SEGMENT_LOG2_MOST);
  size_t size = kh_segment_size(capacity_log2);
  kh_segment *segment = kh_heap_alloc(heap, size);
  if (segment == NULL) return NULL;
  memset(segment, 0, size); /* KH_SLOT_EMPTY, KH_CONTROL_EMPTY */
  segment->depth = depth;
  segment->capacity_log2 = capacity_log2;
  return segment;
}

kh_segment *kh_segment_copy(kh_heap *heap, const kh_segment *segment, unsigned capacity_log2) {
  size_t size = kh_segment_size(capacity_log2);
  kh_segment *copy = kh_heap_alloc(heap, size);
  if (copy != NULL) memcpy((void *)copy, (const void *)segment, size);
  return copy;
}

void kh_segment_free(kh_segment *segment) {
  if (segment != NULL) kh_heap_free(segment, kh_segment_memory(segment));
}

static uint64_t peek(const kh_segment *segment, size_t index) {
  return atomic_load_explicit(&segment->slots[index], memory_order_relaxed);
}

/* With 3 of find: what the slot holds has been written. */
static void set_control(kh_segment *segment, size_t index, uint64_t control) {
  size_t group = index / KH_GROUP_SLOTS;
  uint64_t controls = kh_control_with(kh_segment_controls(segment, group), index, control);
  atomic_store_explicit(&segment->slots[kh_segment_capacity(segment) + group], controls, memory_order_release);
}

/* The group `probe` steps from the home of the hash. */
static size_t group_at(const kh_segment *segment, uint64_t hash, size_t probe) {
  return (kh_hash_home(hash) + probe) & (kh_segment_groups(segment) - 1);
}

/* The first slot without a word that a find of the hash comes to. */
static size_t free_slot(const kh_segment *segment, uint64_t hash) {
  for (size_t probe = 0;; probe++) { /* ends: the limit leaves some */
    size_t group = group_at(segment, hash, probe);
    uint64_t found = kh_control_free(kh_segment_controls(segment, group));
    if (found != 0) return group * KH_GROUP_SLOTS + kh_control_first(found);
  }
}

bool kh_segment_place(kh_segment *segment, uint64_t hash, uint64_t word) {
  size_t index = free_slot(segment, hash);
  uint64_t control = kh_control_at(kh_segment_controls(segment, index / KH_GROUP_SLOTS), index);
  if (control == KH_CONTROL_DELETED) segment->deleted--;
  else if (segment->words + segment->deleted >= kh_segment_limit(segment)) return false;
  segment->words++;
  /* With 4 of find, who may know the slot by what it held before: what the word leads to has been written. */
  atomic_store_explicit(&segment->slots[index], kh_hash_tag(hash) | word, memory_order_release);
  set_control(segment, index, kh_hash_control(hash));
  return true;
}

/* The slot of the group that holds this; or the first one of another group. */
static size_t slot_in(const kh_segment *segment, size_t group, uint64_t control, uint64_t wanted) {
  uint64_t found = kh_control_matches(kh_segment_controls(segment, group), control);
  for (; found != 0; found &= found - 1) {
    size_t index = group * KH_GROUP_SLOTS + kh_control_first(found);
    if (peek(segment, index) == wanted) return index;
  }
  return (group + 1) * KH_GROUP_SLOTS;
}

static size_t slot_of(const kh_segment *segment, uint64_t hash, uint64_t word) {
  for (size_t probe = 0;; probe++) {
    KH_ASSERT(probe < kh_segment_groups(segment)); /* the caller says that it is here */
    size_t group = group_at(segment, hash, probe);
    size_t index = slot_in(segment, group, kh_hash_control(hash), kh_hash_tag(hash) | word);
    if (index / KH_GROUP_SLOTS == group) return index;
  }
}

void kh_segment_replace(kh_segment *segment, uint64_t hash, uint64_t old, uint64_t word) {
  size_t index = slot_of(segment, hash, old);
  atomic_store(&segment->slots[index], kh_hash_tag(hash) | word); /* with 4; unlinks `old`: C of base/epoch.h */
}

/* No find goes on over a group that has an empty slot, so another one may become empty there. This keeps marks rare. */
void kh_segment_remove(kh_segment *segment, uint64_t hash, uint64_t word) {
  size_t index = slot_of(segment, hash, word);
  bool ends = kh_control_has_empty(kh_segment_controls(segment, index / KH_GROUP_SLOTS));
  atomic_store(&segment->slots[index], KH_SLOT_EMPTY); /* with 4; unlinks: C */
  set_control(segment, index, ends ? KH_CONTROL_EMPTY : KH_CONTROL_DELETED);
  segment->words--;
  segment->deleted += !ends;
}
