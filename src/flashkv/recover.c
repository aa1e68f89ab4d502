/* recover: the keydir is made from the files.
 *
 * Records count by their sequence, wherever they stand: merging has moved old ones into new files. What was committed is in
 * order only in the files that are not sealed yet, the end of the log, one after the other. There, records beyond what is
 * known to have been flushed may be missing or torn: the log ends before the first commit that is not whole, and what
 * stands behind it never happened. But where a seal behind it says that the log had been flushed beyond that place, or the
 * manifest does, it is no crash that made the hole: the store is CORRUPT, and left as it is. */
#include "expiry.h"
#include "image.h"
#include "install.h"
#include "scan.h"

enum { AHEAD = 32, HALF = AHEAD / 2 };

/* A record that is to go into the keydir as soon as its slot, and the record that the slot leads to, are in the cache. */
typedef struct upcoming {
  uint64_t word, hash;
} upcoming;

typedef struct recovery {
  flashkv *store;
  khonsu_error *error;
  upcoming ring[AHEAD];
  unsigned first, count;
  kh_buffer tombstones; /* words of deletions that are in the keydir */
  kh_buffer open;       /* words of the commit whose seal has not come yet */
  uint64_t open_sequence, open_at;
  uint64_t last;     /* the newest sequence of a whole commit */
  uint64_t previous; /* the last sequence met in files that are not sealed; 0: none yet */
  uint64_t skipped;  /* the sequence of a commit that failed */
  uint64_t synced;   /* as far as seals say */
  uint64_t timestamp_us;
} recovery;

/* ---- into the keydir */

static khonsu_status remember(kh_buffer *words, uint64_t word) { return kh_buffer_append(words, &word, sizeof word); }

/* A record that is not the newest of its key; `head` is, at the moment. It has not been counted. Of writes to a key by one
 * commit only the last was ever seen; what stands behind the others stands behind that. */
static khonsu_status take_older(recovery *own, uint64_t head, uint64_t head_sequence, uint64_t word,
                                const uint8_t *record) {
  fkv_versions *versions = &own->store->versions;
  if (KH_LIKELY(versions->oldest == UINT64_MAX)) return FLASHKV_OK;
  bool kept = false;
  khonsu_status status;
  if (fkv_record_sequence(record) == head_sequence) {
    status = fkv_versions_copy(versions, word, head);
    if (status == FLASHKV_OK) fkv_versions_unlink(versions, word);
  } else {
    status = fkv_versions_insert(versions, head, head_sequence, word, fkv_record_sequence(record), &kept);
  }
  if (kept) fkv_count_retained(own->store, word, record);
  return status;
}

/* The commit that wrote `old` has written its key again: nobody sees it, but what stands behind it is behind `word` now. */
static khonsu_status pass_on(flashkv *store, uint64_t old, uint64_t word) {
  khonsu_status status = fkv_versions_copy(&store->versions, old, word);
  if (status == FLASHKV_OK) fkv_versions_unlink(&store->versions, old);
  return status;
}

/* A record to which its key leads now. */
static khonsu_status take_newest(flashkv *store, uint64_t word, const uint8_t *record) {
  uint64_t expires_ms = fkv_record_expires_ms(record);
  fkv_count_new(store, word, record);
  return expires_ms == 0 ? FLASHKV_OK : fkv_expiry_note(store, expires_ms, word);
}

static khonsu_status enter_over(recovery *own, const upcoming *next, const uint8_t *record, uint64_t old) {
  flashkv *store = own->store;
  fkv_view view;
  khonsu_status status = fkv_head(store, old, &view, own->error);
  if (status != FLASHKV_OK) return status;
  uint64_t old_sequence = fkv_record_sequence(view.bytes), sequence = fkv_record_sequence(record);
  if (old_sequence > sequence) {
    status = take_older(own, old, old_sequence, next->word, record);
  } else {
    fkv_keydir_replace(store, fkv_record_key(record), next->hash, old, next->word);
    status = take_newest(store, next->word, record);
    fkv_uncount(store, old, view.bytes);
    if (status == FLASHKV_OK) {
      status = old_sequence == sequence ? pass_on(store, old, next->word)
                                        : take_older(own, next->word, sequence, old, view.bytes);
    }
  }
  fkv_view_fini(&view);
  return status;
}

