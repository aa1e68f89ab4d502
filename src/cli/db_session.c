/* A database, open for the length of a command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv_file.h"
#include "db.h"

/* ---- opening */

static khonsu_status set_by_name(khonsu_options *options, const char *word, khonsu_error *error) {
  char name[64];
  size_t size = strcspn(word, "=");
  if (word[size] != '=' || size >= sizeof name)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "--set is '%s': must be NAME=VALUE", word);
  memcpy(name, word, size);
  name[size] = '\0';
  return khonsu_options_set(options, name, word + size + 1, error);
}

khonsu_status kh_db_open(kh_db_access access, khonsu_db **db, khonsu_error *error) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_status status = KHONSU_OK;
  options.isolation = (khonsu_isolation)(kh_db.isolation + KHONSU_READ_COMMITTED);
  options.durability = (khonsu_durability)(kh_db.durability + KHONSU_SYNC);
  options.storage = kh_db.storage;
  options.read_only = access == KH_DB_READ;
  options.open_existing_only = access != KH_DB_MAKE || kh_db.no_create;
  for (size_t i = 0; status == KHONSU_OK && i < kh_db.set.count; i++)
    status = set_by_name(&options, kh_db.set.at[i], error);
  /* files that are cut short under their map end a command, or a statement, and not the process */
  if (status == KHONSU_OK && kh_db.path != NULL) status = khonsu_guard_mapped_files(error);
  return status == KHONSU_OK ? khonsu_open(kh_db.path, &options, db, error) : status;
}

/* ---- closing */

/* Closing may fail too: then what was written may not be all there, and the first failure is told. */
static khonsu_status close_db(kh_shell *shell, khonsu_status status, khonsu_error *error) {
  khonsu_error closing = KHONSU_ERROR_INIT;
  khonsu_status closed = khonsu_close(&shell->db, &closing);
  if (closed != KHONSU_OK && status == KHONSU_OK) {
    status = khonsu_error_set(error, closed, "%s", closing.message);
  } else if (closed != KHONSU_OK) kh_tell("%s", closing.message);
  khonsu_error_clear(&closing);
  return status;
}

/* Says what failed, if anything. Returns the exit status. */
static int end(khonsu_status status, const khonsu_error *error) {
  kh_progress_clear();
  if (status == KHONSU_CANCELLED || (status != KHONSU_OK && kh_interrupted)) status = KH_INTERRUPTED;
  if (status == KH_INTERRUPTED) kh_complain("interrupted");
  else if (status != KHONSU_OK) kh_complain("%s", error->message);
  return kh_exit_of(status);
}

/* ---- the whole */

static void begin(kh_shell *shell) {
  shell->isolation = (khonsu_isolation)(kh_db.isolation + KHONSU_READ_COMMITTED);
  shell->on_conflict = (khonsu_on_conflict)kh_db.on_conflict;
  shell->printer = (kh_printer){.out = stdout,
                                .rows_max = (int64_t)kh_db.rows_max,
                                .is_terminal = isatty(STDOUT_FILENO),
                                .colour = kh_wants_colour(STDOUT_FILENO),
                                .interrupted = &kh_interrupted};
}

/* A time is written as in CSV. */
static khonsu_status read_as_of(kh_shell *shell, khonsu_error *error) {
  static const kh_csv_type types[] = {KH_CSV_TIMESTAMP_UTC, KH_CSV_TIMESTAMP};
  kh_csv_value value;
  uint64_t version;
  if (kh_db.as_of == NULL) return KHONSU_OK;
  if (kh_is_number(kh_db.as_of, &version) && version > 0) {
    shell->as_of = version;
    return KHONSU_OK;
  }
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!kh_csv_value_read(types[i], kh_db.as_of, strlen(kh_db.as_of), &value) || value.integer < 1000) continue;
    shell->as_of_ms = (uint64_t)value.integer / 1000;
    return KHONSU_OK;
  }
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "--as-of is '%.40s': must be a version, or a time like 2026-01-31T12:00:01Z", kh_db.as_of);
}

/* What the body printed must have reached stdout, for it to have gone well. Ctrl-C does not make undone what is done. */
static khonsu_status flush(khonsu_status status, khonsu_error *error) {
  if (status != KHONSU_OK) return kh_interrupted ? KH_INTERRUPTED : status;
  if (fflush(stdout) == 0 && !ferror(stdout)) return KHONSU_OK;
  if (kh_interrupted) return KH_INTERRUPTED;
  return khonsu_error_set(error, KHONSU_IO, "cannot write to standard output: %s", strerror(errno));
}

static khonsu_status open_and_run(kh_shell *shell, kh_db_access access, kh_db_body body, khonsu_error *error) {
  khonsu_status status = kh_db_open(access, &shell->db, error);
  if (status != KHONSU_OK) return status;
  status = kh_interrupted ? KH_INTERRUPTED : flush(body(shell, error), error);
  kh_progress_clear();
  return close_db(shell, status, error);
}

static khonsu_status check_notation(khonsu_error *error) {
  if (!kh_notation.hex || !kh_notation.base64) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "--hex and --base64 exclude each other");
}

int kh_db_run_after(khonsu_status (*prepare)(khonsu_error *error), kh_db_access access, kh_db_body body) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_shell *shell = calloc(1, sizeof *shell);
  if (shell == NULL) return kh_complain("out of memory");
  kh_interrupt_catch_first();
  begin(shell);
  khonsu_status status = check_notation(&error);
  if (status == KHONSU_OK) status = read_as_of(shell, &error);
  if (status == KHONSU_OK && prepare != NULL) status = prepare(&error);
  if (status == KHONSU_OK) status = open_and_run(shell, access, body, &error);
  int exit_status = end(status, &error);
  if (shell->loss.count > 0 && !kh_talk.quiet) (void)kh_shell_report_loss(shell, stderr, &error);
  kh_shell_loss_fini(&shell->loss);
  khonsu_error_clear(&error);
  free(shell);
  return exit_status;
}

int kh_db_run(kh_db_access access, kh_db_body body) { return kh_db_run_after(NULL, access, body); }

int kh_db_run_closed(khonsu_status (*body)(khonsu_error *error)) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_interrupt_catch_first();
  khonsu_status status = khonsu_guard_mapped_files(&error);
  if (status == KHONSU_OK) status = flush(body(&error), &error);
  int exit_status = end(status, &error);
  khonsu_error_clear(&error);
  return exit_status;
}
