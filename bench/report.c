/* report: see report.h. */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool report_open(report *opened, const char *path) {
  *opened = (report){.path = strdup(path)};
  if (opened->path == NULL || asprintf(&opened->unfinished_path, "%s.unfinished", path) < 0) abort();
  opened->unfinished = fopen(opened->unfinished_path, "w");
  if (opened->unfinished != NULL) return true;
  fprintf(stderr, "khonsu_bench: cannot write %s: %s\n", opened->unfinished_path, strerror(errno));
  free(opened->path);
  free(opened->unfinished_path);
  return false;
}

void report_print_head(void) {
  printf("\n%-38s %-18s %10s %10s  %-10s %8s %6s %-7s %-12s %s\n", "workload", "peer", "ours", "theirs", "unit",
         "ratio", "goal", "", "spread", "note");
}

static const char *verdict(const report_row *row) {
  if (row->goal == 0) return "";
  return row->ratio >= row->goal ? "reached" : "missed";
}

static void print_row(const report_row *row) {
  char goal[16] = "-", spread[32];
  int decimals = row->ours < 1 ? 4 : 1; /* shares, and times */
  if (row->goal != 0) snprintf(goal, sizeof goal, row->goal < 100 ? "%.3gx" : "%.0fx", row->goal);
  snprintf(spread, sizeof spread, "%.0f%% %.0f%%", 100 * row->ours_spread, 100 * row->theirs_spread);
  printf("%-38s %-18s %10.*f %10.*f  %-10s %7.2fx %6s %-7s %-12s %s\n", row->workload, row->peer, decimals, row->ours,
         decimals, row->theirs, row->unit, row->ratio, goal, verdict(row), spread, row->note);
  fflush(stdout);
}

static void write_row(FILE *file, const report_row *row, bool first) {
  double spread = row->ours_spread > row->theirs_spread ? row->ours_spread : row->theirs_spread;
  char goal[32] = "null";
  if (row->goal != 0) snprintf(goal, sizeof goal, "%g", row->goal);
  fprintf(file,
          "%s  {\"workload\": \"%s\", \"peer\": \"%s\", \"ours\": %.6g, \"theirs\": %.6g, \"unit\": \"%s\", "
          "\"ratio\": %.6g, \"goal\": %s, \"spread\": %.4f}",
          first ? "[\n" : ",\n", row->workload, row->peer, row->ours, row->theirs, row->unit, row->ratio, goal, spread);
}

void report_add(report *written_to, const report_row *row) {
  print_row(row);
  write_row(written_to->unfinished, row, written_to->rows == 0);
  written_to->rows++;
  if (row->goal == 0) return;
  written_to->goals++;
  if (row->ratio >= row->goal) written_to->reached++;
}

bool report_close(report *closed, bool whole) {
  fputs(closed->rows == 0 ? "[]\n" : "\n]\n", closed->unfinished);
  bool kept = fclose(closed->unfinished) == 0 && whole;
  if (kept) kept = rename(closed->unfinished_path, closed->path) == 0;
  if (kept) printf("\n%zu of %zu goals reached; %s written\n", closed->reached, closed->goals, closed->path);
  else {
    if (whole) fprintf(stderr, "khonsu_bench: cannot write %s: %s\n", closed->path, strerror(errno));
    remove(closed->unfinished_path);
  }
  free(closed->path);
  free(closed->unfinished_path);
  return kept;
}
