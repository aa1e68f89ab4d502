/* family memory/: transactions over a store in memory. Peers keep files, but sync nothing.
 *
 * Reading comes first: writing leaves the peers' trees in another state than loading did. Where ours takes resident
 * batches, the peers do with their 100 bytes what they do in the row of bytes. */
#include "workload.h"

#define PER_TXN "ns/txn"
#define PER_TXN_AND_THREAD "ns/txn/thread"

static const workload workloads[] = {
    {.name = "memory/read-txn",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 3}, {&engine_rocksdb, 40}},
     .task = {.kind = TASK_READ_TXN, .threads = 1, .divisor = 4}},

    {.name = "memory/read-txn-values",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 0}},
     .task = {.kind = TASK_READ_VALUES, .threads = 1, .divisor = 4}},

    {.name = "memory/read-txn-bytes",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 3}, {&engine_rocksdb, 40}},
     .task = {.kind = TASK_READ_TXN, .threads = 1, .divisor = 4}},

    {.name = "memory/read-txn-untracked",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_rocksdb, 0}},
     .task = {.kind = TASK_READ_UNTRACKED, .threads = 1, .divisor = 4}},

    {.name = "memory/get-bytes",
     .unit = "ns/get",
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 4}, {&engine_rocksdb, 10}},
     .task = {.kind = TASK_GET, .threads = 1, .divisor = 2}},

    {.name = "memory/commit-1",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 3.9}, {&engine_rocksdb, 17}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1, .divisor = 5}},

    {.name = "memory/commit-1-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 3.9}, {&engine_rocksdb, 17}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 1, .divisor = 5}},

    {.name = "memory/commit-4",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 6.8}, {&engine_rocksdb, 28}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 4, .divisor = 10}},

    {.name = "memory/commit-4-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 6.8}, {&engine_rocksdb, 28}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .writes = 4, .divisor = 10}},

    {.name = "memory/2r2w-serializable-1t",
     .unit = PER_TXN,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 4.8}, {&engine_rocksdb, 28}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2, .divisor = 8}},

    {.name = "memory/2r2w-serializable-1t-batch",
     .unit = PER_TXN,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 4.8}, {&engine_rocksdb, 28}},
     .task = {.kind = TASK_TRANSACT, .threads = 1, .reads = 2, .writes = 2, .divisor = 8}},

    {.name = "memory/2r2w-serializable-2t",
     .unit = PER_TXN_AND_THREAD,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 9}, {&engine_rocksdb, 27}},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2, .divisor = 10}},

    {.name = "memory/2r2w-serializable-2t-batch",
     .unit = PER_TXN_AND_THREAD,
     .ours = &engine_khonsu_batches,
     .peers = {{&engine_lmdb, 9}, {&engine_rocksdb, 27}},
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2, .divisor = 10}},

    {.name = "memory/2r2w-hot16-2t",
     .unit = PER_TXN_AND_THREAD,
     .ours = &engine_khonsu,
     .peers = {{&engine_lmdb, 3}, {&engine_rocksdb, 0}},
     .aborts_name = "memory/2r2w-hot16-2t-aborts",
     .abort_share_max = 0.20,
     .task = {.kind = TASK_TRANSACT, .threads = 2, .reads = 2, .writes = 2, .divisor = 20, .hot_keys = 16}},
};

const family family_memory = {
    .name = "memory/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
    .control = &engine_lmdb,
};
