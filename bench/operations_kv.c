/* operations: see operations.h. Here are those of key-value stores. */
#include "machine.h"
#include "operations.h"

/* Indexes of keys that no data set has. */
#define MISSING_FROM (UINT64_C(1) << 40)

/* A turn erases at most this part of the keys before it puts them back. */
enum { ERASED_DIVISOR = 4 };

static void pick_key(measuring_thread *thread, bench_key key) {
  input_key(prng_below(&thread->prng, thread->key_space), key);
}

static const char *pick_value(const measuring_thread *thread, uint64_t number) {
  return input_bytes(number, thread->subject->config->value_size);
}

/* ---- reading */

static void find_one(measuring_thread *thread) {
  bench_key key;
  pick_key(thread, key);
  if (!thread->subject->ops->find(thread->entered, key, &thread->sum)) engine_fail("a key is missing");
}

static void find_each(measuring_thread *thread, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) find_one(thread);
}

static void find_many(measuring_thread *thread, uint64_t count) {
  unsigned entries = thread->task->entries;
  engine_find_many *together = thread->task->singly ? NULL : thread->subject->ops->find_many;
  if (together == NULL) return find_each(thread, count * entries);
  for (uint64_t i = 0; i < count; i++) {
    bench_key keys[GROUP_KEYS_MAX];
    for (unsigned j = 0; j < entries; j++) pick_key(thread, keys[j]);
    thread->sum += together(thread->entered, keys, entries);
  }
}

static void miss_each(measuring_thread *thread, uint64_t count) {
  engine_find *find = thread->subject->ops->find;
  for (uint64_t i = 0; i < count; i++) {
    bench_key key;
    input_key(MISSING_FROM + prng_below(&thread->prng, thread->key_space), key);
    if (find(thread->entered, key, &thread->sum)) engine_fail("a key that nobody has put");
  }
}

static void iterate(measuring_thread *thread, uint64_t count) {
  bench_key least;
  memset(least, '0', sizeof least);
  for (uint64_t i = 0; i < count; i++)
    thread->sum += thread->subject->ops->scan(thread->entered, least, (unsigned)thread->subject->config->keys);
}

/* ---- writing */

static void put_one(measuring_thread *thread, uint64_t number) {
  bench_key key;
  pick_key(thread, key);
  thread->subject->ops->put(thread->entered, key, pick_value(thread, number));
}

static void put_each(measuring_thread *thread, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) put_one(thread, i);
}

static void put_batches(measuring_thread *thread, uint64_t count) {
  unsigned writes = thread->task->writes;
  for (uint64_t i = 0; i < count; i++) {
    bench_key keys[GROUP_KEYS_MAX];
    for (unsigned j = 0; j < writes; j++) pick_key(thread, keys[j]);
    thread->subject->ops->batch(thread->entered, keys, writes, pick_value(thread, i));
  }
}

static void mix(measuring_thread *thread, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    if (prng_below(&thread->prng, 100) < thread->task->reads_percent) find_one(thread);
    else put_one(thread, i);
}

/* Keys in the order of their indexes, which is a random one. */
static uint64_t erase_some(measuring_thread *thread, uint64_t first, uint64_t count) {
  const engine_ops *ops = thread->subject->ops;
  bench_key key;
  uint64_t began_ns = machine_now_ns();
  for (uint64_t i = 0; i < count; i++) {
    input_key((first + i) % thread->key_space, key);
    ops->erase(thread->entered, key);
  }
  uint64_t timed_ns = machine_now_ns() - began_ns;
  for (uint64_t i = 0; i < count; i++) {
    input_key((first + i) % thread->key_space, key);
    ops->put(thread->entered, key, pick_value(thread, first + i));
  }
  return timed_ns;
}

uint64_t operations_erase(measuring_thread *thread, uint64_t count) {
  uint64_t timed_ns = 0, some = thread->key_space / ERASED_DIVISOR;
  for (uint64_t done = 0; done < count; done += some) {
    if (some > count - done) some = count - done;
    timed_ns += erase_some(thread, prng_below(&thread->prng, thread->key_space), some);
  }
  return timed_ns;
}

void operations_run_kv(measuring_thread *thread, uint64_t count) {
  switch (thread->task->kind) {
    case TASK_FIND: find_each(thread, count); break;
    case TASK_FIND_MANY: find_many(thread, count); break;
    case TASK_MISS: miss_each(thread, count); break;
    case TASK_PUT: put_each(thread, count); break;
    case TASK_BATCH: put_batches(thread, count); break;
    case TASK_MIX: mix(thread, count); break;
    case TASK_ITERATE: iterate(thread, count); break;
    default: engine_fail("a task that needs no store of its own"); break;
  }
}
