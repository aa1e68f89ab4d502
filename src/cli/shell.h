/* shell: the interactive shell, and scripts.
 *
 *   shell.c             the command: options, setting up, taking down
 *   shell_input.c       lines become statements; statements of files
 *   shell_lines.c       lines of scripts
 *   shell_statements.c  the table of statements; running one
 *   shell_txn.c         named transactions; statements that are a transaction of their own
 *   shell_snapshot.c    named snapshots
 *   shell_values.c      put, get and their kin
 *   shell_tables.c      import, append, export
 *   shell_keyed.c       upsert, delete-rows, key-columns
 *   shell_rules.c       schema-rules
 *   shell_schema.c      schema
 *   shell_select.c      select, head
 *   shell_keys.c        ls, scan
 *   shell_explain.c     the last conflict
 *   shell_settings.c    format, rows, timing; help, quit; stat
 *   shell_terminal.c    line editing
 *   shell_history.c     what was typed before
 *   shell_complete.c    what could be typed next
 *
 * A statement returns a status like a call of the library, with the text in `error`. Who runs it says what failed, and
 * where. stdout carries what statements print, stderr messages. */
#ifndef KH_CLI_SHELL_H
#define KH_CLI_SHELL_H

#include "cli.h"
#include "columns.h"
#include "list.h"
#include "print.h"
#include "value.h"
#include "words.h"

enum { KH_NAME_SIZE = 32, KH_OPEN_MAX = 64, KH_REMEMBERED_MAX = 64, KH_STATEMENT_SIZE = 64 };

typedef struct kh_shell kh_shell;

/* ---- the table of statements */

typedef khonsu_status (*kh_statement_run)(kh_shell *shell, const kh_words *words, khonsu_error *error);

typedef struct kh_statement {
  const char *name, *alias; /* alias NULL: none */
  const char *arguments;    /* NULL: none */
  const char *summary;      /* one line */
  const char *about;        /* all there is to say */
  size_t least, most;       /* arguments */
  /* What its arguments are, one letter each, for completion: k a key, f a file, t an open transaction, s a snapshot,
   * h a statement, w one of `words`, q a key and p a file behind `from`, else one of `words`. The last letter is that
   * of all others. NULL: cannot be completed. */
  const char *completes;
  const char *const *words;
  kh_statement_run run;
} kh_statement;

extern const kh_statement kh_statements[]; /* the last has no name */
const kh_statement *kh_statement_find(khonsu_slice name);
/* "put KEY VALUE" */
void kh_statement_usage(const kh_statement *statement, char *text, size_t size);

/* What there is to say about words, quotes and comments; for the manual. */
extern const char kh_shell_grammar[];

typedef struct kh_shell_variable {
  const char *name, *about;
} kh_shell_variable;

/* Environment variables; the last has no name. */
extern const kh_shell_variable kh_shell_variables[];

void kh_manual_statements(void);
void kh_manual_statement(const kh_statement *statement);

/* Names of isolation levels, from KHONSU_READ_COMMITTED on, and of strategies; the last is NULL. */
extern const char *const kh_level_names[], *const kh_strategy_names[];

/* ---- state */

typedef struct kh_shell_txn {
  char name[KH_NAME_SIZE];
  khonsu_txn *txn;
  khonsu_isolation isolation;
  khonsu_on_conflict on_conflict;
  kh_columns key_columns;
  bool read_only;
} kh_shell_txn;

typedef struct kh_shell_snapshot {
  char name[KH_NAME_SIZE];
  khonsu_snapshot *snapshot;
} kh_shell_snapshot;

/* Who a transaction was: its name, or the statement that was one. */
typedef struct kh_shell_who {
  uint64_t id;
  char what[KH_STATEMENT_SIZE];
} kh_shell_who;

/* The last conflict. */
typedef struct kh_shell_loss {
  uint64_t loser; /* 0: there was none */
  khonsu_isolation isolation;
  bool dropped; /* only these writes were lost, the rest was committed */
  khonsu_conflict *conflicts;
  size_t count;
  kh_text keys; /* what the conflicts' keys point into */
} kh_shell_loss;

typedef struct kh_input {
  const char *name; /* of a file; NULL: standard input */
  bool is_typed;    /* at the terminal; the rest of the reading is not used then */
  uint64_t line, statement_line;
  kh_words words;
  int file; /* -1: all there is is in the buffer */
  /* `room` bytes; those from `next` to `end` have not been used, and up to `searched` there is no line's end. */
  char *buffer;
  size_t room, next, searched, end;
  struct kh_input *outer; /* that has the statement which reads this one */
} kh_input;

