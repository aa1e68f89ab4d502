/* Khonsu in a directory, with tables that 1,000 rows are appended to at a time, or that hold 1,000.
 *
 *   append   one table, which grows
 *   read     one table of one batch, read in a transaction of its own
 *   crowd    one table that CROWD_WRITERS threads append to while another reads it; a new one each time
 *
 * The rows are made before the clock starts, as those of the peers are. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "khonsu_store.h"
#include "machine.h"

enum { BURST = 64, CROWD_TAGS = CROWD_WRITERS * CROWD_APPENDS };

#define GROWING_KEY KHONSU_KEY("growing")
#define SMALL_KEY KHONSU_KEY("small")

/* ---- one after the other */

static khonsu_status try_append(khonsu_db *db, khonsu_slice key, held_batch *rows) {
  khonsu_txn *txn = khonsu_store_begin(db);
  khonsu_status status = khonsu_append_batch(txn, key, &rows->schema, &rows->batch, NULL);
  if (status == KHONSU_OK) status = khonsu_commit(txn, NULL, NULL);
  khonsu_txn_free(&txn);
  return status;
}

static void append(khonsu_db *db, khonsu_slice key, held_batch *rows) {
  khonsu_store_check(try_append(db, key, rows), "appending");
}

static void *open_store(const engine_config *config) {
  khonsu_db *db = khonsu_store_open_stored(config);
  held_batch rows;
  batch_make_tagged(0, &rows);
  append(db, SMALL_KEY, &rows);
  return db;
}

static void *enter(void *db) { return db; }

static void leave(void *db) { (void)db; }

static uint64_t append_timed(void *db, uint64_t count) {
  uint64_t timed_ns = 0, burst = BURST;
  for (uint64_t done = 0; done < count; done += burst) {
    held_batch rows[BURST];
    if (burst > count - done) burst = count - done;
    for (uint64_t i = 0; i < burst; i++) batch_make_tagged((int64_t)i, &rows[i]);
    uint64_t began_ns = machine_now_ns();
    for (uint64_t i = 0; i < burst; i++) append(db, GROWING_KEY, &rows[i]);
    timed_ns += machine_now_ns() - began_ns;
  }
  return timed_ns;
}

static uint64_t read_timed(void *db, uint64_t count) {
  uint64_t began_ns = machine_now_ns();
  for (uint64_t i = 0; i < count; i++) {
    khonsu_txn *txn = khonsu_store_begin_reading(db);
    struct ArrowArray batch;
    khonsu_store_check(khonsu_get_batch(txn, SMALL_KEY, NULL, &batch, NULL), "khonsu_get_batch");
    if (batch.length != CROWD_ROWS) engine_fail("a table of %lld rows", (long long)batch.length);
    batch.release(&batch);
    khonsu_txn_free(&txn);
  }
  return machine_now_ns() - began_ns;
}

/* ---- all at once */

typedef struct crowd {
  khonsu_db *db;
  khonsu_slice key;
  pthread_barrier_t start;
  atomic_bool written;
  uint64_t rows_of_tag[CROWD_TAGS];
} crowd;

typedef struct crowd_writer {
  crowd *in;
  pthread_t id;
  unsigned number;
  held_batch rows[CROWD_APPENDS];
  bool acknowledged[CROWD_APPENDS];
} crowd_writer;

static void *write_rows(void *started) {
  crowd_writer *writer = started;
  pthread_barrier_wait(&writer->in->start);
  for (unsigned i = 0; i < CROWD_APPENDS; i++)
    writer->acknowledged[i] = try_append(writer->in->db, writer->in->key, &writer->rows[i]) == KHONSU_OK;
  return NULL;
}

typedef void visit_batch(void *ctx, const struct ArrowArray *batch);

/* False: there is no table yet. */
static bool visit_table(khonsu_db *db, khonsu_slice key, visit_batch *visit, void *ctx) {
  khonsu_txn *txn = khonsu_store_begin_reading(db);
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_get(txn, key, &table, NULL);
  khonsu_txn_free(&txn);
  if (status == KHONSU_NOT_FOUND) return false;
  khonsu_store_check(status, "khonsu_get");
  for (;;) {
    struct ArrowArray batch;
    if (table.get_next(&table, &batch) != 0) engine_fail("get_next: %s", table.get_last_error(&table));
    if (batch.release == NULL) break;
    visit(ctx, &batch);
    batch.release(&batch);
  }
  table.release(&table);
  return true;
}

