/* scratch_dir: a fresh directory for the peers' files, removed with all that is in it. */
#ifndef BENCH_SCRATCH_DIR_H
#define BENCH_SCRATCH_DIR_H

/* Makes a directory in `parent` and returns its path, which the caller gives to scratch_dir_remove. NULL: it cannot be
 * made; why has been printed. */
char *scratch_dir_make(const char *parent);
void scratch_dir_remove(char *path);
/* Removes all that is in the directory. */
void scratch_dir_empty(const char *path);

#endif
