/* Rows of files, and of standard input. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "csv_file.h"
#include "value.h"

/* Arrow files and streams are told by how they begin (those from before Arrow 0.15 by a size of less than 16 MiB). What
 * cannot be read is left for who opens it to complain about. */
static bool is_arrow(const char *path) {
  unsigned char first[4] = {0};
  FILE *file = fopen(path, "rbe");
  size_t size = file != NULL ? fread(first, 1, sizeof first, file) : 0;
  if (file == NULL) return true;
  fclose(file);
  return size == 4 && (memcmp(first, "ARRO", 4) == 0 || memcmp(first, "\xff\xff\xff\xff", 4) == 0 || first[3] == 0);
}

bool kh_rows_file_is_csv(const char *path, bool has_name) {
  size_t length = strlen(path);
  bool is_named_so = length >= 4 && strcasecmp(path + length - 4, ".csv") == 0;
  return (is_named_so || !has_name) && !is_arrow(path);
}

khonsu_status kh_rows_file_open(const kh_rows_file *file, struct ArrowArrayStream *rows, khonsu_error *error) {
  return file->is_csv ? kh_csv_open(file->path, rows, error) : khonsu_ipc_read(file->path, rows, error);
}

/* ---- a stream around another */

typedef struct watch {
  struct ArrowArrayStream rows;
  const char *phase;
  uint64_t count;
} watch;

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  watch *self = stream->private_data;
  return self->rows.get_schema(&self->rows, schema);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *batch) {
  watch *self = stream->private_data;
  batch->release = NULL;
  if (kh_interrupted) return ECANCELED;
  int code = self->rows.get_next(&self->rows, batch);
  if (code == 0 && batch->release != NULL) self->count += (uint64_t)batch->length;
  (void)kh_progress_count(self->phase, self->count, 0);
  return code;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  watch *self = stream->private_data;
  return kh_interrupted ? "interrupted" : self->rows.get_last_error(&self->rows);
}

static void release(struct ArrowArrayStream *stream) {
  watch *self = stream->private_data;
  self->rows.release(&self->rows);
  free(self);
  stream->release = NULL;
}

khonsu_status kh_rows_watch(const char *phase, struct ArrowArrayStream *rows, khonsu_error *error) {
  watch *self = malloc(sizeof *self);
  if (self == NULL) {
    rows->release(rows);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  }
  *self = (watch){.rows = *rows, .phase = phase};
  *rows = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, self};
  return KHONSU_OK;
}
