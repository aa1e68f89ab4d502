#include "survey.h"

#include <inttypes.h>
#include <stdio.h>

static const khonsu_slice no_key;

const char *fkv_survey_name(const fkv_surveyed *item, char name[FKV_NAME_MAX]) {
  fkv_files_name(item->row.id, "data", name);
  return name;
}

static bool is_sealed(const fkv_surveyed *item) { return item->row.bits & FKV_ROW_SEALED; }
static bool is_merged(const fkv_surveyed *item) { return item->row.bits & FKV_ROW_MERGED; }

/* ---- opening */

/* Files that a merge of another process removes between our looks at the manifest and at them are not missing. */
static khonsu_status is_outdated(const fkv_survey *survey, bool *outdated, khonsu_error *error) {
  fkv_manifest now = {0};
  khonsu_status status = fkv_manifest_read(survey->files.os, survey->files.dir_path, &now, error);
  *outdated = status == FLASHKV_OK && now.generation != survey->manifest.generation;
  fkv_manifest_fini(&now);
  return status;
}

/* CORRUPT: the file is not what the manifest says. */
static khonsu_status open_item(fkv_survey *survey, fkv_surveyed *item, khonsu_error *error) {
  khonsu_status status = fkv_file_open(&survey->files, item->row.id, false, 0, &item->file, error);
  if (status == FLASHKV_OK) item->size = item->file->tail;
  return status;
}

static void report_unopened(fkv_survey *survey, fkv_surveyed *item, const char *text) {
  char name[FKV_NAME_MAX];
  fkv_report_finding(survey->report, fkv_survey_name(item, name), 0, 0, no_key, "%s", text);
  item->damaged = true;
  survey->lost++;
}

