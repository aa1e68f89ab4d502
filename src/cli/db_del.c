/* khonsu del DIR KEY... : all in one transaction. */
#include <inttypes.h>

#include "db.h"

enum { MISSING_SAID_MAX = 10 };

typedef struct task {
  uint64_t deleted, missing;
  bool has_said; /* which are missing: an attempt that is run again does not say it again */
} task;

static khonsu_status delete_key(task *self, khonsu_txn *txn, khonsu_slice key, khonsu_error *error) {
  kh_key_text text;
  bool exists;
  khonsu_status status = khonsu_exists(txn, key, &exists, error);
  if (status != KHONSU_OK) return status;
  if (exists) {
    self->deleted++;
    return khonsu_delete(txn, key, error);
  }
  if (self->missing++ < MISSING_SAID_MAX && !self->has_said)
    kh_complain("there is no value at key %s", kh_key_show(key, text));
  return KHONSU_OK;
}

static khonsu_status delete_all(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  kh_text key = {.data = NULL};
  khonsu_status status = KHONSU_OK;
  self->deleted = self->missing = 0;
  for (size_t i = 0; status == KHONSU_OK && i < kh_db.rest.count; i++) {
    kh_text_clear(&key);
    status = kh_db_bytes(kh_db.rest.at[i], &key, error);
    if (status == KHONSU_OK) status = delete_key(self, txn, kh_text_slice(&key), error);
  }
  self->has_said = true;
  kh_text_fini(&key);
  return status;
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  task self = {.deleted = 0};
  khonsu_status status = kh_shell_write(shell, NULL, delete_all, &self, error);
  if (status != KHONSU_OK) return status;
  if (kh_db.json)
    printf("{\"deleted\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"version\":%" PRIu64 "}\n", self.deleted, self.missing,
           shell->committed);
  if (self.missing == 0) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_NOT_FOUND, "%" PRIu64 " of %" PRIu64 " keys had no value%s", self.missing,
                          self.missing + self.deleted, self.deleted > 0 ? "; the others were deleted" : "");
}

static int run(void) { return kh_db_run(KH_DB_WRITE, body); }

static const kh_option options[] = {
    KH_DB_OPTIONS,
    KH_DB_TXN_OPTIONS,
    {"json", NULL, "print an object with deleted, missing and version", .flag = &kh_db.json},
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_del = {
    .name = "del",
    .summary = "delete keys",
    .about =
        "Deletes keys, of any type, all in one transaction. The exit status is 3 if a key had no value; the others "
        "are deleted nevertheless.",
    .options = options,
    .argument = "KEY...",
    .least = 1,
    .most = SIZE_MAX,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
