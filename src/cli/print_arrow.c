/* The library writes Arrow IPC to files, so what goes to a pipe takes the way through a temporary one. */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "value.h"

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static khonsu_status copy_file(FILE *file, FILE *out, khonsu_error *error) {
  char block[1 << 16];
  size_t size;
  while ((size = fread(block, 1, sizeof block, file)) > 0 && fwrite(block, 1, size, out) == size && !kh_interrupted)
    continue;
  if (kh_interrupted) {
    clearerr(out); /* the signal may have ended a write */
    return KH_INTERRUPTED;
  }
  khonsu_status status = ferror(file) ? failed("read", "a temporary file", error) : KHONSU_OK;
  if (status == KHONSU_OK && (fflush(out) != 0 || ferror(out))) status = failed("write to", "standard output", error);
  return status;
}

/* The name is gone before anything is written: a pipe that nobody reads any more ends the process there. */
khonsu_status kh_print_arrow(FILE *out, struct ArrowArrayStream *rows, khonsu_error *error) {
  kh_temporary temporary;
  khonsu_status status = kh_temporary_make(&temporary, "rows", error);
  if (status != KHONSU_OK) {
    rows->release(rows);
    return status;
  }
  status = khonsu_ipc_write(temporary.path, KHONSU_IPC_STREAM, rows, error);
  FILE *file = status == KHONSU_OK ? fopen(temporary.path, "rbe") : NULL;
  if (status == KHONSU_OK && file == NULL) status = failed("read", temporary.path, error);
  kh_temporary_remove(&temporary);
  if (file == NULL) return status;
  status = copy_file(file, out, error);
  fclose(file);
  return status;
}
