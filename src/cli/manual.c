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
  if (option->size != NULL) printf(" (default: %llu)", (unsigned long long)*option->size);
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
  kh_print_wrapped(stdout, statement->about, 2, kh_page_width());
}

/* ---- commands */

static void print_summaries(const kh_command *const *command) {
  for (; *command != NULL; command++) printf("  %-10s %s\n", (*command)->name, (*command)->summary);
}

static void print_options(const kh_command *command) {
  if (command->options != NULL) putchar('\n');
  for (const kh_option *option = command->options; option != NULL && option->name != NULL; option++)
    print_option(option);
}

void kh_manual_commands(void) {
  printf("Transactions over Apache Arrow tables and byte values.\n\nusage: khonsu <command> [options]\n\n");
  print_summaries(kh_commands);
  printf("\n`khonsu help <command>` says how a command is used.\n");
}

const char *kh_command_usage(const kh_command *command, kh_usage_text text) {
  const kh_command *outer = command->outer;
  snprintf(text, sizeof(kh_usage_text), "%s%s%s%s%s%s%s%s%s%s", outer != NULL ? outer->name : "",
           outer != NULL ? " " : "", outer != NULL ? outer->argument : "", outer != NULL ? " " : "", command->name,
           command->options != NULL ? " [options]" : "", command->database != NULL ? " DIR" : "",
           command->argument != NULL ? " " : "", command->argument != NULL ? command->argument : "",
           command->commands != NULL ? " <command>" : "");
  return text;
}

void kh_manual_command(const kh_command *command) {
  kh_usage_text usage;
  printf("usage: khonsu %s\n\n", kh_command_usage(command, usage));
  kh_print_wrapped(stdout, command->about, 0, kh_page_width());
  if (command->commands != NULL) {
    putchar('\n');
    print_summaries(command->commands);
    printf("\nOptions of all of them:\n");
  }
  print_options(command);
  if (command->commands != NULL) printf("\n`khonsu help %s <command>` says how a command is used.\n", command->name);
  if (command->outer != NULL)
    printf("\nOptions of all commands of `khonsu %s`: see `khonsu help %s`.\n", command->outer->name,
           command->outer->name);
  if (command != &kh_command_shell) return;
  printf("\nStatements (`help NAME` in the shell tells more):\n\n");
  kh_manual_statements();
}
