/* recover: the keydir is made from the files.
 *
 * Records count by their sequence, wherever they stand: merging has moved old ones into new files. What was committed is in
 * order only in the files that are not sealed yet, the end of the log, one after the other. There, records beyond what is
 * known to have been flushed may be missing or torn: the log ends before the first commit that is not whole, and what
 * stands behind it never happened. But where a seal behind it says that the log had been flushed beyond that place, or the
 * manifest does, it is no crash that made the hole: the store is CORRUPT, and left as it is. */
#include "hint.h"
#include "image.h"
#include "install.h"
#include "loader.h"
#include "scan.h"

typedef struct recovery {
  flashkv *store;
  khonsu_error *error;
  fkv_loader loader;
  kh_buffer open; /* words of the commit whose seal has not come yet */
  kh_buffer hint; /* the bytes of one */
  uint64_t open_sequence, open_at;
  uint64_t last;     /* the newest sequence of a whole commit */
  uint64_t previous; /* the last sequence met in files that are not sealed; 0: none yet */
  uint64_t skipped;  /* the sequence of a commit that failed */
  uint64_t synced;   /* as far as seals say */
  uint64_t timestamp_us;
} recovery;

/* ---- commits */

static void note_commit(recovery *own, fkv_file *file, const uint8_t *record) {
  uint64_t sequence = fkv_record_sequence(record), timestamp_us = fkv_record_timestamp_us(record);
  if (sequence > own->last) own->last = sequence;
  if (timestamp_us > own->timestamp_us) own->timestamp_us = timestamp_us;
  if (sequence < file->sequence_min) file->sequence_min = sequence;
  if (sequence > file->sequence_max) file->sequence_max = sequence;
}

static khonsu_status take_open(recovery *own) {
  khonsu_status status = FLASHKV_OK;
  for (size_t at = 0; at < own->open.size && status == FLASHKV_OK; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(own->open.data + at);
    fkv_view view;
    status = fkv_head(own->store, word, &view, own->error);
    if (status != FLASHKV_OK) return status;
    status = fkv_loader_add(&own->loader, word, view.bytes);
    fkv_view_fini(&view);
  }
  own->open.size = 0;
  return status;
}

/* Up to which sequences are known, those of commits that failed included. */
static uint64_t met(const recovery *own) { return own->last > own->skipped ? own->last : own->skipped; }

/* At the end of the log no sequence is missing: one that is there without the one before it lost that in a crash. */
static bool follows(recovery *own, const fkv_file *file, uint64_t sequence) {
  if (file->sealed) return true;
  if (own->previous == 0 ? sequence > met(own) + 1 : sequence != own->previous && sequence != own->previous + 1)
    return false;
  own->previous = sequence;
  return true;
}

/* A sound record. False: it does not continue what stands before it. */
static bool take(recovery *own, fkv_file *file, uint64_t offset, const uint8_t *record, khonsu_status *status) {
  *status = FLASHKV_OK;
  bool is_open = own->open.size > 0;
  uint64_t sequence = fkv_record_sequence(record), word = fkv_word_of(file, offset);
  switch (fkv_record_kind(record)) {
    case FKV_VOID:
      if (is_open || !follows(own, file, sequence)) return false;
      if (sequence > own->skipped) own->skipped = sequence;
      return true;
    case FKV_SEAL: {
      fkv_seal seal = fkv_record_seal(record);
      if (seal.synced_to > own->synced) own->synced = seal.synced_to;
      if (seal.records == 0) return !is_open;
      /* Of fewer than it counts, the others stand before where an image of the index says that it ends. */
      if (sequence != own->open_sequence || !follows(own, file, sequence) ||
          seal.records * sizeof(uint64_t) != own->open.size)
        return false;
      note_commit(own, file, record);
      *status = take_open(own);
      return true;
    }
    default: break;
  }
  if (fkv_record_flags(record) & FKV_SEALED) {
    if (is_open || !follows(own, file, sequence)) return false;
    note_commit(own, file, record);
    *status = fkv_loader_add(&own->loader, word, record);
    return true;
  }
  if (is_open && sequence != own->open_sequence) return false;
  if (!is_open) own->open_at = offset;
  own->open_sequence = sequence;
  *status = kh_buffer_append(&own->open, &word, sizeof word);
  return true;
}

