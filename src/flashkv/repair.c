/* repair: makes a store that can be opened out of one that cannot.
 *
 *   survey    reads everything, with the manifest or, if that cannot be read, without (discover.h); if only the image of the
 *             index is amiss, that goes, and nothing else is done
 *   rewrite   each damaged file to a new one, without what is damaged (rewrite.h)
 *   put aside the damaged ones get a second name, *.damaged; indexes go, and are made again
 *   publish   a manifest that lists what is whole and what is new; with it everything has happened
 *   tidy      the first names of the damaged ones go
 *
 * A process that dies before the manifest leaves the store as it was, and new files that the next opening, or repair,
 * removes or writes anew; one that dies after it leaves a store that can be opened.
 *
 * What counts, and what comes of what is lost, is said in kept.h. */
#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "derived.h"
#include "discover.h"
#include "image.h"
#include "kept.h"
#include "rewrite.h"
#include "store.h"
#include "whole_file.h"

static const khonsu_slice no_key;

typedef struct repair {
  const kh_os *os;
  const char *dir_path;
  kh_file directory, lock_file;
  fkv_survey survey;
  fkv_report report;
  fkv_manifest made; /* what is published */
} repair;

/* ---- files */

static bool is_replaced(const repair *own, const fkv_surveyed *item) {
  return item->damaged || (own->survey.discovered && item->end != item->size);
}

static void path_of(const repair *own, const fkv_surveyed *item, const char *suffix, char path[FKV_PATH_MAX]) {
  fkv_files_path(&own->survey.files, item->row.id, suffix, path);
}

static void tell(repair *own, const fkv_surveyed *item, uint64_t new_id) {
  char name[FKV_NAME_MAX];
  fkv_survey_name(item, name);
  if (item->file == NULL) return;
  if (new_id == 0) {
    fkv_report_finding(&own->report, name, 0, item->size, no_key, "nothing in it counts; it is %s.damaged now", name);
  } else {
    fkv_report_finding(&own->report, name, 0, item->size, no_key,
                       "what is whole in it is in %09llu.data; it is %s.damaged now", (unsigned long long)new_id, name);
  }
}

static khonsu_status replace(repair *own, fkv_surveyed *item, khonsu_error *error) {
  fkv_manifest_row row = {0};
  khonsu_status status = FLASHKV_OK;
  if (item->file != NULL) status = fkv_rewrite(&own->survey, item, own->made.next_file_id, &row, error);
  if (status != FLASHKV_OK) return status;
  tell(own, item, row.id);
  if (row.id == 0) return FLASHKV_OK;
  own->made.next_file_id++;
  own->made.rows[own->made.row_count++] = row;
  return FLASHKV_OK;
}

/* ---- the manifest */

static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

static fkv_manifest_row kept_row(const repair *own, const fkv_surveyed *item) {
  if (!own->survey.discovered) return item->row;
  return (fkv_manifest_row){item->row.id, FKV_ROW_SEALED | FKV_ROW_MERGED, item->size, item->sequence_min,
                            item->sequence_max};
}

static void keep_rows(repair *own, bool merged) {
  for (size_t index = 0; index < own->survey.count; index++) {
    const fkv_surveyed *item = &own->survey.items[index];
    fkv_manifest_row row = kept_row(own, item);
    if (!is_replaced(own, item) && !(row.bits & FKV_ROW_MERGED) == !merged) own->made.rows[own->made.row_count++] = row;
  }
}

static khonsu_status make_manifest(repair *own, khonsu_error *error) {
  fkv_survey *survey = &own->survey;
  own->made = fkv_kept_manifest(survey);
  own->made.generation++;
  own->made.rows = kh_alloc_array(survey->count, sizeof *own->made.rows);
  if (own->made.rows == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the manifest");
  uint64_t next_id;
  khonsu_status status = fkv_discover_next_id(own->os, own->dir_path, &next_id, error);
  if (status != FLASHKV_OK) return status;
  own->made.next_file_id = most(own->made.next_file_id, next_id);
  for (size_t index = 0; index < survey->count && status == FLASHKV_OK; index++) {
    if (is_replaced(own, &survey->items[index])) status = replace(own, &survey->items[index], error);
  }
  keep_rows(own, true);
  keep_rows(own, false);
  return status;
}

/* ---- putting aside */

/* A file of another store, in the place of one of ours, is left where it is. */
static bool is_ours(const repair *own, const char *path) {
  fkv_preamble preamble;
  khonsu_status status = fkv_preamble_load(own->os, path, FKV_FILE_DATA, &preamble, NULL);
  return status != FLASHKV_OK || memcmp(preamble.store_id, own->survey.manifest.store_id, FKV_STORE_ID_SIZE) == 0;
}

typedef khonsu_status each_replaced(repair *own, const char *path, const char *aside, khonsu_error *error);

static khonsu_status for_each_replaced(repair *own, each_replaced *call, khonsu_error *error) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < own->survey.count && status == FLASHKV_OK; index++) {
    const fkv_surveyed *item = &own->survey.items[index];
    char path[FKV_PATH_MAX], aside[FKV_PATH_MAX];
    if (!is_replaced(own, item)) continue;
    path_of(own, item, "data", path);
    path_of(own, item, "data.damaged", aside);
    if (is_ours(own, path)) status = call(own, path, aside, error);
  }
  return status;
}

