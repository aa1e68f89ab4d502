#include "extent.h"

/* Pins of who does not come by way of the epoch. */
enum { SHARD = 0 };

static fkv_extent extent_of(const flashkv *store, fkv_file *file) {
  fkv_file_pin(file, SHARD);
  return (fkv_extent){.file = file,
                      .end = fkv_complete_end(store, file),
                      .sealed = file->sealed,
                      .merged = file->merged,
                      .sequence_min = file->sequence_min,
                      .sequence_max = file->sequence_max};
}

/* A file in the list, under the lock, is none that leaves: it can be pinned. */
khonsu_status fkv_extents_take(flashkv *store, fkv_extents *extents, khonsu_error *error) {
  *extents = (fkv_extents){0};
  kh_lock_acquire(&store->write_lock);
  extents->items = kh_alloc_array(store->list_count, sizeof *extents->items);
  for (size_t index = 0; index < store->list_count && extents->items != NULL; index++) {
    if (store->list[index] == store->prepared) continue;
    extents->items[extents->count++] = extent_of(store, store->list[index]);
  }
  extents->sequence = atomic_load_explicit(&store->visible, memory_order_relaxed); /* changed under the lock */
  extents->timestamp_us = store->timestamp_us;
  extents->history_from = store->history_from;
  kh_lock_release(&store->write_lock);
  if (extents->items != NULL) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a list of data files");
}

void fkv_extents_fini(fkv_extents *extents) {
  for (size_t index = 0; index < extents->count; index++) fkv_file_unpin(extents->items[index].file, SHARD);
  kh_free(extents->items);
  *extents = (fkv_extents){0};
}
