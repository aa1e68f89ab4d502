/* khonsu(1), and the pages of single commands, as roff for the man macros; see man(7). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "shell.h"

/* Text in roff: a backslash is an escape, a dot or a quote at the start of a line a request, a hyphen not a minus. A
 * line's end begins another paragraph. */
static void print_text(const char *text) {
  bool starts = true;
  for (; *text != '\0'; starts = *text == '\n', text++) {
    if (starts && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
    if (*text == '\\') fputs("\\e", stdout);
    else if (*text == '-') fputs("\\-", stdout);
    else if (*text == '\n') fputs("\n.PP\n", stdout);
    else if (*text != '`') putchar(*text);
  }
}

static void print_paragraph(const char *text) {
  print_text(text);
  putchar('\n');
}

/* A paragraph with a tag: the tag in bold, its arguments as they are. */
static void print_tag(const char *dashes, const char *name, const char *arguments) {
  printf(".TP\n\\fB%s", dashes);
  print_text(name);
  fputs("\\fR", stdout);
  if (arguments != NULL) putchar(' ');
  if (arguments != NULL) print_text(arguments);
  putchar('\n');
}

static void print_options(const kh_option *option) {
  for (; option != NULL && option->name != NULL; option++) {
    kh_choice_text choices;
    print_tag("\\-\\-", option->name,
              option->choice != NULL ? kh_choice_list(option->choices, choices) : option->argument);
    print_text(option->help);
    if (option->text != NULL && *option->text != NULL) printf(" (default: %s)", *option->text);
    if (option->number != NULL) printf(" (default: %llu)", (unsigned long long)*option->number);
    if (option->choice != NULL) printf(" (default: %s)", option->choices[*option->choice]);
    if (option->size != NULL) printf(" (default: %llu)", (unsigned long long)*option->size);
    putchar('\n');
  }
}

/* A family has a page of its own. */
static void print_command(const kh_command *command) {
  kh_usage_text usage;
  printf(".SS khonsu ");
  print_paragraph(kh_command_usage(command, usage));
  print_paragraph(command->about);
  if (command->commands != NULL) printf("See \\fBkhonsu\\-%s\\fR(1).\n", command->name);
  else print_options(command->options);
}

static void print_statements(void) {
  printf(".SH STATEMENTS OF THE SHELL\n");
  print_paragraph(kh_shell_grammar);
  for (const kh_statement *statement = kh_statements; statement->name != NULL; statement++) {
    print_tag("", statement->name, statement->arguments);
    print_paragraph(statement->about);
    if (statement->alias != NULL) printf("The same: %s.\n", statement->alias);
  }
}

static void print_exit_statuses(void) {
  printf(".SH EXIT STATUS\n");
  for (const kh_exit_row *row = kh_exit_table; row->meaning != NULL; row++) {
    printf(".TP\n\\fB%d\\fR\n", row->status);
    print_paragraph(row->meaning);
  }
}

/* The head of khonsu-get(1) and its kin. */
static void print_head(const kh_command *command) {
  printf(".TH KHONSU\\-");
  for (const char *c = command->name; *c != '\0'; c++) putchar(toupper((unsigned char)*c));
  printf(" 1 \"\" \"khonsu %s\" \"User Commands\"\n", khonsu_library_version());
  printf(".SH NAME\nkhonsu\\-%s \\- ", command->name);
  print_paragraph(command->summary);
}

static void print_family(const kh_command *family) {
  printf(".SH SYNOPSIS\n.B khonsu %s\n%s\n.I command\n[options]\n.SH DESCRIPTION\n", family->name, family->argument);
  print_paragraph(family->about);
  printf(".SH COMMANDS\n");
  for (const kh_command *const *command = family->commands; *command != NULL; command++) print_command(*command);
  printf(".SH OPTIONS OF ALL COMMANDS\n");
  print_options(family->options);
}

static void print_single(const kh_command *command) {
  kh_usage_text usage;
  printf(".SH SYNOPSIS\n.B khonsu\n");
  print_paragraph(kh_command_usage(command, usage));
  printf(".SH DESCRIPTION\n");
  print_paragraph(command->about);
  if (command->options != NULL) printf(".SH OPTIONS\n");
  print_options(command->options);
  if (command == &kh_command_shell) print_statements();
}

static void print_environment(void) {
  printf(".SH ENVIRONMENT\n");
  for (const kh_shell_variable *variable = kh_shell_variables; variable->name != NULL; variable++) {
    print_tag("", variable->name, NULL);
    print_paragraph(variable->about);
  }
}

static void print_own_page(const kh_command *command) {
  print_head(command);
  if (command->commands != NULL) print_family(command);
  else print_single(command);
  print_exit_statuses();
  print_environment();
  printf(".SH SEE ALSO\n.BR khonsu (1)\n");
}

void kh_manual_page(const kh_command *command) {
  if (command != NULL) {
    print_own_page(command);
    return;
  }
  printf(".TH KHONSU 1 \"\" \"khonsu %s\" \"User Commands\"\n", khonsu_library_version());
  printf(".SH NAME\nkhonsu \\- transactions over Apache Arrow tables and byte values\n");
  printf(".SH SYNOPSIS\n.B khonsu\n.I command\n[options]\n.SH COMMANDS\n");
  for (const kh_command *const *each = kh_commands; *each != NULL; each++) print_command(*each);
  print_statements();
  print_exit_statuses();
  print_environment();
}