/* EEXIST: by a repair that did not come to its end. Where files cannot have two names, they get the other one in the end. */
static khonsu_status link_aside(repair *own, const char *path, const char *aside, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(own->os, link, path, aside);
  bool expected = failed == EEXIST || failed == ENOENT || failed == EPERM || failed == EOPNOTSUPP || failed == ENOSYS;
  return failed == 0 || expected ? FLASHKV_OK : kh_os_fail(error, failed, "put aside", path);
}

static khonsu_status move_aside(repair *own, const char *path, const char *aside, khonsu_error *error) {
  kh_file file;
  bool linked = KH_OS_CALL(own->os, open, aside, KH_OPEN_READ, &file) == 0;
  if (linked) (void)KH_OS_CALL(own->os, close, file);
  kh_os_error failed = linked ? KH_OS_CALL(own->os, unlink, path) : KH_OS_CALL(own->os, rename, path, aside);
  return failed == 0 || failed == ENOENT ? FLASHKV_OK : kh_os_fail(error, failed, "put aside", path);
}

static khonsu_status sync_directory(const repair *own, khonsu_error *error) {
  return fkv_directory_flush(own->os, own->dir_path, own->directory, error);
}

/* ---- the steps */

static khonsu_status make_whole(repair *own, khonsu_error *error) {
  khonsu_status status = make_manifest(own, error);
  if (status == FLASHKV_OK) status = for_each_replaced(own, link_aside, error);
  if (status == FLASHKV_OK) status = fkv_derived_remove(own->os, own->dir_path, error);
  if (status == FLASHKV_OK) status = sync_directory(own, error);
  if (status == FLASHKV_OK) status = fkv_manifest_write(own->os, own->dir_path, own->directory, &own->made, error);
  if (status == FLASHKV_OK) status = for_each_replaced(own, move_aside, error);
  if (status == FLASHKV_OK) status = sync_directory(own, error);
  kh_free(own->made.rows);
  if (own->survey.discovered && status == FLASHKV_OK) {
    fkv_report_finding(&own->report, FKV_MANIFEST_NAME, 0, 0, no_key,
                       "it was made anew from the data files; what merging had just taken out may be among them");
  }
  return status;
}

/* Nothing is lost: it is made from the data files again. */
static khonsu_status remove_derived(repair *own, khonsu_error *error) {
  khonsu_status status = fkv_derived_remove(own->os, own->dir_path, error);
  if (status != FLASHKV_OK) return status;
  fkv_report_finding(&own->report, FKV_IMAGE_NAME, 0, 0, no_key,
                     "it is removed, with all hints; what opens the store makes them again");
  return sync_directory(own, error);
}

static khonsu_status repair_locked(repair *own, khonsu_error *error) {
  khonsu_status status = fkv_kept_survey(&own->survey, own->os, own->dir_path, &own->report, error);
  bool whole = own->report.result.findings == 0;
  if (status == FLASHKV_OK && whole) status = fkv_check_derived(&own->survey, error);
  if (status == FLASHKV_OK && !whole) status = make_whole(own, error);
  else if (status == FLASHKV_OK && own->report.result.findings > 0) status = remove_derived(own, error);
  own->report.result.records_lost = own->survey.lost;
  fkv_survey_fini(&own->survey);
  bool counted = whole && own->report.result.findings == 0;
  if (status != FLASHKV_OK || counted) return status;
  return fkv_check_keys(own->os, own->dir_path, &own->report.result.keys, error);
}

/* ---- keeping others out */

static khonsu_status lock(repair *own, khonsu_error *error) {
  char path[FKV_PATH_MAX];
  kh_os_error failed = KH_OS_CALL(own->os, open, own->dir_path, KH_OPEN_DIRECTORY, &own->directory);
  if (failed == ENOENT || failed == ENOTDIR) {
    return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s is not a directory with a store", own->dir_path);
  }
  if (failed) return kh_os_fail(error, failed, "open", own->dir_path);
  snprintf(path, sizeof path, "%s/LOCK", own->dir_path);
  failed = KH_OS_CALL(own->os, open, path, KH_OPEN_CREATE, &own->lock_file);
  if (failed) return kh_os_fail(error, failed, "open", path);
  failed = KH_OS_CALL(own->os, lock, own->lock_file);
  if (failed == EAGAIN) return khonsu_error_set(error, FLASHKV_LOCKED, "%s is locked: the store is open", path);
  return failed ? kh_os_fail(error, failed, "lock", path) : FLASHKV_OK;
}

khonsu_status fkv_repair_on(const kh_os *os, const char *dir_path, const flashkv_check_options *options,
                            flashkv_check_result *result, khonsu_error *error) {
  repair own = {.os = os, .dir_path = dir_path, .directory = KH_FILE_NONE, .lock_file = KH_FILE_NONE};
  khonsu_status status = fkv_check_dir_path(dir_path, error);
  if (status == FLASHKV_OK) status = fkv_report_begin(&own.report, options, "repairing", error);
  if (status != FLASHKV_OK) return status;
  status = lock(&own, error);
  if (status == FLASHKV_OK) status = repair_locked(&own, error);
  fkv_handle_close(os, own.directory);
  fkv_handle_close(os, own.lock_file);
  fkv_report_end(&own.report, result);
  return status;
}

flashkv_status flashkv_repair(const char *dir_path, const flashkv_check_options *options, flashkv_check_result *result,
                              flashkv_error *error) {
  FKV_TELL(error, fkv_repair_on(kh_os_posix(), dir_path, options, result, detail));
}
