#include <string.h>

#include "shell.h"

static size_t find(const kh_shell *shell, const char *name) {
  size_t i = 0;
  while (i < shell->snapshot_count && strcmp(shell->snapshots[i].name, name) != 0) i++;
  return i;
}

static khonsu_status find_named(const kh_shell *shell, const kh_words *words, size_t word, size_t *index,
                                khonsu_error *error) {
  char name[KH_NAME_SIZE];
  khonsu_status status = kh_shell_name(words, word, name, error);
  if (status != KHONSU_OK) return status;
  *index = find(shell, name);
  if (*index < shell->snapshot_count) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "no snapshot '%s' is open", name);
}

khonsu_status kh_shell_snapshot_find(kh_shell *shell, const kh_words *words, size_t index, khonsu_snapshot **snapshot,
                                     khonsu_error *error) {
  size_t found;
  khonsu_status status = find_named(shell, words, index, &found, error);
  if (status == KHONSU_OK) *snapshot = shell->snapshots[found].snapshot;
  return status;
}

static khonsu_status open_snapshot(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  kh_shell_snapshot opened = {.snapshot = NULL};
  khonsu_status status = kh_shell_name(words, 2, opened.name, error);
  if (status != KHONSU_OK) return status;
  if (find(shell, opened.name) < shell->snapshot_count)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a snapshot '%s' is open already", opened.name);
  if (shell->snapshot_count == KH_OPEN_MAX)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%d snapshots are open: no more", KH_OPEN_MAX);
  status = khonsu_snapshot_open(shell->db, &opened.snapshot, error);
  if (status == KHONSU_OK) shell->snapshots[shell->snapshot_count++] = opened;
  return status;
}

static khonsu_status close_snapshot(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  size_t index;
  khonsu_status status = find_named(shell, words, 2, &index, error);
  if (status != KHONSU_OK) return status;
  khonsu_snapshot_close(&shell->snapshots[index].snapshot);
  shell->snapshot_count--;
  for (size_t i = index; i < shell->snapshot_count; i++) shell->snapshots[i] = shell->snapshots[i + 1];
  return KHONSU_OK;
}

void kh_shell_snapshots_close(kh_shell *shell) {
  while (shell->snapshot_count > 0) khonsu_snapshot_close(&shell->snapshots[--shell->snapshot_count].snapshot);
}

/* ---- the list */

static const kh_list_column columns[] = {{"name", KH_LIST_TEXT}, {"version", KH_LIST_NUMBER}};

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  (void)error;
  const kh_shell *shell = ctx;
  for (size_t i = 0; i < shell->snapshot_count; i++) {
    kh_list_add_text(list, shell->snapshots[i].name);
    kh_list_add_number(list, khonsu_snapshot_version(shell->snapshots[i].snapshot));
  }
  list->is_last = true;
  return KHONSU_OK;
}

khonsu_status kh_shell_snapshots(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  if (words->count == 1)
    return kh_shell_print_list(shell, columns, sizeof columns / sizeof *columns, "snapshot", fill, shell, error);
  if (kh_word_is(words, 1, "open")) return open_snapshot(shell, words, error);
  if (kh_word_is(words, 1, "close")) return close_snapshot(shell, words, error);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "usage: snapshot [open NAME | close NAME]");
}
