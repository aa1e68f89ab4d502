/* khonsu: one program, many commands. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

const kh_command *const kh_commands[] = {
    &kh_command_get,
    &kh_command_put,
    &kh_command_del,
    &kh_command_ls,
    &kh_command_scan,
    &kh_command_select,
    &kh_command_import,
    &kh_command_append,
    &kh_command_upsert,
    &kh_command_export,
    &kh_command_txn,
    &kh_command_shell,
    &kh_command_stat,
    &kh_command_check,
    &kh_command_repair,
    &kh_command_merge,
    &kh_command_bench,
    &kh_command_kv,
    &kh_command_demo,
    &kh_command_help,
    &kh_command_completion,
    &kh_command_version,
    NULL,
};

const kh_command *kh_command_find(const kh_command *const *commands, const char *name) {
  for (; *commands != NULL; commands++)
    if (strcmp((*commands)->name, name) == 0) return *commands;
  return NULL;
}

int kh_command_unknown(const kh_command *const *commands, const char *name) {
  const kh_command *outer = (*commands)->outer;
  kh_nearest nearest;
  kh_nearest_text meant;
  kh_nearest_init(&nearest, name);
  for (; *commands != NULL; commands++) kh_nearest_offer(&nearest, (*commands)->name);
  if (nearest.best != NULL) kh_complain("there is no command '%s'%s", name, kh_nearest_say(&nearest, meant));
  else
    kh_complain("there is no command '%s'; `khonsu help%s%s` lists them", name, outer != NULL ? " " : "",
                outer != NULL ? outer->name : "");
  return KH_EXIT_USAGE;
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
  int status = kh_options_parse(&command, argc, argv);
  return status != KH_GO_ON ? status : command->run();
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  set_locale();
  if (name == NULL) {
    kh_complain("which command? `khonsu help` lists them");
    return KH_EXIT_USAGE;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0) name = "version";
  const kh_command *command = kh_command_find(kh_commands, name);
  return command != NULL ? finish(run(command, argc - 1, argv + 1)) : kh_command_unknown(kh_commands, name);
}
