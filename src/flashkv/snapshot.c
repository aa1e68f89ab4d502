#include "snapshot.h"

#include <inttypes.h>

#include "scan.h"
#include "write.h"

/* ---- when a commit was */

/* The time of the commit `sequence`, from the file that holds it; 0 if that cannot be found out any more. */
static uint64_t commit_time_us(flashkv *store, uint64_t sequence) {
  uint64_t found = 0;
  kh_lock_acquire(&store->files_lock);
  for (size_t index = 0; index < store->list_count && found == 0; index++) {
    fkv_file *file = store->list[index];
    kh_lock_acquire(&store->write_lock);
    bool holds = !file->merged && file->sequence_min <= sequence && sequence <= file->sequence_max;
    uint64_t end = file->tail;
    kh_lock_release(&store->write_lock);
    fkv_scan scan = fkv_scan_begin(file, &store->files, FKV_PREAMBLE_SIZE, end);
    while (holds && found == 0) {
      const uint8_t *record;
      fkv_soundness sound;
      if (fkv_scan_look(&scan, false, &record, &sound, NULL) != FLASHKV_OK || sound != FKV_SOUND) break;
      if (fkv_record_sequence(record) == sequence && fkv_record_is_write(record))
        found = fkv_record_timestamp_us(record);
      fkv_scan_pass(&scan, record);
    }
    fkv_scan_fini(&scan);
  }
  kh_lock_release(&store->files_lock);
  return found;
}

uint64_t fkv_clock_at(flashkv *store, uint64_t sequence) {
  uint64_t time_us = commit_time_us(store, sequence);
  return time_us == 0 ? fkv_clock_ms(store) : time_us / 1000;
}

/* Of one file: the greatest sequence of a record that is not later. Times never fall from one sequence to the next. */
static khonsu_status find_time(flashkv *store, fkv_file *file, uint64_t end, uint64_t timestamp_us, uint64_t *found,
                               khonsu_error *error) {
  fkv_scan scan = fkv_scan_begin(file, &store->files, FKV_PREAMBLE_SIZE, end);
  khonsu_status status;
  for (;;) {
    const uint8_t *record;
    fkv_soundness sound;
    status = fkv_scan_look(&scan, false, &record, &sound, error);
    if (status != FLASHKV_OK || sound != FKV_SOUND) break;
    if (fkv_record_is_write(record) && fkv_record_timestamp_us(record) <= timestamp_us &&
        fkv_record_sequence(record) > *found)
      *found = fkv_record_sequence(record);
    fkv_scan_pass(&scan, record);
  }
  fkv_scan_fini(&scan);
  return status;
}

/* A record that merging has moved still says when it was written. */
static khonsu_status sequence_at(flashkv *store, uint64_t timestamp_us, uint64_t *sequence, khonsu_error *error) {
  uint64_t found = 0;
  khonsu_status status = FLASHKV_OK;
  kh_lock_acquire(&store->files_lock);
  for (size_t index = 0; index < store->list_count && status == FLASHKV_OK; index++) {
    fkv_file *file = store->list[index];
    kh_lock_acquire(&store->write_lock);
    uint64_t end = fkv_complete_end(store, file);
    bool may_have = file->sequence_max > found && file->sequence_min <= file->sequence_max;
    kh_lock_release(&store->write_lock);
    if (may_have) status = find_time(store, file, end, timestamp_us, &found, error);
  }
  kh_lock_release(&store->files_lock);
  if (status != FLASHKV_OK) return status;
  if (found == 0) return khonsu_error_set(error, FLASHKV_NOT_FOUND, "the store has nothing as old as that");
  *sequence = found;
  return FLASHKV_OK;
}

flashkv_status flashkv_sequence_at(flashkv *store, uint64_t timestamp_us, uint64_t *sequence, flashkv_error *error) {
  FKV_TELL(error, sequence_at(store, timestamp_us, sequence, detail));
}

/* ---- holding */

static khonsu_status hold(flashkv *store, uint64_t *sequence, khonsu_error *error) {
  uint64_t newest = atomic_load_explicit(&store->visible, memory_order_relaxed);
  if (*sequence == UINT64_MAX) *sequence = newest;
  if (*sequence > newest) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT,
                            "there is no commit %" PRIu64 " yet; the newest is %" PRIu64, *sequence, newest);
  }
  if (!fkv_versions_reach(&store->versions, *sequence, newest)) {
    return khonsu_error_set(error, FLASHKV_TRIMMED, "what the store held at commit %" PRIu64 " is no longer kept",
                            *sequence);
  }
  khonsu_status status = fkv_versions_hold(&store->versions, *sequence);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for a snapshot");
}

khonsu_status fkv_hold(flashkv *store, uint64_t sequence, fkv_moment *moment, khonsu_error *error) {
  bool newest = sequence == UINT64_MAX;
  kh_lock_acquire(&store->write_lock);
  khonsu_status status = hold(store, &sequence, error);
  kh_lock_release(&store->write_lock);
  if (status == FLASHKV_OK) *moment = (fkv_moment){sequence, newest ? fkv_clock_ms(store) : 0};
  return status;
}

void fkv_let_go(flashkv *store, const fkv_moment *moment) {
  kh_lock_acquire(&store->write_lock);
  fkv_versions_release(&store->versions, moment->sequence);
  fkv_trim_versions(store);
  kh_epoch_collect(&store->epoch, 64);
  kh_lock_release(&store->write_lock);
}

/* ---- the calls */

struct flashkv_snapshot {
  flashkv *store;
  fkv_moment moment;
};

