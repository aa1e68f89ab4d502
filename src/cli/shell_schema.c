/* schema: the columns of a table, or its metadata. */
#include <string.h>

#include "cell.h"
#include "shell.h"

/* Here no row is left out. */
static khonsu_status print_all(kh_shell *shell, const kh_list_column *columns, size_t column_count, int64_t rows,
                               const char *noun, kh_list_fill fill, void *ctx, khonsu_error *error) {
  int64_t rows_max = shell->printer.rows_max;
  if (rows > rows_max) shell->printer.rows_max = rows;
  khonsu_status status = kh_shell_print_list(shell, columns, column_count, noun, fill, ctx, error);
  shell->printer.rows_max = rows_max;
  return status;
}

/* ---- columns */

static const kh_list_column column_columns[] = {
    {"column", KH_LIST_TEXT}, {"type", KH_LIST_TEXT}, {"nullable", KH_LIST_TEXT}};

typedef struct column_listing {
  const kh_type *type;
  int64_t next;
} column_listing;

static khonsu_status fill_columns(void *ctx, kh_list *list, khonsu_error *error) {
  column_listing *self = ctx;
  kh_text name = {.data = NULL};
  for (; self->next < self->type->count && list->rows < KH_LIST_BATCH_ROWS; self->next++) {
    const kh_type *column = &self->type->children[self->next];
    kh_text_clear(&name);
    kh_type_add_full_name(column, &name);
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

static khonsu_status print_columns(kh_shell *shell, const kh_type *type, khonsu_error *error) {
  column_listing self = {.type = type};
  return print_all(shell, column_columns, sizeof column_columns / sizeof *column_columns, type->count, "column",
                   fill_columns, &self, error);
}

/* ---- metadata */

static const kh_list_column metadata_columns[] = {
    {"column", KH_LIST_TEXT}, {"key", KH_LIST_BYTES}, {"value", KH_LIST_BYTES}};

typedef struct metadata_listing {
  const kh_type *type;
  kh_text path;  /* of the column: names with points between them */
  kh_list *list; /* NULL: only counted */
  int64_t count;
} metadata_listing;

static void add_pair(void *ctx, khonsu_slice key, khonsu_slice value) {
  metadata_listing *self = ctx;
  self->count++;
  if (self->list == NULL) return;
  if (self->path.size == 0) kh_list_add_null(self->list);
  else kh_list_add_text(self->list, self->path.data);
  kh_list_add_bytes(self->list, key);
  kh_list_add_bytes(self->list, value);
}

/* The path ends in a NUL, which the next name takes the place of. */
static void enter(kh_text *path, const struct ArrowSchema *schema) {
  if (path->size > 0) path->data[path->size - 1] = '.';
  kh_text_add_string(path, schema->name != NULL ? schema->name : "");
  kh_text_add_char(path, '\0');
}

/* As deep as the schema, which is limited. */
static void list_metadata(metadata_listing *self, const kh_type *type) {
  size_t size = self->path.size;
  kh_metadata_each(type->schema, add_pair, self);
  for (int64_t i = 0; i < type->count; i++) {
    enter(&self->path, type->children[i].schema);
    if (self->path.failed) return;
    list_metadata(self, &type->children[i]);
    self->path.size = size;
    if (size > 0) self->path.data[size - 1] = '\0';
  }
}

static khonsu_status fill_metadata(void *ctx, kh_list *list, khonsu_error *error) {
  metadata_listing *self = ctx;
  self->list = list;
  list_metadata(self, self->type);
  list->is_last = true;
  return self->path.failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory") : KHONSU_OK;
}

static khonsu_status print_metadata(kh_shell *shell, const kh_type *type, khonsu_error *error) {
  metadata_listing counted = {.type = type}, self = {.type = type};
  list_metadata(&counted, type);
  khonsu_status status = print_all(shell, metadata_columns, sizeof metadata_columns / sizeof *metadata_columns,
                                   counted.count, "pair", fill_metadata, &self, error);
  kh_text_fini(&counted.path);
  kh_text_fini(&self.path);
  return status;
}

/* ---- the statement */

typedef khonsu_status print_part(kh_shell *shell, const kh_type *type, khonsu_error *error);

typedef struct task {
  kh_shell *shell;
  khonsu_slice key;
  print_part *print;
} task;

static khonsu_status print_schema(const task *self, const struct ArrowSchema *schema, khonsu_error *error) {
  kh_type type;
  khonsu_status status = kh_type_init(&type, schema, error);
  if (status != KHONSU_OK) return status;
  status = self->print(self->shell, &type, error);
  kh_type_fini(&type);
  return status;
}

static khonsu_status look_at_schema(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream table;
  struct ArrowSchema schema;
  khonsu_status status = khonsu_get(txn, self->key, &table, error);
  if (status != KHONSU_OK) return status;
  int code = table.get_schema(&table, &schema);
  if (code != 0) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "cannot read the schema: %s", strerror(code));
  table.release(&table);
  if (status != KHONSU_OK) return status;
  status = print_schema(self, &schema, error);
  schema.release(&schema);
  return status;
}

khonsu_status kh_shell_schema(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {shell, kh_word_at(words, 1), words->count > 2 ? print_metadata : print_columns};
  if (words->count > 2 && !kh_word_is(words, 2, "metadata"))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "usage: schema KEY [metadata]");
  return kh_shell_look(shell, look_at_schema, &self, error);
}
