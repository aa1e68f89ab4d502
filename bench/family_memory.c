/* family memory/: transactions over a store in memory. Peers keep files, where they can, but sync nothing.
 *
 * Reading comes first: writing leaves the peers' trees in another state than loading did. Where ours takes resident
 * batches, the peers do with their 100 bytes what they do in the row of bytes. */
#include "workload.h"

#define PER_TXN "ns/txn"

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }
/* Ours as its own peer, named for the circumstances, which are those of its task. */
#define OURS(engine, times, circumstances, ...)                                                                        \
  {                                                                                                                    \
    .ops = &engine_##engine, .goal = times, .name = circumstances, .task = &(const bench_task) { __VA_ARGS__ }         \
  }

static const workload workloads[] = {
    {.name = "memory/bytes-per-record",
     .ours = &engine_khonsu,
     .bound = {"memory/bytes-per-record", "bytes", BOUND_ON_COST, 120, true},
     .task = {.kind = TASK_MEMORY, .threads = 1, .entries = 1, .bytes_known = VALUE_SIZE, .operations = 1},
     .fresh = true},

    {.name = "memory/bytes-per-record-unordered",
     .ours = &engine_khonsu,
     .bound = {"memory/bytes-per-record-unordered", "bytes", BOUND_ON_COST, 120, false},
     .task = {.kind = TASK_MEMORY, .threads = 1, .bytes_known = VALUE_SIZE, .operations = 1},
     .fresh = true},

    {.name = "memory/read-txn",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 3), PEER(rocksdb, 40), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_READ_TXN, .threads = 1}},

    {.name = "memory/read-txn-values",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 0)},
     .task = {.kind = TASK_READ_VALUES, .threads = 1}},

    {.name = "memory/read-txn-bytes",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 3), PEER(rocksdb, 40), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_READ_TXN, .threads = 1}},

    {.name = "memory/read-txn-untracked",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(rocksdb, 0)},
     .task = {.kind = TASK_READ_UNTRACKED, .threads = 1}},

    {.name = "memory/get-bytes",
     .unit = "ns/get",
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 4), PEER(rocksdb, 10), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_GET, .threads = 1}},

    {.name = "memory/scan-100",
     .unit = "ns/scan",
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 1.1), PEER(rocksdb, 0), PEER(wiredtiger, 0)},
     .task = {.kind = TASK_SCAN, .threads = 1, .entries = 100}},

    {.name = "memory/commit-1",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 3.9), PEER(rocksdb, 17), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1}},

    {.name = "memory/commit-1-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 3.9), PEER(rocksdb, 17)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1}},

    {.name = "memory/commit-4",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 6.8), PEER(rocksdb, 28), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 4}},

    {.name = "memory/commit-4-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 6.8), PEER(rocksdb, 28)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 4}},

    {.name = "memory/2r2w-serializable-1t",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 4.8), PEER(rocksdb, 28), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2}},

    {.name = "memory/2r2w-serializable-1t-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 4.8), PEER(rocksdb, 28)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2}},

    {.name = "memory/2r2w-serializable-2t",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 9), PEER(rocksdb, 27), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2}},

    {.name = "memory/2r2w-serializable-2t-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {PEER(lmdb, 9), PEER(rocksdb, 27)},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2}},

    {.name = "memory/2r2w-serializable-4t",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {OURS(khonsu, 0.7, "khonsu, 2 threads", .kind = TASK_TRANSACT, .threads = 2, .cpus = 2, .reads = 2,
                    .writes = 2)},
     .task = {.kind = TASK_TRANSACT, .threads = 4, .cpus = 2, .reads = 2, .writes = 2}},

    {.name = "memory/2r2w-hot16-2t",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {PEER(lmdb, 3), PEER(rocksdb, 0), PEER(wiredtiger, 0), PEER(tkrzw, 0)},
     .bound = {"memory/2r2w-hot16-2t-aborts", "share", BOUND_ON_ABORTS, 0.20, true},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2, .hot_keys = 16}},

    {.name = "memory/append-10000-chunks",
     .unit = PER_TXN,
     .ours = &engine_khonsu_append_many,
     .peers = {OURS(khonsu_append_few, 1 / 1.3, "khonsu, 10 chunks", .kind = TASK_TRANSACT, .threads = 1, .writes = 1)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1}},

    {.name = "memory/append-blind-2t",
     .unit = PER_TXN,
     .ours = &engine_khonsu_append_shared,
     .peers = {OURS(khonsu_append_shared, 0.8, "khonsu, 1 thread", .kind = TASK_TRANSACT, .threads = 1, .writes = 1)},
     .bound = {"memory/append-blind-2t-aborts", "share", BOUND_ON_ABORTS, 0, true},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .writes = 1}},

    {.name = "memory/commit-beside-wide-range",
     .unit = PER_TXN,
     .ours = &engine_khonsu_wide,
     .peers = {OURS(khonsu_wide, 0.5, "khonsu, no scan", .kind = TASK_COMMITS_ALONE, .threads = 1)},
     .task = {.kind = TASK_COMMITS_BESIDE, .threads = 1}},

    {.name = "memory/2r2w-long-run",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {OURS(khonsu, 1 / 1.1, "khonsu, first 10 %", .kind = TASK_TRANSACT, .threads = 1, .reads = 2,
                    .writes = 2)},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2},
     .fresh = true,
     .course_per_key = 10},
};

const family family_memory = {
    .name = "memory/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
    .control = &engine_lmdb,
    .control_kind = TASK_READ_TXN,
};
