/* The persist step and its failures (docs/architecture.md): undo, single re-run, IN_DOUBT, failed-stop. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_storage.h"
#include "support.h"
#include "txn/transaction.h"

static khonsu_db *open_over(fault_storage *storage) {
  khonsu_db *db = NULL;
  MUST(khonsu_open_with_storage(fault_storage_ops(), storage, NULL, &db, &err));
  return db;
}

/* A commit of one key in a thread of its own. */
typedef struct committer {
  khonsu_db *db;
  khonsu_txn *txn; /* begun by the test, so that its snapshot is known */
  pthread_t thread;
  khonsu_status status;
  khonsu_error error;
} committer;

static void *run_committer(void *ctx) {
  committer *c = ctx;
  c->status = khonsu_commit(c->txn, NULL, &c->error);
  khonsu_txn_free(&c->txn);
  return NULL;
}

static void start(committer *c, khonsu_db *db, const char *key, const char *value, bool read_first) {
  *c = (committer){.db = db, .error = KHONSU_ERROR_INIT};
  c->txn = begin_at(db, KHONSU_SERIALIZABLE);
  char ignored[64];
  if (read_first) get_text(c->txn, key, ignored);
  put_text(c->txn, key, value);
  assert_int_equal(pthread_create(&c->thread, NULL, run_committer, c), 0);
}

/* Waits until the commit, which is held somewhere, is in the state given. */
static void await_state(const committer *c, uint32_t wanted) {
  while ((atomic_load(&c->txn->request.state) & wanted) != wanted) sched_yield();
}

static khonsu_status finish(committer *c) {
  pthread_join(c->thread, NULL);
  khonsu_status status = c->status;
  khonsu_error_clear(&c->error);
  return status;
}

static void assert_now(khonsu_db *db, const char *key, const char *expected) {
  khonsu_txn *txn = begin_read_only(db);
  assert_text(txn, key, expected);
  khonsu_txn_free(&txn);
}

/* What was committed, tables and bytes and deletions, is there after a reopen, and versions go on from where they were. */
static void a_reopened_store_has_what_was_committed(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  put_text_now(db, "gone", "1");
  delete_now(db, "gone");
  for (int64_t i = 0; i < 3; i++) {
    khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
    append_ids(txn, "table", i * 10, 10);
    commit_and_free(&txn);
  }
  khonsu_version before = stats_of(db).version;
  close_db(&db);

  db = open_over(&storage);
  assert_int_equal(stats_of(db).version, before);
  assert_int_equal(stats_of(db).records, 0); /* opening loads nothing */
  assert_now(db, "a", "1");
  assert_now(db, "gone", NULL);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, "table", 30, 10);
  int64_t sum;
  uint64_t rows;
  sum_table(txn, "table", &sum, &rows);
  assert_int_equal(rows, 40);
  assert_int_equal(sum, 39 * 40 / 2);
  commit_and_free(&txn);
  assert_true(stats_of(db).version > before);
  close_db(&db);

  db = open_over(&storage);
  txn = begin_read_only(db);
  sum_table(txn, "table", &sum, &rows);
  assert_int_equal(rows, 40);
  assert_int_equal(sum, 39 * 40 / 2);
  khonsu_txn_free(&txn);
  close_db(&db);
  assert_false(storage.order_broken);
  fault_storage_fini(&storage);
}

/* `schema`'s metadata, in the C Data interface's encoding: one pair. */
static void put_saying(khonsu_txn *txn, const char *key, const char *metadata, khonsu_status wanted) {
  static const int64_t zeros[10000];
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_batch(&schema, &batch, 1, (const char *const[]){"id"}, 10000, (const int64_t *const[]){zeros});
  schema.metadata = metadata;
  MUST_BE(wanted, khonsu_put_batch_ref(txn, khonsu_key(key), &schema, &batch, &err));
  schema.metadata = NULL;
  schema.release(&schema);
  batch.release(&batch);
}

