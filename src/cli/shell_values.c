#include <string.h>

#include "shell.h"

/* What a statement does, for the bodies below. */
typedef struct task {
  kh_shell *shell;
  const kh_words *words;
  int64_t number;
} task;

static khonsu_slice key_of(const task *self) { return kh_word_at(self->words, 1); }

/* ---- get */

/* Bytes as they are, but for a terminal, which they must not play with. */
static void print_bytes(const kh_shell *shell, khonsu_slice bytes) {
  kh_text visible = {.data = NULL};
  if (shell->printer.is_terminal) {
    kh_text_add_visible(&visible, bytes);
    bytes = kh_text_slice(&visible);
  }
  if (bytes.size != 0) fwrite(bytes.data, 1, bytes.size, shell->printer.out);
  putc('\n', shell->printer.out);
  kh_text_fini(&visible);
}

static const kh_list_column columns[] = {{"key", KH_LIST_BYTES}, {"type", KH_LIST_TEXT}, {"value", KH_LIST_VALUE}};

typedef struct one_value {
  khonsu_slice key;
  const kh_value *value;
} one_value;

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  const one_value *self = ctx;
  bool is_counter = self->value->type == KHONSU_COUNTER;
  kh_list_add_bytes(list, self->key);
  kh_list_add_text(list, is_counter ? "counter" : "bytes");
  if (is_counter) kh_list_add_value_number(list, self->value->counter);
  else kh_list_add_value_bytes(list, (khonsu_slice){self->value->bytes.data, self->value->bytes.size});
  list->is_last = true;
  return KHONSU_OK;
}

khonsu_status kh_shell_print_row(kh_shell *shell, khonsu_slice key, const kh_value *value, khonsu_error *error) {
  one_value row = {key, value};
  return kh_shell_print_list(shell, columns, sizeof columns / sizeof *columns, "value", fill, &row, error);
}

static khonsu_status print_value(const task *self, kh_value *value, khonsu_error *error) {
  kh_shell *shell = self->shell;
  if (value->type == KHONSU_TABLE) return kh_print(&shell->printer, &kh_look_rows, &value->table, error);
  if (shell->printer.format != KH_FORMAT_TABLE) return kh_shell_print_row(shell, key_of(self), value, error);
  if (value->type == KHONSU_COUNTER) fprintf(shell->printer.out, "%lld\n", (long long)value->counter);
  else print_bytes(shell, (khonsu_slice){value->bytes.data, value->bytes.size});
  return KHONSU_OK;
}

static khonsu_status get(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  kh_value value;
  khonsu_status status = kh_value_get(txn, key_of(self), &value, error);
  if (status != KHONSU_OK) return status;
  status = print_value(self, &value, error);
  kh_value_release(&value);
  return status;
}

khonsu_status kh_shell_get(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  return kh_shell_look(shell, get, &self, error);
}

/* ---- put, set, add, del */

static khonsu_status put(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  return khonsu_put_bytes(txn, key_of(self), kh_word_at(self->words, 2), error);
}

khonsu_status kh_shell_put(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  return kh_shell_write(shell, words, put, &self, error);
}

static khonsu_status read_number(const kh_words *words, size_t index, int64_t *number, khonsu_error *error) {
  return kh_counter_read(kh_word_string(words, index), number, error);
}

static khonsu_status set(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  return khonsu_put_counter(txn, key_of(self), self->number, error);
}

khonsu_status kh_shell_set(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  khonsu_status status = read_number(words, 2, &self.number, error);
  return status == KHONSU_OK ? kh_shell_write(shell, words, set, &self, error) : status;
}

static khonsu_status add(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  return khonsu_add(txn, key_of(self), self->number, error);
}

khonsu_status kh_shell_add(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words, .number = 1};
  khonsu_status status = words->count > 2 ? read_number(words, 2, &self.number, error) : KHONSU_OK;
  return status == KHONSU_OK ? kh_shell_write(shell, words, add, &self, error) : status;
}

static khonsu_status del(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 1; status == KHONSU_OK && i < self->words->count; i++)
    status = khonsu_delete(txn, kh_word_at(self->words, i), error);
  return status;
}

khonsu_status kh_shell_del(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .words = words};
  return kh_shell_write(shell, words, del, &self, error);
}
