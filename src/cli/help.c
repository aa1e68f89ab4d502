/* khonsu help [COMMAND] */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static int list_commands(void) {
  printf("Transactions over Apache Arrow tables and byte values.\n\nusage: khonsu <command> [options]\n\n");
  for (const kh_command *command = kh_commands; command->name != NULL; command++)
    printf("  %-10s %s\n", command->name, command->summary);
  printf("\n`khonsu help <command>` says how a command is used.\n");
  return KH_EXIT_OK;
}

int kh_command_help(int argc, char **argv) {
  if (argc < 2) return list_commands();
  if (strcmp(argv[1], "--help") == 0) {
    printf("usage: khonsu help [command]\n");
    return KH_EXIT_OK;
  }
  for (const kh_command *command = kh_commands; command->name != NULL; command++)
    if (strcmp(command->name, argv[1]) == 0) return command->run(2, (char *[]){argv[1], (char[]){"--help"}, NULL});
  kh_complain("there is no command '%s'; `khonsu help` lists them", argv[1]);
  return KH_EXIT_USAGE;
}