typedef struct kh_terminal kh_terminal;

struct kh_shell {
  khonsu_db *db;
  kh_printer printer;
  khonsu_isolation isolation; /* of the transactions to come */
  khonsu_on_conflict on_conflict;
  kh_columns key_columns;
  khonsu_version as_of; /* what kh_shell_look sees outside of transactions; 0: the newest */
  uint64_t as_of_ms;
  kh_shell_txn txns[KH_OPEN_MAX];
  size_t txn_count, current; /* current == txn_count: in none */
  kh_shell_snapshot snapshots[KH_OPEN_MAX];
  size_t snapshot_count;
  kh_shell_who remembered[KH_REMEMBERED_MAX];
  size_t remembered_count; /* ever; the newest replaces the oldest */
  kh_shell_loss loss;
  khonsu_version committed; /* by the last write that was a transaction of its own */
  kh_terminal *terminal;    /* NULL: nobody is at one */
  kh_input *input;          /* that is being read */
  bool timing, keep_going, quit;
  int exit_status; /* of the first statement that failed */
};

/* ---- shell_input.c */

/* Reads and runs statements to the end of the input, or to the first that fails where that is to stop it. Returns why
 * it stopped; what failed has been said. */
khonsu_status kh_shell_read(kh_shell *shell, kh_input *input);
khonsu_status kh_shell_source(kh_shell *shell, const kh_words *words, khonsu_error *error);
/* A message on stderr: with the place in the script, or without where somebody is typing. */
void kh_shell_say(const kh_shell *shell, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One on stderr for somebody who is typing; nothing in scripts. */
void kh_shell_tell(const kh_shell *shell, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool kh_shell_is_typed(const kh_shell *shell);

/* ---- shell_lines.c */

/* Makes `text` the input. False: out of memory. */
bool kh_lines_of(kh_input *input, const char *text);
/* The next line, with its end, if it has one; valid until the next call. NULL: there is no more, or `status` says why
 * not: KH_INTERRUPTED, IO (with errno), NO_MEMORY. */
const char *kh_lines_next(kh_input *input, size_t *size, khonsu_status *status);
void kh_lines_fini(kh_input *input);

/* ---- shell_statements.c */

/* Runs the statement that the words are. INVALID_ARGUMENT: they are too few or too many. */
khonsu_status kh_statement_call(kh_shell *shell, const kh_statement *statement, const kh_words *words,
                                khonsu_error *error);
/* Finds it, runs it, and says what failed. */
khonsu_status kh_shell_run(kh_shell *shell, const kh_words *words);

/* ---- shell_txn.c */

/* Runs `body` in the current transaction, or else in one of its own, again after conflicts. `words` is the statement that
 * asks for it; NULL: none does. */
khonsu_status kh_shell_write(kh_shell *shell, const kh_words *words, khonsu_body body, void *ctx, khonsu_error *error);
/* Runs `body`, which only reads, once: in the current transaction, or else in a read-only one. */
khonsu_status kh_shell_look(kh_shell *shell, khonsu_body body, void *ctx, khonsu_error *error);
/* Frees the transactions that are still open. */
void kh_shell_abort_all(kh_shell *shell);
/* The name that a statement gives to something: INVALID_ARGUMENT if it cannot be one. */
khonsu_status kh_shell_name(const kh_words *words, size_t index, char name[KH_NAME_SIZE], khonsu_error *error);

khonsu_status kh_shell_begin(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_use(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_commit(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_abort(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_transactions(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_isolation(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_strategy(kh_shell *shell, const kh_words *words, khonsu_error *error);

/* ---- shell_snapshot.c */

khonsu_status kh_shell_snapshots(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_snapshot_find(kh_shell *shell, const kh_words *words, size_t index, khonsu_snapshot **snapshot,
                                     khonsu_error *error);
void kh_shell_snapshots_close(kh_shell *shell);

/* ---- shell_values.c, shell_tables.c, shell_keyed.c, shell_schema.c, shell_select.c, shell_keys.c */

khonsu_status kh_shell_get(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_put(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_set(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_add(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_del(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_import(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_append(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_export(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_upsert(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_delete_rows(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_key_columns(kh_shell *shell, const kh_words *words, khonsu_error *error);
extern const char *const kh_shell_rules_words[];
khonsu_status kh_shell_schema_rules(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_schema(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_select(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_head(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_ls(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_scan(kh_shell *shell, const kh_words *words, khonsu_error *error);

/* A row of key, type and value, for what is no table. */
khonsu_status kh_shell_print_row(kh_shell *shell, khonsu_slice key, const kh_value *value, khonsu_error *error);

/* "2 inserted, 1 updated"; in formats other than table, a row. */
khonsu_status kh_shell_print_counts(kh_shell *shell, const kh_list_column *columns, size_t count, uint64_t *counts,
                                    khonsu_error *error);

/* Prints the keys of a range, as ls does, or with their values, as scan does. */
khonsu_status kh_shell_list(kh_shell *shell, const khonsu_range *range, const khonsu_scan_options *options,
                            bool with_values, khonsu_error *error);

/* "FILE" or "FILE [arrow|csv]" from the word at `index` on: without a format, what it looks like. INVALID_ARGUMENT: it has
 * NUL bytes. */
khonsu_status kh_shell_file_path(const kh_words *words, size_t index, const char **path, khonsu_error *error);
khonsu_status kh_shell_file_read(const kh_words *words, size_t index, kh_rows_file *file, khonsu_error *error);

/* ---- shell_explain.c */

khonsu_status kh_shell_explain(kh_shell *shell, const kh_words *words, khonsu_error *error);
/* Notes who a transaction is, to be named when another loses to it. */
void kh_shell_remember(kh_shell *shell, uint64_t id, const char *what);
void kh_shell_remember_statement(kh_shell *shell, uint64_t id, const kh_words *words);
/* Keeps conflicts to be explained. */
void kh_shell_keep_loss(kh_shell *shell, uint64_t loser, khonsu_isolation isolation, const khonsu_conflict *conflicts,
                        size_t count, bool dropped);
/* Says in sentences what was kept: there must be something. */
khonsu_status kh_shell_report_loss(const kh_shell *shell, FILE *out, khonsu_error *error);
void kh_shell_loss_fini(kh_shell_loss *loss);

/* ---- shell_settings.c */

khonsu_status kh_shell_format(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_rows(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_timing(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_help(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_quit(kh_shell *shell, const kh_words *words, khonsu_error *error);
khonsu_status kh_shell_stat(kh_shell *shell, const kh_words *words, khonsu_error *error);
/* As stat does; or only what is in the directory. */
khonsu_status kh_shell_print_figures(kh_shell *shell, bool stored_only, khonsu_error *error);
/* Prints a list; `fill` is called until it adds nothing. */
khonsu_status kh_shell_print_list(kh_shell *shell, const kh_list_column *columns, size_t count, const char *noun,
                                  kh_list_fill fill, void *ctx, khonsu_error *error);
khonsu_status kh_shell_word_choice(const kh_words *words, size_t index, const char *const *choices, const char *what,
                                   int *choice, khonsu_error *error);

/* ---- shell_terminal.c, shell_history.c, shell_complete.c */

/* NULL: standard input is no terminal, or it cannot be used. */
kh_terminal *kh_terminal_open(kh_shell *shell);
/* Keeps the history, and frees. NULL is a no-op. */
void kh_terminal_close(kh_terminal **terminal);
/* A line with its end, valid until the next call; NULL: there is no more, or KH_INTERRUPTED. `goes_on`: it continues a
 * statement. */
const char *kh_terminal_line(kh_terminal *terminal, bool goes_on, size_t *size, khonsu_status *status);

typedef struct kh_history kh_history;
kh_history *kh_history_open(void);
void kh_history_close(kh_history **history);
void kh_history_add(kh_history *history, const char *line);
/* What libedit calls a History. */
void *kh_history_handle(kh_history *history);

/* What may stand where a line ends: `word` is what is there of the last word. Candidates are words as they are typed.
 * */
typedef struct kh_completion {
  kh_text word;
  kh_text candidates;  /* each followed by a NUL */
  size_t count, typed; /* bytes at the end of the line that a candidate replaces */
  bool is_final;       /* a blank may follow */
} kh_completion;

/* False: out of memory, or nothing can be completed. Free it with kh_completion_fini in any case. */
bool kh_completion_find(kh_shell *shell, const char *line, size_t size, kh_completion *completion);
void kh_completion_fini(kh_completion *completion);

/* ---- interrupt.c */

typedef enum kh_wait_outcome { KH_WAIT_READY, KH_WAIT_INTERRUPTED, KH_WAIT_RESIZED } kh_wait_outcome;

/* Waits until there is something to read, or Ctrl-C was pressed, or the terminal's window has a new size. */
kh_wait_outcome kh_interrupt_wait(int file);

#endif
