/* measure: what a workload does to an engine, and what that costs. Runs in the engine's process. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "engine.h"

typedef enum task_kind {
  TASK_GET = 1,        /* gets inside one transaction that is open already */
  TASK_READ_TXN,       /* read-only transactions of one get */
  TASK_READ_UNTRACKED, /* the same through ops->read_untracked, where an engine has it */
  TASK_READ_VALUES,    /* the same through ops->read_values, where an engine has it */
  TASK_SCAN,           /* scans of `entries` keys, each from a random one on */
  TASK_TRANSACT,       /* read-write transactions, each repeated until it commits */
  TASK_COMMITS_ALONE,  /* ops->commits_alone: another thread's commits are what is timed */
  TASK_COMMITS_BESIDE, /* ops->commits_beside, likewise */
  TASK_MEMORY          /* no time but memory: bytes per key, values left out; first one scan, if `entries` is set */
} task_kind;

/* Plain data: sent to the engine's process as it is. */
typedef struct bench_task {
  task_kind kind;
  unsigned threads;
  unsigned cpus;          /* that the threads are spread over, if there are several; 0 = all */
  unsigned reads, writes; /* per transaction; writes go to the keys that were read */
  unsigned entries;       /* per scan */
  uint64_t hot_keys;      /* keys are drawn from the first `hot_keys`; 0 = from all */
  uint64_t operations;    /* of each thread; 0 = not settled yet */
} bench_task;

typedef struct measurement {
  double cost;         /* ns per operation: the time of the slowest thread / the operations of all; or bytes per key */
  double abort_share;  /* transactions that conflicted / transactions tried */
  uint64_t elapsed_ns; /* by the slowest thread, with what was not to be timed in between */
} measurement;

/* Whom it is done to. */
typedef struct bench_subject {
  const engine_ops *ops;
  void *store;
  uint64_t keys;
  uint64_t empty_bytes; /* machine_anonymous_bytes before the store was opened */
} bench_subject;

/* The seed settles which keys are used in which order. Ends the process on failure. */
measurement measure(const bench_subject *subject, const bench_task *task, uint64_t seed);

#endif
