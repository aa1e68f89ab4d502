#include <errno.h>
#include <string.h>

#include "shell.h"

typedef struct task {
  kh_shell *shell;
  const kh_words *words;
  kh_shell_file file;
  khonsu_ipc_format format; /* of an export */
  bool appends;
} task;

static khonsu_slice key_of(const task *self) { return kh_word_at(self->words, 1); }

/* ---- import, append */

/* Each attempt opens the file anew, since a stream is read once. */
static khonsu_status load(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  khonsu_status status = kh_shell_file_open(&self->file, &table, error);
  if (status != KHONSU_OK) return status;
  return self->appends ? khonsu_append(txn, key_of(self), &table, error) : khonsu_put(txn, key_of(self), &table, error);
}

static khonsu_status load_file(kh_shell *shell, const kh_words *words, bool appends, khonsu_error *error) {
  task self = {.shell = shell, .words = words, .appends = appends};
  khonsu_status status = kh_shell_file_read(words, 2, &self.file, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, load, &self, error) : status;
}

khonsu_status kh_shell_import(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  return load_file(shell, words, false, error);
}

khonsu_status kh_shell_append(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  return load_file(shell, words, true, error);
}

/* ---- export */

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Writes what is exported. */
typedef khonsu_status write_value(const task *self, kh_shell_value *value, FILE *file, khonsu_error *error);

static khonsu_status write_bytes(const task *self, kh_shell_value *value, FILE *file, khonsu_error *error) {
  bool is_written = fwrite(value->bytes.data, 1, value->bytes.size, file) == value->bytes.size;
  return is_written ? KHONSU_OK : failed("write", self->file.path, error);
}

static khonsu_status write_csv(const task *self, kh_shell_value *value, FILE *file, khonsu_error *error) {
  kh_printer printer = self->shell->printer;
  printer.format = KH_FORMAT_CSV;
  printer.out = file;
  printer.is_terminal = false;
  return kh_print(&printer, &kh_look_rows, &value->table, error);
}

/* Written beside it, and then put in its place, as the library does with tables. */
static khonsu_status write_file(const task *self, kh_shell_value *value, write_value *write, khonsu_error *error) {
  const char *path = self->file.path;
  kh_text temporary = {.data = NULL};
  kh_text_add_string(&temporary, path);
  kh_text_add(&temporary, ".tmp", sizeof ".tmp");
  if (temporary.failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  FILE *file = fopen(temporary.data, "wbe");
  khonsu_status status = file != NULL ? KHONSU_OK : failed("create", temporary.data, error);
  if (file != NULL) {
    status = write(self, value, file, error);
    if (fclose(file) != 0 && status == KHONSU_OK) status = failed("write", temporary.data, error);
    if (status == KHONSU_OK && rename(temporary.data, path) != 0) status = failed("replace", path, error);
    if (status != KHONSU_OK) remove(temporary.data);
  }
  kh_text_fini(&temporary);
  return status;
}

static khonsu_status export_to_stdout(const task *self, kh_shell_value *value, khonsu_error *error) {
  kh_printer printer = self->shell->printer;
  printer.format = self->file.is_csv ? KH_FORMAT_CSV : KH_FORMAT_ARROW;
  if (value->type == KHONSU_TABLE) return kh_print(&printer, &kh_look_rows, &value->table, error);
  fwrite(value->bytes.data, 1, value->bytes.size, stdout);
  return KHONSU_OK;
}

static khonsu_status export_value(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  kh_shell_value value;
  khonsu_status status = kh_shell_value_get(txn, key_of(self), &value, error);
  if (status != KHONSU_OK) return status;
  if (value.type == KHONSU_COUNTER)
    status = khonsu_error_set(error, KHONSU_WRONG_TYPE, "the key holds a counter: only tables and bytes are exported");
  else if (strcmp(self->file.path, "-") == 0) status = export_to_stdout(self, &value, error);
  else if (value.type == KHONSU_BYTES) status = write_file(self, &value, write_bytes, error);
  else if (self->file.is_csv) status = write_file(self, &value, write_csv, error);
  else status = khonsu_ipc_write(self->file.path, self->format, &value.table, error);
  kh_shell_value_release(&value);
  return status;
}

khonsu_status kh_shell_export(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const char *const formats[] = {"file", "stream", "csv", NULL};
  task self = {.shell = shell, .words = words};
  int format = 0;
  khonsu_status status = kh_shell_file_path(words, 2, &self.file.path, error);
  if (status == KHONSU_OK && words->count > 3)
    status = kh_shell_word_choice(words, 3, formats, "the format", &format, error);
  self.format = format == 1 ? KHONSU_IPC_STREAM : KHONSU_IPC_FILE;
  self.file.is_csv = format == 2;
  return status == KHONSU_OK ? kh_shell_look(shell, export_value, &self, error) : status;
}
