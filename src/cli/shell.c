/* khonsu shell */
#include "db.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  kh_arguments databases;
  const char *command;
  int format;
  bool keep_going, read_only;
} settings;

/* ---- what is read */

static void greet(const kh_shell *shell) {
  if (shell->terminal == NULL) return;
  fprintf(stderr, "Khonsu %s, %s%s. `help` lists the statements, `quit` or Ctrl-D leaves.\n", khonsu_library_version(),
          kh_db.path != NULL ? kh_db.path : "in memory", settings.read_only ? ", read-only" : "");
}

static void read_all(kh_shell *shell) {
  kh_input input = {.file = STDIN_FILENO};
  if (settings.command == NULL) shell->terminal = kh_terminal_open(shell);
  else if (!kh_lines_of(&input, settings.command)) {
    shell->exit_status = kh_complain("out of memory");
    return;
  }
  input.is_typed = shell->terminal != NULL;
  greet(shell);
  (void)kh_shell_read(shell, &input); /* what it returns is in exit_status, unless it was typed */
  if (input.is_typed) shell->exit_status = KH_EXIT_OK;
  kh_terminal_close(&shell->terminal);
}

/* ---- the whole */

static int close_all(kh_shell *shell, khonsu_error *error) {
  kh_shell_abort_all(shell);
  kh_shell_snapshots_close(shell);
  kh_shell_loss_fini(&shell->loss);
  kh_columns_fini(&shell->key_columns);
  khonsu_status status = khonsu_close(&shell->db, error);
  return status == KHONSU_OK ? shell->exit_status : kh_complain("%s", error->message);
}

static int open_and_read(kh_shell *shell) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = kh_db_open(settings.read_only ? KH_DB_READ : KH_DB_MAKE, &shell->db, &error);
  int exit_status = kh_exit_of(status);
  if (status == KHONSU_OK) {
    read_all(shell);
    exit_status = close_all(shell, &error);
  } else kh_complain("%s", error.message);
  khonsu_error_clear(&error);
  return exit_status;
}

static void find_database(void) {
  if (kh_db.path == NULL && settings.databases.count > 0) kh_db.path = settings.databases.at[0];
  if (kh_db.path != NULL && strcmp(kh_db.path, ":memory:") == 0) kh_db.path = NULL;
}

static int run(void) {
  find_database();
  kh_shell *shell = calloc(1, sizeof *shell);
  if (shell == NULL) return kh_complain("out of memory");
  kh_interrupt_catch();
  shell->keep_going = settings.keep_going;
  shell->isolation = (khonsu_isolation)(kh_db.isolation + KHONSU_READ_COMMITTED);
  shell->on_conflict = (khonsu_on_conflict)kh_db.on_conflict;
  shell->printer = (kh_printer){.out = stdout,
                                .format = settings.format,
                                .rows_max = (int64_t)kh_db.rows_max,
                                .is_terminal = isatty(STDOUT_FILENO),
                                .colour = kh_wants_colour(STDOUT_FILENO),
                                .interrupted = &kh_interrupted};
  int status = open_and_read(shell);
  free(shell);
  return status;
}

static const kh_option options[] = {
    {"format", NULL, "how results are printed", .choice = &settings.format, .choices = kh_format_names},
    {"rows", "N", "most rows of a table that are shown", .number = &kh_db.rows_max, .least = 2, .most = 100000},
    {"command", "TEXT", "run these statements instead of standard input's", .text = &settings.command},
    {"keep-going", NULL, "go on after a statement failed", .flag = &settings.keep_going},
    {"read-only", NULL, "change nothing, and work beside a process that has the database open",
     .flag = &settings.read_only},
    KH_DB_OPEN_OPTIONS,
    KH_DB_TXN_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_shell = {
    .name = "shell",
    .summary = "read and write keys by hand or by script",
    .about =
        "Opens the database in DIR, which is made if it is not there, or else an empty one in memory, and runs "
        "statements. At a terminal they are typed, with history and "
        "completion; otherwise they are read from standard input, one a line, and the first that fails ends "
        "the script with its exit status. Results go to standard output, messages to standard error.",
    .options = options,
    .argument = "[DIR|:memory:]",
    .most = 1,
    .arguments = &settings.databases,
    .completes = 'd',
    .run = run,
};
