/* The log told again: every write of every commit, in order, while others write and merge; and from where it is all there. */
#include <pthread.h>
#include <stdio.h>

#include "store.h"

/* What was told, as text: "1a=x 2b! 3a=y,b=z": sequence, then its writes. */
typedef struct told {
  char text[4096];
  size_t used, changes, stop_after;
  bool inside;
  uint64_t sequence, timestamp_us;
} told;

static int note(void *ctx, const flashkv_change *change) {
  told *own = ctx;
  assert_true(own->inside ? change->sequence == own->sequence : change->sequence > own->sequence);
  assert_true(change->timestamp_us >= own->timestamp_us);
  const char *mark = change->kind == FLASHKV_CHANGE_PUT ? "=" : "!";
  char *to = own->text + own->used;
  size_t room = sizeof own->text - own->used;
  if (own->inside) own->used += (size_t)snprintf(to, room, ",");
  else own->used += (size_t)snprintf(to, room, "%s%d", own->used == 0 ? "" : " ", (int)change->sequence);
  own->used +=
      (size_t)snprintf(own->text + own->used, sizeof own->text - own->used, "%.*s%s%.*s", (int)change->key.size,
                       (const char *)change->key.data, mark, (int)change->value.size, (const char *)change->value.data);
  assert_true(own->used < sizeof own->text);
  own->inside = !change->last;
  own->sequence = change->sequence;
  own->timestamp_us = change->timestamp_us;
  return ++own->changes == own->stop_after;
}

static void assert_replay(flashkv *store, uint64_t from, uint64_t to, const char *expected) {
  told own = {0};
  MUST(flashkv_replay(store, from, to, note, &own, &err));
  assert_false(own.inside);
  assert_string_equal(own.text, expected);
}

static void put_batch(flashkv *store, const char *const *keys, const char *value, size_t count) {
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(store, NULL, &batch, &err));
  for (size_t at = 0; at < count; at++) {
    MUST(flashkv_batch_put(batch, flashkv_text(keys[at]), flashkv_text(value), NULL, &err));
  }
  MUST(flashkv_batch_commit(batch, NULL, &err));
  flashkv_batch_free(&batch);
}

static void write_some(flashkv *store) {
  store_put_text(store, "a", "1");
  put_batch(store, (const char *const[]){"b", "c", "a"}, "2", 3);
  store_delete_text(store, "b");
  put_batch(store, (const char *const[]){"d"}, "4", 1);
}

static void every_write_is_told_in_order(void **state) {
  test_store *test = *state;
  assert_replay(test->store, 0, UINT64_MAX, "");
  write_some(test->store);
  for (int round = 0; round < 3; round++) {
    assert_replay(test->store, 0, UINT64_MAX, "1a=1 2b=2,c=2,a=2 3b! 4d=4");
    assert_replay(test->store, 2, 3, "2b=2,c=2,a=2 3b!");
    assert_replay(test->store, 4, 4, "4d=4");
    assert_replay(test->store, 5, UINT64_MAX, "");
    assert_replay(test->store, 3, 2, "");
    if (round == 0) store_reopen(test);
    else store_crash(test);
  }
}

static void who_visits_can_end_it(void **state) {
  test_store *test = *state;
  write_some(test->store);
  told own = {.stop_after = 2};
  MUST(flashkv_replay(test->store, 1, UINT64_MAX, note, &own, &err));
  assert_string_equal(own.text, "1a=1 2b=2");
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "visit", flashkv_replay(test->store, 1, 2, NULL, NULL, &err));
}

static void a_read_only_store_replays_beside_a_writer(void **state) {
  test_store *test = *state;
  write_some(test->store);
  flashkv_options options = test->options;
  options.read_only = true;
  flashkv *reader = NULL;
  MUST(flashkv_open(&options, &reader, &err));
  store_put_text(test->store, "e", "5");
  assert_replay(reader, 1, UINT64_MAX, "1a=1 2b=2,c=2,a=2 3b! 4d=4");
  assert_replay(test->store, 4, UINT64_MAX, "4d=4 5e=5");
  MUST(flashkv_close(&reader, &err));
}