/* A table says how it is compressed; rows that are appended may say otherwise. */
static void tables_are_compressed_as_they_say(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  put_saying(txn, "plain", NULL, KHONSU_OK);
  put_saying(txn, "zstd", "\1\0\0\0\x12\0\0\0khonsu.compression\4\0\0\0zstd", KHONSU_OK);
  put_saying(txn, "bzip", "\1\0\0\0\x12\0\0\0khonsu.compression\4\0\0\0bzip", KHONSU_INVALID_ARROW);
  commit_and_free(&txn);
  khonsu_stored plain, zstd;
  MUST(fault_storage_ops()->get(&storage, KHONSU_KEY("plain"), UINT64_MAX, &plain, &err));
  MUST(fault_storage_ops()->get(&storage, KHONSU_KEY("zstd"), UINT64_MAX, &zstd, &err));
  assert_true(plain.value.size > 80000 && zstd.value.size < 2000);
  khonsu_bytes_release(&plain.value);
  khonsu_bytes_release(&zstd.value);
  close_db(&db);

  db = open_over(&storage);
  txn = begin_at(db, KHONSU_SNAPSHOT);
  append_ids(txn, "zstd", 1, 3);
  commit_and_free(&txn);
  close_db(&db);
  db = open_over(&storage);
  txn = begin_read_only(db);
  int64_t sum;
  uint64_t rows;
  sum_table(txn, "zstd", &sum, &rows);
  assert_int_equal(rows, 10003);
  assert_int_equal(sum, 6);
  khonsu_txn_free(&txn);
  close_db(&db);
  fault_storage_fini(&storage);
}

/* A blind append onto a table that only the storage holds joins it, and an older snapshot still sees it without. */
static void an_append_onto_a_cold_table_joins_it(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  append_ids(txn, "table", 0, 5);
  commit_and_free(&txn);
  close_db(&db);

  db = open_over(&storage);
  khonsu_txn *old = begin_read_only(db);
  for (int i = 1; i <= 2; i++) {
    txn = begin_at(db, KHONSU_SNAPSHOT);
    append_ids(txn, "table", i * 5, 5);
    commit_and_free(&txn);
  }
  int64_t sum;
  uint64_t rows;
  sum_table(old, "table", &sum, &rows);
  assert_int_equal(rows, 5);
  khonsu_txn_free(&old);
  txn = begin_read_only(db);
  sum_table(txn, "table", &sum, &rows);
  assert_int_equal(rows, 15);
  assert_int_equal(sum, 14 * 15 / 2);
  khonsu_txn_free(&txn);
  close_db(&db);
  fault_storage_fini(&storage);
}

/* A key that only the storage holds is seen by an old snapshot after it was overwritten or deleted in memory. */
static void old_snapshots_read_the_storage_at_their_version(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  put_text_now(db, "b", "1");
  close_db(&db);
  db = open_over(&storage);
  khonsu_txn *old = begin_read_only(db);
  put_text_now(db, "a", "2");
  delete_now(db, "b");
  for (int i = 0; i < 600; i++) put_text_now(db, "other", "x"); /* has the store reclaim and the storage trim */
  assert_text(old, "a", "1");
  assert_text(old, "b", "1");
  khonsu_txn_free(&old);
  assert_now(db, "a", "2");
  assert_now(db, "b", NULL);
  close_db(&db);
  fault_storage_fini(&storage);
}

