#include <string.h>

#include "shell.h"

const char *const kh_level_names[] = {"read-committed", "snapshot", "repeatable-read", "serializable", NULL};
const char *const kh_strategy_names[] = {"default", "fail", "ignore", "replace", "append", NULL};

const char kh_shell_grammar[] =
    "A statement is a line of words; ; ends one too, and # begins a comment. A word in double quotes, or in none, may "
    "hold "
    "the escapes \\n \\t \\r \\\\ \\\" and \\xHH for any byte; one in single quotes is taken as it is. Quotes may go "
    "over "
    "several lines. Keys and values are bytes. Words in quotes are never keywords.";

const kh_shell_variable kh_shell_variables[] = {
    {"KHONSU_HISTORY",
     "The file that keeps what was typed. Set but empty: nothing is kept. Otherwise "
     "$XDG_STATE_HOME/khonsu/history, or ~/.local/state/khonsu/history."},
    {"NO_COLOR", "Set and not empty: no colours. There are none where standard output is no terminal."},
    {"TMPDIR",
     "Where Arrow on its way to standard output, and what comes on standard input, is kept for a moment. Otherwise "
     "/tmp."},
    {NULL, NULL},
};

static const char *const begin_words[] = {
    "read-only",    "isolation", "on-conflict", "at",      "read-committed", "snapshot", "repeatable-read",
    "serializable", "fail",      "ignore",      "replace", "append",         NULL};
static const char *const snapshot_words[] = {"open", "close", NULL};
static const char *const scan_words[] = {"from", "to", "reverse", "limit", NULL};
static const char *const select_words[] = {"from", "where", "limit", "offset", "and",   "or", "not",
                                           "is",   "null",  "in",    "true",   "false", NULL};
static const char *const export_words[] = {"file", "stream", "csv", NULL};
static const char *const import_words[] = {"arrow", "csv", NULL};
static const char *const upsert_words[] = {"by", "from", "arrow", "csv", NULL};
static const char *const delete_rows_words[] = {"from", "arrow", "csv", NULL};
static const char *const key_columns_words[] = {"none", NULL};
static const char *const schema_words[] = {"metadata", NULL};
static const char *const switch_words[] = {"on", "off", NULL};
static const char *const stat_words[] = {"conflicts", NULL};

/* ---- the table, in the order of the help */

