#include "backup.h"
#include "check.h"
#include "derived.h"
#include "tidy.h"
#include "whole_file.h"

#include <errno.h>
#include <stdio.h>

/* ---- the directory */

static khonsu_status open_directory(fkv_backup *own, khonsu_error *error) {
  const kh_os *os = own->target.os;
  const char *path = own->target.dir_path;
  kh_file_info ours, theirs;
  kh_os_error failed = KH_OS_CALL(os, make_directory, path);
  if (failed == 0 || failed == EEXIST) failed = KH_OS_CALL(os, open, path, KH_OPEN_DIRECTORY, &own->directory);
  if (failed == ENOTDIR) return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s is not a directory", path);
  if (!failed) failed = KH_OS_CALL(os, info, own->directory, &theirs);
  if (!failed) failed = KH_OS_CALL(os, info, own->store->directory, &ours);
  if (failed) return kh_os_fail(error, failed, "open", path);
  if (ours.device != theirs.device || ours.inode != theirs.inode) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "%s is the store's own directory", path);
}

/* Neither a store in use nor two backups at a time. */
static khonsu_status lock(fkv_backup *own, khonsu_error *error) {
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/LOCK", own->target.dir_path);
  kh_os_error failed = KH_OS_CALL(own->target.os, open, path, KH_OPEN_CREATE, &own->lock_file);
  if (!failed) failed = KH_OS_CALL(own->target.os, lock, own->lock_file);
  if (failed == EAGAIN) return khonsu_error_set(error, FLASHKV_LOCKED, "%s is locked: it is in use", path);
  return failed ? kh_os_fail(error, failed, "lock", path) : FLASHKV_OK;
}

static bool is_number(const char *name, const char *suffix) { return fkv_files_id_of(name, suffix) != 0; }

/* A first backup that did not come to its end leaves data files, parts of them and a manifest that is not in place. */
static kh_os_error is_stranger(void *ctx, const char *name) {
  (void)ctx;
  bool ours = strcmp(name, "LOCK") == 0 || strcmp(name, "MANIFEST.new") == 0 || is_number(name, "data") ||
              is_number(name, "part") || strcmp(name, "lost+found") == 0;
  return ours ? 0 : EEXIST;
}

static kh_os_error is_of_another_store(void *ctx, const char *name) {
  const fkv_backup *own = ctx;
  uint64_t id = fkv_files_id_of(name, "data");
  char path[FKV_PATH_MAX];
  fkv_preamble preamble;
  if (id == 0) return 0;
  fkv_files_path(&own->target, id, "data", path);
  khonsu_status status = fkv_preamble_load(own->target.os, path, FKV_FILE_DATA, &preamble, NULL);
  bool same = status == FLASHKV_OK && memcmp(preamble.store_id, own->target.store_id, FKV_STORE_ID_SIZE) == 0;
  return same ? 0 : EEXIST;
}

static khonsu_status look_at_directory(fkv_backup *own, khonsu_error *error) {
  const char *path = own->target.dir_path;
  khonsu_status status = fkv_manifest_read(own->target.os, path, &own->before, error);
  if (status == FLASHKV_OK && memcmp(own->before.store_id, own->target.store_id, FKV_STORE_ID_SIZE) != 0) {
    return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s holds another store, or a backup of one", path);
  }
  if (status != FLASHKV_NOT_A_STORE) return status;
  kh_os_error failed = KH_OS_CALL(own->target.os, list, path, is_stranger, own);
  if (!failed) failed = KH_OS_CALL(own->target.os, list, path, is_of_another_store, own);
  if (failed == EEXIST) return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s holds other files", path);
  return failed ? kh_os_fail(error, failed, "list", path) : FLASHKV_OK;
}

/* ---- linking, while nothing can be removed */

static fkv_manifest_row row_of(const fkv_extent *extent) {
  uint64_t bits = (extent->sealed ? FKV_ROW_SEALED : 0) | (extent->merged ? FKV_ROW_MERGED : 0);
  return (fkv_manifest_row){extent->file->id, bits, extent->end, extent->sequence_min, extent->sequence_max};
}

static khonsu_status describe(fkv_backup *own, khonsu_error *error) {
  const flashkv *store = own->store;
  own->made = (fkv_manifest){.generation = own->before.generation + 1,
                             .next_file_id = store->next_file_id,
                             .hash_seed = store->hash_seed,
                             .retain_oldest = store->versions.oldest,
                             .history_from = own->extents.history_from,
                             .sequence = own->extents.sequence,
                             .timestamp_us = own->extents.timestamp_us,
                             .row_count = own->extents.count};
  memcpy(own->made.store_id, own->target.store_id, FKV_STORE_ID_SIZE);
  own->made.rows = kh_alloc_array(own->extents.count, sizeof *own->made.rows);
  own->copied = kh_alloc_zero_array(own->extents.count, sizeof *own->copied);
  if (own->made.rows == NULL || own->copied == NULL) {
    return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a backup");
  }
  for (size_t index = 0; index < own->extents.count; index++)
    own->made.rows[index] = row_of(&own->extents.items[index]);
  return FLASHKV_OK;
}

/* False: it is to be copied. What an earlier manifest lists keeps its name until the new one is due. */
static bool link_file(const fkv_backup *own, const fkv_extent *extent) {
  char from[FKV_PATH_MAX], to[FKV_PATH_MAX];
  if (!extent->sealed || fkv_manifest_find(&own->before, extent->file->id) != NULL) return false;
  fkv_files_path(&own->store->files, extent->file->id, "data", from);
  fkv_files_path(&own->target, extent->file->id, "data", to);
  (void)KH_OS_CALL(own->target.os, unlink, to); /* of a backup that did not come to its end */
  return KH_OS_CALL(own->target.os, link, from, to) == 0;
}

