/* khonsu kv DIR bench: how fast the engine is here, by the clock on the wall.
 *
 * Five phases, one after the other, each by all threads: put every key once, in random order; get keys drawn at random, and
 * copy their values; look for keys that are not there; scan all entries in order (each thread all of them); delete every
 * key once. ns/op is what an operation takes from where its thread stands: time x threads / operations. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "kv_record.h"

static struct {
  uint64_t keys, value_size, threads;
  int durability;
  bool keep;
} settings = {.keys = 1000000, .value_size = 100, .threads = 1};

static const char *const durability_names[] = {"buffered", "sync", "async", NULL};

typedef struct phase phase;

typedef struct worker {
  pthread_t id;
  const phase *what;
  flashkv *store;
  uint64_t number; /* of the thread */
  uint64_t done;
  char *value; /* what is put, or was read: value_size bytes */
  flashkv_status status;
  flashkv_error error;
} worker;

struct phase {
  const char *name;
  flashkv_status (*run)(worker *self, uint64_t i); /* the i-th operation */
  flashkv_status (*run_all)(worker *self);         /* or all of them */
};

static flashkv_slice key_of(uint64_t number, char text[KH_BENCH_KEY_SIZE]) {
  khonsu_slice key = kh_bench_key(number, text);
  return (flashkv_slice){key.data, key.size};
}

/* ---- operations */

static flashkv_status put(worker *self, uint64_t i) {
  char text[KH_BENCH_KEY_SIZE];
  flashkv_slice value = {self->value, settings.value_size};
  if (value.size >= sizeof i) memcpy(self->value, &i, sizeof i);
  return flashkv_put(self->store, key_of(i, text), value, &self->error);
}

static flashkv_status get(worker *self, uint64_t i) {
  char text[KH_BENCH_KEY_SIZE];
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_slice key = key_of(kh_bench_mix(i ^ UINT64_C(0x5bd1e995)) % settings.keys, text);
  flashkv_status status = flashkv_get(self->store, key, &value, &self->error);
  if (status == FLASHKV_OK && value.size == settings.value_size) memcpy(self->value, value.data, value.size);
  flashkv_value_release(&value);
  return status;
}

static flashkv_status miss(worker *self, uint64_t i) {
  char text[KH_BENCH_KEY_SIZE];
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status status = flashkv_get(self->store, key_of(settings.keys + i, text), &value, &self->error);
  flashkv_value_release(&value);
  return status == FLASHKV_NOT_FOUND ? FLASHKV_OK : status;
}

static flashkv_status delete_key(worker *self, uint64_t i) {
  char text[KH_BENCH_KEY_SIZE];
  return flashkv_delete(self->store, key_of(i, text), &self->error);
}

static flashkv_status scan(worker *self) {
  flashkv_iterator *iterator = NULL;
  flashkv_slice key, value;
  flashkv_status status = flashkv_iterator_open(self->store, NULL, &iterator, &self->error);
  while (status == FLASHKV_OK && !kh_interrupted) {
    status = flashkv_iterator_next(iterator, &key, &value, &self->error);
    if (status != FLASHKV_OK) break;
    if (value.size == settings.value_size && value.size > 0) memcpy(self->value, value.data, value.size);
    self->done++;
  }
  flashkv_iterator_free(&iterator);
  return status == FLASHKV_END ? FLASHKV_OK : status;
}

static const phase phases[] = {
    {"put", put, NULL}, {"get", get, NULL}, {"miss", miss, NULL}, {"scan", NULL, scan}, {"delete", delete_key, NULL},
};

/* ---- threads */

static void *work(void *ctx) {
  worker *self = ctx;
  const phase *what = self->what;
  if (what->run_all != NULL) {
    self->status = what->run_all(self);
    return NULL;
  }
  for (uint64_t i = self->number; i < settings.keys && self->status == FLASHKV_OK && !kh_interrupted;
       i += settings.threads) {
    self->status = what->run(self, i);
    if (self->status == FLASHKV_OK) self->done++;
    if (self->number == 0 && self->done % KH_BENCH_PROGRESS_EVERY == 0) kh_progress_count(what->name, i, settings.keys);
  }
  return NULL;
}

static flashkv_status start(worker *workers, const phase *what, flashkv *store, flashkv_error *error) {
  flashkv_status status = FLASHKV_OK;
  uint64_t started = 1;
  for (uint64_t t = 0; t < settings.threads; t++) {
    workers[t].what = what;
    workers[t].store = store;
    workers[t].number = t;
    workers[t].done = 0;
    workers[t].status = FLASHKV_OK;
    workers[t].error = (flashkv_error)FLASHKV_ERROR_INIT;
  }
  for (; started < settings.threads && status == FLASHKV_OK; started++)
    if (pthread_create(&workers[started].id, NULL, work, &workers[started]) != 0) {
      status = kh_kv_fail(error, FLASHKV_NO_MEMORY, "cannot start a thread");
      started--;
    }
  if (status == FLASHKV_OK) (void)work(&workers[0]);
  for (uint64_t t = 1; t < started; t++) pthread_join(workers[t].id, NULL);
  for (uint64_t t = 0; t < settings.threads && status == FLASHKV_OK; t++) {
    status = workers[t].status;
    if (status != FLASHKV_OK) *error = workers[t].error;
  }
  return status;
}

