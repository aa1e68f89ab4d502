/* Statements about the shell, and the figures of the database. */
#include <string.h>

#include "shell.h"

enum { ROWS_LEAST = 2, ROWS_MOST = 100000, HOT_KEYS_MAX = 64 };

/* ---- what statements share */

khonsu_status kh_shell_word_choice(const kh_words *words, size_t index, const char *const *choices, const char *what,
                                   int *choice, khonsu_error *error) {
  kh_choice_text list;
  const char *word = index < words->count ? kh_word_string(words, index) : NULL;
  *choice = word != NULL ? kh_choice_find(choices, word) : -1;
  if (*choice >= 0) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s must be one of %s", what, kh_choice_list(choices, list));
}

khonsu_status kh_shell_print_list(kh_shell *shell, const kh_list_column *columns, size_t count, const char *noun,
                                  kh_list_fill fill, void *ctx, khonsu_error *error) {
  const kh_look look = {.noun = noun, .null = "", .without_types = true};
  struct ArrowArrayStream stream;
  khonsu_status status = kh_list_stream(columns, count, fill, ctx, &stream, error);
  return status == KHONSU_OK ? kh_print(&shell->printer, &look, &stream, error) : status;
}

/* ---- settings */

khonsu_status kh_shell_format(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  if (words->count > 1) {
    int format;
    khonsu_status status = kh_shell_word_choice(words, 1, kh_format_names, "the format", &format, error);
    if (status == KHONSU_OK) shell->printer.format = format;
    return status;
  }
  printf("%s\n", kh_format_names[shell->printer.format]);
  return KHONSU_OK;
}

khonsu_status kh_shell_rows(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  if (words->count == 1) {
    printf("%lld\n", (long long)shell->printer.rows_max);
    return KHONSU_OK;
  }
  const char *text = kh_word_string(words, 1);
  uint64_t rows;
  if (text == NULL || !kh_is_number(text, &rows) || rows < ROWS_LEAST || rows > ROWS_MOST)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the rows must be a number from %d to %d", ROWS_LEAST,
                            ROWS_MOST);
  shell->printer.rows_max = (int64_t)rows;
  return KHONSU_OK;
}

khonsu_status kh_shell_timing(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  static const char *const choices[] = {"off", "on", NULL};
  int on;
  khonsu_status status = kh_shell_word_choice(words, 1, choices, "timing", &on, error);
  if (status == KHONSU_OK) shell->timing = on;
  return status;
}

khonsu_status kh_shell_help(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  (void)shell;
  if (words->count == 1) {
    kh_manual_statements();
    return KHONSU_OK;
  }
  const kh_statement *statement = kh_statement_find(kh_word_at(words, 1));
  if (statement == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there is no such statement; `help` lists them");
  kh_manual_statement(statement);
  return KHONSU_OK;
}

khonsu_status kh_shell_quit(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  (void)words, (void)error;
  shell->quit = true;
  return KHONSU_OK;
}

/* ---- stat */

static const kh_list_column figure_columns[] = {{"figure", KH_LIST_TEXT}, {"value", KH_LIST_NUMBER}};

typedef struct figures {
  const khonsu_stats *stats;
  bool stored_only; /* what is in the directory, and not what this process did */
} figures;

static khonsu_status fill_figures(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  const figures *self = ctx;
  const khonsu_stats *s = self->stats;
  const struct {
    const char *name;
    uint64_t value;
    bool is_stored;
  } rows[] = {{"version", s->version, true},
              {"oldest_snapshot", s->oldest_snapshot, false},
              {"open_transactions", s->open_transactions, false},
              {"open_snapshots", s->open_snapshots, false},
              {"records", s->records, false},
              {"versions", s->versions, false},
              {"memory_bytes", s->memory_bytes, false},
              {"unreclaimed", s->unreclaimed, false},
              {"pinned_bytes", s->pinned_bytes, false},
              {"longest_chain", s->longest_chain, false},
              {"commits", s->commits, false},
              {"conflicts", s->conflicts, false},
              {"groups", s->groups, false},
              {"synced", s->synced, true},
              {"stored_records", s->stored_records, true},
              {"data_files", s->data_files, true},
              {"disk_bytes", s->disk_bytes, true},
              {"live_bytes", s->live_bytes, true},
              {"reclaimable_bytes", s->reclaimable_bytes, true},
              {"syncs", s->syncs, false},
              {"merged_files", s->merged_files, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (self->stored_only && !rows[i].is_stored) continue;
    kh_list_add_text(list, rows[i].name);
    kh_list_add_number(list, rows[i].value);
  }
  list->is_last = true;
  return KHONSU_OK;
}

static const kh_list_column hot_columns[] = {
    {"key", KH_LIST_BYTES}, {"conflicts", KH_LIST_NUMBER}, {"uncertain", KH_LIST_NUMBER}};

typedef struct hot_keys {
  khonsu_hot_key keys[HOT_KEYS_MAX];
  size_t count, next;
} hot_keys;

static khonsu_status fill_hot_keys(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  hot_keys *self = ctx;
  for (; self->next < self->count; self->next++) {
    const khonsu_hot_key *hot = &self->keys[self->next];
    kh_list_add_bytes(list, (khonsu_slice){hot->key.data, hot->key.size});
    kh_list_add_number(list, hot->conflicts);
    kh_list_add_number(list, hot->uncertain);
  }
  return KHONSU_OK;
}

static khonsu_status print_hot_keys(kh_shell *shell, khonsu_error *error) {
  hot_keys self = {.count = HOT_KEYS_MAX};
  khonsu_status status = khonsu_stat_conflicts(shell->db, self.keys, &self.count, error);
  if (status != KHONSU_OK) return status;
  if (self.count > HOT_KEYS_MAX) self.count = HOT_KEYS_MAX;
  status = kh_shell_print_list(shell, hot_columns, sizeof hot_columns / sizeof *hot_columns, "key", fill_hot_keys,
                               &self, error);
  for (size_t i = 0; i < self.count; i++) khonsu_bytes_release(&self.keys[i].key);
  return status;
}

khonsu_status kh_shell_print_figures(kh_shell *shell, bool stored_only, khonsu_error *error) {
  khonsu_stats stats = KHONSU_STATS_INIT;
  khonsu_status status = khonsu_stat(shell->db, &stats, error);
  if (status != KHONSU_OK) return status;
  figures self = {&stats, stored_only};
  return kh_shell_print_list(shell, figure_columns, sizeof figure_columns / sizeof *figure_columns, "figure",
                             fill_figures, &self, error);
}

khonsu_status kh_shell_stat(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  if (kh_word_is(words, 1, "conflicts")) return print_hot_keys(shell, error);
  if (words->count > 1) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "usage: stat [conflicts]");
  return kh_shell_print_figures(shell, false, error);
}
