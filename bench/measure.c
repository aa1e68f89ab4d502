/* measure: see measure.h.
 *
 * Each thread first does a share of its operations untimed: threads and processes have just changed, and with them what
 * is in the caches. Threads start their timed part together, and none leaves before all are done. */
#include "measure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"

enum {
  THREADS_MAX = 16,
  OPERATIONS_MIN = 1000, /* so that tiny data sets still measure something */
  WARM_UP_DIVISOR = 8,
  STOCK_WRITES = 256 /* few enough that what is stocked stays in the second-level cache until it is written */
};

typedef struct measuring_thread {
  pthread_t id;
  unsigned number;
  const engine_ops *ops;
  void *store, *entered;
  const bench_task *task;
  pthread_barrier_t *barrier;
  bench_prng prng;
  uint64_t key_space, operations;
  uint64_t elapsed_ns, aborts, sum;
} measuring_thread;

/* Keeps what was read from being optimised away. */
static _Atomic uint64_t sink;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- the loops that are timed */

static void read_many(measuring_thread *thread, engine_get *get, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    bench_key key;
    input_key(prng_below(&thread->prng, thread->key_space), key);
    thread->sum += get(thread->entered, key);
  }
}

static void pick_distinct_keys(measuring_thread *thread, bench_key *keys, unsigned count) {
  uint64_t picked[TXN_KEYS_MAX];
  for (unsigned i = 0; i < count; i++) {
    unsigned same;
    do {
      picked[i] = prng_below(&thread->prng, thread->key_space);
      for (same = 0; picked[same] != picked[i]; same++) continue;
    } while (same < i);
    input_key(picked[i], keys[i]);
  }
}

static void transact_many(measuring_thread *thread, uint64_t count) {
  const bench_task *task = thread->task;
  for (uint64_t i = 0; i < count; i++) {
    bench_key keys[TXN_KEYS_MAX];
    pick_distinct_keys(thread, keys, task->reads > task->writes ? task->reads : task->writes);
    engine_transaction transaction = {keys, task->reads, task->writes, input_value(i)};
    while (!thread->ops->transact(thread->entered, &transaction, &thread->sum)) thread->aborts++;
  }
}

static engine_get *either(engine_get *wanted, engine_get *otherwise) { return wanted != NULL ? wanted : otherwise; }

static void run_operations(measuring_thread *thread, uint64_t count) {
  const engine_ops *ops = thread->ops;
  switch (thread->task->kind) {
    case TASK_GET: read_many(thread, ops->get, count); break;
    case TASK_READ_TXN: read_many(thread, ops->read_txn, count); break;
    case TASK_READ_UNTRACKED: read_many(thread, either(ops->read_untracked, ops->read_txn), count); break;
    case TASK_READ_VALUES: read_many(thread, either(ops->read_values, ops->read_txn), count); break;
    case TASK_TRANSACT: transact_many(thread, count); break;
  }
}

/* ---- around them */

/* With a stock to keep, the clock stands still while it is filled up. */
static uint64_t run_stocked(measuring_thread *thread, uint64_t count) {
  uint64_t elapsed_ns = 0, burst = STOCK_WRITES / thread->task->writes;
  for (uint64_t done = 0; done < count; done += burst) {
    if (burst > count - done) burst = count - done;
    thread->ops->stock(thread->entered, (unsigned)burst * thread->task->writes);
    uint64_t began_ns = now_ns();
    run_operations(thread, burst);
    elapsed_ns += now_ns() - began_ns;
  }
  return elapsed_ns;
}

static uint64_t run_timed(measuring_thread *thread, uint64_t count) {
  const bench_task *task = thread->task;
  if (thread->ops->stock != NULL && task->kind == TASK_TRANSACT && task->reads == 0) return run_stocked(thread, count);
  uint64_t began_ns = now_ns();
  run_operations(thread, count);
  return now_ns() - began_ns;
}

static void *run_thread(void *started) {
  measuring_thread *thread = started;
  const engine_ops *ops = thread->ops;
  if (thread->task->threads > 1) machine_pin_thread(thread->number);
  thread->entered = ops->enter(thread->store);
  bool series = thread->task->kind == TASK_GET;
  if (series && ops->series_begin != NULL) ops->series_begin(thread->entered);
  run_timed(thread, thread->operations / WARM_UP_DIVISOR);
  thread->aborts = 0;
  pthread_barrier_wait(thread->barrier);
  thread->elapsed_ns = run_timed(thread, thread->operations);
  pthread_barrier_wait(thread->barrier);
  if (series && ops->series_end != NULL) ops->series_end(thread->entered);
  ops->leave(thread->entered);
  sink += thread->sum;
  return NULL;
}

static measurement sum_up(const measuring_thread *threads, unsigned count) {
  uint64_t slowest_ns = 0, aborts = 0, commits = 0;
  for (unsigned i = 0; i < count; i++) {
    if (threads[i].elapsed_ns > slowest_ns) slowest_ns = threads[i].elapsed_ns;
    aborts += threads[i].aborts;
    commits += threads[i].operations;
  }
  return (measurement){(double)slowest_ns / (double)threads[0].operations, (double)aborts / (double)(aborts + commits)};
}

measurement measure(const engine_ops *ops, void *store, const bench_task *task, uint64_t keys, uint64_t seed) {
  measuring_thread threads[THREADS_MAX];
  pthread_barrier_t barrier;
  if (task->threads > THREADS_MAX) engine_fail("more than %d threads", THREADS_MAX);
  pthread_barrier_init(&barrier, NULL, task->threads);
  uint64_t operations = keys / task->divisor;
  for (unsigned i = 0; i < task->threads; i++) {
    threads[i] = (measuring_thread){.number = i,
                                    .ops = ops,
                                    .store = store,
                                    .task = task,
                                    .barrier = &barrier,
                                    .prng = prng_seeded(seed * THREADS_MAX + i),
                                    .key_space = task->hot_keys != 0 ? task->hot_keys : keys,
                                    .operations = operations < OPERATIONS_MIN ? OPERATIONS_MIN : operations};
    if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) engine_fail("cannot start a thread");
  }
  for (unsigned i = 0; i < task->threads; i++) pthread_join(threads[i].id, NULL);
  pthread_barrier_destroy(&barrier);
  if (ops->rest != NULL) ops->rest(store);
  return sum_up(threads, task->threads);
}
