/* workload: what is raced, against whom, and what is aimed at. A family is a list of workloads over one data set, in
 * family_<name>.c. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "measure.h"

enum { PEERS_MAX = 6, WORKLOAD_ENGINES_MAX = 1 + PEERS_MAX + 1 };

/* Another engine with the same task; or ours under other circumstances, which then have a name. */
typedef struct workload_peer {
  const engine_ops *ops;  /* NULL ends the list */
  double goal;            /* how many times better ours is to be; 0 = none set */
  const char *name;       /* NULL = the engine's */
  const bench_task *task; /* NULL = the workload's */
} workload_peer;

typedef enum bound_on { BOUND_ON_COST = 1, BOUND_ON_ABORTS } bound_on;

/* A row that holds what ours does against a number. */
typedef struct workload_bound {
  const char *name; /* the row's; NULL = no such row */
  const char *unit;
  bound_on on;
  double limit;
  bool is_goal;
} workload_bound;

typedef struct workload {
  const char *name; /* starts with the family's */
  const char *unit;
  const engine_ops *ours;
  workload_peer peers[PEERS_MAX + 1];
  workload_bound bound;
  bench_task task;
  bool fresh; /* in processes that have done nothing before */
  /* If not 0: instead of rounds one run of so many operations per key; ours is its last tenth, the peer its first. */
  unsigned course_per_key;
} workload;

typedef struct family {
  const char *name; /* with its slash: "memory/" */
  const workload *workloads;
  size_t workload_count;
  /* The peer whose reads on 1 and on as many threads as the row's tell how much the machine's processors disturb each
   * other in this run. */
  const engine_ops *control;
} family;

extern const family family_memory, family_arrow;

static inline const char *peer_name(const workload_peer *peer) {
  return peer->name != NULL ? peer->name : peer->ops->name;
}

/* Whether the control runs beside the workload. */
static inline bool workload_is_controlled(const workload *asked, const family *of) {
  return asked->task.threads > 1 && of->control != NULL && !engine_is_absent(of->control);
}

/* The engines that the workload needs and that are there, ours first; an engine may come twice. */
static inline size_t workload_engines(const workload *asked, const family *of,
                                      const engine_ops *engines[WORKLOAD_ENGINES_MAX]) {
  size_t count = 0;
  engines[count++] = asked->ours;
  for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++)
    if (!engine_is_absent(peer->ops)) engines[count++] = peer->ops;
  if (workload_is_controlled(asked, of)) engines[count++] = of->control;
  return count;
}

#endif
