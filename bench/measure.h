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
  TASK_CROWD,          /* ops->crowd */
  TASK_MEMORY,         /* no time but memory: bytes per key; first one scan, if `entries` is set */

  /* Key-value stores. */
  TASK_FIND,      /* ops->find of random keys */
  TASK_FIND_MANY, /* ops->find_many of `entries` keys, where an engine has it, else ops->find of each */
  TASK_MISS,      /* ops->find of keys that are not there */
  TASK_PUT,       /* ops->put of random keys that are there */
  TASK_BATCH,     /* ops->batch of `writes` such keys */
  TASK_ERASE,     /* ops->erase; keys are put back while the clock stands still */
  TASK_MIX,       /* ops->find or ops->put, `reads_percent` of them finds */
  TASK_ITERATE,   /* a scan of all keys */

  /* The whole life of a store, opened for this turn alone: lives.h. */
  TASK_LIFE_LOAD,       /* an empty store: ops->put of each key */
  TASK_LIFE_FIRST_FIND, /* opened after it was closed: ops->find of each key */
  TASK_LIFE_OPEN,       /* opening it after it was closed, until a first value is found */
  TASK_LIFE_RECOVER,    /* the same after the process that had loaded it was killed */
  TASK_LIFE_MERGE       /* ops->merge, after each key was put three times */
} task_kind;

/* Plain data: sent to the engine's process as it is. */
typedef struct bench_task {
  task_kind kind;
  unsigned threads;
  unsigned cpus;          /* that the threads are spread over, if there are several; 0 = all */
  unsigned reads, writes; /* per transaction; writes go to the keys that were read. Of a batch: `writes` */
  unsigned reads_percent;
  unsigned entries;     /* per scan, or found at once */
  bool singly;          /* TASK_FIND_MANY without ops->find_many */
  bool whole_values;    /* TASK_FIND: every byte is read */
  bool arranged;        /* ops->arrange comes first, where an engine has it */
  bool writes_files;    /* TASK_TRANSACT: see machine_warm_memory. Of others their kind tells */
  uint64_t hot_keys;    /* keys are drawn from the first `hot_keys`; 0 = from all */
  unsigned bytes_known; /* TASK_MEMORY: bytes of each key that do not count */
  uint64_t operations;  /* of each thread; 0 = not settled yet */
} bench_task;

typedef struct measurement {
  double cost;        /* ns per operation: the time of the slowest thread / the operations of all; or bytes per key */
  double abort_share; /* transactions that conflicted / transactions tried */
  engine_losses losses;
  uint64_t elapsed_ns; /* by the slowest thread, with what was not to be timed in between */
} measurement;

/* Whom it is done to. */
typedef struct bench_subject {
  const engine_ops *ops;
  const engine_config *config;
  void *store;          /* NULL: each turn opens one */
  uint64_t empty_bytes; /* machine_anonymous_bytes before the store was opened */
} bench_subject;

/* The seed settles which keys are used in which order. Ends the process on failure. */
measurement measure(const bench_subject *subject, const bench_task *task, uint64_t seed);

#endif
