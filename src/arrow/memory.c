#include "memory.h"

kh_memory *kh_memory_new(khonsu_slice bytes, kh_memory_release *release, void *ctx) {
  kh_memory *memory = kh_alloc(sizeof *memory);
  if (memory == NULL) return NULL;
  *memory = (kh_memory){.bytes = bytes, .release = release, .ctx = ctx};
  atomic_init(&memory->references, 1);
  return memory;
}

kh_memory *kh_memory_ref(kh_memory *memory) {
  atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
  return memory;
}

void kh_memory_unref(kh_memory *memory) {
  if (memory == NULL) return;
  /* Acquire and release: what other holders read comes before the bytes go. */
  if (atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1) return;
  if (memory->release != NULL) memory->release(memory->ctx);
  kh_free(memory);
}

khonsu_slice kh_memory_bytes(const kh_memory *memory) { return memory->bytes; }
