/* Khonsu in a directory, with tables that grow: appends of 320 rows of two int64, too large to be put together with their
 * like, each in a transaction of its own, buffered.
 *
 *   few    tables of 10 chunks, each of which is appended to 10 times; new ones are made while the clock stands still
 *   many   one table of 100,000 chunks; beside it as many tables are made, so that both find the machine alike */
#include <stdlib.h>

#include "batch.h"
#include "khonsu_store.h"
#include "machine.h"

enum { CHUNKS_FEW = 10, CHUNKS_MANY = 100000, CHUNK_ROWS = 320, LOAD_CHUNKS = 100, BURST_TABLES = 64 };
enum { BURST = BURST_TABLES * CHUNKS_FEW };

#define MANY_KEY KHONSU_KEY("many")

static void append(khonsu_txn *txn, khonsu_slice key) {
  held_batch rows;
  batch_make_some_ints(CHUNK_ROWS, &rows);
  khonsu_store_check(khonsu_append_batch(txn, key, &rows.schema, &rows.batch, NULL), "khonsu_append_batch");
}

static void append_many(khonsu_db *db, khonsu_slice key, unsigned count) {
  khonsu_txn *txn = khonsu_store_begin(db);
  for (unsigned i = 0; i < count; i++) append(txn, key);
  khonsu_store_commit_alone(txn);
}

static void *open_few(const engine_config *config) { return khonsu_store_open_stored(config); }

static void *open_many(const engine_config *config) {
  khonsu_db *db = khonsu_store_open_stored(config);
  for (unsigned i = 0; i < CHUNKS_MANY / LOAD_CHUNKS; i++) append_many(db, MANY_KEY, LOAD_CHUNKS);
  return db;
}

static void *enter(void *db) { return db; }

static void leave(void *db) { (void)db; }

static void make_tables(khonsu_db *db, bench_key keys[BURST_TABLES]) {
  static uint64_t tables;
  for (unsigned i = 0; i < BURST_TABLES; i++) {
    input_key(tables++, keys[i]);
    append_many(db, slice_of_key(keys[i]), CHUNKS_FEW);
  }
}

static uint64_t timed(khonsu_db *db, uint64_t count, bool is_many) {
  uint64_t timed_ns = 0;
  for (uint64_t done = 0; done < count; done += BURST) {
    bench_key keys[BURST_TABLES];
    held_batch rows[BURST];
    make_tables(db, keys);
    for (unsigned i = 0; i < BURST; i++) batch_make_some_ints(CHUNK_ROWS, &rows[i]);
    uint64_t began_ns = machine_now_ns();
    for (unsigned i = 0; i < BURST; i++) {
      khonsu_slice key = is_many ? MANY_KEY : slice_of_key(keys[i / CHUNKS_FEW]);
      khonsu_txn *txn = khonsu_store_begin(db);
      khonsu_store_check(khonsu_append_batch(txn, key, &rows[i].schema, &rows[i].batch, NULL), "khonsu_append_batch");
      khonsu_store_commit_alone(txn);
    }
    timed_ns += machine_now_ns() - began_ns;
  }
  return timed_ns;
}

static uint64_t few_timed(void *db, uint64_t count) { return timed(db, count, false); }
static uint64_t many_timed(void *db, uint64_t count) { return timed(db, count, true); }

#define GROW_ENGINE(says, opened, measured)                                                                            \
  {                                                                                                                    \
    .name = "khonsu in a directory", .settings = says, .version = khonsu_store_version, .open = opened,                \
    .close = khonsu_store_close, .rest = khonsu_store_rest, .enter = enter, .leave = leave, .get_timed = measured      \
  }

const engine_ops engine_stored_grow_few =
    GROW_ENGINE("buffered appends of 320 rows of two int64 to tables of 10 chunks", open_few, few_timed);
const engine_ops engine_stored_grow_many = GROW_ENGINE("the same to one of 100,000 chunks", open_many, many_timed);
