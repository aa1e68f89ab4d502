/* schema-rules: what rows may do to the schema of the table they come into. */
#include <string.h>

#include "shell.h"

const char *const kh_shell_rules_words[] = {"strict", "add", "widen", "add,widen", NULL}; /* by the rules' number */

typedef struct task {
  const kh_shell *shell;
  khonsu_slice key;
  khonsu_schema_rules rules;
} task;

static khonsu_status print_rules(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  khonsu_status status = khonsu_get_schema_rules(txn, self->key, &self->rules, error);
  if (status == KHONSU_OK) fprintf(self->shell->printer.out, "%s\n", kh_shell_rules_words[self->rules]);
  return status;
}

static khonsu_status set_rules(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  return khonsu_set_schema_rules(txn, self->key, self->rules, error);
}

khonsu_status kh_shell_schema_rules(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .key = kh_word_at(words, 1)};
  if (words->count == 2) return kh_shell_look(shell, print_rules, &self, error);
  int rules = 0;
  while (kh_shell_rules_words[rules] != NULL && !kh_word_is(words, 2, kh_shell_rules_words[rules])) rules++;
  if (kh_shell_rules_words[rules] == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the rules are strict, add, widen, or add,widen");
  self.rules = (khonsu_schema_rules)rules;
  return kh_shell_write(shell, words, set_rules, &self, error);
}
