/* cli: the khonsu program. One file per command, one row per command in main.c. Of the library it sees khonsu.h and
 * nothing else, as any program of a user's.
 *
 *   main.c            finds the command
 *   options.c         reads its options
 *   manual.c, man.c   --help, `khonsu help`, and the manual page khonsu(1): all from the tables of commands, options
 *                     and statements
 *   exit.c            exit statuses
 *   shell*.c          khonsu shell; shell.h says what is where
 *   demo*.c           khonsu demo; demo.h says what is where
 *   csv*.c            CSV files as tables; csv_file.h says what is where
 *   text.h cell.h print.h list.h words.h    what these are made of
 *
 * stdout carries results, stderr messages and progress; progress is shown only where stderr is a terminal. */
#ifndef KH_CLI_H
#define KH_CLI_H

#include "khonsu.h"

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
  uint64_t least, most;       /* of a number */
} kh_option;

typedef struct kh_command {
  const char *name;
  const char *summary;      /* one line, for the list of commands */
  const char *about;        /* a few sentences */
  const kh_option *options; /* NULL: none */
  const char *argument;     /* what its one argument is called, "[FILE]"; NULL: it takes none */
  const char **argument_at; /* where that goes */
  int (*run)(void);         /* returns the exit status */
} kh_command;

extern const kh_command kh_command_demo, kh_command_help, kh_command_shell, kh_command_version;

/* All commands, in the order of the help; the last is NULL. */
extern const kh_command *const kh_commands[];
const kh_command *kh_command_find(const char *name);

enum { KH_GO_ON = -1 };

/* Reads the arguments of a command; argv[0] is its name. Returns KH_GO_ON, or the exit status to end with: a complaint
 * or the help has been printed then. */
int kh_options_parse(const kh_command *command, int argc, char **argv);

/* The number that `value` writes in decimal. */
bool kh_is_number(const char *value, uint64_t *number);
/* The position of `value` in `choices`, or -1; and the choices as "a|b|c". */
int kh_choice_find(const char *const *choices, const char *value);
typedef char kh_choice_text[128];
const char *kh_choice_list(const char *const *choices, kh_choice_text text);

/* ---- manual.c, man.c */

void kh_manual_commands(void);
void kh_manual_command(const kh_command *command);
/* khonsu(1), as roff. */
void kh_manual_page(void);

/* ---- output.c */

/* "khonsu: ..." on stderr. Returns KH_EXIT_FAILURE. */
int kh_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 1234567 as "1,234,567", in `text`, which is returned. */
typedef char kh_grouped_text[32];
const char *kh_grouped(uint64_t number, kh_grouped_text text);

/* Prints the words of `text` to stdout in lines of at most `width` columns, `indent` of them blank. */
void kh_print_wrapped(const char *text, int indent, int width);

/* The columns for text on stdout: what the terminal has, and at most 100. */
int kh_page_width(void);

/* Since some moment in the past. */
double kh_seconds(void);

#endif
