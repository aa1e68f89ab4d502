/* Files that are there for a moment: what can only be read or written by name, or is read more than once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "value.h"

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

khonsu_status kh_temporary_make(kh_temporary *temporary, const char *name, khonsu_error *error) {
  const char *parent = getenv("TMPDIR");
  if (parent == NULL || *parent == '\0') parent = "/tmp";
  int size = snprintf(temporary->folder, sizeof temporary->folder, "%s/khonsu.XXXXXX", parent);
  if (size >= (int)sizeof temporary->folder || mkdtemp(temporary->folder) == NULL) {
    temporary->folder[0] = '\0';
    return failed("make a temporary folder in", parent, error);
  }
  snprintf(temporary->path, sizeof temporary->path, "%s/%s", temporary->folder, name);
  return KHONSU_OK;
}

void kh_temporary_remove(kh_temporary *temporary) {
  if (temporary->folder[0] == '\0') return;
  unlink(temporary->path);
  rmdir(temporary->folder);
  temporary->folder[0] = '\0';
}

/* ---- standard input */

static khonsu_status copy_input(FILE *file, const char *path, khonsu_error *error) {
  char block[1 << 16];
  uint64_t done = 0;
  for (;;) {
    ssize_t got = read(STDIN_FILENO, block, sizeof block);
    if (kh_interrupted) return KH_INTERRUPTED;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", "standard input", error);
    if (got == 0) return KHONSU_OK;
    if (fwrite(block, 1, (size_t)got, file) != (size_t)got) return failed("write", path, error);
    done += (uint64_t)got;
    (void)kh_progress(NULL, "reading", done, 0);
  }
}

khonsu_status kh_temporary_spool(kh_temporary *temporary, khonsu_error *error) {
  khonsu_status status = kh_temporary_make(temporary, "standard input", error); /* as messages say it */
  if (status != KHONSU_OK) return status;
  FILE *file = fopen(temporary->path, "wbe");
  status = file != NULL ? copy_input(file, temporary->path, error) : failed("create", temporary->path, error);
  if (file != NULL && fclose(file) != 0 && status == KHONSU_OK) status = failed("write", temporary->path, error);
  if (status != KHONSU_OK) kh_temporary_remove(temporary);
  return status;
}

/* ---- files as a whole */

static khonsu_status read_whole_file(const char *path, kh_text *bytes, khonsu_error *error) {
  char block[1 << 16];
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return khonsu_error_set(error, KHONSU_IO, "cannot open %s: %s", path, strerror(errno));
  for (size_t size; (size = fread(block, 1, sizeof block, file)) > 0;) kh_text_add(bytes, block, size);
  khonsu_status status = KHONSU_OK;
  if (ferror(file)) status = khonsu_error_set(error, KHONSU_IO, "cannot read %s: %s", path, strerror(errno));
  if (bytes->failed) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory for what %s holds", path);
  fclose(file);
  return status;
}

static khonsu_status read_whole_input(kh_text *bytes, khonsu_error *error) {
  kh_temporary input;
  khonsu_status status = kh_temporary_spool(&input, error);
  if (status != KHONSU_OK) return status;
  status = read_whole_file(input.path, bytes, error);
  kh_temporary_remove(&input);
  return status;
}

khonsu_status kh_read_whole(const char *path, kh_text *bytes, khonsu_error *error) {
  return strcmp(path, "-") == 0 ? read_whole_input(bytes, error) : read_whole_file(path, bytes, error);
}
