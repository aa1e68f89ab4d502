#include "backup.h"
#include "scan.h"
#include "walk.h"

khonsu_status fkv_backup_progress(fkv_backup *backup, uint64_t bytes, khonsu_error *error) {
  backup->bytes_done += bytes;
  if (backup->progress == NULL ||
      backup->progress(backup->progress_ctx, "copying", backup->bytes_done, backup->bytes_total) == 0) {
    return FLASHKV_OK;
  }
  return khonsu_error_set(error, FLASHKV_CANCELLED, "the backup was ended by its progress callback");
}

/* ---- checking: a file of a backup has commits, and nothing else */

static khonsu_status check_file(fkv_file *file, const fkv_files *files, uint64_t end, khonsu_error *error) {
  fkv_walk walk = fkv_walk_begin(file, files, end);
  fkv_step step = {.kind = FKV_STEP_COMMIT};
  khonsu_status status = FLASHKV_OK;
  while (status == FLASHKV_OK && step.kind == FKV_STEP_COMMIT && step.lost == 0) {
    status = fkv_walk_next(&walk, &step, error);
  }
  fkv_walk_fini(&walk);
  if (status != FLASHKV_OK || step.kind == FKV_STEP_END) return status;
  return fkv_file_damage(file, files, step.at, step.kind == FKV_STEP_GAP ? step.what : "the commit", error);
}

khonsu_status fkv_backup_check(fkv_backup *backup, const fkv_extent *extent, khonsu_error *error) {
  fkv_file *file;
  khonsu_status status = fkv_file_open(&backup->target, extent->file->id, false, 0, &file, error);
  if (status != FLASHKV_OK) return status;
  status = check_file(file, &backup->target, extent->end, error);
  fkv_file_leave(file);
  return status;
}

/* ---- whether it is there already */

enum { ENDING = 4096 };

static bool same_bytes(fkv_file *one, fkv_file *other, uint64_t from, uint64_t end) {
  uint8_t parts[2][ENDING];
  size_t got[2], size;
  for (uint64_t at = from; at < end; at += size) {
    size = (size_t)(end - at < ENDING ? end - at : ENDING);
    kh_os_error failed = KH_OS_CALL(one->os, read_at, one->handle, parts[0], size, at, &got[0]);
    if (!failed) failed = KH_OS_CALL(other->os, read_at, other->handle, parts[1], size, at, &got[1]);
    if (failed || got[0] != size || got[1] != size || memcmp(parts[0], parts[1], size) != 0) return false;
  }
  return true;
}

static bool has_record(fkv_file *file, const fkv_files *files, uint64_t from, uint64_t end) {
  const uint8_t *record = NULL;
  fkv_scan scan = fkv_scan_begin(file, files, from, end);
  bool found = fkv_scan_resume(&scan, &record, NULL) == FLASHKV_OK && record != NULL;
  fkv_scan_fini(&scan);
  return found;
}

/* From the end back to where some record begins, in steps that grow: values may be alike, but records know their time. */
static bool same_ending(const fkv_files *files, fkv_file *one, fkv_file *other, uint64_t size) {
  enum { GROWTH = 8 };
  uint64_t end = size;
  for (uint64_t window = ENDING;; window *= GROWTH) {
    uint64_t from = window < size - FKV_PREAMBLE_SIZE ? size - window : FKV_PREAMBLE_SIZE;
    if (!same_bytes(one, other, from, end)) return false;
    if (from == FKV_PREAMBLE_SIZE || has_record(one, files, from, size)) return true;
    end = from;
  }
}

/* A backup may have been opened, and its last file have taken other records then; it ends otherwise. */
bool fkv_backup_has(const fkv_backup *backup, const fkv_extent *extent) {
  const fkv_manifest_row *before = fkv_manifest_find(&backup->before, extent->file->id);
  fkv_file *file;
  if (before == NULL || !(before->bits & FKV_ROW_SEALED)) return false;
  if (fkv_file_open(&backup->target, extent->file->id, false, 0, &file, NULL) != FLASHKV_OK) return false;
  bool same = file->salt == extent->file->salt && file->tail == extent->end;
  same = same && same_ending(&backup->target, file, extent->file, extent->end);
  fkv_file_leave(file);
  return same;
}