const kh_statement kh_statements[] = {
    {"get", NULL, "KEY", "print the value of a key",
     "Prints what the key holds: the rows of a table, a counter's number, or bytes, which a terminal shows with "
     "escapes "
     "and anything else gets as they are. In the formats json, csv and arrow, bytes and counters are a row of key, "
     "type "
     "and value.",
     1, 1, "k", .run = kh_shell_get},
    {"put", NULL, "KEY VALUE", "make bytes the value of a key",
     "Makes the bytes of VALUE the value of the key, whatever it held.", 2, 2, "k", .run = kh_shell_put},
    {"set", NULL, "KEY NUMBER", "make a counter the value of a key",
     "Makes a counter, a signed 64-bit integer, the value of the key, whatever it held.", 2, 2, "k",
     .run = kh_shell_set},
    {"add", NULL, "KEY [NUMBER]", "add to a counter",
     "Adds the number, which may be negative, to the counter; without one, adds 1. An absent counter starts at 0. "
     "Reads "
     "nothing: adds by several transactions all stand.",
     1, 2, "k", .run = kh_shell_add},
    {"del", NULL, "KEY...", "delete keys",
     "Deletes the values of these keys, of any type. A key without value is no error.", 1, SIZE_MAX, "k",
     .run = kh_shell_del},
    {"select", NULL, "COLUMN,...|* from KEY [where CONDITION] [limit N] [offset N]", "print a part of a table",
     "Prints columns of the rows of a table for which a condition is true; of these, with offset the first so many are "
     "left out, and with limit at most so many printed. A condition compares columns with values by = != < <= > >=, in "
     "(...) and is [not] null, joined by and, or, not and brackets. Text, dates and times are values in single quotes, "
     "like 'it''s' and '2013-01-31'. A column inside of structs is a.b; names that are more than letters, digits and _ "
     "go in double quotes. What is unknown because of a null is not true.",
     3, SIZE_MAX, "q", select_words, kh_shell_select},
    {"head", NULL, "KEY [N]", "print the first rows of a table", "Prints the first N rows of a table; without N, 10.",
     1, 2, "k", .run = kh_shell_head},
    {"import", NULL, "KEY FILE [arrow|csv]", "make an Arrow or CSV file the value of a key",
     "Makes the table in an Arrow IPC file or stream, which are told apart by content, or in a CSV file the value of "
     "the "
     "key, whatever it held. A file that ends in .csv and is not Arrow is CSV; its first line names the columns, whose "
     "types are found by looking at all values. An empty field is a null.",
     2, 3, "kfw", import_words, kh_shell_import},
    {"append", NULL, "KEY FILE [arrow|csv]", "add the rows of an Arrow or CSV file to a table",
     "Adds the rows of a file, as import reads it, after those of the table; an absent table is created. The schemas "
     "must be the same, unless schema-rules say more. Appends by several transactions all stand.",
     2, 3, "kfw", import_words, kh_shell_append},
    {"upsert", NULL, "KEY by COLUMN,... from FILE [arrow|csv]", "replace and add rows of a table by key columns",
     "Puts the rows of a file, as import reads it, in the place of the rows of the table that have the same values in "
     "the columns named, and those with a key that is not there after them; an absent table is created. No two rows of "
     "the file may have the same key. Prints how many rows were inserted and updated. Reads the table; key-columns "
     "makes upserts that do not. Names with commas or blanks go in double quotes.",
     5, SIZE_MAX, "kp", upsert_words, kh_shell_upsert},
    {"delete-rows", NULL, "KEY from FILE [arrow|csv]", "delete rows of a table by the values of columns",
     "Deletes the rows of the table that have the same values as a row of the file, which import reads in the same "
     "way, in all columns that the file has. Prints how many there were.",
     3, 4, "kp", delete_rows_words, kh_shell_delete_rows},
    {"export", NULL, "KEY FILE [file|stream|csv]", "write the value of a key to a file",
     "Writes the table to FILE, as an Arrow IPC file or, if so told, stream or CSV; bytes are written as they are. "
     "FILE "
     "is replaced once the new one is whole. If it is -, the table goes to standard output, as a stream unless told "
     "csv.",
     2, 3, "kfw", export_words, kh_shell_export},
    {"schema", NULL, "KEY [metadata]", "print the columns of a table",
     "Prints names, types and nullability of the columns; or the metadata, as keys and values, of the table, where no "
     "column is named, and of its columns and theirs.",
     1, 2, "kw", schema_words, kh_shell_schema},
    {"schema-rules", NULL, "KEY [strict|add|widen|add,widen]", "choose what rows may do to the schema of a table",
     "Chooses what append and upsert may do to the columns of the table: strict, the default, nothing; add, add "
     "columns "
     "that are missing, full of nulls; widen, give a column a type that holds the old values and the new. Columns go "
     "by "
     "their names then. Without rules, prints them.",
     1, 2, "kw", kh_shell_rules_words, kh_shell_schema_rules},
    {"ls", NULL, "[PREFIX]", "list keys",
     "Lists the keys that begin with PREFIX, or all: type, rows of a table, bytes of a byte value, and the version of "
     "the "
     "commit that wrote it, which is missing where the current transaction did.",
     0, 1, "k", .run = kh_shell_ls},
    {"scan", NULL, "[PREFIX] [from KEY] [to KEY] [reverse] [limit N]", "list keys with their values",
     "Lists keys that begin with PREFIX, from one on, and up to, but not including, another; with reverse from the "
     "last one "
     "down; with limit at most so many. A prefix that is a keyword goes in quotes.",
     0, 8, "kq", scan_words, kh_shell_scan},
    {"begin", NULL, "[NAME] [read-only] [isolation LEVEL] [on-conflict STRATEGY] [at NAME]",
     "begin a transaction, and use it",
     "Begins a transaction and makes it the current one: statements read and write in it until commit, abort or use. "
     "Several may be open; their names tell them apart, and the prompt shows the current one. Outside of transactions "
     "each statement is one of its own. LEVEL is read-committed, snapshot, repeatable-read or serializable. STRATEGY "
     "says "
     "what becomes of a blind write onto a newer commit: default, fail, ignore, replace or append. "
     "at NAME begins at the snapshot of that name.",
     0, 8, "w", begin_words, kh_shell_begin},
    {"use", NULL, "[NAME]", "go on in another transaction, or in none",
     "Makes another open transaction the current one; without a name, none is: the open ones stay open.", 0, 1, "t",
     .run = kh_shell_use},
    {"commit", NULL, "[NAME]", "commit a transaction",
     "Commits the current transaction, or the one named. After a conflict nothing of it remains; explain says what "
     "happened.",
     0, 1, "t", .run = kh_shell_commit},
    {"abort", "rollback", "[NAME]", "abort a transaction",
     "Aborts the current transaction, or the one named: nothing that it did is ever visible.", 0, 1, "t",
     .run = kh_shell_abort},
    {"transactions", NULL, NULL, "list the open transactions",
     "Lists the open transactions, with the number that conflict reports know them by, and the version they read.", 0,
     0, .run = kh_shell_transactions},
    {"isolation", NULL, "[LEVEL]", "choose the isolation of transactions to come",
     "Chooses the isolation level of the transactions to come; without one, prints it.", 0, 1, "w", kh_level_names,
     kh_shell_isolation},
    {"strategy", NULL, "[STRATEGY]", "choose what becomes of blind writes in conflict",
     "In a transaction: of its writes from here on. Outside: of all transactions to come. default fails, but wins at "
     "read "
     "committed; fail: a conflict; ignore: the write is dropped; replace: it wins; append: the rows of a table go "
     "after "
     "theirs. Without an argument, prints it.",
     0, 1, "w", kh_strategy_names, kh_shell_strategy},
    {"key-columns", NULL, "[COLUMN,...|none]", "choose the key columns of appends",
     "Makes append an upsert by these columns: rows replace those that have the same values in them when the "
     "transaction commits. It reads nothing: such upserts by several transactions all stand. In a transaction: its "
     "appends from here on. Outside: those of all transactions to come. none: appends add rows again. Without an "
     "argument, prints them.",
     0, SIZE_MAX, "w", key_columns_words, kh_shell_key_columns},
    {"snapshot", NULL, "[open NAME | close NAME]", "keep a moment to begin transactions at",
     "Keeps the database as it is now under a name, to begin transactions at, until it is closed; without arguments "
     "lists "
     "what is kept.",
     0, 2, "ws", snapshot_words, kh_shell_snapshots},
    {"explain", NULL, NULL, "say what the last conflict was",
     "Says which transaction lost the last conflict, over which keys, to whom, and what to do. In the formats json, "
     "csv and "
     "arrow: a row for each key.",
     0, 0, .run = kh_shell_explain},
    {"stat", NULL, "[conflicts]", "print figures of the database",
     "Prints the figures of khonsu_stat; or the keys that transactions lost over most often.", 0, 1, "w", stat_words,
     kh_shell_stat},
    {"source", "read", "FILE", "run the statements of a file",
     "Runs the statements of a file. The first that fails ends it.", 1, 1, "f", .run = kh_shell_source},
    {"format", NULL, "[table|json|csv|arrow]", "choose how results are printed",
     "table: for people. json: an object a row, one a line. csv: a header, then a line a row; a null is an empty "
     "field, an "
     "empty text is \"\". arrow: an Arrow IPC stream for each result. Without an argument, prints it.",
     0, 1, "w", kh_format_names, kh_shell_format},
    {"rows", NULL, "[N]", "choose how many rows of a table are shown",
     "Of a table with more than N rows the first and the last ones are shown. The other formats print all. Without an "
     "argument, prints it.",
     0, 1, .run = kh_shell_rows},
    {"timing", NULL, "on|off", "say how long statements take", "Says on standard error how long each statement took.",
     1, 1, "w", switch_words, kh_shell_timing},
    {"help", NULL, "[STATEMENT]", "list the statements, or tell about one", "Lists the statements, or tells about one.",
     0, 1, "h", .run = kh_shell_help},
    {"quit", "exit", NULL, "leave", "Leaves. Open transactions are aborted.", 0, 0, .run = kh_shell_quit},
    {.name = NULL},
};

