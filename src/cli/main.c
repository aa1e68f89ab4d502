/* khonsu: one program, many commands. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

const kh_command kh_commands[] = {
    {"demo", "load real flights from many threads and check every snapshot", kh_command_demo},
    {"help", "say what there is, or how one command is used", kh_command_help},
    {"version", "print the version", kh_command_version},
    {NULL, NULL, NULL},
};

static const kh_command *find_command(const char *name) {
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0) name = "version";
  for (const kh_command *command = kh_commands; command->name != NULL; command++)
    if (strcmp(command->name, name) == 0) return command;
  return NULL;
}

/* Results that did not reach stdout (a full disk, a closed pipe) are a failure. */
static int finish(int status) {
  bool whole = ferror(stdout) == 0 && fflush(stdout) == 0;
  return whole || status != KH_EXIT_OK ? status : kh_complain("cannot write to standard output");
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  const kh_command *command = name == NULL ? NULL : find_command(name);
  if (command != NULL) return finish(command->run(argc - 1, argv + 1));
  if (name == NULL) kh_complain("which command? `khonsu help` lists them");
  else kh_complain("there is no command '%s'; `khonsu help` lists them", name);
  return KH_EXIT_USAGE;
}