static khonsu_status take(fkv_backup *own, khonsu_error *error) {
  flashkv *store = own->store;
  kh_lock_acquire(&store->files_lock);
  khonsu_status status = fkv_extents_take(store, &own->extents, error);
  if (status == FLASHKV_OK) status = describe(own, error);
  for (size_t index = 0; index < own->extents.count && status == FLASHKV_OK; index++) {
    const fkv_extent *extent = &own->extents.items[index];
    own->copied[index] = !(extent->sealed && fkv_backup_has(own, extent)) && !link_file(own, extent);
    if (own->copied[index]) own->bytes_total += extent->end;
  }
  kh_lock_release(&store->files_lock);
  return status;
}

/* ---- the rest */

static khonsu_status copy_files(fkv_backup *own, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < own->extents.count && status == FLASHKV_OK; index++) {
    const fkv_extent *extent = &own->extents.items[index];
    if (own->copied[index]) status = fkv_backup_copy(own, extent, error);
    else if (own->verify) status = fkv_backup_check(own, extent, error);
  }
  return status;
}

/* A copy that takes the place of an earlier one of the same file has all that that one had, and the earlier manifest lists
 * it as not sealed: so it is as good for that; unless the backup was opened and written to, and is to be made what it was. */
static khonsu_status publish(fkv_backup *own, khonsu_error *error) {
  char from[FKV_PATH_MAX], to[FKV_PATH_MAX];
  khonsu_status status = fkv_derived_remove(own->target.os, own->target.dir_path, error); /* of who opened it */
  for (size_t index = 0; index < own->extents.count && status == FLASHKV_OK; index++) {
    if (!own->copied[index]) continue;
    fkv_files_path(&own->target, own->extents.items[index].file->id, "part", from);
    fkv_files_path(&own->target, own->extents.items[index].file->id, "data", to);
    kh_os_error failed = KH_OS_CALL(own->target.os, rename, from, to);
    if (failed) return kh_os_fail(error, failed, "put in place", to);
  }
  if (status == FLASHKV_OK) status = fkv_directory_flush(own->target.os, own->target.dir_path, own->directory, error);
  if (status == FLASHKV_OK) status = fkv_name_flush(own->target.os, own->target.dir_path, error);
  if (status != FLASHKV_OK) return status;
  return fkv_manifest_write(own->target.os, own->target.dir_path, own->directory, &own->made, error);
}

static kh_os_error remove_unlisted(void *ctx, const char *name) {
  const fkv_backup *own = ctx;
  uint64_t data_id = fkv_files_id_of(name, "data"), id = data_id != 0 ? data_id : fkv_files_id_of(name, "hint");
  bool is_part = is_number(name, "part");
  if (!is_part && (id == 0 || fkv_manifest_find(&own->made, id) != NULL)) return 0;
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", own->target.dir_path, name);
  fkv_file_kind kind = data_id != 0 ? FKV_FILE_DATA : FKV_FILE_HINT;
  if (!is_part && !fkv_may_be_removed(&own->target, path, kind)) return 0;
  (void)KH_OS_CALL(own->target.os, unlink, path); /* else the next backup, or opening, does it */
  return 0;
}

static khonsu_status run(fkv_backup *own, khonsu_error *error) {
  khonsu_status status = open_directory(own, error);
  if (status == FLASHKV_OK) status = lock(own, error);
  if (status == FLASHKV_OK) status = look_at_directory(own, error);
  if (status == FLASHKV_OK && !own->store->options.read_only) {
    status = fkv_flush(own->store, atomic_load(&own->store->visible), error);
  }
  if (status == FLASHKV_OK) status = take(own, error);
  if (status == FLASHKV_OK) status = copy_files(own, error);
  if (status == FLASHKV_OK) status = publish(own, error);
  if (status == FLASHKV_OK) (void)KH_OS_CALL(own->target.os, list, own->target.dir_path, remove_unlisted, own);
  return status;
}

/* ---- the call */

static void fini(fkv_backup *own) {
  const kh_os *os = own->target.os;
  fkv_extents_fini(&own->extents);
  fkv_manifest_fini(&own->before);
  fkv_manifest_fini(&own->made);
  kh_free(own->copied);
  fkv_handle_close(os, own->directory);
  fkv_handle_close(os, own->lock_file);
}

static khonsu_status backup(flashkv *store, const char *dir_path, bool verify, flashkv_progress progress,
                            void *progress_ctx, khonsu_error *error) {
  khonsu_status status = fkv_check_dir_path(dir_path, error);
  if (status != FLASHKV_OK) return status;
  if (store->recovery.findings > 0) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is damaged, and was opened to salvage what is whole in it: %s",
                            store->dir_path, "copy that with an iterator, or repair a copy of the directory");
  }
  fkv_backup own = {.store = store,
                    .target = {.os = store->files.os, .dir_path = dir_path},
                    .directory = KH_FILE_NONE,
                    .lock_file = KH_FILE_NONE,
                    .verify = verify,
                    .progress = progress,
                    .progress_ctx = progress_ctx};
  memcpy(own.target.store_id, store->files.store_id, FKV_STORE_ID_SIZE);
  status = run(&own, error);
  fini(&own);
  return status;
}

flashkv_status flashkv_backup(flashkv *store, const char *dir_path, bool verify, flashkv_progress progress,
                              void *progress_ctx, flashkv_error *error) {
  FKV_TELL(error, backup(store, dir_path, verify, progress, progress_ctx, detail));
}
