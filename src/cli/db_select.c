/* khonsu select DIR KEY */
#include <string.h>

#include "db.h"

static struct {
  const char *columns, *where;
  uint64_t limit, offset;
} settings;

typedef struct task {
  kh_shell *shell;
  kh_text key;
  kh_columns columns;
} task;

static khonsu_status print_part(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream rows;
  const khonsu_select_options options = {KHONSU_SELECT_OPTIONS_DEFAULTS,      .columns = self->columns.names,
                                         .column_count = self->columns.count, .where = settings.where,
                                         .offset = settings.offset,           .limit = settings.limit};
  khonsu_status status = khonsu_select(txn, kh_text_slice(&self->key), &options, &rows, error);
  return status == KHONSU_OK ? kh_print(&self->shell->printer, &kh_look_rows, &rows, error) : status;
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  task self = {.shell = shell};
  bool are_all = settings.columns == NULL || strcmp(settings.columns, "*") == 0;
  shell->printer.format = kh_db_format(KH_DB_TABLE);
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &self.key, error);
  if (status == KHONSU_OK && !are_all)
    status = kh_columns_read(&self.columns, khonsu_key(settings.columns), KH_COLUMNS_AS_TYPED, error);
  if (status == KHONSU_OK) status = kh_shell_look(shell, print_part, &self, error);
  kh_columns_fini(&self.columns);
  kh_text_fini(&self.key);
  return status;
}

static int run(void) { return kh_db_run(KH_DB_READ, body); }

static const kh_option options[] = {
    {"columns", "COLUMN,...", "these columns, in this order; all without it", .text = &settings.columns},
    {"where", "CONDITION", "rows for which it is true", .text = &settings.where},
    {"limit", "N", "no more rows than this; 0 means all", .number = &settings.limit, .most = UINT64_MAX},
    {"offset", "N", "without the first so many of the rows", .number = &settings.offset, .most = UINT64_MAX},
    KH_DB_AS_OF_OPTION,
    KH_DB_OPTIONS,
    KH_DB_PRINT_OPTIONS,
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_select = {
    .name = "select",
    .summary = "print a part of a table",
    .about =
        "Prints columns of the rows of a table for which a condition is true, as get does. A condition compares "
        "columns with values by = != < <= > >=, in (...) and is [not] null, joined by and, or, not and brackets. Text, "
        "dates and times are values in single quotes, like 'it''s' and '2013-01-31'. A column inside of structs is "
        "a.b; names that are more than letters, digits and _ go in double quotes. What is unknown because of a null is "
        "not true.",
    .options = options,
    .argument = "KEY",
    .least = 1,
    .most = 1,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
