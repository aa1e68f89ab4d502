#include "chunk_list.h"

static const uint64_t capacity_least = 4, capacity_most = UINT32_MAX / 2;

static void block_unref(kh_chunk_block *block) {
  while (block != NULL) { /* not by recursion: it may be a long way down */
    if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) != 1) return;
    uint32_t used = atomic_load_explicit(&block->used, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++) kh_chunk_unref(block->entries[i]);
    kh_chunk_block *below = block->below;
    kh_free(block);
    block = below;
  }
}

static kh_chunk_block *block_ref(kh_chunk_block *block) {
  if (block != NULL) atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
  return block;
}

void kh_chunk_list_share(const kh_chunk_list *list, kh_chunk_list *other) {
  block_ref(list->last);
  *other = *list;
}

void kh_chunk_list_fini(kh_chunk_list *list) {
  block_unref(list->last);
  *list = (kh_chunk_list){NULL, 0};
}

static void fill(kh_chunk_block *block, uint32_t from, kh_chunk *const *chunks, size_t count) {
  for (size_t i = 0; i < count; i++) block->entries[from + i] = kh_chunk_ref(chunks[i]);
}

/* ---- claiming the free entries of the last block */

static bool claim(const kh_chunk_list *base, size_t count) {
  if (base->last == NULL || count > base->last->capacity - base->seen) return false;
  uint32_t seen = base->seen;
  return atomic_compare_exchange_strong_explicit(&base->last->used, &seen, seen + (uint32_t)count, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/* ---- putting a block on top */

static unsigned log2_of(uint64_t count) { return count == 0 ? 0 : 63 - (unsigned)__builtin_clzll(count); }

/* The last block is full and holds half of the list, and there is depth left. */
static bool has_doubled(const kh_chunk_list *base) {
  uint64_t total = kh_chunk_list_count(base);
  return base->seen == base->last->capacity && base->seen >= total / 2 && base->last->depth < 2 * log2_of(total) + 8;
}

/* Walks `below` down past the blocks that a new block of `count` entries takes in; returns how many entries it then
 * has. */
static uint64_t take_in(kh_chunk_list *below, uint64_t count) {
  while (below->last != NULL) {
    const kh_chunk_block *block = below->last;
    bool is_small = below->seen < 2 * count,
         is_large_on_top = block->below != NULL && block->below_seen < 2 * below->seen;
    if (!is_small && !is_large_on_top) break;
    count += below->seen;
    *below = (kh_chunk_list){block->below, block->below_seen};
  }
  return count;
}

static kh_chunk_block *new_block(const kh_chunk_list *below, uint64_t used, uint64_t capacity) {
  if (capacity > capacity_most) capacity = capacity_most;
  if (capacity < capacity_least) capacity = capacity_least;
  if (used > capacity) return NULL;
  kh_chunk_block *block = kh_alloc(sizeof *block + (size_t)capacity * sizeof block->entries[0]);
  if (block == NULL) return NULL;
  atomic_init(&block->references, 1);
  atomic_init(&block->used, (uint32_t)used);
  block->capacity = (uint32_t)capacity;
  block->depth = below->last == NULL ? 0 : below->last->depth + 1;
  block->below = block_ref(below->last);
  block->below_seen = below->seen;
  block->start = kh_chunk_list_count(below);
  return block;
}

static khonsu_status put_on_top(const kh_chunk_list *base, kh_chunk *const *chunks, size_t count,
                                kh_chunk_list *joined) {
  kh_chunk_list below = *base;
  uint64_t total = kh_chunk_list_count(base) + count, used = count, capacity = total;
  if (base->last == NULL || !has_doubled(base)) {
    used = take_in(&below, count);
    capacity = 2 * used;
  }
  if (below.last != NULL && below.last->depth + 1 > 3 * log2_of(total) + 8) { /* everything */
    below = (kh_chunk_list){NULL, 0};
    used = total;
    capacity = 2 * total;
  }
  if (capacity < used) capacity = used;
  kh_chunk_block *block = new_block(&below, used, capacity);
  if (block == NULL) return KHONSU_NO_MEMORY;
  uint32_t taken = (uint32_t)(used - count);
  kh_chunk_list old = *base;
  for (uint32_t left = taken; left > 0; old = (kh_chunk_list){old.last->below, old.last->below_seen}) {
    left -= old.seen;
    fill(block, left, old.last->entries, old.seen);
  }
  fill(block, taken, chunks, count);
  *joined = (kh_chunk_list){block, (uint32_t)used};
  return KHONSU_OK;
}

khonsu_status kh_chunk_list_append(const kh_chunk_list *base, kh_chunk *const *chunks, size_t count,
                                   kh_chunk_list *joined) {
  if (!claim(base, count)) return put_on_top(base, chunks, count, joined);
  fill(base->last, base->seen, chunks, count);
  *joined = (kh_chunk_list){block_ref(base->last), base->seen + (uint32_t)count};
  return KHONSU_OK;
}

kh_chunk_list kh_chunk_list_cut(const kh_chunk_list *list, uint64_t count) {
  kh_chunk_list rest = *list;
  while (rest.last != NULL && rest.last->start >= count)
    rest = (kh_chunk_list){rest.last->below, rest.last->below_seen};
  if (rest.last != NULL) rest.seen = (uint32_t)(count - rest.last->start);
  return rest;
}

/* ---- reading */

kh_chunk_run kh_chunk_list_run(const kh_chunk_list *list, uint64_t index) {
  const kh_chunk_block *block = list->last;
  uint32_t seen = list->seen;
  while (index < block->start) {
    seen = block->below_seen;
    block = block->below;
  }
  uint64_t place = index - block->start;
  return (kh_chunk_run){block->entries + place, seen - place};
}
