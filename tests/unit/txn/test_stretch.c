/* What a stretch holds, and its certification in two steps: outside the seat, and in it what was committed since. The
 * test is the seat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "txn/stretch.h"

enum { KEYS = 1000 };

typedef struct fixture {
  kh_store store;
  kh_snapshot *slot;
  kh_participant *participant;
} fixture;

static void commit(fixture *f, const char *key) {
  khonsu_slice slice = kh_slice(key, strlen(key));
  uint64_t hash = kh_store_hash(&f->store, slice);
  kh_version *newest = kh_store_find(&f->store, slice, hash);
  kh_version *version = kh_version_new_bytes(&f->store.cache, slice, kh_slice("v", 1));
  version->timestamp = ++f->store.newest;
  version->writer = 77;
  assert_int_equal(kh_store_link(&f->store, hash, newest, version), KHONSU_OK);
  kh_store_settle(&f->store, hash, version);
  kh_store_publish(&f->store, version->timestamp);
}

/* An ordered store of keys "k0000" to "k0999", and a snapshot of it. */
static int set_up(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  assert_int_equal(kh_store_init(&f->store, 1, 0, 0), KHONSU_OK);
  assert_int_equal(kh_snapshot_join(&f->store.snapshots, &f->slot), KHONSU_OK);
  assert_int_equal(kh_epoch_join(&f->store.epoch, &f->participant), KHONSU_OK);
  char key[16];
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "k%04d", i);
    commit(f, key);
  }
  while (!kh_store_is_ordered(&f->store)) assert_int_equal(kh_store_order(&f->store), KHONSU_OK);
  kh_snapshot_begin(&f->store.snapshots, f->slot, KH_PINS | KH_CERTIFIES);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  kh_snapshot_end(f->slot);
  kh_store_fini(&f->store);
  kh_free(f);
  return 0;
}

/* From "k0100" to "k0899", as if it had been stepped through. */
static kh_stretch *wide(fixture *f) {
  kh_stretch *stretch =
      kh_stretch_new((kh_limit){kh_slice("k0100", 5), true, true}, false, kh_store_visible(&f->store));
  assert_int_equal(kh_stretch_reserve(stretch, 5), KHONSU_OK);
  kh_stretch_reach(stretch, kh_slice("k0899", 5), 800);
  return stretch;
}

static bool holds(const kh_stretch *stretch, const char *key) {
  return kh_stretch_holds(stretch, kh_slice(key, strlen(key)));
}

static void limits_are_inclusive_or_not(void **state) {
  (void)state;
  kh_stretch *up = kh_stretch_new((kh_limit){kh_slice("b", 1), true, true}, false, 1);
  assert_false(holds(up, "b")); /* nothing was stepped to */
  assert_int_equal(kh_stretch_reserve(up, 1), KHONSU_OK);
  kh_stretch_reach(up, kh_slice("d", 1), 1);
  assert_true(holds(up, "b") && holds(up, "c") && holds(up, "d"));
  assert_false(holds(up, "a") || holds(up, "d\1"));
  assert_int_equal(kh_stretch_finish(up, (kh_limit){kh_slice("f", 1), true, false}), KHONSU_OK);
  assert_true(holds(up, "e") && !holds(up, "f"));
  kh_stretch_free(up);
  kh_stretch *down = kh_stretch_new((kh_limit){kh_slice("f", 1), true, false}, true, 1);
  assert_int_equal(kh_stretch_reserve(down, 1), KHONSU_OK);
  kh_stretch_reach(down, kh_slice("d", 1), 1);
  assert_true(holds(down, "d") && holds(down, "e") && !holds(down, "f") && !holds(down, "c"));
  assert_int_equal(kh_stretch_finish(down, (kh_limit){.bounded = false}), KHONSU_OK);
  assert_true(holds(down, "a") && !holds(down, "f"));
  kh_stretch_free(down);
  kh_stretch *empty = kh_stretch_new((kh_limit){.bounded = false}, false, 1);
  assert_int_equal(kh_stretch_finish(empty, (kh_limit){.bounded = false}), KHONSU_OK);
  assert_true(holds(empty, "anything"));
  kh_stretch_free(empty);
}

typedef enum moment { BEFORE, BETWEEN, NEVER } moment;

