#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"

typedef struct task {
  kh_shell *shell;
  const kh_words *words;
  const char *path;
  khonsu_ipc_format format;
  bool appends;
} task;

static khonsu_slice key_of(const task *self) { return kh_word_at(self->words, 1); }

static khonsu_status read_path(task *self, khonsu_error *error) {
  self->path = kh_word_string(self->words, 2);
  if (self->path != NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a path has no NUL bytes");
}

/* ---- import, append */

/* Each attempt opens the file anew, since a stream is read once. */
static khonsu_status load(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_ipc_read(self->path, &table, error);
  if (status != KHONSU_OK) return status;
  return self->appends ? khonsu_append(txn, key_of(self), &table, error) : khonsu_put(txn, key_of(self), &table, error);
}

khonsu_status kh_shell_import(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  khonsu_status status = read_path(&self, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, load, &self, error) : status;
}

khonsu_status kh_shell_append(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words, .appends = true};
  khonsu_status status = read_path(&self, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, load, &self, error) : status;
}

/* ---- export */

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Written beside it, and then put in its place, as the library does with tables. */
static khonsu_status write_bytes(const char *path, khonsu_slice bytes, khonsu_error *error) {
  kh_text temporary = {.data = NULL};
  kh_text_add_string(&temporary, path);
  kh_text_add(&temporary, ".tmp", sizeof ".tmp");
  if (temporary.failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  FILE *file = fopen(temporary.data, "wbe");
  khonsu_status status = file != NULL ? KHONSU_OK : failed("create", temporary.data, error);
  if (file != NULL) {
    bool written = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    written = fclose(file) == 0 && written;
    if (!written) status = failed("write", temporary.data, error);
    else if (rename(temporary.data, path) != 0) status = failed("replace", path, error);
    if (status != KHONSU_OK) remove(temporary.data);
  }
  kh_text_fini(&temporary);
  return status;
}

static khonsu_status export_to_stdout(const task *self, kh_shell_value *value, khonsu_error *error) {
  kh_printer printer = self->shell->printer;
  printer.format = KH_FORMAT_ARROW;
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
  else if (strcmp(self->path, "-") == 0) status = export_to_stdout(self, &value, error);
  else if (value.type == KHONSU_TABLE) status = khonsu_ipc_write(self->path, self->format, &value.table, error);
  else status = write_bytes(self->path, (khonsu_slice){value.bytes.data, value.bytes.size}, error);
  kh_shell_value_release(&value);
  return status;
}

khonsu_status kh_shell_export(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const char *const formats[] = {"file", "stream", NULL};
  task self = {.shell = shell, .words = words};
  int format = 0;
  khonsu_status status = read_path(&self, error);
  if (status == KHONSU_OK && words->count > 3)
    status = kh_shell_word_choice(words, 3, formats, "the format", &format, error);
  self.format = format == 0 ? KHONSU_IPC_FILE : KHONSU_IPC_STREAM;
  return status == KHONSU_OK ? kh_shell_look(shell, export_value, &self, error) : status;
}

/* ---- schema */

static const kh_list_column columns[] = {{"column", KH_LIST_TEXT}, {"type", KH_LIST_TEXT}, {"nullable", KH_LIST_TEXT}};

typedef struct schema_listing {
  const kh_type *type;
  int64_t next;
} schema_listing;

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  schema_listing *self = ctx;
  kh_text name = {.data = NULL};
  for (; self->next < self->type->count && list->rows < KH_LIST_BATCH_ROWS; self->next++) {
    const kh_type *column = &self->type->children[self->next];
    kh_text_clear(&name);
    kh_type_add_name(column, &name);
    kh_text_add_char(&name, '\0');
    if (name.failed) break;
    kh_list_add_text(list, column->schema->name != NULL ? column->schema->name : "");
    kh_list_add_text(list, name.data);
    kh_list_add_text(list, column->schema->flags & ARROW_FLAG_NULLABLE ? "yes" : "no");
  }
  khonsu_status status = name.failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory") : KHONSU_OK;
  kh_text_fini(&name);
  return status;
}

static khonsu_status print_schema(kh_shell *shell, const struct ArrowSchema *schema, khonsu_error *error) {
  kh_type type;
  khonsu_status status = kh_type_init(&type, schema, error);
  if (status != KHONSU_OK) return status;
  schema_listing self = {.type = &type};
  int64_t rows_max = shell->printer.rows_max;
  if (type.count > rows_max) shell->printer.rows_max = type.count; /* here none is left out */
  status = kh_shell_print_list(shell, columns, sizeof columns / sizeof *columns, "column", fill, &self, error);
  shell->printer.rows_max = rows_max;
  kh_type_fini(&type);
  return status;
}

static khonsu_status look_at_schema(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  struct ArrowSchema schema;
  khonsu_status status = khonsu_get(txn, key_of(self), &table, error);
  if (status != KHONSU_OK) return status;
  int code = table.get_schema(&table, &schema);
  if (code != 0) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "cannot read the schema: %s", strerror(code));
  table.release(&table);
  if (status != KHONSU_OK) return status;
  status = print_schema(self->shell, &schema, error);
  schema.release(&schema);
  return status;
}

khonsu_status kh_shell_schema(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  return kh_shell_look(shell, look_at_schema, &self, error);
}
