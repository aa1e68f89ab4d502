/* flashkv on a disk whose process is killed, or whose power fails, before any call that changes it and in the middle of
 * stores through mappings, in a scenario of random steps: the store opens, holds every commit that was promised and no
 * half of any other, and goes on. The same when the process is killed, or the power fails, again while it recovers; and
 * once more, closer, before every single call inside a merge and inside the first opening after it.
 *
 * Copies of the disk are made while a call is under way, and looked at before its answer is noted in the model: so the
 * commit that it makes may be there or not. */
#include <stdio.h>
#include <string.h>

#include "fixed_world.h"
#include "kv_run.h"
#include "sim_disk.h"
#include "unit.h"

enum { COPIES_MAX = 256, SEEN_SLOTS = 1 << 15, STEPS = 60 };

/* A scenario, and the copies of its disk. */
typedef struct crash {
  uint64_t seed;
  bool power; /* else: killed */
  kh_prng prng;
  kv_run run;
  sim_disk *disk;
  sim_disk *copies[COPIES_MAX];
  size_t count;
  uint64_t chance;     /* one step in so many is copied */
  bool closely;        /* what is left is merged, and recovery ended before each of its calls */
  sim_disk *calm;      /* a copy from between two calls, */
  uint64_t calm_steps; /* and how many steps had been made then */
  uint64_t *states;    /* counts those looked at */
  char complaint[900];
} crash;

/* States of the scenario that were looked at already: power losses often leave the same. */
static uint64_t seen[SEEN_SLOTS];

static bool is_new(uint64_t state) {
  uint64_t slot = state % SEEN_SLOTS;
  if (seen[slot] == state) return false;
  seen[slot] = state;
  return true;
}

static void copy_now_and_then(void *ctx, sim_disk *disk, const sim_step *step) {
  (void)step;
  crash *c = ctx;
  if (c->count < COPIES_MAX && kh_prng_below(&c->prng, c->chance) == 0) c->copies[c->count++] = sim_disk_kill(disk);
}

/* ---- looking at what is left */

static void complain(crash *c, const char *end, const char *why) {
  if (c->complaint[0] == '\0')
    snprintf(c->complaint, sizeof c->complaint, "%.200s, at step %llu: %.600s", end,
             (unsigned long long)sim_disk_steps(c->disk), why);
}

static kv_fate least(const crash *c) { return c->power ? KV_SYNCED : KV_BUFFERED; }

/* While `disk` recovers, copies are made; those are ended in turn. */
static void look(crash *c, sim_disk *disk, const char *end, bool again) {
  char why[600], text[300];
  crash inner = {.prng = {kh_prng_next(&c->prng)}, .chance = c->closely ? 1 : 6};
  if (again) sim_disk_watch(disk, copy_now_and_then, &inner);
  ++*c->states;
  bool go_on = kh_prng_below(&c->prng, 4) == 0;
  if (!kv_run_check(&c->run, sim_disk_os(disk), least(c), go_on && !again, why)) complain(c, end, why);
  if (sim_disk_stray_stores(disk) > 0) complain(c, end, "stores to where there is no file, or no space");
  sim_disk_watch(disk, NULL, NULL);
  for (size_t i = 0; i < inner.count; i++) {
    sim_policy policy = sim_policy_random(&c->prng);
    char policy_text[128];
    sim_policy_text(&policy, policy_text);
    sim_disk *left = c->power ? sim_disk_crash(inner.copies[i], &c->prng, &policy) : sim_disk_kill(inner.copies[i]);
    snprintf(text, sizeof text, "%.120s, then again while it recovered (%s)", end, c->power ? policy_text : "killed");
    look(c, left, text, false);
    sim_disk_free(&left);
    sim_disk_free(&inner.copies[i]);
  }
}

