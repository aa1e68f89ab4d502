/* khonsu help [COMMAND...] */
#include "cli.h"

static struct {
  kh_arguments names;
  bool man;
} settings;

/* "kv", or "kv get". */
static int find(const kh_command **command) {
  const kh_command *const *commands = kh_commands;
  for (size_t i = 0; i < settings.names.count; i++) {
    *command = commands != NULL ? kh_command_find(commands, settings.names.at[i]) : NULL;
    if (*command == NULL) return kh_command_unknown(commands != NULL ? commands : kh_commands, settings.names.at[i]);
    commands = (*command)->commands;
  }
  return KH_GO_ON;
}

static int run(void) {
  const kh_command *command = NULL;
  int status = find(&command);
  if (status != KH_GO_ON) return status;
  if (settings.man) kh_manual_page(command);
  else if (command == NULL) kh_manual_commands();
  else kh_manual_command(command);
  return KH_EXIT_OK;
}

static const kh_option options[] = {
    {"man", NULL, "print the manual page khonsu(1), or that of the command, as roff", .flag = &settings.man},
    {.name = NULL},
};

const kh_command kh_command_help = {
    .name = "help",
    .summary = "say what there is, or how one command is used",
    .about = "Lists the commands, or says how one of them is used.",
    .options = options,
    .argument = "[COMMAND...]",
    .most = 2,
    .arguments = &settings.names,
    .completes = 'c',
    .run = run,
};