/* ---- files */

static khonsu_status corrupt(recovery *own, const fkv_file *file, uint64_t offset) {
  return fkv_file_damage(file, &own->store->files, offset, "what was written and flushed", own->error);
}

/* Takes records up to the first place where there is none that could stand there. `*offset` is where the commits end that
 * are whole. */
static khonsu_status take_records(recovery *own, fkv_scan *scan, uint64_t trusted, uint64_t *offset) {
  fkv_file *file = scan->file;
  *offset = scan->offset;
  if (file->covered == 0) file->own_from = 0; /* heads are looked at here, before anybody else sees them */
  for (;;) {
    const uint8_t *record;
    fkv_soundness sound;
    fkv_scan_prefetch(scan);
    khonsu_status status = fkv_scan_look(scan, scan->offset >= trusted, &record, &sound, own->error);
    if (status != FLASHKV_OK) return status;
    if (sound != FKV_SOUND || !take(own, file, scan->offset, record, &status)) break;
    if (status != FLASHKV_OK) return status;
    fkv_scan_pass(scan, record);
    if (own->open.size == 0) *offset = scan->offset;
  }
  own->open.size = 0;
  return FLASHKV_OK;
}

/* Of the sequences the manifest has the least and the greatest. */
static khonsu_status take_hint(recovery *own, fkv_file *file, bool *found) {
  fkv_hint_sums sums;
  uint64_t last = own->last;
  own->hint.size = 0;
  if (file->sequence_min <= file->sequence_max && file->sequence_max > last) last = file->sequence_max;
  uint64_t known = last > own->skipped ? last : own->skipped;
  khonsu_status status = fkv_hint_load(&own->loader, file, known, &own->hint, &sums, found);
  if (status != FLASHKV_OK || !*found) return status;
  own->last = last;
  if (sums.timestamp_us > own->timestamp_us) own->timestamp_us = sums.timestamp_us;
  if (sums.synced_to > own->synced) own->synced = sums.synced_to;
  if (sums.skipped > own->last && sums.skipped > own->skipped) own->skipped = sums.skipped;
  return FLASHKV_OK;
}

static khonsu_status take_sealed(recovery *own, fkv_file *file, uint64_t from) {
  uint64_t offset;
  bool found = false;
  if (from == FKV_PREAMBLE_SIZE) {
    khonsu_status status = take_hint(own, file, &found);
    if (status != FLASHKV_OK || found) return status;
  }
  fkv_scan scan = fkv_scan_begin(file, &own->store->files, from, file->tail);
  khonsu_status status = take_records(own, &scan, UINT64_MAX, &offset);
  fkv_scan_fini(&scan);
  if (status == FLASHKV_OK && offset != file->tail) return corrupt(own, file, offset);
  own->store->recovery.files_scanned++;
  return status;
}

/* The log ends in the file at `offset`. Is that how a crash leaves it? */
static khonsu_status end_log(recovery *own, fkv_file *file, uint64_t offset, bool *ended) {
  flashkv *store = own->store;
  uint64_t end = offset, synced_to = own->synced;
  fkv_scan scan = fkv_scan_begin(file, &store->files, offset, file->tail);
  khonsu_status status = fkv_scan_rest(&scan, &end, &synced_to, own->error);
  fkv_scan_fini(&scan);
  if (status != FLASHKV_OK) return status;
  if (offset < file->flushed || synced_to > own->last) return corrupt(own, file, offset);
  bool as_imaged = offset == file->covered && offset > file->flushed; /* that commits end here only an image says */
  if (as_imaged && end > offset) return corrupt(own, file, offset);
  *ended = *ended || end > offset;
  store->recovery.bytes_dropped += end - offset;
  store->bytes -= file->tail - offset;
  file->tail = offset;
  return FLASHKV_OK;
}

/* One that is not sealed: `ended`, if the log has ended before it. */
static khonsu_status take_end_of_log(recovery *own, fkv_file *file, uint64_t *from, bool *ended) {
  uint64_t offset = *from;
  fkv_scan scan = fkv_scan_begin(file, &own->store->files, *from, file->tail);
  khonsu_status status = *ended ? FLASHKV_OK : take_records(own, &scan, file->flushed, &offset);
  fkv_scan_fini(&scan);
  *from = offset;
  return status == FLASHKV_OK ? end_log(own, file, offset, ended) : status;
}

