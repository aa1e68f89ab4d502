#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int refuse(const kh_command *command, const char *what, const char *argument) {
  kh_complain("%s: %s; see `khonsu help %s%s%s`", what, argument, command->outer != NULL ? command->outer->name : "",
              command->outer != NULL ? " " : "", command->name);
  return KH_EXIT_USAGE;
}

bool kh_is_number(const char *value, uint64_t *number) {
  char *end;
  errno = 0;
  unsigned long long read = strtoull(value, &end, 10);
  *number = read;
  return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
}

bool kh_is_size(const char *value, uint64_t *size) {
  static const char units[] = "KMGT";
  char digits[32];
  size_t length = strlen(value);
  const char *unit = length > 0 ? strchr(units, value[length - 1]) : NULL;
  unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
  if (length >= sizeof digits) return false;
  snprintf(digits, sizeof digits, "%.*s", (int)(unit == NULL ? length : length - 1), value);
  if (!kh_is_number(digits, size) || *size > UINT64_MAX >> shift) return false;
  *size <<= shift;
  return true;
}

int kh_choice_find(const char *const *choices, const char *value) {
  for (int i = 0; choices[i] != NULL; i++)
    if (strcmp(choices[i], value) == 0) return i;
  return -1;
}

const char *kh_choice_list(const char *const *choices, kh_choice_text text) {
  size_t size = 0;
  text[0] = '\0';
  for (int i = 0; choices[i] != NULL && size < sizeof(kh_choice_text); i++)
    size += (size_t)snprintf(text + size, sizeof(kh_choice_text) - size, "%s%s", i > 0 ? "|" : "", choices[i]);
  return text;
}

static int set_number(const kh_option *option, const char *value) {
  uint64_t number;
  bool read = option->size != NULL ? kh_is_size(value, &number) : kh_is_number(value, &number);
  if (read && number >= option->least && number <= option->most) {
    *(option->size != NULL ? option->size : option->number) = number;
    return KH_GO_ON;
  }
  kh_complain("--%s is '%s': must be a number from %llu to %llu%s", option->name, value,
              (unsigned long long)option->least, (unsigned long long)option->most,
              option->size != NULL ? ", which may end in K, M, G or T" : "");
  return KH_EXIT_USAGE;
}

static int set_choice(const kh_option *option, const char *value) {
  kh_choice_text choices;
  kh_nearest nearest;
  kh_nearest_text meant;
  int found = kh_choice_find(option->choices, value);
  if (found >= 0) {
    *option->choice = found;
    return KH_GO_ON;
  }
  kh_nearest_init(&nearest, value);
  for (int i = 0; option->choices[i] != NULL; i++) kh_nearest_offer(&nearest, option->choices[i]);
  kh_complain("--%s is '%s': must be one of %s%s", option->name, value, kh_choice_list(option->choices, choices),
              kh_nearest_say(&nearest, meant));
  return KH_EXIT_USAGE;
}

static int add_to_list(const kh_option *option, const char *value) {
  if (option->list->count == KH_LIST_MAX) {
    kh_complain("--%s is given more than %d times", option->name, KH_LIST_MAX);
    return KH_EXIT_USAGE;
  }
  option->list->at[option->list->count++] = value;
  return KH_GO_ON;
}

static int set_value(const kh_option *option, const char *value) {
  if (option->number != NULL || option->size != NULL) return set_number(option, value);
  if (option->choice != NULL) return set_choice(option, value);
  if (option->list != NULL) return add_to_list(option, value);
  *option->text = value;
  return KH_GO_ON;
}

/* ---- options by their names */

const kh_option *kh_option_find(const kh_command *command, const char *name, size_t size) {
  for (; command != NULL; command = command->outer)
    for (const kh_option *option = command->options; option != NULL && option->name != NULL; option++)
      if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) return option;
  return NULL;
}

static int refuse_option(const kh_command *command, const char *argument) {
  char name[64];
  kh_nearest nearest;
  snprintf(name, sizeof name, "%.*s", (int)strcspn(argument + strspn(argument, "-"), "="),
           argument + strspn(argument, "-"));
  kh_nearest_init(&nearest, name);
  for (const kh_command *c = command; c != NULL; c = c->outer)
    for (const kh_option *option = c->options; option != NULL && option->name != NULL; option++)
      kh_nearest_offer(&nearest, option->name);
  if (nearest.best == NULL) return refuse(command, "there is no such option", argument);
  kh_complain("there is no such option: %s; did you mean --%s?", argument, nearest.best);
  return KH_EXIT_USAGE;
}

