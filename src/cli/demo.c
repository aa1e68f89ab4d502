/* khonsu demo: see demo.h. */
#include "demo.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const dimension_tables[] = {"airlines", "airports", "planes", "weather"};

void kh_demo_fail(kh_demo *demo, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&demo->failure_lock);
  if (demo->failure[0] == '\0') vsnprintf(demo->failure, sizeof demo->failure, format, arguments);
  pthread_mutex_unlock(&demo->failure_lock);
  va_end(arguments);
  atomic_store(&demo->failed, true);
}

/* ---- before */

static void path_of(const kh_demo *demo, const char *table, char path[4096]) {
  snprintf(path, 4096, "%s/%s.arrow", demo->data_dir, table);
}

/* The body that puts the dimension tables. Each attempt reads the files anew, since a stream is moved. */
static khonsu_status put_dimensions(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; status == KHONSU_OK && i < sizeof dimension_tables / sizeof *dimension_tables; i++) {
    char path[4096];
    struct ArrowArrayStream table;
    path_of(ctx, dimension_tables[i], path);
    status = khonsu_ipc_read(path, &table, error);
    if (status != KHONSU_OK) break;
    khonsu_slice key = khonsu_key(dimension_tables[i]);
    status = khonsu_put(txn, key, &table, error);
  }
  return status;
}

static khonsu_status prepare(kh_demo *demo, uint64_t rows_max, uint64_t portion_rows, khonsu_error *error) {
  char path[4096];
  path_of(demo, "flights", path);
  khonsu_status status = kh_demo_flights_load(&demo->flights, path, rows_max, portion_rows, error);
  if (status != KHONSU_OK) return status;
  demo->outcomes = calloc(demo->flights.portion_count + 1, sizeof *demo->outcomes);
  if (demo->outcomes == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the outcomes");
  status = khonsu_open(NULL, NULL, &demo->db, error);
  return status != KHONSU_OK ? status : khonsu_run(demo->db, NULL, put_dimensions, demo, NULL, error);
}

/* ---- threads */

static void start(kh_demo *demo, kh_demo_thread *thread, int number, void *(*run)(void *)) {
  *thread = (kh_demo_thread){.demo = demo, .number = number};
  if (pthread_create(&thread->id, NULL, run, thread) == 0) return;
  thread->demo = NULL;
  kh_demo_fail(demo, "cannot start a thread");
}

static void join(kh_demo_thread *thread) {
  if (thread->demo != NULL) pthread_join(thread->id, NULL);
}

static void ingest(kh_demo *demo) {
  kh_demo_thread writers[KH_DEMO_THREADS_MAX], readers[KH_DEMO_THREADS_MAX], progress = {.demo = NULL};
  if (isatty(STDERR_FILENO)) start(demo, &progress, 0, kh_demo_progress);
  double began = kh_seconds();
  for (int i = 0; i < (int)demo->readers; i++) start(demo, &readers[i], i, kh_demo_reader);
  for (int i = 0; i < (int)demo->writers; i++) start(demo, &writers[i], i, kh_demo_writer);
  for (int i = 0; i < (int)demo->writers; i++) join(&writers[i]);
  demo->seconds = kh_seconds() - began;
  atomic_store(&demo->ingested, true);
  for (int i = 0; i < (int)demo->readers; i++) join(&readers[i]);
  join(&progress);
}

/* ---- the order of things */

static int end_failed(const kh_demo *demo) { return kh_complain("the demo failed: %s", demo->failure); }

static int run(kh_demo *demo) {
  kh_grouped_text rows;
  printf("Khonsu %s, in memory: %s flights, %llu writers, %llu readers\n\n", khonsu_library_version(),
         kh_grouped(demo->flights.row_count, rows), (unsigned long long)demo->writers,
         (unsigned long long)demo->readers);
  fflush(stdout);
  ingest(demo);
  if (atomic_load(&demo->failed) || !kh_demo_check(demo)) return end_failed(demo); /* once more, of all rows */
  kh_demo_report(demo);
  if (demo->out_dir == NULL) return KH_EXIT_OK;
  int files = kh_demo_export(demo);
  if (files == 0) return end_failed(demo);
  printf("\n  exported    %d tables as Arrow IPC files to %s\n", files, demo->out_dir);
  return KH_EXIT_OK;
}

static int prepare_and_run(kh_demo *demo, uint64_t rows_max, uint64_t portion_rows) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = prepare(demo, rows_max, portion_rows, &error);
  int exit_status = status == KHONSU_OK ? run(demo) : kh_complain("%s (`make demo` prepares the data)", error.message);
  status = khonsu_close(&demo->db, &error);
  if (status != KHONSU_OK) exit_status = kh_complain("%s", error.message);
  khonsu_error_clear(&error);
  kh_demo_flights_fini(&demo->flights);
  free(demo->outcomes);
  return exit_status;
}

static struct {
  const char *data_dir, *out_dir;
  uint64_t writers, readers, portion_rows, rows_max;
} settings = {.data_dir = "build/demo", .writers = 4, .readers = 2, .portion_rows = 200};

static int run_command(void) {
  kh_demo *demo = calloc(1, sizeof *demo);
  if (demo == NULL) return kh_complain("out of memory");
  pthread_mutex_init(&demo->failure_lock, NULL);
  demo->data_dir = settings.data_dir;
  demo->out_dir = settings.out_dir;
  demo->writers = settings.writers;
  demo->readers = settings.readers;
  int status = prepare_and_run(demo, settings.rows_max != 0 ? settings.rows_max : UINT64_MAX, settings.portion_rows);
  pthread_mutex_destroy(&demo->failure_lock);
  free(demo);
  return status;
}

static const kh_option options[] = {
    {"data", "DIR", "where flights.arrow and the others are", .text = &settings.data_dir},
    {"out", "DIR", "where to export the result; without it nothing is exported", .text = &settings.out_dir},
    {"writers", "N", "threads that ingest", .number = &settings.writers, .least = 1, .most = KH_DEMO_THREADS_MAX},
    {"readers", "N", "threads that check snapshots", .number = &settings.readers, .most = KH_DEMO_THREADS_MAX},
    {"batch", "ROWS", "most rows of a transaction", .number = &settings.portion_rows, .least = 1, .most = 1000000},
    {"limit", "ROWS", "ingest only the first rows; 0 means all", .number = &settings.rows_max, .most = 1000000000},
    {.name = NULL},
};

const kh_command kh_command_demo = {
    .name = "demo",
    .summary = "load real flights from many threads and check every snapshot",
    .about =
        "Ingests a year of flights from several threads, each transaction appending to a table and updating totals "
        "that all others update too, at each isolation level in turn. Meanwhile readers check that at every "
        "snapshot the totals are the sums of the rows. `make demo` runs it and compares the result with its "
        "source.",
    .options = options,
    .run = run_command,
};
