/* khonsu import, append and upsert: rows of a file, or of standard input, into a table. */
#include <inttypes.h>
#include <string.h>

#include "db.h"

static struct {
  int format;
  const char *by;
} settings;

static const char *const format_names[] = {"auto", "arrow", "csv", NULL};

typedef struct task task;

typedef khonsu_status (*load_rows)(task *self, khonsu_txn *txn, struct ArrowArrayStream *rows, khonsu_error *error);

struct task {
  load_rows load;
  const char *phase; /* for progress */
  kh_text key;
  kh_rows_file file;
  kh_temporary
      input; /* what came on standard input: an attempt that is run again reads it again, and CSV is read twice */
  kh_columns by;
  uint64_t inserted, updated;
};

/* ---- where rows come from */

static khonsu_status find_file(task *self, khonsu_error *error) {
  const char *name = kh_db.rest.count > 1 ? kh_db.rest.at[1] : "-";
  bool is_input = strcmp(name, "-") == 0;
  khonsu_status status = is_input ? kh_temporary_spool(&self->input, error) : KHONSU_OK;
  if (status != KHONSU_OK) return status;
  self->file.path = is_input ? self->input.path : name;
  self->file.is_csv = settings.format == 0 ? kh_rows_file_is_csv(self->file.path, !is_input) : settings.format == 2;
  return KHONSU_OK;
}

static khonsu_status load_file(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  struct ArrowArrayStream rows;
  khonsu_status status = kh_rows_file_open(&self->file, &rows, error);
  if (status == KHONSU_OK) status = kh_rows_watch(self->phase, &rows, error);
  return status == KHONSU_OK ? self->load(self, txn, &rows, error) : status;
}

/* ---- what becomes of them */

static khonsu_status import_rows(task *self, khonsu_txn *txn, struct ArrowArrayStream *rows, khonsu_error *error) {
  return khonsu_put(txn, kh_text_slice(&self->key), rows, error);
}

static khonsu_status append_rows(task *self, khonsu_txn *txn, struct ArrowArrayStream *rows, khonsu_error *error) {
  return khonsu_append(txn, kh_text_slice(&self->key), rows, error);
}

static khonsu_status upsert_rows(task *self, khonsu_txn *txn, struct ArrowArrayStream *rows, khonsu_error *error) {
  return khonsu_upsert(txn, kh_text_slice(&self->key), rows, self->by.names, self->by.count, &self->inserted,
                       &self->updated, error);
}

/* ---- the commands */

static task work;

static khonsu_status prepare(khonsu_error *error) {
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &work.key, error);
  return status == KHONSU_OK ? find_file(&work, error) : status;
}

static khonsu_status prepare_upsert(khonsu_error *error) {
  if (settings.by == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there is no --by COLUMN,...");
  khonsu_status status = kh_columns_read(&work.by, khonsu_key(settings.by), KH_COLUMNS_UNQUOTED, error);
  return status == KHONSU_OK ? prepare(error) : status;
}

static khonsu_status write_rows(kh_shell *shell, khonsu_error *error) {
  khonsu_status status = kh_shell_write(shell, NULL, load_file, &work, error);
  if (status == KHONSU_OK) kh_db_print_version(shell);
  return status;
}

static khonsu_status upsert(kh_shell *shell, khonsu_error *error) {
  khonsu_status status = kh_shell_write(shell, NULL, load_file, &work, error);
  if (status != KHONSU_OK) return status;
  if (kh_db.json)
    printf("{\"inserted\":%" PRIu64 ",\"updated\":%" PRIu64 ",\"version\":%" PRIu64 "}\n", work.inserted, work.updated,
           shell->committed);
  else kh_tell("%" PRIu64 " inserted, %" PRIu64 " updated", work.inserted, work.updated);
  return KHONSU_OK;
}

static int finish(int status) {
  kh_temporary_remove(&work.input);
  kh_columns_fini(&work.by);
  kh_text_fini(&work.key);
  return status;
}

static int run(load_rows load, const char *phase) {
  work.load = load;
  work.phase = phase;
  return finish(kh_db_run_after(prepare, KH_DB_MAKE, write_rows));
}

static int run_import(void) { return run(import_rows, "importing"); }
static int run_append(void) { return run(append_rows, "appending"); }

static int run_upsert(void) {
  work.load = upsert_rows;
  work.phase = "upserting";
  return finish(kh_db_run_after(prepare_upsert, KH_DB_MAKE, upsert));
}

#define FILE_OPTION                                                                                                    \
  {                                                                                                                    \
    "format", NULL, "of the file; auto: Arrow is told by its content, and what is none is CSV if its name says so",    \
        .choice = &settings.format, .choices = format_names                                                            \
  }

static const kh_option options[] = {
    FILE_OPTION, KH_DB_OPTIONS, KH_DB_TXN_OPTIONS, KH_DB_VERSION_OPTION, KH_BYTES_OPTIONS, {.name = NULL},
};

static const kh_option upsert_options[] = {
    {"by", "COLUMN,...", "the key columns; names with commas or blanks go in double quotes", .text = &settings.by},
    FILE_OPTION,
    KH_DB_OPTIONS,
    KH_DB_TXN_OPTIONS,
    {"json", NULL, "print an object with inserted, updated and version", .flag = &kh_db.json},
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

#define FILE_ARGUMENTS                                                                                                 \
  .argument = "KEY [FILE|-]", .least = 1, .most = 2, .arguments = &kh_db.rest, .database = &kh_db.path, .completes = 'f'

const kh_command kh_command_import = {
    .name = "import",
    .summary = "make the rows of a file the table at a key",
    .about =
        "Makes the table in an Arrow IPC file or stream, or in a CSV file, the value of the key, whatever it held. "
        "Without FILE, or with -, it comes on standard input. The first line of CSV names the columns, whose types are "
        "found by looking at all values; an empty field is a null. Makes the database if there is none.",
    .options = options,
    FILE_ARGUMENTS,
    .run = run_import,
};

const kh_command kh_command_append = {
    .name = "append",
    .summary = "add the rows of a file to the table at a key",
    .about =
        "Adds rows, which it reads as import does, after those of the table; an absent table is created. The schemas "
        "must be the same, unless the table's schema rules say more (`khonsu help shell`). Makes the database if there "
        "is none.",
    .options = options,
    FILE_ARGUMENTS,
    .run = run_append,
};

const kh_command kh_command_upsert = {
    .name = "upsert",
    .summary = "replace and add rows of the table at a key by key columns",
    .about =
        "Puts rows, which it reads as import does, in the place of those of the table that have the same values in the "
        "key columns, and adds those with a key that is not there after them; an absent table is created. No two rows "
        "of the file may have the same key. Says how many were inserted and updated. Makes the database if there is "
        "none.",
    .options = upsert_options,
    FILE_ARGUMENTS,
    .run = run_upsert,
};
