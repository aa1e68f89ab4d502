#include "arena.h"

#include <string.h>

#include "os/os.h"

typedef struct kh_arena_block {
  _Alignas(64) struct kh_arena_block *older;
  size_t size;
  _Alignas(64) unsigned char bytes[];
} kh_arena_block;

void *kh_arena_take(kh_arena *arena, size_t size) {
  size_t total;
  if (__builtin_add_overflow(size, sizeof(kh_arena_block) + 1, &total)) return NULL;
  kh_arena_block *block = kh_large_alloc(total);
  if (block == NULL) return NULL;
  block->size = total;
  block->older = arena->newest;
  arena->newest = block;
  return block->bytes;
}

void *kh_arena_take_zeros(kh_arena *arena, size_t size) {
  void *bytes = kh_arena_take(arena, size);
  return bytes == NULL ? NULL : memset(bytes, 0, size);
}

void *kh_arena_take_array(kh_arena *arena, size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? NULL : kh_arena_take(arena, total);
}

void kh_arena_move(kh_arena *from, kh_arena *to) {
  if (from->newest == NULL) return;
  kh_arena_block *oldest = from->newest;
  while (oldest->older != NULL) oldest = oldest->older;
  oldest->older = to->newest;
  to->newest = from->newest;
  from->newest = NULL;
}

void kh_arena_fini(kh_arena *arena) {
  while (arena->newest != NULL) {
    kh_arena_block *block = arena->newest;
    arena->newest = block->older;
    kh_large_free(block, block->size);
  }
}
