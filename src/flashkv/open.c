/* open: opening and closing a store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "derived.h"
#include "expiry.h"
#include "hints.h"
#include "image.h"
#include "install.h"
#include "keeper.h"
#include "salvage.h"
#include "tidy.h"
#include "whole_file.h"

/* ---- options */

static khonsu_status check_options(const flashkv_options *options, khonsu_error *error) {
  if (options->dir_path == NULL || options->dir_path[0] == '\0') {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "dir_path is not set");
  }
  if (strlen(options->dir_path) > FKV_DIR_PATH_MAX) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "dir_path is longer than %d bytes", FKV_DIR_PATH_MAX);
  }
  if ((unsigned)options->index_type > FLASHKV_INDEX_BPTREE || (unsigned)options->sync_writes > FLASHKV_ASYNC) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "index_type or sync_writes is not one of its values");
  }
  if (options->salvage_report != NULL && !options->salvage) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "there is a salvage_report, and salvage is false");
  }
#define CHECK_RANGE(type, name, standard, least, most, text)                                                           \
  if (!(options->name >= (type)(least) && options->name <= (type)(most))) {                                            \
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, #name " is out of range: from " #least " to " #most);     \
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
  FLASHKV_OPTION_TABLE(CHECK_RANGE)
#pragma GCC diagnostic pop
#undef CHECK_RANGE
  return FLASHKV_OK;
}

/* The caller's struct may be of another version: members it does not have keep their defaults. */
static khonsu_status take_options(const flashkv_options *given, flashkv_options *options, khonsu_error *error) {
  *options = (flashkv_options)FLASHKV_OPTIONS_INIT;
  if (given == NULL || given->struct_size < sizeof given->struct_size) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "options are not initialised");
  }
  const uint8_t *bytes = (const uint8_t *)given;
  for (size_t at = sizeof *options; at < given->struct_size; at++) {
    if (bytes[at] != 0) {
      return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "options of a newer version of the library are set");
    }
  }
  memcpy(options, given, given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
  options->struct_size = sizeof *options;
  options->read_only = options->read_only || options->salvage;
  if (options->salvage) options->mmap_at_startup = false;
  return check_options(options, error);
}

/* ---- directories that are none of ours */

static kh_os_error is_stranger(void *ctx, const char *name) {
  (void)ctx;
  bool ours = strcmp(name, "LOCK") == 0 || strncmp(name, FKV_MANIFEST_NAME, strlen(FKV_MANIFEST_NAME)) == 0;
  return ours || strcmp(name, "lost+found") == 0 ? 0 : EEXIST;
}

static khonsu_status refuse_strangers(const flashkv *store, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(store->files.os, list, store->dir_path, is_stranger, NULL);
  if (failed == EEXIST) {
    return khonsu_error_set(error, FLASHKV_NOT_A_STORE,
                            "%s holds files, but no store (no " FKV_MANIFEST_NAME
                            "): give an empty directory, or, if data "
                            "files are there, repair it",
                            store->dir_path);
  }
  return failed ? kh_os_fail(error, failed, "list", store->dir_path) : FLASHKV_OK;
}

/* In a directory that can be no store, not even a lock file is left behind. */
static khonsu_status check_before_lock(const flashkv *store, khonsu_error *error) {
  fkv_manifest manifest = {0};
  if (store->options.salvage) return FLASHKV_OK;
  khonsu_status status = fkv_manifest_read(store->files.os, store->dir_path, &manifest, error);
  fkv_manifest_fini(&manifest);
  if (status != FLASHKV_NOT_A_STORE) return FLASHKV_OK; /* what else is wrong shows later */
  return store->options.create_if_missing ? refuse_strangers(store, error) : status;
}

/* ---- the lock file */

#define FLUSH_FAILED "a flush failed"

typedef struct holder {
  long process;
  bool failed; /* to flush */
} holder;

static holder read_holder(const flashkv *store) {
  char text[64] = "";
  size_t got = 0;
  kh_os_error failed = KH_OS_CALL(store->files.os, read_at, store->lock_file, text, sizeof text - 1, 0, &got);
  if (failed) return (holder){0, true};
  return (holder){strtol(text, NULL, 10), strstr(text, FLUSH_FAILED) != NULL};
}