static khonsu_status enter(recovery *own, const upcoming *next) {
  flashkv *store = own->store;
  fkv_view view;
  khonsu_status status = fkv_head(store, next->word, &view, own->error);
  if (status != FLASHKV_OK) return status;
  khonsu_slice key = fkv_record_key(view.bytes);
  status = fkv_keydir_prepare(store, key, next->hash);
  if (status != FLASHKV_OK) {
    fkv_view_fini(&view);
    return khonsu_error_set(own->error, status, "cannot change the index");
  }
  uint64_t old = fkv_find_locked(store, key, next->hash);
  if (fkv_record_kind(view.bytes) == FKV_DELETE) status = remember(&own->tombstones, next->word);
  if (fkv_record_expires_ms(view.bytes) != 0) fkv_spot_of(store, next->word).file->has_expiring = true;
  if (status == FLASHKV_OK && old != 0) {
    status = enter_over(own, next, view.bytes, old);
  } else if (status == FLASHKV_OK) {
    status = fkv_keydir_insert(store, key, next->hash, next->word);
    if (status == FLASHKV_OK) status = take_newest(store, next->word, view.bytes);
  }
  fkv_view_fini(&view);
  fkv_keydir_spill(&store->keydir);
  if (status == FLASHKV_NO_MEMORY)
    return khonsu_error_set(own->error, status, "out of memory for the keys of the store");
  return status;
}

static khonsu_status enter_first(recovery *own) {
  upcoming *next = &own->ring[own->first];
  own->first = (own->first + 1) % AHEAD;
  own->count--;
  return enter(own, next);
}

static khonsu_status enter_soon(recovery *own, uint64_t word, khonsu_slice key) {
  khonsu_status status = own->count == AHEAD ? enter_first(own) : FLASHKV_OK;
  uint64_t hash = fkv_hash(own->store, key);
  fkv_prefetch_slot(own->store, hash);
  own->ring[(own->first + own->count++) % AHEAD] = (upcoming){word, hash};
  if (own->count > HALF) fkv_prefetch_record(own->store, own->ring[(own->first + own->count - HALF) % AHEAD].hash);
  own->store->recovery.records++;
  return status;
}

static khonsu_status enter_all(recovery *own) {
  khonsu_status status = FLASHKV_OK;
  while (own->count > 0 && status == FLASHKV_OK) status = enter_first(own);
  return status;
}

/* ---- commits */

static void note_commit(recovery *own, fkv_file *file, const uint8_t *record) {
  uint64_t sequence = fkv_record_sequence(record), timestamp_us = fkv_record_timestamp_us(record);
  if (sequence > own->last) own->last = sequence;
  if (timestamp_us > own->timestamp_us) own->timestamp_us = timestamp_us;
  if (sequence < file->sequence_min) file->sequence_min = sequence;
  if (sequence > file->sequence_max) file->sequence_max = sequence;
}

static khonsu_status take_open(recovery *own) {
  khonsu_status status = enter_all(own);
  for (size_t at = 0; at < own->open.size && status == FLASHKV_OK; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(own->open.data + at);
    fkv_view view;
    status = fkv_head(own->store, word, &view, own->error);
    if (status != FLASHKV_OK) return status;
    status = enter_soon(own, word, fkv_record_key(view.bytes));
    if (view.owned != NULL && status == FLASHKV_OK) status = enter_all(own);
    fkv_view_fini(&view);
  }
  own->open.size = 0;
  return status;
}

