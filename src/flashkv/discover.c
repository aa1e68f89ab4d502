#include "discover.h"

#include <stdio.h>

typedef struct candidate {
  uint64_t id;
  bool readable; /* its preamble */
  uint8_t store_id[FKV_STORE_ID_SIZE];
} candidate;

typedef struct search {
  const fkv_files *files;
  kh_buffer candidates;
  uint64_t greatest;
  khonsu_error *error;
  khonsu_status status;
} search;

static size_t count_of(const search *own) { return own->candidates.size / sizeof(candidate); }
static candidate *candidates_of(const search *own) { return (candidate *)(void *)own->candidates.data; }

/* ---- names */

/* Whatever stands behind the number: hints, and files that were put aside. */
static kh_os_error note_id(void *ctx, const char *name) {
  search *own = ctx;
  char digits[FKV_NAME_MAX];
  size_t length = strspn(name, "0123456789");
  if (length == 0 || length > 20 || name[length] != '.') return 0;
  snprintf(digits, sizeof digits, "%.*s.data", (int)length, name);
  uint64_t id = fkv_files_id_of(digits, "data");
  if (id > own->greatest) own->greatest = id;
  return 0;
}

khonsu_status fkv_discover_next_id(const kh_os *os, const char *dir_path, uint64_t *next, khonsu_error *error) {
  search own = {0};
  kh_os_error failed = KH_OS_CALL(os, list, dir_path, note_id, &own);
  if (failed) return kh_os_fail(error, failed, "list", dir_path);
  *next = own.greatest + 1;
  return FLASHKV_OK;
}

/* ---- files */

static kh_os_error note_file(void *ctx, const char *name) {
  search *own = ctx;
  char path[FKV_PATH_MAX];
  fkv_preamble preamble;
  candidate found = {.id = fkv_files_id_of(name, "data")};
  if (found.id == 0 || own->status != FLASHKV_OK) return 0;
  fkv_files_path(own->files, found.id, "data", path);
  own->status = fkv_preamble_load(own->files->os, path, FKV_FILE_DATA, &preamble, own->error);
  found.readable = own->status == FLASHKV_OK;
  if (found.readable) memcpy(found.store_id, preamble.store_id, FKV_STORE_ID_SIZE);
  if (own->status == FLASHKV_CORRUPT) own->status = FLASHKV_OK;
  if (own->status == FLASHKV_OK) own->status = kh_buffer_append(&own->candidates, &found, sizeof found);
  return 0;
}

static bool is_of(const candidate *found, const uint8_t store_id[FKV_STORE_ID_SIZE]) {
  return found->readable && memcmp(found->store_id, store_id, FKV_STORE_ID_SIZE) == 0;
}

static size_t count_of_store(const search *own, const uint8_t store_id[FKV_STORE_ID_SIZE]) {
  size_t count = 0;
  for (size_t index = 0; index < count_of(own); index++) count += is_of(&candidates_of(own)[index], store_id);
  return count;
}

/* Where nothing tells, it is a new one. `*manifest`: there is one, however damaged. */
static void choose_store_id(const search *own, uint8_t store_id[FKV_STORE_ID_SIZE], bool *manifest) {
  char path[FKV_PATH_MAX];
  fkv_preamble preamble;
  size_t most = 0;
  snprintf(path, sizeof path, "%s/%s", own->files->dir_path, FKV_MANIFEST_NAME);
  khonsu_status status = fkv_preamble_load(own->files->os, path, FKV_FILE_MANIFEST, &preamble, NULL);
  *manifest = status != FLASHKV_NOT_FOUND;
  if (status == FLASHKV_OK) {
    memcpy(store_id, preamble.store_id, FKV_STORE_ID_SIZE);
    return;
  }
  kh_os_random(store_id, FKV_STORE_ID_SIZE);
  for (size_t index = 0; index < count_of(own); index++) {
    const candidate *found = &candidates_of(own)[index];
    size_t count = found->readable ? count_of_store(own, found->store_id) : 0;
    if (count <= most) continue;
    most = count;
    memcpy(store_id, found->store_id, FKV_STORE_ID_SIZE);
  }
}

/* The rows say which files there are, and nothing else. */
static khonsu_status make_rows(const search *own, fkv_survey *survey, khonsu_error *error) {
  fkv_manifest *manifest = &survey->manifest;
  manifest->rows = kh_alloc_zero_array(count_of(own), sizeof *manifest->rows);
  if (manifest->rows == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a list of files");
  for (size_t index = 0; index < count_of(own); index++) {
    const candidate *found = &candidates_of(own)[index];
    fkv_manifest_row row = {.id = found->id, .sequence_min = UINT64_MAX};
    if (!found->readable || is_of(found, manifest->store_id)) {
      manifest->rows[manifest->row_count++] = row;
      continue;
    }
    char name[FKV_NAME_MAX];
    fkv_files_name(found->id, "data", name);
    fkv_report_finding(survey->report, name, 0, 0, kh_slice(NULL, 0), "is of another store, and left alone");
  }
  return FLASHKV_OK;
}

static khonsu_status discover(search *own, fkv_survey *survey, khonsu_error *error) {
  const char *dir_path = survey->files.dir_path;
  kh_os_error failed = KH_OS_CALL(survey->files.os, list, dir_path, note_file, own);
  if (failed) return kh_os_fail(error, failed, "list", dir_path);
  if (own->status != FLASHKV_OK) return own->status;
  bool manifest;
  choose_store_id(own, survey->manifest.store_id, &manifest);
  if (count_of(own) == 0 && !manifest) {
    return khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s holds no store", dir_path);
  }
  khonsu_status status = make_rows(own, survey, error);
  return status == FLASHKV_OK ? fkv_survey_open_rows(survey, error) : status;
}

khonsu_status fkv_discover(fkv_survey *survey, const kh_os *os, const char *dir_path, fkv_report *report,
                           khonsu_error *error) {
  *survey = (fkv_survey){.files = {.os = os, .dir_path = dir_path}, .report = report, .discovered = true};
  search own = {.files = &survey->files, .error = error};
  survey->manifest.retain_oldest = UINT64_MAX;
  kh_os_random(&survey->manifest.hash_seed, sizeof survey->manifest.hash_seed);
  khonsu_status status = discover(&own, survey, error);
  kh_buffer_fini(&own.candidates);
  return status;
}
