/* operations: see operations.h. Here are those of transactions and of scans. */
#include "operations.h"

static void read_many(measuring_thread *thread, engine_get *get, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    bench_key key;
    input_key(prng_below(&thread->prng, thread->key_space), key);
    thread->sum += get(thread->entered, key);
  }
}

/* So far below the last key, as keys are spread evenly, that twice as many are expected above it as a scan asks for. */
static void pick_scan_start(measuring_thread *thread, bench_key key) {
  uint64_t end = UINT64_MAX - UINT64_MAX / thread->subject->config->keys * 2 * thread->task->entries, index;
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

void operations_run(measuring_thread *thread, uint64_t count) {
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
    default: operations_run_kv(thread, count); break;
  }
}
