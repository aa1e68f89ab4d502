/* khonsu put DIR KEY VALUE */
#include <errno.h>
#include <string.h>

#include "db.h"

static struct { bool literal, is_counter; } settings;

typedef struct task {
  kh_text key, value;
  int64_t number;
} task;

/* ---- the value: the argument, or what it names */

static khonsu_status read_file(const char *path, kh_text *value, khonsu_error *error) {
  char block[1 << 16];
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return khonsu_error_set(error, KHONSU_IO, "cannot open %s: %s", path, strerror(errno));
  for (size_t size; (size = fread(block, 1, sizeof block, file)) > 0;) kh_text_add(value, block, size);
  khonsu_status status = KHONSU_OK;
  if (ferror(file)) status = khonsu_error_set(error, KHONSU_IO, "cannot read %s: %s", path, strerror(errno));
  if (value->failed) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory for what %s holds", path);
  fclose(file);
  return status;
}

static khonsu_status read_input(kh_text *value, khonsu_error *error) {
  kh_temporary input;
  khonsu_status status = kh_temporary_spool(&input, error);
  if (status != KHONSU_OK) return status;
  status = read_file(input.path, value, error);
  kh_temporary_remove(&input);
  return status;
}

static khonsu_status read_value(task *self, const char *word, khonsu_error *error) {
  if (settings.is_counter) return kh_counter_read(word, &self->number, error);
  if (settings.literal) return kh_db_bytes(word, &self->value, error);
  if (strcmp(word, "-") == 0) return read_input(&self->value, error);
  if (*word == '@') return read_file(word + 1, &self->value, error);
  return kh_db_bytes(word, &self->value, error);
}

/* ---- the write */

static khonsu_status put(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  khonsu_slice key = kh_text_slice(&self->key);
  return settings.is_counter ? khonsu_put_counter(txn, key, self->number, error)
                             : khonsu_put_bytes(txn, key, kh_text_slice(&self->value), error);
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  task self = {.number = 0};
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &self.key, error);
  if (status == KHONSU_OK) status = read_value(&self, kh_db.rest.at[1], error);
  if (status == KHONSU_OK) status = kh_shell_write(shell, NULL, put, &self, error);
  if (status == KHONSU_OK) kh_db_print_version(shell);
  kh_text_fini(&self.key);
  kh_text_fini(&self.value);
  return status;
}

static int run(void) { return kh_db_run(KH_DB_MAKE, body); }

static const kh_option options[] = {
    {"literal", NULL, "VALUE is the value, also if it is - or begins with @", .flag = &settings.literal},
    {"counter", NULL, "VALUE is a number, and the key becomes a counter", .flag = &settings.is_counter},
    KH_DB_OPTIONS,
    KH_DB_TXN_OPTIONS,
    KH_DB_VERSION_OPTION,
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_put = {
    .name = "put",
    .summary = "make bytes, or a counter, the value of a key",
    .about =
        "Makes bytes the value of the key, whatever it held: VALUE itself; with - what comes on standard input, with "
        "@FILE what is in the file, both as they are. Tables come in by import. Makes the database if there is none.",
    .options = options,
    .argument = "KEY VALUE|-|@FILE",
    .least = 2,
    .most = 2,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .completes = 'f',
    .run = run,
};
