/* alloc: every allocation of the library. One place, so that tests can make each fail in turn (they interpose malloc
 * at link time) and so that sizes are checked before they are multiplied. NULL means out of memory. */
#ifndef KH_BASE_ALLOC_H
#define KH_BASE_ALLOC_H

#include <stdint.h>
#include <stdlib.h>

static inline void *kh_alloc(size_t size) { return malloc(size ? size : 1); }
static inline void *kh_alloc_zero(size_t size) { return calloc(1, size ? size : 1); }
static inline void kh_free(void *memory) { free(memory); }

/* `count` elements of `size` bytes; NULL also where the product overflows. */
static inline void *kh_alloc_array(size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? NULL : kh_alloc(total);
}

static inline void *kh_alloc_zero_array(size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? NULL : kh_alloc_zero(total);
}

/* Resizes `memory` to `count` elements of `size` bytes; on NULL the old block is untouched. */
static inline void *kh_realloc_array(void *memory, size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? NULL : realloc(memory, total ? total : 1);
}

/* Aligned to a power of two that divides `size`; freed with kh_free. */
static inline void *kh_alloc_aligned(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

/* Whole cache lines, aligned to one; freed with kh_free. */
static inline void *kh_alloc_lines(size_t size) {
  size_t rounded;
  if (__builtin_add_overflow(size, (size_t)63, &rounded)) return NULL;
  return kh_alloc_aligned(64, rounded & ~(size_t)63);
}

#endif
