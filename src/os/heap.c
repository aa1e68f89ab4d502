/* heap: regions, pages and their free blocks; one lock over all of a heap, taken for a handful of blocks at a time. */
#include "heap.h"

#include <sys/mman.h>

#define REGION_SIZE ((size_t)2 << 20)
#define PAGE_SIZE ((size_t)256 << 10)

enum { PAGES = 8, BINS = KH_HEAP_BINS + (KH_HEAP_LARGEST - KH_HEAP_CACHED) / 64 };
_Static_assert(PAGES *PAGE_SIZE == REGION_SIZE, "pages fill a region");

typedef struct page {
  struct page *next, *before; /* in the list of its bin: pages with a block to give */
  kh_block *free;             /* blocks that came back */
  char *fresh, *end;          /* what no block was cut from yet */
  uint32_t live;              /* blocks given out */
  uint32_t bin;
  bool listed;
} page;

typedef struct region {
  kh_heap *heap;
  struct region *next, *before; /* in one of the heap's lists */
  uint32_t used_pages;          /* which have a size: a bit each */
  page pages[PAGES];
} region;

enum { ALL_PAGES = (1 << PAGES) - 1 };

struct kh_heap {
  kh_lock lock;
  region *regions[2]; /* those with a page left, those without */
  page *bins[BINS];   /* with a block to give */
  uint64_t live;      /* blocks given out, caches' included */
  uint32_t spare_regions;
  bool closed, grown;
};

static size_t bin_of(size_t size) {
  if (size <= KH_HEAP_CACHED) return size == 0 ? 0 : (size - 1) / 16;
  return KH_HEAP_BINS + (size - KH_HEAP_CACHED - 1) / 64;
}

static size_t size_of_bin(size_t bin) {
  return bin < KH_HEAP_BINS ? (bin + 1) * 16 : KH_HEAP_CACHED + (bin - KH_HEAP_BINS + 1) * 64;
}

static region *region_of(const void *block) { return (region *)((uintptr_t)block & ~(REGION_SIZE - 1)); }

static page *page_of(const void *block) {
  return &region_of(block)->pages[((uintptr_t)block & (REGION_SIZE - 1)) / PAGE_SIZE];
}

/* ---- regions */

static region **list_of(kh_heap *heap, const region *listed) { return &heap->regions[listed->used_pages == ALL_PAGES]; }

static void link_region(kh_heap *heap, region *linked) {
  region **first = list_of(heap, linked);
  linked->before = NULL;
  linked->next = *first;
  if (*first != NULL) (*first)->before = linked;
  *first = linked;
}

static void unlink_region(kh_heap *heap, region *linked) {
  if (linked->before != NULL) linked->before->next = linked->next;
  else *list_of(heap, linked) = linked->next;
  if (linked->next != NULL) linked->next->before = linked->before;
}

static void use_pages(kh_heap *heap, region *used, uint32_t pages) {
  unlink_region(heap, used);
  used->used_pages = pages;
  link_region(heap, used);
}

/* The first stays on small pages: a store of a few records shall not take 2 MiB. */
static region *new_region(kh_heap *heap) {
  region *made = kh_alloc_aligned(REGION_SIZE, REGION_SIZE);
  if (made == NULL) return NULL;
  if (heap->grown) (void)madvise(made, REGION_SIZE, MADV_HUGEPAGE); /* a wish: it changes speed only */
  heap->grown = true;
  memset(made, 0, sizeof *made);
  made->heap = heap;
  link_region(heap, made);
  heap->spare_regions++;
  return made;
}

/* One empty region is kept, so that a block that comes and goes does not take one along. */
static void spare_region(kh_heap *heap, region *spared) {
  if (heap->spare_regions == 0) {
    heap->spare_regions++;
    return;
  }
  unlink_region(heap, spared);
  kh_free(spared);
}

/* ---- pages */

static void list_page(kh_heap *heap, page *listed) {
  page **first = &heap->bins[listed->bin];
  listed->before = NULL;
  listed->next = *first;
  if (*first != NULL) (*first)->before = listed;
  *first = listed;
  listed->listed = true;
}

static void unlist_page(kh_heap *heap, page *listed) {
  if (listed->before != NULL) listed->before->next = listed->next;
  else heap->bins[listed->bin] = listed->next;
  if (listed->next != NULL) listed->next->before = listed->before;
  listed->listed = false;
}

static page *take_page(kh_heap *heap, size_t bin) {
  region *from = heap->regions[0];
  if (from == NULL) from = new_region(heap);
  if (from == NULL) return NULL;
  if (from->used_pages == 0) heap->spare_regions--;
  uint32_t index = (uint32_t)__builtin_ctz(~from->used_pages);
  use_pages(heap, from, from->used_pages | UINT32_C(1) << index);
  page *taken = &from->pages[index];
  char *start = (char *)from + index * PAGE_SIZE;
  size_t header = index == 0 ? (sizeof *from + 63) & ~(size_t)63 : 0;
  *taken = (page){.fresh = start + header, .end = start + PAGE_SIZE, .bin = (uint32_t)bin};
  list_page(heap, taken);
  return taken;
}

