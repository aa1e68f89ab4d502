/* khonsu_store: see khonsu_store.h. */
#include "khonsu_store.h"

#include <stdio.h>

const char *khonsu_store_version(void) {
  static char text[256];
  snprintf(text, sizeof text, "%s %s", khonsu_library_version(), khonsu_build_info());
  return text;
}

khonsu_txn *khonsu_store_begin(khonsu_db *db) {
  khonsu_txn *txn;
  khonsu_check(khonsu_begin(db, NULL, &txn, NULL), "khonsu_begin");
  return txn;
}

khonsu_txn *khonsu_store_begin_reading(khonsu_db *db) {
  static const khonsu_txn_options options = {.struct_size = sizeof options, .read_only = true};
  khonsu_txn *txn;
  khonsu_check(khonsu_begin(db, &options, &txn, NULL), "khonsu_begin");
  return txn;
}

bool khonsu_store_commit(khonsu_txn *txn) {
  khonsu_status status = khonsu_commit(txn, NULL, NULL);
  khonsu_txn_free(&txn);
  if (status == KHONSU_CONFLICT) return false;
  khonsu_check(status, "khonsu_commit");
  return true;
}

void khonsu_store_commit_alone(khonsu_txn *txn) {
  if (!khonsu_store_commit(txn)) engine_fail("a conflict while nobody else writes");
}

static void load(khonsu_db *db, uint64_t keys, khonsu_load_one *load_one) {
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
  khonsu_check(khonsu_open(NULL, NULL, &db, NULL), "khonsu_open");
  load(db, config->keys, load_one);
  return db;
}

void khonsu_store_close(void *opened) {
  khonsu_db *db = opened;
  khonsu_check(khonsu_close(&db, NULL), "khonsu_close");
}
