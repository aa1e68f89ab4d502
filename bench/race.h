/* race: runs the workloads of a family, engines in turn, and reports the rows. */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include "report.h"
#include "workload.h"

typedef struct race_options {
  const char *only; /* workloads whose names start with it; "" = all */
  unsigned rounds;  /* measured ones; one more comes first and is thrown away */
  unsigned turn_ms; /* how long one engine is to be measured in a round */
  uint64_t keys;
  const char *directory; /* exists; each engine gets a directory of its own in it */
} race_options;

bool race_is_wanted(const workload *asked, const race_options *options);

/* False: an engine failed or the run was interrupted; why has been printed, and all processes have ended. */
bool race_family(const family *raced, const race_options *options, report *results);

#endif
