#include <string.h>

#include "shell.h"

/* ---- names */

khonsu_status kh_shell_name(const kh_words *words, size_t index, char name[KH_NAME_SIZE], khonsu_error *error) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (index >= words->count) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a name is missing");
  khonsu_slice word = kh_word_at(words, index);
  const char *text = kh_word_string(words, index);
  if (text == NULL || word.size == 0 || word.size >= KH_NAME_SIZE || strspn(text, allowed) != word.size)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a name is made of 1 to %d letters, digits, - and _",
                            KH_NAME_SIZE - 1);
  memcpy(name, text, word.size + 1);
  return KHONSU_OK;
}

static size_t find(const kh_shell *shell, const char *name) {
  size_t i = 0;
  while (i < shell->txn_count && strcmp(shell->txns[i].name, name) != 0) i++;
  return i;
}

/* The transaction that a statement names, or else the current one. */
static khonsu_status find_named(const kh_shell *shell, const kh_words *words, size_t *index, khonsu_error *error) {
  char name[KH_NAME_SIZE];
  *index = shell->current;
  if (words->count > 1) {
    khonsu_status status = kh_shell_name(words, 1, name, error);
    if (status != KHONSU_OK) return status;
    *index = find(shell, name);
    if (*index == shell->txn_count)
      return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "no transaction '%s' is open", name);
  }
  if (*index < shell->txn_count) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "no transaction is in use: `begin` begins one");
}

/* ---- begin */

static void make_name(const kh_shell *shell, char name[KH_NAME_SIZE]) {
  unsigned number = 0;
  do snprintf(name, KH_NAME_SIZE, "t%u", ++number);
  while (find(shell, name) < shell->txn_count);
}

/* What begin is told, word by word. */
static khonsu_status read_option(kh_shell *shell, const kh_words *words, size_t *at, khonsu_txn_options *options,
                                 khonsu_error *error) {
  int choice = 0;
  khonsu_status status;
  if (kh_word_is(words, *at, "read-only")) {
    options->read_only = true;
    return KHONSU_OK;
  }
  if (kh_word_is(words, *at, "isolation")) {
    status = kh_shell_word_choice(words, ++*at, kh_level_names, "isolation", &choice, error);
    options->isolation = (khonsu_isolation)(choice + KHONSU_READ_COMMITTED);
    return status;
  }
  if (kh_word_is(words, *at, "on-conflict")) {
    status = kh_shell_word_choice(words, ++*at, kh_strategy_names, "on-conflict", &choice, error);
    options->on_conflict = (khonsu_on_conflict)choice;
    return status;
  }
  if (kh_word_is(words, *at, "at")) return kh_shell_snapshot_find(shell, words, ++*at, &options->snapshot, error);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "after the name there may be read-only, isolation LEVEL, on-conflict STRATEGY, at SNAPSHOT");
}

static bool is_option(const kh_words *words, size_t index) {
  return kh_word_is(words, index, "read-only") || kh_word_is(words, index, "isolation") ||
         kh_word_is(words, index, "on-conflict") || kh_word_is(words, index, "at");
}

static khonsu_status read_begin(kh_shell *shell, const kh_words *words, char name[KH_NAME_SIZE],
                                khonsu_txn_options *options, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  size_t at = 1;
  make_name(shell, name);
  if (words->count > 1 && !is_option(words, 1)) status = kh_shell_name(words, at++, name, error);
  for (; status == KHONSU_OK && at < words->count; at++) status = read_option(shell, words, &at, options, error);
  return status;
}

/* Frees the transaction where it fails. */
static khonsu_status use_key_columns(const kh_shell *shell, kh_shell_txn *opened, khonsu_error *error) {
  const kh_columns *columns = &shell->key_columns;
  khonsu_status status = khonsu_set_key_columns(opened->txn, columns->names, columns->count, error);
  if (status == KHONSU_OK) status = kh_columns_copy(columns, &opened->key_columns, error);
  if (status != KHONSU_OK) khonsu_txn_free(&opened->txn);
  return status;
}

