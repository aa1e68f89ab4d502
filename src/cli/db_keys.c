/* khonsu ls DIR and khonsu scan DIR */
#include <unistd.h>

#include "db.h"

/* What the range points into. */
typedef struct bounds {
  kh_text prefix, from, to;
} bounds;

static khonsu_status read_bound(const char *written, kh_text *bytes, khonsu_slice *bound, khonsu_error *error) {
  if (written == NULL) return KHONSU_OK;
  khonsu_status status = kh_db_bytes(written, bytes, error);
  *bound = kh_text_slice(bytes);
  return status;
}

static khonsu_status read_range(bounds *self, khonsu_range *range, khonsu_error *error) {
  khonsu_status status = read_bound(kh_range.prefix, &self->prefix, &range->prefix, error);
  if (status == KHONSU_OK) status = read_bound(kh_range.from, &self->from, &range->first, error);
  if (status == KHONSU_OK) status = read_bound(kh_range.to, &self->to, &range->end, error);
  return status;
}

/* ---- ls into a pipe: keys, one on a line */

typedef struct walk {
  kh_shell *shell;
  khonsu_range range;
  khonsu_scan_options options;
} walk;

static khonsu_status print_key(const walk *self, khonsu_slice key, kh_text *line, khonsu_error *error) {
  kh_text_clear(line);
  kh_notation_add(line, key);
  kh_text_add_char(line, kh_item_end());
  khonsu_status status = kh_print_state(&self->shell->printer, line, error);
  if (status == KHONSU_OK) fwrite(line->data, 1, line->size, stdout);
  return status;
}

static khonsu_status print_keys(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const walk *self = ctx;
  khonsu_scan *scan;
  khonsu_entry entry;
  kh_text line = {.data = NULL};
  khonsu_status status = khonsu_scan_open(txn, &self->range, &self->options, &scan, error);
  if (status != KHONSU_OK) return status;
  while (status == KHONSU_OK && (status = khonsu_scan_next(scan, &entry, error)) == KHONSU_OK)
    status = print_key(self, entry.key, &line, error);
  khonsu_scan_free(&scan);
  kh_text_fini(&line);
  return status == KHONSU_END ? KHONSU_OK : status;
}

/* ---- both */

static khonsu_status list(kh_shell *shell, bool with_values, khonsu_error *error) {
  bounds ends = {.prefix = {.data = NULL}};
  walk self = {.shell = shell, .options = KHONSU_SCAN_OPTIONS_INIT};
  bool is_plain = !with_values && !kh_db_format_is_told() &&
                  (kh_notation.hex || kh_notation.base64 || kh_notation.null || !isatty(STDOUT_FILENO));
  self.options.reverse = kh_range.reverse;
  self.options.limit = kh_range.limit;
  self.options.keys_only = is_plain;
  shell->printer.format = kh_db_format(KH_DB_LIST);
  khonsu_status status = read_range(&ends, &self.range, error);
  if (status == KHONSU_OK && is_plain) status = kh_shell_look(shell, print_keys, &self, error);
  else if (status == KHONSU_OK) status = kh_shell_list(shell, &self.range, &self.options, with_values, error);
  kh_text_fini(&ends.prefix);
  kh_text_fini(&ends.from);
  kh_text_fini(&ends.to);
  return status;
}

static khonsu_status ls_body(kh_shell *shell, khonsu_error *error) { return list(shell, false, error); }
static khonsu_status scan_body(kh_shell *shell, khonsu_error *error) { return list(shell, true, error); }
static int run_ls(void) { return kh_db_run(KH_DB_READ, ls_body); }
static int run_scan(void) { return kh_db_run(KH_DB_READ, scan_body); }

static const kh_option ls_options[] = {
    KH_RANGE_OPTIONS,    KH_LIST_OPTIONS,  KH_DB_AS_OF_OPTION, KH_DB_OPTIONS,
    KH_DB_PRINT_OPTIONS, KH_BYTES_OPTIONS, KH_NULL_OPTION,     {.name = NULL},
};

static const kh_option scan_options[] = {
    KH_RANGE_OPTIONS,    KH_LIST_OPTIONS,  KH_DB_AS_OF_OPTION, KH_DB_OPTIONS,
    KH_DB_PRINT_OPTIONS, KH_BYTES_OPTIONS, {.name = NULL},
};

const kh_command kh_command_ls = {
    .name = "ls",
    .summary = "list keys, in order",
    .about =
        "Lists keys in the order of their bytes. At a terminal, and with --format, a table of key, type, rows of a "
        "table, bytes of a byte value, and version; otherwise, and with --hex, --base64 or --null, keys alone, one on "
        "a line. Works beside a process that has the database open.",
    .options = ls_options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run_ls,
};

const kh_command kh_command_scan = {
    .name = "scan",
    .summary = "list keys with their values, in order",
    .about =
        "Lists key, type, version and value; the value of a table is a text that sums it up. A table at a terminal, "
        "JSON, an object on a line, elsewhere. --hex and --base64 are about --prefix, --from and --to. Works beside a "
        "process that has the database open.",
    .options = scan_options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run_scan,
};
