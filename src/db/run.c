/* run: the retry loop. After a conflict it waits a random time within a window that begins at what an attempt costs and
 * doubles with each conflict: long attempts spread out, short ones hardly wait, and N writers need O(N log N) attempts
 * and not O(N^2), as with a fixed pause. */
#include "db.h"

enum { DOUBLINGS_MAX = 8, SPIN_NS_MAX = 20000 };
#define WINDOW_NS_MAX UINT64_C(100000000)

typedef struct run_state {
  uint64_t began_ns, deadline_ns; /* deadline UINT64_MAX = none */
  uint64_t attempts;
  kh_prng prng;
} run_state;

static khonsu_status attempt(khonsu_db *db, const khonsu_txn_options *options, khonsu_body body, void *ctx,
                             khonsu_commit_info *info, khonsu_error *error) {
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(db, options, &txn, error);
  if (status != KHONSU_OK) return status;
  status = body(ctx, txn, error);
  if (status == KHONSU_OK) status = khonsu_commit(txn, info, error);
  khonsu_txn_free(&txn);
  return status;
}

static void pause_for(uint64_t wait_ns) {
  uint64_t until = kh_os_now_ns() + wait_ns;
  if (wait_ns <= SPIN_NS_MAX) {
    while (kh_os_now_ns() < until) kh_os_relax();
    return;
  }
  _Atomic uint32_t nobody_wakes = 0;
  for (uint64_t now = kh_os_now_ns(); now < until; now = kh_os_now_ns()) kh_os_wait(&nobody_wakes, 0, until - now);
}

/* False: the deadline has passed. */
static bool back_off(run_state *run, uint64_t cost_ns, uint64_t now) {
  if (now >= run->deadline_ns) return false;
  uint64_t doublings = run->attempts - 1 < DOUBLINGS_MAX ? run->attempts - 1 : DOUBLINGS_MAX;
  uint64_t window = cost_ns > WINDOW_NS_MAX >> doublings ? WINDOW_NS_MAX : cost_ns << doublings;
  uint64_t wait = window == 0 ? 0 : kh_prng_below(&run->prng, window);
  if (wait > run->deadline_ns - now) wait = run->deadline_ns - now;
  pause_for(wait);
  return kh_os_now_ns() < run->deadline_ns;
}

static khonsu_status out_of_time(const run_state *run, const khonsu_txn_options *options, khonsu_error *error) {
  return kh_error_restate(error, KHONSU_DEADLINE, "deadline_ms = %llu passed after %llu attempts; the last: %s",
                          (unsigned long long)options->deadline_ms, (unsigned long long)run->attempts,
                          error == NULL ? "" : error->message);
}

static void start(run_state *run, khonsu_db *db, const khonsu_txn_options *options) {
  uint64_t now = kh_os_now_ns(), deadline_ns;
  *run = (run_state){.began_ns = now,
                     .deadline_ns = UINT64_MAX,
                     .prng = {now ^ (uint64_t)(uintptr_t)run ^ db->partition.store.hash_seed}};
  if (options->deadline_ms == 0) return;
  if (__builtin_mul_overflow(options->deadline_ms, UINT64_C(1000000), &deadline_ns) ||
      __builtin_add_overflow(deadline_ns, now, &run->deadline_ns))
    run->deadline_ns = UINT64_MAX;
}

khonsu_status khonsu_run(khonsu_db *db, const khonsu_txn_options *options, khonsu_body body, void *ctx,
                         khonsu_commit_info *info, khonsu_error *error) {
  if (db == NULL || body == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db and body must not be NULL");
  khonsu_txn_options resolved;
  khonsu_status status = kh_txn_options_resolve(options, &db->partition.options, &resolved, error);
  if (status != KHONSU_OK) return status;
  if (resolved.snapshot != NULL && !resolved.read_only)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                            "a transaction that is tried again needs a new snapshot each time: only read-only ones can "
                            "run at a given one");
  run_state run;
  start(&run, db, &resolved);
  khonsu_commit_info committed = KHONSU_COMMIT_INFO_INIT, *outcome = info != NULL ? info : &committed;
  khonsu_commit_info_clear(outcome);
  for (uint64_t began = run.began_ns;; began = kh_os_now_ns()) {
    run.attempts++;
    status = attempt(db, &resolved, body, ctx, outcome, error);
    if (!khonsu_status_is(status, KHONSU_CLASS_CONFLICT)) break;
    uint64_t now = kh_os_now_ns();
    if (back_off(&run, now - began, now)) continue;
    status = out_of_time(&run, &resolved, error);
    break;
  }
  if (status == KHONSU_OK) khonsu_error_clear(error); /* of conflicts that were overcome */
  kh_commit_info_set_attempts(outcome, run.attempts);
  return status;
}
