#include "kept.h"

#include "discover.h"

static const khonsu_slice no_key;

/* ---- the files */

khonsu_status fkv_kept_survey(fkv_survey *survey, const kh_os *os, const char *dir_path, fkv_report *report,
                              khonsu_error *error) {
  khonsu_error detail = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_survey_open(survey, os, dir_path, report, &detail);
  if (status == FLASHKV_CORRUPT || status == FLASHKV_NOT_A_STORE) {
    fkv_survey_fini(survey);
    fkv_report_finding(report, FKV_MANIFEST_NAME, 0, 0, no_key, "%s", detail.message);
    status = fkv_discover(survey, os, dir_path, report, error);
  } else if (status != FLASHKV_OK) {
    return khonsu_error_set(error, status, "%s", detail.message);
  }
  return status == FLASHKV_OK ? fkv_survey_read(survey, error) : status;
}

/* ---- the manifest */

static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Where history begins when what is damaged is not part of it any more. */
static uint64_t history_from(const fkv_survey *survey, uint64_t newest) {
  uint64_t from = survey->manifest.history_from;
  if (survey->discovered) return newest + 1;
  for (size_t index = 0; index < survey->count; index++) {
    const fkv_surveyed *item = &survey->items[index];
    if (!item->damaged || item->row.bits & FKV_ROW_MERGED) continue;
    bool sealed = item->row.bits & FKV_ROW_SEALED;
    from = most(from, (sealed ? most(item->row.sequence_max, item->sequence_max) : newest) + 1);
  }
  return from;
}

fkv_manifest fkv_kept_manifest(const fkv_survey *survey) {
  fkv_manifest made = survey->manifest;
  made.rows = NULL;
  made.row_count = 0;
  made.sequence = most(survey->sequence, survey->synced);
  made.timestamp_us = most(survey->timestamp_us, survey->manifest.timestamp_us);
  for (size_t index = 0; index < survey->count; index++) {
    made.sequence = most(made.sequence, survey->items[index].row.sequence_max);
  }
  made.history_from = history_from(survey, made.sequence);
  return made;
}

/* ---- the writes */

typedef struct keeping {
  const fkv_survey *survey;
  fkv_kept_visit *visit;
  void *ctx;
  khonsu_error *error;
} keeping;

/* Behind a record that is not sound: its head may be, and say where it ends. */
static khonsu_status skip(keeping *own, fkv_scan *scan) {
  const uint8_t *record;
  fkv_soundness sound;
  khonsu_status status = fkv_scan_look(scan, false, &record, &sound, own->error);
  if (status != FLASHKV_OK) return status;
  if (sound == FKV_SOUND) {
    fkv_scan_pass(scan, record);
    return FLASHKV_OK;
  }
  status = fkv_scan_resume(scan, &record, own->error);
  if (status == FLASHKV_OK && record == NULL) scan->offset = scan->end;
  return status;
}

/* The sound writes of one commit. */
static khonsu_status visit_commit(keeping *own, fkv_file *file, const fkv_step *step) {
  fkv_scan scan = fkv_scan_begin(file, &own->survey->files, step->at, step->end);
  khonsu_status status = FLASHKV_OK;
  while (scan.offset < scan.end && status == FLASHKV_OK) {
    const uint8_t *record;
    fkv_soundness sound;
    status = fkv_scan_look(&scan, true, &record, &sound, own->error);
    if (status != FLASHKV_OK) break;
    if (sound != FKV_SOUND) {
      status = skip(own, &scan);
      continue;
    }
    if (fkv_record_is_write(record) && fkv_record_sequence(record) == step->sequence) {
      status = own->visit(own->ctx, record, scan.offset);
    }
    fkv_scan_pass(&scan, record);
  }
  fkv_scan_fini(&scan);
  return status;
}

static khonsu_status visit_steps(keeping *own, const fkv_surveyed *item, fkv_walk *walk) {
  for (;;) {
    fkv_step step;
    khonsu_status status = fkv_walk_next(walk, &step, own->error);
    if (status != FLASHKV_OK || step.kind == FKV_STEP_END) return status;
    if (step.kind == FKV_STEP_GAP) status = fkv_walk_resume(walk, &step, own->error);
    else if (step.kind == FKV_STEP_COMMIT || fkv_survey_is_committed(own->survey, item, &step))
      status = visit_commit(own, item->file, &step);
    if (status != FLASHKV_OK) return status;
  }
}

khonsu_status fkv_kept_each(const fkv_survey *survey, const fkv_surveyed *item, fkv_kept_visit *visit, void *ctx,
                            khonsu_error *error) {
  if (item->file == NULL || item->beyond_end) return FLASHKV_OK;
  keeping own = {survey, visit, ctx, error};
  bool to_commit = item->tail > 0 || !item->damaged; /* behind it there is nothing that counts */
  fkv_walk walk = fkv_walk_begin(item->file, &survey->files, to_commit ? item->end : item->size);
  khonsu_status status = visit_steps(&own, item, &walk);
  fkv_walk_fini(&walk);
  return status;
}
