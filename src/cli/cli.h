/* cli: the khonsu program. One file per command, one row per command in main.c. Of the library it sees khonsu.h and
 * nothing else, as any program of a user's.
 *
 * stdout carries results, stderr messages and progress; progress is shown only where stderr is a terminal. */
#ifndef KH_CLI_H
#define KH_CLI_H

#include "khonsu.h"

typedef enum kh_exit { KH_EXIT_OK = 0, KH_EXIT_FAILURE = 1, KH_EXIT_USAGE = 2 } kh_exit;

typedef struct kh_command {
  const char *name;
  const char *summary;               /* one line, for the list of commands */
  int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
} kh_command;

/* All commands, in the order of the help; the last has no name. */
extern const kh_command kh_commands[];

int kh_command_demo(int argc, char **argv);
int kh_command_help(int argc, char **argv);
int kh_command_version(int argc, char **argv);

/* ---- options.c: `--name value`, `--name=value` and `--flag`; also the text of --help, from the same table. */

typedef struct kh_option {
  const char *name;     /* without the dashes; the last of a table has none */
  const char *argument; /* what the help calls it: "DIR", "N" */
  const char *help;
  /* Where it goes: one of these is not NULL. What stands there before is the default. */
  const char **text;
  uint64_t *number;
  bool *flag;
  uint64_t least, most; /* of a number */
} kh_option;

enum { KH_GO_ON = -1 };

/* Reads the arguments of a command, of which `about` says in a sentence or two what it does. Returns KH_GO_ON, or the
 * exit status to end with: a complaint or the help has been printed then. */
int kh_options_parse(const kh_option *options, const char *about, int argc, char **argv);

/* ---- output.c */

/* "khonsu: ..." on stderr. Returns KH_EXIT_FAILURE. */
int kh_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 1234567 as "1,234,567", in `text`, which is returned. */
typedef char kh_grouped_text[32];
const char *kh_grouped(uint64_t number, kh_grouped_text text);

/* Prints the words of `text` to stdout in lines of at most `width` columns, `indent` of them blank. */
void kh_print_wrapped(const char *text, int indent, int width);

/* Since some moment in the past. */
double kh_seconds(void);

#endif
