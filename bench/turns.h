/* turns: who does what in the rounds of one workload, and what came of it.
 *
 * In each round every engine draws from the same sequence of keys, one engine after the other; which of them begins
 * changes from round to round, so that none always follows the same. What is slow for a while on this machine then
 * falls on all of them. The first round is thrown away: it warms up, and settles how many operations each engine does
 * in a turn, so that turns of slow and of fast engines take about as long. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include "crew.h"
#include "samples.h"

enum { CONTROLS_MAX = 2, TURNS_MAX = 1 + PEERS_MAX + CONTROLS_MAX };

/* What one engine does in each round, and what it cost. */
typedef struct turn {
  const workload_peer *peer; /* NULL: ours, or a control */
  worker *taken_by;
  bench_task task;
  samples cost, abort_share;
  engine_losses losses; /* of all rounds that count */
} turn;

/* Ours first, then the peers that are there in their order, then the controls. */
typedef struct turns {
  const workload *asked;
  const race_options *options;
  unsigned turn_ms;
  size_t count, peer_count;
  /* Of threads: the last two are the control's task on 1 thread and on as many as the workload has. Of flushes: the last
   * one is the bare flush. */
  control_kind control;
  turn all[TURNS_MAX];
} turns;

/* The workers must be in the crew. */
void turns_plan(turns *planned, crew *of, const workload *asked, const family *of_family);
/* False: an engine failed; a message has been printed. */
bool turns_run(turns *run, uint64_t seed);

#endif
