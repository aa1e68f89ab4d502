#include "fail_alloc.h"

#include <stddef.h>
#include <stdlib.h>

static uint64_t countdown, asked;
static bool persistent, failed, paused;
static void (*told)(void *ctx);
static void *told_ctx;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

uint64_t fail_alloc_next(uint64_t n) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  if (getenv("KHONSU_SOAK") == NULL) return n + 1 + (n * UINT64_C(0x9E3779B97F4A7C15) >> 61);
#endif
  return n + 1;
}

void fail_alloc_at(uint64_t n, bool from_then_on) {
  countdown = n;
  persistent = from_then_on;
  failed = false;
}

bool fail_alloc_off(void) {
  countdown = 0;
  return failed;
}

void fail_alloc_pause(bool pause) { paused = pause; }

void fail_alloc_tell(void (*tell)(void *ctx), void *ctx) {
  told = tell;
  told_ctx = ctx;
}

uint64_t fail_alloc_take_bytes(void) {
  uint64_t bytes = asked;
  asked = 0;
  return bytes;
}

static bool fails(size_t size) {
  asked += size;
  if (countdown == 0 || paused) return false;
  if (countdown > 1) {
    countdown--;
    return false;
  }
  if (!persistent) countdown = 0;
  failed = true;
  if (told != NULL) told(told_ctx);
  return true;
}

void *__wrap_malloc(size_t size) { return fails(size) ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails(count * size) ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *memory, size_t size) { return fails(size) ? NULL : __real_realloc(memory, size); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return fails(size) ? NULL : __real_aligned_alloc(alignment, size);
}
