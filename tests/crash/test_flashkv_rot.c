/* flashkv over damage that nobody reports: a bit of any file of a small store flips, a block reads as zeros, has changed
 * places with another or is as it was earlier. The store then does not open and says which file is damaged; or it opens,
 * and whatever it answers, then and after a merge and another opening, is right or an error. One that does not open is left
 * as it is. Opened to salvage what is whole, it always opens, is not changed, and shows nothing that was never written; if
 * nothing is found damaged, it is right.
 *
 * What a process left that was killed ends as its last flush and the system's caches had it: there, damage behind the last
 * thing that says how far the log was flushed looks as if the end had never been written. So of such a store the end may
 * be missing, in the order of the log, but for what was flushed and has a mark of it behind. */
#include <stdio.h>
#include <string.h>

#include "bit_rot.h"
#include "fixed_world.h"
#include "flashkv/store.h"
#include "kv_run.h"
#include "sim_disk.h"
#include "unit.h"

enum { STEPS = 50 };

typedef struct victim {
  uint64_t seed;
  bool closed; /* else killed */
  kv_run run;
  sim_disk *disk, *earlier;
  bit_rot rot;
  uint64_t refused, noticed, harmless, shortened; /* stores with a harm, by what came of it */
} victim;

/* ---- the store */

static void step(victim *v, int count) {
  for (int i = 0; i < count || v->run.store == NULL; i++) kv_run_step(&v->run);
}

/* The last commit of a store that is killed has a mark before it, which says that all before was flushed. */
static void write_mark(victim *v) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  assert_int_equal(flashkv_sync(v->run.store, &error), FLASHKV_OK);
  kv_model_synced(&v->run.model);
  kv_model_begin(&v->run.model);
  kv_model_put(&v->run.model, kh_slice("last", 4), kh_slice("one", 3), 0);
  flashkv_status status = flashkv_put(v->run.store, flashkv_text("last"), flashkv_text("one"), &error);
  kv_model_end(&v->run.model, kv_fate_of(status, FLASHKV_BUFFERED), 0);
  assert_int_equal(status, FLASHKV_OK);
}

static void make(victim *v, uint64_t seed) {
  *v = (victim){.seed = seed, .closed = seed % 2 == 0};
  fixed_world_begin(seed);
  v->disk = sim_disk_new(&(sim_options){0});
  kv_run_init(&v->run, sim_disk_os(v->disk), "/store", seed);
  v->run.value_max = 300;
  v->run.options.data_file_size = 8192;
  step(v, STEPS);
  v->earlier = sim_disk_kill(v->disk);
  step(v, STEPS / 2);
  if (v->closed) {
    assert_true(kv_run_close(&v->run));
  } else {
    write_mark(v);
    sim_disk *killed = sim_disk_kill(v->disk);
    (void)kv_run_close(&v->run);
    sim_disk_free(&v->disk);
    v->disk = killed;
  }
  assert_string_equal(v->run.complaint, "");
  bit_rot_init(&v->rot, v->disk);
}

static void unmake(victim *v) {
  kv_run_fini(&v->run);
  sim_disk_free(&v->disk);
  sim_disk_free(&v->earlier);
}

/* ---- what comes of a harm */

/* Answers are right, or errors, if the log has lost what came after any of the last commits. */
static bool answers_hold(const victim *v, flashkv *store, bool may_end_anywhere, kv_verdict *verdict, char why[512]) {
  kv_model model;
  kv_model_copy(&model, &v->run.model);
  size_t least = may_end_anywhere ? 0 : model.commit_count;
  for (size_t i = model.commit_count; i > 0 && least == model.commit_count; i--)
    if (model.commits[i - 1].fate == KV_SYNCED) least = i;
  if (v->closed) least = model.commit_count;
  char other[512];
  *verdict = kv_store_judge(&model, store, why);
  for (size_t left = model.commit_count; *verdict == KV_WRONG && left-- > least;) {
    model.commits[left].fate = KV_REFUSED;
    *verdict = kv_store_judge(&model, store, other);
  }
  kv_model_fini(&model);
  return *verdict != KV_WRONG;
}

