/* measure: what a workload does to an engine, and how long that takes. Runs in the engine's process. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "engine.h"

typedef enum task_kind {
  TASK_GET = 1,        /* gets inside one transaction that is open already */
  TASK_READ_TXN,       /* read-only transactions of one get */
  TASK_READ_UNTRACKED, /* the same through ops->read_untracked, where an engine has it */
  TASK_READ_VALUES,    /* the same through ops->read_values, where an engine has it */
  TASK_TRANSACT        /* read-write transactions, each repeated until it commits */
} task_kind;

/* Plain data: sent to the engine's process as it is. */
typedef struct bench_task {
  task_kind kind;
  unsigned threads;
  unsigned reads, writes; /* per transaction; writes go to the keys that were read */
  unsigned divisor;       /* each thread does keys / divisor operations */
  uint64_t hot_keys;      /* keys are drawn from the first `hot_keys`; 0 = from all */
} bench_task;

typedef struct measurement {
  double ns;          /* per operation of a thread, by the slowest thread */
  double abort_share; /* transactions that conflicted / transactions tried */
} measurement;

/* The seed settles which keys are used in which order. Ends the process on failure. */
measurement measure(const engine_ops *ops, void *store, const bench_task *task, uint64_t keys, uint64_t seed);

#endif
