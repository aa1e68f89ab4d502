/* family durable/: transactions over a store in a directory. Buffered commits survive the death of the process, synced
 * ones a power loss; peers do the same in each row.
 *
 * Reading comes first: writing leaves the peers' trees in another state than loading did. */
#include "workload.h"

extern const engine_ops engine_khonsu_stored, engine_khonsu_batches_stored, engine_flush, engine_leveldb, engine_redis;

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }
#define PEER_AS(engine, times, shown)                                                                                  \
  { .ops = &engine_##engine, .goal = times, .name = shown }
#define BOUND(row, per, most)                                                                                          \
  { .name = row, .unit = per, .on = BOUND_ON_COST, .limit = most, .is_goal = true }

/* A turn of a whole life does one of what there is to do. */
#define LIFE(life)                                                                                                     \
  { .kind = TASK_LIFE_##life, .threads = 1, .operations = 1 }

#define AS_IN_MEMORY (1 / 1.05)

enum { LONG_LIFE_ROUNDS = 2 };

static const data_set tables = {.keys_max = 200000};
static const data_set synced = {.keys_times = 1, .durable = true};
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

    /* ---- whole lives */

    {.name = "durable/open-5-times",
     .unit = "ns/open",
     .data = &lives_5,
     .ours = &engine_khonsu_stored,
     .bound = BOUND("durable/open-5-times", "ns/open", 1000000),
     .task = LIFE(OPEN),
     .rounds_max = LONG_LIFE_ROUNDS},
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
