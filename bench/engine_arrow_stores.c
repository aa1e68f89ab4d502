/* Stores of Arrow tables that are used from Python: arrow_stores_peer.py, with one operation each. */
#include "arrow_tables.h"
#include "python_peer.h"

/* That of a store, or else of what cannot be done without it. */
#define STORE(kind, name_shown, version_text, says, operation, ...)                                                    \
  static const char *version_##kind##_##operation(void) { return version_text; }                                       \
  static void *open_##kind##_##operation(const engine_config *config) {                                                \
    return python_peer_start(BENCH_ARROW_STORES_PEER, #kind " " #operation, config->directory);                        \
  }                                                                                                                    \
  const engine_ops engine_##kind##_##operation = {.name = name_shown,                                                  \
                                                  .settings = says,                                                    \
                                                  .version = version_##kind##_##operation,                             \
                                                  .open = open_##kind##_##operation,                                   \
                                                  .close = python_peer_stop,                                           \
                                                  .enter = arrow_enter,                                                \
                                                  .leave = arrow_leave,                                                \
                                                  __VA_ARGS__}

#define STORE_WITH_ALL(kind, name_shown, version_text, says)                                                           \
  STORE(kind, name_shown, version_text, says, append, .get_timed = python_peer_timed);                                 \
  STORE(kind, name_shown, version_text, says, read, .get_timed = python_peer_timed);                                   \
  STORE(kind, name_shown, version_text, says, crowd, .crowd = python_peer_crowd)

#define ABSENT_STORE(kind, name_shown)                                                                                 \
  const engine_ops engine_##kind##_append = {.name = name_shown}, engine_##kind##_read = {.name = name_shown},         \
                   engine_##kind##_crowd = {.name = name_shown}

#ifdef BENCH_pyarrow_VERSION
STORE(ipc_stream, "pyarrow IPC stream", BENCH_pyarrow_VERSION,
      "record batches written to a file, by a write_batch for each append; not synced", append,
      .get_timed = python_peer_timed);
#else
const engine_ops engine_ipc_stream_append = {.name = "pyarrow IPC stream"};
#endif

#ifdef BENCH_duckdb_VERSION
STORE_WITH_ALL(duckdb, "duckdb", BENCH_duckdb_VERSION,
               "a file; the appender of the C API: a data chunk and a flush for each append, which commits and syncs; "
               "reads are a query and its data chunks");
#else
ABSENT_STORE(duckdb, "duckdb");
#endif

#ifdef BENCH_arcticdb_VERSION
STORE_WITH_ALL(arcticdb, "arcticdb", BENCH_arcticdb_VERSION,
               "over LMDB, at its defaults: append and read of data frames of pandas");
#else
ABSENT_STORE(arcticdb, "arcticdb");
#endif

#ifdef BENCH_lance_VERSION
STORE_WITH_ALL(lance, "lance", BENCH_lance_VERSION, "files, at its defaults: write_dataset (append); to_table");
#else
ABSENT_STORE(lance, "lance");
#endif

#ifdef BENCH_deltalake_VERSION
STORE_WITH_ALL(deltalake, "delta", BENCH_deltalake_VERSION,
               "files, at its defaults: write_deltalake (append); to_pyarrow_table");
#else
ABSENT_STORE(deltalake, "delta");
#endif
