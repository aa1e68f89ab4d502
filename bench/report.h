/* report: the rows of results, as a table on stdout while they come and as a JSON file at the end. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct report_row {
  const char *workload, *peer, *unit; /* borrowed until the report is closed; without characters that JSON escapes */
  double ours, theirs;                /* medians */
  double ratio;                       /* how many times better ours is */
  double goal;                        /* for the ratio; 0 = none set */
  double ours_spread, theirs_spread;  /* samples_spread of each side */
  char note[160];
} report_row;

typedef struct report {
  char *path, *unfinished_path;
  void *unfinished; /* FILE; opened at once, so that a path that cannot be written to shows before the race */
  size_t rows, goals, reached;
} report;

/* False: the file cannot be made; a message has been printed. */
bool report_open(report *opened, const char *path);
void report_print_head(void);
void report_add(report *written_to, const report_row *row);
/* Puts the file in its place, if `whole`, and prints how many goals were reached; else removes it. */
bool report_close(report *closed, bool whole);

#endif
