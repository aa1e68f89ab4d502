/* race: see race.h.
 *
 * For each workload: in each round every engine does the same operations on the same keys, one engine after the other;
 * which of them begins changes from round to round, so that none always follows the same. What is slow for a while on
 * this machine then falls on all of them. The first round only warms up. Compared are the medians. */
#include "race.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"
#include "worker.h"

enum { ENGINES_MAX = 16, CONTROLS = 2, TURNS_MAX = 1 + PEERS_MAX + CONTROLS };

typedef struct race {
  const family *family;
  const race_options *options;
  report *results;
  worker workers[ENGINES_MAX];
  size_t worker_count;
} race;

/* What one engine does in each round of a workload, and what came of it. */
typedef struct turn {
  worker *taken_by;
  bench_task task;
  samples ns, abort_share;
} turn;

/* Ours first, then the peers in their order, then the controls. */
typedef struct turns {
  size_t count, peer_count;
  turn all[TURNS_MAX];
} turns;

bool race_is_wanted(const workload *asked, const race_options *options) {
  return strncmp(asked->name, options->only, strlen(options->only)) == 0;
}

/* ---- the engines */

static worker *find_worker(race *running, const engine_ops *ops) {
  for (size_t i = 0; i < running->worker_count; i++)
    if (running->workers[i].ops == ops) return &running->workers[i];
  return NULL;
}

static bool add_worker(race *running, const engine_ops *ops) {
  if (find_worker(running, ops) != NULL) return true;
  if (running->worker_count == ENGINES_MAX) return fprintf(stderr, "khonsu_bench: too many engines\n"), false;
  char directory[4096];
  snprintf(directory, sizeof directory, "%s/%s", running->options->directory, ops->name);
  if (!worker_start(&running->workers[running->worker_count], ops, directory, running->options->keys, running->workers,
                    running->worker_count))
    return false;
  running->worker_count++;
  return true;
}

/* What several threads reach depends on how the host has placed the processors: see control_scaling. */
static bool needs_control(const race *running, const workload *asked) {
  return asked->task.threads > 1 && running->family->control != NULL;
}

static bool add_workers_of(race *running, const workload *asked) {
  if (!add_worker(running, asked->ours)) return false;
  for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++)
    if (!add_worker(running, peer->ops)) return false;
  return !needs_control(running, asked) || add_worker(running, running->family->control);
}

static bool start_workers(race *running) {
  for (size_t i = 0; i < running->family->workload_count; i++) {
    const workload *asked = &running->family->workloads[i];
    if (race_is_wanted(asked, running->options) && !add_workers_of(running, asked)) return false;
  }
  for (size_t i = 0; i < running->worker_count; i++)
    if (!worker_await(&running->workers[i])) return false;
  return true;
}

static bool end_workers(race *running, bool orderly) {
  for (size_t i = 0; i < running->worker_count; i++)
    if (!orderly) worker_kill(&running->workers[i]);
    else orderly = worker_stop(&running->workers[i]);
  return orderly;
}

static void print_engines(const race *running) {
  for (size_t i = 0; i < running->worker_count; i++) {
    const engine_ops *ops = running->workers[i].ops;
    printf("engine    %s, %s\n          %s\n", ops->name, ops->version(), ops->settings);
  }
}

/* ---- the rounds */

static void add_turn(race *running, turns *taken, const engine_ops *ops, bench_task given) {
  taken->all[taken->count++] = (turn){.taken_by = find_worker(running, ops), .task = given};
}

static void plan_turns(race *running, const workload *asked, turns *planned) {
  *planned = (turns){0};
  add_turn(running, planned, asked->ours, asked->task);
  for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++) {
    add_turn(running, planned, peer->ops, asked->task);
    planned->peer_count++;
  }
  if (!needs_control(running, asked)) return;
  bench_task reads = {.kind = TASK_READ_TXN, .threads = 1, .divisor = 4};
  add_turn(running, planned, running->family->control, reads);
  reads.threads = asked->task.threads;
  add_turn(running, planned, running->family->control, reads);
}

static void show_progress(const workload *asked, unsigned round, unsigned rounds) {
  static int at_terminal = -1;
  if (at_terminal < 0) at_terminal = isatty(STDERR_FILENO);
  if (!at_terminal) return;
  if (asked == NULL) fprintf(stderr, "\r\033[K");
  else fprintf(stderr, "\r\033[K%s: round %u of %u", asked->name, round, rounds);
}

