/* Versions: chains hold what snapshots and the retained past see, and nothing else, against a model that keeps all. */
#include "flashkv/versions.h"
#include "unit.h"

typedef struct fixture {
  kh_epoch epoch;
  kh_heap *heap;
  fkv_versions versions;
} fixture;

static void begin(fixture *own) {
  kh_epoch_init(&own->epoch);
  own->heap = kh_heap_new();
  assert_non_null(own->heap);
  assert_int_equal(fkv_versions_init(&own->versions, &own->epoch, own->heap), FLASHKV_OK);
}

static void end(fixture *own) {
  fkv_versions_fini(&own->versions);
  kh_epoch_fini(&own->epoch);
  kh_heap_close(own->heap);
}

/* Sequences are the words, in these tests, but for the lowest bit: word = 2 * sequence + 1. */
static uint64_t word_of(uint64_t sequence) { return 2 * sequence + 1; }
static uint64_t sequence_of(uint64_t word) { return word / 2; }

static uint64_t seen_at(const fkv_versions *versions, uint64_t head, uint64_t sequence) {
  uint64_t word = head;
  while (word != 0 && sequence_of(word) > sequence) word = fkv_versions_older(versions, word);
  return word;
}

static void leave(void *ctx, uint64_t newer, uint64_t older, bool last) {
  (void)newer, (void)older, (void)last;
  ++*(uint64_t *)ctx;
}

static void nothing_is_wanted_without_snapshots(void **state) {
  (void)state;
  fixture own;
  begin(&own);
  assert_false(fkv_versions_want(&own.versions, 1));
  assert_int_equal(fkv_versions_hold(&own.versions, 5), FLASHKV_OK);
  assert_true(fkv_versions_want(&own.versions, 5));
  assert_false(fkv_versions_want(&own.versions, 6));
  assert_true(fkv_versions_reach(&own.versions, 5, 9));
  assert_true(fkv_versions_reach(&own.versions, 9, 9));
  assert_false(fkv_versions_reach(&own.versions, 4, 9));
  fkv_versions_release(&own.versions, 5);
  assert_false(fkv_versions_want(&own.versions, 5));
  assert_false(fkv_versions_reach(&own.versions, 5, 9));
  own.versions.oldest = 7;
  assert_true(fkv_versions_want(&own.versions, 1));
  assert_true(fkv_versions_reach(&own.versions, 7, 9));
  assert_false(fkv_versions_reach(&own.versions, 6, 9));
  end(&own);
}

static void a_copied_link_stands_for_the_one_it_copies(void **state) {
  (void)state;
  fixture own;
  uint64_t left = 0;
  begin(&own);
  assert_int_equal(fkv_versions_hold(&own.versions, 3), FLASHKV_OK);
  assert_int_equal(fkv_versions_link(&own.versions, word_of(5), word_of(2), 2, 5), FLASHKV_OK);
  for (uint64_t newer = 6; newer < 50; newer++) {
    assert_int_equal(fkv_versions_copy(&own.versions, word_of(newer - 1), word_of(newer)), FLASHKV_OK);
    assert_int_equal(seen_at(&own.versions, word_of(newer), 3), word_of(2));
    fkv_versions_unlink(&own.versions, word_of(newer - 1));
    assert_int_equal(own.versions.count, 1);
  }
  assert_int_equal(fkv_versions_copy(&own.versions, word_of(1000), word_of(1001)), FLASHKV_OK); /* of nothing */
  fkv_versions_release(&own.versions, 3);
  fkv_versions_trim(&own.versions, leave, &left);
  assert_int_equal(left, 1);
  assert_int_equal(own.versions.count, 0);
  end(&own);
}

/* What a file scan does: versions of one key are met in any order. */
static void versions_met_in_any_order_form_one_chain(void **state) {
  (void)state;
  enum { COUNT = 40 };
  kh_prng prng = {unit_seed()};
  for (int round = 0; round < 200; round++) {
    fixture own;
    begin(&own);
    own.versions.oldest = kh_prng_below(&prng, COUNT);
    uint64_t order[COUNT];
    for (uint64_t at = 0; at < COUNT; at++) {
      uint64_t other = kh_prng_below(&prng, at + 1);
      order[at] = order[other];
      order[other] = at + 1;
    }
    uint64_t head = order[0];
    for (uint64_t at = 1; at < COUNT; at++) {
      uint64_t met = order[at], newest = met > head ? met : head, older = met > head ? head : met;
      bool kept;
      assert_int_equal(fkv_versions_insert(&own.versions, word_of(newest), newest, word_of(older), older, &kept),
                       FLASHKV_OK);
      head = newest;
    }
    uint64_t left = 0;
    own.versions.sweep_at = 0;
    fkv_versions_trim(&own.versions, leave, &left);
    for (uint64_t sequence = own.versions.oldest; sequence <= COUNT; sequence++) {
      if (sequence == 0) continue;
      assert_int_equal(seen_at(&own.versions, word_of(head), sequence), word_of(sequence));
    }
    assert_int_equal(own.versions.count, COUNT - (own.versions.oldest == 0 ? 1 : own.versions.oldest));
    end(&own);
  }
}

/* One key, written again and again, while snapshots come and go. */
static void snapshots_see_what_was_there(void **state) {
  (void)state;
  enum { SNAPSHOTS = 6, COMMITS = 20000 };
  kh_prng prng = {unit_seed()};
  fixture own;
  uint64_t held[SNAPSHOTS] = {0}, head = 1, left = 0;
  begin(&own);
  for (uint64_t commit = 2; commit < COMMITS; commit++) {
    uint64_t from = head;
    if (fkv_versions_want(&own.versions, from)) {
      assert_int_equal(fkv_versions_link(&own.versions, word_of(commit), word_of(head), from, commit), FLASHKV_OK);
    } else {
      assert_int_equal(fkv_versions_copy(&own.versions, word_of(head), word_of(commit)), FLASHKV_OK);
      fkv_versions_unlink(&own.versions, word_of(head));
    }
    head = commit;
    uint64_t *snapshot = &held[kh_prng_below(&prng, SNAPSHOTS)];
    if (kh_prng_below(&prng, 3) == 0) {
      if (*snapshot != 0) {
        fkv_versions_release(&own.versions, *snapshot);
        fkv_versions_trim(&own.versions, leave, &left);
        *snapshot = 0;
      } else {
        *snapshot = commit;
        assert_int_equal(fkv_versions_hold(&own.versions, commit), FLASHKV_OK);
      }
    }
    for (int at = 0; at < SNAPSHOTS; at++) {
      if (held[at] != 0) assert_int_equal(seen_at(&own.versions, word_of(head), held[at]), word_of(held[at]));
    }
    kh_epoch_collect(&own.epoch, 8);
  }
  for (int at = 0; at < SNAPSHOTS; at++) {
    if (held[at] != 0) fkv_versions_release(&own.versions, held[at]);
  }
  own.versions.sweep_at = 0;
  fkv_versions_trim(&own.versions, leave, &left);
  assert_int_equal(own.versions.count, 0);
  end(&own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_wanted_without_snapshots),
      cmocka_unit_test(a_copied_link_stands_for_the_one_it_copies),
      cmocka_unit_test(versions_met_in_any_order_form_one_chain),
      cmocka_unit_test(snapshots_see_what_was_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
