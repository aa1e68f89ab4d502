/* khonsu export DIR KEY [FILE] */
#include <string.h>
#include <strings.h>

#include "db.h"

static struct { int format, compression; } settings;

static const char *const format_names[] = {"auto", "file", "stream", "csv", "json", "jsonl", NULL};
static const char *const compression_names[] = {"none", "lz4", "zstd", NULL};

typedef struct task {
  kh_shell *shell;
  const char *path;
  kh_export_format format;
  khonsu_ipc_format compression;
  khonsu_slice key;
} task;

static bool ends_in(const char *path, const char *end) {
  size_t length = strlen(path), size = strlen(end);
  return length > size && strcasecmp(path + length - size, end) == 0;
}

/* What the name says; an Arrow IPC file, if it says nothing. */
static kh_export_format format_of(const char *path) {
  static const kh_export_format formats[] = {KH_EXPORT_FILE, KH_EXPORT_FILE, KH_EXPORT_STREAM,
                                             KH_EXPORT_CSV,  KH_EXPORT_JSON, KH_EXPORT_JSON};
  if (settings.format > 0) return formats[settings.format];
  if (ends_in(path, ".csv")) return KH_EXPORT_CSV;
  if (ends_in(path, ".json") || ends_in(path, ".jsonl")) return KH_EXPORT_JSON;
  return ends_in(path, ".arrows") || strcmp(path, "-") == 0 ? KH_EXPORT_STREAM : KH_EXPORT_FILE;
}

static khonsu_status export_value(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  kh_value value;
  khonsu_status status = kh_value_get(txn, self->key, &value, error);
  if (status == KHONSU_OK && value.type == KHONSU_TABLE) status = kh_rows_watch("exporting", &value.table, error);
  if (status != KHONSU_OK) return status;
  status = kh_export(&self->shell->printer, self->path, self->format, self->compression, &value, error);
  kh_value_release(&value);
  return status;
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  static const khonsu_ipc_format compressions[] = {(khonsu_ipc_format)0, KHONSU_IPC_LZ4, KHONSU_IPC_ZSTD};
  kh_text key = {.data = NULL};
  task self = {.shell = shell,
               .path = kh_db.rest.count > 1 ? kh_db.rest.at[1] : "-",
               .compression = compressions[settings.compression]};
  self.format = format_of(self.path);
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &key, error);
  self.key = kh_text_slice(&key);
  if (status == KHONSU_OK) status = kh_shell_look(shell, export_value, &self, error);
  kh_text_fini(&key);
  return status;
}

static int run(void) { return kh_db_run(KH_DB_READ, body); }

static const kh_option options[] = {
    {"format", NULL, "auto: what the name of FILE says, else an Arrow file, or a stream to standard output",
     .choice = &settings.format, .choices = format_names},
    {"compression", NULL, "of an Arrow FILE", .choice = &settings.compression, .choices = compression_names},
    KH_DB_AS_OF_OPTION,
    KH_DB_OPTIONS,
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_export = {
    .name = "export",
    .summary = "write the value of a key to a file",
    .about =
        "Writes the table to FILE, as an Arrow IPC file or stream, as CSV, or as JSON, an object for each row, one on "
        "a line; bytes are written as they are. FILE is replaced once the new one is whole. Without FILE, or with -, "
        "the value goes to standard output, where an Arrow file is a stream. A name that ends in .csv, .json, .jsonl "
        "or .arrows says the format. Works beside a process that has the database open.",
    .options = options,
    .argument = "KEY [FILE|-]",
    .least = 1,
    .most = 2,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .completes = 'f',
    .run = run,
};
