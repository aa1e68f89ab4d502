/* khonsu put DIR KEY VALUE */
#include <string.h>

#include "db.h"

static struct { bool literal, is_counter; } settings;

typedef struct task {
  kh_text key, value;
  int64_t number;
} task;

/* ---- the value: the argument, or what it names */

static khonsu_status read_value(task *self, const char *word, khonsu_error *error) {
  if (settings.is_counter) return kh_counter_read(word, &self->number, error);
  if (settings.literal) return kh_db_bytes(word, &self->value, error);
  if (strcmp(word, "-") == 0) return kh_read_whole(word, &self->value, error);
  if (*word == '@') return kh_read_whole(word + 1, &self->value, error);
  return kh_db_bytes(word, &self->value, error);
}

/* ---- the write */

static khonsu_status put(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  khonsu_slice key = kh_text_slice(&self->key);
  return settings.is_counter ? khonsu_put_counter(txn, key, self->number, error)
                             : khonsu_put_bytes(txn, key, kh_text_slice(&self->value), error);
}

static task put_task;

static khonsu_status prepare(khonsu_error *error) {
  khonsu_status status = kh_db_bytes(kh_db.rest.at[0], &put_task.key, error);
  return status == KHONSU_OK ? read_value(&put_task, kh_db.rest.at[1], error) : status;
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  khonsu_status status = kh_shell_write(shell, NULL, put, &put_task, error);
  if (status == KHONSU_OK) kh_db_print_version(shell);
  return status;
}

static int run(void) {
  int status = kh_db_run_after(prepare, KH_DB_MAKE, body);
  kh_text_fini(&put_task.key);
  kh_text_fini(&put_task.value);
  return status;
}

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
