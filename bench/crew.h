/* crew: the workers of a race, one per engine, all with one data set. Those of one workload that wants fresh processes
 * come and go on top of the others. Functions that return bool print what went wrong before they return false. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "race.h"
#include "worker.h"

enum { CREW_MAX = 72 };

typedef struct crew {
  const race_options *options;
  worker workers[CREW_MAX];
  size_t count, first; /* those before `first` are not to be found now */
  unsigned started;    /* so far, to tell their directories apart */
} crew;

/* Starts the workload's engines that are not there yet. */
bool crew_add(crew *joined, const workload *asked, const family *of);
/* Waits until all have loaded. */
bool crew_await(crew *awaited);
worker *crew_find(crew *searched, const engine_ops *ops);

/* From here on until crew_widen only workers that are added now are found; crew_widen ends these, in an orderly way or
 * at once. */
void crew_narrow(crew *narrowed);
bool crew_widen(crew *widened, bool orderly);
/* Ends all. */
bool crew_end(crew *ended, bool orderly);

#endif
