#include "derived.h"

#include <errno.h>
#include <stdio.h>

#include "image.h"
#include "tree.h"

typedef struct removal {
  const kh_os *os;
  const char *dir_path;
} removal;

static kh_os_error remove_one(const removal *own, const char *name) {
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", own->dir_path, name);
  kh_os_error failed = KH_OS_CALL(own->os, unlink, path);
  return failed == ENOENT ? 0 : failed;
}

static kh_os_error remove_hint(void *ctx, const char *name) {
  bool is_hint = fkv_files_id_of(name, "hint") != 0 || fkv_files_id_of(name, "hint.new") != 0;
  return is_hint ? remove_one(ctx, name) : 0;
}

khonsu_status fkv_derived_remove(const kh_os *os, const char *dir_path, khonsu_error *error) {
  static const char *const names[] = {FKV_IMAGE_NAME, FKV_TREE_NAME, FKV_TREE_LOCK_NAME};
  removal own = {os, dir_path};
  kh_os_error failed = 0;
  for (size_t index = 0; index < sizeof names / sizeof names[0] && !failed; index++) {
    failed = remove_one(&own, names[index]);
  }
  if (!failed) failed = KH_OS_CALL(os, list, dir_path, remove_hint, &own);
  return failed ? kh_os_fail(error, failed, "remove what is made from the data files in", dir_path) : FLASHKV_OK;
}

uint64_t fkv_derived_size(const fkv_files *files, bool tree_is_open) {
  uint64_t size = fkv_files_size_of(files, FKV_IMAGE_NAME) + fkv_files_size_of(files, FKV_TREE_LOCK_NAME);
  return tree_is_open ? size : size + fkv_files_size_of(files, FKV_TREE_NAME);
}