static void sum_tags(void *ctx, const struct ArrowArray *batch) {
  const struct ArrowArray *tags = batch->children[BATCH_TAG_COLUMN];
  *(uint64_t *)ctx +=
      touch_all((const int64_t *)tags->buffers[1] + tags->offset, (size_t)tags->length * sizeof(int64_t));
}

static void count_tags(void *ctx, const struct ArrowArray *batch) {
  const struct ArrowArray *tags = batch->children[BATCH_TAG_COLUMN];
  const int64_t *values = (const int64_t *)tags->buffers[1] + tags->offset;
  for (int64_t i = 0; i < tags->length; i++) ((crowd *)ctx)->rows_of_tag[values[i]]++;
}

static void *read_meanwhile(void *started) {
  crowd *in = started;
  uint64_t sum = 0;
  pthread_barrier_wait(&in->start);
  while (!atomic_load(&in->written)) visit_table(in->db, in->key, sum_tags, &sum);
  return NULL;
}

static void count_losses(crowd *in, const crowd_writer *writers, engine_losses *losses) {
  if (!visit_table(in->db, in->key, count_tags, in)) engine_fail("there is no table");
  losses->tried += CROWD_TAGS;
  for (unsigned tag = 0; tag < CROWD_TAGS; tag++) {
    uint64_t rows = in->rows_of_tag[tag];
    if (!writers[tag / CROWD_APPENDS].acknowledged[tag % CROWD_APPENDS]) losses->failed++;
    else if (rows == 0) losses->lost++;
    else if (rows != CROWD_ROWS) losses->duplicated++;
  }
}

static uint64_t run_crowd(void *db, engine_losses *losses) {
  static unsigned crowds;
  char key[32];
  snprintf(key, sizeof key, "crowd %u", crowds++);
  crowd *in = engine_alloc(sizeof *in);
  crowd_writer *writers = engine_alloc(CROWD_WRITERS * sizeof *writers);
  pthread_t reader;
  in->db = db;
  in->key = khonsu_key(key);
  pthread_barrier_init(&in->start, NULL, CROWD_WRITERS + 2);
  for (unsigned i = 0; i < CROWD_TAGS; i++) batch_make_tagged(i, &writers[i / CROWD_APPENDS].rows[i % CROWD_APPENDS]);
  if (pthread_create(&reader, NULL, read_meanwhile, in) != 0) engine_fail("cannot start a thread");
  for (unsigned i = 0; i < CROWD_WRITERS; i++) {
    writers[i].in = in;
    if (pthread_create(&writers[i].id, NULL, write_rows, &writers[i]) != 0) engine_fail("cannot start a thread");
  }
  pthread_barrier_wait(&in->start);
  uint64_t began_ns = machine_now_ns();
  for (unsigned i = 0; i < CROWD_WRITERS; i++) pthread_join(writers[i].id, NULL);
  uint64_t elapsed_ns = machine_now_ns() - began_ns;
  atomic_store(&in->written, true);
  pthread_join(reader, NULL);
  pthread_barrier_destroy(&in->start);
  count_losses(in, writers, losses);
  free(writers);
  free(in);
  return elapsed_ns;
}

#define ROWS_ENGINE(says, ...)                                                                                         \
  {                                                                                                                    \
    .name = "khonsu in a directory", .settings = says, .version = khonsu_store_version, .open = open_store,            \
    .close = khonsu_store_close, .enter = enter, .leave = leave, __VA_ARGS__                                           \
  }

#define APPEND_SAYS "a transaction for each append of 1,000 rows, buffered, in synced rows synced"

const engine_ops engine_stored_append = ROWS_ENGINE(APPEND_SAYS, .get_timed = append_timed);
const engine_ops engine_stored_read = ROWS_ENGINE(APPEND_SAYS, .get_timed = read_timed);
const engine_ops engine_stored_crowd = ROWS_ENGINE(APPEND_SAYS, .crowd = run_crowd);
