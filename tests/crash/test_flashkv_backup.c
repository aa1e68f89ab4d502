/* A backup whose process is killed, or whose power fails, before any call that changes the disk: its directory holds what
 * the store did at some moment from the last backup that came to its end to this one; or, where there was none, says that
 * it holds no store. It opens, and goes on as a store of its own. The store itself loses nothing. */
#include <stdio.h>

#include "fixed_world.h"
#include "kv_run.h"
#include "sim_disk.h"
#include "unit.h"

enum { COPIES_MAX = 256, STEPS = 40, BACKUPS = 4 };

typedef struct scenario {
  uint64_t seed;
  bool power; /* else: killed */
  kh_prng prng;
  sim_disk *disk, *copies[COPIES_MAX];
  size_t count;
  kv_run run;
  size_t earlier; /* commits in the last backup, */
  bool has_earlier;
  kv_run made; /* and the place of this one, with what is in it */
  uint64_t looks, none;
} scenario;

static void fail_at(const scenario *s, const char *what, const char *why) {
  print_error("seed %#llx, %s, %s: %s\n", (unsigned long long)s->seed, s->power ? "power loss" : "killed", what, why);
  fail();
}

static void copy_disk(void *ctx, sim_disk *disk, const sim_step *step) {
  (void)step;
  scenario *s = ctx;
  assert_true(s->count < COPIES_MAX);
  s->copies[s->count++] = sim_disk_kill(disk);
}

/* What the store holds now, as the backup has it: of what came after the last one, a beginning may be there before it is
 * complete. */
static kv_run backup_of(const scenario *s) {
  kv_run there = {.options = s->run.options};
  there.options.dir_path = "/backup";
  there.options.create_if_missing = false;
  kv_model_copy(&there.model, &s->run.model);
  kv_model_synced(&there.model);
  for (size_t i = s->earlier; i < there.model.commit_count && s->has_earlier; i++)
    if (there.model.commits[i].fate == KV_SYNCED) there.model.commits[i].fate = KV_BUFFERED;
  return there;
}

static bool holds(const kv_run *there, sim_disk *left, bool go_on, char why[600]) {
  sim_disk *copy = sim_disk_kill(left);
  bool right = kv_run_check(there, sim_disk_os(copy), KV_SYNCED, go_on, why);
  right = right && sim_disk_stray_stores(copy) == 0;
  sim_disk_free(&copy);
  return right;
}

static void look(scenario *s, sim_disk *left) {
  char why[600] = "";
  bool go_on = kh_prng_below(&s->prng, 4) == 0;
  s->looks++;
  if (!holds(&s->made, left, go_on, why)) {
    if (s->has_earlier || strstr(why, "NOT_A_STORE") == NULL) fail_at(s, "the backup", why);
    s->none++;
  }
  if (!holds(&s->run, left, go_on, why)) fail_at(s, "the store", why);
}

static void end_and_look(scenario *s, sim_disk *disk) {
  for (int i = 0; i < (s->power ? 4 : 1); i++) {
    sim_policy policy = sim_policy_random(&s->prng);
    sim_disk *left = s->power ? sim_disk_crash(disk, &s->prng, &policy) : sim_disk_kill(disk);
    look(s, left);
    sim_disk_free(&left);
  }
}

static void back_up(scenario *s) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  s->made = backup_of(s);
  sim_disk_watch(s->disk, copy_disk, s);
  flashkv_status status = flashkv_backup(s->run.store, "/backup", kh_prng_below(&s->prng, 2), NULL, NULL, &error);
  sim_disk_watch(s->disk, NULL, NULL);
  if (status != FLASHKV_OK) fail_at(s, "flashkv_backup", error.message);
  for (size_t i = 0; i < s->count; i++) {
    end_and_look(s, s->copies[i]);
    sim_disk_free(&s->copies[i]);
  }
  s->count = 0;
  kv_model_synced(&s->made.model); /* it was answered: there it is, all of it */
  s->has_earlier = true;
  s->earlier = s->made.model.commit_count;
  end_and_look(s, s->disk);
  kv_model_fini(&s->made.model);
}

static void end_in_backups(uint64_t seed, bool power, uint64_t *looks, uint64_t *none) {
  scenario s = {.seed = seed, .power = power, .prng = {seed ^ 2}};
  fixed_world_begin(seed);
  s.disk = sim_disk_new(&(sim_options){0});
  assert_int_equal(KH_OS_CALL(sim_disk_os(s.disk), make_directory, "/store"), 0);
  sim_disk_settle(s.disk);
  kv_run_init(&s.run, sim_disk_os(s.disk), "/store", seed);
  s.run.options.data_file_size = 4096;
  for (int turn = 0; turn < BACKUPS; turn++) {
    for (int step = 0; step < STEPS || s.run.store == NULL; step++) kv_run_step(&s.run);
    flashkv_error error = FLASHKV_ERROR_INIT;
    assert_int_equal(flashkv_sync(s.run.store, &error), FLASHKV_OK);
    kv_model_synced(&s.run.model);
    back_up(&s);
  }
  (void)kv_run_close(&s.run);
  if (s.run.complaint[0] != '\0') fail_at(&s, "the store", s.run.complaint);
  *looks += s.looks;
  *none += s.none;
  kv_run_fini(&s.run);
  sim_disk_free(&s.disk);
}

/* KHONSU_CRASH_AT=<seed> runs one alone. */
static void end_scenarios(bool power, uint64_t scenarios) {
  const char *given = getenv("KHONSU_CRASH_AT");
  kh_prng prng = {given ? 0 : unit_fixed_seed()};
  uint64_t looks = 0, none = 0;
  for (uint64_t i = 0; i < (given ? 1 : scenarios); i++)
    end_in_backups(given ? strtoull(given, NULL, 0) : kh_prng_next(&prng), power, &looks, &none);
  print_message("%llu scenarios, %llu states looked at, %llu without a backup\n", (unsigned long long)scenarios,
                (unsigned long long)looks, (unsigned long long)none);
}

static void a_kill_leaves_the_last_backup_or_this_one(void **state) {
  (void)state;
  end_scenarios(false, unit_steps(unit_size(15), 20000));
}

static void a_power_loss_leaves_the_last_backup_or_this_one(void **state) {
  (void)state;
  end_scenarios(true, unit_steps(unit_size(8), 10000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kill_leaves_the_last_backup_or_this_one),
      cmocka_unit_test(a_power_loss_leaves_the_last_backup_or_this_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
