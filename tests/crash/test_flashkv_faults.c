/* flashkv on a disk that fails: in a scenario of random steps every call of the operating system is made to fail in turn,
 * once and from then on. Whatever is refused was not done, whatever is answered was; nothing that is read is wrong. When
 * the disk works again the store opens, holds what it must, and goes on; after a power loss, too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault_kinds.h"
#include "fixed_world.h"
#include "kv_run.h"
#include "os_fault.h"
#include "sim_disk.h"
#include "unit.h"

enum { STEPS = 50 };

static const fault_kind kinds[] = {FAULT_KINDS(5000)};

typedef struct scenario {
  sim_disk *disk;
  kh_os_fault fault;
  kv_run run;
  sim_loss loss;
} scenario;

/* So that it is durable, which is its parent's affair. */
static void make_store_directory(sim_disk *disk) {
  assert_int_equal(KH_OS_CALL(sim_disk_os(disk), make_directory, "/store"), 0);
  sim_disk_settle(disk);
}

/* What a failed flush has lost is not sought after by trying again: the scenario ends there, as the store's life does. */
static void play(scenario *s, uint64_t seed, const fault_kind *kind, uint64_t fail_at) {
  fixed_world_begin(seed);
  s->disk = sim_disk_new(&(sim_options){.guarded = seed % 4 == 0});
  make_store_directory(s->disk);
  kh_os_fault_init(&s->fault, sim_disk_os(s->disk));
  kv_run_init(&s->run, &s->fault.os, "/store", seed);
  s->run.may_fail = s->run.model.gaps = fail_at > 0;
  s->loss = (sim_loss){.disk = s->disk, .prng = {seed}, .kept = kind->kept};
  kh_os_fault_plan(&s->fault, (kh_os_plan){.operation = kind->operation,
                                           .fail_at = fail_at,
                                           .from_then_on = kind->from_then_on,
                                           .error = kind->error,
                                           .partial = kind->partial,
                                           .failing = kind->loses ? sim_disk_fail_sync : NULL,
                                           .failing_ctx = &s->loss});
  for (int step = 0; step < STEPS && !(kind->loses && s->fault.failed > 0); step++) kv_run_step(&s->run);
  (void)kv_run_close(&s->run);
}

static void forget(scenario *s) {
  kv_run_fini(&s->run);
  sim_disk_free(&s->disk);
}

static void must(bool right, const char *what, const char *why, uint64_t seed, const fault_kind *kind, uint64_t n) {
  if (right) return;
  print_error("seed %#llx, %s, call %llu: %s: %s\n", (unsigned long long)seed, kind->name, (unsigned long long)n, what,
              why);
  fail();
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

static void fail_call(uint64_t seed, const fault_kind *kind, uint64_t n) {
  scenario s;
  char why[600];
  play(&s, seed, kind, n);
  must(s.run.complaint[0] == '\0', "while it fails", s.run.complaint, seed, kind, n);
  must(sim_disk_stray_stores(s.disk) == 0, "on the disk", "stores to where there is no space", seed, kind, n);

  kh_prng prng = {seed ^ n};
  sim_policy policy = sim_policy_random(&prng);
  sim_disk *crashed = sim_disk_crash(s.disk, &prng, &policy), *killed = sim_disk_kill(s.disk);
  char text[160] = "after a power loss, ";
  sim_policy_text(&policy, text + strlen(text));
  must(kv_run_check(&s.run, sim_disk_os(crashed), KV_SYNCED, true, why), text, why, seed, kind, n);
  must(kv_run_check(&s.run, sim_disk_os(killed), KV_BUFFERED, true, why), "afterwards", why, seed, kind, n);
  sim_disk_free(&killed);
  killed = sim_disk_kill(s.disk);
  sim_disk_drop_caches(killed);
  must(kv_run_check(&s.run, sim_disk_os(killed), KV_SYNCED, true, why), "read back", why, seed, kind, n);
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

/* In a soak each call, else one of three, of more scenarios. */
static void every_call_fails_in_turn(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  uint64_t runs = 0, one_of = unit_steps(UNIT_SANITIZED ? 9 : 3, 1);
  for (uint64_t scenarios = unit_steps(unit_size(4), 2000); scenarios > 0; scenarios--) {
    uint64_t seed = scenario_seed(&prng, &scenarios);
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
      uint64_t calls = count_calls(seed, &kinds[kind]);
      for (uint64_t n = 1 + kh_prng_below(&prng, one_of); n <= calls; n += one_of, runs++)
        fail_call(seed, &kinds[kind], n);
    }
  }
  print_message("%llu runs\n", (unsigned long long)runs);
}

/* ---- a full disk */

/* Room comes and goes, and the store is not closed for it: reads go on, and writes do when there is room. */
static void a_full_disk_is_survived_without_reopening(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  uint64_t refused = 0;
  for (uint64_t scenarios = unit_steps(unit_size(30), 20000); scenarios > 0; scenarios--) {
    uint64_t seed = scenario_seed(&prng, &scenarios);
    fixed_world_begin(seed);
    sim_disk *disk = sim_disk_new(&(sim_options){0});
    kv_run run;
    kv_run_init(&run, sim_disk_os(disk), "/store", seed);
    run.may_fail = run.model.gaps = true;
    uint64_t capacity = 0;
    for (int step = 0; step < 2 * STEPS; step++) {
      if (step % 10 == 0) sim_disk_set_capacity(disk, capacity = kh_prng_below(&prng, 3) * 40000);
      kv_run_step(&run);
    }
    refused += run.failures;
    sim_disk_set_capacity(disk, UINT64_C(1) << 40);
    run.may_fail = false;
    for (int step = 0; step < 10; step++) kv_run_step(&run);
    (void)kv_run_close(&run);
    char why[600] = "";
    bool right = run.complaint[0] == '\0' && kv_run_check(&run, sim_disk_os(disk), KV_SYNCED, true, why);
    if (!right) print_error("seed %#llx: %s %s\n", (unsigned long long)seed, run.complaint, why);
    assert_true(right);
    assert_int_equal(sim_disk_stray_stores(disk), 0);
    kv_run_fini(&run);
    sim_disk_free(&disk);
  }
  print_message("%llu calls were refused\n", (unsigned long long)refused);
  assert_true(refused > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_fails_in_turn),
      cmocka_unit_test(a_full_disk_is_survived_without_reopening),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
