#include "blocks.h"

#include "alloc.h"

enum { ORDINARY = 4096, ALIGNMENT = 8 };

typedef struct kh_block {
  struct kh_block *older;
  size_t used, size;
  _Alignas(ALIGNMENT) char bytes[];
} kh_block;

static kh_block *add_block(kh_blocks *blocks, size_t size) {
  size_t total;
  if (size < ORDINARY) size = ORDINARY;
  if (__builtin_add_overflow(size, sizeof(kh_block), &total)) return NULL;
  kh_block *block = kh_alloc(total);
  if (block == NULL) return NULL;
  *block = (kh_block){blocks->newest, 0, size};
  blocks->newest = block;
  return block;
}

static void *take(kh_blocks *blocks, size_t size, size_t alignment) {
  kh_block *block = blocks->newest;
  size_t at = block == NULL ? 0 : (block->used + alignment - 1) & ~(alignment - 1);
  if (block == NULL || at > block->size || block->size - at < size) {
    block = add_block(blocks, size);
    if (block == NULL) return NULL;
    at = 0;
  }
  block->used = at + size;
  return block->bytes + at;
}

void *kh_blocks_take(kh_blocks *blocks, size_t size) { return take(blocks, size, 1); }

void *kh_blocks_take_aligned(kh_blocks *blocks, size_t size) { return take(blocks, size, ALIGNMENT); }

static void free_from(kh_block *block) {
  while (block != NULL) {
    kh_block *older = block->older;
    kh_free(block);
    block = older;
  }
}

void kh_blocks_clear(kh_blocks *blocks) {
  kh_block *kept = blocks->newest;
  if (kept == NULL) return;
  free_from(kept->older);
  kept->older = NULL;
  kept->used = 0;
  if (kept->size <= ORDINARY) return;
  kh_free(kept);
  blocks->newest = NULL;
}

void kh_blocks_fini(kh_blocks *blocks) {
  free_from(blocks->newest);
  blocks->newest = NULL;
}