/* At the end of the log no sequence is missing: one that is there without the one before it lost that in a crash. */
static bool follows(recovery *own, const fkv_file *file, uint64_t sequence) {
  if (file->sealed) return true;
  if (own->previous == 0 ? sequence > own->last + 1 : sequence != own->previous && sequence != own->previous + 1)
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
      if (sequence > own->last) own->skipped = sequence;
      return !is_open && follows(own, file, sequence);
    case FKV_SEAL: {
      fkv_seal seal = fkv_record_seal(record);
      if (seal.synced_to > own->synced) own->synced = seal.synced_to;
      if (seal.records == 0) return !is_open;
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
    *status = enter_soon(own, word, fkv_record_key(record));
    return true;
  }
  if (is_open && sequence != own->open_sequence) return false;
  if (!is_open) own->open_at = offset;
  own->open_sequence = sequence;
  *status = remember(&own->open, word);
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
    khonsu_status status = fkv_scan_look(scan, scan->offset >= trusted, &record, &sound, own->error);
    if (status != FLASHKV_OK) return status;
    if (sound != FKV_SOUND || !take(own, file, scan->offset, record, &status)) break;
    if (status != FLASHKV_OK) return status;
    fkv_scan_pass(scan, record);
    if (own->open.size == 0) *offset = scan->offset;
    if (file->base == NULL) status = enter_all(own); /* keys are in the window */
    if (status != FLASHKV_OK) return status;
  }
  own->open.size = 0;
  return enter_all(own);
}

static khonsu_status take_sealed(recovery *own, fkv_file *file, uint64_t from) {
  uint64_t offset;
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

/* ---- when all records are in */

/* Deletions have done what they were kept for. */
static khonsu_status settle_tombstones(recovery *own) {
  flashkv *store = own->store;
  for (size_t at = 0; at < own->tombstones.size; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(own->tombstones.data + at);
    fkv_view view;
    khonsu_status status = fkv_head(store, word, &view, own->error);
    if (status != FLASHKV_OK) return status;
    khonsu_slice key = fkv_record_key(view.bytes);
    fkv_settle_deletion(store, key, fkv_hash(store, key), word);
    fkv_view_fini(&view);
  }
  return FLASHKV_OK;
}

/* About how many records there are, going by the first: so that the keydir need not grow step by step. */
static khonsu_status reserve(flashkv *store) {
  uint64_t bytes = 0, sample = 0;
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    fkv_scan scan = fkv_scan_begin(file, &store->files, FKV_PREAMBLE_SIZE, file->tail);
    const uint8_t *record;
    fkv_soundness sound;
    if (fkv_scan_look(&scan, false, &record, &sound, NULL) == FLASHKV_OK && sound == FKV_SOUND) {
      sample = fkv_record_size(record, FKV_PREAMBLE_SIZE);
      bytes += file->tail;
    }
    fkv_scan_fini(&scan);
  }
  if (store->keydir.ops != NULL || sample == 0 || bytes < 1 << 20) return FLASHKV_OK;
  return kh_hash_map_reserve(&store->keydir.hash, bytes / sample);
}

static khonsu_status recover_files(recovery *own) {
  flashkv *store = own->store;
  bool ended = false;
  bool has_image = fkv_image_take(store);
  own->last = own->synced = store->sequence; /* manifest and image speak of what is flushed */
  own->timestamp_us = store->timestamp_us;
  if (!has_image && reserve(store) != FLASHKV_OK) {
    return khonsu_error_set(own->error, FLASHKV_NO_MEMORY, "out of memory for the keys");
  }
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (!has_image && disk != NULL) {
    khonsu_status status = disk->clear(&store->keydir, own->error);
    if (status != FLASHKV_OK) return status;
  }
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    uint64_t from = file->covered != 0 ? file->covered : FKV_PREAMBLE_SIZE;
    if (from == file->tail && !ended) continue;
    khonsu_status status = file->sealed ? take_sealed(own, file, from) : take_open_ended(own, file, from, &ended);
    if (status != FLASHKV_OK) return status;
  }
  return settle_tombstones(own);
}

khonsu_status fkv_recover(flashkv *store, khonsu_error *error) {
  recovery own = {.store = store, .error = error};
  khonsu_status status = recover_files(&own);
  kh_buffer_fini(&own.tombstones);
  kh_buffer_fini(&own.open);
  if (status != FLASHKV_OK) return status;
  store->sequence = own.last > own.skipped ? own.last : own.skipped;
  store->timestamp_us = own.timestamp_us;
  atomic_store(&store->visible, own.last);
  atomic_store(&store->synced, own.synced < own.last ? own.synced : own.last);
  store->recovery.clean = store->image != NULL && store->recovery.files_scanned == 0;
  store->versions.sweep_at = 0; /* they were met in any order */
  fkv_trim_versions(store);
  return FLASHKV_OK;
}
