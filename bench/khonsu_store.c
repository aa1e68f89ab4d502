/* khonsu_store: see khonsu_store.h. */
#include "khonsu_store.h"

#include <stdio.h>

#include "machine.h"

#define MERGE_THRESHOLD 0.6 /* from which on the store's own thread merges a file */

const char *khonsu_store_version(void) {
  static char text[256];
  snprintf(text, sizeof text, "%s %s", khonsu_library_version(), khonsu_build_info());
  return text;
}

khonsu_txn *khonsu_store_begin(khonsu_db *db) {
  khonsu_txn *txn;
  khonsu_store_check(khonsu_begin(db, NULL, &txn, NULL), "khonsu_begin");
  return txn;
}

khonsu_txn *khonsu_store_begin_reading(khonsu_db *db) {
  static const khonsu_txn_options options = {.struct_size = sizeof options, .read_only = true};
  khonsu_txn *txn;
  khonsu_store_check(khonsu_begin(db, &options, &txn, NULL), "khonsu_begin");
  return txn;
}

bool khonsu_store_commit(khonsu_txn *txn) {
  khonsu_status status = khonsu_commit(txn, NULL, NULL);
  khonsu_txn_free(&txn);
  if (status == KHONSU_CONFLICT) return false;
  khonsu_store_check(status, "khonsu_commit");
  return true;
}

void khonsu_store_commit_alone(khonsu_txn *txn) {
  if (!khonsu_store_commit(txn)) engine_fail("a conflict while nobody else writes");
}

void khonsu_store_load(khonsu_db *db, uint64_t keys, khonsu_load_one *load_one) {
  for (uint64_t i = 0; i < keys;) {
    khonsu_txn *txn = khonsu_store_begin(db);
    for (uint64_t end = i + LOAD_TXN_KEYS; i < end && i < keys; i++) {
      bench_key key;
      input_key(i, key);
      load_one(txn, slice_of_key(key), i);
    }
    khonsu_store_commit_alone(txn);
  }
}

khonsu_db *khonsu_store_open(const engine_config *config, khonsu_load_one *load_one) {
  khonsu_db *db;
  khonsu_store_check(khonsu_open(NULL, NULL, &db, NULL), "khonsu_open");
  khonsu_store_load(db, config->keys, load_one);
  return db;
}

khonsu_db *khonsu_store_open_stored(const engine_config *config) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_db *db;
  options.durability = config->durable ? KHONSU_SYNC : KHONSU_BUFFERED;
  if (khonsu_open(config->directory, &options, &db, &error) != KHONSU_OK) engine_fail("khonsu_open: %s", error.message);
  return db;
}

void khonsu_store_rest(void *db) {
  khonsu_merge_options options = KHONSU_MERGE_OPTIONS_INIT;
  khonsu_status status;
  options.threshold = MERGE_THRESHOLD;
  while ((status = khonsu_merge(db, &options, NULL)) == KHONSU_MERGE_RUNNING) machine_await_idle();
  khonsu_store_check(status, "khonsu_merge");
  machine_await_idle();
}

void khonsu_store_close(void *opened) {
  khonsu_db *db = opened;
  khonsu_store_check(khonsu_close(&db, NULL), "khonsu_close");
}
