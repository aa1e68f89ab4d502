/* khonsu get DIR KEY
 *
 * Bytes are written as they are, without a line's end, so that they can be a file. */
#include <unistd.h>

#include "db.h"

static khonsu_status print_plainly(const kh_value *value, khonsu_error *error) {
  kh_text line = {.data = NULL};
  if (value->type == KHONSU_BYTES) kh_notation_add(&line, (khonsu_slice){value->bytes.data, value->bytes.size});
  else kh_text_addf(&line, "%lld", (long long)value->counter);
  if (value->type == KHONSU_COUNTER || isatty(STDOUT_FILENO)) kh_text_add_char(&line, '\n');
  khonsu_status status = line.failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory") : KHONSU_OK;
  if (status == KHONSU_OK && line.size > 0) fwrite(line.data, 1, line.size, stdout);
  kh_text_fini(&line);
  return status;
}

typedef struct task {
  kh_shell *shell;
  khonsu_slice key;
} task;

static khonsu_status get(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  kh_printer *printer = &self->shell->printer;
  kh_value value;
  khonsu_status status = kh_value_get(txn, self->key, &value, error);
  if (status != KHONSU_OK) return status;
  bool is_table = value.type == KHONSU_TABLE;
  printer->format = kh_db_format(KH_DB_TABLE);
  if (is_table) status = kh_print(printer, &kh_look_rows, &value.table, error);
  else if (!kh_db_format_is_told() || printer->format == KH_FORMAT_TABLE) status = print_plainly(&value, error);
  else status = kh_shell_print_row(self->shell, self->key, &value, error);
  if (!is_table) kh_value_release(&value);
  return status;
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  kh_text key = {.data = NULL};
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &key, error);
  task self = {shell, kh_text_slice(&key)};
  if (status == KHONSU_OK) status = kh_shell_look(shell, get, &self, error);
  kh_text_fini(&key);
  return status;
}

static int run(void) { return kh_db_run(KH_DB_READ, body); }

static const kh_option options[] = {
    KH_DB_AS_OF_OPTION, KH_DB_OPTIONS, KH_DB_PRINT_OPTIONS, KH_BYTES_OPTIONS, {.name = NULL},
};

const kh_command kh_command_get = {
    .name = "get",
    .summary = "print the value of a key: a table, bytes or a counter",
    .about =
        "Prints what the key holds. A table is shown at a terminal, and is an Arrow IPC stream anywhere else, unless "
        "--format says otherwise. Bytes are printed as they are, without a line's end; a counter is a number. With a "
        "format of json, csv or arrow, bytes and counters are a row of key, type and value. The exit status is 3 if "
        "the key has no value. Works beside a process that has the database open.",
    .options = options,
    .argument = "KEY",
    .least = 1,
    .most = 1,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
