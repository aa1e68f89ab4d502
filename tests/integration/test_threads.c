/* Threads hammer one store. The invariants are such that a lost, torn or doubled commit breaks them. Meant above all
 * for ThreadSanitizer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "support.h"

enum { ACCOUNTS = 8, WRITERS = 4, READERS = 2 };

typedef struct shared {
  khonsu_db *db;
  khonsu_isolation level;
  uint64_t seed, transfers;
  _Atomic int writers_left;
  _Atomic uint64_t attempts, checks;
} shared;

typedef struct worker {
  shared *common;
  int number;
  kh_prng prng;
  pthread_t thread;
} worker;

static int64_t read_account(khonsu_txn *txn, int account) {
  char key[16], value[64];
  snprintf(key, sizeof key, "account%d", account);
  assert_true(get_text(txn, key, value));
  return strtoll(value, NULL, 10);
}

static void write_account(khonsu_txn *txn, int account, int64_t amount) {
  char key[16], value[32];
  snprintf(key, sizeof key, "account%d", account);
  snprintf(value, sizeof value, "%lld", (long long)amount);
  put_text(txn, key, value);
}

/* Moves money, logs the transfer by a blind append. */
static khonsu_status transfer(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  (void)error;
  worker *w = ctx;
  int from = (int)kh_prng_below(&w->prng, ACCOUNTS), to = (int)kh_prng_below(&w->prng, ACCOUNTS - 1);
  if (to >= from) to++;
  int64_t amount = (int64_t)kh_prng_below(&w->prng, 10), has = read_account(txn, from);
  write_account(txn, to, read_account(txn, to) + amount);
  write_account(txn, from, has - amount);
  append_ids(txn, "log", amount, 1);
  return KHONSU_OK;
}

static void *run_writer(void *ctx) {
  worker *w = ctx;
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = w->common->level;
  for (uint64_t i = 0; i < w->common->transfers; i++) {
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    MUST(khonsu_run(w->common->db, &options, transfer, w, &info, &err));
    atomic_fetch_add(&w->common->attempts, info.attempts);
  }
  atomic_fetch_sub(&w->common->writers_left, 1);
  return NULL;
}

/* At one snapshot the sum is what it always was, and stays so when read again. */
static void *run_reader(void *ctx) {
  worker *w = ctx;
  while (atomic_load(&w->common->writers_left) > 0) {
    khonsu_txn *txn = begin_read_only(w->common->db);
    int64_t sums[2] = {0, 0}, ignored;
    uint64_t rows[2];
    for (int pass = 0; pass < 2; pass++) {
      for (int account = 0; account < ACCOUNTS; account++) sums[pass] += read_account(txn, account);
      sum_table(txn, "log", &ignored, &rows[pass]);
    }
    assert_int_equal(sums[0], ACCOUNTS * 1000);
    assert_int_equal(sums[1], ACCOUNTS * 1000);
    assert_int_equal(rows[0], rows[1]);
    commit_and_free(&txn);
    atomic_fetch_add(&w->common->checks, 1);
  }
  return NULL;
}

static void hammer(khonsu_isolation level) {
  shared common = {.db = open_memory(), .level = level, .seed = test_seed(), .transfers = test_steps(500, 50000)};
  atomic_store(&common.writers_left, WRITERS);
  khonsu_txn *txn = begin_at(common.db, KHONSU_SERIALIZABLE);
  for (int account = 0; account < ACCOUNTS; account++) write_account(txn, account, 1000);
  commit_and_free(&txn);
  worker workers[WRITERS + READERS];
  for (int i = 0; i < WRITERS + READERS; i++) {
    workers[i] = (worker){.common = &common, .number = i, .prng = {common.seed + (uint64_t)i}};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, i < WRITERS ? run_writer : run_reader, &workers[i]), 0);
  }
  for (int i = 0; i < WRITERS + READERS; i++) pthread_join(workers[i].thread, NULL);
  txn = begin_read_only(common.db);
  int64_t sum = 0, ignored;
  uint64_t rows;
  for (int account = 0; account < ACCOUNTS; account++) sum += read_account(txn, account);
  assert_int_equal(sum, ACCOUNTS * 1000);
  sum_table(txn, "log", &ignored, &rows);
  assert_int_equal(rows, WRITERS * common.transfers); /* no append lost, none doubled by a retry */
  khonsu_txn_free(&txn);
  khonsu_stats stats = stats_of(common.db);
  assert_int_equal(stats.commits, WRITERS * common.transfers + 1);
  assert_int_equal(stats.commits - 1 + stats.conflicts, atomic_load(&common.attempts));
  print_message("level %d: %llu commits, %llu conflicts, %llu groups, %llu checks\n", (int)level,
                (unsigned long long)stats.commits, (unsigned long long)stats.conflicts,
                (unsigned long long)stats.groups, (unsigned long long)atomic_load(&common.checks));
  close_db(&common.db);
}

static void transfers_keep_the_sum_at_every_level(void **state) {
  (void)state;
  for (int level = KHONSU_READ_COMMITTED; level <= KHONSU_SERIALIZABLE; level++) hammer((khonsu_isolation)level);
}

/* Keys come and go while others look for them: the index and the records are reclaimed under readers' eyes. */
static void *churn(void *ctx) {
  worker *w = ctx;
  uint64_t steps = test_steps(4000, 400000);
  for (uint64_t i = 0; i < steps; i++) {
    char key[32], value[64];
    snprintf(key, sizeof key, "churn%llu", (unsigned long long)kh_prng_below(&w->prng, 500));
    khonsu_txn *txn = begin_at(w->common->db, KHONSU_READ_COMMITTED);
    uint64_t dice = kh_prng_below(&w->prng, 3);
    if (dice == 0) put_text(txn, key, key);
    else if (dice == 1) MUST(khonsu_delete(txn, khonsu_key(key), &err));
    else if (get_text(txn, key, value)) assert_string_equal(key, value);
    commit_and_free(&txn);
  }
  return NULL;
}

static void keys_come_and_go_under_readers(void **state) {
  (void)state;
  shared common = {.db = open_memory(), .seed = test_seed()};
  worker workers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    workers[i] = (worker){.common = &common, .number = i, .prng = {common.seed + (uint64_t)i}};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, churn, &workers[i]), 0);
  }
  for (int i = 0; i < WRITERS; i++) pthread_join(workers[i].thread, NULL);
  assert_true(stats_of(common.db).records <= 500 + 512);
  close_db(&common.db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transfers_keep_the_sum_at_every_level),
      cmocka_unit_test(keys_come_and_go_under_readers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
