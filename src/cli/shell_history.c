/* What was typed before, kept in a file between sessions; see kh_shell_variables for which. Where the file cannot be
 * written there is a history of this session only, without a word. */
#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shell.h"

enum { LINES_MAX = 1000 };

struct kh_history {
  History *lines;
  char path[PATH_MAX]; /* "": it is not kept */
};

/* ---- the file */

static bool set_path(char path[PATH_MAX], const char *folder, const char *rest) {
  int size = snprintf(path, PATH_MAX, "%s%s", folder, rest);
  if (size < PATH_MAX) return true;
  path[0] = '\0';
  return false;
}

static void find_path(char path[PATH_MAX]) {
  const char *own = getenv("KHONSU_HISTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  path[0] = '\0';
  if (own != NULL) set_path(path, own, "");
  else if (state != NULL && *state == '/') set_path(path, state, "/khonsu/history");
  else if (home != NULL && *home != '\0') set_path(path, home, "/.local/state/khonsu/history");
}

/* Makes the folders that a path lies in. What fails shows when the file is written. */
static void make_folders(const char *path) {
  char folder[PATH_MAX];
  for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    mkdir(folder, 0700);
  }
}

/* ---- lines */

kh_history *kh_history_open(void) {
  kh_history *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->lines = history_init();
  if (self->lines == NULL) {
    free(self);
    return NULL;
  }
  HistEvent event;
  history(self->lines, &event, H_SETSIZE, LINES_MAX);
  history(self->lines, &event, H_SETUNIQUE, 1);
  find_path(self->path);
  if (self->path[0] != '\0') history(self->lines, &event, H_LOAD, self->path);
  return self;
}

void kh_history_close(kh_history **history_at) {
  kh_history *self = *history_at;
  if (self == NULL) return;
  HistEvent event;
  if (self->path[0] != '\0') {
    make_folders(self->path);
    history(self->lines, &event, H_SAVE, self->path);
  }
  history_end(self->lines);
  free(self);
  *history_at = NULL;
}

void kh_history_add(kh_history *self, const char *line) {
  HistEvent event;
  if (line[strspn(line, " \t\r\n")] != '\0') history(self->lines, &event, H_ENTER, line);
}

void *kh_history_handle(kh_history *self) { return self->lines; }
