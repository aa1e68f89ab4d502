/* The last conflict, in words: who lost, over which keys, to whom, and what to do. */
#include <stdlib.h>
#include <string.h>

#include "shell.h"

/* ---- who was who */

void kh_shell_remember(kh_shell *shell, uint64_t id, const char *what) {
  kh_shell_who *who = &shell->remembered[shell->remembered_count++ % KH_REMEMBERED_MAX];
  who->id = id;
  snprintf(who->what, sizeof who->what, "%s", what);
}

void kh_shell_remember_statement(kh_shell *shell, uint64_t id, const kh_words *words) {
  kh_text text = {.size_max = KH_STATEMENT_SIZE - 8};
  kh_text_add_char(&text, '\'');
  for (size_t i = 0; i < words->count && !text.full; i++) {
    if (i > 0) kh_text_add_char(&text, ' ');
    kh_text_add_word(&text, kh_word_at(words, i));
  }
  if (text.full) text.size = kh_utf8_fit(kh_text_slice(&text), text.size - 4); /* not in the middle of a character */
  bool cut = text.full;
  text.size_max = 0;
  text.full = false;
  kh_text_add_string(&text, cut ? "...'" : "'");
  kh_text_add_char(&text, '\0');
  kh_shell_remember(shell, id, text.failed ? "" : text.data);
  kh_text_fini(&text);
}

/* "b (number 7)", or "number 7" if it is not known any more. */
static void add_who(kh_text *text, const kh_shell *shell, uint64_t id) {
  for (size_t i = 0; i < KH_REMEMBERED_MAX; i++) {
    if (shell->remembered[i].id != id || shell->remembered[i].what[0] == '\0') continue;
    kh_text_addf(text, "%s (number %llu)", shell->remembered[i].what, (unsigned long long)id);
    return;
  }
  kh_text_addf(text, "number %llu", (unsigned long long)id);
}

/* ---- keeping a conflict */

void kh_shell_loss_fini(kh_shell_loss *loss) {
  free(loss->conflicts);
  kh_text_fini(&loss->keys);
  *loss = (kh_shell_loss){.loser = 0};
}

static void copy_keys(kh_shell_loss *loss, const khonsu_conflict *conflicts) {
  for (size_t i = 0; i < loss->count; i++) kh_text_add(&loss->keys, conflicts[i].key.data, conflicts[i].key.size);
  const char *key = loss->keys.data;
  for (size_t i = 0; i < loss->count; i++) {
    loss->conflicts[i] = conflicts[i];
    loss->conflicts[i].key.data = key;
    key += conflicts[i].key.size;
  }
}

/* What there is no memory for is not explained. */
void kh_shell_keep_loss(kh_shell *shell, uint64_t loser, khonsu_isolation isolation, const khonsu_conflict *conflicts,
                        size_t count, bool dropped) {
  kh_shell_loss *loss = &shell->loss;
  if (count == 0) return;
  kh_shell_loss_fini(loss);
  loss->conflicts = calloc(count, sizeof *loss->conflicts);
  if (loss->conflicts == NULL) return;
  *loss = (kh_shell_loss){loser, isolation, dropped, loss->conflicts, count, {.data = NULL}};
  copy_keys(loss, conflicts);
  if (loss->keys.failed) kh_shell_loss_fini(loss);
}

/* ---- words */

typedef struct kind_words {
  const char *name;
  const char *did, *then; /* with the key: at the version named, and after that */
  const char *why;        /* it could not stand */
  const char *advice;
} kind_words;

static const kind_words kinds[] = {
    [KHONSU_CONFLICT_READ] = {"read", "had read it", "", "What it had read was no longer so.",
                              "Run the whole transaction again: its reads will see the new value."},
    [KHONSU_CONFLICT_WRITE] = {"write", "wrote it without having read it", "",
                               "It would have written over what it had not seen.",
                               "Run it again; or, if its write does not depend on what was there, say `strategy "
                               "replace` before it, so that it "
                               "wins, or `strategy ignore`, so that it gives way."},
    [KHONSU_CONFLICT_UPDATE] = {"update", "had read it", ", and then written it",
                                "Had both been let stand, the other's change would have been lost.",
                                "Run the whole transaction again: it will read the new value and write from there."},
    [KHONSU_CONFLICT_SCHEMA] = {"schema", "wanted to add to it", "", "It now holds something that does not fit.",
                                "Look at what it holds now (`ls`, `schema`), then run it again."},
    [KHONSU_CONFLICT_RANGE] = {"range", "had scanned a range that the key lies in", "",
                               "The scan would find something else now.",
                               "Run the whole transaction again; below serializable, ranges are not watched."},
};

