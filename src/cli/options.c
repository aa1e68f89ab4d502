#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void print_option(const kh_option *option) {
  char left[40];
  snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument != NULL ? " " : "",
           option->argument != NULL ? option->argument : "");
  printf("  %-16s %s", left, option->help);
  if (option->text != NULL && *option->text != NULL) printf(" (default: %s)", *option->text);
  if (option->number != NULL) printf(" (default: %llu)", (unsigned long long)*option->number);
  putchar('\n');
}

static int print_help(const kh_option *options, const char *about, const char *command) {
  printf("usage: khonsu %s [options]\n\n", command);
  kh_print_wrapped(about, 0, 100);
  putchar('\n');
  for (; options->name != NULL; options++) print_option(options);
  return KH_EXIT_OK;
}

static int refuse(const char *command, const char *what, const char *argument) {
  kh_complain("%s: %s; see `khonsu help %s`", what, argument, command);
  return KH_EXIT_USAGE;
}

static bool is_number(const char *value, uint64_t *number) {
  char *end;
  errno = 0;
  unsigned long long read = strtoull(value, &end, 10);
  *number = read;
  return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
}

static int set_number(const kh_option *option, const char *value) {
  uint64_t number;
  if (is_number(value, &number) && number >= option->least && number <= option->most) {
    *option->number = number;
    return KH_GO_ON;
  }
  kh_complain("--%s is '%s': must be a number from %llu to %llu", option->name, value,
              (unsigned long long)option->least, (unsigned long long)option->most);
  return KH_EXIT_USAGE;
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

int kh_options_parse(const kh_option *options, const char *about, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return print_help(options, about, argv[0]);
    const char *value;
    const kh_option *option = find_option(options, argv[i], &value);
    if (option == NULL)
      return refuse(argv[0], *argv[i] == '-' ? "there is no such option" : "unexpected argument", argv[i]);
    if (option->flag != NULL) {
      if (value != NULL) return refuse(argv[0], "this option takes no value", argv[i]);
      *option->flag = true;
      continue;
    }
    if (value == NULL && ++i == argc) return refuse(argv[0], "the value is missing", argv[i - 1]);
    if (value == NULL) value = argv[i];
    if (option->text != NULL) *option->text = value;
    else if (set_number(option, value) != KH_GO_ON) return KH_EXIT_USAGE;
  }
  return KH_GO_ON;
}
