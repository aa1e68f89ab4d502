#include "tidy.h"

#include "hints.h"

#include <stdio.h>

/* Of what is not so much as begun nobody can say whose it is; it is nobody's loss either. */
static bool is_hardly_begun(const kh_os *os, const char *path) {
  kh_file file;
  kh_file_info info;
  if (KH_OS_CALL(os, open, path, KH_OPEN_READ, &file) != 0) return false;
  kh_os_error failed = KH_OS_CALL(os, info, file, &info);
  (void)KH_OS_CALL(os, close, file);
  return !failed && !info.is_directory && info.size <= FKV_PREAMBLE_SIZE;
}

bool fkv_may_be_removed(const fkv_files *files, const char *path, fkv_file_kind kind) {
  fkv_preamble preamble;
  khonsu_status status = fkv_preamble_load(files->os, path, kind, &preamble, NULL);
  if (status == FLASHKV_OK) return memcmp(preamble.store_id, files->store_id, FKV_STORE_ID_SIZE) == 0;
  return status == FLASHKV_CORRUPT && is_hardly_begun(files->os, path);
}

/* Hints of what is not sealed are of another time. */
static bool is_listed(const flashkv *store, uint64_t id, bool is_hint) {
  const fkv_file *file = fkv_list_find(store, id);
  return file != NULL && (file->sealed || !is_hint);
}

static kh_os_error remove_unlisted(void *ctx, const char *name) {
  flashkv *store = ctx;
  uint64_t data_id = fkv_files_id_of(name, "data"), id = data_id != 0 ? data_id : fkv_files_id_of(name, "hint");
  bool is_half_a_hint = fkv_files_id_of(name, "hint.new") != 0;
  if (!is_half_a_hint && (id == 0 || is_listed(store, id, data_id == 0))) return 0;
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", store->dir_path, name);
  if (is_half_a_hint || fkv_may_be_removed(&store->files, path, data_id != 0 ? FKV_FILE_DATA : FKV_FILE_HINT)) {
    return KH_OS_CALL(store->files.os, unlink, path);
  }
  if (id >= store->next_file_id && id != UINT64_MAX) store->next_file_id = id + 1;
  return 0;
}

khonsu_status fkv_tidy(flashkv *store, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(store->files.os, list, store->dir_path, remove_unlisted, store);
  fkv_hints_remove_bad(store);
  return failed ? kh_os_fail(error, failed, "tidy", store->dir_path) : FLASHKV_OK;
}