/* What a scan sees over a storage: what memory knows hides what the storage holds, at each moment. */
static void scans_merge_memory_and_storage(void **state) {
  (void)state;
  enum { KEYS = 2000 };
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  char key[16], text[64];
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "key%05d", i);
    put_text(txn, key, "cold");
  }
  append_ids(txn, "table", 0, 3);
  MUST(khonsu_put_counter(txn, KHONSU_KEY("counter"), -7, &err));
  commit_and_free(&txn);
  close_db(&db);

  db = open_over(&storage);
  khonsu_txn *old = begin_read_only(db);
  for (int i = 0; i < KEYS; i += 3) { /* in memory now */
    snprintf(key, sizeof key, "key%05d", i);
    if (i % 2 == 0) put_text_now(db, key, "hot");
    else delete_now(db, key);
  }
  put_text_now(db, "key00001x", "hot");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  append_ids(txn, "table", 3, 2); /* on top of what only the storage holds */
  MUST(khonsu_add(txn, KHONSU_KEY("counter"), 1, &err));
  for (int now = 0; now < 2; now++)
    for (int reverse = 0; reverse < 2; reverse++)
      for (int keys_only = 0; keys_only < 2; keys_only++) {
        khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
        options.reverse = reverse != 0;
        options.keys_only = keys_only != 0;
        khonsu_scan *scan;
        khonsu_entry entry;
        MUST(khonsu_scan_open(now ? txn : old, NULL, &options, &scan, &err));
        int count = 0, hot = 0, numbers = 0, tables = 0;
        khonsu_status status;
        khonsu_error error = KHONSU_ERROR_INIT;
        char last[64] = "";
        while ((status = khonsu_scan_next(scan, &entry, &error)) == KHONSU_OK) {
          snprintf(text, sizeof text, "%.*s", (int)entry.key.size, (const char *)entry.key.data);
          assert_true(count == 0 || (strcmp(text, last) < 0) == (reverse != 0));
          snprintf(last, sizeof last, "%s", text);
          count++;
          if (entry.type == KHONSU_BYTES) hot += entry.bytes.size == 3;
          if (entry.type == KHONSU_COUNTER && !keys_only) numbers += entry.counter == (now ? -6 : -7);
          if (entry.type == KHONSU_TABLE && !keys_only) {
            struct ArrowArrayStream stream;
            MUST(khonsu_scan_get(scan, &stream, &err));
            struct ArrowArray batch;
            while (stream.get_next(&stream, &batch) == 0 && batch.release != NULL) {
              tables += (int)batch.length;
              batch.release(&batch);
            }
            stream.release(&stream);
          }
        }
        must_be_at(status, KHONSU_END, &error, "khonsu_scan_next", __FILE__, __LINE__);
        khonsu_scan_free(&scan);
        int deleted = (KEYS / 3 + 1) / 2;
        assert_int_equal(count, now ? KEYS - deleted + 1 + 2 : KEYS + 2);
        if (keys_only) continue;
        assert_int_equal(hot, now ? (KEYS / 3 + 1) - deleted + 1 : 0);
        assert_int_equal(numbers, 1);
        assert_int_equal(tables, now ? 5 : 3);
      }
  commit_and_free(&txn);
  khonsu_txn_free(&old);
  txn = begin_at(db, KHONSU_READ_COMMITTED); /* each step is of its own moment */
  khonsu_range range = {.first = KHONSU_KEY("key00000"), .end = KHONSU_KEY("key00010")};
  khonsu_scan *scan;
  khonsu_entry entry;
  MUST(khonsu_scan_open(txn, &range, NULL, &scan, &err));
  int count = 0;
  while (khonsu_scan_next(scan, &entry, NULL) == KHONSU_OK)
    if (count++ == 2) put_text_now(db, "key00003", "back");
  assert_int_equal(count, 10); /* key00003 is back, key00009 is deleted, key00001x is new */
  khonsu_scan_free(&scan);
  khonsu_txn_free(&txn);
  close_db(&db);
  fault_storage_fini(&storage);
}

static void a_storage_without_scan_says_so(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_storage_ops ops = *fault_storage_ops();
  ops.scan = NULL;
  khonsu_db *db;
  MUST(khonsu_open_with_storage(&ops, &storage, NULL, &db, &err));
  khonsu_txn *txn = begin_read_only(db);
  khonsu_scan *scan;
  MUST_BE(KHONSU_UNSUPPORTED, khonsu_scan_open(txn, NULL, NULL, &scan, &err));
  khonsu_txn_free(&txn);
  close_db(&db);
  fault_storage_fini(&storage);
}

