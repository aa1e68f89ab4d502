/* A database on a disk whose power fails, or whose process is killed, before any call that changes the disk, in a scenario
 * of random steps: it opens, holds every transaction that had to survive, no half of any other, and goes on. After a kill
 * all that was acknowledged had to; after a loss of power what was committed at SYNC, or waited for with khonsu_sync_wait, and
 * everything before it: later commits are lost from the newest back.
 *
 * Copies of the disk are made while a call is under way, and looked at before its answer is noted: so the transaction that it
 * commits may be there or not. */
#include <stdio.h>

#include "db_run.h"
#include "fixed_world.h"
#include "sim_disk.h"
#include "unit.h"

enum { COPIES_MAX = 256, STEPS = 60 };

typedef struct scenario {
  uint64_t seed;
  bool power; /* else: killed */
  kh_prng prng;
  db_run run;
  sim_disk *disk, *copies[COPIES_MAX];
  size_t count;
  uint64_t chance; /* one call in so many is copied before */
  uint64_t states;
  char complaint[900];
} scenario;

static void copy_now_and_then(void *ctx, sim_disk *disk, const sim_step *step) {
  (void)step;
  scenario *s = ctx;
  if (s->count < COPIES_MAX && kh_prng_below(&s->prng, s->chance) == 0) s->copies[s->count++] = sim_disk_kill(disk);
}

static void look(scenario *s, sim_disk *left, const char *end) {
  char why[DB_WHY];
  s->states++;
  if (db_run_check(&s->run, left, s->power, kh_prng_below(&s->prng, 4) == 0, why)) return;
  if (s->complaint[0] == '\0')
    snprintf(s->complaint, sizeof s->complaint, "%.150s, at call %llu: %.600s", end,
             (unsigned long long)sim_disk_steps(s->disk), why);
}

static void lose_power(scenario *s, sim_disk *disk) {
  static const sim_policy plain[] = {{.data = SIM_NONE, .sizes = SIM_NONE, .names = SIM_NONE},
                                     {.data = SIM_NONE, .sizes = SIM_ALL, .names = SIM_ALL}};
  enum { PLAIN = sizeof plain / sizeof plain[0], DRAWN = 3 };
  for (int i = 0; i < PLAIN + DRAWN; i++) {
    sim_policy policy = i < PLAIN ? plain[i] : sim_policy_random(&s->prng);
    sim_disk *left = sim_disk_crash(disk, &s->prng, &policy);
    char text[160] = "power loss, ";
    sim_policy_text(&policy, text + strlen(text));
    look(s, left, text);
    sim_disk_free(&left);
  }
}

static void look_at_copies(void *ctx, db_run *run) {
  (void)run;
  scenario *s = ctx;
  for (size_t i = 0; i < s->count; i++) {
    if (s->power) lose_power(s, s->copies[i]);
    else look(s, s->copies[i], "killed");
    sim_disk_free(&s->copies[i]);
  }
  s->count = 0;
}

static void end_anywhere(uint64_t seed, bool power, uint64_t *states) {
  scenario s = {.seed = seed, .power = power, .prng = {seed ^ 1}, .chance = power ? 8 : 3};
  fixed_world_begin(seed);
  s.disk = sim_disk_new(&(sim_options){0});
  assert_int_equal(KH_OS_CALL(sim_disk_os(s.disk), make_directory, "/db"), 0);
  sim_disk_settle(s.disk);
  db_run_init(&s.run, sim_disk_os(s.disk), "/db", seed);
  s.run.pause = look_at_copies;
  s.run.pause_ctx = &s;
  sim_disk_watch(s.disk, copy_now_and_then, &s);
  for (int step = 0; step < STEPS && s.complaint[0] == '\0' && s.run.complaint[0] == '\0'; step++) {
    db_run_step(&s.run);
    if (power && kh_prng_below(&s.prng, 8) == 0) sim_disk_write_back(s.disk, &s.prng);
  }
  db_run_close(&s.run);
  sim_disk_watch(s.disk, NULL, NULL);
  if (s.complaint[0] != '\0' || s.run.complaint[0] != '\0')
    fail_msg("seed %#llx: %s%s", (unsigned long long)seed, s.run.complaint, s.complaint);
  while (s.count > 0) sim_disk_free(&s.copies[--s.count]);
  assert_int_equal(sim_disk_stray_stores(s.disk), 0);
  *states += s.states;
  db_run_fini(&s.run);
  sim_disk_free(&s.disk);
}

/* Scenarios of seeds that are drawn from the one of the run; KHONSU_CRASH_AT=<seed> runs one of them alone. */
static void end_scenarios(bool power, uint64_t scenarios) {
  const char *given = getenv("KHONSU_CRASH_AT");
  kh_prng prng = {given ? 0 : unit_fixed_seed()};
  uint64_t states = 0;
  if (given) scenarios = 1;
  for (uint64_t i = 0; i < scenarios; i++)
    end_anywhere(given ? strtoull(given, NULL, 0) : kh_prng_next(&prng), power, &states);
  print_message("%llu scenarios, %llu states looked at\n", (unsigned long long)scenarios, (unsigned long long)states);
}

static void a_kill_loses_nothing_that_was_acknowledged(void **state) {
  (void)state;
  end_scenarios(false, unit_steps(unit_size(10), 50000));
}

static void a_power_loss_loses_nothing_that_was_synced(void **state) {
  (void)state;
  end_scenarios(true, unit_steps(unit_size(10), 50000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kill_loses_nothing_that_was_acknowledged),
      cmocka_unit_test(a_power_loss_loses_nothing_that_was_synced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
