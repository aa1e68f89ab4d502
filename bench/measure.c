/* measure: see measure.h.
 *
 * Each thread first does a share of its operations untimed: threads and processes have just changed, and with them what
 * is in the caches. Threads start their timed part together, and none leaves before all are done. */
#include "measure.h"

#include "lives.h"
#include "machine.h"
#include "operations.h"

enum { THREADS_MAX = 16, WARM_UP_DIVISOR = 8, WARM_BYTES = 256 << 20 };

/* Keeps what was read from being optimised away. */
static _Atomic uint64_t sink;

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
    operations_run(thread, burst);
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
  if (task->kind == TASK_ERASE) return operations_erase(thread, count);
  uint64_t began_ns = machine_now_ns();
  operations_run(thread, count);
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

static double bytes_per_key(const bench_subject *subject, double known) {
  double grown = (double)machine_anonymous_bytes() - (double)subject->empty_bytes;
  return grown / (double)subject->config->keys - known;
}

/* What the cost is counted by, in each operation. */
static double items_of(const bench_subject *subject, const bench_task *task) {
  switch (task->kind) {
    case TASK_FIND_MANY: return task->entries;
    case TASK_BATCH: return task->writes;
    case TASK_ITERATE: return (double)subject->config->keys;
    default: return 1;
  }
}

static measurement sum_up(const bench_subject *subject, const bench_task *task, const measuring_thread *threads) {
  measurement result = sum_up_threads(threads, task->threads);
  switch (task->kind) {
    case TASK_COMMITS_ALONE:
    case TASK_COMMITS_BESIDE: result.cost = cost_seen(&threads[0].seen); break;
    case TASK_MEMORY: result.cost = bytes_per_key(subject, task->bytes_known); break;
    default: result.cost /= items_of(subject, task); break;
  }
  return result;
}

static measurement measure_threads(const bench_subject *subject, const bench_task *task, uint64_t seed) {
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
                                    .key_space = task->hot_keys != 0 ? task->hot_keys : subject->config->keys};
    if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) engine_fail("cannot start a thread");
  }
  for (unsigned i = 0; i < task->threads; i++) pthread_join(threads[i].id, NULL);
  pthread_barrier_destroy(&barrier);
  if (subject->ops->rest != NULL) subject->ops->rest(subject->store);
  return sum_up(subject, task, threads);
}

static bool is_writing_files(const bench_task *task) {
  task_kind kind = task->kind;
  return task->writes_files || kind == TASK_PUT || kind == TASK_BATCH || kind == TASK_ERASE || kind == TASK_MIX;
}

/* An engine that brings its own threads. */
static measurement measure_crowd(const bench_subject *subject) {
  measurement result = {0};
  void *entered = subject->ops->enter(subject->store);
  result.elapsed_ns = subject->ops->crowd(entered, &result.losses);
  subject->ops->leave(entered);
  const engine_losses *losses = &result.losses;
  result.cost = (double)result.elapsed_ns / (double)losses->tried;
  result.abort_share = (double)(losses->lost + losses->failed + losses->duplicated) / (double)losses->tried;
  return result;
}

measurement measure(const bench_subject *subject, const bench_task *task, uint64_t seed) {
  touch_whole = task->whole_values;
  if (subject->store == NULL) return lives_measure(subject, task);
  if (task->kind == TASK_CROWD) return measure_crowd(subject);
  if (is_writing_files(task)) machine_warm_memory(WARM_BYTES);
  if (task->arranged && subject->ops->arrange != NULL) subject->ops->arrange(subject->store);
  return measure_threads(subject, task, seed);
}