khonsu_status kh_shell_begin(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  kh_shell_txn opened = {.txn = NULL};
  khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = shell->isolation,
                                .on_conflict = shell->on_conflict};
  khonsu_status status = read_begin(shell, words, opened.name, &options, error);
  if (status != KHONSU_OK) return status;
  if (find(shell, opened.name) < shell->txn_count)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a transaction '%s' is open already", opened.name);
  if (shell->txn_count == KH_OPEN_MAX)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%d transactions are open: no more", KH_OPEN_MAX);
  status = khonsu_begin(shell->db, &options, &opened.txn, error);
  if (status == KHONSU_OK) status = use_key_columns(shell, &opened, error);
  if (status != KHONSU_OK) return status;
  opened.isolation = options.isolation;
  opened.on_conflict = options.on_conflict;
  opened.read_only = options.read_only;
  kh_shell_remember(shell, khonsu_txn_id(opened.txn), opened.name);
  shell->current = shell->txn_count;
  shell->txns[shell->txn_count++] = opened;
  return KHONSU_OK;
}

khonsu_status kh_shell_use(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  size_t index = shell->txn_count;
  khonsu_status status = words->count > 1 ? find_named(shell, words, &index, error) : KHONSU_OK;
  if (status == KHONSU_OK) shell->current = index;
  return status;
}

/* ---- commit, abort */

/* Takes a transaction that has ended off the list. */
static void forget(kh_shell *shell, size_t index) {
  bool was_current = index == shell->current;
  khonsu_txn_free(&shell->txns[index].txn);
  kh_columns_fini(&shell->txns[index].key_columns);
  shell->txn_count--;
  for (size_t i = index; i < shell->txn_count; i++) shell->txns[i] = shell->txns[i + 1];
  if (was_current) shell->current = shell->txn_count;
  else if (shell->current > index) shell->current--;
}

void kh_shell_abort_all(kh_shell *shell) {
  if (shell->txn_count > 0)
    fprintf(stderr, "khonsu: %zu transaction%s still open, and aborted: %s%s\n", shell->txn_count,
            shell->txn_count == 1 ? " was" : "s were", shell->txns[0].name, shell->txn_count > 1 ? ", ..." : "");
  while (shell->txn_count > 0) forget(shell, shell->txn_count - 1);
}

static void say_dropped(kh_shell *shell, const khonsu_commit_info *info) {
  for (size_t i = 0; i < info->dropped_count; i++) {
    kh_text key = {.size_max = 80};
    kh_text_add_word(&key, info->dropped[i].key);
    (kh_shell_is_typed(shell) ? kh_shell_tell : kh_shell_say)(shell, "the write of %.*s was dropped: others were first",
                                                              (int)key.size, key.data);
    kh_text_fini(&key);
  }
}

static void note_commit(kh_shell *shell, uint64_t id, khonsu_isolation isolation, const khonsu_commit_info *info) {
  if (info->dropped_count == 0) return;
  say_dropped(shell, info);
  kh_shell_keep_loss(shell, id, isolation, info->dropped, info->dropped_count, true);
}

khonsu_status kh_shell_commit(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  size_t index;
  khonsu_status status = find_named(shell, words, &index, error);
  if (status != KHONSU_OK) return status;
  const kh_shell_txn *ending = &shell->txns[index];
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  uint64_t id = khonsu_txn_id(ending->txn);
  status = khonsu_commit(ending->txn, &info, error);
  if (status == KHONSU_OK) {
    note_commit(shell, id, ending->isolation, &info);
    kh_shell_tell(shell, "committed: version %llu", (unsigned long long)info.version);
  } else kh_shell_keep_loss(shell, id, ending->isolation, error->conflicts, error->conflict_count, false);
  khonsu_commit_info_clear(&info);
  forget(shell, index);
  return status;
}

khonsu_status kh_shell_abort(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  size_t index;
  khonsu_status status = find_named(shell, words, &index, error);
  if (status != KHONSU_OK) return status;
  status = khonsu_abort(shell->txns[index].txn, error);
  forget(shell, index);
  return status;
}

/* ---- statements that read or write */

typedef struct attempt {
  kh_shell *shell;
  const kh_words *words;
  khonsu_body body;
  void *ctx;
  uint64_t id;
} attempt;

static khonsu_status run_attempt(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  attempt *self = ctx;
  self->id = khonsu_txn_id(txn);
  if (self->words != NULL) kh_shell_remember_statement(self->shell, self->id, self->words);
  const kh_columns *columns = &self->shell->key_columns;
  khonsu_status status = khonsu_set_key_columns(txn, columns->names, columns->count, error);
  return status == KHONSU_OK ? self->body(self->ctx, txn, error) : status;
}

