/* A database on a disk that fails: in a scenario of random steps every call of the operating system is made to fail in turn,
 * once and from then on. A transaction that is refused was not done, one that is acknowledged was; a full disk refuses and
 * the database goes on; where the outcome is unknown one transaction is in doubt, the next are refused as UNAVAILABLE, and
 * reads go on. When the disk works again the database opens, holds what it must, and goes on; after a power loss, too.
 *
 * And a disk that is full now and then, under four threads: what does not fit fails alone, and all else is committed. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "db_run.h"
#include "fault_kinds.h"
#include "fixed_world.h"
#include "os_fault.h"
#include "sim_disk.h"
#include "unit.h"

enum { STEPS = 40 };

static const fault_kind kinds[] = {FAULT_KINDS(3000)};

typedef struct scenario {
  sim_disk *disk;
  kh_os_fault fault;
  db_run run;
  sim_loss loss;
} scenario;

static sim_disk *new_disk(void) {
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  assert_int_equal(KH_OS_CALL(sim_disk_os(disk), make_directory, "/db"), 0);
  sim_disk_settle(disk);
  return disk;
}

/* What a failed flush has lost is not sought after by trying again: the scenario ends there, as the database's life does. */
static void play(scenario *s, uint64_t seed, const fault_kind *kind, uint64_t fail_at) {
  fixed_world_begin(seed);
  s->disk = new_disk();
  kh_os_fault_init(&s->fault, sim_disk_os(s->disk));
  db_run_init(&s->run, &s->fault.os, "/db", seed);
  s->run.may_fail = fail_at > 0;
  s->loss = (sim_loss){.disk = s->disk, .prng = {seed}, .kept = kind->kept};
  kh_os_fault_plan(&s->fault, (kh_os_plan){.operation = kind->operation,
                                           .fail_at = fail_at,
                                           .from_then_on = kind->from_then_on,
                                           .error = kind->error,
                                           .partial = kind->partial,
                                           .failing = kind->loses ? sim_disk_fail_sync : NULL,
                                           .failing_ctx = &s->loss});
  for (int step = 0; step < STEPS && !(kind->loses && s->fault.failed > 0); step++) db_run_step(&s->run);
  db_run_close(&s->run);
}

static void forget(scenario *s) {
  db_run_fini(&s->run);
  sim_disk_free(&s->disk);
}

static void must(bool right, const char *what, const char *why, uint64_t seed, const fault_kind *kind, uint64_t n) {
  if (!right)
    fail_msg("seed %#llx, %s, call %llu: %s: %s", (unsigned long long)seed, kind->name, (unsigned long long)n, what,
             why);
}

/* How many calls of the kind there are. */
static uint64_t count_calls(uint64_t seed, const fault_kind *kind) {
  scenario s;
  play(&s, seed, kind, 0);
  must(s.run.complaint[0] == '\0', "without faults", s.run.complaint, seed, kind, 0);
  uint64_t calls = s.fault.calls[kind->operation];
  forget(&s);
  return calls;
}

typedef struct totals {
  uint64_t runs, refused, doubts;
} totals;

static void fail_call(uint64_t seed, const fault_kind *kind, uint64_t n, totals *all) {
  scenario s;
  char why[DB_WHY], text[160] = "after a power loss, ";
  play(&s, seed, kind, n);
  must(s.run.complaint[0] == '\0', "while it fails", s.run.complaint, seed, kind, n);
  must(sim_disk_stray_stores(s.disk) == 0, "on the disk", "stores to where there is no space", seed, kind, n);
  all->runs++;
  all->refused += s.run.refused;
  all->doubts += s.run.doubts;

  kh_prng prng = {seed ^ n};
  sim_policy policy = sim_policy_random(&prng);
  sim_policy_text(&policy, text + strlen(text));
  sim_disk *crashed = sim_disk_crash(s.disk, &prng, &policy), *killed = sim_disk_kill(s.disk);
  must(db_run_check(&s.run, crashed, true, true, why), text, why, seed, kind, n);
  must(db_run_check(&s.run, killed, false, true, why), "afterwards", why, seed, kind, n);
  sim_disk_free(&killed);
  sim_disk_free(&crashed);
  forget(&s);
}

/* Drawn from the seed of the run; KHONSU_CRASH_AT=<seed> gives one scenario alone. */
static uint64_t scenario_seed(kh_prng *prng, uint64_t *scenarios) {
  const char *given = getenv("KHONSU_CRASH_AT");
  if (given == NULL) return kh_prng_next(prng);
  *scenarios = 1;
  return strtoull(given, NULL, 0);
}

/* In a soak each call, else some, of more scenarios. */
static void every_call_fails_in_turn(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  totals all = {0, 0, 0};
  uint64_t one_of = unit_steps(UNIT_SANITIZED ? 31 : 6, 1);
  for (uint64_t scenarios = unit_steps(2, 2000); scenarios > 0; scenarios--) {
    uint64_t seed = scenario_seed(&prng, &scenarios);
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
      uint64_t calls = count_calls(seed, &kinds[kind]);
      for (uint64_t n = 1 + kh_prng_below(&prng, one_of); n <= calls; n += one_of)
        fail_call(seed, &kinds[kind], n, &all);
    }
  }
  print_message("%llu runs, %llu transactions were refused, %llu in doubt\n", (unsigned long long)all.runs,
                (unsigned long long)all.refused, (unsigned long long)all.doubts);
  assert_true(all.refused > 0 && all.doubts > 0);
}

