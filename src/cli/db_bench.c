/* khonsu bench DIR: how fast transactions are here, by the clock on the wall.
 *
 * Phases, one after the other, each by all threads: put every key, a commit each; get keys drawn at random; move between
 * two keys drawn at random (two reads, two writes, serializable, again after a conflict); append batches to one table; add
 * up all of its rows (each thread all of them). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "db.h"

enum { BATCH_ROWS = 1000 };

static struct {
  uint64_t keys, value_size, batches, threads;
  bool keep;
} settings = {.keys = 10000, .value_size = 100, .batches = 100, .threads = 1};

typedef struct worker worker;

typedef struct phase {
  const char *name;
  khonsu_status (*run)(worker *self, uint64_t i); /* the i-th operation */
  const uint64_t *count;                          /* of all threads together */
  bool each;                                      /* every thread does all of them */
  bool writes;
} phase;

struct worker {
  pthread_t id;
  const phase *what;
  khonsu_db *db;
  uint64_t number; /* of the thread */
  uint64_t at;     /* the operation under way */
  uint64_t done;
  char *value; /* value_size bytes */
  khonsu_status status;
  khonsu_error error;
};

/* ---- operations */

static uint64_t draw(uint64_t i, uint64_t salt) { return kh_bench_mix(i ^ salt) % settings.keys; }

static khonsu_status put(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const worker *self = ctx;
  char text[KH_BENCH_KEY_SIZE];
  return khonsu_put_bytes(txn, kh_bench_key(self->at, text), (khonsu_slice){self->value, settings.value_size}, error);
}

static khonsu_status run_put(worker *self, uint64_t i) {
  self->at = i;
  return khonsu_run(self->db, NULL, put, self, NULL, &self->error);
}

static khonsu_status run_get(worker *self, uint64_t i) {
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  char text[KH_BENCH_KEY_SIZE];
  khonsu_bytes value;
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(self->db, &options, &txn, &self->error);
  if (status != KHONSU_OK) return status;
  status = khonsu_get_bytes(txn, kh_bench_key(draw(i, 1), text), &value, &self->error);
  if (status == KHONSU_OK) {
    if (value.size == settings.value_size && value.size > 0) memcpy(self->value, value.data, value.size);
    khonsu_bytes_release(&value);
  }
  khonsu_txn_free(&txn);
  return status;
}

/* What one key has the other gets. */
static khonsu_status move(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const worker *self = ctx;
  char text[2][KH_BENCH_KEY_SIZE];
  khonsu_slice keys[] = {kh_bench_key(draw(self->at, 2), text[0]), kh_bench_key(draw(self->at, 3), text[1])};
  khonsu_bytes values[2] = {{.data = NULL}, {.data = NULL}};
  khonsu_status status = KHONSU_OK;
  for (int i = 0; i < 2 && status == KHONSU_OK; i++) status = khonsu_get_bytes(txn, keys[i], &values[i], error);
  for (int i = 0; i < 2 && status == KHONSU_OK; i++)
    status = khonsu_put_bytes(txn, keys[i], (khonsu_slice){values[!i].data, values[!i].size}, error);
  for (int i = 0; i < 2; i++) khonsu_bytes_release(&values[i]);
  return status;
}

static khonsu_status run_move(worker *self, uint64_t i) {
  self->at = i;
  return khonsu_run(self->db, NULL, move, self, NULL, &self->error);
}

/* ---- the table: rows of one int64, each its own number */

static khonsu_slice table_key(void) { return khonsu_key("table"); }

/* What is borrowed has nothing to release. */
static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }

static khonsu_status append(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const worker *self = ctx;
  static const struct ArrowSchema column = {.format = "l", .name = "number", .release = release_schema};
  struct ArrowSchema *columns[] = {(struct ArrowSchema *)&column};
  int64_t numbers[BATCH_ROWS];
  const void *buffers[] = {NULL, numbers};
  struct ArrowArray values = {.length = BATCH_ROWS, .n_buffers = 2, .buffers = buffers, .release = release_array};
  struct ArrowArray *children[] = {&values};
  const struct ArrowSchema schema = {
      .format = "+s", .name = "", .n_children = 1, .children = columns, .release = release_schema};
  const void *no_nulls[] = {NULL};
  const struct ArrowArray batch = {.length = BATCH_ROWS,
                                   .n_buffers = 1,
                                   .buffers = no_nulls,
                                   .n_children = 1,
                                   .children = children,
                                   .release = release_array};
  for (int64_t i = 0; i < BATCH_ROWS; i++) numbers[i] = (int64_t)self->at * BATCH_ROWS + i;
  return khonsu_append_batch_ref(txn, table_key(), &schema, &batch, error);
}

