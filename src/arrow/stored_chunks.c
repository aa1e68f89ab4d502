#include "stored_chunks.h"

enum { SLOTS = 256 }; /* of an array */

kh_stored_chunks *kh_stored_chunks_new(const kh_stored_extent *extent, const kh_stored_ops *ops, void *ctx) {
  KH_ASSERT(extent->chunks > 0);
  KH_ASSERT(extent->rows >= extent->chunks);
  kh_stored_chunks *stored = kh_alloc(sizeof *stored);
  if (stored == NULL) return NULL;
  *stored = (kh_stored_chunks){.extent = *extent, .ops = ops, .ctx = ctx};
  atomic_init(&stored->references, 1);
  atomic_init(&stored->arrays, NULL);
  return stored;
}

kh_stored_chunks *kh_stored_chunks_ref(kh_stored_chunks *stored) {
  atomic_fetch_add_explicit(&stored->references, 1, memory_order_relaxed);
  return stored;
}

static size_t array_count(const kh_stored_chunks *stored) { return (size_t)((stored->extent.chunks - 1) / SLOTS + 1); }

static void free_slots(_Atomic(void *) *slots) {
  if (slots == NULL) return;
  for (size_t i = 0; i < SLOTS; i++) kh_chunk_unref(atomic_load_explicit(&slots[i], memory_order_relaxed));
  kh_free((void *)slots);
}

static void free_arrays(kh_stored_chunks *stored) {
  _Atomic(void *) *arrays = atomic_load_explicit(&stored->arrays, memory_order_relaxed);
  if (arrays == NULL) return;
  size_t count = array_count(stored);
  for (size_t i = 0; i < count; i++) free_slots(atomic_load_explicit(&arrays[i], memory_order_relaxed));
  kh_free((void *)arrays);
}

void kh_stored_chunks_unref(kh_stored_chunks *stored) {
  if (stored == NULL) return;
  if (atomic_fetch_sub_explicit(&stored->references, 1, memory_order_acq_rel) != 1) return;
  free_arrays(stored);
  stored->ops->release(stored->ctx);
  kh_free(stored);
}

/* ---- slots */

/* The array that the place leads to, made if there is none. NULL: out of memory. */
static _Atomic(void *) *array_at(_Atomic(void *) *place, size_t count) {
  void *there = atomic_load_explicit(place, memory_order_acquire);
  if (there != NULL) return there;
  void *made = kh_alloc_zero_array(count, sizeof(_Atomic(void *)));
  if (made == NULL) return NULL;
  if (atomic_compare_exchange_strong_explicit(place, &there, made, memory_order_acq_rel, memory_order_acquire))
    return made;
  kh_free(made);
  return there;
}

/* NULL: there is no memory for it. */
static _Atomic(void *) *slot_of(kh_stored_chunks *stored, uint64_t index) {
  _Atomic(void *) *arrays = array_at(&stored->arrays, array_count(stored));
  if (arrays == NULL) return NULL;
  _Atomic(void *) *slots = array_at(&arrays[index / SLOTS], SLOTS);
  return slots == NULL ? NULL : &slots[index % SLOTS];
}

/* Takes the reference to what was loaded; returns one to the chunk that is in the slot then. */
static kh_chunk *keep(_Atomic(void *) *slot, kh_chunk *loaded) {
  void *there = NULL;
  kh_chunk_ref(loaded);
  if (atomic_compare_exchange_strong_explicit(slot, &there, loaded, memory_order_acq_rel, memory_order_acquire))
    return loaded;
  kh_chunk_unref(loaded);
  kh_chunk_unref(loaded);
  return kh_chunk_ref(there);
}

khonsu_status kh_stored_chunks_get(kh_stored_chunks *stored, uint64_t index, kh_chunk **chunk, khonsu_error *error) {
  KH_ASSERT(index < stored->extent.chunks);
  _Atomic(void *) *slot = stored->extent.keeps ? slot_of(stored, index) : NULL;
  kh_chunk *there = slot != NULL ? atomic_load_explicit(slot, memory_order_acquire) : NULL;
  if (there != NULL) {
    *chunk = kh_chunk_ref(there);
    return KHONSU_OK;
  }
  kh_chunk *loaded;
  khonsu_status status = stored->ops->load(stored->ctx, index, &loaded, error);
  if (status != KHONSU_OK) return status;
  KH_ASSERT(kh_chunk_rows(loaded) > 0);
  *chunk = slot != NULL ? keep(slot, loaded) : loaded;
  return KHONSU_OK;
}
