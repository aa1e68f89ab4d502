/* khonsu help [COMMAND] */
#include "cli.h"

static struct {
  const char *command;
  bool man;
} settings;

static int run(void) {
  if (settings.man) {
    kh_manual_page();
    return KH_EXIT_OK;
  }
  if (settings.command == NULL) {
    kh_manual_commands();
    return KH_EXIT_OK;
  }
  const kh_command *command = kh_command_find(settings.command);
  if (command == NULL) {
    kh_complain("there is no command '%s'; `khonsu help` lists them", settings.command);
    return KH_EXIT_USAGE;
  }
  kh_manual_command(command);
  return KH_EXIT_OK;
}

static const kh_option options[] = {
    {"man", NULL, "print the manual page khonsu(1), as roff", .flag = &settings.man},
    {.name = NULL},
};

const kh_command kh_command_help = {
    .name = "help",
    .summary = "say what there is, or how one command is used",
    .about = "Lists the commands, or says how one of them is used.",
    .options = options,
    .argument = "[COMMAND]",
    .argument_at = &settings.command,
    .run = run,
};