static khonsu_status open_snapshot(flashkv *store, uint64_t sequence, flashkv_snapshot **opened, khonsu_error *error) {
  flashkv_snapshot *snapshot = kh_alloc(sizeof *snapshot);
  if (snapshot == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a snapshot");
  snapshot->store = store;
  khonsu_status status = fkv_hold(store, sequence, &snapshot->moment, error);
  if (status == FLASHKV_OK) *opened = snapshot;
  else kh_free(snapshot);
  return status;
}

flashkv_status flashkv_snapshot_open(flashkv *store, flashkv_snapshot **snapshot, flashkv_error *error) {
  FKV_TELL(error, open_snapshot(store, UINT64_MAX, snapshot, detail));
}

flashkv_status flashkv_snapshot_at(flashkv *store, uint64_t sequence, flashkv_snapshot **snapshot,
                                   flashkv_error *error) {
  FKV_TELL(error, open_snapshot(store, sequence, snapshot, detail));
}

uint64_t flashkv_snapshot_sequence(const flashkv_snapshot *snapshot) { return snapshot->moment.sequence; }

void flashkv_snapshot_close(flashkv_snapshot **snapshot) {
  if (snapshot == NULL || *snapshot == NULL) return;
  fkv_let_go((*snapshot)->store, &(*snapshot)->moment);
  kh_free(*snapshot);
  *snapshot = NULL;
}

/* Lasting: the manifest says so before anything relies on it. */
static khonsu_status retain(flashkv *store, uint64_t oldest, khonsu_error *error) {
  khonsu_status status = fkv_check_writable(store, error);
  if (status != FLASHKV_OK) return status;
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  uint64_t newest = atomic_load(&store->visible), before = store->versions.oldest;
  if (oldest != UINT64_MAX && oldest > newest) {
    status = khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "there is no commit %" PRIu64 " yet", oldest);
  } else if (oldest < before && oldest < newest) {
    oldest = before == UINT64_MAX ? newest : before; /* what was given up is not brought back */
  }
  bool changes = status == FLASHKV_OK && oldest != before;
  if (changes) store->versions.oldest = oldest;
  kh_lock_release(&store->write_lock);
  if (changes) {
    status = fkv_publish_files(store, error);
    kh_lock_acquire(&store->write_lock);
    if (status != FLASHKV_OK) store->versions.oldest = before;
    fkv_trim_versions(store);
    kh_lock_release(&store->write_lock);
  }
  kh_lock_release(&store->files_lock);
  return status;
}

flashkv_status flashkv_retain(flashkv *store, uint64_t oldest, flashkv_error *error) {
  FKV_TELL(error, retain(store, oldest, detail));
}

/* If the newest record of the key is not newer than the moment, it is the one, whatever is kept of others. */
static bool read_newest(flashkv *store, khonsu_slice key, const fkv_moment *moment, flashkv_value *value,
                        khonsu_status *status, khonsu_error *error) {
  fkv_view view;
  bool is_it = false;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  uint64_t word = fkv_find(store, key, fkv_hash(store, key));
  if (word != 0 && fkv_head(store, word, &view, NULL) == FLASHKV_OK) {
    is_it = fkv_record_sequence(view.bytes) <= moment->sequence;
    fkv_view_fini(&view);
    if (is_it) *status = fkv_read_word(store, word, moment, reader->index, value, error);
  }
  kh_epoch_exit(reader);
  return is_it;
}

static khonsu_status read_held(flashkv *store, khonsu_slice key, const fkv_moment *moment, flashkv_value *value,
                               khonsu_error *error) {
  uint64_t word;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  khonsu_status status = fkv_word_as_of(store, key, fkv_hash(store, key), moment->sequence, &word, error);
  if (status == FLASHKV_OK) {
    status = word == 0 ? FLASHKV_NOT_FOUND : fkv_read_word(store, word, moment, reader->index, value, error);
  }
  kh_epoch_exit(reader);
  return status;
}

/* What is not the newest has to be held on to meanwhile, unless the caller does (`kept`). */
static khonsu_status read_older(flashkv *store, khonsu_slice key, bool kept, fkv_moment *moment, flashkv_value *value,
                                khonsu_error *error) {
  if (kept) return read_held(store, key, moment, value, error);
  khonsu_status status = fkv_hold(store, moment->sequence, moment, error);
  if (status != FLASHKV_OK) return status;
  status = read_held(store, key, moment, value, error);
  fkv_let_go(store, moment);
  return status;
}

static khonsu_status get_at(flashkv *store, khonsu_slice key, uint64_t sequence, bool kept, flashkv_value *value,
                            khonsu_error *error) {
  khonsu_status status = fkv_check_key(key, error);
  if (status != FLASHKV_OK) return status;
  if (sequence > atomic_load(&store->visible)) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "there is no commit %" PRIu64 " yet", sequence);
  }
  fkv_moment moment = {sequence, 0};
  if (!read_newest(store, key, &moment, value, &status, error))
    status = read_older(store, key, kept, &moment, value, error);
  if (status != FLASHKV_NOT_FOUND) return status;
  status = fkv_check_index(store, error);
  if (status != FLASHKV_OK) return status;
  return khonsu_error_set(error, FLASHKV_NOT_FOUND, "no such key at commit %" PRIu64, sequence);
}

flashkv_status flashkv_get_at(flashkv *store, flashkv_slice key, uint64_t sequence, flashkv_value *value,
                              flashkv_error *error) {
  FKV_TELL(error, get_at(store, kh_slice(key.data, key.size), sequence, false, value, detail));
}

flashkv_status flashkv_get_kept(flashkv *store, flashkv_slice key, uint64_t sequence, flashkv_value *value,
                                flashkv_error *error) {
  FKV_TELL(error, get_at(store, kh_slice(key.data, key.size), sequence, true, value, detail));
}
