/* files: which data files there are, in memory and in the manifest. */
#include "hints.h"
#include "reserve.h"
#include "write.h"

#include <errno.h>
#include <stdio.h>

static fkv_manifest_row row_of(const fkv_file *file) {
  uint64_t bits = (file->sealed ? FKV_ROW_SEALED : 0) | (file->merged ? FKV_ROW_MERGED : 0);
  return (fkv_manifest_row){file->id, bits, file->flushed, file->sequence_min, file->sequence_max};
}

/* What the manifest is to say; the rows are allocated. */
static khonsu_status describe(flashkv *store, fkv_manifest *manifest, khonsu_error *error) {
  *manifest = (fkv_manifest){.rows = kh_alloc_array(store->list_count, sizeof *manifest->rows)};
  if (manifest->rows == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the manifest");
  kh_lock_acquire(&store->write_lock);
  manifest->generation = store->generation + 1;
  manifest->next_file_id = store->next_file_id;
  manifest->hash_seed = store->hash_seed;
  manifest->retain_oldest = store->versions.oldest;
  manifest->history_from = store->history_from;
  manifest->sequence = atomic_load(&store->synced);
  manifest->timestamp_us = store->timestamp_us;
  for (size_t index = 0; index < store->list_count; index++) {
    if (!store->list[index]->unlisted) manifest->rows[manifest->row_count++] = row_of(store->list[index]);
  }
  kh_lock_release(&store->write_lock);
  memcpy(manifest->store_id, store->files.store_id, FKV_STORE_ID_SIZE);
  return FLASHKV_OK;
}

void fkv_take_manifest(flashkv *store, const fkv_manifest *manifest) {
  memcpy(store->files.store_id, manifest->store_id, FKV_STORE_ID_SIZE);
  store->hash_seed = manifest->hash_seed;
  store->generation = manifest->generation;
  store->next_file_id = manifest->next_file_id;
  store->history_from = manifest->history_from;
  store->versions.oldest = manifest->retain_oldest;
  store->sequence = manifest->sequence;
  store->timestamp_us = manifest->timestamp_us;
}

khonsu_status fkv_publish_files(flashkv *store, khonsu_error *error) {
  fkv_manifest manifest;
  khonsu_status status = describe(store, &manifest, error);
  if (status != FLASHKV_OK) return status;
  status = fkv_manifest_write(store->files.os, store->dir_path, store->directory, &manifest, error);
  if (fkv_hints_give_room(store, status)) {
    status = fkv_manifest_write(store->files.os, store->dir_path, store->directory, &manifest, error);
  }
  if (status == FLASHKV_OK) {
    store->generation = manifest.generation;
    atomic_store(&store->manifest_size, fkv_manifest_size(&manifest));
  }
  if (status == FLASHKV_IN_DOUBT) fkv_note_failure(store);
  fkv_manifest_fini(&manifest);
  return status;
}

khonsu_status fkv_list_reserve(flashkv *store, size_t more) {
  if (store->list_capacity - store->list_count >= more) return FLASHKV_OK;
  size_t capacity = 2 * store->list_capacity + more + 16;
  fkv_file **grown = kh_realloc_array(store->list, capacity, sizeof *grown);
  if (grown == NULL) return FLASHKV_NO_MEMORY;
  store->list = grown;
  store->list_capacity = capacity;
  return FLASHKV_OK;
}

khonsu_status fkv_list_add(flashkv *store, fkv_file *file, uint64_t first_span) {
  khonsu_status status = fkv_list_reserve(store, 1);
  if (status == FLASHKV_OK) status = fkv_spans_add(&store->spans, file, first_span);
  if (status != FLASHKV_OK) return status;
  store->list[store->list_count++] = file;
  store->bytes += file->tail - FKV_PREAMBLE_SIZE;
  return FLASHKV_OK;
}

fkv_file *fkv_list_find(const flashkv *store, uint64_t id) {
  for (size_t index = 0; index < store->list_count; index++) {
    if (store->list[index]->id == id) return store->list[index];
  }
  return NULL;
}

void fkv_list_insert_first(flashkv *store, fkv_file *file) {
  KH_ASSERT(store->list_count < store->list_capacity);
  memmove(store->list + 1, store->list, store->list_count * sizeof store->list[0]);
  store->list[0] = file;
  store->list_count++;
  store->bytes += file->tail - FKV_PREAMBLE_SIZE;
}

/* ---- the active file */

static bool has_room(const flashkv *store, uint64_t size) {
  return store->active != NULL && fkv_file_fits(store->active, store->active->tail + size);
}

/* The last file in the list was just added, and is not to be. */
static void list_drop_last(flashkv *store) {
  fkv_file *file = store->list[--store->list_count];
  char path[FKV_PATH_MAX];
  fkv_files_path(&store->files, file->id, "data", path);
  fkv_spans_remove(&store->spans, file);
  fkv_file_leave(file);
  (void)KH_OS_CALL(store->files.os, unlink, path); /* else the next opening does it: it is not in the manifest */
}

static khonsu_status add_new(flashkv *store, uint64_t size, fkv_file **made, khonsu_error *error) {
  uint64_t size_max = store->options.data_file_size, needed = FKV_PREAMBLE_SIZE + size;
  khonsu_status status =
      fkv_file_create(&store->files, store->next_file_id, needed > size_max ? needed : size_max, made, error);
  if (status != FLASHKV_OK) return status;
  store->next_file_id++;
  kh_lock_acquire(&store->write_lock);
  status = fkv_list_add(store, *made, 0);
  kh_lock_release(&store->write_lock);
  if (status != FLASHKV_OK) {
    fkv_file_leave(*made);
    return khonsu_error_set(error, status, "out of memory for a data file");
  }
  status = fkv_publish_files(store, error);
  if (status != FLASHKV_OK && status != FLASHKV_IN_DOUBT) {
    kh_lock_acquire(&store->write_lock);
    list_drop_last(store);
    kh_lock_release(&store->write_lock);
  }
  return status;
}

/* The prepared file becomes the active one, if it is there and large enough. */
static bool take_prepared(flashkv *store, uint64_t size) {
  fkv_file *next = store->prepared;
  if (next == NULL || !fkv_file_fits(next, next->tail + size)) return false;
  if (store->active != NULL) atomic_store_explicit(&store->seal_due, true, memory_order_relaxed);
  store->active = next;
  store->prepared = NULL;
  return true;
}

/* A new active file. The write lock is given back meanwhile: others may get here as well, and one makes the file. What was
 * prepared, and is too small, stays before it in the log, and is sealed as it is. */
static khonsu_status roll(flashkv *store, uint64_t size, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  fkv_file *made = NULL;
  kh_lock_release(&store->write_lock);
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  bool needed = !has_room(store, size) && !take_prepared(store, size);
  if (needed) store->prepared = NULL;
  kh_lock_release(&store->write_lock);
  if (needed) status = add_new(store, size, &made, error);
  kh_lock_acquire(&store->write_lock);
  if (made != NULL && status == FLASHKV_OK) {
    if (store->active != NULL) atomic_store_explicit(&store->seal_due, true, memory_order_relaxed);
    store->active = made;
  }
  kh_lock_release(&store->files_lock);
  return status;
}

static khonsu_status make_room(flashkv *store, uint64_t size, khonsu_error *error) {
  if (atomic_load(&store->reserve_lent)) {
    return khonsu_error_set(error, FLASHKV_STORAGE_FULL, "the disk is full; a merge of %s is making room",
                            store->dir_path);
  }
  while (!has_room(store, size) && !take_prepared(store, size)) {
    khonsu_status status = roll(store, size, error);
    if (status == FLASHKV_OK) status = fkv_check_writable(store, error);
    if (status != FLASHKV_OK) return status;
  }
  return fkv_file_make_room(store->active, &store->files, store->active->tail + size, error);
}

khonsu_status fkv_prepare_active(flashkv *store, uint64_t size, khonsu_error *error) {
  const fkv_file *active = store->active;
  if (KH_LIKELY(active != NULL && active->tail + size <= active->ready)) return FLASHKV_OK;
  return make_room(store, size, error);
}

/* ---- the next file */

static bool next_is_due(const flashkv *store) {
  const fkv_file *active = store->active;
  return store->prepared == NULL && active != NULL && active->tail > active->map_size / 2 &&
         !atomic_load(&store->failed) && !atomic_load(&store->reserve_lent);
}

/* On a failure whoever needs a file tries again, and says what is wrong. */
void fkv_prepare_next(flashkv *store) {
  fkv_file *made = NULL;
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  bool due = next_is_due(store);
  kh_lock_release(&store->write_lock);
  if (due && add_new(store, 0, &made, NULL) == FLASHKV_OK) {
    if (fkv_file_make_room(made, &store->files, made->tail + 1, NULL) == FLASHKV_OK) {
      fkv_file_warm_ahead(made, made->tail);
    }
    kh_lock_acquire(&store->write_lock);
    store->prepared = made;
    kh_lock_release(&store->write_lock);
  }
  kh_lock_release(&store->files_lock);
}

void fkv_unlist_prepared(flashkv *store) {
  if (store->prepared != NULL) store->prepared->unlisted = true;
}

void fkv_drop_prepared(flashkv *store) {
  if (store->prepared == NULL) return;
  KH_ASSERT(store->prepared->unlisted && store->list[store->list_count - 1] == store->prepared);
  list_drop_last(store);
  store->prepared = NULL;
}

/* ---- sealing */

/* A file that takes no more records and is not sealed yet; NULL: there is none. files_lock is held, so it stays. */
static fkv_file *find_full(flashkv *store) {
  fkv_file *found = NULL;
  fkv_file *pending_file;
  uint64_t pending_offset;
  kh_lock_acquire(&store->write_lock);
  bool pending = fkv_first_pending(store, &pending_file, &pending_offset);
  for (size_t index = 0; index < store->list_count && found == NULL; index++) {
    fkv_file *file = store->list[index];
    if (file->sealed || file == store->active || file == store->prepared) continue;
    if (pending && file->id >= pending_file->id) break;
    found = file;
  }
  kh_lock_release(&store->write_lock);
  return found;
}

static khonsu_status seal(flashkv *store, fkv_file *file, khonsu_error *error) {
  khonsu_status status = fkv_file_cut(file, &store->files, error);
  if (status != FLASHKV_OK) return status;
  status = fkv_file_sync(file, &store->files, error);
  if (status != FLASHKV_OK) {
    fkv_note_failure(store);
    return status;
  }
  kh_lock_acquire(&store->write_lock);
  file->flushed = file->tail;
  file->sealed = true;
  kh_lock_release(&store->write_lock);
  return FLASHKV_OK;
}

khonsu_status fkv_seal_full(flashkv *store, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  bool sealed = false;
  kh_lock_acquire(&store->files_lock);
  atomic_store_explicit(&store->seal_due, false, memory_order_relaxed);
  for (fkv_file *file; status == FLASHKV_OK && (file = find_full(store)) != NULL; sealed = true) {
    status = seal(store, file, error);
  }
  if (sealed && status == FLASHKV_OK) status = fkv_publish_files(store, error);
  if (status == FLASHKV_OK) fkv_reserve_take(store);
  kh_lock_release(&store->files_lock);
  return status;
}
