/* ipc: Arrow IPC files, over the operating system's files. */
#include "db.h"

khonsu_status khonsu_ipc_read(const char *path, struct ArrowArrayStream *table, khonsu_error *error) {
  if (path == NULL || table == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "path and table must not be NULL");
  return kh_ipc_read_path(kh_os_posix(), path, table, error);
}

static khonsu_status check_ipc_write(const char *path, khonsu_ipc_format format, const struct ArrowArrayStream *table,
                                     khonsu_error *error) {
  if (path == NULL || table == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "path and table must not be NULL");
  unsigned compression = (unsigned)format & (KHONSU_IPC_LZ4 | KHONSU_IPC_ZSTD), rest = (unsigned)format & ~compression;
  if ((rest != KHONSU_IPC_FILE && rest != KHONSU_IPC_STREAM) || compression == (KHONSU_IPC_LZ4 | KHONSU_IPC_ZSTD))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "format is %d: not an IPC format", (int)format);
  if (table->release == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARROW, "the stream is released");
  return KHONSU_OK;
}

khonsu_status khonsu_ipc_write(const char *path, khonsu_ipc_format format, struct ArrowArrayStream *table,
                               khonsu_error *error) {
  khonsu_status status = check_ipc_write(path, format, table, error);
  if (status == KHONSU_OK) return kh_ipc_write_path(kh_os_posix(), path, format, table, error);
  if (table != NULL && table->release != NULL) table->release(table);
  return status;
}
