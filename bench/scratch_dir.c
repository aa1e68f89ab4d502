/* scratch_dir: see scratch_dir.h. */
#include "scratch_dir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTORS_MAX = 16 };

char *scratch_dir_make(const char *parent) {
  char *path;
  if (asprintf(&path, "%s/khonsu_bench.XXXXXX", parent) < 0) abort();
  if (mkdtemp(path) != NULL) return path;
  fprintf(stderr, "khonsu_bench: cannot make a directory in %s: %s\n", parent, strerror(errno));
  free(path);
  return NULL;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *position) {
  (void)facts, (void)kind, (void)position;
  return remove(path);
}

void scratch_dir_remove(char *path) {
  if (nftw(path, remove_entry, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
    fprintf(stderr, "khonsu_bench: cannot remove %s: %s\n", path, strerror(errno));
  free(path);
}

static int remove_content(const char *path, const struct stat *facts, int kind, struct FTW *position) {
  return position->level == 0 ? 0 : remove_entry(path, facts, kind, position);
}

void scratch_dir_empty(const char *path) {
  if (nftw(path, remove_content, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
    fprintf(stderr, "khonsu_bench: cannot empty %s: %s\n", path, strerror(errno));
}
