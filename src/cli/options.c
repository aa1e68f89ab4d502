#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const kh_option no_options[] = {{.name = NULL}};

static int refuse(const char *command, const char *what, const char *argument) {
  kh_complain("%s: %s; see `khonsu help %s`", what, argument, command);
  return KH_EXIT_USAGE;
}

bool kh_is_number(const char *value, uint64_t *number) {
  char *end;
  errno = 0;
  unsigned long long read = strtoull(value, &end, 10);
  *number = read;
  return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
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
  if (kh_is_number(value, &number) && number >= option->least && number <= option->most) {
    *option->number = number;
    return KH_GO_ON;
  }
  kh_complain("--%s is '%s': must be a number from %llu to %llu", option->name, value,
              (unsigned long long)option->least, (unsigned long long)option->most);
  return KH_EXIT_USAGE;
}

static int set_choice(const kh_option *option, const char *value) {
  kh_choice_text choices;
  int found = kh_choice_find(option->choices, value);
  if (found >= 0) {
    *option->choice = found;
    return KH_GO_ON;
  }
  kh_complain("--%s is '%s': must be one of %s", option->name, value, kh_choice_list(option->choices, choices));
  return KH_EXIT_USAGE;
}

static int set_value(const kh_option *option, const char *value) {
  if (option->number != NULL) return set_number(option, value);
  if (option->choice != NULL) return set_choice(option, value);
  *option->text = value;
  return KH_GO_ON;
}

/* The option that `argument` names, and the value after its '=', if any. */
static const kh_option *find_option(const kh_option *options, const char *argument, const char **value) {
  if (strncmp(argument, "--", 2) != 0) return NULL;
  size_t size = strcspn(argument + 2, "=");
  *value = argument[2 + size] == '=' ? argument + 2 + size + 1 : NULL;
  for (; options->name != NULL; options++)
    if (strlen(options->name) == size && memcmp(options->name, argument + 2, size) == 0) return options;
  return NULL;
}

/* One option, at argv[*i], which goes on to its value. */
static int parse_option(const kh_option *option, const char *value, int argc, char **argv, int *i) {
  if (option->flag != NULL) {
    if (value != NULL) return refuse(argv[0], "this option takes no value", argv[*i]);
    *option->flag = true;
    return KH_GO_ON;
  }
  if (value == NULL && ++*i == argc) return refuse(argv[0], "the value is missing", argv[*i - 1]);
  return set_value(option, value != NULL ? value : argv[*i]);
}

int kh_options_parse(const kh_command *command, int argc, char **argv) {
  bool has_argument = false;
  int status = KH_GO_ON;
  for (int i = 1; status == KH_GO_ON && i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      kh_manual_command(command);
      return KH_EXIT_OK;
    }
    const char *value;
    const kh_option *option = find_option(command->options != NULL ? command->options : no_options, argv[i], &value);
    if (option != NULL) status = parse_option(option, value, argc, argv, &i);
    else if (*argv[i] == '-') return refuse(argv[0], "there is no such option", argv[i]);
    else if (command->argument == NULL || has_argument) return refuse(argv[0], "unexpected argument", argv[i]);
    else {
      *command->argument_at = argv[i];
      has_argument = true;
    }
  }
  return status;
}
