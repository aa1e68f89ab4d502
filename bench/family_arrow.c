/* family arrow/: what it costs to get Arrow data in and out, on one thread. */
#include "workload.h"

extern const engine_ops engine_arrow_read_10, engine_arrow_read_1000, engine_nanoarrow_read_10,
    engine_nanoarrow_read_1000, engine_arrow_write, engine_nanoarrow_write, engine_bare_writev, engine_arrow_check,
    engine_nanoarrow_check, engine_reading, engine_arrow_check_mixed, engine_reading_mixed, engine_arrow_upsert_few,
    engine_arrow_upsert_many, engine_copying, engine_arrow_hash, engine_xxh3;

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }

#define ONE_BY_ONE                                                                                                     \
  { .kind = TASK_GET, .threads = 1 }

static const workload workloads[] = {
    {.name = "arrow/ipc-read-10",
     .unit = "ns/batch",
     .ours = &engine_arrow_read_10,
     .peers = {PEER(nanoarrow_read_10, 5)},
     .task = ONE_BY_ONE},

    {.name = "arrow/ipc-read-1000",
     .unit = "ns/batch",
     .ours = &engine_arrow_read_1000,
     .peers = {PEER(nanoarrow_read_1000, 2)},
     .task = ONE_BY_ONE},

    {.name = "arrow/ipc-write-1mib",
     .unit = "ns/batch",
     .ours = &engine_arrow_write,
     .peers = {PEER(nanoarrow_write, 2), PEER(bare_writev, 1 / 1.15)},
     .task = ONE_BY_ONE},

    {.name = "arrow/validate-utf8-1m",
     .unit = "ns/column",
     .ours = &engine_arrow_check,
     .peers = {PEER(reading, 0.5), PEER(nanoarrow_check, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/validate-utf8-1m-mixed",
     .unit = "ns/column",
     .ours = &engine_arrow_check_mixed,
     .peers = {PEER(reading_mixed, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/upsert-1000-into-1000",
     .unit = "ns/upsert",
     .ours = &engine_arrow_upsert_few,
     .bound = {"arrow/upsert-1000-into-1000", "ns/upsert", BOUND_ON_COST, 8000, true},
     .task = ONE_BY_ONE},

    {.name = "arrow/upsert-1000-into-1m",
     .unit = "ns/upsert",
     .ours = &engine_arrow_upsert_many,
     .peers = {PEER(copying, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/hash-1m",
     .unit = "ns/column",
     .ours = &engine_arrow_hash,
     .peers = {PEER(xxh3, 0.25)},
     .task = ONE_BY_ONE},
};

const family family_arrow = {
    .name = "arrow/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
};
