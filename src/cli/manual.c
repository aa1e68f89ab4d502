/* The help, from the tables of commands, options and statements. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "shell.h"

enum { NAME_WIDTH = 18, USAGE_WIDTH = 26 };

/* ---- options */

static void print_standard(const kh_option *option) {
  if (option->text != NULL && *option->text != NULL) printf(" (default: %s)", *option->text);
  if (option->number != NULL) printf(" (default: %llu)", (unsigned long long)*option->number);
  if (option->choice != NULL) printf(" (default: %s)", option->choices[*option->choice]);
}

static void print_option(const kh_option *option) {
  char left[160];
  kh_choice_text choices;
  const char *argument = option->choice != NULL ? kh_choice_list(option->choices, choices) : option->argument;
  snprintf(left, sizeof left, "--%s%s%s", option->name, argument != NULL ? " " : "", argument != NULL ? argument : "");
  if (strlen(left) > NAME_WIDTH) printf("  %s\n  %*s %s", left, NAME_WIDTH, "", option->help);
  else printf("  %-*s %s", NAME_WIDTH, left, option->help);
  print_standard(option);
  putchar('\n');
}

/* ---- statements of the shell */

static void print_statement_line(const kh_statement *statement) {
  char left[160];
  kh_statement_usage(statement, left, sizeof left);
  if (strlen(left) > USAGE_WIDTH) printf("  %s\n  %*s %s\n", left, USAGE_WIDTH, "", statement->summary);
  else printf("  %-*s %s\n", USAGE_WIDTH, left, statement->summary);
}

void kh_manual_statements(void) {
  for (const kh_statement *statement = kh_statements; statement->name != NULL; statement++)
    print_statement_line(statement);
}

void kh_manual_statement(const kh_statement *statement) {
  char usage[160];
  kh_statement_usage(statement, usage, sizeof usage);
  printf("%s\n", usage);
  if (statement->alias != NULL) printf("(or: %s)\n", statement->alias);
  putchar('\n');
  kh_print_wrapped(statement->about, 2, kh_page_width());
}

/* ---- commands */

void kh_manual_commands(void) {
  printf("Transactions over Apache Arrow tables and byte values.\n\nusage: khonsu <command> [options]\n\n");
  for (const kh_command *const *command = kh_commands; *command != NULL; command++)
    printf("  %-10s %s\n", (*command)->name, (*command)->summary);
  printf("\n`khonsu help <command>` says how a command is used.\n");
}

void kh_manual_command(const kh_command *command) {
  printf("usage: khonsu %s%s%s%s\n\n", command->name, command->options != NULL ? " [options]" : "",
         command->argument != NULL ? " " : "", command->argument != NULL ? command->argument : "");
  kh_print_wrapped(command->about, 0, kh_page_width());
  if (command->options != NULL) putchar('\n');
  for (const kh_option *option = command->options; option != NULL && option->name != NULL; option++)
    print_option(option);
  if (command != &kh_command_shell) return;
  printf("\nStatements (`help NAME` in the shell tells more):\n\n");
  kh_manual_statements();
}
