/* A database in a directory on a real file system, killed at any moment. A child opens it, looks at all that is in it, commits
 * transactions of all kinds, and reads, from four threads, closes, opens again with other options, and so on until its
 * parent kills it, at a random time after it was seen to open, look, write or close; merges run all the while. The next child
 * finds what this one left.
 *
 * What must be there is known from memory that survives the child: each writer notes there what it is about to commit, and
 * the version it was told. So after a kill the database holds, to the byte, what the transactions that were acknowledged made
 * of what it held before, in the order of their versions, and whole ones of those that were under way, one of each writer at
 * most; versions have no holes, none comes twice, and whoever commits later gets a greater one; and tokens say the same of
 * what became of a transaction. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "db_check.h"
#include "folder.h"
#include "os/os.h"
#include "unit.h"

enum { STORE_LIFE = 60 /* cycles */, HISTORY = 1 << 12 };

/* ---- what survives the child */

typedef struct writer_notes {
  uint64_t number; /* of its newest transaction */
  _Atomic uint32_t count;
  db_txn txns[HISTORY]; /* since the state */
} writer_notes;

typedef enum phase { OPENING, LOOKING, WRITING, CLOSING, PHASES } phase;

typedef struct notes {
  writer_notes writers[DB_WRITERS];
  db_state states[2];
  _Atomic uint32_t current;  /* which of them is what was found last */
  _Atomic uint64_t greatest; /* version that was acknowledged, or found */
  _Atomic uint32_t phase;
  _Atomic uint64_t commits, openings, snapshots, merges, checks, found_under_way, lost_under_way;
  _Atomic bool complained;
  char complaint[DB_WHY];
} notes;

static notes *shared;

static _Noreturn void complain(const char *what, const char *why) {
  if (!atomic_exchange(&shared->complained, true))
    snprintf(shared->complaint, sizeof shared->complaint, "%.100s: %.450s", what, why);
  _exit(1);
}

static void must(khonsu_status status, const khonsu_error *error, const char *call) {
  char why[450];
  snprintf(why, sizeof why, "%s: %.400s", khonsu_status_name(status), error->message);
  if (status != KHONSU_OK) complain(call, why);
}

/* ---- looking */

/* A kill may come anywhere in here: what is in the new state already is passed over then, by its version. */
static void take_over(const db_state *found, uint64_t newest) {
  uint32_t next = 1 - atomic_load(&shared->current);
  shared->states[next] = *found;
  atomic_store(&shared->current, next);
  if (newest > shared->greatest) atomic_store(&shared->greatest, newest);
  for (unsigned i = 0; i < DB_WRITERS; i++) atomic_store(&shared->writers[i].count, 0);
}

static void look(khonsu_db *db) {
  static db_state found;
  static db_txn *txns[DB_WRITERS * HISTORY];
  db_history history = {
      &shared->states[atomic_load(&shared->current)], txns, 0, atomic_load(&shared->greatest), false, false};
  uint64_t under_way = 0, lost = 0;
  for (unsigned i = 0; i < DB_WRITERS; i++)
    for (uint32_t at = 0; at < atomic_load(&shared->writers[i].count); at++) {
      db_txn *txn = &shared->writers[i].txns[at];
      txns[history.count++] = txn;
      under_way += txn->fate == DB_UNDER_WAY;
      lost -= txn->fate == DB_REFUSED; /* is known already */
    }
  char why[DB_WHY] = "";
  if (!db_recovered(db, &history, &found, why)) complain("after opening", why);
  for (size_t i = 0; i < history.count; i++) lost += txns[i]->fate == DB_REFUSED;
  shared->found_under_way += under_way - lost;
  shared->lost_under_way += lost;
  take_over(&found, found.version);
}

/* Beside the process that has it open, as it is after the recovery: no chunk is there that belongs to no table. */
static void check(const char *folder) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_check_result result = KHONSU_CHECK_RESULT_INIT;
  must(khonsu_check(folder, NULL, &result, &error), &error, "khonsu_check");
  shared->checks++;
}

/* ---- writing */

typedef struct worker {
  unsigned number;
  khonsu_db *db;
  kh_prng prng;
  const _Atomic bool *ends;
} worker;

static bool has_room(const worker *w) { return atomic_load(&shared->writers[w->number].count) < HISTORY; }