static khonsu_status say_locked(const flashkv *store, const char *path, khonsu_error *error) {
  long process = read_holder(store).process;
  if (process <= 0) return khonsu_error_set(error, FLASHKV_LOCKED, "%s is locked: the store is open elsewhere", path);
  if (process == (long)kh_os_process()) {
    return khonsu_error_set(error, FLASHKV_LOCKED, "%s is locked: this process (%ld) has the store open", path,
                            process);
  }
  return khonsu_error_set(error, FLASHKV_LOCKED, "%s is locked: process %ld has the store open", path, process);
}

static void write_holder(flashkv *store, const char *note) {
  char text[64];
  int size = snprintf(text, sizeof text, "%lu\n%s", (unsigned long)kh_os_process(), note);
  khonsu_slice slice = kh_slice(text, (size_t)size);
  (void)KH_OS_CALL(store->files.os, write_at, store->lock_file, &slice, 1,
                   0); /* on a full disk the holder stays unnamed */
  (void)KH_OS_CALL(store->files.os, truncate, store->lock_file, slice.size);
}

/* The lock goes with the open file, however the process ends; what the file says is for people, but for one thing. A flush
 * that failed leaves pages in the system's cache that are not on the disk, and that no later flush will write. This note
 * is in the same cache, and gone when they are. */
static khonsu_status lock(flashkv *store, khonsu_error *error) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/LOCK", store->dir_path);
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_WRITE, &store->lock_file);
  if (failed == ENOENT) {
    khonsu_status status = check_before_lock(store, error);
    kh_open_mode mode =
        status == FLASHKV_OK ? KH_OPEN_CREATE : KH_OPEN_WRITE; /* another may have made a store by now */
    failed = KH_OS_CALL(os, open, path, mode, &store->lock_file);
    if (failed == ENOENT && status != FLASHKV_OK) return status;
  }
  if (failed) return kh_os_fail(error, failed, "open", path);
  failed = KH_OS_CALL(os, lock, store->lock_file);
  if (failed == EAGAIN) return say_locked(store, path, error);
  if (failed) return kh_os_fail(error, failed, "lock", path);
  store->rewrite_tails = read_holder(store).failed;
  if (!store->rewrite_tails) write_holder(store, "");
  return FLASHKV_OK;
}

void fkv_note_failure(flashkv *store) {
  atomic_store(&store->failed, true);
  write_holder(store, FLUSH_FAILED "\n");
}

/* ---- the directory */

static khonsu_status open_directory(flashkv *store, khonsu_error *error) {
  const kh_os *os = store->files.os;
  bool may_make = store->options.create_if_missing && !store->options.read_only;
  kh_os_error failed = KH_OS_CALL(os, open, store->dir_path, KH_OPEN_DIRECTORY, &store->directory);
  if (failed == ENOENT && may_make) {
    failed = KH_OS_CALL(os, make_directory, store->dir_path);
    if (failed && failed != EEXIST) return kh_os_fail(error, failed, "make", store->dir_path);
    failed = KH_OS_CALL(os, open, store->dir_path, KH_OPEN_DIRECTORY, &store->directory);
  }
  if (failed == ENOENT || failed == ENOTDIR) {
    return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s is not a directory with a store", store->dir_path);
  }
  return failed ? kh_os_fail(error, failed, "open", store->dir_path) : FLASHKV_OK;
}

/* A new store, in a directory that holds nothing else. One that was being made when the process died is made anew. */
static khonsu_status make_store(flashkv *store, khonsu_error *error) {
  khonsu_status status = refuse_strangers(store, error);
  if (status != FLASHKV_OK) return status;
  kh_os_random(store->files.store_id, FKV_STORE_ID_SIZE);
  kh_os_random(&store->hash_seed, sizeof store->hash_seed);
  store->next_file_id = 1;
  store->history_from = 1;
  status = fkv_name_flush(store->files.os, store->dir_path, error);
  return status == FLASHKV_OK ? fkv_publish_files(store, error) : status;
}

/* ---- files of an existing store */

/* Words of an image count on it. */
static uint64_t first_span_of(const flashkv *store, uint64_t id) {
  const fkv_image_row *row = fkv_image_find(store, id);
  return row == NULL ? 0 : row->first_span;
}

