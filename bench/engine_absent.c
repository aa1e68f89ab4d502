/* Engines whose libraries were not found: cmake/bench.cmake compiles this in the place of their files, and their rows
 * are left out. */
#include "engine.h"

#ifdef BENCH_WITHOUT_lmdb
const engine_ops engine_lmdb = {.name = "lmdb"};
#endif
#ifdef BENCH_WITHOUT_rocksdb
const engine_ops engine_rocksdb = {.name = "rocksdb"};
#endif
#ifdef BENCH_WITHOUT_wiredtiger
const engine_ops engine_wiredtiger = {.name = "wiredtiger"};
#endif
#ifdef BENCH_WITHOUT_tkrzw
const engine_ops engine_tkrzw = {.name = "tkrzw"};
#endif