static bool run_round(turns *taken, unsigned round, uint64_t seed) {
  for (size_t i = 0; i < taken->count; i++) {
    turn *next = &taken->all[(round + i) % taken->count];
    measurement result;
    if (!worker_measure(next->taken_by, &next->task, seed, &result)) return false;
    if (round == 0) continue;
    samples_add(&next->ns, result.ns);
    samples_add(&next->abort_share, result.abort_share);
  }
  return true;
}

static bool run_rounds(const race *running, const workload *asked, turns *taken) {
  unsigned rounds = running->options->rounds;
  uint64_t seed = (uint64_t)(asked - running->family->workloads) * (ROUNDS_MAX + 1);
  for (unsigned round = 0; round <= rounds; round++) {
    show_progress(asked, round, rounds);
    if (!run_round(taken, round, seed + round)) return show_progress(NULL, 0, 0), false;
  }
  show_progress(NULL, 0, 0);
  return true;
}

/* ---- the rows */

/* How far the control's threads disturb each other: total rate of all threads / rate of one. Near 1: the processors are
 * two halves of one core; near the number of threads: cores of their own. */
static double control_scaling(const turns *taken) {
  const turn *alone = &taken->all[1 + taken->peer_count], *together = alone + 1;
  return together->task.threads * samples_median(&alone->ns) / samples_median(&together->ns);
}

static void note_threads(const race *running, const turns *taken, const turn *theirs, report_row *row) {
  const turn *ours = &taken->all[0];
  unsigned threads = ours->task.threads;
  if (threads == 1) return;
  int used = snprintf(row->note, sizeof row->note, "aborts %.1f%% %.1f%%", 100 * samples_median(&ours->abort_share),
                      100 * samples_median(&theirs->abort_share));
  if (taken->count == 1 + taken->peer_count) return;
  snprintf(row->note + used, sizeof row->note - (size_t)used, "; %s get %ut/1t %.2f", running->family->control->name,
           threads, control_scaling(taken));
}

static void report_peer(race *running, const workload *asked, const turns *taken, size_t peer) {
  const turn *ours = &taken->all[0], *theirs = &taken->all[1 + peer];
  report_row row = {.workload = asked->name,
                    .peer = asked->peers[peer].ops->name,
                    .unit = asked->unit,
                    .ours = samples_median(&ours->ns),
                    .theirs = samples_median(&theirs->ns),
                    .goal = asked->peers[peer].goal,
                    .ours_spread = samples_spread(&ours->ns),
                    .theirs_spread = samples_spread(&theirs->ns)};
  row.ratio = row.theirs / row.ours;
  note_threads(running, taken, theirs, &row);
  report_add(running->results, &row);
}

/* A bound as a row: the limit in the place of theirs, and so reached at a ratio of 1. */
static void report_aborts(race *running, const workload *asked, const turns *taken) {
  static const double share_least = 1e-6; /* below it, the ratio would say nothing, or be infinite */
  const samples *shares = &taken->all[0].abort_share;
  double share = samples_median(shares);
  report_row row = {.workload = asked->aborts_name,
                    .peer = "limit",
                    .unit = "share",
                    .ours = share,
                    .theirs = asked->abort_share_max,
                    .ratio = asked->abort_share_max / (share < share_least ? share_least : share),
                    .goal = 1,
                    .ours_spread = samples_spread(shares)};
  report_add(running->results, &row);
}

static bool race_workload(race *running, const workload *asked) {
  turns taken;
  plan_turns(running, asked, &taken);
  if (!run_rounds(running, asked, &taken)) return false;
  for (size_t peer = 0; peer < taken.peer_count; peer++) report_peer(running, asked, &taken, peer);
  if (asked->aborts_name != NULL) report_aborts(running, asked, &taken);
  return true;
}

static bool race_workloads(race *running) {
  for (size_t i = 0; i < running->family->workload_count; i++) {
    const workload *asked = &running->family->workloads[i];
    if (race_is_wanted(asked, running->options) && !race_workload(running, asked)) return false;
  }
  return true;
}

bool race_family(const family *raced, const race_options *options, report *results) {
  race running = {.family = raced, .options = options, .results = results};
  bool whole = start_workers(&running);
  if (whole && running.worker_count > 0) {
    print_engines(&running);
    report_print_head();
    whole = race_workloads(&running);
  }
  return end_workers(&running, whole);
}
