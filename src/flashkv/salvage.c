/* salvage: the store is as a repair would leave it, without being repaired: kept.h says what of it counts. Nothing in its
 * directory is changed, and nothing that could be made again is looked at.
 *
 *   survey   all data files are read, and what is damaged is told
 *   load     they are read once more, as what counts is known only then: into a keydir in memory
 *
 * The files that were surveyed are those that are read from then on, whatever a process that writes does meanwhile. They are
 * read by calls: a disk that has lost something may well fail altogether, and that is an error then, and no SIGBUS. */
#include "salvage.h"

#include "kept.h"
#include "loader.h"
#include "write.h"

static const khonsu_slice no_key;

typedef struct salvage {
  flashkv *store;
  fkv_survey survey;
  fkv_report report;
  fkv_loader loader;
  const fkv_file *file; /* that is being loaded */
} salvage;

/* ---- files */

static bool is_history(const salvage *own, const fkv_surveyed *item) {
  return !own->survey.discovered && !item->damaged && !(item->row.bits & FKV_ROW_MERGED);
}

static khonsu_status list(salvage *own, fkv_surveyed *item, khonsu_error *error) {
  fkv_file *file = item->file;
  file->sealed = item->row.bits & FKV_ROW_SEALED;
  file->merged = !is_history(own, item);
  file->tail = file->flushed = item->beyond_end ? FKV_PREAMBLE_SIZE : item->end;
  file->sequence_min = item->sequence_min;
  file->sequence_max = item->sequence_max;
  own->store->recovery.bytes_dropped += item->tail;
  if (fkv_list_add(own->store, file, 0) == FLASHKV_OK) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a data file");
}

static khonsu_status add_write(void *ctx, const uint8_t *record, uint64_t offset) {
  salvage *own = ctx;
  return fkv_loader_add(&own->loader, fkv_word_of(own->file, offset), record);
}

static khonsu_status load_item(salvage *own, fkv_surveyed *item, khonsu_error *error) {
  if (item->file == NULL) return FLASHKV_OK;
  khonsu_status status = list(own, item, error);
  if (status != FLASHKV_OK) return status;
  own->file = item->file;
  status = fkv_kept_each(&own->survey, item, add_write, own, error);
  item->file = NULL; /* it is the store's */
  return status;
}

static khonsu_status load_files(salvage *own, khonsu_error *error) {
  fkv_survey *survey = &own->survey;
  khonsu_status status = fkv_loader_begin(&own->loader, own->store, own->report.result.records, error);
  for (size_t index = 0; index < survey->count && status == FLASHKV_OK; index++) {
    status = load_item(own, &survey->items[index], error);
  }
  if (status == FLASHKV_OK) status = fkv_loader_finish(&own->loader);
  fkv_loader_fini(&own->loader);
  return status;
}

/* ---- the store */

static void take_manifest(salvage *own) {
  flashkv *store = own->store;
  fkv_manifest is = fkv_kept_manifest(&own->survey);
  fkv_take_manifest(store, &is);
  atomic_store(&store->visible, is.sequence);
  atomic_store(&store->synced, is.sequence);
  if (!own->survey.discovered) atomic_store(&store->manifest_size, fkv_manifest_size(&own->survey.manifest));
}

static void tell_discovered(salvage *own) {
  if (!own->survey.discovered) return;
  fkv_report_finding(&own->report, FKV_MANIFEST_NAME, 0, 0, no_key,
                     "the data files are read without it; what merging had just taken out may be among them");
}

static void note_result(salvage *own) {
  flashkv_recovery *recovery = &own->store->recovery;
  recovery->files_scanned = own->report.result.files;
  recovery->findings = own->report.result.findings;
  recovery->records_lost = own->survey.lost;
}

khonsu_status fkv_salvage(flashkv *store, khonsu_error *error) {
  salvage own = {.store = store};
  khonsu_status status = fkv_report_begin(&own.report, store->options.salvage_report, "reading", error);
  if (status != FLASHKV_OK) return status;
  status = fkv_kept_survey(&own.survey, store->files.os, store->dir_path, &own.report, error);
  if (status == FLASHKV_OK) {
    tell_discovered(&own);
    take_manifest(&own);
    status = load_files(&own, error);
  }
  note_result(&own);
  fkv_survey_fini(&own.survey);
  if (status != FLASHKV_OK) return status;
  store->versions.sweep_at = 0; /* they were met in any order */
  fkv_trim_versions(store);
  return FLASHKV_OK;
}
