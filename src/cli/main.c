/* khonsu: one program, many commands. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

const kh_command *const kh_commands[] = {
    &kh_command_shell, &kh_command_demo, &kh_command_help, &kh_command_version, NULL,
};

const kh_command *kh_command_find(const char *name) {
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0) name = "version";
  for (const kh_command *const *command = kh_commands; *command != NULL; command++)
    if (strcmp((*command)->name, name) == 0) return *command;
  return NULL;
}

/* Text is UTF-8 here, whatever the terminal was told: only a locale of that encoding knows how wide characters are. */
static void set_locale(void) {
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

/* Results that did not reach stdout (a full disk, a closed pipe) are a failure. */
static int finish(int status) {
  bool whole = ferror(stdout) == 0 && fflush(stdout) == 0;
  return whole || status != KH_EXIT_OK ? status : kh_complain("cannot write to standard output");
}

static int run(const kh_command *command, int argc, char **argv) {
  int status = kh_options_parse(command, argc, argv);
  return status != KH_GO_ON ? status : command->run();
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  const kh_command *command = name == NULL ? NULL : kh_command_find(name);
  set_locale();
  if (command != NULL) return finish(run(command, argc - 1, argv + 1));
  if (name == NULL) kh_complain("which command? `khonsu help` lists them");
  else kh_complain("there is no command '%s'; `khonsu help` lists them", name);
  return KH_EXIT_USAGE;
}
