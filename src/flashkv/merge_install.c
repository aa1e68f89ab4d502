#include "expiry.h"
#include "hints.h"
#include "install.h"
#include "merge.h"
#include "reserve.h"

/* ---- leading the keydir to the copies; under the write lock */

/* The word of the version that leads to `word`; 0: the keydir does, or nothing (`*gone`). */
static uint64_t leader_of(const flashkv *store, uint64_t newest, uint64_t word, bool *gone) {
  if (newest == word) return 0;
  uint64_t leader = newest == 0 ? 0 : fkv_versions_newer(&store->versions, newest, word);
  *gone = leader == 0;
  return leader;
}

static khonsu_status move_one(flashkv *store, const fkv_move *move, khonsu_error *error) {
  fkv_view view;
  khonsu_status status = fkv_head(store, move->to, &view, error);
  if (status != FLASHKV_OK) return status;
  khonsu_slice key = fkv_record_key(view.bytes);
  uint64_t hash = fkv_hash(store, key), newest = fkv_find_locked(store, key, hash);
  bool gone = false;
  uint64_t leader = leader_of(store, newest, move->from, &gone);
  if (gone) status = fkv_merge_check_newest(store, key, newest, error);
  if (status != FLASHKV_OK) {
    fkv_view_fini(&view);
    return status;
  }
  if (gone) { /* or a deletion that is not in the keydir, but kept for older records that may still be in some file */
    if (fkv_record_kind(view.bytes) == FKV_DELETE) fkv_count_new(store, move->to, view.bytes);
  } else if ((status = fkv_keydir_prepare(store, key, hash)) == FLASHKV_OK &&
             (status = fkv_versions_copy(&store->versions, move->from, move->to)) == FLASHKV_OK) {
    if (leader == 0) {
      fkv_keydir_replace(store, key, hash, move->from, move->to);
      fkv_count_new(store, move->to, view.bytes);
      fkv_uncount(store, move->from, view.bytes);
      if (fkv_record_expires_ms(view.bytes) != 0) {
        status = fkv_expiry_note(store, fkv_record_expires_ms(view.bytes), move->to);
      }
    } else {
      fkv_versions_redirect(&store->versions, leader, move->to);
      fkv_count_retained(store, move->to, view.bytes);
    }
    fkv_versions_unlink(&store->versions, move->from);
  }
  fkv_view_fini(&view);
  if (status == FLASHKV_NO_MEMORY) return khonsu_error_set(error, status, "out of memory for a merge");
  return status;
}

/* Slots of the keydir, before the lock is taken. */
static void touch_some(flashkv *store, const fkv_move *moves, size_t count) {
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  for (size_t index = 0; index < count; index++) {
    const uint8_t *record = fkv_spot_of(store, moves[index].to).record;
    if (record != NULL) fkv_prefetch_slot(store, fkv_hash(store, fkv_record_key(record)));
  }
  kh_epoch_exit(reader);
}

static khonsu_status move_all(fkv_merge_job *job) {
  enum { SOME = 256 };
  flashkv *store = job->store;
  size_t count = fkv_merge_move_count(job);
  const fkv_move *moves = fkv_merge_moves(job);
  khonsu_status status = FLASHKV_OK;
  for (size_t first = 0; first < count && status == FLASHKV_OK; first += SOME) {
    touch_some(store, moves + first, count - first < SOME ? count - first : SOME);
    kh_lock_acquire(&store->write_lock);
    for (size_t index = first; index < count && index < first + SOME && status == FLASHKV_OK; index++) {
      status = move_one(store, &moves[index], job->error);
    }
    fkv_keydir_spill(&store->keydir);
    kh_epoch_collect(&store->epoch, SOME);
    kh_lock_release(&store->write_lock);
  }
  return status;
}

/* ---- files */

static khonsu_status list_outputs(fkv_merge_job *job) {
  flashkv *store = job->store;
  khonsu_status status = FLASHKV_OK;
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  status = fkv_list_reserve(store, job->output_count);
  for (size_t index = 0; index < job->output_count && status == FLASHKV_OK; index++) {
    fkv_list_insert_first(store, job->outputs[index]);
  }
  kh_lock_release(&store->write_lock);
  kh_lock_release(&store->files_lock);
  if (status != FLASHKV_OK) return khonsu_error_set(job->error, status, "out of memory for a merge");
  job->output_count = 0; /* they are the store's now */
  return FLASHKV_OK;
}