/* END: the manifest is not in force any more. */
khonsu_status fkv_survey_open_rows(fkv_survey *survey, khonsu_error *error) {
  const fkv_manifest *manifest = &survey->manifest;
  memcpy(survey->files.store_id, manifest->store_id, FKV_STORE_ID_SIZE);
  survey->sequence = manifest->sequence;
  survey->timestamp_us = manifest->timestamp_us;
  survey->items = kh_alloc_zero_array(manifest->row_count, sizeof *survey->items);
  if (survey->items == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a list of files");
  khonsu_error detail = KHONSU_ERROR_INIT;
  for (; survey->count < manifest->row_count; survey->count++) {
    fkv_surveyed *item = &survey->items[survey->count];
    *item = (fkv_surveyed){.row = manifest->rows[survey->count], .sequence_min = UINT64_MAX};
    khonsu_status status = open_item(survey, item, &detail);
    if (status == FLASHKV_CORRUPT && !survey->discovered) {
      bool outdated;
      status = is_outdated(survey, &outdated, error);
      if (status != FLASHKV_OK || outdated) return status == FLASHKV_OK ? FLASHKV_END : status;
      status = FLASHKV_CORRUPT;
    }
    if (status != FLASHKV_OK && status != FLASHKV_CORRUPT) return khonsu_error_set(error, status, "%s", detail.message);
    if (status == FLASHKV_CORRUPT) report_unopened(survey, item, detail.message);
    survey->report->bytes_total += item->size;
  }
  return FLASHKV_OK;
}

khonsu_status fkv_survey_open(fkv_survey *survey, const kh_os *os, const char *dir_path, fkv_report *report,
                              khonsu_error *error) {
  for (;;) {
    *survey = (fkv_survey){.files = {.os = os, .dir_path = dir_path}, .report = report};
    uint64_t findings = report->result.findings;
    khonsu_status status = fkv_manifest_read(os, dir_path, &survey->manifest, error);
    if (status == FLASHKV_OK) status = fkv_survey_open_rows(survey, error);
    if (status != FLASHKV_END) return status;
    report->result.findings = findings;
    report->bytes_total = 0;
    fkv_survey_fini(survey);
  }
}

void fkv_survey_fini(fkv_survey *survey) {
  for (size_t index = 0; index < survey->count; index++) fkv_file_leave(survey->items[index].file);
  kh_free(survey->items);
  fkv_manifest_fini(&survey->manifest);
  survey->items = NULL;
  survey->count = 0;
}

/* ---- judging */

bool fkv_survey_is_committed(const fkv_survey *survey, const fkv_surveyed *item, const fkv_step *step) {
  return step->end <= item->row.flushed || step->sequence <= survey->synced;
}

static khonsu_status look_behind(fkv_survey *survey, const fkv_surveyed *item, uint64_t from, uint64_t *end,
                                 khonsu_error *error) {
  fkv_scan scan = fkv_scan_begin(item->file, &survey->files, from, item->size);
  khonsu_status status = fkv_scan_rest(&scan, end, &survey->synced, error);
  fkv_scan_fini(&scan);
  return status;
}

/* Where the log ended in a file, later files are no part of it. Whether what stands there says that it was. */
static khonsu_status look_at_later(fkv_survey *survey, const fkv_surveyed *item, bool *flushed, khonsu_error *error) {
  for (size_t index = (size_t)(item - survey->items) + 1; index < survey->count && !*flushed; index++) {
    const fkv_surveyed *later = &survey->items[index];
    uint64_t end;
    if (is_sealed(later) || later->file == NULL) continue;
    khonsu_status status = look_behind(survey, later, FKV_PREAMBLE_SIZE, &end, error);
    if (status != FLASHKV_OK) return status;
    *flushed = later->row.flushed > FKV_PREAMBLE_SIZE || survey->synced > survey->sequence;
  }
  return FLASHKV_OK;
}

/* Whether the log, which has no sound record where the walk stands, had been flushed beyond its last commit. */
static khonsu_status was_flushed(fkv_survey *survey, fkv_surveyed *item, const fkv_walk *walk, bool *flushed,
                                 khonsu_error *error) {
  uint64_t end = walk->scan.offset;
  if (walk->synced > survey->synced) survey->synced = walk->synced;
  *flushed = walk->commit_end < item->row.flushed || survey->synced > survey->sequence;
  if (*flushed) return FLASHKV_OK;
  khonsu_status status = look_behind(survey, item, walk->scan.offset, &end, error);
  *flushed = survey->synced > survey->sequence;
  if (status != FLASHKV_OK || *flushed || end == walk->commit_end) return status;
  status = look_at_later(survey, item, flushed, error);
  if (!*flushed) item->tail = end - walk->commit_end;
  return status;
}

/* Without a manifest each file is judged by itself: behind the end of the log in it there is nothing. */
static khonsu_status goes_on(const fkv_walk *walk, bool *more, khonsu_error *error) {
  fkv_scan scan = fkv_scan_begin(walk->scan.file, walk->scan.files, walk->scan.offset, walk->scan.end);
  const uint8_t *record;
  khonsu_status status = fkv_scan_resume(&scan, &record, error);
  *more = status == FLASHKV_OK && record != NULL;
  fkv_scan_fini(&scan);
  return status;
}

static khonsu_status discovered_tail(fkv_surveyed *item, const fkv_walk *walk, bool *more, khonsu_error *error) {
  khonsu_status status = goes_on(walk, more, error);
  if (status != FLASHKV_OK || *more) return status;
  uint64_t end = walk->commit_end, synced = 0;
  fkv_scan scan = fkv_scan_begin(walk->scan.file, walk->scan.files, walk->commit_end, walk->scan.end);
  status = fkv_scan_rest(&scan, &end, &synced, error);
  fkv_scan_fini(&scan);
  item->tail = end - walk->commit_end;
  return status;
}

/* No sound record, or a commit that is not whole: is something lost there, or is it how a crash leaves things? */
static khonsu_status is_damage(fkv_survey *survey, fkv_surveyed *item, const fkv_walk *walk, bool *damage,
                               khonsu_error *error) {
  *damage = true;
  if (survey->discovered) return discovered_tail(item, walk, damage, error);
  return is_sealed(item) ? FLASHKV_OK : was_flushed(survey, item, walk, damage, error);
}

/* ---- reading a file */

/* One that is being read. */
typedef struct reading {
  fkv_survey *survey;
  fkv_surveyed *item;
  fkv_walk walk;
  char name[FKV_NAME_MAX];
  uint64_t told;      /* of progress */
  uint64_t looked_at; /* a gap that was looked at again */
  uint64_t gaps;      /* since the last commit */
} reading;

static void note_commit(reading *own, const fkv_step *step) {
  fkv_survey *survey = own->survey;
  fkv_surveyed *item = own->item;
  bool behind = item->sequence_min <= item->sequence_max && step->sequence <= item->sequence_max;
  bool outside = is_sealed(item) && !survey->discovered &&
                 (step->sequence < item->row.sequence_min || step->sequence > item->row.sequence_max);
  if (outside || (behind && !is_merged(item) && !survey->discovered)) {
    item->damaged = true;
    fkv_report_finding(survey->report, own->name, step->at, step->end - step->at, no_key,
                       "commit %" PRIu64 " stands where it cannot be", step->sequence);
  }
  if (step->sequence < item->sequence_min) item->sequence_min = step->sequence;
  if (step->sequence > item->sequence_max) item->sequence_max = step->sequence;
  if (step->sequence > survey->sequence) survey->sequence = step->sequence;
  if (step->timestamp_us > survey->timestamp_us) survey->timestamp_us = step->timestamp_us;
}

static void take_commit(reading *own, const fkv_step *step) {
  note_commit(own, step);
  own->survey->report->result.records += step->records;
  own->survey->lost += step->lost > own->gaps ? step->lost : own->gaps;
  own->gaps = 0;
  if (step->lost == 0) return;
  own->item->damaged = true;
  fkv_report_finding(own->survey->report, own->name, step->at, step->end - step->at, no_key,
                     "commit %" PRIu64 " has lost %" PRIu64 " of its %" PRIu64 " writes", step->sequence, step->lost,
                     step->records + step->lost);
}

static void take_unsealed(reading *own, const fkv_step *step) {
  bool committed = fkv_survey_is_committed(own->survey, own->item, step);
  own->item->damaged = true;
  if (committed) take_commit(own, step);
  else own->survey->lost += step->records;
  fkv_report_finding(own->survey->report, own->name, step->at, step->end - step->at, no_key,
                     "commit %" PRIu64 " has lost its end%s", step->sequence,
                     committed ? "" : ", and nothing says that it came to it: its writes do not count");
}

static khonsu_status take_damage(reading *own, fkv_step *step, khonsu_error *error) {
  uint64_t at = step->at;
  bool is_mark = step->end != 0 && step->key.size == 0;
  own->item->damaged = true;
  own->gaps += !is_mark;
  if (step->end != 0) { /* the key is valid until the walk goes on */
    fkv_report_finding(own->survey->report, own->name, at, step->end - at, step->key, "%s is damaged", step->what);
    return fkv_walk_resume(&own->walk, step, error);
  }
  khonsu_status status = fkv_walk_resume(&own->walk, step, error);
  if (status == FLASHKV_OK)
    fkv_report_finding(own->survey->report, own->name, at, step->end - at, no_key,
                       "no record can be read in these %" PRIu64 " bytes", step->end - at);
  return status;
}

/* Somebody may have written it meanwhile. */
static khonsu_status look_again(reading *own, bool *again, khonsu_error *error) {
  kh_file_info info;
  *again = own->looked_at != own->walk.scan.offset && !is_sealed(own->item);
  if (!*again) return FLASHKV_OK;
  own->looked_at = own->walk.scan.offset;
  kh_os_error failed = KH_OS_CALL(own->survey->files.os, info, own->item->file->handle, &info);
  if (failed) return kh_os_fail(error, failed, "look at", own->name);
  if (info.size > own->item->size) own->item->size = info.size;
  fkv_walk_refresh(&own->walk, own->item->size);
  khonsu_status status = fkv_file_see(own->item->file, own->item->size);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for a data file");
}

/* `*more`: there is something behind. */
static khonsu_status take_gap(reading *own, fkv_step *step, bool *more, khonsu_error *error) {
  bool again;
  khonsu_status status = is_damage(own->survey, own->item, &own->walk, more, error);
  if (status != FLASHKV_OK || !*more) return status;
  status = look_again(own, &again, error);
  if (status != FLASHKV_OK || again) return status;
  return take_damage(own, step, error);
}

/* At the end of a file of the log, a commit may be under way. */
static khonsu_status take_incomplete(reading *own, const fkv_step *step, bool *more, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  *more = true;
  if (step->end == own->walk.scan.end) status = is_damage(own->survey, own->item, &own->walk, more, error);
  if (status == FLASHKV_OK && *more) take_unsealed(own, step);
  return status;
}

static khonsu_status progress(reading *own, khonsu_error *error) {
  enum { PART = 1 << 20 };
  uint64_t bytes = own->walk.scan.offset - own->told;
  if (bytes < PART) return FLASHKV_OK;
  own->told = own->walk.scan.offset;
  return fkv_report_progress(own->survey->report, bytes, error);
}

static khonsu_status read_steps(reading *own, khonsu_error *error) {
  for (;;) {
    fkv_step step;
    bool more = true;
    khonsu_status status = fkv_walk_next(&own->walk, &step, error);
    if (status == FLASHKV_OK) status = progress(own, error);
    if (status != FLASHKV_OK) return status;
    switch (step.kind) {
      case FKV_STEP_COMMIT: take_commit(own, &step); break;
      case FKV_STEP_UNSEALED: status = take_incomplete(own, &step, &more, error); break;
      case FKV_STEP_GAP: status = take_gap(own, &step, &more, error); break;
      case FKV_STEP_END: more = false; break;
    }
    if (status != FLASHKV_OK || !more) return status;
  }
}

/* A file of the log that simply ends, and should not. */
static void check_size(reading *own) {
  fkv_surveyed *item = own->item;
  if (own->survey->discovered || item->size == item->row.flushed) return;
  if (item->size > item->row.flushed && !is_sealed(item)) return;
  item->damaged = true;
  own->survey->lost += item->size < item->row.flushed;
  fkv_report_finding(own->survey->report, own->name, item->size, 0, no_key,
                     "the file has %" PRIu64 " bytes; it had %" PRIu64, item->size, item->row.flushed);
}

static khonsu_status read_item(fkv_survey *survey, fkv_surveyed *item, khonsu_error *error) {
  uint64_t end = is_sealed(item) && item->row.flushed < item->size ? item->row.flushed : item->size;
  reading own = {.survey = survey, .item = item, .walk = fkv_walk_begin(item->file, &survey->files, end)};
  fkv_survey_name(item, own.name);
  khonsu_status status = read_steps(&own, error);
  survey->lost += own.gaps;
  if (own.walk.synced > survey->synced) survey->synced = own.walk.synced;
  item->end = own.walk.commit_end;
  survey->log_ended = survey->log_ended || (item->tail > 0 && !survey->discovered);
  fkv_walk_fini(&own.walk);
  check_size(&own);
  survey->report->result.files++;
  survey->report->result.bytes += item->size;
  return status == FLASHKV_OK ? fkv_report_progress(survey->report, item->size - own.told, error) : status;
}

khonsu_status fkv_survey_read(fkv_survey *survey, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < survey->count && status == FLASHKV_OK; index++) {
    fkv_surveyed *item = &survey->items[index];
    item->beyond_end = survey->log_ended && !is_sealed(item);
    if (item->file == NULL || item->beyond_end) continue;
    status = read_item(survey, item, error);
  }
  return status;
}
