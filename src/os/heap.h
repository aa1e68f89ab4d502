/* heap: memory for the many small blocks of one store, out of large pages.
 *
 * What lies scattered over hundreds of MiB is looked at by one cache miss after the other, and with pages of 4 KiB each
 * costs a walk of the page tables on top: a third of the time of a read at random, measured over 200 MiB. So blocks
 * come from regions of 2 MiB that the system is asked to back by one page each. Who allocates and frees keeps some
 * blocks of each size in a cache of its own (Bonwick, Adams, "Magazines and vmem", 2001) and turns to the heap for a
 * handful at a time. Blocks carry no header: who frees says how large they are.
 *
 *   region   2 MiB, cut into pages; freed when all of them are
 *   page     256 KiB of blocks of one size; any size once all of them are free
 *   block    of up to KH_HEAP_LARGEST bytes. Larger ones come from malloc
 *
 * Threads: a cache belongs to one at a time. All else may be called by anyone. */
#ifndef KH_OS_HEAP_H
#define KH_OS_HEAP_H

#include "os.h"

enum {
  KH_HEAP_CACHED = 1024,   /* bytes of the largest block that caches keep; up to it, sizes are multiples of 16 */
  KH_HEAP_LARGEST = 32768, /* of the largest block of a heap; beyond KH_HEAP_CACHED, sizes are multiples of 64 */
  KH_HEAP_BINS = KH_HEAP_CACHED / 16
};

typedef struct kh_heap kh_heap;

typedef struct kh_block {
  struct kh_block *next;
} kh_block;

/* Blocks of each size that are free. */
typedef struct kh_heap_cache {
  kh_heap *heap;
  struct kh_heap_bin {
    kh_block *first;
    uint32_t count;
  } bins[KH_HEAP_BINS];
} kh_heap_cache;

/* NULL: out of memory. */
kh_heap *kh_heap_new(void);
/* The one of the process, for what belongs to no store. It stays: a region of it at least. */
kh_heap *kh_heap_common(void);
/* No more is allocated; the caches are closed. The heap goes with its last block, now or later. */
void kh_heap_close(kh_heap *heap);

/* At least `size` bytes, aligned to 16, to 64 if the size is a multiple of that. NULL: out of memory. */
void *kh_heap_alloc(kh_heap *heap, size_t size);
/* `size` is what was asked for; NULL is a no-op. Any heap's. */
void kh_heap_free(void *block, size_t size);

void kh_heap_cache_init(kh_heap_cache *cache, kh_heap *heap);
/* Gives its blocks back. */
void kh_heap_cache_fini(kh_heap_cache *cache);

/* As kh_heap_alloc and kh_heap_free. What is freed into a cache is of the same heap. */
static inline void *kh_heap_cache_alloc(kh_heap_cache *cache, size_t size);
static inline void kh_heap_cache_free(kh_heap_cache *cache, void *block, size_t size);

/* ---- within the room */

/* Sanitizers look at blocks that malloc knows; so do tests that make allocations fail. */
#if defined(KHONSU_PLAIN_HEAP) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KH_HEAP_PLAIN = 1 };
#else
enum { KH_HEAP_PLAIN = 0 };
#endif

void *kh_heap_cache_refill(kh_heap_cache *cache, size_t size);
void kh_heap_cache_flush(kh_heap_cache *cache, size_t bin);
static inline uint32_t kh_heap_handful(size_t bin) { return bin < 16 ? 32 : bin < 32 ? 16 : 8; }

static inline void *kh_heap_cache_alloc(kh_heap_cache *cache, size_t size) {
  if (KH_HEAP_PLAIN || KH_UNLIKELY(size - 1 >= KH_HEAP_CACHED)) return kh_heap_alloc(cache->heap, size);
  struct kh_heap_bin *bin = &cache->bins[(size - 1) / 16];
  kh_block *block = bin->first;
  if (KH_UNLIKELY(block == NULL)) return kh_heap_cache_refill(cache, size);
  bin->first = block->next;
  bin->count--;
  return block;
}

static inline void kh_heap_cache_free(kh_heap_cache *cache, void *freed, size_t size) {
  if (KH_HEAP_PLAIN || KH_UNLIKELY(size - 1 >= KH_HEAP_CACHED)) {
    kh_heap_free(freed, size);
    return;
  }
  size_t index = (size - 1) / 16;
  struct kh_heap_bin *bin = &cache->bins[index];
  kh_block *block = freed;
  block->next = bin->first;
  bin->first = block;
  if (KH_UNLIKELY(++bin->count >= 2 * kh_heap_handful(index))) kh_heap_cache_flush(cache, index);
}

#endif
