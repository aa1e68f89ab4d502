/* tkrzw, TinyDBM: a hash table in memory, with a lock per bucket and no versions. A transaction holds the locks of all
 * of its keys for its whole length, which makes it serializable; there are no snapshots.
 * Settings: docs/benchmarks.md. */
#include <stdio.h>
#include <stdlib.h>
#include <tkrzw_langc.h>

#include "engine.h"

enum { BUCKETS_PER_KEY = 2 };

/* What the callbacks of one transaction see. */
typedef struct tkrzw_visit {
  const char *value; /* to be written */
  uint64_t sum;
} tkrzw_visit;

static void check(bool done, const char *call) {
  if (!done) engine_fail("%s: %s", call, tkrzw_get_last_status_message());
}

static const char *version(void) { return TKRZW_PACKAGE_VERSION; }

/* ---- the store, which is the TkrzwDBM */

static void load(TkrzwDBM *dbm, uint64_t keys) {
  for (uint64_t i = 0; i < keys; i++) {
    bench_key key;
    input_key(i, key);
    check(tkrzw_dbm_set(dbm, key, KEY_SIZE, input_value(i), VALUE_SIZE, true), "tkrzw_dbm_set");
  }
}

static void *open_store(const engine_config *config) {
  char parameters[64];
  snprintf(parameters, sizeof parameters, "dbm=TinyDBM,num_buckets=%llu",
           (unsigned long long)config->keys * BUCKETS_PER_KEY);
  TkrzwDBM *dbm = tkrzw_dbm_open("", true, parameters);
  check(dbm != NULL, "tkrzw_dbm_open");
  load(dbm, config->keys);
  return dbm;
}

static void close_store(void *dbm) { check(tkrzw_dbm_close(dbm), "tkrzw_dbm_close"); }

static void *enter(void *dbm) { return dbm; }

static void leave(void *dbm) { (void)dbm; }

/* ---- what is done to a record while it is locked */

static const char *read_record(void *visiting, const char *key, int32_t key_size, const char *value, int32_t size,
                               int32_t *new_size) {
  (void)key, (void)key_size, (void)new_size;
  tkrzw_visit *visit = visiting;
  if (value == NULL || size != VALUE_SIZE) engine_fail("a missing key or a value of %d bytes", (int)size);
  visit->sum += touch_ends(value, (size_t)size);
  return TKRZW_REC_PROC_NOOP;
}

static const char *write_record(void *visiting, const char *key, int32_t key_size, const char *value, int32_t size,
                                int32_t *new_size) {
  (void)key, (void)key_size, (void)value, (void)size;
  const tkrzw_visit *visit = visiting;
  *new_size = VALUE_SIZE;
  return visit->value;
}

static const char *read_and_write_record(void *visiting, const char *key, int32_t key_size, const char *value,
                                         int32_t size, int32_t *new_size) {
  read_record(visiting, key, key_size, value, size, new_size);
  return write_record(visiting, key, key_size, value, size, new_size);
}

/* ---- operations */

static uint64_t get(void *dbm, const char *key) {
  tkrzw_visit visit = {0};
  check(tkrzw_dbm_process(dbm, key, KEY_SIZE, read_record, &visit, false), "tkrzw_dbm_process");
  return visit.sum;
}

static uint64_t read_txn(void *dbm, const char *key) {
  tkrzw_visit visit = {0};
  TkrzwKeyProcPair pair = {key, KEY_SIZE, read_record, &visit};
  check(tkrzw_dbm_process_multi(dbm, &pair, 1, false), "tkrzw_dbm_process_multi");
  return visit.sum;
}

static bool transact(void *dbm, const engine_transaction *asked, uint64_t *sum) {
  tkrzw_visit visit = {.value = asked->value};
  TkrzwKeyProcPair pairs[TXN_KEYS_MAX];
  unsigned count = asked->reads > asked->writes ? asked->reads : asked->writes;
  for (unsigned i = 0; i < count; i++) {
    tkrzw_record_processor process = i >= asked->writes  ? read_record
                                     : i >= asked->reads ? write_record
                                                         : read_and_write_record;
    pairs[i] = (TkrzwKeyProcPair){asked->keys[i], KEY_SIZE, process, &visit};
  }
  check(tkrzw_dbm_process_multi(dbm, pairs, (int32_t)count, asked->writes > 0), "tkrzw_dbm_process_multi");
  *sum += visit.sum;
  return true;
}

const engine_ops engine_tkrzw = {
    .name = "tkrzw",
    .settings =
        "TinyDBM in memory, 2 buckets per key, keeps no file; transactions are process_multi, which holds the locks "
        "of its keys, without snapshots; get is process",
    .version = version,
    .open = open_store,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .get = get,
    .read_txn = read_txn,
    .transact = transact,
};