/* The page has no block out. */
static void give_page(kh_heap *heap, page *given) {
  region *from = region_of(given);
  unlist_page(heap, given);
  use_pages(heap, from, from->used_pages & ~(UINT32_C(1) << (given - from->pages)));
  if (from->used_pages == 0) spare_region(heap, from);
}

/* ---- blocks; under the lock */

static kh_block *take_block(kh_heap *heap, size_t bin) {
  page *from = heap->bins[bin];
  if (from == NULL) from = take_page(heap, bin);
  if (from == NULL) return NULL;
  size_t size = size_of_bin(bin);
  kh_block *block = from->free;
  if (block != NULL) {
    from->free = block->next;
  } else {
    block = (kh_block *)(void *)from->fresh;
    from->fresh += size;
  }
  from->live++;
  heap->live++;
  if (from->free == NULL && (size_t)(from->end - from->fresh) < size) unlist_page(heap, from);
  return block;
}

static void give_block(kh_heap *heap, kh_block *block) {
  page *from = page_of(block);
  block->next = from->free;
  from->free = block;
  from->live--;
  heap->live--;
  if (!from->listed) list_page(heap, from);
  if (from->live == 0) give_page(heap, from);
}

static void give_chain(kh_heap *heap, kh_block *block) {
  while (block != NULL) {
    kh_block *next = block->next;
    give_block(heap, block);
    block = next;
  }
}

/* ---- life */

kh_heap *kh_heap_new(void) { return kh_alloc_zero(sizeof(kh_heap)); }

/* Without a block out there is one region at most, the spare one. */
kh_heap *kh_heap_common(void) {
  static kh_heap common;
  return &common;
}

static void destroy(kh_heap *heap) {
  KH_ASSERT(heap->regions[1] == NULL);
  kh_free(heap->regions[0]);
  kh_free(heap);
}

void kh_heap_close(kh_heap *heap) {
  kh_lock_acquire(&heap->lock);
  heap->closed = true;
  bool last = heap->live == 0;
  kh_lock_release(&heap->lock);
  if (last) destroy(heap);
}

static void free_chain(kh_heap *heap, kh_block *chain) {
  kh_lock_acquire(&heap->lock);
  give_chain(heap, chain);
  bool last = heap->closed && heap->live == 0;
  kh_lock_release(&heap->lock);
  if (last) destroy(heap);
}

static bool is_from_heap(size_t size) { return !KH_HEAP_PLAIN && size <= KH_HEAP_LARGEST; }

void *kh_heap_alloc(kh_heap *heap, size_t size) {
  if (!is_from_heap(size)) return size % 64 == 0 ? kh_alloc_lines(size) : kh_alloc(size);
  kh_lock_acquire(&heap->lock);
  kh_block *block = take_block(heap, bin_of(size));
  kh_lock_release(&heap->lock);
  return block;
}

void kh_heap_free(void *freed, size_t size) {
  if (freed == NULL) return;
  if (!is_from_heap(size)) {
    kh_free(freed);
    return;
  }
  kh_block *block = freed;
  block->next = NULL;
  free_chain(region_of(freed)->heap, block);
}

/* ---- caches */

void kh_heap_cache_init(kh_heap_cache *cache, kh_heap *heap) { *cache = (kh_heap_cache){.heap = heap}; }

void kh_heap_cache_fini(kh_heap_cache *cache) {
  for (size_t bin = 0; bin < KH_HEAP_BINS; bin++) {
    if (cache->bins[bin].first != NULL) free_chain(cache->heap, cache->bins[bin].first);
    cache->bins[bin] = (struct kh_heap_bin){NULL, 0};
  }
}

void *kh_heap_cache_refill(kh_heap_cache *cache, size_t size) {
  kh_heap *heap = cache->heap;
  size_t index = bin_of(size);
  struct kh_heap_bin *bin = &cache->bins[index];
  kh_lock_acquire(&heap->lock);
  kh_block *block = take_block(heap, index);
  for (uint32_t more = kh_heap_handful(index); block != NULL && more > 1; more--) {
    kh_block *spare = take_block(heap, index);
    if (spare == NULL) break;
    spare->next = bin->first;
    bin->first = spare;
    bin->count++;
  }
  kh_lock_release(&heap->lock);
  return block;
}

/* Gives back the older half. */
void kh_heap_cache_flush(kh_heap_cache *cache, size_t index) {
  struct kh_heap_bin *bin = &cache->bins[index];
  uint32_t kept = kh_heap_handful(index);
  kh_block *last = bin->first;
  for (uint32_t i = 1; i < kept; i++) last = last->next;
  kh_block *older = last->next;
  last->next = NULL;
  bin->count = kept;
  free_chain(cache->heap, older);
}
