/* Values into files. */
#include <errno.h>
#include <string.h>

#include "value.h"

typedef struct task {
  const kh_printer *printer;
  const char *path;
  kh_value *value;
} task;

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Rows in a format of the printer's, or bytes as they are. */
static khonsu_status print(const task *self, int format, FILE *out, khonsu_error *error) {
  kh_printer printer = *self->printer;
  printer.format = format;
  printer.out = out;
  if (out != self->printer->out) printer.is_terminal = false;
  if (self->value->type == KHONSU_TABLE) return kh_print(&printer, &kh_look_rows, &self->value->table, error);
  const khonsu_bytes *bytes = &self->value->bytes;
  bool is_written = bytes->size == 0 || fwrite(bytes->data, 1, bytes->size, out) == bytes->size;
  return is_written ? KHONSU_OK : failed("write", self->path, error);
}

/* Written beside it, and then put in its place, as the library does with tables. */
static khonsu_status write_file(const task *self, int format, khonsu_error *error) {
  kh_text temporary = {.data = NULL};
  kh_text_add_string(&temporary, self->path);
  kh_text_add(&temporary, ".tmp", sizeof ".tmp");
  if (temporary.failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  FILE *file = fopen(temporary.data, "wbe");
  khonsu_status status = file != NULL ? KHONSU_OK : failed("create", temporary.data, error);
  if (file != NULL) {
    status = print(self, format, file, error);
    if (fclose(file) != 0 && status == KHONSU_OK) status = failed("write", temporary.data, error);
    if (status == KHONSU_OK && rename(temporary.data, self->path) != 0) status = failed("replace", self->path, error);
    if (status != KHONSU_OK) remove(temporary.data);
  }
  kh_text_fini(&temporary);
  return status;
}

khonsu_status kh_export(const kh_printer *printer, const char *path, kh_export_format format,
                        khonsu_ipc_format compression, kh_value *value, khonsu_error *error) {
  const task self = {printer, path, value};
  bool is_text = format == KH_EXPORT_CSV || format == KH_EXPORT_JSON;
  int printed = !is_text ? KH_FORMAT_ARROW : format == KH_EXPORT_CSV ? KH_FORMAT_CSV : KH_FORMAT_JSON;
  if (value->type == KHONSU_COUNTER)
    return khonsu_error_set(error, KHONSU_WRONG_TYPE, "the key holds a counter: only tables and bytes are exported");
  if (strcmp(path, "-") == 0) return print(&self, printed, printer->out, error);
  if (value->type == KHONSU_BYTES || is_text) return write_file(&self, printed, error);
  khonsu_ipc_format container = format == KH_EXPORT_FILE ? KHONSU_IPC_FILE : KHONSU_IPC_STREAM;
  return khonsu_ipc_write(path, (khonsu_ipc_format)(container | compression), &value->table, error);
}