static uint64_t state_of(const crash *c, sim_disk *disk) {
  uint64_t synced = 0;
  for (size_t i = 0; i < c->run.model.commit_count; i++)
    if (c->run.model.commits[i].fate == KV_SYNCED) synced = i;
  uint64_t words[] = {sim_disk_hash(disk), c->seed, c->run.model.commit_count, synced};
  return kh_hash_bytes(kh_slice(words, sizeof words), 0);
}

static void lose_power(crash *c, sim_disk *disk) {
  static const sim_policy plain[] = {{.data = SIM_NONE, .sizes = SIM_NONE, .names = SIM_NONE},
                                     {.data = SIM_NONE, .sizes = SIM_ALL, .names = SIM_ALL},
                                     {.data = SIM_ALL, .sizes = SIM_ALL, .names = SIM_NONE}};
  enum { PLAIN = sizeof plain / sizeof plain[0], DRAWN = 5 };
  for (int i = 0; i < PLAIN + DRAWN; i++) {
    sim_policy policy = i < PLAIN ? plain[i] : sim_policy_random(&c->prng);
    sim_disk *left = sim_disk_crash(disk, &c->prng, &policy);
    char text[200], policy_text[128];
    sim_policy_text(&policy, policy_text);
    snprintf(text, sizeof text, "power loss (%s)", policy_text);
    if (is_new(state_of(c, left))) look(c, left, text, kh_prng_below(&c->prng, 8) == 0);
    sim_disk_free(&left);
  }
}

/* Between two calls there were only stores: of those, some are there. */
static void kill_between(crash *c) {
  if (c->calm == NULL || sim_disk_steps(c->disk) != c->calm_steps) return;
  for (int i = 0; i < 2; i++) {
    sim_disk *left = sim_disk_kill_between(c->calm, c->disk, &c->prng);
    if (c->power) lose_power(c, left);
    else if (is_new(state_of(c, left))) look(c, left, "killed between two stores", kh_prng_below(&c->prng, 8) == 0);
    sim_disk_free(&left);
  }
}

static void look_at_copies(void *ctx, kv_run *run) {
  (void)run;
  crash *c = ctx;
  kill_between(c);
  for (size_t i = 0; i < c->count; i++) {
    if (c->power) lose_power(c, c->copies[i]);
    else look(c, c->copies[i], "killed", kh_prng_below(&c->prng, 8) == 0);
    sim_disk_free(&c->copies[i]);
  }
  c->count = 0;
  sim_disk_free(&c->calm);
}

/* ---- the scenarios */

/* So that it is durable; else the store makes it. */
static void make_store_directory(sim_disk *disk) {
  assert_int_equal(KH_OS_CALL(sim_disk_os(disk), make_directory, "/store"), 0);
  sim_disk_settle(disk);
}

static void begin(crash *c, bool makes_directory) {
  fixed_world_begin(c->seed);
  memset(seen, 0, sizeof seen);
  c->disk = sim_disk_new(&(sim_options){.guarded = c->seed % 8 == 0});
  if (!makes_directory) make_store_directory(c->disk);
  kv_run_init(&c->run, sim_disk_os(c->disk), "/store", c->seed);
}

static void watch(crash *c) {
  c->run.pause = look_at_copies;
  c->run.pause_ctx = c;
  sim_disk_watch(c->disk, copy_now_and_then, c);
}

static void stop_watching(crash *c) {
  c->run.pause = NULL;
  sim_disk_watch(c->disk, NULL, NULL);
  sim_disk_free(&c->calm);
  while (c->count > 0) sim_disk_free(&c->copies[--c->count]);
}

static void end(crash *c) {
  (void)kv_run_close(&c->run);
  stop_watching(c);
  if (c->run.complaint[0] != '\0') print_error("seed %#llx: %s\n", (unsigned long long)c->seed, c->run.complaint);
  if (c->complaint[0] != '\0') print_error("seed %#llx: %s\n", (unsigned long long)c->seed, c->complaint);
  assert_string_equal(c->complaint, "");
  assert_string_equal(c->run.complaint, "");
  assert_int_equal(sim_disk_stray_stores(c->disk), 0);
  kv_run_fini(&c->run);
  sim_disk_free(&c->disk);
}