static khonsu_status open_row(flashkv *store, const fkv_manifest_row *row, bool last, khonsu_error *error) {
  bool sealed = row->bits & FKV_ROW_SEALED, writable = !sealed && !store->options.read_only;
  uint64_t size_max = last && writable ? store->options.data_file_size : 0;
  fkv_file *file;
  khonsu_status status = fkv_file_open(&store->files, row->id, writable, size_max, &file, error);
  if (status != FLASHKV_OK) return status;
  file->sealed = sealed;
  file->merged = row->bits & FKV_ROW_MERGED;
  file->flushed = row->flushed;
  file->sequence_min = row->sequence_min;
  file->sequence_max = row->sequence_max;
  if (file->tail < row->flushed || (sealed && file->tail != row->flushed)) {
    status = fkv_file_damage(file, &store->files, file->tail, "the end (it is not where it was)", error);
  } else if (fkv_list_add(store, file, first_span_of(store, row->id)) != FLASHKV_OK) {
    status = khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a data file");
  }
  if (status != FLASHKV_OK) fkv_file_leave(file);
  return status;
}

static khonsu_status open_rows(flashkv *store, const fkv_manifest *manifest, khonsu_error *error) {
  fkv_take_manifest(store, manifest);
  atomic_store(&store->manifest_size, fkv_manifest_size(manifest));
  fkv_image_open(store, manifest);
  for (size_t index = 0; index < manifest->row_count; index++) {
    khonsu_status status = open_row(store, &manifest->rows[index], index + 1 == manifest->row_count, error);
    if (status != FLASHKV_OK) return status;
  }
  fkv_hints_find(store);
  return FLASHKV_OK;
}

/* Writes again what the system believes to be on the disk since a flush of it failed. */
static khonsu_status rewrite_tail(flashkv *store, fkv_file *file, khonsu_error *error) {
  enum { PART = 1 << 20 };
  khonsu_status status = FLASHKV_OK;
  for (uint64_t at = file->flushed; at < file->tail && status == FLASHKV_OK; at += PART) {
    uint8_t *bytes = kh_alloc(PART);
    if (bytes == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a store");
    size_t size = (size_t)(file->tail - at < PART ? file->tail - at : PART), got = 0;
    kh_os_error failed = KH_OS_CALL(file->os, read_at, file->handle, bytes, size, at, &got);
    if (failed) status = kh_os_fail(error, failed, "read", store->dir_path);
    else status = fkv_file_write_bytes(file, &store->files, at, kh_slice(bytes, got), error);
    kh_free(bytes);
  }
  return status == FLASHKV_OK ? fkv_file_sync(file, &store->files, error) : status;
}

/* The last file goes on where it ends, and what the log lost in a crash is cut off for good: what is written there next must
 * not be followed by what was there before. */
static khonsu_status continue_log(flashkv *store, khonsu_error *error) {
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    if (file->sealed) continue;
    if (file->ready != file->tail) {
      khonsu_status status = fkv_file_cut(file, &store->files, error);
      bool only_zeros = store->recovery.bytes_dropped == 0;
      if (status == FLASHKV_OK && !only_zeros) status = fkv_file_sync(file, &store->files, error);
      if (status != FLASHKV_OK) return status;
    }
    if (store->rewrite_tails) {
      khonsu_status status = rewrite_tail(store, file, error);
      if (status != FLASHKV_OK) return status;
    }
    if (file->own_from > file->tail) file->own_from = file->tail;
    if (index + 1 == store->list_count) store->active = file;
  }
  if (store->rewrite_tails) write_holder(store, "");
  return FLASHKV_OK;
}

static khonsu_status open_keydir(flashkv *store, khonsu_error *error) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  return disk == NULL ? FLASHKV_OK : disk->open(&store->keydir, store, error);
}

/* Of a new store. */
static khonsu_status begin_keydir(flashkv *store, khonsu_error *error) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  khonsu_status status = open_keydir(store, error);
  if (status == FLASHKV_OK && disk != NULL) status = disk->clear(&store->keydir, error);
  if (status == FLASHKV_OK && disk != NULL) disk->recovered(&store->keydir);
  return status;
}

static khonsu_status load(flashkv *store, khonsu_error *error) {
  if (store->options.salvage) return fkv_salvage(store, error);
  fkv_manifest manifest = {0};
  khonsu_status status = fkv_manifest_read(store->files.os, store->dir_path, &manifest, error);
  if (status == FLASHKV_NOT_A_STORE && store->options.create_if_missing && !store->options.read_only) {
    status = make_store(store, error);
    return status == FLASHKV_OK ? begin_keydir(store, error) : status;
  }
  if (status == FLASHKV_OK) status = open_keydir(store, error);
  if (status == FLASHKV_OK) status = open_rows(store, &manifest, error);
  fkv_manifest_fini(&manifest);
  if (status == FLASHKV_OK) status = fkv_recover(store, error);
  if (status == FLASHKV_OK && !store->options.read_only) status = fkv_tidy(store, error);
  if (status == FLASHKV_OK && !store->options.read_only) status = continue_log(store, error);
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (status == FLASHKV_OK && disk != NULL) disk->recovered(&store->keydir);
  return status;
}

