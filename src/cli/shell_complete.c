/* What Tab offers: statements first, then what the table says their arguments are. Keys come from the newest commit,
 * by a read-only transaction of its own, so that looking for them does not become part of an open one. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shell.h"

enum { CANDIDATES_MAX = 200 };

void kh_completion_fini(kh_completion *found) {
  kh_text_fini(&found->word);
  kh_text_fini(&found->candidates);
}

/* A candidate, written as a word: it goes on where what was typed ends, so it has to begin with it as it stands. */
static void add_candidate(kh_completion *found, khonsu_slice candidate) {
  if (found->count == CANDIDATES_MAX) return;
  kh_text_add_word(&found->candidates, candidate);
  kh_text_add_char(&found->candidates, '\0');
  found->count++;
}

static bool begins_with(khonsu_slice text, khonsu_slice beginning) {
  return text.size >= beginning.size && (beginning.size == 0 || memcmp(text.data, beginning.data, beginning.size) == 0);
}

static void add_if_fits(kh_completion *found, const char *candidate) {
  if (begins_with(khonsu_key(candidate), kh_text_slice(&found->word))) add_candidate(found, khonsu_key(candidate));
}

/* ---- sources of candidates */

static void add_statements(kh_completion *found) {
  for (const kh_statement *statement = kh_statements; statement->name != NULL; statement++)
    add_if_fits(found, statement->name);
}

static void add_words(kh_completion *found, const char *const *words) {
  for (; words != NULL && *words != NULL; words++) add_if_fits(found, *words);
}

static khonsu_status add_keys(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  kh_completion *found = ctx;
  khonsu_range range = {.prefix = kh_text_slice(&found->word)};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.keys_only = true;
  options.limit = CANDIDATES_MAX;
  khonsu_scan *scan;
  khonsu_status status = khonsu_scan_open(txn, &range, &options, &scan, error);
  if (status != KHONSU_OK) return status;
  khonsu_entry entry;
  while ((status = khonsu_scan_next(scan, &entry, error)) == KHONSU_OK) add_candidate(found, entry.key);
  khonsu_scan_free(&scan);
  return status;
}

static void look_for_keys(kh_shell *shell, kh_completion *found) {
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = KHONSU_SNAPSHOT, .read_only = true};
  khonsu_txn *txn;
  if (khonsu_begin(shell->db, &options, &txn, NULL) != KHONSU_OK) return;
  (void)add_keys(found, txn, NULL);
  khonsu_txn_free(&txn);
}

/* "folder/name": those of the folder that begin with the name. A folder ends in a slash, and the word goes on. */
static void add_file(kh_completion *found, khonsu_slice folder, const char *name) {
  kh_text path = {.data = NULL};
  struct stat status;
  kh_text_add(&path, folder.data, folder.size);
  kh_text_add(&path, name, strlen(name) + 1);
  if (!path.failed && stat(path.data, &status) == 0) {
    path.size--;
    bool is_folder = S_ISDIR(status.st_mode);
    if (is_folder) kh_text_add_char(&path, '/');
    if (is_folder) found->is_final = false;
    add_candidate(found, kh_text_slice(&path));
  }
  kh_text_fini(&path);
}

static void add_files(kh_completion *found) {
  khonsu_slice typed = kh_text_slice(&found->word);
  const char *slash = typed.size != 0 ? memrchr(typed.data, '/', typed.size) : NULL;
  khonsu_slice folder = {typed.data, slash != NULL ? (size_t)(slash + 1 - (const char *)typed.data) : 0};
  khonsu_slice beginning = {(const char *)typed.data + folder.size, typed.size - folder.size};
  kh_text path = {.data = NULL};
  if (folder.size != 0) kh_text_add(&path, folder.data, folder.size);
  else kh_text_add_char(&path, '.');
  kh_text_add_char(&path, '\0');
  DIR *files = path.failed ? NULL : opendir(path.data);
  for (struct dirent *file; files != NULL && (file = readdir(files)) != NULL;) {
    bool hidden = file->d_name[0] == '.' && beginning.size == 0;
    if (!hidden && begins_with(khonsu_key(file->d_name), beginning)) add_file(found, folder, file->d_name);
  }
  if (files != NULL) closedir(files);
  kh_text_fini(&path);
}