static const kind_words *words_of(khonsu_conflict_kind kind) {
  bool known = kind >= KHONSU_CONFLICT_READ && kind <= KHONSU_CONFLICT_RANGE;
  return &kinds[known ? kind : KHONSU_CONFLICT_READ];
}

static void add_winner(kh_text *text, const kh_shell *shell, const khonsu_conflict *conflict) {
  kh_text_add_string(text, "Since then transaction ");
  if (conflict->winner != 0) add_who(text, shell, conflict->winner);
  else kh_text_add_string(text, "that is not known any more");
  if (conflict->winner_version != 0)
    kh_text_addf(text, " committed version %llu of it. ", (unsigned long long)conflict->winner_version);
  else kh_text_add_string(text, " deleted it. ");
}

/* "It had read it, at version 3." */
static void add_conflict(kh_text *text, const kh_shell *shell, const khonsu_conflict *conflict) {
  const kind_words *words = words_of(conflict->kind);
  kh_text_add_string(text, "Key ");
  kh_text_add_word(text, conflict->key);
  kh_text_addf(text, ": it %s", words->did);
  if (conflict->read_version != 0) kh_text_addf(text, ", at version %llu", (unsigned long long)conflict->read_version);
  else if (conflict->kind != KHONSU_CONFLICT_WRITE) kh_text_add_string(text, ", when it had no value");
  kh_text_addf(text, "%s. ", words->then);
  add_winner(text, shell, conflict);
  kh_text_add_string(text, words->why);
}

static void add_verdict(kh_text *text, const kh_shell *shell) {
  kh_text_add_string(text, "Transaction ");
  add_who(text, shell, shell->loss.loser);
  kh_text_addf(text, ", at %s, ", kh_level_names[shell->loss.isolation - KHONSU_READ_COMMITTED]);
  kh_text_add_string(text, shell->loss.dropped
                               ? "was committed, without the writes of these keys, as strategy ignore asks."
                               : "was refused when it committed: nothing of it was done.");
}

static void print_paragraph(FILE *out, kh_text *text, int indent, int width) {
  kh_text_add_char(text, '\0');
  if (!text->failed) kh_print_wrapped(out, text->data, indent, width);
  kh_text_clear(text);
}

khonsu_status kh_shell_report_loss(const kh_shell *shell, FILE *out, khonsu_error *error) {
  kh_text text = {.data = NULL};
  int width = kh_page_width();
  add_verdict(&text, shell);
  print_paragraph(out, &text, 0, width);
  for (size_t i = 0; i < shell->loss.count; i++) {
    add_conflict(&text, shell, &shell->loss.conflicts[i]);
    print_paragraph(out, &text, 2, width);
  }
  if (!shell->loss.dropped) {
    kh_text_add_string(&text, words_of(shell->loss.conflicts[0].kind)->advice);
    print_paragraph(out, &text, 0, width);
  }
  bool failed = text.failed;
  kh_text_fini(&text);
  return failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory") : KHONSU_OK;
}

/* ---- rows */

static const kh_list_column columns[] = {{"transaction", KH_LIST_NUMBER},  {"outcome", KH_LIST_TEXT},
                                         {"key", KH_LIST_BYTES},           {"kind", KH_LIST_TEXT},
                                         {"read_version", KH_LIST_NUMBER}, {"winner_version", KH_LIST_NUMBER},
                                         {"winner", KH_LIST_NUMBER}};

typedef struct listing {
  const kh_shell_loss *loss;
  size_t next;
} listing;

static void add_known(kh_list *list, uint64_t number) {
  if (number != 0) kh_list_add_number(list, number);
  else kh_list_add_null(list);
}

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  listing *self = ctx;
  for (; self->next < self->loss->count && list->rows < KH_LIST_BATCH_ROWS; self->next++) {
    const khonsu_conflict *conflict = &self->loss->conflicts[self->next];
    kh_list_add_number(list, self->loss->loser);
    kh_list_add_text(list, self->loss->dropped ? "dropped" : "refused");
    kh_list_add_bytes(list, conflict->key);
    kh_list_add_text(list, words_of(conflict->kind)->name);
    add_known(list, conflict->read_version);
    add_known(list, conflict->winner_version);
    add_known(list, conflict->winner);
  }
  return KHONSU_OK;
}

khonsu_status kh_shell_explain(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  (void)words;
  if (shell->loss.count == 0) return khonsu_error_set(error, KHONSU_NOT_FOUND, "there was no conflict so far");
  if (shell->printer.format == KH_FORMAT_TABLE) return kh_shell_report_loss(shell, shell->printer.out, error);
  listing self = {.loss = &shell->loss};
  return kh_shell_print_list(shell, columns, sizeof columns / sizeof *columns, "conflict", fill, &self, error);
}