/* A clean write failure: the commit fails with it, nothing changed, and the store goes on. */
static void a_full_storage_fails_the_commit_and_nothing_else(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  fault_storage_set_write(&storage, KHONSU_STORAGE_FULL, 0);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "a", "2");
  put_text(txn, "new", "2");
  MUST_BE(KHONSU_STORAGE_FULL, khonsu_commit(txn, NULL, &err));
  MUST_BE(KHONSU_BAD_STATE, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  assert_now(db, "a", "1");
  assert_now(db, "new", NULL);
  assert_int_equal(stats_of(db).records, 1);
  fault_storage_set_write(&storage, KHONSU_OK, 0);
  put_text_now(db, "a", "3");
  assert_now(db, "a", "3");
  close_db(&db);
  fault_storage_fini(&storage);
}

/* One oversized member of a group fails alone: the group is undone and its members run singly. */
static void one_oversized_member_of_a_group_fails_alone(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  enum { COMMITS = 5, TOO_LARGE = 2 };
  char large[50], key[COMMITS][16];
  memset(large, 'x', sizeof large - 1);
  large[sizeof large - 1] = '\0';
  fault_storage_set_write(&storage, KHONSU_STORAGE_FULL, 32);
  fault_storage_hold(&storage, &storage.write_gate, true);
  committer committers[COMMITS];
  for (int i = 0; i < COMMITS; i++) { /* the first holds the seat, the others queue up behind it */
    snprintf(key[i], sizeof key[i], "key%d", i);
    start(&committers[i], db, key[i], i == TOO_LARGE ? large : "small", true);
    if (i == 0) fault_storage_await(&storage, &storage.write_gate);
    else await_state(&committers[i], KH_ASLEEP);
  }
  fault_storage_hold(&storage, &storage.write_gate, false);
  for (int i = 0; i < COMMITS; i++)
    assert_int_equal(finish(&committers[i]), i == TOO_LARGE ? KHONSU_STORAGE_FULL : KHONSU_OK);
  for (int i = 0; i < COMMITS; i++) assert_now(db, key[i], i == TOO_LARGE ? NULL : "small");
  assert_int_equal(storage.writes, 1 + 1 + COMMITS - 1); /* the first; the group, in vain; its members singly */
  assert_false(storage.order_broken);
  close_db(&db);
  fault_storage_fini(&storage);
}

/* Visible implies durable at the writer's level: while the flush is under way nobody sees the commit, later groups are
 * certified against it, and all of it appears together. */
static void a_commit_is_invisible_until_it_is_flushed(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  fault_storage_hold(&storage, &storage.sync_gate, true);
  committer first, second;
  start(&first, db, "a", "2", true);
  fault_storage_await(&storage, &storage.sync_gate);
  assert_now(db, "a", "1");
  start(&second, db, "a", "3", true); /* its snapshot is older than the unflushed commit: it must lose */
  await_state(&second, KH_WRITTEN);
  assert_now(db, "a", "1");
  fault_storage_hold(&storage, &storage.sync_gate, false);
  assert_int_equal(finish(&first), KHONSU_OK);
  assert_int_equal(finish(&second), KHONSU_CONFLICT);
  assert_now(db, "a", "2");
  close_db(&db);
  fault_storage_fini(&storage);
}

/* A failed flush: what was pending is in doubt, who lost to it gets UNAVAILABLE, and the store has stopped; reads go on. */
static void a_failed_flush_stops_the_store(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  fault_storage_hold(&storage, &storage.sync_gate, true);
  fault_storage_set_sync(&storage, KHONSU_IO);
  committer first, loser;
  start(&first, db, "a", "2", true);
  fault_storage_await(&storage, &storage.sync_gate);
  start(&loser, db, "a", "3", true);
  await_state(&loser, KH_WRITTEN);
  fault_storage_hold(&storage, &storage.sync_gate, false);
  assert_int_equal(finish(&first), KHONSU_IN_DOUBT);
  assert_int_equal(finish(&loser), KHONSU_UNAVAILABLE);
  assert_now(db, "a", "1");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "b", "1");
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_commit(txn, NULL, &error), KHONSU_UNAVAILABLE);
  assert_non_null(strstr(error.message, "refuses to sync"));
  khonsu_error_clear(&error);
  khonsu_txn_free(&txn);
  fault_storage_set_sync(&storage, KHONSU_OK);
  close_db(&db);
  db = open_over(&storage); /* a reopen asks the storage again what it has */
  assert_now(db, "a", "2");
  close_db(&db);
  fault_storage_fini(&storage);
}

