/* Threads upsert rows by key into one table, at every level, while others read it. The rows of a commit tell who wrote
 * them and when, so that a lost, torn, doubled or reordered upsert shows: no key comes twice, the two keys of a pair are of
 * one commit, no row is newer than the last commit of its writer, and none of what a reader sees grows older. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "support.h"

enum { PAIRS = 8, WRITERS = 4, READERS = 2, KEYS = 2 * PAIRS + WRITERS, COLUMNS = 3 };

static const char *const names[COLUMNS] = {"k", "writer", "step"};

typedef enum mixture { BLIND, BLIND_AND_READING } mixture;

typedef struct shared {
  khonsu_db *db;
  khonsu_isolation level;
  mixture mixture;
  uint64_t steps;
  pthread_barrier_t begin;
  _Atomic int writers_left;
  _Atomic uint64_t checks;
} shared;

typedef struct worker {
  shared *common;
  int64_t number, step;
  kh_prng prng;
  uint64_t attempts;
  pthread_t thread;
} worker;

/* ---- what is written: a pair, and the row of the writer */

static int64_t key_of_writer(int64_t writer) { return 2 * PAIRS + writer; }

static void make_rows(struct ArrowSchema *schema, struct ArrowArray *batch, const worker *w, int64_t pair,
                      int64_t step) {
  const int64_t keys[] = {2 * pair, 2 * pair + 1, key_of_writer(w->number)};
  const int64_t writers[] = {w->number, w->number, w->number}, steps[] = {step, step, step};
  make_batch(schema, batch, COLUMNS, names, 3, (const int64_t *const[]){keys, writers, steps});
}

static khonsu_status append_rows(khonsu_txn *txn, const worker *w, int64_t pair, int64_t step, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(&schema, &batch, w, pair, step);
  return khonsu_append_batch(txn, KHONSU_KEY("t"), &schema, &batch, error);
}

/* Several in one transaction: the last stands, the others must not be seen. */
static khonsu_status upsert_blindly(worker *w, khonsu_txn *txn, khonsu_error *error) {
  int64_t pair = (int64_t)kh_prng_below(&w->prng, PAIRS);
  khonsu_status status = khonsu_set_key_columns(txn, names, 1, error);
  for (uint64_t more = kh_prng_below(&w->prng, 4); more > 0 && status == KHONSU_OK; more--)
    status = append_rows(txn, w, pair, -1, error);
  return status == KHONSU_OK ? append_rows(txn, w, pair, w->step, error) : status;
}

static khonsu_status upsert_reading(worker *w, khonsu_txn *txn, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  uint64_t inserted = 0, updated = 0;
  make_rows(&schema, &batch, w, (int64_t)kh_prng_below(&w->prng, PAIRS), w->step);
  khonsu_status status =
      khonsu_upsert_batch(txn, KHONSU_KEY("t"), &schema, &batch, names, 1, &inserted, &updated, error);
  if (status == KHONSU_OK) assert_int_equal(inserted + updated, 3);
  return status;
}

/* Both rows of a pair go, if they are there; the writer's row stays as a witness. */
static khonsu_status delete_pair(worker *w, khonsu_txn *txn, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray keys;
  uint64_t deleted = 0;
  khonsu_status status = upsert_reading(w, txn, error);
  if (status != KHONSU_OK) return status;
  int64_t pair = (int64_t)kh_prng_below(&w->prng, PAIRS);
  make_batch(&schema, &keys, 1, names, 2, (const int64_t *const[]){(const int64_t[]){2 * pair, 2 * pair + 1}});
  status = khonsu_delete_rows_batch(txn, KHONSU_KEY("t"), &schema, &keys, &deleted, error);
  if (status == KHONSU_OK) assert_true(deleted == 0 || deleted == 2);
  return status;
}

/* Others are let in between the writing and the commit. */
static khonsu_status write_once(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  worker *w = ctx;
  uint64_t dice = w->common->mixture == BLIND ? 0 : kh_prng_below(&w->prng, 4);
  khonsu_status status = dice < 2    ? upsert_blindly(w, txn, error)
                         : dice == 2 ? upsert_reading(w, txn, error)
                                     : delete_pair(w, txn, error);
  for (uint64_t yields = kh_prng_below(&w->prng, 3); yields > 0; yields--) sched_yield();
  return status;
}

static void *run_writer(void *ctx) {
  worker *w = ctx;
  pthread_barrier_wait(&w->common->begin);
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = w->common->level;
  for (w->step = 1; w->step <= (int64_t)w->common->steps; w->step++) {
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    MUST(khonsu_run(w->common->db, &options, write_once, w, &info, &err));
    w->attempts += info.attempts;
  }
  atomic_fetch_sub(&w->common->writers_left, 1);
  return NULL;
}

/* ---- what is read */

typedef struct sight {
  int64_t writer[KEYS], step[KEYS]; /* of each key; step 0: it is not there */
} sight;

