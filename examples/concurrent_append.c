/* 10 writers append 2,000 times each to one table, and every row is there once.
 *
 * Appends by transactions that have not read the table commute: all of them stand, in the order of their commits. */
#include <pthread.h>
#include <stdio.h>

#include "example_arrow.h"

enum { WRITERS = 10, APPENDS = 2000, ROWS = WRITERS * APPENDS };

typedef struct writer {
  pthread_t thread;
  khonsu_db *db;
  int number;
  int64_t row; /* what is appended now */
  uint64_t attempts;
  khonsu_status status;
} writer;

/* A batch is moved, so each run of the body makes its own. */
static khonsu_status append_row(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const writer *self = ctx;
  char id[32];
  snprintf(id, sizeof id, "writer-%d", self->number);
  struct ArrowSchema schema;
  struct ArrowArray rows;
  if (!example_make(&schema, &rows, (const char *[]){id}, &self->row, 1))
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  return khonsu_append_batch(txn, KHONSU_KEY("events"), &schema, &rows, error);
}

static void *append_rows(void *ctx) {
  writer *self = ctx;
  khonsu_error error = KHONSU_ERROR_INIT;
  for (int64_t i = 0; i < APPENDS && self->status == KHONSU_OK; i++) {
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    self->row = self->number * APPENDS + i;
    self->status = khonsu_run(self->db, NULL, append_row, self, &info, &error);
    self->attempts += info.attempts;
  }
  if (self->status != KHONSU_OK) fprintf(stderr, "writer %d: %s\n", self->number, error.message);
  khonsu_error_clear(&error);
  return NULL;
}

static bool append_from_many_threads(khonsu_db *db, uint64_t *attempts) {
  writer writers[WRITERS];
  bool all = true;
  int started = 0;
  for (; started < WRITERS; started++) {
    writers[started] = (writer){.db = db, .number = started};
    if (pthread_create(&writers[started].thread, NULL, append_rows, &writers[started]) != 0) break;
  }
  if (started < WRITERS) all = false;
  while (started > 0) {
    pthread_join(writers[--started].thread, NULL);
    all = all && writers[started].status == KHONSU_OK;
    *attempts += writers[started].attempts;
  }
  return all;
}

/* Counts how often each row is in the table. */
static khonsu_status count_rows(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  int *times = ctx;
  memset(times, 0, ROWS * sizeof *times);
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_get(txn, KHONSU_KEY("events"), &table, error);
  if (status != KHONSU_OK) return status;
  for (;;) {
    struct ArrowArray batch;
    if (table.get_next(&table, &batch) != 0) status = khonsu_error_set(error, KHONSU_IO, "cannot read the table");
    if (status != KHONSU_OK || batch.release == NULL) break;
    for (int64_t i = 0; i < batch.length; i++) {
      int64_t row = example_value(&batch, i);
      if (row >= 0 && row < ROWS) times[row]++;
    }
    batch.release(&batch);
  }
  table.release(&table);
  return status;
}

int main(void) {
  static int times[ROWS];
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  const khonsu_txn_options read_only = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  uint64_t attempts = 0;
  khonsu_status status = khonsu_open(NULL, NULL, &db, &error);
  bool appended = status == KHONSU_OK && append_from_many_threads(db, &attempts);
  if (appended) status = khonsu_run(db, &read_only, count_rows, times, NULL, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  khonsu_error_clear(&error);
  bool closed = khonsu_close(&db, NULL) == KHONSU_OK;

  int lost = 0, duplicated = 0;
  for (int i = 0; i < ROWS; i++) {
    if (times[i] == 0) lost++;
    if (times[i] > 1) duplicated += times[i] - 1;
  }
  printf("%d writers x %d appends: %d lost, %d duplicated, %llu attempts\n", WRITERS, APPENDS, lost, duplicated,
         (unsigned long long)attempts);
  /* Appends that read nothing commute: none of them was ever run twice. */
  bool exact = lost == 0 && duplicated == 0 && attempts == (uint64_t)WRITERS * APPENDS;
  return status == KHONSU_OK && appended && closed && exact ? 0 : 1;
}