/* A leading dot is allowed, for fingers that are used to it. */
const kh_statement *kh_statement_find(khonsu_slice name) {
  if (name.size > 1 && *(const char *)name.data == '.')
    name = (khonsu_slice){(const char *)name.data + 1, name.size - 1};
  for (const kh_statement *statement = kh_statements; statement->name != NULL; statement++)
    if (kh_slice_is(name, statement->name) || (statement->alias != NULL && kh_slice_is(name, statement->alias)))
      return statement;
  return NULL;
}

void kh_statement_usage(const kh_statement *statement, char *text, size_t size) {
  snprintf(text, size, "%s%s%s", statement->name, statement->arguments != NULL ? " " : "",
           statement->arguments != NULL ? statement->arguments : "");
}

/* ---- running */

khonsu_status kh_statement_call(kh_shell *shell, const kh_statement *statement, const kh_words *words,
                                khonsu_error *error) {
  char usage[160];
  size_t arguments = words->count - 1;
  if (arguments >= statement->least && arguments <= statement->most) return statement->run(shell, words, error);
  kh_statement_usage(statement, usage, sizeof usage);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "too %s arguments; usage: %s",
                          arguments < statement->least ? "few" : "many", usage);
}

static khonsu_status refuse(const kh_shell *shell, khonsu_slice name) {
  kh_text word = {.size_max = 40};
  char typed[41];
  kh_nearest nearest;
  kh_nearest_text meant;
  kh_text_add_word(&word, name);
  snprintf(typed, sizeof typed, "%.*s", (int)word.size, word.data);
  kh_nearest_init(&nearest, typed);
  for (const kh_statement *statement = kh_statements; statement->name != NULL; statement++)
    kh_nearest_offer(&nearest, statement->name);
  kh_shell_say(shell, "there is no statement %s%s%s", typed, word.full ? "..." : "",
               nearest.best != NULL ? kh_nearest_say(&nearest, meant) : "; `help` lists them");
  kh_text_fini(&word);
  return KHONSU_INVALID_ARGUMENT;
}