/* ---- making and freeing the struct */

static bool word_has_key(void *ctx, uint64_t word, khonsu_slice key) { return fkv_word_has_key(ctx, word, key); }

typedef struct hashing {
  const flashkv *store;
  uint64_t hash;
} hashing;

static void hash_key(void *ctx, const uint8_t *record, uint64_t offset) {
  (void)offset;
  hashing *own = ctx;
  own->hash = fkv_hash(own->store, fkv_record_key(record));
}

/* The hash of a key that cannot be read is not known: it will not be found any more where it was, so from now on what is not
 * found may be there nevertheless. */
static uint64_t word_hash(void *ctx, uint64_t word) {
  flashkv *store = ctx;
  hashing own = {store, 0};
  if (!fkv_with_head(store, word, hash_key, &own)) atomic_store(&store->misses_are_doubtful, true);
  return own.hash;
}

static void prefetch_word(void *ctx, uint64_t word) {
  const flashkv *store = ctx;
  if (!fkv_spans_may_have(&store->spans, word, 1)) return;
  const fkv_span *span = fkv_spans_at(&store->spans, word);
  if (span->base != NULL) fkv_prefetch_head(span->base + fkv_word_in_span(word));
}

static khonsu_status init_parts(flashkv *store) {
  kh_key_source source = {word_has_key, word_hash, store, prefetch_word};
  kh_epoch_init(&store->epoch);
  store->heap = kh_heap_new();
  if (store->heap == NULL) return FLASHKV_NO_MEMORY;
  khonsu_status status = kh_epoch_crowd_init(&store->crowd, &store->epoch);
  if (status == FLASHKV_OK) status = fkv_spans_init(&store->spans, &store->epoch);
  if (status == FLASHKV_OK) status = fkv_versions_init(&store->versions, &store->epoch, store->heap);
  if (status == FLASHKV_OK) status = kh_ordered_map_init(&store->expiries, &store->epoch);
  if (status != FLASHKV_OK) return status;
  flashkv_index_type type = store->options.index_type;
  if (type == FLASHKV_INDEX_BPTREE && store->options.read_only)
    type = FLASHKV_INDEX_BTREE; /* that one is the writer's */
  return fkv_keydir_init(&store->keydir, type, source, &store->epoch, store->heap);
}

static void destroy(flashkv *store) {
  kh_ordered_map_fini(&store->expiries);
  fkv_keydir_fini(&store->keydir);
  if (store->heap != NULL) {
    if (store->versions.epoch != NULL) fkv_versions_fini(&store->versions);
    kh_epoch_fini(&store->epoch); /* files that merging retired give their spans back */
    fkv_spans_fini(&store->spans);
    kh_heap_close(store->heap);
    fkv_image_close(store);
  }
  for (size_t index = 0; index < store->list_count; index++) fkv_file_leave(store->list[index]);
  kh_free(store->list);
  fkv_handle_close(store->files.os, store->directory);
  fkv_handle_close(store->files.os, store->lock_file); /* last: it keeps others out */
  kh_free(store->dir_path);
  kh_free(store);
}

static flashkv *new_store(const kh_os *os, const flashkv_options *options) {
  flashkv *store = kh_alloc_lines(sizeof *store);
  if (store == NULL) return NULL;
  memset(store, 0, sizeof *store);
  store->options = *options;
  store->flushes_are_small = options->sync_writes == FLASHKV_SYNC;
  store->directory = store->lock_file = store->hint_file = KH_FILE_NONE;
  store->reserve_due = true;
  size_t size = strlen(options->dir_path) + 1;
  store->dir_path = kh_alloc(size);
  if (store->dir_path == NULL) {
    kh_free(store);
    return NULL;
  }
  memcpy(store->dir_path, options->dir_path, size);
  store->options.dir_path = store->dir_path;
  store->files = (fkv_files){.os = os,
                             .dir_path = store->dir_path,
                             .mapped = options->mmap_at_startup,
                             .zeroed = options->sync_writes == FLASHKV_SYNC};
  return store;
}

