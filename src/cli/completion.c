/* khonsu completion SHELL: a script that has a shell complete what is typed. The script asks this program, which knows from
 * the tables of commands and options what may stand where: `khonsu completion words -- WORD...` prints, for the last of the
 * words, one candidate a line, with what it is for behind a tab; or :files or :directories. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static kh_arguments words;

/* ---- what may stand there */

static void offer(const char *name, const char *about) { printf("%s\t%s\n", name, about); }

static void offer_commands(const kh_command *const *commands) {
  for (; *commands != NULL; commands++) offer((*commands)->name, (*commands)->summary);
}

static void offer_options(const kh_command *command) {
  for (; command != NULL; command = command->outer)
    for (const kh_option *option = command->options; option != NULL && option->name != NULL; option++)
      printf("--%s\t%s\n", option->name, option->help);
  offer("--help", "say how the command is used");
}

static void offer_values(const kh_option *option) {
  for (size_t i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
    offer(option->choices[i], option->name);
  if (option->argument == NULL) return;
  if (strcmp(option->argument, "DIR") == 0) printf(":directories\n");
  if (strcmp(option->argument, "FILE") == 0) printf(":files\n");
}

static void offer_argument(const kh_command *command, size_t count, bool has_database, const char *typed) {
  if (*typed == '-') offer_options(command);
  else if (count == 0 && command->database != NULL && !has_database) printf(":directories\n");
  else if (count >= command->most && command->commands != NULL) offer_commands(command->commands);
  else if (count >= kh_command_most(command, has_database)) return;
  else if (command->completes == 'd') printf(":directories\n");
  else if (command->completes == 'f') printf(":files\n");
  else if (command->completes == 'c') offer_commands(kh_commands);
}

/* Goes through the words before the last as kh_options_parse does, without minding what is wrong. */
static int print_candidates(void) {
  const kh_command *command = NULL;
  const kh_option *waiting = NULL; /* an option whose value is next */
  size_t count = 0;
  bool has_database = false;
  for (size_t i = 1; i + 1 < words.count; i++) {
    const char *word = words.at[i];
    if (waiting != NULL) waiting = NULL;
    else if (command == NULL) {
      command = kh_command_find(kh_commands, word);
      if (command == NULL) return KH_EXIT_OK;
    } else if (*word == '-' && word[1] != '\0') {
      size_t size = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
      waiting = size > 0 ? kh_option_find(command, word + 2, size) : NULL;
      has_database |= waiting != NULL && waiting->text != NULL && waiting->text == command->database;
      if (waiting != NULL && (waiting->flag != NULL || word[2 + size] == '=')) waiting = NULL;
    } else if (count < command->most || command->commands == NULL) count++;
    else if (command->commands != NULL && kh_command_find(command->commands, word) != NULL) {
      command = kh_command_find(command->commands, word);
      count = 0;
    }
  }
  const char *typed = words.count > 1 ? words.at[words.count - 1] : "";
  if (waiting != NULL) offer_values(waiting);
  else if (command == NULL) offer_commands(kh_commands);
  else offer_argument(command, count, has_database, typed);
  return KH_EXIT_OK;
}

/* ---- scripts */

static const char bash_script[] =
    "_khonsu() {\n"
    "  local typed=${COMP_WORDS[COMP_CWORD]} word about\n"
    "  COMPREPLY=()\n"
    "  while IFS=$'\\t' read -r word about; do\n"
    "    case $word in\n"
    "      :files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$typed\") ;;\n"
    "      :directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$typed\") ;;\n"
    "      \"$typed\"*) COMPREPLY+=(\"$word\") ;;\n"
    "    esac\n"
    "  done < <(\"${COMP_WORDS[0]}\" completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _khonsu khonsu\n";

static const char zsh_script[] =
    "#compdef khonsu\n"
    "_khonsu() {\n"
    "  local line word\n"
    "  local -a candidates\n"
    "  while IFS= read -r line; do\n"
    "    word=${line%%$'\\t'*}\n"
    "    case $word in\n"
    "      :files) _files ;;\n"
    "      :directories) _files -/ ;;\n"
    "      *) candidates+=(\"${word//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "    esac\n"
    "  done < <(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "  (( ${#candidates} )) && _describe khonsu candidates\n"
    "}\n"
    "compdef _khonsu khonsu\n";

static const char fish_script[] =
    "function __khonsu_complete\n"
    "  set -l typed (commandline -opc) (commandline -ct)\n"
    "  for line in ($typed[1] completion words -- $typed[2..-1] 2>/dev/null)\n"
    "    switch $line\n"
    "      case ':files'\n"
    "        __fish_complete_path (commandline -ct)\n"
    "      case ':directories'\n"
    "        __fish_complete_directories (commandline -ct) ''\n"
    "      case '*'\n"
    "        echo $line\n"
    "    end\n"
    "  end\n"
    "end\n"
    "complete -c khonsu -f -a '(__khonsu_complete)'\n";

static int run(void) {
  static const char *const shells[] = {"bash", "zsh", "fish", "words", NULL};
  static const char *const scripts[] = {bash_script, zsh_script, fish_script};
  kh_choice_text choices;
  int shell = kh_choice_find(shells, words.at[0]);
  if (shell == 3) return print_candidates();
  if (shell >= 0 && words.count == 1) {
    fputs(scripts[shell], stdout);
    return KH_EXIT_OK;
  }
  kh_complain("there is no completion for '%s': must be one of %s", words.at[0], kh_choice_list(shells, choices));
  return KH_EXIT_USAGE;
}

const kh_command kh_command_completion = {
    .name = "completion",
    .summary = "print a script that has a shell complete commands and options",
    .about =
        "Prints a script for bash, zsh or fish.\n"
        "bash: source <(khonsu completion bash), in ~/.bashrc. zsh: source <(khonsu completion zsh), in ~/.zshrc, "
        "behind compinit. fish: khonsu completion fish | source, in ~/.config/fish/config.fish.\n"
        "The scripts call `khonsu completion words -- WORD...`, which prints what the last of the words may be.",
    .argument = "bash|zsh|fish",
    .least = 1,
    .most = SIZE_MAX,
    .arguments = &words,
    .run = run,
};
