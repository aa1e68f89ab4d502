/* khonsu txn DIR FILE|-
 *
 * The body may run several times, so what its statements print is kept until the transaction is committed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "txn_script.h"

typedef struct task {
  kh_shell *shell;
  kh_script script;
  const kh_script_line *broken; /* the condition that does not hold; NULL: all do */
  char *printed;                /* by the last attempt */
  size_t printed_size;
} task;

/* ---- an attempt */

static khonsu_status test_conditions(task *self, khonsu_txn *txn, khonsu_error *error) {
  self->broken = NULL;
  for (size_t i = 0; i < self->script.count && self->broken == NULL; i++) {
    const kh_script_line *line = &self->script.lines[i];
    bool holds = true;
    if (line->part != KH_SCRIPT_IF) break;
    khonsu_status status = kh_condition_holds(&line->condition, txn, &holds, error);
    if (status == KHONSU_CONFLICT) return status;
    if (status != KHONSU_OK) return kh_script_fail(line->number, status, error);
    if (!holds) self->broken = line;
  }
  return KHONSU_OK;
}

static khonsu_status run_statements(const task *self, khonsu_error *error) {
  kh_script_part part = self->broken == NULL ? KH_SCRIPT_THEN : KH_SCRIPT_ELSE;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; status == KHONSU_OK && i < self->script.count; i++) {
    const kh_script_line *line = &self->script.lines[i];
    if (line->part != part) continue;
    status = kh_interrupted ? KH_INTERRUPTED : kh_statement_call(self->shell, line->statement, &line->words, error);
    if (status != KHONSU_OK && status != KHONSU_CONFLICT && status != KH_INTERRUPTED)
      status = kh_script_fail(line->number, status, error);
  }
  return status;
}

static void forget_printed(task *self) {
  free(self->printed);
  self->printed = NULL;
  self->printed_size = 0;
}

static khonsu_status run_printing(task *self, khonsu_error *error) {
  kh_printer *printer = &self->shell->printer;
  forget_printed(self);
  printer->out = open_memstream(&self->printed, &self->printed_size);
  khonsu_status status = printer->out != NULL ? run_statements(self, error) : KHONSU_NO_MEMORY;
  if (printer->out != NULL && fclose(printer->out) != 0 && status == KHONSU_OK) status = KHONSU_NO_MEMORY;
  printer->out = stdout;
  return status == KHONSU_NO_MEMORY ? khonsu_error_set(error, status, "out of memory") : status;
}

/* Statements find it as the transaction that is in use. */
static khonsu_status attempt(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  kh_shell *shell = self->shell;
  khonsu_status status = test_conditions(self, txn, error);
  if (status != KHONSU_OK) return status;
  shell->txns[0] =
      (kh_shell_txn){.name = "txn", .txn = txn, .isolation = shell->isolation, .on_conflict = shell->on_conflict};
  shell->txn_count = 1;
  shell->current = 0;
  status = run_printing(self, error);
  kh_columns_fini(&shell->txns[0].key_columns);
  shell->txn_count = shell->current = 0;
  return status;
}

/* ---- the command */

static task work;

static khonsu_status prepare(khonsu_error *error) {
  kh_text text = {.data = NULL};
  khonsu_status status = kh_read_whole(kh_db.rest.at[0], &text, error);
  if (status == KHONSU_OK) status = kh_script_read(&work.script, kh_text_slice(&text), error);
  kh_text_fini(&text);
  return status;
}

static khonsu_status say_broken(const kh_script_line *line, khonsu_error *error) {
  khonsu_slice raw = kh_words_raw(&line->words, 0, line->words.count - 1);
  return khonsu_error_set(error, KHONSU_CONFLICT, "line %" PRIu64 " does not hold: %.*s", line->number,
                          raw.size < 200 ? (int)raw.size : 200, (const char *)raw.data);
}

static khonsu_status finish(task *self, khonsu_error *error) {
  if (self->printed_size > 0) fwrite(self->printed, 1, self->printed_size, stdout);
  if (kh_db.json)
    printf("{\"succeeded\":%s,\"version\":%" PRIu64 "}\n", self->broken == NULL ? "true" : "false",
           self->shell->committed);
  return self->broken == NULL ? KHONSU_OK : say_broken(self->broken, error);
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  work.shell = shell;
  shell->printer.format = kh_db_format(KH_DB_LIST);
  khonsu_status status = kh_shell_write(shell, NULL, attempt, &work, error);
  return status == KHONSU_OK ? finish(&work, error) : status;
}

static int run(void) {
  int status = kh_db_run_after(prepare, KH_DB_MAKE, body);
  forget_printed(&work);
  kh_script_fini(&work.script);
  return status;
}

static const kh_option options[] = {
    KH_DB_OPTIONS,
    KH_DB_PRINT_OPTIONS,
    KH_DB_TXN_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_txn = {
    .name = "txn",
    .summary = "run a script of conditions and statements in one transaction",
    .about =
        "Reads a script from FILE, or, with -, from standard input, and runs all of it in one transaction: lines `if "
        "CONDITION`, then a line `then` and statements of the shell, then, if wanted, a line `else` and statements. If "
        "all conditions hold, those behind then are run, else those behind else; nothing is done if one of them fails. "
        "Without conditions, then may be left out.\n"
        "CONDITION is exists KEY, missing KEY, value KEY OP VALUE (bytes or a counter), version KEY OP NUMBER (0: no "
        "value), or rows KEY OP NUMBER (of a table); OP is = != < <= > or >=.\n"
        "Statements are get put set add del select head import append upsert delete-rows schema schema-rules ls scan "
        "strategy key-columns, as in `khonsu help shell`. What they print comes once the transaction is committed: "
        "tables at a terminal, JSON elsewhere.\n"
        "The exit status is 4 if a condition did not hold, also when what stands behind else was done. --json: at the "
        "end an object with succeeded and version.",
    .options = options,
    .argument = "FILE|-",
    .least = 1,
    .most = 1,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .completes = 'f',
    .run = run,
};
