/* operations: the loops that measure.c times, one per kind of task. */
#ifndef BENCH_OPERATIONS_H
#define BENCH_OPERATIONS_H

#include <pthread.h>

#include "measure.h"

/* The most keys that one operation has, in a batch or when found at once. */
enum { GROUP_KEYS_MAX = 128 };

typedef struct measuring_thread {
  pthread_t id;
  unsigned number;
  const bench_subject *subject;
  const bench_task *task;
  pthread_barrier_t *barrier;
  void *entered;
  bench_prng prng;
  uint64_t key_space;
  uint64_t timed_ns, elapsed_ns, aborts, sum;
  engine_tally seen;
} measuring_thread;

/* Does the task `count` times. */
void operations_run(measuring_thread *thread, uint64_t count);
/* The same for the kinds of key-value stores; operations_run calls it. */
void operations_run_kv(measuring_thread *thread, uint64_t count);
/* TASK_ERASE, which has the clock stand still in between; returns the nanoseconds that erasing took. */
uint64_t operations_erase(measuring_thread *thread, uint64_t count);

#endif
