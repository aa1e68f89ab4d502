#include "check_hints.h"

#include "hint.h"
#include "whole_file.h"

static const khonsu_slice no_key;

/* A hint as it is, while it is made anew. */
typedef struct comparison {
  khonsu_slice is;
  uint64_t end; /* of what was made */
  bool same;
} comparison;

static khonsu_status compare(void *ctx, uint64_t at, khonsu_slice made, khonsu_error *error) {
  (void)error;
  comparison *own = ctx;
  if (at + made.size > own->end) own->end = at + made.size;
  own->same = own->same && own->end <= own->is.size &&
              kh_slice_equal(kh_slice((const uint8_t *)own->is.data + at, made.size), made);
  return FLASHKV_OK;
}

static khonsu_status check_hint(fkv_survey *survey, const fkv_surveyed *item, kh_buffer *is, khonsu_error *error) {
  char path[FKV_PATH_MAX], name[FKV_NAME_MAX];
  bool absent;
  fkv_files_path(&survey->files, item->row.id, "hint", path);
  khonsu_status status = fkv_whole_file_read(survey->files.os, path, is, &absent, error);
  if (status != FLASHKV_OK || absent) return status;
  comparison own = {.is = kh_buffer_slice(is), .same = true};
  fkv_hint_sink sink = {compare, &own};
  status = fkv_hint_make(&survey->files, survey->manifest.hash_seed, item->file, sink, error);
  if (status != FLASHKV_OK) return status;
  survey->report->result.files++;
  survey->report->result.bytes += is->size;
  if (own.same && own.end == is->size) return FLASHKV_OK;
  fkv_files_name(item->row.id, "hint", name);
  fkv_report_finding(survey->report, name, 0, is->size, no_key,
                     "does not say what is in its data file; it is not used");
  return FLASHKV_OK;
}

khonsu_status fkv_check_hints(fkv_survey *survey, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < survey->count && status == FLASHKV_OK && !survey->discovered; index++) {
    const fkv_surveyed *item = &survey->items[index];
    if (item->file == NULL || item->damaged || !(item->row.bits & FKV_ROW_SEALED)) continue;
    kh_buffer is = {0};
    status = check_hint(survey, item, &is, error);
    kh_buffer_fini(&is);
  }
  return status;
}
