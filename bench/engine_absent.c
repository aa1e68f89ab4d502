/* Engines whose libraries were not found: cmake/bench.cmake compiles this in the place of their files, and their rows
 * are left out. */
#include "engine.h"

#ifdef BENCH_WITHOUT_lmdb
const engine_ops engine_lmdb = {.name = "lmdb"};
#endif
#ifdef BENCH_WITHOUT_rocksdb
const engine_ops engine_rocksdb = {.name = "rocksdb"};
const engine_ops engine_rocksdb_kv = {.name = "rocksdb"};
#endif
#ifdef BENCH_WITHOUT_wiredtiger
const engine_ops engine_wiredtiger = {.name = "wiredtiger"};
#endif
#ifdef BENCH_WITHOUT_tkrzw
const engine_ops engine_tkrzw = {.name = "tkrzw"};
const engine_ops engine_tkrzw_hash = {.name = "tkrzw HashDBM"};
#endif
#ifdef BENCH_WITHOUT_leveldb
const engine_ops engine_leveldb = {.name = "leveldb"};
#endif
#ifdef BENCH_WITHOUT_redis
const engine_ops engine_redis = {.name = "redis"};
#endif
#ifdef BENCH_WITHOUT_crate
const engine_ops engine_crate = {.name = "flash-kv (crate)"};
#endif
#ifdef BENCH_WITHOUT_pyarrow
#define PYARROW(kind) const engine_ops engine_pyarrow_##kind = {.name = "pyarrow"}
PYARROW(join_few);
PYARROW(join_many);
PYARROW(is_in_few);
PYARROW(is_in_many);
PYARROW(concat_numbers);
PYARROW(concat_text);
PYARROW(concat_dictionary);
PYARROW(take_10);
PYARROW(take_90);
PYARROW(take_text_10);
PYARROW(take_text_90);
PYARROW(filter_10);
PYARROW(filter_90);
PYARROW(filter_text_10);
PYARROW(filter_text_90);
#endif
