#include "walk.h"

fkv_walk fkv_walk_begin(fkv_file *file, const fkv_files *files, uint64_t end) {
  if (end < FKV_PREAMBLE_SIZE) end = FKV_PREAMBLE_SIZE;
  return (fkv_walk){.scan = fkv_scan_begin(file, files, FKV_PREAMBLE_SIZE, end), .commit_end = FKV_PREAMBLE_SIZE};
}

/* ---- batches */

static void open_batch(fkv_walk *walk, const uint8_t *record) {
  walk->open_at = walk->scan.offset;
  walk->open_sequence = fkv_record_sequence(record);
  walk->open_records = 0;
}

/* What is open ends here, without its seal. */
static void give_unsealed(fkv_walk *walk, fkv_step *step) {
  *step = (fkv_step){.kind = FKV_STEP_UNSEALED,
                     .at = walk->open_at,
                     .end = walk->scan.offset,
                     .sequence = walk->open_sequence,
                     .records = walk->open_records};
  walk->open_records = 0;
}

static void give_commit(fkv_walk *walk, const uint8_t *record, uint64_t at, uint64_t records, uint64_t lost,
                        fkv_step *step) {
  fkv_scan_pass(&walk->scan, record);
  *step = (fkv_step){.kind = FKV_STEP_COMMIT,
                     .at = at,
                     .end = walk->scan.offset,
                     .sequence = fkv_record_sequence(record),
                     .timestamp_us = fkv_record_timestamp_us(record),
                     .records = records,
                     .lost = lost};
  walk->open_records = 0;
  walk->commit_end = walk->scan.offset;
}

/* Whether the record goes on with what is open, or needs nothing to be. */
static bool continues(const fkv_walk *walk, const uint8_t *record) {
  if (walk->open_records == 0) return true;
  bool same = fkv_record_sequence(record) == walk->open_sequence;
  if (fkv_record_is_write(record)) return same && !(fkv_record_flags(record) & FKV_SEALED);
  return fkv_record_kind(record) == FKV_SEAL && same && fkv_record_seal(record).records >= walk->open_records;
}

/* ---- steps */

/* A sound record that continues. Whether it completes a step. */
static bool take(fkv_walk *walk, const uint8_t *record, fkv_step *step) {
  uint64_t at = walk->scan.offset;
  if (fkv_record_is_write(record)) {
    if (fkv_record_flags(record) & FKV_SEALED) {
      give_commit(walk, record, at, 1, 0, step);
      return true;
    }
    if (walk->open_records == 0) open_batch(walk, record);
    walk->open_records++;
    fkv_scan_pass(&walk->scan, record);
    return false;
  }
  if (fkv_record_kind(record) == FKV_SEAL) {
    fkv_seal seal = fkv_record_seal(record);
    if (seal.synced_to > walk->synced) walk->synced = seal.synced_to;
    if (seal.records > 0) {
      uint64_t found = walk->open_records;
      give_commit(walk, record, found > 0 ? walk->open_at : at, found, seal.records - found, step);
      return true;
    }
  }
  fkv_scan_pass(&walk->scan, record);
  walk->commit_end = walk->scan.offset;
  return false;
}

/* No sound record stands here. If its head is sound, it says how long it is and whose. */
static khonsu_status give_gap(fkv_walk *walk, fkv_step *step, khonsu_error *error) {
  const uint8_t *record;
  fkv_soundness sound;
  *step = (fkv_step){.kind = FKV_STEP_GAP, .at = walk->scan.offset, .what = "the record"};
  khonsu_status status = fkv_scan_look(&walk->scan, false, &record, &sound, error);
  if (status != FLASHKV_OK || sound != FKV_SOUND) return status;
  step->end = step->at + fkv_record_size(record, step->at);
  step->sequence = fkv_record_sequence(record);
  step->what = fkv_record_is_write(record) ? "the value" : "the seal";
  step->key = fkv_record_key(record);
  return FLASHKV_OK;
}

khonsu_status fkv_walk_next(fkv_walk *walk, fkv_step *step, khonsu_error *error) {
  for (;;) {
    if (walk->scan.offset >= walk->scan.end) break;
    const uint8_t *record;
    fkv_soundness sound;
    khonsu_status status = fkv_scan_look(&walk->scan, true, &record, &sound, error);
    if (status != FLASHKV_OK) return status;
    if (sound != FKV_SOUND) return give_gap(walk, step, error);
    if (!continues(walk, record)) {
      give_unsealed(walk, step);
      return FLASHKV_OK;
    }
    if (take(walk, record, step)) return FLASHKV_OK;
  }
  if (walk->open_records > 0) give_unsealed(walk, step);
  else *step = (fkv_step){.kind = FKV_STEP_END, .at = walk->scan.offset, .end = walk->scan.offset};
  return FLASHKV_OK;
}

khonsu_status fkv_walk_resume(fkv_walk *walk, fkv_step *step, khonsu_error *error) {
  if (step->end != 0) {
    walk->scan.offset = step->end;
    return FLASHKV_OK;
  }
  const uint8_t *record;
  khonsu_status status = fkv_scan_resume(&walk->scan, &record, error);
  if (status == FLASHKV_OK && record == NULL) walk->scan.offset = walk->scan.end;
  step->end = walk->scan.offset;
  return status;
}

void fkv_walk_refresh(fkv_walk *walk, uint64_t end) {
  kh_free(walk->scan.window);
  walk->scan.window = NULL;
  walk->scan.window_size = 0;
  if (end > walk->scan.end) walk->scan.end = end;
}
