/* family arrow/: what it costs to get Arrow data in and out, on one thread. */
#include "workload.h"

extern const engine_ops engine_arrow_read_10, engine_arrow_read_1000, engine_nanoarrow_read_10,
    engine_nanoarrow_read_1000, engine_arrow_write, engine_nanoarrow_write, engine_bare_writev, engine_arrow_check,
    engine_nanoarrow_check, engine_reading, engine_arrow_check_mixed, engine_reading_mixed, engine_arrow_upsert_few,
    engine_arrow_upsert_many, engine_copying, engine_arrow_hash, engine_xxh3, engine_pyarrow_join_few,
    engine_pyarrow_join_many, engine_pyarrow_is_in_few, engine_pyarrow_is_in_many, engine_arrow_concat_numbers,
    engine_arrow_concat_text, engine_arrow_concat_dictionary, engine_memcpy_numbers, engine_memcpy_text,
    engine_pyarrow_concat_numbers, engine_pyarrow_concat_text, engine_pyarrow_concat_dictionary;

#define CHOICE_ENGINES(kind) extern const engine_ops engine_arrow_##kind, engine_memcpy_##kind, engine_pyarrow_##kind

CHOICE_ENGINES(take_10);
CHOICE_ENGINES(take_90);
CHOICE_ENGINES(take_text_10);
CHOICE_ENGINES(take_text_90);
CHOICE_ENGINES(filter_10);
CHOICE_ENGINES(filter_90);
CHOICE_ENGINES(filter_text_10);
CHOICE_ENGINES(filter_text_90);

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }

#define ONE_BY_ONE                                                                                                     \
  { .kind = TASK_GET, .threads = 1 }

#define CHOICE(row, kind)                                                                                              \
  {                                                                                                                    \
    .name = row, .unit = "ns/batch", .ours = &engine_arrow_##kind,                                                     \
    .peers = {PEER(pyarrow_##kind, 1), PEER(memcpy_##kind, 0)}, .task = ONE_BY_ONE                                     \
  }

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
     .peers = {PEER(reading_mixed, 0.5)},
     .task = ONE_BY_ONE},

    {.name = "arrow/upsert-1000-into-1000",
     .unit = "ns/upsert",
     .ours = &engine_arrow_upsert_few,
     .peers = {PEER(pyarrow_join_few, 10), PEER(pyarrow_is_in_few, 0)},
     .bound = {"arrow/upsert-1000-into-1000", "ns/upsert", BOUND_ON_COST, 8000, true},
     .task = ONE_BY_ONE},

    {.name = "arrow/upsert-1000-into-1m",
     .unit = "ns/upsert",
     .ours = &engine_arrow_upsert_many,
     .peers = {PEER(copying, 0), PEER(pyarrow_join_many, 5), PEER(pyarrow_is_in_many, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/hash-1m",
     .unit = "ns/column",
     .ours = &engine_arrow_hash,
     .peers = {PEER(xxh3, 0.25)},
     .task = ONE_BY_ONE},

    {.name = "arrow/concat-64",
     .unit = "ns/concat",
     .ours = &engine_arrow_concat_numbers,
     .peers = {PEER(memcpy_numbers, 0.9), PEER(pyarrow_concat_numbers, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/concat-64-text",
     .unit = "ns/concat",
     .ours = &engine_arrow_concat_text,
     .peers = {PEER(pyarrow_concat_text, 1), PEER(memcpy_text, 0)},
     .task = ONE_BY_ONE},

    {.name = "arrow/concat-64-dictionary",
     .unit = "ns/concat",
     .ours = &engine_arrow_concat_dictionary,
     .peers = {PEER(pyarrow_concat_dictionary, 1)},
     .task = ONE_BY_ONE},

    CHOICE("arrow/take-10", take_10),
    CHOICE("arrow/take-90", take_90),
    CHOICE("arrow/take-10-text", take_text_10),
    CHOICE("arrow/take-90-text", take_text_90),
    CHOICE("arrow/filter-10", filter_10),
    CHOICE("arrow/filter-90", filter_90),
    CHOICE("arrow/filter-10-text", filter_text_10),
    CHOICE("arrow/filter-90-text", filter_text_90),
};

const family family_arrow = {
    .name = "arrow/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
};
