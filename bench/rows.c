/* rows: see rows.h. Compared are the medians. */
#include "rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FLUSH_US_MAX = 250 };

/* How far the control's threads disturb each other: total rate of all threads / rate of one. Near 1: the processors are
 * two halves of one core; near the number of threads: cores of their own. */
static double control_scaling(const turns *done) {
  const turn *alone = &done->all[done->count - CONTROLS_MAX], *together = alone + 1;
  return samples_median(&alone->cost) / samples_median(&together->cost);
}

/* Adds to the row's note, after what stands there. */
__attribute__((format(printf, 2, 3))) static void note(report_row *row, const char *format, ...) {
  size_t used = strlen(row->note);
  va_list arguments;
  va_start(arguments, format);
  if (used != 0 && used + 2 < sizeof row->note) memcpy(row->note + used, "; ", sizeof "; "), used += 2;
  vsnprintf(row->note + used, sizeof row->note - used, format, arguments);
  va_end(arguments);
}

static void note_losses(const char *whose, const engine_losses *losses, report_row *row) {
  note(row, "%s: of %llu lost %llu, failed %llu, in part or twice %llu", whose, (unsigned long long)losses->tried,
       (unsigned long long)losses->lost, (unsigned long long)losses->failed, (unsigned long long)losses->duplicated);
}

static void note_circumstances(const turns *done, const turn *theirs, report_row *row) {
  const turn *ours = &done->all[0], *control = &done->all[done->count - 1];
  if (ours->task.threads > 1 && ours->task.kind == TASK_TRANSACT)
    note(row, "aborts %.1f%% %.1f%%", 100 * samples_mean(&ours->abort_share), 100 * samples_mean(&theirs->abort_share));
  if (ours->task.kind == TASK_CROWD) {
    note_losses("ours", &ours->losses, row);
    note_losses("theirs", &theirs->losses, row);
  }
  if (done->control == CONTROL_THREADS)
    note(row, "%s get %ut/1t %.2f", control->taken_by->ops->name, ours->task.threads, control_scaling(done));
  if (done->control == CONTROL_FLUSH) note(row, "bare flush %.0f us", samples_median(&control->cost) / 1e3);
}

/* A disk that holds writes back, as those of virtual machines do after long writing, makes all alike. */
static bool is_disk_throttled(const turns *done) {
  if (done->control != CONTROL_FLUSH) return false;
  double flush_us = samples_median(&done->all[done->count - 1].cost) / 1e3;
  if (flush_us <= FLUSH_US_MAX) return false;
  printf("%-38s dropped: a bare flush took %.0f us, more than %d; the disk is held back\n", done->asked->name, flush_us,
         FLUSH_US_MAX);
  return true;
}

static void report_peer(const turns *done, const turn *theirs, report *results) {
  const turn *ours = &done->all[0];
  report_row row = {.workload = done->asked->name,
                    .peer = peer_name(theirs->peer),
                    .unit = done->asked->unit,
                    .ours = samples_median(&ours->cost),
                    .theirs = samples_median(&theirs->cost),
                    .goal = theirs->peer->goal,
                    .ours_spread = samples_spread(&ours->cost),
                    .theirs_spread = samples_spread(&theirs->cost)};
  row.ratio = row.theirs / row.ours;
  note_circumstances(done, theirs, &row);
  report_add(results, &row);
}

/* The limit in the place of theirs, and so reached at a ratio of 1. Of aborts the mean counts: a limit of none is
 * missed by one in any round. */
static void report_bound(const turns *done, report *results) {
  static const double least = 1e-6; /* so that none of none is a ratio too, and little of little is not infinite */
  const workload_bound *bound = &done->asked->bound;
  const turn *ours = &done->all[0];
  const samples *held = bound->on == BOUND_ON_COST ? &ours->cost : &ours->abort_share;
  report_row row = {.workload = bound->name,
                    .peer = "limit",
                    .unit = bound->unit,
                    .ours = bound->on == BOUND_ON_COST ? samples_median(held) : samples_mean(held),
                    .theirs = bound->limit,
                    .goal = bound->is_goal ? 1 : 0,
                    .ours_spread = samples_spread(held)};
  row.ratio = (row.theirs + least) / (row.ours + least);
  report_add(results, &row);
}

void rows_report(const turns *done, report *results) {
  if (is_disk_throttled(done)) return;
  for (size_t peer = 0; peer < done->peer_count; peer++) report_peer(done, &done->all[1 + peer], results);
  if (done->asked->bound.name != NULL) report_bound(done, results);
}