static void raise_greatest(uint64_t version) {
  uint64_t seen = atomic_load(&shared->greatest);
  while (seen < version && !atomic_compare_exchange_weak(&shared->greatest, &seen, version)) continue;
}

static void wait_for_sync(worker *w, const khonsu_txn_options *how, khonsu_version version) {
  khonsu_error error = KHONSU_ERROR_INIT;
  if (how->durability == KHONSU_ASYNC && kh_prng_below(&w->prng, 2) == 0)
    must(khonsu_sync_wait(w->db, version, &error), &error, "khonsu_sync_wait");
}

/* The token's commit has been: nothing is done. */
static void commit_again(worker *w, db_txn *txn) {
  khonsu_txn_options how = db_txn_how(txn);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  must(khonsu_run(w->db, &how, db_txn_body, txn, &info, &error), &error, "khonsu_run, again");
  khonsu_error_clear(&error);
  if (!info.repeated || info.version != txn->version) complain("a token", "let a transaction commit twice");
}

static void commit_one(worker *w) {
  writer_notes *own = &shared->writers[w->number];
  uint32_t at = atomic_load(&own->count);
  db_txn *txn = &own->txns[at];
  *txn = (db_txn){.seed = kh_prng_next(&w->prng), .number = ++own->number, .writer = w->number};
  if (kh_prng_below(&w->prng, 4) == 0) khonsu_token_new(&txn->token);
  atomic_store(&txn->fate, DB_UNDER_WAY);
  atomic_store(&own->count, at + 1);
  uint64_t before = atomic_load(&shared->greatest);
  khonsu_txn_options how = db_txn_how(txn);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  must(khonsu_run(w->db, &how, db_txn_body, txn, &info, &error), &error, "khonsu_run");
  khonsu_error_clear(&error);
  txn->version = info.version;
  atomic_store(&txn->fate, DB_COMMITTED);
  if (info.version <= before) complain("a version", "is not greater than one that was acknowledged before");
  raise_greatest(info.version);
  shared->commits++;
  wait_for_sync(w, &how, info.version);
  if (how.token != NULL && kh_prng_below(&w->prng, 8) == 0) commit_again(w, txn);
}

static void read_some(worker *w) {
  char why[DB_WHY] = "";
  if (!db_is_consistent(w->db, &w->prng, why)) complain("while it is written to", why);
  shared->snapshots++;
}

static void merge(worker *w) {
  khonsu_merge_options options = KHONSU_MERGE_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  options.threshold = 0.3;
  khonsu_status status = khonsu_merge(w->db, &options, &error);
  if (status != KHONSU_MERGE_RUNNING) must(status, &error, "khonsu_merge");
  khonsu_error_clear(&error);
  shared->merges++;
}

static void *work(void *ctx) {
  worker *w = ctx;
  while (!atomic_load(w->ends) && has_room(w)) {
    uint64_t step = kh_prng_below(&w->prng, 64);
    if (step < 8) read_some(w);
    else if (step == 8) merge(w);
    else commit_one(w);
  }
  return NULL;
}

static void write_for_a_while(khonsu_db *db, kh_prng *prng) {
  pthread_t threads[DB_WRITERS];
  worker workers[DB_WRITERS];
  _Atomic bool ends = false;
  for (unsigned i = 0; i < DB_WRITERS; i++) {
    workers[i] = (worker){i, db, {kh_prng_next(prng)}, &ends};
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) complain("thread", "cannot be made");
  }
  usleep((useconds_t)kh_prng_below(prng, 10000));
  atomic_store(&ends, true);
  for (unsigned i = 0; i < DB_WRITERS; i++) pthread_join(threads[i], NULL);
}

/* ---- the child */

static khonsu_db *open_somehow(const char *folder, kh_prng *prng) {
  static const unsigned sizes[] = {8192, 65536, 262144, 1 << 20};
  static const char *const indexes[] = {"hash", "btree", "skiplist"};
  char storage[300];
  snprintf(storage, sizeof storage,
           "data_file_size=%u,index_type=%s,mmap_at_startup=%s,background=%s,merge_reserve=%u,bytes_per_sync=%u,"
           "merge_idle_ms=%u,file_merge_threshold=0.3,merge_busy_threshold=0.5",
           sizes[kh_prng_below(prng, 4)], indexes[kh_prng_below(prng, 3)], kh_prng_below(prng, 4) ? "true" : "false",
           kh_prng_below(prng, 4) ? "true" : "false", (unsigned)kh_prng_below(prng, 2) * 65536,
           (unsigned)kh_prng_below(prng, 2) * 20000, (unsigned)kh_prng_below(prng, 4));
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_db *db = NULL;
  options.storage = storage;
  options.durability = (khonsu_durability)kh_prng_below(prng, 4);
  if (kh_prng_below(prng, 2) == 0) options.memory_bytes_max = 1 << 20; /* so that much is forgotten, and read again */
  must(khonsu_open(folder, &options, &db, &error), &error, "khonsu_open");
  return db;
}