static void end_anywhere(uint64_t seed, bool power, bool makes_directory, uint64_t *states) {
  crash c = {.seed = seed, .power = power, .prng = {seed ^ 1}, .chance = 1 + seed % 4, .states = states};
  begin(&c, makes_directory);
  watch(&c);
  for (int step = 0; step < STEPS && c.complaint[0] == '\0' && c.run.complaint[0] == '\0'; step++) {
    sim_disk_free(&c.calm); /* of a step that only read */
    c.calm = sim_disk_kill(c.disk);
    c.calm_steps = sim_disk_steps(c.disk);
    kv_run_step(&c.run);
    if (power && kh_prng_below(&c.prng, 8) == 0) sim_disk_write_back(c.disk, &c.prng);
    if (kh_prng_below(&c.prng, 4) == 0) sim_disk_mark(c.disk, "step");
  }
  end(&c);
}

/* Files are small and full of what is dead, deleted or expired; each merge is ended before each of its calls. */
static void end_in_merges(uint64_t seed, bool power, bool unused, uint64_t *states) {
  (void)unused;
  crash c = {.seed = seed, .power = power, .prng = {seed ^ 1}, .chance = 1, .states = states, .closely = true};
  begin(&c, false);
  c.run.keys = 4 + (uint32_t)(seed % 12);
  c.run.options.data_file_size = 4096;
  for (int turn = 0; turn < 3; turn++) {
    for (int step = 0; step < STEPS; step++) kv_run_step(&c.run);
    while (c.run.store == NULL && c.run.complaint[0] == '\0') kv_run_step(&c.run);
    if (c.complaint[0] != '\0' || c.run.complaint[0] != '\0') break;
    watch(&c);
    kv_run_merge(&c.run);
    stop_watching(&c);
  }
  end(&c);
}

/* Scenarios of seeds that are drawn from the one of the run; KHONSU_CRASH_AT=<seed> runs one of them alone. */
typedef void scenario(uint64_t seed, bool power, bool makes_directory, uint64_t *states);

static void end_scenarios(scenario *run, bool power, bool makes_directory, uint64_t scenarios) {
  const char *given = getenv("KHONSU_CRASH_AT");
  kh_prng prng = {given ? 0 : unit_fixed_seed()};
  uint64_t states = 0;
  if (given) scenarios = 1;
  for (uint64_t i = 0; i < scenarios; i++)
    run(given ? strtoull(given, NULL, 0) : kh_prng_next(&prng), power, makes_directory, &states);
  print_message("%llu scenarios, %llu states looked at\n", (unsigned long long)scenarios, (unsigned long long)states);
}

static void a_kill_loses_nothing_that_was_answered(void **state) {
  (void)state;
  end_scenarios(end_anywhere, false, true, unit_steps(unit_size(15), 100000));
}

static void a_power_loss_loses_nothing_that_was_synced(void **state) {
  (void)state;
  end_scenarios(end_anywhere, true, false, unit_steps(unit_size(10), 50000));
}

static void a_store_that_makes_its_directory_keeps_it(void **state) {
  (void)state;
  end_scenarios(end_anywhere, true, true, unit_steps(unit_size(3), 10000));
}

static void a_kill_inside_a_merge_loses_nothing(void **state) {
  (void)state;
  end_scenarios(end_in_merges, false, false, unit_steps(unit_size(10), 10000));
}

static void a_power_loss_inside_a_merge_loses_nothing(void **state) {
  (void)state;
  end_scenarios(end_in_merges, true, false, unit_steps(unit_size(3), 2000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kill_loses_nothing_that_was_answered),
      cmocka_unit_test(a_power_loss_loses_nothing_that_was_synced),
      cmocka_unit_test(a_store_that_makes_its_directory_keeps_it),
      cmocka_unit_test(a_kill_inside_a_merge_loses_nothing),
      cmocka_unit_test(a_power_loss_inside_a_merge_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
