/* replay: the log told again.
 *
 * Files that no merge has made hold the commits from history_from on, each file a stretch of them and each commit in one
 * file; a merge that takes such a file moves history_from behind it, at the same moment. So the files of one moment hold
 * all from its history_from on, and as they are pinned, merges that come while they are read take nothing from them.
 *
 * A commit is looked at as a whole, values included, before the first write of it is told: one that turns out to be damaged
 * is not told by half. */
#include "extent.h"

#include <inttypes.h>

#include "scan.h"

typedef struct replay {
  flashkv *store;
  uint64_t from, to;
  flashkv_replay_visit visit;
  void *ctx;
  khonsu_error *error;
  bool ended; /* the visitor has had enough */
} replay;

/* ---- telling */

static flashkv_slice lent(khonsu_slice slice) { return (flashkv_slice){slice.data, slice.size}; }

static void tell(replay *own, const uint8_t *record, uint64_t offset, bool last) {
  khonsu_slice value = kh_slice(record + fkv_record_value_at(record, offset), fkv_record_value_size(record));
  flashkv_change change = {
      .kind = fkv_record_kind(record) == FKV_PUT ? FLASHKV_CHANGE_PUT : FLASHKV_CHANGE_DELETE,
      .last = last,
      .sequence = fkv_record_sequence(record),
      .timestamp_us = fkv_record_timestamp_us(record),
      .expires_ms = fkv_record_expires_ms(record),
      .key = lent(fkv_record_key(record)),
      .value = lent(value),
  };
  own->ended = own->visit(own->ctx, &change) != 0;
}

/* The record at the scan's offset, value and all. */
static khonsu_status look(replay *own, fkv_scan *scan, const uint8_t **record) {
  fkv_soundness sound;
  khonsu_status status = fkv_scan_look(scan, true, record, &sound, own->error);
  if (status != FLASHKV_OK || sound == FKV_SOUND) return status;
  return fkv_file_damage(scan->file, scan->files, scan->offset, "the record", own->error);
}

/* Writes of a commit stand one behind the other before their seal: from `at` on, `count` of them, all looked at. */
static khonsu_status tell_batch(replay *own, fkv_scan *scan, uint64_t at, uint64_t count) {
  fkv_scan again = fkv_scan_begin(scan->file, scan->files, at, scan->offset);
  khonsu_status status = FLASHKV_OK;
  for (uint64_t index = 1; index <= count && status == FLASHKV_OK && !own->ended; index++) {
    const uint8_t *record;
    status = look(own, &again, &record);
    if (status != FLASHKV_OK) break;
    tell(own, record, again.offset, index == count);
    fkv_scan_pass(&again, record);
  }
  fkv_scan_fini(&again);
  return status;
}

/* ---- one file */

static bool is_in_range(const replay *own, uint64_t sequence) { return own->from <= sequence && sequence <= own->to; }

/* Commits of one file. `batch_at` is where the writes began of which the seal has not come yet; 0: none are open. */
static khonsu_status replay_scan(replay *own, fkv_scan *scan) {
  uint64_t batch_at = 0;
  while (scan->offset < scan->end && !own->ended) {
    const uint8_t *record;
    khonsu_status status = look(own, scan, &record);
    if (status != FLASHKV_OK) return status;
    uint64_t sequence = fkv_record_sequence(record), next = scan->offset + fkv_record_size(record, scan->offset);
    bool told = is_in_range(own, sequence);
    if (fkv_record_is_write(record) && fkv_record_flags(record) & FKV_SEALED) {
      if (told) tell(own, record, scan->offset, true);
    } else if (fkv_record_is_write(record)) {
      if (batch_at == 0) batch_at = scan->offset;
    } else if (fkv_record_kind(record) == FKV_SEAL && fkv_record_seal(record).records > 0) {
      if (told) status = tell_batch(own, scan, batch_at, fkv_record_seal(record).records);
      if (status != FLASHKV_OK) return status;
      batch_at = 0;
    }
    scan->offset = next;
  }
  return FLASHKV_OK;
}

static khonsu_status replay_file(replay *own, const fkv_extent *extent) {
  fkv_scan scan = fkv_scan_begin(extent->file, &own->store->files, FKV_PREAMBLE_SIZE, extent->end);
  khonsu_status status = replay_scan(own, &scan);
  fkv_scan_fini(&scan);
  return status;
}

/* ---- all of them */

/* The first file of the log whose commits are all beyond `sequence`, if it has any that are wanted. */
static const fkv_extent *next_file(const replay *own, const fkv_extents *extents, uint64_t sequence) {
  const fkv_extent *next = NULL;
  for (size_t index = 0; index < extents->count; index++) {
    const fkv_extent *extent = &extents->items[index];
    if (extent->merged || extent->sequence_min > extent->sequence_max || extent->sequence_min <= sequence) continue;
    if (extent->sequence_max < own->from || extent->sequence_min > own->to) continue;
    if (next == NULL || extent->sequence_min < next->sequence_min) next = extent;
  }
  return next;
}

static khonsu_status replay_files(replay *own, const fkv_extents *extents) {
  if (own->to > extents->sequence) own->to = extents->sequence;
  if (own->from < extents->history_from) {
    return khonsu_error_set(own->error, FLASHKV_TRIMMED,
                            "merging has dropped writes of commits from %" PRIu64 " on; from %" PRIu64
                            " on all are there",
                            own->from, extents->history_from);
  }
  khonsu_status status = FLASHKV_OK;
  const fkv_extent *next = next_file(own, extents, 0);
  for (; next != NULL && status == FLASHKV_OK && !own->ended; next = next_file(own, extents, next->sequence_max)) {
    status = replay_file(own, next);
  }
  return status;
}

static khonsu_status replay_all(replay *own) {
  fkv_extents extents;
  khonsu_status status = fkv_extents_take(own->store, &extents, own->error);
  if (status != FLASHKV_OK) return status;
  status = replay_files(own, &extents);
  fkv_extents_fini(&extents);
  return status;
}

static khonsu_status start(flashkv *store, uint64_t from, uint64_t to, flashkv_replay_visit visit, void *ctx,
                           khonsu_error *error) {
  if (visit == NULL) return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "visit is NULL");
  replay own = {.store = store, .from = from == 0 ? 1 : from, .to = to, .visit = visit, .ctx = ctx, .error = error};
  return replay_all(&own);
}

flashkv_status flashkv_replay(flashkv *store, uint64_t from, uint64_t to, flashkv_replay_visit visit, void *ctx,
                              flashkv_error *error) {
  FKV_TELL(error, start(store, from, to, visit, ctx, detail));
}