/* ---- what is printed */

static void print_head(void) {
  kh_grouped_text keys;
  if (kh_kv.json) return;
  printf("flashkv %s: %s keys of %d bytes, values of %llu, %llu thread%s on %ld processors, %s\n\n", flashkv_version(),
         kh_grouped(settings.keys, keys), KH_BENCH_KEY_SIZE, (unsigned long long)settings.value_size,
         (unsigned long long)settings.threads, settings.threads == 1 ? "" : "s", sysconf(_SC_NPROCESSORS_ONLN),
         durability_names[settings.durability]);
  kh_bench_print_head();
}

static flashkv_status run_phase(worker *workers, const phase *what, flashkv *store, flashkv_error *error) {
  double began = kh_seconds();
  flashkv_status status = start(workers, what, store, error);
  double seconds = kh_seconds() - began;
  uint64_t done = 0;
  for (uint64_t t = 0; t < settings.threads; t++) done += workers[t].done;
  if (status == FLASHKV_OK) kh_bench_print_row(what->name, done, settings.threads, seconds, kh_kv.json);
  return status == FLASHKV_OK && kh_interrupted ? KH_INTERRUPTED : status;
}

/* What buffered puts left to the system is part of the bill. */
static flashkv_status flush(flashkv *store, flashkv_error *error) {
  double began = kh_seconds();
  flashkv_status status = flashkv_sync(store, error);
  double seconds = kh_seconds() - began;
  if (status != FLASHKV_OK) return status;
  if (kh_kv.json) printf("{\"phase\":\"flush\",\"seconds\":%.6f}\n", seconds);
  else printf("%-8s %14s %10.3f\n", "flush", "", seconds);
  return FLASHKV_OK;
}

static flashkv_status run_phases(worker *workers, flashkv *store, flashkv_error *error) {
  flashkv_status status = FLASHKV_OK;
  print_head();
  for (size_t i = 0; i < sizeof phases / sizeof *phases && status == FLASHKV_OK; i++) {
    status = run_phase(workers, &phases[i], store, error);
    bool writes = phases[i].run == put || phases[i].run == delete_key;
    if (status == FLASHKV_OK && writes && settings.durability != FLASHKV_SYNC) status = flush(store, error);
  }
  return status;
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  worker *workers = calloc(settings.threads, sizeof *workers);
  char *values = malloc(settings.threads * settings.value_size + 1);
  flashkv_status status = FLASHKV_OK;
  if (workers == NULL || values == NULL) status = kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  for (uint64_t i = 0; values != NULL && i < settings.threads * settings.value_size; i++)
    values[i] = (char)kh_bench_mix(i);
  for (uint64_t t = 0; workers != NULL && t < settings.threads; t++)
    workers[t].value = values + t * settings.value_size;
  if (status == FLASHKV_OK) status = run_phases(workers, store, error);
  free(values);
  free(workers);
  return status;
}

static int run(void) {
  static const char *const levels[] = {"sync_writes=buffered", "sync_writes=sync", "sync_writes=async"};
  const char *path = kh_kv.dir.at[0];
  bool existed = access(path, F_OK) == 0;
  if (!kh_bench_is_empty(path)) {
    kh_complain("%s is not empty: the benchmark wants a directory of its own", path);
    return KH_EXIT_USAGE;
  }
  if (kh_kv.sync) settings.durability = FLASHKV_SYNC;
  if (kh_kv.set.count < KH_LIST_MAX) kh_kv.set.at[kh_kv.set.count++] = levels[settings.durability];
  int status = kh_kv_run(KH_KV_MAKE, body);
  if (!settings.keep) kh_bench_remove(path, existed);
  return status;
}

static const kh_option options[] = {
    {"keys", "N", "how many keys", .size = &settings.keys, .least = 1, .most = UINT64_C(1) << 40},
    {"value-size", "BYTES", "how large their values are", .size = &settings.value_size, .most = UINT64_C(1) << 30},
    {"threads", "N", "how many threads work at the same time", .number = &settings.threads, .least = 1,
     .most = KH_BENCH_THREADS_MAX},
    {"durability", NULL, "when a write returns", .choice = &settings.durability, .choices = durability_names},
    {"keep", NULL, "leave the store there", .flag = &settings.keep},
    {.name = NULL},
};

const kh_command kh_kv_bench = {
    .name = "bench",
    .summary = "measure how fast the engine is here",
    .about =
        "Makes a store in DIR, which must be empty or not there, and removes it at the end. Puts every key, gets keys "
        "at "
        "random and copies their values, looks for keys that are not there, scans all entries in order (each thread "
        "all of them; on the index hash the first scan makes the ordered index), deletes every key. Times are by "
        "the clock on the wall, with whatever else the machine does; ns/op is time x threads / operations. What "
        "is buffered is flushed in a row of its own. Reads find what was just written, so mostly in memory. --json: "
        "an object for each phase: phase, ops, threads, seconds, ns_per_op, ops_per_s; for flush phase and seconds.",
    .options = options,
    .run = run,
    .outer = &kh_command_kv,
};
