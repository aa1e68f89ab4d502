/* measure: see measure.h.
 *
 * Each thread first does a share of its operations untimed: threads and processes have just changed, and with them what
 * is in the caches. Threads start their timed part together, and none leaves before all are done. */
#include "measure.h"

#include <pthread.h>

#include "machine.h"

enum { THREADS_MAX = 16, WARM_UP_DIVISOR = 8 };

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

/* Keeps what was read from being optimised away. */
static _Atomic uint64_t sink;

/* ---- the loops that are timed */

static void read_many(measuring_thread *thread, engine_get *get, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    bench_key key;
    input_key(prng_below(&thread->prng, thread->key_space), key);
    thread->sum += get(thread->entered, key);
  }
}

/* So far below the last key, as keys are spread evenly, that twice as many are expected above it as a scan asks for. */
static void pick_scan_start(measuring_thread *thread, bench_key key) {
  uint64_t end = UINT64_MAX - UINT64_MAX / thread->subject->keys * 2 * thread->task->entries, index;
  do index = prng_below(&thread->prng, thread->key_space);
  while (input_mix(index) >= end);
  input_key(index, key);
}

static void scan_many(measuring_thread *thread, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    bench_key first;
    pick_scan_start(thread, first);
    thread->sum += thread->subject->ops->scan(thread->entered, first, thread->task->entries);
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
  engine_transact *transact = thread->subject->ops->transact;
  for (uint64_t i = 0; i < count; i++) {
    bench_key keys[TXN_KEYS_MAX];
    pick_distinct_keys(thread, keys, task->reads > task->writes ? task->reads : task->writes);
    engine_transaction transaction = {keys, task->reads, task->writes, input_value(i)};
    while (!transact(thread->entered, &transaction, &thread->sum)) thread->aborts++;
  }
}

static void watch_many(measuring_thread *thread, engine_watch *watch, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) watch(thread->entered, &thread->seen);
}

static engine_get *either(engine_get *wanted, engine_get *otherwise) { return wanted != NULL ? wanted : otherwise; }

static void run_operations(measuring_thread *thread, uint64_t count) {
  const engine_ops *ops = thread->subject->ops;
  switch (thread->task->kind) {
    case TASK_GET: read_many(thread, ops->get, count); break;
    case TASK_READ_TXN: read_many(thread, ops->read_txn, count); break;
    case TASK_READ_UNTRACKED: read_many(thread, either(ops->read_untracked, ops->read_txn), count); break;
    case TASK_READ_VALUES: read_many(thread, either(ops->read_values, ops->read_txn), count); break;
    case TASK_SCAN: scan_many(thread, count); break;
    case TASK_TRANSACT: transact_many(thread, count); break;
    case TASK_COMMITS_ALONE: watch_many(thread, ops->commits_alone, count); break;
    case TASK_COMMITS_BESIDE: watch_many(thread, ops->commits_beside, count); break;
    case TASK_MEMORY: scan_many(thread, thread->task->entries == 0 ? 0 : 1); break;
  }
}

/* ---- around them */

/* With a stock to keep, the clock stands still while it is filled up. */
static uint64_t run_stocked(measuring_thread *thread, uint64_t count) {
  const engine_ops *ops = thread->subject->ops;
  unsigned writes = thread->task->writes;
  uint64_t timed_ns = 0, burst = ops->stock_writes / writes;
  for (uint64_t done = 0; done < count; done += burst) {
    if (burst > count - done) burst = count - done;
    ops->stock(thread->entered, (unsigned)burst * writes);
    uint64_t began_ns = machine_now_ns();
    run_operations(thread, burst);
    timed_ns += machine_now_ns() - began_ns;
  }
  return timed_ns;
}

static uint64_t run_timed(measuring_thread *thread, uint64_t count) {
  const bench_task *task = thread->task;
  if (thread->subject->ops->stock != NULL && task->kind == TASK_TRANSACT && task->reads == 0)
    return run_stocked(thread, count);
  if (thread->subject->ops->get_timed != NULL && task->kind == TASK_GET)
    return thread->subject->ops->get_timed(thread->entered, count);
  uint64_t began_ns = machine_now_ns();
  run_operations(thread, count);
  return machine_now_ns() - began_ns;
}

