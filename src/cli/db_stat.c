/* khonsu stat DIR */
#include "db.h"

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  shell->printer.format = kh_db_format(KH_DB_FIGURES);
  return kh_shell_print_figures(shell, true, error);
}

static int run(void) { return kh_db_run(KH_DB_READ, body); }

static const kh_option options[] = {
    KH_DB_OPTIONS,
    KH_DB_PRINT_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_stat = {
    .name = "stat",
    .summary = "print figures of the database",
    .about =
        "Prints how much is in the directory, as figure and value: version, synced, stored_records, data_files, "
        "disk_bytes, live_bytes, reclaimable_bytes; khonsu_stats in khonsu.h says what they are. Works beside a "
        "process "
        "that has the database open.",
    .options = options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
