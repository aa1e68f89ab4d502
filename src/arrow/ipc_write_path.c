/* ipc_write_path: a stream becomes a file, wholly or not at all: it is written under another name in the same
 * directory, synced, and then takes the place of what was there. */
#include <stdio.h>

#include "ipc_format.h"
#include "ipc_writer.h"
#include "table.h"

static const kh_arrow_limits no_limits = {1024, UINT64_MAX, NULL};

typedef struct write_target {
  const kh_os *os;
  const char *path;
  char *temporary; /* its name */
  char *directory;
  kh_file file;
  uint64_t size; /* written so far */
} write_target;

/* ---- names */

static khonsu_status make_names(write_target *target, khonsu_error *error) {
  uint64_t number;
  kh_os_random(&number, sizeof number);
  const char *slash = strrchr(target->path, '/');
  size_t size = strlen(target->path) + 32, directory_size = slash == NULL ? 0 : (size_t)(slash - target->path);
  target->temporary = kh_alloc(size);
  target->directory = kh_alloc(size);
  if (target->temporary == NULL || target->directory == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to write %s", target->path);
  snprintf(target->temporary, size, "%s.%016llx.tmp", target->path, (unsigned long long)number);
  if (slash == NULL) snprintf(target->directory, size, ".");
  else if (directory_size == 0) snprintf(target->directory, size, "/");
  else snprintf(target->directory, size, "%.*s", (int)directory_size, target->path);
  return KHONSU_OK;
}

/* ---- bytes */

static khonsu_status write_out(write_target *target, kh_ipc_writer *writer, khonsu_error *error) {
  const kh_ipc_pieces *out = &writer->out;
  kh_os_error failed =
      KH_OS_CALL(target->os, write_at, target->file, kh_ipc_pieces_slices(out), kh_ipc_pieces_count(out), target->size);
  target->size += out->size;
  kh_ipc_pieces_clear(&writer->out);
  return failed ? kh_os_fail(error, failed, "write", target->temporary) : KHONSU_OK;
}

static khonsu_status write_chunks(write_target *target, kh_ipc_writer *writer, kh_table_source *rows,
                                  khonsu_error *error) {
  for (;;) {
    kh_chunk *chunk;
    khonsu_status status = kh_table_source_next(rows, &chunk, error);
    if (status != KHONSU_OK || chunk == NULL) return status;
    status = kh_ipc_write_chunk(writer, chunk, error);
    if (status == KHONSU_OK) status = write_out(target, writer, error);
    kh_chunk_unref(chunk); /* what is written away are its own bytes */
    if (status != KHONSU_OK) return status;
  }
}

static kh_ipc_options options_of(khonsu_ipc_format format) {
  kh_ipc_codec codec = (format & KHONSU_IPC_ZSTD) != 0  ? KH_IPC_ZSTD
                       : (format & KHONSU_IPC_LZ4) != 0 ? KH_IPC_LZ4
                                                        : KH_IPC_PLAIN;
  return (kh_ipc_options){.is_file = (format & KHONSU_IPC_FILE) != 0, .codec = codec};
}

static khonsu_status write_all(write_target *target, khonsu_ipc_format format, kh_table_source *rows,
                               khonsu_error *error) {
  kh_ipc_writer writer;
  khonsu_status status = kh_ipc_writer_init(&writer, rows->schema, options_of(format), error);
  if (status == KHONSU_OK) status = kh_ipc_write_schema(&writer, error);
  if (status == KHONSU_OK) status = write_out(target, &writer, error);
  if (status == KHONSU_OK) status = write_chunks(target, &writer, rows, error);
  if (status == KHONSU_OK) status = kh_ipc_write_end(&writer, error);
  if (status == KHONSU_OK) status = write_out(target, &writer, error);
  kh_ipc_writer_fini(&writer);
  return status;
}

/* ---- the file */

static khonsu_status sync_directory(const write_target *target, khonsu_error *error) {
  kh_file directory;
  kh_os_error failed = KH_OS_CALL(target->os, open, target->directory, KH_OPEN_DIRECTORY, &directory);
  if (!failed) {
    failed = KH_OS_CALL(target->os, sync, directory);
    (void)KH_OS_CALL(target->os, close, directory);
  }
  return failed ? kh_os_fail(error, failed, "sync", target->directory) : KHONSU_OK;
}

/* The handle is gone, whatever is returned. */
static khonsu_status sync_and_close(write_target *target, khonsu_status status, khonsu_error *error) {
  kh_os_error failed = 0;
  if (status == KHONSU_OK) failed = KH_OS_CALL(target->os, sync, target->file);
  if (failed) status = kh_os_fail(error, failed, "sync", target->temporary);
  failed = KH_OS_CALL(target->os, close, target->file);
  if (status == KHONSU_OK && failed) status = kh_os_fail(error, failed, "close", target->temporary);
  return status;
}

static khonsu_status put_in_place(write_target *target, khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(target->os, rename, target->temporary, target->path);
  return failed ? kh_os_fail(error, failed, "replace", target->path) : KHONSU_OK;
}

static khonsu_status write_file(write_target *target, khonsu_ipc_format format, kh_table_source *rows,
                                khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(target->os, open, target->temporary, KH_OPEN_CREATE_NEW, &target->file);
  if (failed) return kh_os_fail(error, failed, "create", target->temporary);
  khonsu_status status = write_all(target, format, rows, error);
  status = sync_and_close(target, status, error);
  if (status == KHONSU_OK) status = put_in_place(target, error);
  if (status != KHONSU_OK) {
    (void)KH_OS_CALL(target->os, unlink, target->temporary);
    return status;
  }
  return sync_directory(target, error);
}

static khonsu_status write_rows(const kh_os *os, const char *path, khonsu_ipc_format format, kh_table_source *rows,
                                khonsu_error *error) {
  write_target target = {.os = os, .path = path};
  khonsu_status status = make_names(&target, error);
  if (status == KHONSU_OK) status = write_file(&target, format, rows, error);
  kh_free(target.temporary);
  kh_free(target.directory);
  return status;
}

khonsu_status kh_ipc_write_path(const kh_os *os, const char *path, khonsu_ipc_format format,
                                struct ArrowArrayStream *stream, khonsu_error *error) {
  kh_table_source rows;
  khonsu_status status = kh_table_source_open(&rows, stream, &no_limits, error);
  if (status != KHONSU_OK) return status;
  status = write_rows(os, path, format, &rows, error);
  kh_table_source_close(&rows);
  return status;
}