static void add_transactions(const kh_shell *shell, kh_completion *found) {
  for (size_t i = 0; i < shell->txn_count; i++) add_if_fits(found, shell->txns[i].name);
}

static void add_snapshots(const kh_shell *shell, kh_completion *found) {
  for (size_t i = 0; i < shell->snapshot_count; i++) add_if_fits(found, shell->snapshots[i].name);
}

/* `argument` counts from 1. */
static void add_arguments(kh_shell *shell, const kh_statement *statement, const kh_words *words, size_t argument,
                          kh_completion *found) {
  size_t kinds = statement->completes != NULL ? strlen(statement->completes) : 0;
  if (kinds == 0 || argument > statement->most) return;
  char kind = statement->completes[argument <= kinds ? argument - 1 : kinds - 1];
  switch (kind) {
    case 'k': look_for_keys(shell, found); return;
    case 'f': add_files(found); return;
    case 't': add_transactions(shell, found); return;
    case 's': add_snapshots(shell, found); return;
    case 'h': add_statements(found); return;
    case 'q':
    case 'p':
      if (!kh_word_is(words, argument - 1, "from")) add_words(found, statement->words);
      else if (kind == 'q') look_for_keys(shell, found);
      else add_files(found);
      return;
    default: add_words(found, statement->words); return;
  }
}

/* ---- in order */

static int compare(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void sort(kh_completion *found) {
  const char **candidates = calloc(found->count + 1, sizeof *candidates), *next = found->candidates.data;
  kh_text sorted = {.data = NULL};
  if (candidates == NULL) return;
  for (size_t i = 0; i < found->count; i++, next += strlen(next) + 1) candidates[i] = next;
  qsort(candidates, found->count, sizeof *candidates, compare);
  for (size_t i = 0; i < found->count; i++) kh_text_add(&sorted, candidates[i], strlen(candidates[i]) + 1);
  free(candidates);
  kh_text_fini(&found->candidates);
  found->candidates = sorted;
}

/* ---- the line */

/* Reads the line as the shell would, up to where it ends. The last word is the one to be completed, or a new one is. */
static bool read_words(kh_words *words, const char *line, size_t size, bool *in_word) {
  for (size_t i = 0; i < size; i++) {
    kh_words_event event = kh_words_feed(words, line[i]);
    if (event == KH_WORDS_WRONG) return false;
    if (event == KH_WORDS_STATEMENT) kh_words_clear(words);
  }
  *in_word = words->state != KH_WORDS_BETWEEN;
  return !words->failed && words->escape == 0 && words->state != KH_WORDS_COMMENT;
}

/* Bytes at the end of the line that are the last word: it was typed without quotes and escapes. */
static bool is_typed_plainly(const kh_words *words, const char *line, size_t size) {
  khonsu_slice word = kh_word_at(words, words->count - 1);
  return !words->words[words->count - 1].is_quoted && word.size <= size &&
         memcmp(line + size - word.size, word.data, word.size) == 0;
}

bool kh_completion_find(kh_shell *shell, const char *line, size_t size, kh_completion *found) {
  kh_words words = {.count = 0};
  bool in_word = false, possible = read_words(&words, line, size, &in_word);
  if (possible && in_word) possible = is_typed_plainly(&words, line, size);
  if (possible && in_word) {
    khonsu_slice word = kh_word_at(&words, words.count - 1);
    kh_text_add(&found->word, word.data, word.size);
    found->typed = word.size;
  }
  found->is_final = true;
  size_t before = words.count - (in_word ? 1 : 0);
  const kh_statement *statement = before > 0 && possible ? kh_statement_find(kh_word_at(&words, 0)) : NULL;
  if (possible && before == 0) add_statements(found);
  else if (statement != NULL) add_arguments(shell, statement, &words, before, found);
  kh_words_fini(&words);
  if (found->word.failed || found->candidates.failed) return false;
  sort(found);
  return possible && !found->candidates.failed;
}