static void pin(const measuring_thread *thread) {
  const bench_task *task = thread->task;
  if (task->threads > 1) machine_pin_thread(task->cpus == 0 ? thread->number : thread->number % task->cpus);
}

static void run_part(measuring_thread *thread) {
  uint64_t operations = thread->task->operations;
  run_timed(thread, operations / WARM_UP_DIVISOR);
  thread->aborts = 0;
  thread->seen = (engine_tally){0};
  pthread_barrier_wait(thread->barrier);
  uint64_t began_ns = machine_now_ns();
  thread->timed_ns = run_timed(thread, operations);
  thread->elapsed_ns = machine_now_ns() - began_ns;
  pthread_barrier_wait(thread->barrier);
}

static void *run_thread(void *started) {
  measuring_thread *thread = started;
  const engine_ops *ops = thread->subject->ops;
  bool series = thread->task->kind == TASK_GET;
  pin(thread);
  thread->entered = ops->enter(thread->subject->store);
  if (series && ops->series_begin != NULL) ops->series_begin(thread->entered);
  run_part(thread);
  if (series && ops->series_end != NULL) ops->series_end(thread->entered);
  ops->leave(thread->entered);
  sink += thread->sum;
  return NULL;
}

/* ---- what came of it */

static measurement sum_up_threads(const measuring_thread *threads, unsigned count) {
  uint64_t slowest_ns = 0, aborts = 0, commits = 0;
  measurement result = {0};
  for (unsigned i = 0; i < count; i++) {
    if (threads[i].timed_ns > slowest_ns) slowest_ns = threads[i].timed_ns;
    if (threads[i].elapsed_ns > result.elapsed_ns) result.elapsed_ns = threads[i].elapsed_ns;
    aborts += threads[i].aborts;
    commits += threads[i].task->operations;
  }
  result.cost = (double)slowest_ns / (double)commits;
  result.abort_share = (double)aborts / (double)(aborts + commits);
  return result;
}

/* Where nothing at all was done, the cost is a lower bound. */
static double cost_seen(const engine_tally *seen) {
  return (double)seen->elapsed_ns / (double)(seen->operations == 0 ? 1 : seen->operations);
}

static double bytes_per_key(const bench_subject *subject) {
  double grown = (double)machine_anonymous_bytes() - (double)subject->empty_bytes;
  return grown / (double)subject->keys - VALUE_SIZE;
}

static measurement sum_up(const bench_subject *subject, const bench_task *task, const measuring_thread *threads) {
  measurement result = sum_up_threads(threads, task->threads);
  switch (task->kind) {
    case TASK_COMMITS_ALONE:
    case TASK_COMMITS_BESIDE: result.cost = cost_seen(&threads[0].seen); break;
    case TASK_MEMORY: result.cost = bytes_per_key(subject); break;
    default: break;
  }
  return result;
}

measurement measure(const bench_subject *subject, const bench_task *task, uint64_t seed) {
  measuring_thread threads[THREADS_MAX];
  pthread_barrier_t barrier;
  if (task->threads > THREADS_MAX) engine_fail("more than %d threads", THREADS_MAX);
  pthread_barrier_init(&barrier, NULL, task->threads);
  for (unsigned i = 0; i < task->threads; i++) {
    threads[i] = (measuring_thread){.number = i,
                                    .subject = subject,
                                    .task = task,
                                    .barrier = &barrier,
                                    .prng = prng_seeded(seed * THREADS_MAX + i),
                                    .key_space = task->hot_keys != 0 ? task->hot_keys : subject->keys};
    if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) engine_fail("cannot start a thread");
  }
  for (unsigned i = 0; i < task->threads; i++) pthread_join(threads[i].id, NULL);
  pthread_barrier_destroy(&barrier);
  if (subject->ops->rest != NULL) subject->ops->rest(subject->store);
  return sum_up(subject, task, threads);
}
