/* cli: the khonsu program. One file per command, one row per command in main.c. Of the libraries it sees khonsu.h and
 * flashkv.h and nothing else, as any program of a user's.
 *
 *   main.c            finds the command
 *   options.c         reads its options and arguments
 *   nearest.c         what somebody may have meant who mistyped a word
 *   manual.c, man.c   --help, `khonsu help`, and the manual pages: all from the tables of commands, options and
 *                     statements
 *   completion.c      khonsu completion, from the same tables
 *   exit.c            exit statuses
 *   interrupt.c       Ctrl-C
 *   progress.c        how far long work is
 *   bytes.c           keys and values in the notation that is asked for
 *   db*.c             commands over a database in a directory; db.h says what is where
 *   shell*.c          khonsu shell; shell.h says what is where
 *   demo*.c           khonsu demo; demo.h says what is where
 *   kv*.c             khonsu kv; kv.h says what is where
 *   csv*.c            CSV files as tables; csv_file.h says what is where
 *   text.h cell.h print.h list.h words.h columns.h value.h    what these are made of
 *
 * stdout carries results, stderr messages and progress; progress is shown only where stderr is a terminal. */
#ifndef KH_CLI_H
#define KH_CLI_H

#include <signal.h>
#include <stdio.h>

#include "text.h"

/* ---- exit.c */

typedef enum kh_exit {
  KH_EXIT_OK = 0,
  KH_EXIT_FAILURE = 1,
  KH_EXIT_USAGE = 2,
  KH_EXIT_NOT_FOUND = 3,
  KH_EXIT_CONFLICT = 4,
  KH_EXIT_CORRUPT = 5,
  KH_EXIT_BUSY = 6,
  KH_EXIT_TIMEOUT = 7,
  KH_EXIT_INTERRUPTED = 130
} kh_exit;

/* The exit status for a status of the library, or for KH_INTERRUPTED: the one place that decides it. */
int kh_exit_of(khonsu_status status);

typedef struct kh_exit_row {
  int status;
  const char *meaning;
} kh_exit_row;

extern const kh_exit_row kh_exit_table[]; /* the last has no meaning */

/* ---- main.c, options.c */

/* The arguments of a command, or the values of an option that may be given several times; in argv. */
typedef struct kh_arguments {
  const char **at;
  size_t count;
} kh_arguments;

enum { KH_LIST_MAX = 32 };

typedef struct kh_option {
  const char *name;     /* without the dashes; the last of a table has none */
  const char *argument; /* what the help calls it: "DIR", "N" */
  const char *help;
  /* Where it goes: one of these is not NULL. What stands there before is the default. */
  const char **text;
  uint64_t *number;
  bool *flag;
  int *choice;
  const char *const *choices; /* the words for 0, 1 and so on; the last is NULL */
  uint64_t *size;             /* a number that may end in K, M, G or T, of 1,024 */
  kh_arguments *list;         /* may be given KH_LIST_MAX times; has room for so many */
  uint64_t least, most;       /* of a number or size */
} kh_option;

typedef struct kh_command kh_command;
struct kh_command {
  const char *name;
  const char *summary;      /* one line, for the list of commands */
  const char *about;        /* a few sentences; a line's end starts another paragraph */
  const kh_option *options; /* NULL: none */
  const char *argument;     /* what its arguments are called, "[FILE]"; NULL: it takes none */
  size_t least, most;       /* how many there may be */
  kh_arguments *arguments;  /* where they go */
  /* Of a command over a database: where the directory goes, which stands before its arguments, unless an option has said
   * it. */
  const char **database;
  char completes;   /* what they are: f files, d directories, c commands; 0: cannot be completed */
  int (*run)(void); /* returns the exit status */
  /* Of a command that is a family: its commands, whose names stand behind its arguments; the last is NULL. Its options
   * are also theirs. */
  const kh_command *const *commands;
  const kh_command *outer; /* the family it is in; NULL: none */
};

extern const kh_command kh_command_append, kh_command_bench, kh_command_check, kh_command_completion, kh_command_del,
    kh_command_demo, kh_command_export, kh_command_get, kh_command_help, kh_command_import, kh_command_kv,
    kh_command_ls, kh_command_merge, kh_command_put, kh_command_repair, kh_command_scan, kh_command_select,
    kh_command_shell, kh_command_stat, kh_command_txn, kh_command_upsert, kh_command_version;

/* All commands, in the order of the help; the last is NULL. */
extern const kh_command *const kh_commands[];
/* NULL: there is none of this name. */
const kh_command *kh_command_find(const kh_command *const *commands, const char *name);
/* "kv DIR get KEY...", with "[options]" where there are any. */
typedef char kh_usage_text[160];
const char *kh_command_usage(const kh_command *command, kh_usage_text text);
/* Complains that there is no such command. Returns KH_EXIT_USAGE. */
int kh_command_unknown(const kh_command *const *commands, const char *name);

/* The one that applies to `command`, its family's included, and is called so. */
const kh_option *kh_option_find(const kh_command *command, const char *name, size_t size);

/* How many arguments there may be, the directory of a database included unless an option has said it. */
size_t kh_command_most(const kh_command *command, bool has_database);

enum { KH_GO_ON = -1 };

/* Reads the options and arguments of `*command`; argv[0] is its name. In a family, `*command` becomes the one that is
 * meant. Arguments are put together at the front of argv. Returns KH_GO_ON, or the exit status to end with: a complaint
 * or the help has been printed then. */
int kh_options_parse(const kh_command **command, int argc, char **argv);