static khonsu_status run_append(worker *self, uint64_t i) {
  self->at = i;
  return khonsu_run(self->db, NULL, append, self, NULL, &self->error);
}

static int64_t sum_of(const struct ArrowArray *batch) {
  const struct ArrowArray *column = batch->children[0];
  const int64_t *numbers = (const int64_t *)column->buffers[1] + column->offset + batch->offset;
  int64_t sum = 0;
  for (int64_t i = 0; i < batch->length; i++) sum += numbers[i];
  return sum;
}

/* All that was appended must be there: a sum that is not as it should be is a failure. */
static khonsu_status add_up(khonsu_txn *txn, khonsu_error *error) {
  int64_t rows = (int64_t)settings.batches * BATCH_ROWS, sum = 0;
  struct ArrowArrayStream table;
  struct ArrowArray batch;
  khonsu_status status = khonsu_get(txn, table_key(), &table, error);
  if (status != KHONSU_OK) return status;
  while ((status = kh_next_batch(&table, &batch, error)) == KHONSU_OK && batch.release != NULL) {
    sum += sum_of(&batch);
    batch.release(&batch);
  }
  table.release(&table);
  if (status != KHONSU_OK || sum == rows * (rows - 1) / 2) return status;
  return khonsu_error_set(error, KHONSU_CORRUPT, "the rows that were appended are not all there");
}

static khonsu_status run_sum(worker *self, uint64_t i) {
  (void)i;
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(self->db, &options, &txn, &self->error);
  if (status != KHONSU_OK) return status;
  status = add_up(txn, &self->error);
  khonsu_txn_free(&txn);
  return status;
}

static const uint64_t once = 1;

static const phase phases[] = {
    {"put", run_put, &settings.keys, false, true},
    {"get", run_get, &settings.keys, false, false},
    {"move", run_move, &settings.keys, false, true},
    {"append", run_append, &settings.batches, false, true},
    {"sum", run_sum, &once, true, false},
};

/* ---- threads */

static void *work(void *ctx) {
  worker *self = ctx;
  const phase *what = self->what;
  uint64_t count = *what->count, step = what->each ? 1 : settings.threads;
  for (uint64_t i = what->each ? 0 : self->number; i < count && self->status == KHONSU_OK && !kh_interrupted;
       i += step) {
    self->status = what->run(self, i);
    if (self->status == KHONSU_OK) self->done++;
    if (self->number == 0 && self->done % KH_BENCH_PROGRESS_EVERY == 0) kh_progress_count(what->name, i, count);
  }
  return NULL;
}

static void prepare_worker(worker *self, const phase *what, khonsu_db *db, uint64_t number) {
  self->what = what;
  self->db = db;
  self->number = number;
  self->done = 0;
  self->status = KHONSU_OK;
}

/* Runs the phase in all threads, this one included. */
static khonsu_status run_threads(worker *workers, const phase *what, khonsu_db *db, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  uint64_t started = 1;
  for (uint64_t t = 0; t < settings.threads; t++) prepare_worker(&workers[t], what, db, t);
  while (started < settings.threads && pthread_create(&workers[started].id, NULL, work, &workers[started]) == 0)
    started++;
  if (started < settings.threads) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "cannot start a thread");
  else (void)work(&workers[0]);
  for (uint64_t t = 1; t < started; t++) pthread_join(workers[t].id, NULL);
  for (uint64_t t = 0; t < started && status == KHONSU_OK; t++)
    if (workers[t].status != KHONSU_OK)
      status = khonsu_error_set(error, workers[t].status, "%s", workers[t].error.message);
  return status;
}

