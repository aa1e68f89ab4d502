/* The library writes Arrow IPC to files, so what goes to a pipe takes the way through a temporary one. */
#include <errno.h>
#include <string.h>

#include "value.h"

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static khonsu_status copy_file(const char *path, FILE *out, khonsu_error *error) {
  char block[1 << 16];
  FILE *file = fopen(path, "rb");
  if (file == NULL) return failed("read", path, error);
  size_t size;
  while ((size = fread(block, 1, sizeof block, file)) > 0) fwrite(block, 1, size, out);
  khonsu_status status = ferror(file) ? failed("read", path, error) : KHONSU_OK;
  fclose(file);
  if (status == KHONSU_OK && (fflush(out) != 0 || ferror(out))) status = failed("write to", "standard output", error);
  return status;
}

khonsu_status kh_print_arrow(FILE *out, struct ArrowArrayStream *rows, khonsu_error *error) {
  kh_temporary file;
  khonsu_status status = kh_temporary_make(&file, error);
  if (status != KHONSU_OK) {
    rows->release(rows);
    return status;
  }
  status = khonsu_ipc_write(file.path, KHONSU_IPC_STREAM, rows, error);
  if (status == KHONSU_OK) status = copy_file(file.path, out, error);
  kh_temporary_remove(&file);
  return status;
}
