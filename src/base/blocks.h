/* blocks: many small pieces of memory that are given back together. Zero-initialise to begin. */
#ifndef KH_BASE_BLOCKS_H
#define KH_BASE_BLOCKS_H

#include <stddef.h>

typedef struct kh_blocks {
  struct kh_block *newest;
} kh_blocks;

/* Not aligned. NULL: out of memory. */
void *kh_blocks_take(kh_blocks *blocks, size_t size);
/* Aligned to 8. */
void *kh_blocks_take_aligned(kh_blocks *blocks, size_t size);
/* Forgets all pieces; keeps a block of the ordinary size for the next. */
void kh_blocks_clear(kh_blocks *blocks);
void kh_blocks_fini(kh_blocks *blocks);

#endif
