#include "shell.h"

typedef struct task {
  kh_shell *shell;
  const kh_words *words;
  kh_rows_file file;
  kh_export_format format; /* of an export */
  bool appends;
} task;

static khonsu_slice key_of(const task *self) { return kh_word_at(self->words, 1); }

/* ---- files */

khonsu_status kh_shell_file_path(const kh_words *words, size_t index, const char **path, khonsu_error *error) {
  *path = kh_word_string(words, index);
  if (*path != NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a path has no NUL bytes");
}

khonsu_status kh_shell_file_read(const kh_words *words, size_t index, kh_rows_file *file, khonsu_error *error) {
  static const char *const formats[] = {"arrow", "csv", NULL};
  int format = 0;
  khonsu_status status = kh_shell_file_path(words, index, &file->path, error);
  if (status != KHONSU_OK) return status;
  bool is_told = words->count > index + 1;
  if (is_told) status = kh_shell_word_choice(words, index + 1, formats, "the format", &format, error);
  file->is_csv = is_told ? format == 1 : kh_rows_file_is_csv(file->path, true);
  return status;
}

/* ---- import, append */

/* Each attempt opens the file anew, since a stream is read once. */
static khonsu_status load(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  khonsu_status status = kh_rows_file_open(&self->file, &table, error);
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

static khonsu_status export_value(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  kh_value value;
  khonsu_status status = kh_value_get(txn, key_of(self), &value, error);
  if (status != KHONSU_OK) return status;
  status = kh_export(&self->shell->printer, self->file.path, self->format, (khonsu_ipc_format)0, &value, error);
  kh_value_release(&value);
  return status;
}

khonsu_status kh_shell_export(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const char *const formats[] = {"file", "stream", "csv", NULL}; /* kh_export_format */
  task self = {.shell = shell, .words = words};
  int format = 0;
  khonsu_status status = kh_shell_file_path(words, 2, &self.file.path, error);
  if (status == KHONSU_OK && words->count > 3)
    status = kh_shell_word_choice(words, 3, formats, "the format", &format, error);
  self.format = (kh_export_format)format;
  return status == KHONSU_OK ? kh_shell_look(shell, export_value, &self, error) : status;
}