/* A change before, or after, the look outside the seat; `noise` commits elsewhere come after it. */
static void certify(fixture *f, const char *changed, moment when, int noise, bool broken) {
  kh_stretch *stretch = wide(f);
  if (when == BEFORE) commit(f, changed);
  kh_stretch_certify_outside(stretch, &f->store, f->participant, f->slot);
  assert_true(stretch->certified || stretch->lost);
  if (when == BETWEEN) commit(f, changed);
  for (int i = 0; i < noise; i++) commit(f, "z");
  bool all;
  assert_int_equal(kh_stretch_certify(stretch, &f->store, f->slot, &all), broken ? KHONSU_CONFLICT : KHONSU_OK);
  if (broken) {
    assert_int_equal(stretch->broken_key.size, strlen(changed));
    assert_memory_equal(stretch->broken_key.data, changed, strlen(changed));
    assert_int_equal(stretch->winner, 77);
  }
  assert_int_equal(all, !broken ? noise >= KH_COMMIT_LOG_CAPACITY : all);
  kh_stretch_free(stretch);
}

static void changes_are_found_whenever_they_come(void **state) {
  fixture *f = *state;
  static const int noises[] = {0, 1000, KH_COMMIT_LOG_CAPACITY + 5};
  for (size_t i = 0; i < sizeof noises / sizeof *noises; i++) {
    certify(f, NULL, NEVER, noises[i], false);
    for (moment when = BEFORE; when <= BETWEEN; when++) {
      certify(f, "k0500", when, noises[i], true);
      certify(f, "k0500x", when, noises[i], true);
      certify(f, "k0100", when, noises[i], true);
      certify(f, "k0899", when, noises[i], true);
      certify(f, "k0099", when, noises[i], false);
      certify(f, "k0900", when, noises[i], false);
    }
  }
}

/* The winner is the newest commit on the key, whatever became of the one that was found outside the seat. */
static void the_winner_is_the_newest_commit_on_the_key(void **state) {
  fixture *f = *state;
  kh_stretch *stretch = wide(f);
  commit(f, "k0500");
  kh_stretch_certify_outside(stretch, &f->store, f->participant, f->slot);
  assert_true(stretch->lost);
  commit(f, "k0500");
  while (kh_store_reclaim(&f->store)) continue; /* the one that was found goes */
  bool all;
  assert_int_equal(kh_stretch_certify(stretch, &f->store, f->slot, &all), KHONSU_CONFLICT);
  assert_int_equal(stretch->winner_version, f->store.newest);
  assert_int_equal(stretch->winner, 77);
  kh_stretch_free(stretch);
}

/* What is linked and not settled may be undone: outside the seat it counts for nothing, in the seat it is logged first or
 * the caller's to look at. */
static void what_is_not_settled_breaks_nothing_outside(void **state) {
  fixture *f = *state;
  kh_stretch *stretch = wide(f);
  khonsu_slice key = kh_slice("k0500", 5);
  uint64_t hash = kh_store_hash(&f->store, key);
  kh_version *newest = kh_store_find(&f->store, key, hash);
  kh_version *version = kh_version_new_bytes(&f->store.cache, key, kh_slice("v", 1));
  version->timestamp = ++f->store.newest;
  assert_int_equal(kh_store_link(&f->store, hash, newest, version), KHONSU_OK);
  kh_stretch_certify_outside(stretch, &f->store, f->participant, f->slot);
  assert_true(stretch->certified);
  assert_false(stretch->lost);
  kh_store_undo(&f->store, hash, version);
  bool all;
  assert_int_equal(kh_stretch_certify(stretch, &f->store, f->slot, &all), KHONSU_OK);
  kh_stretch_free(stretch);
}

/* An expired snapshot keeps no records: none may be looked at by way of the log. */
static void an_expired_snapshot_leaves_it_to_the_seat(void **state) {
  fixture *f = *state;
  kh_stretch *stretch = wide(f);
  kh_stretch_certify_outside(stretch, &f->store, f->participant, f->slot);
  commit(f, "k0500");
  atomic_store(&f->slot->begun, KH_EXPIRED);
  bool all;
  assert_int_equal(kh_stretch_certify(stretch, &f->store, f->slot, &all), KHONSU_CONFLICT);
  assert_true(all); /* it was walked */
  kh_stretch_free(stretch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(limits_are_inclusive_or_not),    TEST(changes_are_found_whenever_they_come),
      TEST(the_winner_is_the_newest_commit_on_the_key), TEST(what_is_not_settled_breaks_nothing_outside),
      TEST(an_expired_snapshot_leaves_it_to_the_seat),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
