#include "whole_file.h"

#include <errno.h>
#include <stdio.h>

#include "file.h"

static void path_of(const char *dir_path, const char *name, const char *suffix, char path[FKV_PATH_MAX]) {
  int size = snprintf(path, FKV_PATH_MAX, "%s/%s%s", dir_path, name, suffix);
  KH_ASSERT(size > 0 && size < FKV_PATH_MAX);
}

static khonsu_status write_new(const kh_os *os, const char *path, const khonsu_slice *parts, size_t count,
                               khonsu_error *error) {
  kh_file file;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file);
  if (failed) return kh_os_fail(error, failed, "create", path);
  failed = KH_OS_CALL(os, truncate, file, 0); /* of an attempt that did not come to its end */
  if (failed == 0) failed = KH_OS_CALL(os, write_at, file, parts, count, 0);
  if (failed == 0) failed = KH_OS_CALL(os, sync, file);
  kh_os_error closed = KH_OS_CALL(os, close, file);
  if (failed == 0) failed = closed;
  return failed ? kh_os_fail(error, failed, "write", path) : KHONSU_OK;
}

khonsu_status fkv_directory_flush(const kh_os *os, const char *dir_path, kh_file directory, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(os, sync, directory);
  return failed ? kh_os_fail(error, failed, "flush", dir_path) : KHONSU_OK;
}

khonsu_status fkv_whole_file_write(const kh_os *os, const char *dir_path, kh_file directory, const char *name,
                                   const khonsu_slice *parts, size_t count, khonsu_error *error) {
  char path[FKV_PATH_MAX], beside[FKV_PATH_MAX];
  path_of(dir_path, name, "", path);
  path_of(dir_path, name, ".new", beside);
  khonsu_status status = write_new(os, beside, parts, count, error);
  if (status != KHONSU_OK) {
    (void)KH_OS_CALL(os, unlink, beside);
    return status;
  }
  status = fkv_directory_flush(os, dir_path, directory, error);
  if (status == KHONSU_OK) {
    kh_os_error failed = KH_OS_CALL(os, rename, beside, path);
    if (failed) status = kh_os_fail(error, failed, "put in place", path);
  }
  if (status != KHONSU_OK) {
    (void)KH_OS_CALL(os, unlink, beside);
    return status;
  }
  if (fkv_directory_flush(os, dir_path, directory, error) == KHONSU_OK) return KHONSU_OK;
  return kh_error_restate(error, KHONSU_IN_DOUBT, "cannot flush %s: it is not known which %s will be found", dir_path,
                          name);
}

static khonsu_status read_all(const kh_os *os, kh_file file, const char *path, kh_buffer *bytes, khonsu_error *error) {
  kh_file_info info;
  kh_os_error failed = KH_OS_CALL(os, info, file, &info);
  if (failed) return kh_os_fail(error, failed, "look at", path);
  khonsu_status status = kh_buffer_reserve(bytes, (size_t)info.size + 1);
  if (status != KHONSU_OK) return khonsu_error_set(error, status, "out of memory for %s", path);
  size_t got;
  failed = KH_OS_CALL(os, read_at, file, bytes->data + bytes->size, (size_t)info.size, 0, &got);
  if (failed) return kh_os_fail(error, failed, "read", path);
  bytes->size += got;
  return KHONSU_OK;
}

khonsu_status fkv_whole_file_read(const kh_os *os, const char *path, kh_buffer *bytes, bool *absent,
                                  khonsu_error *error) {
  kh_file file;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_READ, &file);
  *absent = failed == ENOENT;
  if (*absent) return KHONSU_OK;
  if (failed) return kh_os_fail(error, failed, "open", path);
  khonsu_status status = read_all(os, file, path, bytes, error);
  (void)KH_OS_CALL(os, close, file);
  return status;
}

static void parent_of(const char *path, char parent[FKV_PATH_MAX]) {
  snprintf(parent, FKV_PATH_MAX, "%s", path);
  size_t size = strlen(parent);
  while (size > 1 && parent[size - 1] == '/') size--;
  while (size > 0 && parent[size - 1] != '/') size--;
  while (size > 1 && parent[size - 1] == '/') size--;
  if (size == 0) parent[size++] = '.';
  parent[size] = '\0';
}

khonsu_status fkv_name_flush(const kh_os *os, const char *path, khonsu_error *error) {
  char parent[FKV_PATH_MAX];
  parent_of(path, parent);
  kh_file holder;
  kh_os_error failed = KH_OS_CALL(os, open, parent, KH_OPEN_DIRECTORY, &holder);
  if (failed == EACCES) return KHONSU_OK;
  if (failed) return kh_os_fail(error, failed, "open", parent);
  khonsu_status status = fkv_directory_flush(os, parent, holder, error);
  (void)KH_OS_CALL(os, close, holder);
  return status;
}
