/* Rows by key: upsert, delete-rows, key-columns. */
#include <string.h>

#include "shell.h"

typedef struct task {
  khonsu_slice key;
  kh_rows_file file;
  kh_columns columns;
  uint64_t inserted, updated, deleted;
} task;

static khonsu_status wrong(khonsu_error *error, const char *what) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s", what);
}

/* "from FILE [arrow|csv]", to the end of the statement. */
static khonsu_status read_from(const kh_words *words, size_t from, kh_rows_file *file, khonsu_error *error) {
  if (from + 1 >= words->count) return wrong(error, "there is no from FILE");
  if (from + 3 < words->count) return wrong(error, "after the file there may be arrow or csv");
  return kh_shell_file_read(words, from + 1, file, error);
}

/* ---- counts, told once the statement cannot be run again */

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  const uint64_t *counts = ctx;
  for (size_t i = 0; i < list->count; i++) kh_list_add_number(list, counts[i]);
  list->is_last = true;
  return KHONSU_OK;
}

khonsu_status kh_shell_print_counts(kh_shell *shell, const kh_list_column *columns, size_t count, uint64_t *counts,
                                    khonsu_error *error) {
  FILE *out = shell->printer.out;
  if (shell->printer.format != KH_FORMAT_TABLE)
    return kh_shell_print_list(shell, columns, count, "row", fill, counts, error);
  for (size_t i = 0; i < count; i++)
    fprintf(out, "%s%llu %s", i > 0 ? ", " : "", (unsigned long long)counts[i], columns[i].name);
  putc('\n', out);
  return KHONSU_OK;
}

/* ---- upsert */

static khonsu_status upsert(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  struct ArrowArrayStream rows;
  khonsu_status status = kh_rows_file_open(&self->file, &rows, error);
  if (status != KHONSU_OK) return status;
  return khonsu_upsert(txn, self->key, &rows, self->columns.names, self->columns.count, &self->inserted, &self->updated,
                       error);
}

static khonsu_status read_upsert(task *self, const kh_words *words, khonsu_error *error) {
  size_t from = 2;
  if (!kh_word_is(words, 2, "by")) return wrong(error, "after the key there must be by COLUMN,... from FILE");
  while (from < words->count && !kh_word_is(words, from, "from")) from++;
  if (from == 3) return wrong(error, "there are no columns behind by");
  khonsu_status status = read_from(words, from, &self->file, error);
  if (status != KHONSU_OK) return status;
  return kh_columns_read(&self->columns, kh_words_raw(words, 3, from - 1), KH_COLUMNS_UNQUOTED, error);
}

khonsu_status kh_shell_upsert(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const kh_list_column columns[] = {{"inserted", KH_LIST_NUMBER}, {"updated", KH_LIST_NUMBER}};
  task self = {.key = kh_word_at(words, 1)};
  khonsu_status status = read_upsert(&self, words, error);
  if (status == KHONSU_OK) status = kh_shell_write(shell, words, upsert, &self, error);
  if (status == KHONSU_OK)
    status = kh_shell_print_counts(shell, columns, 2, (uint64_t[]){self.inserted, self.updated}, error);
  kh_columns_fini(&self.columns);
  return status;
}

/* ---- delete-rows */

static khonsu_status delete_rows(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  task *self = ctx;
  struct ArrowArrayStream keys;
  khonsu_status status = kh_rows_file_open(&self->file, &keys, error);
  return status == KHONSU_OK ? khonsu_delete_rows(txn, self->key, &keys, &self->deleted, error) : status;
}

khonsu_status kh_shell_delete_rows(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const kh_list_column columns[] = {{"deleted", KH_LIST_NUMBER}};
  task self = {.key = kh_word_at(words, 1)};
  if (!kh_word_is(words, 2, "from")) return wrong(error, "after the key there must be from FILE");
  khonsu_status status = read_from(words, 2, &self.file, error);
  if (status == KHONSU_OK) status = kh_shell_write(shell, words, delete_rows, &self, error);
  return status == KHONSU_OK ? kh_shell_print_counts(shell, columns, 1, &self.deleted, error) : status;
}

/* ---- key-columns */

static khonsu_status print_key_columns(const kh_shell *shell, const kh_columns *columns, khonsu_error *error) {
  kh_text text = {.data = NULL};
  if (columns->count == 0) kh_text_add_string(&text, "none");
  kh_columns_write(columns, &text);
  khonsu_status status = KHONSU_OK;
  if (text.failed) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  else fprintf(shell->printer.out, "%.*s\n", (int)text.size, text.data);
  kh_text_fini(&text);
  return status;
}

khonsu_status kh_shell_key_columns(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  kh_shell_txn *current = shell->current < shell->txn_count ? &shell->txns[shell->current] : NULL;
  kh_columns *columns = current != NULL ? &current->key_columns : &shell->key_columns;
  if (words->count == 1) return print_key_columns(shell, columns, error);
  kh_columns chosen = {.count = 0};
  khonsu_status status = KHONSU_OK;
  if (words->count > 2 || !kh_word_is(words, 1, "none"))
    status = kh_columns_read(&chosen, kh_words_raw(words, 1, words->count - 1), KH_COLUMNS_UNQUOTED, error);
  if (status == KHONSU_OK && current != NULL)
    status = khonsu_set_key_columns(current->txn, chosen.names, chosen.count, error);
  if (status == KHONSU_OK) {
    kh_columns_fini(columns);
    *columns = chosen;
  } else kh_columns_fini(&chosen);
  return status;
}
