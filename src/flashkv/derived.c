#include "derived.h"

#include <errno.h>
#include <stdio.h>

#include "image.h"
#include "tree.h"

khonsu_status fkv_derived_remove(const kh_os *os, const char *dir_path, khonsu_error *error) {
  static const char *const names[] = {FKV_IMAGE_NAME, FKV_TREE_NAME, FKV_TREE_LOCK_NAME};
  for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
    char path[FKV_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir_path, names[index]);
    kh_os_error failed = KH_OS_CALL(os, unlink, path);
    if (failed != 0 && failed != ENOENT) return kh_os_fail(error, failed, "remove", path);
  }
  return FLASHKV_OK;
}

uint64_t fkv_derived_size(const fkv_files *files, bool tree_is_open) {
  uint64_t size = fkv_files_size_of(files, FKV_IMAGE_NAME) + fkv_files_size_of(files, FKV_TREE_LOCK_NAME);
  return tree_is_open ? size : size + fkv_files_size_of(files, FKV_TREE_NAME);
}
