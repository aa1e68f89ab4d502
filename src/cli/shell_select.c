#include <string.h>
#include <strings.h>

#include "shell.h"

typedef struct task {
  kh_shell *shell;
  khonsu_slice key;
  khonsu_select_options options;
  kh_columns columns; /* what the options point into */
  kh_text condition;
} task;

static khonsu_status print_part(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const task *self = ctx;
  struct ArrowArrayStream rows;
  khonsu_status status = khonsu_select(txn, self->key, &self->options, &rows, error);
  return status == KHONSU_OK ? kh_print(&self->shell->printer, &kh_look_rows, &rows, error) : status;
}

static khonsu_status wrong(khonsu_error *error, const char *what) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s", what);
}

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
}

static khonsu_status read_count(const kh_words *words, size_t index, const char *what, uint64_t least, uint64_t *count,
                                khonsu_error *error) {
  const char *text = kh_word_string(words, index);
  if (text != NULL && kh_is_number(text, count) && *count >= least) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the %s must be a number from %d on", what, (int)least);
}

/* Keywords in capitals as well, as in conditions. */
static bool is_keyword(const kh_words *words, size_t index, const char *keyword) {
  khonsu_slice word = kh_word_at(words, index);
  return !words->words[index].is_quoted && word.size == strlen(keyword) &&
         strncasecmp(word.data, keyword, word.size) == 0;
}

/* ---- columns */

static khonsu_status read_columns(task *self, khonsu_slice list, khonsu_error *error) {
  if (kh_slice_is(list, "*")) return KHONSU_OK;
  khonsu_status status = kh_columns_read(&self->columns, list, KH_COLUMNS_AS_TYPED, error);
  self->options.columns = self->columns.names;
  self->options.column_count = self->columns.count;
  return status;
}

/* ---- the statement, whose end is read first: a condition goes up to where that begins */

static khonsu_status read_counts(task *self, const kh_words *words, size_t first, size_t *end, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  while (status == KHONSU_OK && *end >= first + 2) {
    if (is_keyword(words, *end - 2, "limit"))
      status = read_count(words, *end - 1, "limit", 1, &self->options.limit, error);
    else if (is_keyword(words, *end - 2, "offset"))
      status = read_count(words, *end - 1, "offset", 0, &self->options.offset, error);
    else break;
    *end -= 2;
  }
  return status;
}

static khonsu_status read_condition(task *self, const kh_words *words, size_t first, size_t end, khonsu_error *error) {
  if (first == end) return KHONSU_OK;
  if (!is_keyword(words, first, "where"))
    return wrong(error, "after the key there may be where CONDITION, limit N, offset N");
  if (first + 1 == end) return wrong(error, "there is no condition after where");
  khonsu_slice condition = kh_words_raw(words, first + 1, end - 1);
  if (memchr(condition.data, '\0', condition.size) != NULL) return wrong(error, "a condition has no NUL bytes");
  kh_text_add(&self->condition, condition.data, condition.size);
  kh_text_add_char(&self->condition, '\0');
  if (self->condition.failed) return no_memory(error);
  self->options.where = self->condition.data;
  return KHONSU_OK;
}

static khonsu_status read_statement(task *self, const kh_words *words, khonsu_error *error) {
  size_t from = 1, end = words->count;
  while (from < words->count && !is_keyword(words, from, "from")) from++;
  if (from == 1) return wrong(error, "there are no columns before from");
  if (from + 1 >= words->count) return wrong(error, "there is no from KEY");
  self->key = kh_word_at(words, from + 1);
  khonsu_status status = read_columns(self, kh_words_raw(words, 1, from - 1), error);
  if (status == KHONSU_OK) status = read_counts(self, words, from + 2, &end, error);
  return status == KHONSU_OK ? read_condition(self, words, from + 2, end, error) : status;
}

khonsu_status kh_shell_select(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .options = KHONSU_SELECT_OPTIONS_INIT};
  khonsu_status status = read_statement(&self, words, error);
  if (status == KHONSU_OK) status = kh_shell_look(shell, print_part, &self, error);
  kh_columns_fini(&self.columns);
  kh_text_fini(&self.condition);
  return status;
}

khonsu_status kh_shell_head(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  task self = {.shell = shell, .key = kh_word_at(words, 1), .options = KHONSU_SELECT_OPTIONS_INIT};
  self.options.limit = 10;
  khonsu_status status = KHONSU_OK;
  if (words->count > 2) status = read_count(words, 2, "number of rows", 1, &self.options.limit, error);
  return status == KHONSU_OK ? kh_shell_look(shell, print_part, &self, error) : status;
}