/* Whether the next manifest lists the inputs. Under both locks. */
static void unlist_inputs(fkv_merge_job *job, bool unlisted) {
  for (size_t index = 0; index < job->input_count; index++) job->inputs[index]->unlisted = unlisted;
}

/* Under both locks. */
static void take_inputs_off_the_list(fkv_merge_job *job) {
  flashkv *store = job->store;
  size_t kept = 0;
  for (size_t index = 0; index < store->list_count; index++) {
    if (store->list[index]->unlisted) store->bytes -= store->list[index]->tail - FKV_PREAMBLE_SIZE;
    else store->list[kept++] = store->list[index];
  }
  store->list_count = kept;
}

static void forget_input(fkv_merge_job *job, fkv_file *file) {
  flashkv *store = job->store;
  store->tombstones -= file->tombstones;
  store->retained -= file->retained;
  fkv_hints_forget(store, file);
  job->result->bytes_freed += file->tail;
}

static void unlink_input(fkv_merge_job *job, const fkv_file *file) {
  const fkv_files *files = &job->store->files;
  char path[FKV_PATH_MAX];
  fkv_files_path(files, file->id, "data", path);
  (void)KH_OS_CALL(files->os, unlink, path); /* else the next opening does it: no manifest lists it */
  fkv_files_path(files, file->id, "hint", path);
  (void)KH_OS_CALL(files->os, unlink, path);
}

khonsu_status fkv_merge_remove_inputs(fkv_merge_job *job) {
  flashkv *store = job->store;
  uint64_t history_from = store->history_from;
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  unlist_inputs(job, true);
  for (size_t index = 0; index < job->input_count; index++) {
    const fkv_file *file = job->inputs[index];
    if (file->sequence_min <= file->sequence_max && file->sequence_max >= store->history_from) {
      store->history_from = file->sequence_max + 1;
    }
  }
  kh_lock_release(&store->write_lock);
  khonsu_status status = fkv_publish_files(store, job->error);
  if (fkv_reserve_lend(store, status)) status = fkv_publish_files(store, job->error);
  kh_lock_acquire(&store->write_lock);
  if (status == FLASHKV_OK) {
    take_inputs_off_the_list(job);
  } else {
    unlist_inputs(job, false);
    store->history_from = history_from;
  }
  for (size_t index = 0; index < job->input_count && status == FLASHKV_OK; index++) {
    forget_input(job, job->inputs[index]);
    unlink_input(job, job->inputs[index]);
    fkv_spans_retire(&store->spans, job->inputs[index]);
  }
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (status == FLASHKV_OK && disk != NULL) (void)disk->save(&store->keydir, NULL); /* its description names inputs */
  kh_epoch_collect(&store->epoch, UINT64_MAX);
  kh_lock_release(&store->write_lock);
  kh_lock_release(&store->files_lock);
  return status;
}

khonsu_status fkv_merge_install(fkv_merge_job *job) {
  flashkv *store = job->store;
  khonsu_status status = fkv_flush(store, atomic_load(&store->visible), job->error);
  if (status == FLASHKV_OK) status = list_outputs(job);
  if (status == FLASHKV_OK) status = move_all(job);
  return status == FLASHKV_OK ? fkv_merge_remove_inputs(job) : status;
}

void fkv_merge_discard_outputs(fkv_merge_job *job) {
  const fkv_files *files = &job->store->files;
  char path[FKV_PATH_MAX];
  for (size_t index = 0; index < job->output_count; index++) {
    fkv_file *file = job->outputs[index];
    fkv_files_path(files, file->id, "data", path);
    (void)KH_OS_CALL(files->os, unlink, path);
    kh_lock_acquire(&job->store->write_lock);
    if (file->spans != NULL) fkv_spans_retire(&job->store->spans, file);
    else fkv_file_leave(file);
    kh_lock_release(&job->store->write_lock);
  }
  job->output_count = 0;
}