/* ---- copying */

/* Bytes of the extent from `at` on, to the same place. */
static khonsu_status copy_some(fkv_backup *backup, const fkv_extent *extent, kh_file to, const char *path,
                               uint8_t *bytes, uint64_t at, uint32_t *crc, khonsu_error *error) {
  size_t wanted = (size_t)(extent->end - at < FKV_BACKUP_PART ? extent->end - at : FKV_BACKUP_PART), got;
  char from[FKV_PATH_MAX];
  fkv_files_path(&backup->store->files, extent->file->id, "data", from);
  kh_os_error failed = KH_OS_CALL(backup->target.os, read_at, extent->file->handle, bytes, wanted, at, &got);
  if (failed) return kh_os_fail(error, failed, "read", from);
  if (got != wanted) return khonsu_error_set(error, FLASHKV_CORRUPT, "%s was cut short", from);
  *crc = kh_crc32c(*crc, bytes, wanted);
  khonsu_slice slice = kh_slice(bytes, wanted);
  failed = KH_OS_CALL(backup->target.os, write_at, to, &slice, 1, at);
  return failed ? kh_os_fail(error, failed, "write to", path) : fkv_backup_progress(backup, wanted, error);
}

static khonsu_status read_back(fkv_backup *backup, kh_file file, const char *path, uint64_t end, uint8_t *bytes,
                               uint32_t expected, khonsu_error *error) {
  uint32_t crc = 0;
  size_t got;
  for (uint64_t at = 0; at < end; at += got) {
    size_t wanted = (size_t)(end - at < FKV_BACKUP_PART ? end - at : FKV_BACKUP_PART);
    kh_os_error failed = KH_OS_CALL(backup->target.os, read_at, file, bytes, wanted, at, &got);
    if (failed) return kh_os_fail(error, failed, "read back", path);
    if (got == 0) break;
    crc = kh_crc32c(crc, bytes, got);
  }
  if (crc == expected) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_CORRUPT, "%s reads back otherwise than it was written", path);
}

static khonsu_status copy_to(fkv_backup *backup, const fkv_extent *extent, kh_file to, const char *path, uint8_t *bytes,
                             khonsu_error *error) {
  uint32_t crc = 0;
  kh_os_error failed = KH_OS_CALL(backup->target.os, truncate, to, 0); /* of an attempt that did not come to its end */
  if (failed) return kh_os_fail(error, failed, "write to", path);
  for (uint64_t at = 0; at < extent->end; at += FKV_BACKUP_PART) {
    khonsu_status status = copy_some(backup, extent, to, path, bytes, at, &crc, error);
    if (status != FLASHKV_OK) return status;
  }
  failed = KH_OS_CALL(backup->target.os, sync, to);
  if (failed) return kh_os_fail(error, failed, "flush", path);
  return read_back(backup, to, path, extent->end, bytes, crc, error);
}

khonsu_status fkv_backup_copy(fkv_backup *backup, const fkv_extent *extent, khonsu_error *error) {
  char path[FKV_PATH_MAX];
  kh_file to;
  fkv_files_path(&backup->target, extent->file->id, "part", path);
  khonsu_status status = check_file(extent->file, &backup->store->files, extent->end, error);
  if (status != FLASHKV_OK) return status;
  uint8_t *bytes = kh_alloc(FKV_BACKUP_PART);
  if (bytes == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a copy");
  kh_os_error failed = KH_OS_CALL(backup->target.os, open, path, KH_OPEN_CREATE, &to);
  if (failed) {
    status = kh_os_fail(error, failed, "create", path);
  } else {
    status = copy_to(backup, extent, to, path, bytes, error);
    (void)KH_OS_CALL(backup->target.os, close, to);
  }
  kh_free(bytes);
  return status;
}