/* ---- the command line */

typedef struct reading {
  const kh_command *command;
  int argc, at; /* of what is read now */
  char **argv;
  char **free; /* where the next argument goes: all before it have been read */
  bool ended;  /* by --: what follows are arguments */
} reading;

/* One option, at argv[at], which goes on to its value. */
static int read_option(reading *self) {
  char *argument = self->argv[self->at];
  size_t size = strcspn(argument + 2, "=");
  const char *value = argument[2 + size] == '=' ? argument + 2 + size + 1 : NULL;
  const kh_option *option = strncmp(argument, "--", 2) == 0 ? kh_option_find(self->command, argument + 2, size) : NULL;
  if (option == NULL) return refuse_option(self->command, argument);
  if (option->flag != NULL) {
    if (value != NULL) return refuse(self->command, "this option takes no value", argument);
    *option->flag = true;
    return KH_GO_ON;
  }
  if (value == NULL && ++self->at == self->argc) return refuse(self->command, "the value is missing", argument);
  return set_value(option, value != NULL ? value : self->argv[self->at]);
}

size_t kh_command_most(const kh_command *command, bool has_database) {
  bool more = command->database != NULL && !has_database && command->most < SIZE_MAX;
  return command->most + (more ? 1 : 0);
}

/* An argument, or, in a family that has all of its own, the name of the command. */
static int read_argument(reading *self) {
  const kh_command *command = self->command;
  char *argument = self->argv[self->at];
  size_t count = command->arguments != NULL ? command->arguments->count : 0;
  if (count < kh_command_most(command, false)) {
    if (count == 0) command->arguments->at = (const char **)self->free;
    *self->free++ = argument;
    command->arguments->count++;
    return KH_GO_ON;
  }
  if (command->commands == NULL) return refuse(command, "unexpected argument", argument);
  self->command = kh_command_find(command->commands, argument);
  return self->command != NULL ? KH_GO_ON : kh_command_unknown(command->commands, argument);
}

/* In a family the first argument may be a command whose help is wanted. */
static int print_help(const reading *self) {
  const kh_command *command = self->command, *named = NULL;
  if (command->commands != NULL && command->arguments->count > 0)
    named = kh_command_find(command->commands, command->arguments->at[0]);
  kh_manual_command(named != NULL ? named : command);
  return KH_EXIT_OK;
}

static int read_word(reading *self) {
  const char *word = self->argv[self->at];
  if (self->ended || *word != '-' || word[1] == '\0') return read_argument(self);
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return print_help(self);
  self->ended = strcmp(word, "--") == 0;
  return self->ended ? KH_GO_ON : read_option(self);
}

/* The first argument is the directory, where no option has said which it is. False: there is none. */
static bool take_database(const kh_command *command) {
  kh_arguments *arguments = command->arguments;
  if (command->database == NULL || *command->database != NULL) return true;
  if (arguments->count == 0) return false;
  *command->database = *arguments->at++;
  arguments->count--;
  return true;
}

static int check_count(const kh_command *command) {
  bool has_database = take_database(command);
  size_t count = command->arguments != NULL ? command->arguments->count : 0;
  kh_usage_text usage;
  bool is_short = !has_database || count < command->least;
  if (count > command->most) return refuse(command, "unexpected argument", command->arguments->at[command->most]);
  if (!is_short && command->commands == NULL) return KH_GO_ON;
  kh_complain("%s usage: khonsu %s", is_short ? "an argument is missing;" : "which command?",
              kh_command_usage(command, usage));
  return KH_EXIT_USAGE;
}

int kh_options_parse(const kh_command **command, int argc, char **argv) {
  reading self = {.command = *command, .argc = argc, .at = 1, .argv = argv, .free = argv};
  int status = KH_GO_ON;
  for (; status == KH_GO_ON && self.at < argc; self.at++) status = read_word(&self);
  *command = self.command;
  return status != KH_GO_ON ? status : check_count(self.command);
}
