#include "rewrite.h"

#include "kept.h"

typedef struct rewriting {
  const fkv_survey *survey;
  fkv_file *to;
  khonsu_error *error;
} rewriting;

static khonsu_status write_copy(void *ctx, const uint8_t *record, uint64_t offset) {
  rewriting *own = ctx;
  fkv_file *to = own->to;
  const fkv_files *files = &own->survey->files;
  fkv_draft draft = fkv_record_draft(record, offset);
  fkv_place place = {to->salt, to->tail, fkv_record_sequence(record), fkv_record_timestamp_us(record)};
  uint64_t end = to->tail + fkv_draft_size(&draft, to->tail);
  khonsu_status status = fkv_file_make_room(to, files, end, own->error);
  if (status == FLASHKV_OK) status = fkv_file_write(to, files, &draft, &place, true, own->error);
  if (status != FLASHKV_OK) return status;
  to->tail = end;
  if (place.sequence < to->sequence_min) to->sequence_min = place.sequence;
  if (place.sequence > to->sequence_max) to->sequence_max = place.sequence;
  return FLASHKV_OK;
}

static khonsu_status copy_all(rewriting *own, const fkv_surveyed *item) {
  khonsu_status status = fkv_kept_each(own->survey, item, write_copy, own, own->error);
  if (status == FLASHKV_OK) status = fkv_file_cut(own->to, &own->survey->files, own->error);
  return status == FLASHKV_OK ? fkv_file_sync(own->to, &own->survey->files, own->error) : status;
}

static fkv_manifest_row row_of(const fkv_file *file) {
  return (fkv_manifest_row){file->id, FKV_ROW_SEALED | FKV_ROW_MERGED, file->tail, file->sequence_min,
                            file->sequence_max};
}

khonsu_status fkv_rewrite(const fkv_survey *survey, const fkv_surveyed *item, uint64_t new_id, fkv_manifest_row *row,
                          khonsu_error *error) {
  /* Each record may need a little more room, for the alignment of its value: less than twice its own size. */
  uint64_t most = FKV_PREAMBLE_SIZE + 3 * item->size;
  rewriting own = {.survey = survey, .error = error};
  khonsu_status status = fkv_file_create(&survey->files, new_id, most, &own.to, error);
  if (status != FLASHKV_OK) return status;
  status = copy_all(&own, item);
  bool empty = own.to->tail == FKV_PREAMBLE_SIZE;
  *row = empty ? (fkv_manifest_row){0} : row_of(own.to);
  fkv_file_leave(own.to);
  if (status == FLASHKV_OK && !empty) return FLASHKV_OK;
  char path[FKV_PATH_MAX];
  fkv_files_path(&survey->files, new_id, "data", path);
  (void)KH_OS_CALL(survey->files.os, unlink, path); /* else the next opening does it: no manifest lists it */
  return status;
}