/* Until it is killed. */
static _Noreturn void live(const char *folder, uint64_t seed) {
  kh_prng prng = {seed};
  for (;;) {
    khonsu_error error = KHONSU_ERROR_INIT;
    atomic_store(&shared->phase, OPENING);
    khonsu_db *db = open_somehow(folder, &prng);
    shared->openings++;
    atomic_store(&shared->phase, LOOKING);
    look(db);
    if (kh_prng_below(&prng, 8) == 0) check(folder);
    if (kh_prng_below(&prng, 2) == 0) { /* what was looked at is in memory: let it be cold */
      must(khonsu_close(&db, &error), &error, "khonsu_close");
      db = open_somehow(folder, &prng);
    }
    atomic_store(&shared->phase, WRITING);
    write_for_a_while(db, &prng);
    atomic_store(&shared->phase, CLOSING);
    must(khonsu_close(&db, &error), &error, "khonsu_close");
  }
}

/* ---- the parent */

/* Returns as soon as the child has come so far, and a little later; at the latest when it should have. */
static void wait_for(uint32_t target, kh_prng *prng) {
  uint64_t patience_ns = (UNIT_SANITIZED ? UINT64_C(500) : 50) * 1000000, begun = kh_os_now_ns();
  while (atomic_load(&shared->phase) != target && kh_os_now_ns() - begun < patience_ns) usleep(20);
  uint64_t later_us = kh_prng_below(prng, target == WRITING ? 8000 : 400);
  if (kh_prng_below(prng, 4) != 0) usleep((useconds_t)later_us);
}

static void run_once(const char *folder, kh_prng *prng, uint64_t killed[PHASES]) {
  uint64_t seed = kh_prng_next(prng);
  shared->phase = OPENING;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) live(folder, seed);
  wait_for((uint32_t)kh_prng_below(prng, PHASES), prng);
  kill(child, SIGKILL);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    print_error("%s: %s (status %#x, options of seed %#llx)\n", folder, shared->complaint, status,
                (unsigned long long)seed);
    fail();
  }
  killed[atomic_load(&shared->phase)]++;
}

static void begin_store(char folder[FOLDER_PATH_SIZE]) {
  if (folder[0] != '\0') folder_remove(folder);
  memset(shared->writers, 0, sizeof shared->writers);
  shared->states[0] = (db_state){.version = 0};
  shared->current = 0;
  shared->greatest = 0;
  folder_make(folder);
}

static void killed_at_any_moment(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  uint64_t cycles = unit_steps(unit_size(1000), 100000), killed[PHASES] = {0}, begun = kh_os_now_ns();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  folders_in(unit_folder_in_memory());
  char folder[FOLDER_PATH_SIZE] = "";
  for (uint64_t cycle = 0; cycle < cycles; cycle++) {
    if (cycle % STORE_LIFE == 0) begin_store(folder);
    run_once(folder, &prng, killed);
  }
  folder_remove(folder);
  print_message("%llu kills: %llu opening, %llu looking, %llu writing, %llu closing\n", (unsigned long long)cycles,
                (unsigned long long)killed[OPENING], (unsigned long long)killed[LOOKING],
                (unsigned long long)killed[WRITING], (unsigned long long)killed[CLOSING]);
  print_message(
      "%llu openings, %llu commits, %llu merges, %llu snapshots, %llu checks; of commits under way %llu were there and "
      "%llu not; %llu s\n",
      (unsigned long long)shared->openings, (unsigned long long)shared->commits, (unsigned long long)shared->merges,
      (unsigned long long)shared->snapshots, (unsigned long long)shared->checks,
      (unsigned long long)shared->found_under_way, (unsigned long long)shared->lost_under_way,
      (unsigned long long)((kh_os_now_ns() - begun) / UINT64_C(1000000000)));
  assert_true(shared->commits > 0 && shared->snapshots > 0);
  munmap(shared, sizeof *shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
