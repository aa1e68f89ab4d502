/* Summing int64 that is in memory: SUM_BATCHES record batches of SUM_ROWS, as one table of a database in a directory, as
 * tables of a batch each that a scan finds, and as a plain array. One operation sums all. */
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "khonsu_store.h"
#include "machine.h"

enum { SUM_BATCHES = 8192, SUM_ROWS = 2048, LOAD_BATCHES = 64 }; /* 16 KiB a batch, 128 MiB in all */

#define TABLE_KEY KHONSU_KEY("table")

static int64_t sum_numbers(const int64_t *numbers, size_t count) {
  int64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += numbers[i];
  return sum;
}

static int64_t expected_sum(void) {
  int64_t count = (int64_t)SUM_BATCHES * SUM_ROWS;
  return count * (count - 1) / 2;
}

static void check_sum(int64_t sum) {
  if (sum != expected_sum()) engine_fail("a wrong sum");
}

/* ---- a database */

typedef void write_batch(khonsu_txn *txn, unsigned number, held_batch *batch);

static void *open_stored(const engine_config *config, write_batch *write) {
  khonsu_db *db = khonsu_store_open_stored(config);
  for (unsigned i = 0; i < SUM_BATCHES;) {
    khonsu_txn *txn = khonsu_store_begin(db);
    for (unsigned end = i + LOAD_BATCHES; i < end; i++) {
      held_batch batch;
      batch_make_column((int64_t)i * SUM_ROWS, SUM_ROWS, &batch);
      write(txn, i, &batch);
    }
    khonsu_store_commit_alone(txn);
  }
  return db;
}

static void append_to_one(khonsu_txn *txn, unsigned number, held_batch *batch) {
  (void)number;
  khonsu_store_check(khonsu_append_batch(txn, TABLE_KEY, &batch->schema, &batch->batch, NULL), "khonsu_append_batch");
}

static void put_apart(khonsu_txn *txn, unsigned number, held_batch *batch) {
  bench_key key;
  input_key(number, key);
  khonsu_store_check(khonsu_put_batch(txn, slice_of_key(key), &batch->schema, &batch->batch, NULL), "khonsu_put_batch");
}

static void *open_table(const engine_config *config) { return open_stored(config, append_to_one); }
static void *open_keys(const engine_config *config) { return open_stored(config, put_apart); }

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

static int64_t sum_stream(struct ArrowArrayStream *table) {
  int64_t sum = 0;
  for (;;) {
    struct ArrowArray batch;
    if (table->get_next(table, &batch) != 0) engine_fail("get_next: %s", table->get_last_error(table));
    if (batch.release == NULL) break;
    const struct ArrowArray *column = batch.children[0];
    sum += sum_numbers((const int64_t *)column->buffers[1] + column->offset, (size_t)column->length);
    batch.release(&batch);
  }
  table->release(table);
  return sum;
}

static void sum_table(khonsu_txn *txn) {
  struct ArrowArrayStream table;
  khonsu_store_check(khonsu_get(txn, TABLE_KEY, &table, NULL), "khonsu_get");
  check_sum(sum_stream(&table));
}

static void sum_keys(khonsu_txn *txn) {
  khonsu_scan *scan;
  khonsu_entry entry;
  khonsu_status status;
  int64_t sum = 0;
  khonsu_store_check(khonsu_scan_open(txn, NULL, NULL, &scan, NULL), "khonsu_scan_open");
  while ((status = khonsu_scan_next(scan, &entry, NULL)) == KHONSU_OK) {
    struct ArrowArrayStream table;
    khonsu_store_check(khonsu_scan_get(scan, &table, NULL), "khonsu_scan_get");
    sum += sum_stream(&table);
  }
  if (status != KHONSU_END) khonsu_store_check(status, "khonsu_scan_next");
  khonsu_scan_free(&scan);
  check_sum(sum);
}

static uint64_t sum_timed(khonsu_db *db, void (*sum_all)(khonsu_txn *txn), uint64_t count) {
  uint64_t began_ns = machine_now_ns();
  for (uint64_t i = 0; i < count; i++) {
    khonsu_txn *txn = khonsu_store_begin_reading(db);
    sum_all(txn);
    khonsu_txn_free(&txn);
  }
  return machine_now_ns() - began_ns;
}

static uint64_t table_timed(void *db, uint64_t count) { return sum_timed(db, sum_table, count); }
static uint64_t keys_timed(void *db, uint64_t count) { return sum_timed(db, sum_keys, count); }

/* ---- an array */

static const char *array_version(void) { return "a loop"; }

static void *open_array(const engine_config *config) {
  int64_t *array = engine_alloc((size_t)SUM_BATCHES * SUM_ROWS * sizeof *array);
  (void)config;
  for (int64_t i = 0; i < (int64_t)SUM_BATCHES * SUM_ROWS; i++) array[i] = i;
  return array;
}

static uint64_t array_timed(void *array, uint64_t count) {
  uint64_t began_ns = machine_now_ns();
  for (uint64_t i = 0; i < count; i++) check_sum(sum_numbers(array, (size_t)SUM_BATCHES * SUM_ROWS));
  return machine_now_ns() - began_ns;
}

#define SUM_ENGINE(says, opened, timed)                                                                                \
  {                                                                                                                    \
    .name = "khonsu in a directory", .settings = says, .version = khonsu_store_version, .open = opened,                \
    .close = khonsu_store_close, .enter = enter, .leave = leave, .get_timed = timed                                    \
  }

const engine_ops engine_stored_sum_table = SUM_ENGINE(
    "a table of 8,192 record batches of 2,048 int64, in memory since it was written", open_table, table_timed);
const engine_ops engine_stored_sum_keys =
    SUM_ENGINE("8,192 tables of such a batch, found by a scan", open_keys, keys_timed);
const engine_ops engine_array_sum = {.name = "array",
                                     .settings = "as many int64, one after the other",
                                     .version = array_version,
                                     .open = open_array,
                                     .close = free,
                                     .enter = enter,
                                     .leave = leave,
                                     .get_timed = array_timed};