static const int64_t *column(const struct ArrowArray *batch, int index) {
  return (const int64_t *)batch->children[index]->buffers[1] + batch->children[index]->offset;
}

static void take_row(sight *seen, int64_t key, int64_t writer, int64_t step) {
  assert_in_range(key, 0, KEYS - 1);
  assert_in_range(writer, 0, WRITERS - 1);
  assert_int_equal(seen->step[key], 0); /* it comes once */
  assert_true(step > 0);
  seen->writer[key] = writer;
  seen->step[key] = step;
}

static void look(khonsu_txn *txn, sight *seen) {
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  memset(seen, 0, sizeof *seen);
  khonsu_status status = khonsu_get(txn, KHONSU_KEY("t"), &stream, NULL);
  if (status == KHONSU_NOT_FOUND) return;
  assert_int_equal(status, KHONSU_OK);
  for (;;) {
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    if (batch.release == NULL) break;
    for (int64_t row = 0; row < batch.length; row++)
      take_row(seen, column(&batch, 0)[row], column(&batch, 1)[row], column(&batch, 2)[row]);
    batch.release(&batch);
  }
  stream.release(&stream);
}

static void check(const sight *seen, const sight *before) {
  for (int pair = 0; pair < PAIRS; pair++) {
    int64_t one = 2 * pair, other = one + 1;
    assert_int_equal(seen->step[one], seen->step[other]);
    if (seen->step[one] == 0) continue;
    assert_int_equal(seen->writer[one], seen->writer[other]);
    assert_true(seen->step[one] <= seen->step[key_of_writer(seen->writer[one])]);
    bool is_of_same = before->step[one] != 0 && before->writer[one] == seen->writer[one];
    if (is_of_same) assert_true(seen->step[one] >= before->step[one]);
  }
  for (int writer = 0; writer < WRITERS; writer++)
    assert_true(seen->step[key_of_writer(writer)] >= before->step[key_of_writer(writer)]);
}

static void *run_reader(void *ctx) {
  worker *w = ctx;
  sight seen, again, before = {.step = {0}};
  pthread_barrier_wait(&w->common->begin);
  while (atomic_load(&w->common->writers_left) > 0) {
    khonsu_txn *txn = begin_read_only(w->common->db);
    look(txn, &seen);
    check(&seen, &before);
    look(txn, &again);
    assert_memory_equal(&seen, &again, sizeof seen);
    commit_and_free(&txn);
    before = seen;
    atomic_fetch_add(&w->common->checks, 1);
    sched_yield();
  }
  return NULL;
}

/* ---- all of them */

static void hammer(khonsu_isolation level, mixture mixed) {
  shared common = {.db = open_memory(), .level = level, .mixture = mixed, .steps = test_steps(200, 20000)};
  uint64_t seed = test_seed(), attempts = 0;
  atomic_store(&common.writers_left, WRITERS);
  assert_int_equal(pthread_barrier_init(&common.begin, NULL, WRITERS + READERS), 0);
  worker workers[WRITERS + READERS];
  for (int i = 0; i < WRITERS + READERS; i++) {
    workers[i] = (worker){.common = &common, .number = i, .prng = {seed + (uint64_t)i}};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, i < WRITERS ? run_writer : run_reader, &workers[i]), 0);
  }
  for (int i = 0; i < WRITERS + READERS; i++) {
    pthread_join(workers[i].thread, NULL);
    attempts += workers[i].attempts;
  }
  khonsu_txn *txn = begin_read_only(common.db);
  sight seen, nothing = {.step = {0}};
  look(txn, &seen);
  check(&seen, &nothing);
  for (int writer = 0; writer < WRITERS; writer++)
    assert_int_equal(seen.step[key_of_writer(writer)], common.steps); /* none was lost */
  khonsu_txn_free(&txn);
  khonsu_stats stats = stats_of(common.db);
  assert_int_equal(stats.commits, WRITERS * common.steps);
  assert_int_equal(stats.commits + stats.conflicts, attempts);
  if (mixed == BLIND) assert_int_equal(stats.conflicts, 0);
  print_message("level %d: %llu conflicts, %llu groups, %llu checks\n", (int)level, (unsigned long long)stats.conflicts,
                (unsigned long long)stats.groups, (unsigned long long)atomic_load(&common.checks));
  pthread_barrier_destroy(&common.begin);
  close_db(&common.db);
}

static void blind_upserts_all_stand(void **state) {
  (void)state;
  for (int level = KHONSU_READ_COMMITTED; level <= KHONSU_SERIALIZABLE; level++) hammer((khonsu_isolation)level, BLIND);
}

static void blind_ones_among_others(void **state) {
  (void)state;
  for (int level = KHONSU_READ_COMMITTED; level <= KHONSU_SERIALIZABLE; level++)
    hammer((khonsu_isolation)level, BLIND_AND_READING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blind_upserts_all_stand),
      cmocka_unit_test(blind_ones_among_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
