/* rocksdb_store: see rocksdb_store.h. */
#include "rocksdb_store.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMTABLE_SIZE_BYTES = 64 << 20, MEMTABLES_MAX = 4, BLOOM_BITS = 10, BLOCK_FORMAT = 5, THREADS = 2 };
#define LEVEL_BASE_BYTES ((uint64_t)512 << 20)
#define CACHE_SIZE_BYTES ((size_t)4 << 30)

void rocksdb_check(char *error, const char *call) {
  if (error != NULL) engine_fail("%s: %s", call, error);
}

/* The C API has no version, so the name of the library's file has to do ("librocksdb.so.7.8.3"). */
const char *rocksdb_store_version(void) {
  static char path[4096];
  Dl_info info;
  void *function = dlsym(RTLD_DEFAULT, "rocksdb_open");
  if (function == NULL || dladdr(function, &info) == 0 || realpath(info.dli_fname, path) == NULL) return "unknown";
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* ---- the store */

static rocksdb_block_based_table_options_t *table_options(void) {
  rocksdb_block_based_table_options_t *options = rocksdb_block_based_options_create();
  rocksdb_block_based_options_set_filter_policy(options, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
  rocksdb_block_based_options_set_block_cache(options, rocksdb_cache_create_lru(CACHE_SIZE_BYTES));
  rocksdb_block_based_options_set_format_version(options, BLOCK_FORMAT);
  rocksdb_block_based_options_set_data_block_index_type(
      options, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
  rocksdb_block_based_options_set_data_block_hash_ratio(options, 0.75);
  return options;
}

rocksdb_options_t *rocksdb_store_options(void) {
  rocksdb_options_t *options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(options, 1);
  rocksdb_options_increase_parallelism(options, THREADS);
  rocksdb_options_set_write_buffer_size(options, MEMTABLE_SIZE_BYTES);
  rocksdb_options_set_max_write_buffer_number(options, MEMTABLES_MAX);
  rocksdb_options_set_compression(options, rocksdb_no_compression);
  rocksdb_options_set_max_open_files(options, -1);
  rocksdb_options_set_max_bytes_for_level_base(options, LEVEL_BASE_BYTES);
  rocksdb_options_set_block_based_table_factory(options, table_options());
  return options;
}

void rocksdb_store_load(rocksdb_t *db, const engine_config *config) {
  rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
  rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
  for (uint64_t i = 0; i < config->keys;) {
    char *error = NULL;
    rocksdb_writebatch_clear(batch);
    for (uint64_t end = i + load_txn_keys(config); i < end && i < config->keys; i++) {
      bench_key key;
      input_key(i, key);
      rocksdb_writebatch_put(batch, key, KEY_SIZE, input_bytes(i, config->value_size), config->value_size);
    }
    rocksdb_write(db, options, batch, &error);
    rocksdb_check(error, "rocksdb_write");
  }
  rocksdb_writebatch_destroy(batch);
  rocksdb_writeoptions_destroy(options);
}

void rocksdb_store_compact(rocksdb_t *db) {
  char *error = NULL;
  rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
  rocksdb_flushoptions_set_wait(options, 1);
  rocksdb_flush(db, options, &error);
  rocksdb_check(error, "rocksdb_flush");
  rocksdb_flushoptions_destroy(options);
  rocksdb_compact_range(db, NULL, 0, NULL, 0);
}

void rocksdb_store_rest(rocksdb_t *db) {
  static const char *const at_work[] = {"rocksdb.mem-table-flush-pending", "rocksdb.num-running-flushes",
                                        "rocksdb.compaction-pending", "rocksdb.num-running-compactions"};
  for (size_t i = 0; i < sizeof at_work / sizeof *at_work;) {
    uint64_t count = 0;
    if (rocksdb_property_int(db, at_work[i], &count) != 0) engine_fail("no property %s", at_work[i]);
    if (count == 0) {
      i++;
      continue;
    }
    usleep(2000);
    i = 0; /* a flush may have made work for a compaction */
  }
}

/* Verifying the checksums of blocks is left out; the other engines have none to verify. */
rocksdb_readoptions_t *rocksdb_store_read_options(void) {
  rocksdb_readoptions_t *options = rocksdb_readoptions_create();
  rocksdb_readoptions_set_verify_checksums(options, 0);
  return options;
}