/* ---- a full disk */

enum { WRITES = DB_TXNS_MAX / DB_WRITERS };

typedef struct writer {
  unsigned number;
  khonsu_db *db;
  sim_disk *disk;
  kh_prng prng;
  db_txn txns[WRITES];
  uint64_t refused;
  char complaint[DB_WHY];
} writer;

static void write_one(writer *w, db_txn *txn) {
  khonsu_txn_options how = db_txn_how(txn);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_run(w->db, &how, db_txn_body, txn, &info, &error);
  txn->version = info.version;
  txn->fate = status == KHONSU_OK ? (uint32_t)DB_COMMITTED : (uint32_t)DB_REFUSED;
  w->refused += status == KHONSU_STORAGE_FULL;
  if (status != KHONSU_OK && status != KHONSU_STORAGE_FULL && w->complaint[0] == '\0')
    snprintf(w->complaint, DB_WHY, "%s: %.400s", khonsu_status_name(status), error.message);
  khonsu_error_clear(&error);
}

/* Room comes and goes; some transactions are so large that they seldom find it. At the end there is room. */
static void *write_on(void *ctx) {
  writer *w = ctx;
  for (unsigned i = 0; i < WRITES; i++) {
    uint64_t capacity = i + 1 == WRITES ? UINT64_C(1) << 40 : (1 + kh_prng_below(&w->prng, 12)) * 40000;
    if (i + 1 == WRITES || kh_prng_below(&w->prng, 8) == 0) sim_disk_set_capacity(w->disk, capacity);
    w->txns[i] = (db_txn){
        .seed = kh_prng_next(&w->prng), .number = i + 1, .writer = w->number, .small = kh_prng_below(&w->prng, 8) != 0};
    write_one(w, &w->txns[i]);
  }
  return NULL;
}

static void write_from_threads(writer writers[DB_WRITERS], khonsu_db *db, sim_disk *disk, kh_prng *prng) {
  pthread_t threads[DB_WRITERS];
  for (unsigned i = 0; i < DB_WRITERS; i++) {
    writers[i] = (writer){.number = i, .db = db, .disk = disk, .prng = {kh_prng_next(prng)}};
    assert_int_equal(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
  }
  for (unsigned i = 0; i < DB_WRITERS; i++) pthread_join(threads[i], NULL);
}

/* What the run has to hold then. */
static void note_all(db_run *run, const writer writers[DB_WRITERS], uint64_t *refused) {
  for (unsigned i = 0; i < DB_WRITERS; i++) {
    if (writers[i].complaint[0] != '\0') fail_msg("%s", writers[i].complaint);
    memcpy(run->txns + i * WRITES, writers[i].txns, sizeof writers[i].txns);
    *refused += writers[i].refused;
  }
  run->count = DB_TXNS_MAX;
  run->may_fail = true; /* versions may be used up */
  for (size_t i = 0; i < run->count; i++)
    if (run->txns[i].version > run->acknowledged) run->acknowledged = run->txns[i].version;
}

static void a_full_disk_refuses_what_does_not_fit(void **state) {
  (void)state;
  static writer writers[DB_WRITERS];
  kh_prng prng = {unit_fixed_seed()};
  uint64_t refused = 0, committed = 0;
  for (uint64_t scenarios = unit_steps(unit_size(10), 10000); scenarios > 0; scenarios--) {
    sim_disk *disk = new_disk();
    db_run run;
    khonsu_db *db = NULL;
    flashkv *store;
    khonsu_error error = KHONSU_ERROR_INIT;
    char why[DB_WHY];
    db_run_init(&run, sim_disk_os(disk), "/db", kh_prng_next(&prng));
    run.options.background = kh_prng_below(&prng, 2);
    run.options.merge_idle_ms = 0;
    if (db_run_open_on(&run, run.os, &db, &store, &error) != KHONSU_OK) fail_msg("%s", error.message);
    write_from_threads(writers, db, disk, &prng);
    note_all(&run, writers, &refused);
    for (size_t i = 0; i < run.count; i++) committed += run.txns[i].fate == DB_COMMITTED;
    sim_disk *killed = sim_disk_kill(disk);
    if (!db_run_check(&run, killed, false, true, why)) fail_msg("killed: %s", why);
    if (khonsu_close(&db, &error) != KHONSU_OK) fail_msg("%s", error.message);
    if (!db_run_check(&run, disk, false, true, why)) fail_msg("closed: %s", why);
    assert_int_equal(sim_disk_stray_stores(disk), 0);
    sim_disk_free(&killed);
    db_run_fini(&run);
    sim_disk_free(&disk);
  }
  print_message("%llu transactions were committed, %llu refused\n", (unsigned long long)committed,
                (unsigned long long)refused);
  assert_true(refused > 0 && committed > refused);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_fails_in_turn),
      cmocka_unit_test(a_full_disk_refuses_what_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
