/* The library writes Arrow IPC to files, so what goes to a pipe takes the way through a temporary one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

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
  const char *parent = getenv("TMPDIR");
  char folder[PATH_MAX], path[PATH_MAX + 8];
  if (parent == NULL || *parent == '\0') parent = "/tmp";
  int size = snprintf(folder, sizeof folder, "%s/khonsu.XXXXXX", parent);
  if (size >= (int)sizeof folder || mkdtemp(folder) == NULL) {
    rows->release(rows);
    return failed("make a temporary folder in", parent, error);
  }
  snprintf(path, sizeof path, "%s/rows", folder);
  khonsu_status status = khonsu_ipc_write(path, KHONSU_IPC_STREAM, rows, error);
  if (status == KHONSU_OK) status = copy_file(path, out, error);
  unlink(path);
  rmdir(folder);
  return status;
}