static void say_failure(const kh_shell *shell, const char *name, khonsu_status status, const khonsu_error *error) {
  if (status == KH_INTERRUPTED) kh_shell_say(shell, "%s: interrupted", name);
  else if (error->status == status && error->message[0] != '\0') kh_shell_say(shell, "%s: %s", name, error->message);
  if (status != KHONSU_CONFLICT) return;
  kh_shell_tell(shell, "(`explain` says more)");
  if (!kh_shell_is_typed(shell) && shell->loss.count > 0) (void)kh_shell_report_loss(shell, stderr, NULL);
}

khonsu_status kh_shell_run(kh_shell *shell, const kh_words *words) {
  const kh_statement *statement = kh_statement_find(kh_word_at(words, 0));
  if (statement == NULL) return refuse(shell, kh_word_at(words, 0));
  khonsu_error error = KHONSU_ERROR_INIT;
  double began = kh_seconds();
  if (kh_shell_is_typed(shell)) kh_interrupted = 0;
  khonsu_status status = kh_statement_call(shell, statement, words, &error);
  if (status == KHONSU_OK && kh_interrupted && !kh_shell_is_typed(shell)) status = KH_INTERRUPTED;
  if (status != KHONSU_OK) say_failure(shell, statement->name, status, &error);
  khonsu_error_clear(&error);
  fflush(stdout);
  if (shell->timing) fprintf(stderr, "%s took %.3f ms\n", statement->name, (kh_seconds() - began) * 1e3);
  return status;
}
