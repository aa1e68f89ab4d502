/* family durable/: transactions over a store in a directory. Buffered commits survive the death of the process, synced
 * ones a power loss; peers do the same in each row.
 *
 * Reading comes first: writing leaves the peers' trees in another state than loading did. */
#include "workload.h"

extern const engine_ops engine_khonsu_stored, engine_khonsu_batches_stored, engine_flush, engine_leveldb, engine_redis;
extern const engine_ops engine_stored_sum_table, engine_stored_sum_keys, engine_array_sum, engine_stored_cold,
    engine_mapped_file, engine_stored_stream, engine_raw_write, engine_stored_grow_few, engine_stored_grow_many;
extern const engine_ops engine_stored_append, engine_stored_read, engine_stored_crowd, engine_ipc_stream_append;
extern const engine_ops engine_duckdb_append, engine_duckdb_read, engine_duckdb_crowd, engine_arcticdb_append,
    engine_arcticdb_read, engine_arcticdb_crowd, engine_lance_append, engine_lance_read, engine_lance_crowd,
    engine_deltalake_append, engine_deltalake_read, engine_deltalake_crowd;

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }
#define PEER_AS(engine, times, shown)                                                                                  \
  { .ops = &engine_##engine, .goal = times, .name = shown }
/* As many operations a turn as ours: what it writes must not pile up. */
#define PEER_ALIKE(engine, times, count)                                                                               \
  { .ops = &engine_##engine, .goal = times, .task = &(const bench_task)TIMED_TIMES(count) }
/* As many as make a turn. */
#define PEER_AT_ITS_PACE(engine, times)                                                                                \
  { .ops = &engine_##engine, .goal = times, .task = &(const bench_task)TIMED }
#define BOUND(row, per, most)                                                                                          \
  { .name = row, .unit = per, .on = BOUND_ON_COST, .limit = most, .is_goal = true }

/* A turn of a whole life does one of what there is to do. */
#define LIFE(life)                                                                                                     \
  { .kind = TASK_LIFE_##life, .threads = 1, .operations = 1 }

/* Operations of which the engine keeps the time. */
#define TIMED                                                                                                          \
  { .kind = TASK_GET, .threads = 1 }
#define TIMED_TIMES(count)                                                                                             \
  { .kind = TASK_GET, .threads = 1, .operations = count, .writes_files = true }

#define AS_IN_MEMORY (1 / 1.05)

enum { LIFE_ROUNDS = 3, LONG_LIFE_ROUNDS = 2, APPENDS = 4000, SYNCED_APPENDS = 300, STREAM_CHUNKS = 16384 };

static const data_set tables = {.keys_max = 200000};
static const data_set synced = {.keys_times = 1, .durable = true};
static const data_set sums = {.keys_max = 1};
static const data_set growing = {.keys_max = 1};
static const data_set rows = {.keys_max = 1};
static const data_set rows_synced = {.keys_max = 1, .durable = true};
static const data_set crowds = {.keys_max = 1};
static const data_set streams = {.keys_max = 1};
static const data_set cold_1m = {.keys_max = 128, .value_size = 1 << 20, .closed = true};
static const data_set lives_5 = {.keys_times = 5, .closed = true};

static const workload workloads[] = {
    /* ---- reading what is in memory */

    {.name = "durable/get-bytes",
     .unit = "ns/get",
     .ours = &engine_khonsu_stored,
     .peers = {PEER_AS(khonsu, AS_IN_MEMORY, "khonsu in memory")},
     .task = {.kind = TASK_GET, .threads = 1}},

    {.name = "durable/read-txn-4",
     .unit = "ns/txn",
     .ours = &engine_khonsu_stored,
     .peers = {PEER_AS(khonsu, AS_IN_MEMORY, "khonsu in memory")},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 4}},

    /* ---- buffered commits */

    {.name = "durable/commit-1",
     .unit = "ns/txn",
     .ours = &engine_khonsu_stored,
     .peers = {PEER(lmdb, 2.5), PEER(rocksdb, 10)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1, .writes_files = true}},

    {.name = "durable/commit-4",
     .unit = "ns/txn",
     .ours = &engine_khonsu_stored,
     .peers = {PEER(lmdb, 4), PEER(rocksdb, 10)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 4, .writes_files = true}},

    {.name = "durable/get-table",
     .unit = "ns/get",
     .data = &tables,
     .ours = &engine_khonsu_batches_stored,
     .peers = {PEER_AS(khonsu_batches, AS_IN_MEMORY, "khonsu in memory")},
     .task = {.kind = TASK_GET, .threads = 1}},

    /* ---- synced commits */

    {.name = "durable/2r2w-sync-1t",
     .unit = "ns/txn",
     .data = &synced,
     .ours = &engine_khonsu_stored,
     .peers = {PEER(flush, 1 / 1.2), PEER(lmdb, 0), PEER(leveldb, 0), PEER(rocksdb, 0), PEER(redis, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2, .writes_files = true}},

    {.name = "durable/2r2w-sync-8t",
     .unit = "ns/txn",
     .data = &synced,
     .ours = &engine_khonsu_stored,
     .peers = {PEER(leveldb, 1.4), PEER(rocksdb, 1.4), PEER(redis, 1.4), PEER(lmdb, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 8, .reads = 2, .writes = 2, .writes_files = true}},

    /* ---- tables in memory */

    {.name = "durable/scan-sum",
     .unit = "ns/sum",
     .data = &sums,
     .ours = &engine_stored_sum_table,
     .peers = {PEER(array_sum, 0.75)},
     .task = TIMED},

    {.name = "durable/scan-sum-keys",
     .unit = "ns/sum",
     .data = &sums,
     .ours = &engine_stored_sum_keys,
     .peers = {PEER(array_sum, 0.75)},
     .task = TIMED},

    /* ---- tables that grow */

    {.name = "durable/append-100000-chunks",
     .unit = "ns/txn",
     .data = &growing,
     .ours = &engine_stored_grow_many,
     .peers = {{.ops = &engine_stored_grow_few, .goal = 1 / 1.3, .name = "khonsu, 10 chunks"}},
     .task = TIMED_TIMES(6400)},

    {.name = "durable/append-1000-rows",
     .unit = "ns/append",
     .data = &rows,
     .ours = &engine_stored_append,
     .peers = {PEER_ALIKE(ipc_stream_append, 1 / 1.5, APPENDS), PEER_AT_ITS_PACE(duckdb_append, 20),
               PEER_AT_ITS_PACE(arcticdb_append, 100), PEER_AT_ITS_PACE(lance_append, 0),
               PEER_AT_ITS_PACE(deltalake_append, 100)},
     .task = TIMED_TIMES(APPENDS)},

    {.name = "durable/read-1000-rows",
     .unit = "ns/read",
     .data = &rows,
     .ours = &engine_stored_read,
     .peers = {PEER(duckdb_read, 0), PEER(arcticdb_read, 0), PEER(lance_read, 0), PEER(deltalake_read, 0)},
     .task = TIMED},

    {.name = "durable/append-1000-rows-sync",
     .unit = "ns/append",
     .data = &rows_synced,
     .ours = &engine_stored_append,
     .peers = {PEER_AT_ITS_PACE(duckdb_append, 5)},
     .task = TIMED_TIMES(SYNCED_APPENDS)},

    {.name = "durable/append-crowd",
     .unit = "ns/append",
     .data = &crowds,
     .ours = &engine_stored_crowd,
     .peers = {PEER(duckdb_crowd, 0), PEER(arcticdb_crowd, 0), PEER(lance_crowd, 0), PEER(deltalake_crowd, 0)},
     .bound = {"durable/append-crowd-losses", "share", BOUND_ON_ABORTS, 0, true},
     .task = {.kind = TASK_CROWD, .threads = 1, .operations = 1},
     .once = true},

    /* ---- whole lives */

    {.name = "durable/open-5-times",
     .unit = "ns/open",
     .data = &lives_5,
     .ours = &engine_khonsu_stored,
     .bound = BOUND("durable/open-5-times", "ns/open", 1000000),
     .task = LIFE(OPEN),
     .rounds_max = LONG_LIFE_ROUNDS},

    {.name = "durable/get-1m-cold",
     .unit = "ns/get",
     .data = &cold_1m,
     .ours = &engine_stored_cold,
     .peers = {PEER(mapped_file, 1 / 1.3)},
     .task = LIFE(FIRST_FIND),
     .rounds_max = LIFE_ROUNDS},

    /* ---- the whole disk */

    {.name = "durable/append-16k-async",
     .unit = "ns/append",
     .data = &streams,
     .ours = &engine_stored_stream,
     .peers = {PEER(raw_write, 0.6)},
     .task = TIMED_TIMES(STREAM_CHUNKS),
     .rounds_max = LIFE_ROUNDS},
};

const family family_durable = {
    .name = "durable/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
    .turn_ms_max = 200,
    .control = &engine_lmdb,
    .control_kind = TASK_READ_TXN,
    .flush_control = &engine_flush,
};
