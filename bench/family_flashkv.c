/* family flashkv/: key-value stores in files. Rows survive the death of the process; durable ones, a power loss.
 *
 * Keys are read and written before any of them is asked for in order, because flashkv has its ordered index from then
 * on, which puts keep up. Reading comes before writing: that leaves peers' trees in another state than loading did. */
#include "workload.h"

extern const engine_ops engine_flashkv, engine_rocksdb_kv, engine_tkrzw_hash, engine_leveldb, engine_crate,
    engine_flush;

#define PEER(engine, times)                                                                                            \
  { .ops = &engine_##engine, .goal = times }
/* The same engine with another task, and a name that says so. */
#define PEER_AS(engine, times, shown, ...)                                                                             \
  {                                                                                                                    \
    .ops = &engine_##engine, .goal = times, .name = shown, .task = &(const bench_task) { __VA_ARGS__ }                 \
  }
#define BOUND(row, per, most)                                                                                          \
  { .name = row, .unit = per, .on = BOUND_ON_COST, .limit = most, .is_goal = true }

#define KIB(count) ((size_t)(count) << 10)
#define MIB(count) ((size_t)(count) << 20)

/* A turn of a whole life does one of what there is to do. */
#define LIFE(life)                                                                                                     \
  { .kind = TASK_LIFE_##life, .threads = 1, .operations = 1 }

/* Rows of lives take seconds a turn, and wander little. */
enum { LIFE_ROUNDS = 3, LONG_LIFE_ROUNDS = 2, LONGEST_LIFE_ROUNDS = 1 };

static const data_set scanned = {.keys_times = 1}; /* the standard one, in processes of its own */
static const data_set durable = {.keys_max = 100000, .durable = true};
static const data_set of_16k = {.keys_max = 10000, .value_size = KIB(16)};
static const data_set of_1m = {.keys_max = 128, .value_size = MIB(1)};
static const data_set lives = {.closed = true};
static const data_set lives_merged = {.keys_max = 200000, .closed = true};
static const data_set lives_5 = {.keys_times = 5, .closed = true};
static const data_set lives_16k = {.keys_max = 10000, .value_size = KIB(16), .closed = true};
static const data_set lives_1m = {.keys_max = 128, .value_size = MIB(1), .closed = true};

static const workload workloads[] = {
    /* ---- keys and values in memory, one thread */

    {.name = "flashkv/get",
     .unit = "ns/get",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 3.8), PEER(tkrzw_hash, 2.4), PEER(rocksdb_kv, 11), PEER(crate, 11)},
     .task = {.kind = TASK_FIND, .threads = 1}},

    {.name = "flashkv/multi-get-16",
     .unit = "ns/get",
     .ours = &engine_flashkv,
     .peers = {PEER_AS(lmdb, 7.5, "lmdb", .kind = TASK_FIND_MANY, .threads = 1, .entries = 16, .singly = true),
               PEER_AS(lmdb, 0, "lmdb, one txn", .kind = TASK_FIND_MANY, .threads = 1, .entries = 16),
               PEER(tkrzw_hash, 4.9),
               PEER_AS(rocksdb_kv, 23, "rocksdb", .kind = TASK_FIND_MANY, .threads = 1, .entries = 16, .singly = true),
               PEER_AS(rocksdb_kv, 0, "rocksdb MultiGet", .kind = TASK_FIND_MANY, .threads = 1, .entries = 16)},
     .task = {.kind = TASK_FIND_MANY, .threads = 1, .entries = 16}},

    {.name = "flashkv/get-miss",
     .unit = "ns/get",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 16), PEER(tkrzw_hash, 4.7), PEER(rocksdb_kv, 6), PEER(crate, 15)},
     .task = {.kind = TASK_MISS, .threads = 1}},

    {.name = "flashkv/overwrite",
     .unit = "ns/put",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 4), PEER(tkrzw_hash, 2), PEER(rocksdb_kv, 10)},
     .task = {.kind = TASK_PUT, .threads = 1}},

    {.name = "flashkv/batch-100",
     .unit = "ns/put",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 3.7), PEER(tkrzw_hash, 2.3), PEER(rocksdb_kv, 8), PEER(crate, 8)},
     .task = {.kind = TASK_BATCH, .threads = 1, .writes = 100}},

    {.name = "flashkv/delete",
     .unit = "ns/delete",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 5.8), PEER(tkrzw_hash, 1.15), PEER(rocksdb_kv, 12), PEER(crate, 6)},
     .task = {.kind = TASK_ERASE, .threads = 1}},

    /* ---- two threads */

    {.name = "flashkv/mix-90-10-2t",
     .unit = "ns/op",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 4.5), PEER(tkrzw_hash, 3.4), PEER(rocksdb_kv, 12)},
     .task = {.kind = TASK_MIX, .threads = 2, .reads_percent = 90}},

    {.name = "flashkv/mix-50-50-2t",
     .unit = "ns/op",
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 6.4), PEER(tkrzw_hash, 2.4), PEER(rocksdb_kv, 11)},
     .task = {.kind = TASK_MIX, .threads = 2, .reads_percent = 50}},

    /* ---- memory */

    {.name = "flashkv/bytes-per-key",
     .unit = "bytes",
     .ours = &engine_flashkv,
     .peers = {PEER(crate, 4)},
     .bound = BOUND("flashkv/bytes-per-key", "bytes", 24),
     .task = {.kind = TASK_MEMORY, .threads = 1, .operations = 1},
     .fresh = true,
     .rounds_max = 1},

    {.name = "flashkv/bytes-per-key-ordered",
     .unit = "bytes",
     .ours = &engine_flashkv,
     .bound = BOUND("flashkv/bytes-per-key-ordered", "bytes", 40),
     .task = {.kind = TASK_MEMORY, .threads = 1, .entries = 100, .operations = 1},
     .fresh = true,
     .rounds_max = 1},

    /* ---- in the order of keys */

    {.name = "flashkv/scan-100",
     .unit = "ns/scan",
     .data = &scanned,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1.1), PEER(rocksdb_kv, 5), PEER(leveldb, 1.7)},
     .task = {.kind = TASK_SCAN, .threads = 1, .entries = 100}},

    {.name = "flashkv/iterate",
     .unit = "ns/key",
     .data = &scanned,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 0), PEER(crate, 15)},
     .task = {.kind = TASK_ITERATE, .threads = 1, .operations = 1},
     .rounds_max = LIFE_ROUNDS},

    {.name = "flashkv/scan-100-merged",
     .unit = "ns/scan",
     .data = &scanned,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1.9), PEER(rocksdb_kv, 8), PEER(leveldb, 0)},
     .task = {.kind = TASK_SCAN, .threads = 1, .entries = 100, .arranged = true}},

    /* ---- durable */

    {.name = "flashkv/durable-put-1t",
     .unit = "ns/put",
     .data = &durable,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1.9), PEER(rocksdb_kv, 1.45), PEER(flush, 1 / 1.15)},
     .task = {.kind = TASK_PUT, .threads = 1}},

    {.name = "flashkv/durable-put-8t",
     .unit = "ns/put",
     .data = &durable,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 7), PEER(rocksdb_kv, 1.5)},
     .task = {.kind = TASK_PUT, .threads = 8}},

    {.name = "flashkv/durable-batch-100",
     .unit = "ns/put",
     .data = &durable,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 3.7), PEER(rocksdb_kv, 2.6)},
     .task = {.kind = TASK_BATCH, .threads = 1, .writes = 100}},

    /* ---- large values */

    {.name = "flashkv/get-16k",
     .unit = "ns/get",
     .data = &of_16k,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 3), PEER(tkrzw_hash, 0), PEER(rocksdb_kv, 0)},
     .task = {.kind = TASK_FIND, .threads = 1}},

    {.name = "flashkv/get-16k-read",
     .unit = "ns/get",
     .data = &of_16k,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1), PEER(tkrzw_hash, 1.1), PEER(rocksdb_kv, 1.5)},
     .task = {.kind = TASK_FIND, .threads = 1, .whole_values = true}},

    {.name = "flashkv/get-1m",
     .unit = "ns/get",
     .data = &of_1m,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1.5), PEER(tkrzw_hash, 0), PEER(rocksdb_kv, 0), PEER(crate, 10)},
     .task = {.kind = TASK_FIND, .threads = 1}},

    {.name = "flashkv/get-1m-read",
     .unit = "ns/get",
     .data = &of_1m,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1), PEER(tkrzw_hash, 1.2), PEER(rocksdb_kv, 1.2), PEER(crate, 10)},
     .task = {.kind = TASK_FIND, .threads = 1, .whole_values = true}},

    {.name = "flashkv/get-16k-first",
     .unit = "ns/get",
     .data = &lives_16k,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 0), PEER(tkrzw_hash, 0), PEER(rocksdb_kv, 0)},
     .task = LIFE(FIRST_FIND),
     .rounds_max = LIFE_ROUNDS},

    {.name = "flashkv/put-16k",
     .unit = "ns/put",
     .data = &lives_16k,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1), PEER(tkrzw_hash, 2.3), PEER(rocksdb_kv, 4)},
     .task = LIFE(LOAD),
     .rounds_max = LIFE_ROUNDS},

    {.name = "flashkv/get-1m-first",
     .unit = "ns/get",
     .data = &lives_1m,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 0), PEER(tkrzw_hash, 0), PEER(rocksdb_kv, 0), PEER(crate, 10)},
     .task = LIFE(FIRST_FIND),
     .rounds_max = LIFE_ROUNDS},

    {.name = "flashkv/put-1m",
     .unit = "ns/put",
     .data = &lives_1m,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 1.4), PEER(tkrzw_hash, 4), PEER(rocksdb_kv, 6)},
     .task = LIFE(LOAD),
     .rounds_max = LIFE_ROUNDS},

    /* ---- whole lives */

    {.name = "flashkv/put",
     .unit = "ns/put",
     .data = &lives,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 6), PEER(tkrzw_hash, 1.6), PEER(rocksdb_kv, 15), PEER(crate, 8)},
     .task = LIFE(LOAD),
     .rounds_max = LONG_LIFE_ROUNDS},

    {.name = "flashkv/open",
     .unit = "ns/open",
     .data = &lives,
     .ours = &engine_flashkv,
     .peers = {PEER(lmdb, 0), PEER(tkrzw_hash, 0), PEER(crate, 2000)},
     .bound = BOUND("flashkv/open", "ns/open", 500000),
     .task = LIFE(OPEN),
     .rounds_max = LONG_LIFE_ROUNDS},

    {.name = "flashkv/recover",
     .unit = "ns/key",
     .data = &lives,
     .ours = &engine_flashkv,
     .peers = {PEER(tkrzw_hash, 7.5), PEER(rocksdb_kv, 20)},
     .bound = BOUND("flashkv/recover", "ns/key", 1000.0 / 12),
     .task = LIFE(RECOVER),
     .rounds_max = LONGEST_LIFE_ROUNDS},

    {.name = "flashkv/merge",
     .unit = "ns/merge",
     .data = &lives_merged,
     .ours = &engine_flashkv,
     .peers = {PEER(crate, 10)},
     .task = LIFE(MERGE),
     .rounds_max = LONG_LIFE_ROUNDS},

    {.name = "flashkv/open-5-times",
     .unit = "ns/open",
     .data = &lives_5,
     .ours = &engine_flashkv,
     .bound = BOUND("flashkv/open-5-times", "ns/open", 500000),
     .task = LIFE(OPEN),
     .rounds_max = LIFE_ROUNDS},
};

const family family_flashkv = {
    .name = "flashkv/",
    .workloads = workloads,
    .workload_count = sizeof workloads / sizeof *workloads,
    .turn_ms_max = 200,
    .control = &engine_lmdb,
    .control_kind = TASK_FIND,
    .flush_control = &engine_flush,
};
