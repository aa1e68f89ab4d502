/* rows: see rows.h. Compared are the medians. */
#include "rows.h"

#include <stdio.h>

/* How far the control's threads disturb each other: total rate of all threads / rate of one. Near 1: the processors are
 * two halves of one core; near the number of threads: cores of their own. */
static double control_scaling(const turns *done) {
  const turn *alone = &done->all[done->count - CONTROLS], *together = alone + 1;
  return samples_median(&alone->cost) / samples_median(&together->cost);
}

static void note_threads(const turns *done, const turn *theirs, report_row *row) {
  const turn *ours = &done->all[0];
  if (ours->task.threads == 1) return;
  int used = snprintf(row->note, sizeof row->note, "aborts %.1f%% %.1f%%", 100 * samples_mean(&ours->abort_share),
                      100 * samples_mean(&theirs->abort_share));
  if (!done->controlled) return;
  snprintf(row->note + used, sizeof row->note - (size_t)used, "; %s get %ut/1t %.2f",
           done->all[done->count - 1].taken_by->ops->name, ours->task.threads, control_scaling(done));
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
  note_threads(done, theirs, &row);
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
  for (size_t peer = 0; peer < done->peer_count; peer++) report_peer(done, &done->all[1 + peer], results);
  if (done->asked->bound.name != NULL) report_bound(done, results);
}