/* What buffered commits left to the system is part of the bill. */
static khonsu_status run_phase(worker *workers, const phase *what, khonsu_db *db, khonsu_error *error) {
  uint64_t done = 0;
  double began = kh_seconds();
  khonsu_status status = run_threads(workers, what, db, error);
  if (status == KHONSU_OK && what->writes && !kh_interrupted) status = khonsu_sync(db, error);
  double seconds = kh_seconds() - began;
  for (uint64_t t = 0; t < settings.threads; t++) done += workers[t].done;
  if (status == KHONSU_OK) kh_bench_print_row(what->name, done, settings.threads, seconds, kh_db.json);
  return status == KHONSU_OK && kh_interrupted ? KH_INTERRUPTED : status;
}

/* ---- the command */

static void print_head(void) {
  kh_grouped_text keys;
  if (kh_db.json) return;
  printf("khonsu %s: %s keys, values of %llu bytes, %llu batches of %d rows, %llu thread%s on %ld processors, %s\n\n",
         khonsu_library_version(), kh_grouped(settings.keys, keys), (unsigned long long)settings.value_size,
         (unsigned long long)settings.batches, BATCH_ROWS, (unsigned long long)settings.threads,
         settings.threads == 1 ? "" : "s", sysconf(_SC_NPROCESSORS_ONLN), kh_durability_names[kh_db.durability]);
  kh_bench_print_head();
}

static void fini_workers(worker *workers) {
  for (uint64_t t = 0; workers != NULL && t < settings.threads; t++) khonsu_error_clear(&workers[t].error);
  free(workers);
}

static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  worker *workers = calloc(settings.threads, sizeof *workers);
  char *values = calloc(settings.threads, settings.value_size + 1);
  khonsu_status status = KHONSU_OK;
  if (workers == NULL || values == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  for (uint64_t t = 0; status == KHONSU_OK && t < settings.threads; t++) {
    workers[t].value = values + t * (settings.value_size + 1);
    workers[t].error = (khonsu_error)KHONSU_ERROR_INIT;
    for (uint64_t i = 0; i < settings.value_size; i++) workers[t].value[i] = (char)kh_bench_mix(i);
  }
  if (status == KHONSU_OK) print_head();
  for (size_t i = 0; i < sizeof phases / sizeof *phases && status == KHONSU_OK; i++)
    status = run_phase(workers, &phases[i], shell->db, error);
  fini_workers(workers);
  free(values);
  return status;
}

static int run(void) {
  bool existed = access(kh_db.path, F_OK) == 0;
  if (!kh_bench_is_empty(kh_db.path)) {
    kh_complain("%s is not empty: the benchmark wants a directory of its own", kh_db.path);
    return KH_EXIT_USAGE;
  }
  int status = kh_db_run(KH_DB_MAKE, body);
  if (!settings.keep) kh_bench_remove(kh_db.path, existed);
  return status;
}

static const kh_option options[] = {
    {"keys", "N", "how many keys", .size = &settings.keys, .least = 1, .most = UINT64_C(1) << 40},
    {"value-size", "BYTES", "how large their values are", .size = &settings.value_size, .most = UINT64_C(1) << 30},
    {"batches", "N", "how many batches of 1,000 rows are appended", .size = &settings.batches, .least = 1,
     .most = UINT64_C(1) << 30},
    {"threads", "N", "how many threads work at the same time", .number = &settings.threads, .least = 1,
     .most = KH_BENCH_THREADS_MAX},
    {"keep", NULL, "leave the database there", .flag = &settings.keep},
    {"json", NULL, "print an object for each phase", .flag = &kh_db.json},
    KH_DB_DURABILITY_OPTION,
    KH_DB_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_bench = {
    .name = "bench",
    .summary = "measure how fast transactions are here",
    .about =
        "Makes a database in DIR, which must be empty or not there, and removes it at the end. put: every key, a "
        "commit each; get: keys at random; move: two reads and two writes at random, serializable, again after "
        "conflicts; append: batches of 1,000 rows to one table; sum: all rows of the table, by each thread. Times are "
        "by the clock on the wall, with whatever else the machine does; ns/op is time x threads / operations. What is "
        "buffered is synced within the phase. --json: phase, ops, threads, seconds, ns_per_op, ops_per_s.",
    .options = options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