/* A merge of all files, and another opening: then things are as they were. */
static flashkv_status go_on(const victim *v, sim_disk *disk, flashkv **store, flashkv_error *error) {
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = -1;
  flashkv_status status = flashkv_merge(*store, &merging, NULL, error);
  if (status != FLASHKV_OK && status != FLASHKV_CORRUPT) return status;
  (void)flashkv_close(store, error);
  khonsu_error opening = KHONSU_ERROR_INIT;
  status = fkv_open_on(sim_disk_os(disk), &v->run.options, store, &opening);
  snprintf(error->message, sizeof error->message, "%.500s", opening.message);
  khonsu_error_clear(&opening);
  return status;
}

/* The text says which file. Damage to the list of files may be noticed by a file that is missing. */
static bool names_a_file(const char *message) { return strstr(message, "/store/") != NULL; }

static void count(victim *v, kv_verdict verdict, flashkv *store) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &recovery);
  if (verdict == KV_NOTICED) v->noticed++;
  else if (recovery.bytes_dropped > 0) v->shortened++;
  else v->harmless++;
}

static void fail_at(const victim *v, const bit_rot_harm *harm, const char *what, const char *why) {
  char text[320];
  bit_rot_text(harm, text);
  print_error("seed %#llx, %s, %s: %s: %s\n", (unsigned long long)v->seed, v->closed ? "closed" : "killed", text, what,
              why);
  fail();
}

/* Who opens a store writes its name into LOCK. */
static int add_file(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  uint64_t *hash = ctx;
  if (strcmp(path, "/store/LOCK") != 0)
    *hash = kh_hash_bytes(kh_slice(bytes, size), *hash + kh_hash_bytes(kh_slice(path, strlen(path)), 0));
  return 0;
}

static uint64_t hash_but_lock(sim_disk *disk) {
  uint64_t hash = 0;
  (void)sim_disk_each_file(disk, add_file, &hash);
  return hash;
}

static void look(victim *v, sim_disk *disk, const bit_rot_harm *harm) {
  char why[512] = "";
  flashkv *store = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  khonsu_error opening = KHONSU_ERROR_INIT;
  bool may_end_anywhere = !v->closed && harm->kind != BIT_ROT_FLIP;
  uint64_t before = hash_but_lock(disk);
  flashkv_status status = fkv_open_on(sim_disk_os(disk), &v->run.options, &store, &opening);
  if (status != FLASHKV_OK) {
    v->refused++;
    if (status != FLASHKV_CORRUPT || !names_a_file(opening.message)) fail_at(v, harm, "refused", opening.message);
    if (hash_but_lock(disk) != before) fail_at(v, harm, "refused", "the opening changed the files");
    khonsu_error_clear(&opening);
    return;
  }
  kv_verdict verdict;
  if (!answers_hold(v, store, may_end_anywhere, &verdict, why)) fail_at(v, harm, "opened", why);
  count(v, verdict, store);
  status = go_on(v, disk, &store, &error);
  if (status != FLASHKV_OK) {
    if (status != FLASHKV_CORRUPT || !names_a_file(error.message)) fail_at(v, harm, "opened again", error.message);
  } else if (!answers_hold(v, store, may_end_anywhere, &verdict, why)) {
    fail_at(v, harm, "opened again", why);
  }
  (void)flashkv_close(&store, NULL);
  if (sim_disk_stray_stores(disk) > 0) fail_at(v, harm, "on the disk", "stores to where there is no file");
}

/* ---- salvage */

static bool was_written(const kv_model *model, flashkv_slice key, flashkv_slice value) {
  for (size_t i = 0; i < model->write_count; i++) {
    const kv_write *write = &model->writes[i];
    if (!write->is_delete && kh_slice_equal(write->key, kh_slice(key.data, key.size)) &&
        kh_slice_equal(write->value, kh_slice(value.data, value.size)))
      return true;
  }
  return false;
}

