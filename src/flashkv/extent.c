#include "extent.h"

/* Pins of who does not come by way of the epoch. */
enum { SHARD = 0 };

/* Up to where all commits are in: what is reserved beyond may still be under way. */
static uint64_t complete_end(const flashkv *store, const fkv_file *file) {
  fkv_file *pending_file;
  uint64_t pending_offset;
  if (file->sealed || !fkv_first_pending(store, &pending_file, &pending_offset)) return file->tail;
  if (pending_file == file) return pending_offset;
  return file->id > pending_file->id ? FKV_PREAMBLE_SIZE : file->tail;
}

static fkv_extent extent_of(const flashkv *store, fkv_file *file) {
  fkv_file_pin(file, SHARD);
  return (fkv_extent){.file = file,
                      .end = complete_end(store, file),
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
