/* large: sizes are rounded up to eight steps between one power of two and the next, and a block is used again for its own
 * size only. The oldest block goes when there are too many, or too large ones. */
#include "large.h"

#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

enum { STEPS = 8, BLOCKS_MAX = 32 };

/* Oldest first. */
static struct {
  kh_lock lock;
  size_t count, bytes;
  struct {
    kh_block *block;
    size_t size;
  } blocks[BLOCKS_MAX];
} kept;

static bool is_large(size_t size) { return !KH_HEAP_PLAIN && size >= KH_LARGE_LEAST && size <= SIZE_MAX / 2; }

static size_t rounded(size_t size) {
  size_t step = ((size_t)1 << (63 - __builtin_clzll(size))) / STEPS;
  return (size + step - 1) & ~(step - 1);
}

/* ---- those that are kept; under the lock */

static kh_block *remove_kept(size_t index) {
  kh_block *block = kept.blocks[index].block;
  kept.bytes -= kept.blocks[index].size;
  kept.count--;
  memmove(&kept.blocks[index], &kept.blocks[index + 1], (kept.count - index) * sizeof kept.blocks[0]);
  return block;
}

/* The newest: most of it may still be in a cache. */
static kh_block *take_kept(size_t size) {
  for (size_t index = kept.count; index-- > 0;)
    if (kept.blocks[index].size == size) return remove_kept(index);
  return NULL;
}

/* Returns what has to go, as a list. */
static kh_block *keep(kh_block *block, size_t size) {
  kh_block *gone = NULL;
  while (kept.count == BLOCKS_MAX || (kept.count > 0 && kept.bytes + size > KH_LARGE_KEPT_MAX)) {
    kh_block *oldest = remove_kept(0);
    oldest->next = gone;
    gone = oldest;
  }
  kept.blocks[kept.count].block = block;
  kept.blocks[kept.count++].size = size;
  kept.bytes += size;
  return gone;
}

/* ---- blocks */

static void *new_block(size_t size) {
  if (size < LARGE_PAGE) return kh_alloc_lines(size);
  size_t whole = size & ~(LARGE_PAGE - 1);
  void *block = kh_alloc_aligned(LARGE_PAGE, whole + LARGE_PAGE); /* what is not touched costs nothing */
  if (block != NULL) (void)madvise(block, whole, MADV_HUGEPAGE);  /* a wish: it changes speed only */
  return block;
}

void *kh_large_alloc(size_t size) {
  if (!is_large(size)) return kh_alloc_lines(size);
  size = rounded(size);
  kh_lock_acquire(&kept.lock);
  kh_block *block = take_kept(size);
  kh_lock_release(&kept.lock);
  return block != NULL ? block : new_block(size);
}

void kh_large_free(void *freed, size_t size) {
  if (freed == NULL) return;
  kh_block *gone = freed;
  gone->next = NULL;
  if (is_large(size) && rounded(size) <= KH_LARGE_KEPT_MAX) {
    kh_lock_acquire(&kept.lock);
    gone = keep(freed, rounded(size));
    kh_lock_release(&kept.lock);
  }
  while (gone != NULL) {
    kh_block *next = gone->next;
    kh_free(gone);
    gone = next;
  }
}

size_t kh_large_kept(void) {
  kh_lock_acquire(&kept.lock);
  size_t bytes = kept.bytes;
  kh_lock_release(&kept.lock);
  return bytes;
}
