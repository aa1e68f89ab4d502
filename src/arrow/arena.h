/* arena: memory that is given back all at once. What is taken is aligned to 64 bytes, as Arrow asks of its buffers.
 * Zero-initialise to begin. */
#ifndef KH_ARROW_ARENA_H
#define KH_ARROW_ARENA_H

#include <stddef.h>

typedef struct kh_arena {
  struct kh_arena_block *newest;
} kh_arena;

/* NULL: out of memory. Of 0 bytes one byte may be read. */
void *kh_arena_take(kh_arena *arena, size_t size);
void *kh_arena_take_zeros(kh_arena *arena, size_t size);
/* NULL also where the product overflows. */
void *kh_arena_take_array(kh_arena *arena, size_t count, size_t size);
/* All that `from` has is `to`'s from now on. */
void kh_arena_move(kh_arena *from, kh_arena *to);
void kh_arena_fini(kh_arena *arena);

#endif