static khonsu_status open_store(flashkv *store, khonsu_error *error) {
  khonsu_status status = init_parts(store);
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "out of memory for a store");
  status = open_directory(store, error);
  if (status == FLASHKV_OK && !store->options.read_only) status = lock(store, error);
  if (status == FLASHKV_OK) status = load(store, error);
  if (status != FLASHKV_OK) return status;
  store->derived_size = fkv_derived_size(&store->files, fkv_keydir_disk_of(&store->keydir) != NULL);
  return FLASHKV_OK;
}

/* `*told`: what is in the index was taken from its image, or from hints. */
static khonsu_status open_with(const kh_os *os, const flashkv_options *options, bool log_alone, flashkv **opened,
                               bool *told, khonsu_error *error) {
  flashkv *store = new_store(os, options);
  if (store == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a store");
  store->log_alone = log_alone;
  khonsu_status status = open_store(store, error);
  *told = fkv_index_is_told(store);
  if (status != FLASHKV_OK) {
    destroy(store);
    return status;
  }
  store->recovery.sequence = store->sequence;
  store->options.salvage_report = NULL; /* it was borrowed */
  *opened = store;
  return FLASHKV_OK;
}

khonsu_status fkv_open_on(const kh_os *os, const flashkv_options *given, flashkv **opened, khonsu_error *error) {
  flashkv_options options;
  khonsu_status status = take_options(given, &options, error);
  if (status != FLASHKV_OK) return status;
  bool told;
  status = open_with(os, &options, false, opened, &told, error);
  /* It may be image or hints that are wrong: about where they end, so that what follows seems to be damaged. */
  if (status == FLASHKV_CORRUPT && told) status = open_with(os, &options, true, opened, &told, error);
  return status;
}

khonsu_status fkv_open_log(const kh_os *os, const char *dir_path, flashkv **opened, khonsu_error *error) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = dir_path;
  options.mmap_at_startup = options.create_if_missing = options.background = false;
  options.read_only = true;
  bool told;
  khonsu_status status = open_with(os, &options, true, opened, &told, error);
  if (status == FLASHKV_OK) fkv_expire(*opened);
  return status;
}

/* ---- closing */

static bool has_merged(const flashkv *store) { return store->counters.merges > 0 || store->counters.expired > 0; }

/* Of values that were lent out, who has them could not be told. */
static khonsu_status check_readable(const flashkv *store, khonsu_error *error) {
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    if (fkv_file_is_unreadable(file)) return fkv_file_say_unreadable(file, &store->files, error);
  }
  return FLASHKV_OK;
}

static khonsu_status close_files(flashkv *store, khonsu_error *error) {
  khonsu_status readable = check_readable(store, error);
  if (readable != FLASHKV_OK || store->options.read_only) return readable;
  if (atomic_load(&store->failed)) {
    return khonsu_error_set(error, FLASHKV_IN_DOUBT, "a flush had failed: buffered commits may be lost");
  }
  khonsu_status status = fkv_flush(store, atomic_load(&store->visible), error);
  fkv_unlist_prepared(store);
  if (status == FLASHKV_OK && store->active != NULL) status = fkv_file_cut(store->active, &store->files, error);
  if (status == FLASHKV_OK) status = fkv_seal_full(store, error);
  kh_lock_acquire(&store->files_lock);
  if (status == FLASHKV_OK && store->list_count > 0) status = fkv_publish_files(store, error);
  kh_lock_release(&store->files_lock);
  if (status == FLASHKV_OK) fkv_drop_prepared(store);
  bool changed =
      atomic_load(&store->visible) != store->recovery.sequence || !store->recovery.clean || has_merged(store);
  bool whole = fkv_check_index(store, NULL) == FLASHKV_OK; /* else the next opening reads the log */
  if (status == FLASHKV_OK && store->keydir.ops == NULL && changed && whole) {
    status = fkv_image_write(store, error);
    if (fkv_hints_give_room(store, status)) status = fkv_image_write(store, error);
  }
  if (status == FLASHKV_OK && atomic_load(&store->index_is_wrong)) {
    fkv_image_remove(store);
    fkv_hints_remove_all(store); /* the image may have been made from them, too */
  }
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (status == FLASHKV_OK && disk != NULL && changed) {
    kh_lock_acquire(&store->write_lock);
    status = disk->save(&store->keydir, error);
    kh_lock_release(&store->write_lock);
  }
  return status;
}

khonsu_status fkv_close(flashkv *store, khonsu_error *error) {
  fkv_keeper_end(store);
  khonsu_status status = close_files(store, error);
  destroy(store);
  return status;
}