static int note_expiry(void *ctx, const flashkv_change *change) {
  *(uint64_t *)ctx = change->expires_ms;
  return 0;
}

static void what_expires_is_told_with_its_time(void **state) {
  test_store *test = *state;
  uint64_t expires_ms = 0;
  store_put_until(test->store, "a", "1", 7);
  MUST(flashkv_replay(test->store, 1, 1, note_expiry, &expires_ms, &err));
  assert_int_equal(expires_ms, 7);
}

/* ---- merges */

static void merge_all(flashkv *store) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = -1;
  MUST(flashkv_merge(store, &options, NULL, &err));
}

static void what_merging_dropped_is_trimmed(void **state) {
  test_store *test = *state;
  write_some(test->store);
  merge_all(test->store);
  store_put_text(test->store, "e", "5");
  told own = {0};
  for (int round = 0; round < 2; round++) {
    MUST_SAY(FLASHKV_TRIMMED, "from 5 on", flashkv_replay(test->store, 4, UINT64_MAX, note, &own, &err));
    assert_int_equal(own.changes, 0);
    assert_int_equal(store_stats(test->store).oldest_replay, 5);
    assert_replay(test->store, 5, UINT64_MAX, "5e=5");
    store_reopen(test);
  }
}

static void what_is_retained_can_be_replayed(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "0");
  MUST(flashkv_retain(test->store, 1, &err));
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "a", "2");
  merge_all(test->store);
  store_reopen(test);
  assert_replay(test->store, 2, UINT64_MAX, "2a=1 3a=2");
}

static int merge_meanwhile(void *ctx, const flashkv_change *change) {
  test_store *test = ctx;
  if (change->sequence == 1) merge_all(test->store);
  store_put_text(test->store, "z", "new");
  return 0;
}

/* All of it is told as it was when the replay began. */
static void a_merge_takes_nothing_from_a_replay(void **state) {
  test_store *test = *state;
  char value[4096];
  memset(value, 'v', sizeof value);
  test->options.data_file_size = 1 << 16;
  test->options.merge_automatically = false;
  store_reopen(test);
  for (int number = 0; number < 100; number++) {
    MUST(flashkv_put(test->store, flashkv_text("a"), slice_of(value, sizeof value), &err));
  }
  MUST(flashkv_replay(test->store, 1, UINT64_MAX, merge_meanwhile, test, &err));
  assert_int_equal(flashkv_sequence(test->store), 200);
  store_assert_text(test->store, "z", "new");
}

/* ---- threads */

static int count_changes(void *ctx, const flashkv_change *change) {
  told *own = ctx;
  assert_int_equal(change->sequence, own->inside ? own->sequence : own->sequence + 1);
  own->sequence = change->sequence;
  own->inside = !change->last;
  return 0;
}

static void *write_batches(void *ctx) {
  flashkv *store = ctx;
  for (unsigned number = 0; number < unit_size(2000); number++) {
    put_batch(store, (const char *const[]){"a", "b", "c"}, "value", 1 + number % 3);
  }
  return NULL;
}

static void replays_see_whole_commits_while_others_write(void **state) {
  test_store *test = *state;
  pthread_t writers[2];
  told own = {0};
  for (int at = 0; at < 2; at++) assert_int_equal(pthread_create(&writers[at], NULL, write_batches, test->store), 0);
  while (own.sequence < 2 * unit_size(2000)) {
    MUST(flashkv_replay(test->store, own.sequence + 1, UINT64_MAX, count_changes, &own, &err));
    assert_false(own.inside);
  }
  for (int at = 0; at < 2; at++) pthread_join(writers[at], NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_write_is_told_in_order),
      cmocka_unit_test(who_visits_can_end_it),
      cmocka_unit_test(a_read_only_store_replays_beside_a_writer),
      cmocka_unit_test(what_expires_is_told_with_its_time),
      cmocka_unit_test(what_merging_dropped_is_trimmed),
      cmocka_unit_test(what_is_retained_can_be_replayed),
      cmocka_unit_test(a_merge_takes_nothing_from_a_replay),
      cmocka_unit_test(replays_see_whole_commits_while_others_write),
  };
  return STORE_SUITE(tests);
}