/* Beside a process that writes, a record may be missing when it is looked for, and what stands behind it, and says that it
 * was flushed, be there a moment later: so it is looked for again. */
static khonsu_status take_open_ended(recovery *own, fkv_file *file, uint64_t from, bool *ended) {
  bool alone = !own->store->options.read_only;
  own->store->recovery.files_scanned++;
  khonsu_status status = take_end_of_log(own, file, &from, ended);
  for (uint64_t before = 0; status == FLASHKV_CORRUPT && !alone && from != before;) {
    before = from;
    status = take_end_of_log(own, file, &from, ended);
  }
  return status;
}

/* ---- all files */

static uint64_t begin_of(const fkv_file *file) { return file->covered != 0 ? file->covered : FKV_PREAMBLE_SIZE; }

/* About how many records are to be taken, going by the first of each file. */
static uint64_t estimate(flashkv *store) {
  uint64_t count = 0;
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    if (begin_of(file) == file->tail) continue;
    fkv_scan scan = fkv_scan_begin(file, &store->files, begin_of(file), file->tail);
    const uint8_t *record;
    fkv_soundness sound;
    if (fkv_scan_look(&scan, false, &record, &sound, NULL) == FLASHKV_OK && sound == FKV_SOUND)
      count += (file->tail - scan.offset) / fkv_record_size(record, scan.offset);
    fkv_scan_fini(&scan);
  }
  return count;
}

/* So that the keydir need not grow step by step. */
static khonsu_status reserve(flashkv *store, uint64_t count) {
  enum { WORTH_IT = 8192 };
  if (store->keydir.ops != NULL || count < WORTH_IT) return FLASHKV_OK;
  return kh_hash_map_reserve(&store->keydir.hash, count);
}

static khonsu_status recover_files(recovery *own) {
  flashkv *store = own->store;
  bool ended = false;
  bool has_image = fkv_image_take(store);
  own->last = own->synced = store->sequence; /* manifest and image speak of what is flushed */
  own->timestamp_us = store->timestamp_us;
  uint64_t count = estimate(store);
  if (!has_image && reserve(store, count) != FLASHKV_OK) {
    return khonsu_error_set(own->error, FLASHKV_NO_MEMORY, "out of memory for the keys");
  }
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (!has_image && disk != NULL) {
    khonsu_status status = disk->clear(&store->keydir, own->error);
    if (status != FLASHKV_OK) return status;
  }
  khonsu_status status = fkv_loader_begin(&own->loader, store, count, own->error);
  for (size_t index = 0; index < store->list_count && status == FLASHKV_OK; index++) {
    fkv_file *file = store->list[index];
    uint64_t from = begin_of(file);
    if (from == file->tail && !ended) continue;
    status = file->sealed ? take_sealed(own, file, from) : take_open_ended(own, file, from, &ended);
  }
  return status == FLASHKV_OK ? fkv_loader_finish(&own->loader) : status;
}

khonsu_status fkv_recover(flashkv *store, khonsu_error *error) {
  recovery own = {.store = store, .error = error};
  khonsu_status status = recover_files(&own);
  fkv_loader_fini(&own.loader);
  kh_buffer_fini(&own.open);
  kh_buffer_fini(&own.hint);
  if (status == FLASHKV_OK && !store->log_alone && atomic_load(&store->index_is_wrong))
    status = fkv_say_no_record(store, error); /* image or hints: it is made without them */
  if (status != FLASHKV_OK) return status;
  store->sequence = met(&own);
  store->timestamp_us = own.timestamp_us;
  atomic_store(&store->visible, store->sequence); /* a commit that failed is a moment without a change */
  atomic_store(&store->synced, own.synced < own.last ? own.synced : own.last);
  store->recovery.clean = store->image != NULL && store->recovery.files_scanned == 0 && !store->by_hint;
  store->versions.sweep_at = 0; /* they were met in any order */
  fkv_trim_versions(store);
  return FLASHKV_OK;
}
