#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "csv_file.h"
#include "shell.h"

typedef struct task {
  kh_shell *shell;
  const kh_words *words;
  const char *path;
  khonsu_ipc_format format;
  bool is_csv;
  bool appends;
} task;

static khonsu_slice key_of(const task *self) { return kh_word_at(self->words, 1); }

static khonsu_status read_path(task *self, khonsu_error *error) {
  self->path = kh_word_string(self->words, 2);
  if (self->path != NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a path has no NUL bytes");
}

/* ---- import, append */

/* Arrow files and streams are told by how they begin (those from before Arrow 0.15 by a size of less than 16 MiB); of
 * others, what a name says is CSV is. What cannot be read is left for the library to complain about. */
static bool looks_like_csv(const char *path) {
  unsigned char first[4] = {0};
  size_t length = strlen(path);
  if (length < 4 || strcasecmp(path + length - 4, ".csv") != 0) return false;
  FILE *file = fopen(path, "rbe");
  size_t size = file != NULL ? fread(first, 1, sizeof first, file) : 0;
  if (file != NULL) fclose(file);
  bool is_arrow =
      size == 4 && (memcmp(first, "ARRO", 4) == 0 || memcmp(first, "\xff\xff\xff\xff", 4) == 0 || first[3] == 0);
  return file != NULL && !is_arrow;
}

/* "csv" or "arrow" behind the path, or what the file looks like. */
static khonsu_status read_format(task *self, khonsu_error *error) {
  static const char *const formats[] = {"arrow", "csv", NULL};
  int format = 0;
  khonsu_status status = read_path(self, error);
  if (status != KHONSU_OK) return status;
  if (self->words->count > 3) status = kh_shell_word_choice(self->words, 3, formats, "the format", &format, error);
  self->is_csv = self->words->count > 3 ? format == 1 : looks_like_csv(self->path);
  return status;
}

/* Each attempt opens the file anew, since a stream is read once. */
static khonsu_status load(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  khonsu_status status =
      self->is_csv ? kh_csv_open(self->path, &table, error) : khonsu_ipc_read(self->path, &table, error);
  if (status != KHONSU_OK) return status;
  return self->appends ? khonsu_append(txn, key_of(self), &table, error) : khonsu_put(txn, key_of(self), &table, error);
}

khonsu_status kh_shell_import(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  khonsu_status status = read_format(&self, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, load, &self, error) : status;
}

khonsu_status kh_shell_append(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words, .appends = true};
  khonsu_status status = read_format(&self, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, load, &self, error) : status;
}

/* ---- export */

static khonsu_status failed(const char *what, const char *path, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Writes what is exported. */
typedef khonsu_status write_value(const task *self, kh_shell_value *value, FILE *file, khonsu_error *error);

static khonsu_status write_bytes(const task *self, kh_shell_value *value, FILE *file, khonsu_error *error) {
  bool is_written = fwrite(value->bytes.data, 1, value->bytes.size, file) == value->bytes.size;
  return is_written ? KHONSU_OK : failed("write", self->path, error);
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
  const char *path = self->path;
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
  printer.format = self->is_csv ? KH_FORMAT_CSV : KH_FORMAT_ARROW;
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
  else if (value.type == KHONSU_BYTES) status = write_file(self, &value, write_bytes, error);
  else if (self->is_csv) status = write_file(self, &value, write_csv, error);
  else status = khonsu_ipc_write(self->path, self->format, &value.table, error);
  kh_shell_value_release(&value);
  return status;
}

khonsu_status kh_shell_export(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const char *const formats[] = {"file", "stream", "csv", NULL};
  task self = {.shell = shell, .words = words};
  int format = 0;
  khonsu_status status = read_path(&self, error);
  if (status == KHONSU_OK && words->count > 3)
    status = kh_shell_word_choice(words, 3, formats, "the format", &format, error);
  self.format = format == 1 ? KHONSU_IPC_STREAM : KHONSU_IPC_FILE;
  self.is_csv = format == 2;
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