/* The number that `value` writes in decimal. */
bool kh_is_number(const char *value, uint64_t *number);
/* The same; it may end in K, M, G or T. */
bool kh_is_size(const char *value, uint64_t *size);
/* The position of `value` in `choices`, or -1; and the choices as "a|b|c". */
int kh_choice_find(const char *const *choices, const char *value);
typedef char kh_choice_text[128];
const char *kh_choice_list(const char *const *choices, kh_choice_text text);

/* ---- nearest.c */

/* The one of some words that is most like `word`; NULL: none is like it. */
typedef struct kh_nearest {
  const char *word;
  const char *best;
  size_t distance;
} kh_nearest;

void kh_nearest_init(kh_nearest *nearest, const char *word);
void kh_nearest_offer(kh_nearest *nearest, const char *name);
/* "; did you mean 'x'?", or nothing. */
typedef char kh_nearest_text[80];
const char *kh_nearest_say(const kh_nearest *nearest, kh_nearest_text text);

/* ---- interrupt.c */

/* Set by Ctrl-C, once one of these was called. */
extern volatile sig_atomic_t kh_interrupted;
/* Ctrl-C never ends the process, and a new size of the terminal's window ends waiting. */
void kh_interrupt_catch(void);
/* The first Ctrl-C asks the work to stop, the second ends the process. */
void kh_interrupt_catch_first(void);

/* ---- manual.c, man.c */

void kh_manual_commands(void);
void kh_manual_command(const kh_command *command);
/* khonsu(1), or, of a command, say khonsu-get(1), as roff. */
void kh_manual_page(const kh_command *command);

/* ---- output.c */

/* What is said on stderr; options set it. */
typedef struct kh_talk_settings {
  bool quiet, no_progress;
} kh_talk_settings;

extern kh_talk_settings kh_talk;

#define KH_TALK_OPTIONS                                                                                                \
  {"quiet", NULL, "no messages but errors, and no progress", .flag = &kh_talk.quiet}, {                                \
    "no-progress", NULL, "no progress; there is none anyway where standard error is no terminal",                      \
        .flag = &kh_talk.no_progress                                                                                   \
  }

/* "khonsu: ..." on stderr. Returns KH_EXIT_FAILURE. */
int kh_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for what is no error: not with --quiet. */
void kh_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 1234567 as "1,234,567", in `text`, which is returned. */
typedef char kh_grouped_text[32];
const char *kh_grouped(uint64_t number, kh_grouped_text text);

/* Prints the words of `text` in lines of at most `width` columns, `indent` of them blank. */
void kh_print_wrapped(FILE *out, const char *text, int indent, int width);

/* The columns for text on stdout: what the terminal has, and at most 100. */
int kh_page_width(void);

/* 1536 as "1.5 KiB". */
typedef char kh_bytes_text[32];
const char *kh_bytes(uint64_t size, kh_bytes_text text);

/* Whether what is written to `file` may have colours: it is a terminal, and nobody objects. */
bool kh_wants_colour(int file);

/* Since some moment in the past. */
double kh_seconds(void);

/* ---- progress.c: how far long work is, where stderr is a terminal */

/* A flashkv_progress; what is done is measured in bytes. Nonzero once Ctrl-C was pressed. `ctx` is ignored. */
int kh_progress(void *ctx, const char *phase, uint64_t done, uint64_t total);
/* The same, where what is done is counted; `total` 0: not known. */
int kh_progress_count(const char *phase, uint64_t done, uint64_t total);
/* Takes it from the terminal, before anything else is written there. */
void kh_progress_clear(void);

/* ---- bytes.c: the notation of keys and values in arguments, lists and results; text.h has the notations themselves */

typedef struct kh_notation_settings {
  bool hex, base64, null;
} kh_notation_settings;

extern kh_notation_settings kh_notation;

/* Rows of tables of options. */
#define KH_BYTES_OPTIONS                                                                                               \
  {"hex", NULL, "keys and values are written in hexadecimal", .flag = &kh_notation.hex}, {                             \
    "base64", NULL, "keys and values are written in base64", .flag = &kh_notation.base64                               \
  }
#define KH_NULL_OPTION                                                                                                 \
  {                                                                                                                    \
    "null", NULL, "what is listed, or read from a list, ends in NUL instead of a line's end",                          \
        .flag = &kh_notation.null                                                                                      \
  }

/* A range of keys, as options say it. */
typedef struct kh_range_settings {
  const char *prefix, *from, *to; /* NULL: none */
  bool reverse;
  uint64_t limit; /* 0: none */
} kh_range_settings;

extern kh_range_settings kh_range;

#define KH_RANGE_OPTIONS                                                                                               \
  {"prefix", "TEXT", "keys that begin with it", .text = &kh_range.prefix},                                             \
      {"from", "KEY", "keys from this one on", .text = &kh_range.from}, {                                              \
    "to", "KEY", "keys before this one", .text = &kh_range.to                                                          \
  }
#define KH_LIST_OPTIONS                                                                                                \
  {"reverse", NULL, "the last key first", .flag = &kh_range.reverse}, {                                                \
    "limit", "N", "no more keys than this; 0 means all", .number = &kh_range.limit, .most = UINT64_MAX                 \
  }

/* What a text that is not in the notation asked for should have been. */
const char *kh_notation_name(void);
/* Adds what `written` says to `bytes`. False: it is not in that notation. */
bool kh_notation_read(khonsu_slice written, kh_text *bytes);
/* Adds bytes as they are written: text as it is, but visibly at a terminal. */
void kh_notation_add(kh_text *line, khonsu_slice bytes);
/* What ends an item of a list: a line's end or NUL. */
char kh_item_end(void);
/* A key for a message, cut short. */
typedef char kh_key_text[96];
const char *kh_key_show(khonsu_slice key, kh_key_text text);
/* "2025-01-31T12:00:00.123456Z", from microseconds since 1970. */
void kh_text_add_time(kh_text *line, uint64_t time_us);

#endif
