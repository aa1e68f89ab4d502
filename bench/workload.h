/* workload: what is raced, against whom, and what is aimed at. A family is a list of workloads over one data set, in
 * family_<name>.c. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "measure.h"

enum { PEERS_MAX = 6 };

typedef struct workload_peer {
  const engine_ops *ops; /* NULL ends the list */
  double goal;           /* how many times better ours is to be; 0 = none set */
} workload_peer;

typedef struct workload {
  const char *name; /* starts with the family's */
  const char *unit;
  const engine_ops *ours;
  workload_peer peers[PEERS_MAX + 1];
  const char *aborts_name; /* optional: of an extra row that holds our share of aborts against abort_share_max */
  double abort_share_max;
  bench_task task;
} workload;

typedef struct family {
  const char *name; /* with its slash: "memory/" */
  const workload *workloads;
  size_t workload_count;
  /* The peer whose reads on 1 and on as many threads as the row's tell how much the machine's processors disturb each
   * other in this run. */
  const engine_ops *control;
} family;

extern const family family_memory;

#endif
