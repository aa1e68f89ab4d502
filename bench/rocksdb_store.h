/* rocksdb_store: what the engines of RocksDB share: settings, loading, and waiting for its threads. */
#ifndef BENCH_ROCKSDB_STORE_H
#define BENCH_ROCKSDB_STORE_H

#include <rocksdb/c.h>

#include "engine.h"

#define ROCKSDB_SETTINGS                                                                                               \
  "64 MiB memtable x 4, no compression, 4 GiB LRU block cache, full bloom of 10 bits, hashed data blocks, checksums "  \
  "not verified on reads, fully compacted after loading"

void rocksdb_check(char *error, const char *call);
const char *rocksdb_store_version(void);
rocksdb_options_t *rocksdb_store_options(void);
rocksdb_readoptions_t *rocksdb_store_read_options(void);

/* In batches, not flushed. */
void rocksdb_store_load(rocksdb_t *db, const engine_config *config);
/* Brings it to the state in which it is at its best for reading. */
void rocksdb_store_compact(rocksdb_t *db);
/* Waits until flushes and compactions have ended. */
void rocksdb_store_rest(rocksdb_t *db);

#endif
