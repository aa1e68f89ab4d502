/* turns: see turns.h. */
#include "turns.h"

#include <stdio.h>
#include <unistd.h>

enum {
  PROBE_FACTOR = 8,
  PROBE_DIVISOR = 16, /* a probe that takes this part of a turn tells how long the whole would take */
  COURSE_PARTS = 10   /* of which the first and the last are compared */
};

/* ---- the plan */

static turn *add_turn(turns *planned, crew *of, const engine_ops *ops, const bench_task *task) {
  turn *added = &planned->all[planned->count++];
  *added = (turn){.taken_by = crew_find(of, ops), .task = *task};
  return added;
}

/* What several threads reach depends on how the host has placed the processors, and what a flush takes on who else uses
 * the disk: see rows.c. */
static void add_controls(turns *planned, crew *of, const family *of_family) {
  planned->control = workload_control(planned->asked, of_family);
  if (planned->control == CONTROL_FLUSH)
    add_turn(planned, of, of_family->flush_control, &(bench_task){.kind = TASK_PUT, .threads = 1});
  if (planned->control != CONTROL_THREADS) return;
  bench_task reads = {.kind = of_family->control_kind, .threads = 1};
  add_turn(planned, of, of_family->control, &reads);
  reads.threads = planned->asked->task.threads;
  reads.cpus = planned->asked->task.cpus;
  add_turn(planned, of, of_family->control, &reads);
}

void turns_plan(turns *planned, crew *of, const workload *asked, const family *of_family) {
  *planned = (turns){.asked = asked, .options = of->options, .turn_ms = of->options->turn_ms};
  if (of_family->turn_ms_max != 0 && planned->turn_ms > of_family->turn_ms_max)
    planned->turn_ms = of_family->turn_ms_max;
  add_turn(planned, of, asked->ours, &asked->task);
  for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++) {
    if (engine_is_absent(peer->ops)) continue;
    add_turn(planned, of, peer->ops, peer->task != NULL ? peer->task : &asked->task)->peer = peer;
    planned->peer_count++;
  }
  add_controls(planned, of, of_family);
}

/* ---- rounds */

static void show_progress(const turns *run, const char *what, unsigned number, unsigned count) {
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s: %s %u of %u", run->asked->name, what, number, count);
}

static void clear_progress(void) {
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
}

/* How many operations make a turn. The first is not counted: an engine may do with it what it does once for all. */
static bool settle_operations(turn *settled, uint64_t turn_ns, uint64_t seed) {
  measurement probe;
  settled->task.operations = 1;
  if (!worker_measure(settled->taken_by, &settled->task, seed, &probe)) return false;
  for (settled->task.operations = 1;; settled->task.operations *= PROBE_FACTOR) {
    if (!worker_measure(settled->taken_by, &settled->task, seed, &probe)) return false;
    if (probe.elapsed_ns >= turn_ns / PROBE_DIVISOR) break;
  }
  double operations = (double)settled->task.operations * (double)turn_ns / (double)probe.elapsed_ns;
  settled->task.operations = operations < 1 ? 1 : (uint64_t)operations;
  return true;
}

static bool take_turn(turn *taken, uint64_t seed, bool counts) {
  measurement result;
  if (!worker_measure(taken->taken_by, &taken->task, seed, &result)) return false;
  if (!counts) return true;
  samples_add(&taken->cost, result.cost);
  samples_add(&taken->abort_share, result.abort_share);
  taken->losses.tried += result.losses.tried;
  taken->losses.lost += result.losses.lost;
  taken->losses.failed += result.losses.failed;
  taken->losses.duplicated += result.losses.duplicated;
  return true;
}

static bool run_rounds(turns *run, uint64_t seed) {
  uint64_t turn_ns = run->turn_ms * UINT64_C(1000000);
  unsigned rounds = run->options->rounds, rounds_max = run->asked->rounds_max;
  if (rounds_max != 0 && rounds > rounds_max) rounds = rounds_max;
  if (run->asked->once) rounds = 1;
  for (unsigned round = run->asked->once ? 1 : 0; round <= rounds; round++) {
    show_progress(run, "round", round, rounds);
    for (size_t i = 0; i < run->count; i++) {
      turn *next = &run->all[(round + i) % run->count];
      if (next->task.operations == 0 && !settle_operations(next, turn_ns, seed)) return false;
      if (!take_turn(next, seed + round, round > 0)) return false;
    }
  }
  return true;
}

/* ---- a course: see workload.course_per_key */

/* Each part is run in as many pieces as there are rounds, so that its spread shows. One part comes before the first and
 * is thrown away. */
static bool run_course(turns *run, uint64_t seed) {
  turn *last = &run->all[0], *first = &run->all[1];
  unsigned rounds = run->options->rounds, pieces = COURSE_PARTS * rounds;
  last->task.operations = run->asked->course_per_key * run->options->keys / pieces;
  first->task.operations = last->task.operations;
  for (unsigned piece = 0; piece < rounds + pieces; piece++) {
    show_progress(run, "piece", piece, rounds + pieces);
    unsigned part = piece / rounds; /* 0 is thrown away */
    if (!take_turn(part == 1 ? first : last, seed + piece, part == 1 || part == COURSE_PARTS)) return false;
  }
  return true;
}

bool turns_run(turns *run, uint64_t seed) {
  bool whole = run->asked->course_per_key != 0 ? run_course(run, seed) : run_rounds(run, seed);
  clear_progress();
  return whole;
}
