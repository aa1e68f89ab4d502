/* check: assertions for our own bugs. On in every build; never for input, disk or network, which get a status. */
#ifndef KH_BASE_CHECK_H
#define KH_BASE_CHECK_H

#include <stddef.h>

#define KH_LIKELY(x) __builtin_expect(!!(x), 1)
#define KH_UNLIKELY(x) __builtin_expect(!!(x), 0)

_Noreturn void kh_check_failed(const char *expression, const char *file, int line);

#define KH_ASSERT(expression) (KH_LIKELY(expression) ? (void)0 : kh_check_failed(#expression, __FILE__, __LINE__))

/* The struct of which `pointer` is the member. */
#define KH_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define KH_CACHE_LINE 64

/* Asks for the cache line of `address`, which may be any. The assembler text is empty: without it, GCC takes a function that
 * does nothing but prefetch for one without effect, and drops the calls of it. */
static inline void kh_prefetch(const void *address) {
  __builtin_prefetch(address);
  __asm__ volatile("" : : "r"(address));
}

#endif
