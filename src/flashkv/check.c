/* check: whether a store is whole.
 *
 *   survey   every record of every data file (survey.h)
 *   strays   data files that the manifest does not list and the next opening would remove, but that are not the store's
 *   log      if so far there is nothing amiss, the store is opened as a reader that looks at data files only: which shows
 *            that it can be, and what keys it has
 *   derived  what is made from data files, and could be made again, is held against that: the image of the index, and
 *            hints. The index on disk (tree.h) is not: each word of it is looked at when it is used */
#include "check.h"

#include <errno.h>

#include "check_hints.h"
#include "check_image.h"
#include "survey.h"

static const khonsu_slice no_key;

/* ---- strays */

/* A file of this store that is not listed is of a merge, or of the making of a file, that did not come to its end. */
static kh_os_error look_at_name(void *ctx, const char *name) {
  fkv_survey *survey = ctx;
  uint64_t id = fkv_files_id_of(name, "data");
  fkv_preamble preamble;
  char path[FKV_PATH_MAX];
  if (id == 0 || fkv_manifest_find(&survey->manifest, id) != NULL) return 0;
  fkv_files_path(&survey->files, id, "data", path);
  if (fkv_preamble_load(survey->files.os, path, FKV_FILE_DATA, &preamble, NULL) != FLASHKV_OK) return 0;
  if (memcmp(preamble.store_id, survey->files.store_id, FKV_STORE_ID_SIZE) != 0) {
    fkv_report_finding(survey->report, name, 0, 0, no_key, "is a data file of another store");
  }
  return 0;
}

static khonsu_status check_strays(fkv_survey *survey, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(survey->files.os, list, survey->files.dir_path, look_at_name, survey);
  return failed ? kh_os_fail(error, failed, "list", survey->files.dir_path) : FLASHKV_OK;
}

/* ---- keys, and what is made from data files */

khonsu_status fkv_check_keys(const kh_os *os, const char *dir_path, uint64_t *keys, khonsu_error *error) {
  flashkv *log;
  khonsu_status status = fkv_open_log(os, dir_path, &log, error);
  if (status != FLASHKV_OK) return status;
  *keys = log->keys;
  return fkv_close(log, error);
}

/* Beside a process that writes, files may go between our looks at the manifest and at them, so a few attempts are made. */
static khonsu_status open_log(fkv_survey *survey, flashkv **log, khonsu_error *error) {
  enum { ATTEMPTS = 3 };
  khonsu_error detail = KHONSU_ERROR_INIT;
  khonsu_status status = FLASHKV_CORRUPT;
  *log = NULL;
  for (int attempt = 0; attempt < ATTEMPTS && status == FLASHKV_CORRUPT; attempt++) {
    status = fkv_open_log(survey->files.os, survey->files.dir_path, log, &detail);
  }
  if (status == FLASHKV_OK) return FLASHKV_OK;
  if (status != FLASHKV_CORRUPT) return khonsu_error_set(error, status, "%s", detail.message);
  fkv_report_finding(survey->report, FKV_MANIFEST_NAME, 0, 0, no_key, "the store cannot be opened: %s", detail.message);
  return FLASHKV_OK;
}

/* The store as its data files have it, if they are whole. */
static khonsu_status check_log(fkv_survey *survey, fkv_image_check *image, khonsu_error *error) {
  flashkv *log;
  khonsu_status status = open_log(survey, &log, error);
  if (status != FLASHKV_OK || log == NULL) return status;
  survey->report->result.keys = log->keys;
  status = fkv_image_check_compare(image, log, error);
  khonsu_status closed = fkv_close(log, error);
  return status == FLASHKV_OK ? closed : status;
}

khonsu_status fkv_check_derived(fkv_survey *survey, khonsu_error *error) {
  fkv_image_check image;
  bool whole = survey->report->result.findings == 0;
  khonsu_status status = fkv_image_check_open(&image, &survey->files, survey->report, error);
  if (status == FLASHKV_OK && whole) status = check_log(survey, &image, error);
  fkv_image_check_close(&image);
  return status == FLASHKV_OK ? fkv_check_hints(survey, error) : status;
}

/* ---- the whole */

static khonsu_status check_files(fkv_survey *survey, khonsu_error *error) {
  fkv_report *report = survey->report;
  report->result.files++; /* the manifest */
  khonsu_status status = fkv_survey_read(survey, error);
  if (status == FLASHKV_OK) status = check_strays(survey, error);
  return status == FLASHKV_OK ? fkv_check_derived(survey, error) : status;
}

static kh_os_error is_data_file(void *ctx, const char *name) {
  (void)ctx;
  return fkv_files_id_of(name, "data") == 0 ? 0 : EEXIST;
}

/* A directory with data files is a store, whatever has become of its manifest. */
static bool has_data_files(const kh_os *os, const char *dir_path) {
  return KH_OS_CALL(os, list, dir_path, is_data_file, NULL) == EEXIST;
}

static khonsu_status check(const kh_os *os, const char *dir_path, fkv_report *report, khonsu_error *error) {
  fkv_survey survey;
  khonsu_error detail = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_survey_open(&survey, os, dir_path, report, &detail);
  if (status == FLASHKV_OK) {
    status = check_files(&survey, &detail);
  } else if (status == FLASHKV_CORRUPT || (status == FLASHKV_NOT_A_STORE && has_data_files(os, dir_path))) {
    fkv_report_finding(report, FKV_MANIFEST_NAME, 0, 0, no_key, "%s", detail.message);
    status = FLASHKV_OK;
  }
  fkv_survey_fini(&survey);
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "%s", detail.message);
  if (report->result.findings == 0) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is damaged in %llu places", dir_path,
                          (unsigned long long)report->result.findings);
}

khonsu_status fkv_check_dir_path(const char *dir_path, khonsu_error *error) {
  if (dir_path != NULL && dir_path[0] != '\0' && strlen(dir_path) <= FKV_DIR_PATH_MAX) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "dir_path is NULL, empty, or longer than %d bytes",
                          FKV_DIR_PATH_MAX);
}

khonsu_status fkv_check_on(const kh_os *os, const char *dir_path, const flashkv_check_options *options,
                           flashkv_check_result *result, khonsu_error *error) {
  fkv_report report;
  khonsu_status status = fkv_check_dir_path(dir_path, error);
  if (status == FLASHKV_OK) status = fkv_report_begin(&report, options, "checking", error);
  if (status != FLASHKV_OK) return status;
  status = check(os, dir_path, &report, error);
  fkv_report_end(&report, result);
  return status;
}

flashkv_status flashkv_check(const char *dir_path, const flashkv_check_options *options, flashkv_check_result *result,
                             flashkv_error *error) {
  FKV_TELL(error, fkv_check_on(kh_os_posix(), dir_path, options, result, detail));
}