/* A write whose outcome is unknown does the same. */
static void a_write_of_unknown_outcome_stops_the_store(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  put_text_now(db, "a", "1");
  fault_storage_set_write(&storage, KHONSU_IO, 0);
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "a", "2");
  MUST_BE(KHONSU_IN_DOUBT, khonsu_commit(txn, NULL, &err));
  MUST_BE(KHONSU_BAD_STATE, khonsu_abort(txn, &err));
  khonsu_txn_free(&txn);
  fault_storage_set_write(&storage, KHONSU_OK, 0);
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "b", "2");
  MUST_BE(KHONSU_UNAVAILABLE, khonsu_commit(txn, NULL, &err));
  khonsu_txn_free(&txn);
  assert_now(db, "a", "1");
  close_db(&db);
  fault_storage_fini(&storage);
}

/* Commits that arrive while a flush is under way share the next one. */
static void commits_share_flushes(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = open_over(&storage);
  fault_storage_hold(&storage, &storage.sync_gate, true);
  enum { THREADS = 12 };
  committer committers[THREADS];
  char key[16];
  start(&committers[0], db, "key0", "1", false);
  fault_storage_await(&storage, &storage.sync_gate);
  for (int i = 1; i < THREADS; i++) {
    snprintf(key, sizeof key, "key%d", i);
    start(&committers[i], db, key, "1", false);
  }
  for (;;) { /* until all are written and wait for the flusher */
    pthread_mutex_lock(&storage.mutex);
    bool all = storage.last_version >= stats_of(db).version + THREADS;
    pthread_mutex_unlock(&storage.mutex);
    if (all) break;
  }
  fault_storage_hold(&storage, &storage.sync_gate, false);
  for (int i = 0; i < THREADS; i++) assert_int_equal(finish(&committers[i]), KHONSU_OK);
  assert_true(storage.syncs <= 3);
  close_db(&db);
  fault_storage_fini(&storage);
}

static khonsu_status fail_open(void *ctx, khonsu_version *newest, khonsu_error *error) {
  (void)ctx, (void)newest;
  return khonsu_error_set(error, KHONSU_CORRUPT, "the test's storage is damaged");
}

static void a_storage_that_does_not_fit_is_refused(void **state) {
  (void)state;
  fault_storage storage;
  fault_storage_init(&storage);
  khonsu_db *db = NULL;
  khonsu_storage_ops ops = *fault_storage_ops();
  ops.abi = 99;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_open_with_storage(&ops, &storage, NULL, &db, &err));
  ops = *fault_storage_ops();
  ops.sync = NULL;
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_open_with_storage(&ops, &storage, NULL, &db, &err));
  ops = *fault_storage_ops();
  ops.open = fail_open;
  MUST_BE(KHONSU_CORRUPT, khonsu_open_with_storage(&ops, &storage, NULL, &db, &err));
  MUST_BE(KHONSU_INVALID_ARGUMENT, khonsu_open_with_storage(NULL, NULL, NULL, &db, &err));
  assert_null(db);
  fault_storage_fini(&storage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reopened_store_has_what_was_committed),
      cmocka_unit_test(tables_are_compressed_as_they_say),
      cmocka_unit_test(an_append_onto_a_cold_table_joins_it),
      cmocka_unit_test(old_snapshots_read_the_storage_at_their_version),
      cmocka_unit_test(scans_merge_memory_and_storage),
      cmocka_unit_test(a_storage_without_scan_says_so),
      cmocka_unit_test(a_full_storage_fails_the_commit_and_nothing_else),
      cmocka_unit_test(one_oversized_member_of_a_group_fails_alone),
      cmocka_unit_test(a_commit_is_invisible_until_it_is_flushed),
      cmocka_unit_test(a_failed_flush_stops_the_store),
      cmocka_unit_test(a_write_of_unknown_outcome_stops_the_store),
      cmocka_unit_test(commits_share_flushes),
      cmocka_unit_test(a_storage_that_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
