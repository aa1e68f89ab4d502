/* khonsu_store: what Khonsu's engines have in common: the database, its threads, its transactions. */
#ifndef BENCH_KHONSU_STORE_H
#define BENCH_KHONSU_STORE_H

#include <khonsu.h>

#include "engine.h"

/* Writes value `index` to `key`. */
typedef void khonsu_load_one(khonsu_txn *txn, khonsu_slice key, uint64_t index);

const char *khonsu_store_version(void);
/* The store is the khonsu_db. In memory, and loaded. */
khonsu_db *khonsu_store_open(const engine_config *config, khonsu_load_one *load_one);
/* In the directory, and not loaded; commits that ask for no durability are buffered, in durable rows synced. */
khonsu_db *khonsu_store_open_stored(const engine_config *config);
void khonsu_store_load(khonsu_db *db, uint64_t keys, khonsu_load_one *load_one);
void khonsu_store_close(void *db);
/* Merges what the store would merge as soon as nobody writes, and so during others' turns. */
void khonsu_store_rest(void *db);

khonsu_txn *khonsu_store_begin(khonsu_db *db); /* at the default options: serializable */
khonsu_txn *khonsu_store_begin_reading(khonsu_db *db);
/* Commits and frees. False: conflict. */
bool khonsu_store_commit(khonsu_txn *txn);
/* The same where nobody else writes what the transaction read or wrote: a conflict ends the process. */
void khonsu_store_commit_alone(khonsu_txn *txn);

/* Ends the process unless `status` is OK. */
static inline void khonsu_store_check(khonsu_status status, const char *call) {
  if (__builtin_expect(status != KHONSU_OK, 0)) engine_fail("%s: %s", call, khonsu_status_text(status));
}

static inline khonsu_slice slice_of_key(const char *key) { return (khonsu_slice){key, KEY_SIZE}; }

#endif