static void look_at_salvaged(const victim *v, flashkv *store, const bit_rot_harm *harm) {
  char why[512] = "";
  kv_verdict verdict;
  flashkv_slice key, value;
  flashkv_iterator *iterator = NULL;
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &recovery);
  assert_int_equal(flashkv_iterator_open(store, NULL, &iterator, NULL), FLASHKV_OK);
  flashkv_status status;
  while ((status = flashkv_iterator_next(iterator, &key, &value, NULL)) == FLASHKV_OK) {
    if (!was_written(&v->run.model, key, value)) fail_at(v, harm, "salvaged", "a value that was never written");
  }
  flashkv_iterator_free(&iterator);
  if (status != FLASHKV_END) fail_at(v, harm, "salvaged", flashkv_status_name(status));
  bool may_end_anywhere = !v->closed && harm->kind != BIT_ROT_FLIP;
  if (recovery.findings == 0 && !answers_hold(v, store, may_end_anywhere, &verdict, why))
    fail_at(v, harm, "salvaged as whole", why);
}

static void salvage(const victim *v, sim_disk *disk, const bit_rot_harm *harm) {
  flashkv *store = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  flashkv_options options = v->run.options;
  options.salvage = true;
  uint64_t steps = sim_disk_steps(disk), before = sim_disk_hash(disk);
  if (fkv_open_on(sim_disk_os(disk), &options, &store, &error) != FLASHKV_OK)
    fail_at(v, harm, "not salvaged", error.message);
  look_at_salvaged(v, store, harm);
  (void)flashkv_close(&store, NULL);
  if (sim_disk_steps(disk) != steps || sim_disk_hash(disk) != before)
    fail_at(v, harm, "salvaged", "the files were changed");
}

static void harm_it(victim *v, bit_rot_harm *harm) {
  sim_disk *disk = sim_disk_kill(v->disk);
  if (bit_rot_do(harm, disk, v->earlier)) {
    salvage(v, disk, harm);
    look(v, disk, harm);
  }
  sim_disk_free(&disk);
}

/* ---- the tests */

static void say(const victim *sum, uint64_t harms) {
  print_message("%llu harms: %llu stores refused, %llu with errors, %llu ended earlier, %llu unharmed\n",
                (unsigned long long)harms, (unsigned long long)sum->refused, (unsigned long long)sum->noticed,
                (unsigned long long)sum->shortened, (unsigned long long)sum->harmless);
}

static void add(victim *sum, const victim *v) {
  sum->refused += v->refused;
  sum->noticed += v->noticed;
  sum->shortened += v->shortened;
  sum->harmless += v->harmless;
}

/* Each bit of one store of either kind in a soak, else some of several. */
static void bits_flip(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  victim sum = {0};
  uint64_t harms = 0, stores = unit_steps(10, 20), some = unit_size(1000);
  for (uint64_t i = 0; i < stores; i++) {
    victim v;
    make(&v, (kh_prng_next(&prng) & ~UINT64_C(1)) + i % 2);
    uint64_t bits = 8 * v.rot.bytes, tries = unit_steps(some < bits ? some : bits, bits);
    for (uint64_t n = 0; n < tries; n++, harms++) {
      bit_rot_harm harm = bit_rot_flip(&v.rot, tries == bits ? n : kh_prng_below(&prng, bits));
      harm_it(&v, &harm);
    }
    add(&sum, &v);
    unmake(&v);
  }
  say(&sum, harms);
}

static void blocks_are_zeroed_swapped_and_stale(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  victim sum = {0};
  uint64_t harms = 0;
  for (uint64_t i = 0, stores = unit_steps(unit_size(100), 20000); i < stores; i++) {
    victim v;
    make(&v, (kh_prng_next(&prng) & ~UINT64_C(1)) + i % 2);
    for (int n = 0; n < 50; n++, harms++) {
      bit_rot_harm harm = bit_rot_random(&v.rot, &prng, true);
      harm_it(&v, &harm);
    }
    add(&sum, &v);
    unmake(&v);
  }
  say(&sum, harms);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bits_flip),
      cmocka_unit_test(blocks_are_zeroed_swapped_and_stale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