khonsu_status kh_shell_write(kh_shell *shell, const kh_words *words, khonsu_body body, void *ctx, khonsu_error *error) {
  if (shell->current < shell->txn_count) return body(ctx, shell->txns[shell->current].txn, error);
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = shell->isolation,
                                      .on_conflict = shell->on_conflict};
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  attempt self = {shell, words, body, ctx, 0};
  khonsu_status status = khonsu_run(shell->db, &options, run_attempt, &self, &info, error);
  if (status == KHONSU_OK) {
    note_commit(shell, self.id, shell->isolation, &info);
    shell->committed = info.version;
  } else kh_shell_keep_loss(shell, self.id, shell->isolation, error->conflicts, error->conflict_count, false);
  khonsu_commit_info_clear(&info);
  return status;
}

khonsu_status kh_shell_look(kh_shell *shell, khonsu_body body, void *ctx, khonsu_error *error) {
  if (shell->current < shell->txn_count) return body(ctx, shell->txns[shell->current].txn, error);
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = KHONSU_SNAPSHOT, .read_only = true,
                                      .as_of = shell->as_of, .as_of_ms = shell->as_of_ms};
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(shell->db, &options, &txn, error);
  if (status != KHONSU_OK) return status;
  status = body(ctx, txn, error);
  khonsu_txn_free(&txn);
  return status;
}

/* ---- what is open, what is to come */

static const kh_list_column columns[] = {
    {"name", KH_LIST_TEXT},        {"number", KH_LIST_NUMBER}, {"version", KH_LIST_NUMBER}, {"isolation", KH_LIST_TEXT},
    {"on_conflict", KH_LIST_TEXT}, {"access", KH_LIST_TEXT},   {"current", KH_LIST_TEXT}};

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  const kh_shell *shell = ctx;
  for (size_t i = 0; i < shell->txn_count; i++) {
    const kh_shell_txn *txn = &shell->txns[i];
    kh_list_add_text(list, txn->name);
    kh_list_add_number(list, khonsu_txn_id(txn->txn));
    kh_list_add_number(list, khonsu_txn_snapshot(txn->txn));
    kh_list_add_text(list, kh_level_names[txn->isolation - KHONSU_READ_COMMITTED]);
    kh_list_add_text(list, kh_strategy_names[txn->on_conflict]);
    kh_list_add_text(list, txn->read_only ? "read-only" : "read-write");
    kh_list_add_text(list, i == shell->current ? "yes" : "no");
  }
  list->is_last = true;
  return KHONSU_OK;
}

khonsu_status kh_shell_transactions(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  (void)words;
  return kh_shell_print_list(shell, columns, sizeof columns / sizeof *columns, "transaction", fill, shell, error);
}

khonsu_status kh_shell_isolation(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  if (words->count == 1) {
    fprintf(shell->printer.out, "%s\n", kh_level_names[shell->isolation - KHONSU_READ_COMMITTED]);
    return KHONSU_OK;
  }
  if (shell->current < shell->txn_count)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                            "transaction '%s' has its level since it began: `begin NAME isolation LEVEL`, or leave it "
                            "first with `use`",
                            shell->txns[shell->current].name);
  int level = 0;
  khonsu_status status = kh_shell_word_choice(words, 1, kh_level_names, "isolation", &level, error);
  if (status == KHONSU_OK) shell->isolation = (khonsu_isolation)(level + KHONSU_READ_COMMITTED);
  return status;
}

khonsu_status kh_shell_strategy(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  kh_shell_txn *current = shell->current < shell->txn_count ? &shell->txns[shell->current] : NULL;
  khonsu_on_conflict *strategy = current != NULL ? &current->on_conflict : &shell->on_conflict;
  if (words->count == 1) {
    fprintf(shell->printer.out, "%s\n", kh_strategy_names[*strategy]);
    return KHONSU_OK;
  }
  int chosen = 0;
  khonsu_status status = kh_shell_word_choice(words, 1, kh_strategy_names, "strategy", &chosen, error);
  if (status == KHONSU_OK && current != NULL)
    status = khonsu_set_on_conflict(current->txn, (khonsu_on_conflict)chosen, error);
  if (status == KHONSU_OK) *strategy = (khonsu_on_conflict)chosen;
  return status;
}
