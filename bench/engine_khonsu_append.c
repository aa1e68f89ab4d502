/* Khonsu with tables that grow: a transaction appends one batch of 1,000 rows of two int64 to a table, without reading
 * it.
 *
 *   few, many   tables of 10 and of 10,000 chunks, which grow to twice that. Each 80,000 appends they are put back to
 *               what they were: 8,000 tables of 10, or 8 of 10,000. Both so use up and give back memory alike. 80
 *               appends go to 8 tables in turn before the next 80 go to the next 8. One thread
 *   shared      one table that all threads append to; put back after each turn
 *
 * The batches are stocked, and their buffers are static: a program that appends has its rows already. */
#include <stdlib.h>

#include "batch.h"
#include "khonsu_store.h"

enum {
  CHUNKS_FEW = 10,
  CHUNKS_MANY = 10000,
  GROUP_TABLES = 8,
  GROUP_APPENDS = GROUP_TABLES * CHUNKS_FEW,
  FREEING_COMMITS = 1000
};

#define BASE_KEY KHONSU_KEY("base") /* what the tables are put back to */

typedef struct append_store {
  khonsu_db *db;
  uint64_t tables, chunks; /* chunks of each table, when it is put back */
} append_store;

typedef struct append_thread {
  append_store *store;
  uint64_t appended; /* since the tables were put back; by this thread */
  held_batch stock[GROUP_APPENDS];
  unsigned stocked;
} append_thread;

/* ---- the tables */

static uint64_t table_of(const append_store *store, uint64_t append_number) {
  return (append_number / GROUP_APPENDS * GROUP_TABLES + append_number % GROUP_TABLES) % store->tables;
}

static void append(khonsu_txn *txn, khonsu_slice key, held_batch *rows) {
  khonsu_store_check(khonsu_append_batch(txn, key, &rows->schema, &rows->batch, NULL), "khonsu_append_batch");
}

static void make_base(khonsu_db *db, uint64_t chunks) {
  khonsu_txn *txn = khonsu_store_begin(db);
  for (uint64_t i = 0; i < chunks; i++) {
    held_batch rows;
    batch_make_ints(&rows);
    append(txn, BASE_KEY, &rows);
  }
  khonsu_store_commit_alone(txn);
}

/* What is replaced is freed by one of the commits after it. Here that happens at once and untimed: who only appends has
 * nothing to free. */
static void free_replaced(khonsu_db *db) {
  for (int i = 0; i < FREEING_COMMITS; i++) {
    khonsu_txn *txn = khonsu_store_begin(db);
    khonsu_store_check(khonsu_put_bytes(txn, KHONSU_KEY("freeing"), KHONSU_KEY("x"), NULL), "khonsu_put_bytes");
    khonsu_store_commit_alone(txn);
  }
}

static void put_back(append_store *store) {
  for (uint64_t i = 0; i < store->tables; i++) {
    struct ArrowArrayStream base;
    bench_key key;
    input_key(i, key);
    khonsu_txn *txn = khonsu_store_begin(store->db);
    khonsu_store_check(khonsu_get(txn, BASE_KEY, &base, NULL), "khonsu_get");
    khonsu_store_check(khonsu_put(txn, slice_of_key(key), &base, NULL), "khonsu_put");
    khonsu_store_commit_alone(txn);
  }
  free_replaced(store->db);
}

/* Looks at the tables that come next, as a program would have that has just been at work on them. */
static void warm_group(const append_thread *thread) {
  khonsu_txn *txn = khonsu_store_begin_reading(thread->store->db);
  for (unsigned i = 0; i < GROUP_TABLES; i++) {
    bench_key key;
    bool exists;
    input_key(table_of(thread->store, thread->appended + i), key);
    khonsu_store_check(khonsu_exists(txn, slice_of_key(key), &exists, NULL), "khonsu_exists");
    if (!exists) engine_fail("a table is missing");
  }
  khonsu_txn_free(&txn);
}

/* ---- the store */

static void *open_tables(const engine_config *config, uint64_t tables, uint64_t chunks) {
  append_store *store = engine_alloc(sizeof *store);
  *store = (append_store){khonsu_store_open(&(engine_config){.directory = config->directory}, NULL), tables, chunks};
  make_base(store->db, chunks);
  put_back(store);
  return store;
}

static void *open_few(const engine_config *config) {
  return open_tables(config, GROUP_TABLES * CHUNKS_MANY / CHUNKS_FEW, CHUNKS_FEW);
}
static void *open_many(const engine_config *config) { return open_tables(config, GROUP_TABLES, CHUNKS_MANY); }
static void *open_shared(const engine_config *config) { return open_tables(config, 1, CHUNKS_FEW); }

static void close_store(void *opened) {
  append_store *store = opened;
  khonsu_store_close(store->db);
  free(store);
}

/* After a turn: what it appended goes. */
static void rest(void *store) { put_back(store); }

static void *enter(void *store) {
  append_thread *thread = engine_alloc(sizeof *thread);
  thread->store = store;
  return thread;
}

static void leave(void *entered) {
  append_thread *thread = entered;
  while (thread->stocked > 0) batch_release(&thread->stock[--thread->stocked]);
  free(thread);
}

/* ---- operations */

static void stock(void *entered, unsigned writes) {
  append_thread *thread = entered;
  while (thread->stocked < writes) batch_make_ints(&thread->stock[thread->stocked++]);
}

static void stock_and_put_back(void *entered, unsigned writes) {
  append_thread *thread = entered;
  stock(thread, writes);
  if (thread->appended >= thread->store->tables * thread->store->chunks) {
    put_back(thread->store);
    thread->appended = 0;
  }
  warm_group(thread);
}

/* A commit that conflicts has consumed its batch, so a transaction tried again may find the stock empty. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  append_thread *thread = entered;
  bench_key key;
  (void)asked, (void)sum;
  if (thread->stocked == 0) stock(thread, 1);
  input_key(table_of(thread->store, thread->appended++), key);
  khonsu_txn *txn = khonsu_store_begin(thread->store->db);
  append(txn, slice_of_key(key), &thread->stock[--thread->stocked]);
  return khonsu_store_commit(txn);
}

#define APPEND_ENGINE(variant, text, open_variant, stock_variant)                                                      \
  {                                                                                                                    \
    .name = variant, .settings = "in memory, no storage, default options (serializable); " text,                       \
    .version = khonsu_store_version, .open = open_variant, .close = close_store, .rest = rest, .enter = enter,         \
    .leave = leave, .stock = stock_variant, .stock_writes = GROUP_APPENDS, .transact = transact                        \
  }

const engine_ops engine_khonsu_append_few = APPEND_ENGINE(
    "khonsu-append-few",
    "tables of 10 chunks, put back when they have doubled; an append is 1,000 rows of two int64, moved in", open_few,
    stock_and_put_back);
const engine_ops engine_khonsu_append_many =
    APPEND_ENGINE("khonsu-append-many", "as khonsu-append-few, with 10,000 chunks", open_many, stock_and_put_back);
const engine_ops engine_khonsu_append_shared =
    APPEND_ENGINE("khonsu-append-shared",
                  "as khonsu-append-few, with one table for all threads, put back after each turn", open_shared, stock);
