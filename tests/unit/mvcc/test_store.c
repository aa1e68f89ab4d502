/* Version chains, publication and reclamation, without transactions: the test is the seat. */
#include <stdio.h>

#include "mvcc/mvcc.h"
#include "unit.h"

typedef struct fixture {
  kh_store store;
  kh_snapshot *slots[3];
  kh_participant *participant;
} fixture;

static int set_up(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  assert_int_equal(kh_store_init(&f->store, 1, 0, 0), KHONSU_OK);
  for (int i = 0; i < 3; i++) assert_int_equal(kh_snapshot_join(&f->store.snapshots, &f->slots[i]), KHONSU_OK);
  assert_int_equal(kh_epoch_join(&f->store.epoch, &f->participant), KHONSU_OK);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  kh_store_fini(&f->store);
  kh_free(f);
  return 0;
}

static khonsu_slice slice_of(const char *text) { return kh_slice(text, strlen(text)); }

static uint64_t hash_of(fixture *f, const char *key) { return kh_store_hash(&f->store, slice_of(key)); }

/* The newest version, published or not. */
static kh_version *find(fixture *f, const char *key) {
  return kh_store_find(&f->store, slice_of(key), hash_of(f, key));
}

/* Links a version of `key`; NULL deletes. Not yet published. */
static uint64_t link_text(fixture *f, const char *key, const char *text) {
  kh_version *version = text == NULL ? kh_version_new_tombstone(&f->store.cache, slice_of(key))
                                     : kh_version_new_bytes(&f->store.cache, slice_of(key), slice_of(text));
  version->timestamp = ++f->store.newest;
  assert_int_equal(kh_store_link(&f->store, hash_of(f, key), find(f, key), version), KHONSU_OK);
  return version->timestamp;
}

static uint64_t commit_text(fixture *f, const char *key, const char *text) {
  uint64_t timestamp = link_text(f, key, text);
  kh_store_settle(&f->store, hash_of(f, key), find(f, key));
  kh_store_publish(&f->store, timestamp);
  return timestamp;
}

static void assert_at(fixture *f, const char *key, uint64_t timestamp, const char *expected) {
  kh_version *version = kh_version_visible(find(f, key), timestamp);
  if (expected == NULL) {
    assert_true(version == NULL || version->kind == KH_TOMBSTONE);
    return;
  }
  assert_non_null(version);
  assert_int_equal(version->kind, KH_BYTES);
  assert_int_equal(version->size, strlen(expected));
  assert_memory_equal(kh_version_bytes(version).data, expected, version->size);
}

static uint64_t versions(fixture *f) { return atomic_load(&f->store.gauges.versions); }

static void reclaim_all(fixture *f) {
  while (kh_store_reclaim(&f->store)) continue;
}

static void a_reader_sees_the_newest_version_not_newer_than_its_snapshot(void **state) {
  fixture *f = *state;
  uint64_t first = commit_text(f, "k", "one"), second = commit_text(f, "k", "two");
  uint64_t third = link_text(f, "k", "three"); /* linked, not published */
  assert_at(f, "k", first, "one");
  assert_at(f, "k", second, "two");
  assert_at(f, "k", kh_store_visible(&f->store), "two");
  assert_at(f, "k", third, "three");
  assert_at(f, "k", first - 1, NULL);
}

static void an_undone_version_was_never_there(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  link_text(f, "k", "two");
  link_text(f, "new", "x");
  kh_store_undo(&f->store, hash_of(f, "new"), find(f, "new"));
  kh_store_undo(&f->store, hash_of(f, "k"), find(f, "k"));
  assert_null(find(f, "new"));
  assert_at(f, "k", UINT64_MAX, "one");
  assert_int_equal(versions(f), 1);
  assert_int_equal(atomic_load(&f->store.gauges.records), 1);
  uint64_t timestamp = commit_text(f, "k", "three");
  assert_true(timestamp > 4); /* timestamps are not given out twice */
}

static void superseded_versions_go_when_no_snapshot_sees_them(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  uint64_t pinned = kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_PINS);
  commit_text(f, "k", "two");
  commit_text(f, "k", "three");
  reclaim_all(f);
  assert_int_equal(versions(f), 2);
  assert_at(f, "k", pinned, "one");
  assert_at(f, "k", UINT64_MAX, "three");
  assert_true(kh_snapshot_end(f->slots[0])); /* it pinned something */
  reclaim_all(f);
  assert_int_equal(versions(f), 1);
  assert_false(kh_snapshot_end(f->slots[0]));
}

static void what_two_snapshots_see_goes_with_the_second(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_PINS);
  commit_text(f, "other", "x");
  uint64_t second = kh_snapshot_begin(&f->store.snapshots, f->slots[1], KH_PINS);
  commit_text(f, "k", "two");
  reclaim_all(f);
  kh_snapshot_end(f->slots[0]);
  reclaim_all(f);
  assert_at(f, "k", second, "one");
  kh_snapshot_end(f->slots[1]);
  reclaim_all(f);
  assert_int_equal(versions(f), 2);
}

/* A slot that is used again, at another timestamp, does not keep what it kept before. */
static void a_reused_slot_lets_go(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_PINS);
  commit_text(f, "k", "two");
  reclaim_all(f);
  kh_snapshot_end(f->slots[0]);
  kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_PINS);
  reclaim_all(f);
  assert_int_equal(versions(f), 1);
  kh_snapshot_end(f->slots[0]);
}

static void unpublished_successors_keep_their_predecessors(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  link_text(f, "k", "two");
  kh_store_settle(&f->store, hash_of(f, "k"), find(f, "k")); /* written, not yet flushed */
  reclaim_all(f);
  assert_int_equal(versions(f), 2);
  assert_at(f, "k", kh_store_visible(&f->store), "one");
  kh_store_publish(&f->store, f->store.newest);
  reclaim_all(f);
  assert_int_equal(versions(f), 1);
}

static void a_lone_tombstone_takes_its_record_along(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  commit_text(f, "k", NULL);
  reclaim_all(f);
  reclaim_all(f); /* the tombstone is alone since the first */
  assert_null(find(f, "k"));
  assert_int_equal(versions(f), 0);
  assert_int_equal(atomic_load(&f->store.gauges.memory), 0);
}

static void a_key_without_record_leaves_the_order(void **state) {
  fixture *f = *state;
  commit_text(f, "before", "one");
  while (!kh_store_is_ordered(&f->store)) assert_int_equal(kh_store_order(&f->store), KHONSU_OK);
  commit_text(f, "after", "one");
  link_text(f, "undone", "one");
  assert_int_equal(f->store.order.count, 3);
  kh_store_undo(&f->store, hash_of(f, "undone"), find(f, "undone"));
  commit_text(f, "before", NULL);
  commit_text(f, "after", NULL);
  for (int i = 0; i < 2; i++) reclaim_all(f);
  assert_int_equal(f->store.order.count, 0);
}

/* Of so many keys some share with another, in the same place of the index, all that the index knows of them. */
static void keys_are_found_in_groups(void **state) {
  fixture *f = *state;
  enum { MOST = KH_LOOKUP_MOST };
  size_t count = unit_size(800000);
  char *keys = calloc(count, 16);
  kh_key_place places[MOST];
  for (size_t i = 0; i < count; i++) {
    snprintf(keys + 16 * i, 16, "key%zu", i);
    if (i % 3 != 0) link_text(f, keys + 16 * i, "x");
  }
  for (size_t from = 0; from < count; from += MOST) {
    size_t size = count - from < MOST ? count - from : MOST;
    for (size_t i = 0; i < size; i++) places[i] = (kh_key_place){16 * (from + i), strlen(keys + 16 * (from + i))};
    kh_lookup lookup;
    kh_lookup_begin(&lookup, &f->store, (const uint8_t *)keys, places, size, true);
    for (size_t i = 0; i < size; i++) {
      const kh_version *found = kh_lookup_next(&lookup, i);
      assert_int_equal(found != NULL, (from + i) % 3 != 0);
      if (found != NULL) assert_true(kh_slice_equal(kh_version_key(found), slice_of(keys + 16 * (from + i))));
    }
  }
  free(keys);
}

static void a_tombstone_waits_for_who_will_be_certified(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_CERTIFIES);
  commit_text(f, "k", NULL);
  for (int i = 0; i < 3; i++) reclaim_all(f);
  assert_non_null(find(f, "k"));
  assert_int_equal(versions(f), 1); /* it reads nothing at its snapshot: the value itself is gone */
  kh_snapshot_end(f->slots[0]);
  reclaim_all(f);
  assert_null(find(f, "k"));
}

static void a_waiting_tombstone_that_is_superseded_goes_too(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_CERTIFIES);
  commit_text(f, "k", NULL);
  for (int i = 0; i < 3; i++) reclaim_all(f);
  commit_text(f, "k", "two");
  kh_snapshot_end(f->slots[0]);
  for (int i = 0; i < 3; i++) reclaim_all(f);
  assert_int_equal(versions(f), 1);
  assert_at(f, "k", UINT64_MAX, "two");
}

static void unlinked_memory_waits_for_operations_in_flight(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_epoch_enter(f->participant);
  kh_version *seen = kh_version_visible(find(f, "k"), UINT64_MAX);
  commit_text(f, "k", "two");
  reclaim_all(f);
  assert_int_equal(versions(f), 1);
  assert_memory_equal(kh_version_bytes(seen).data, "one", 3); /* unlinked, and still there */
  assert_int_equal(f->store.epoch.retired_count, 1);
  kh_epoch_exit(f->participant);
  reclaim_all(f);
  assert_int_equal(f->store.epoch.retired_count, 0);
}

static void a_lent_version_outlives_its_chain(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  kh_version *lent = kh_version_ref(kh_version_visible(find(f, "k"), UINT64_MAX));
  commit_text(f, "k", "two");
  reclaim_all(f);
  assert_memory_equal(kh_version_bytes(lent).data, "one", 3);
  kh_version_unref(lent, NULL);
}

static void the_oldest_snapshot_is_the_oldest_that_reads(void **state) {
  fixture *f = *state;
  commit_text(f, "k", "one");
  assert_int_equal(kh_store_oldest_snapshot(&f->store, 99), 99);
  uint64_t first = kh_snapshot_begin(&f->store.snapshots, f->slots[0], KH_PINS | KH_CERTIFIES);
  commit_text(f, "k", "two");
  kh_snapshot_begin(&f->store.snapshots, f->slots[1], KH_PINS);
  kh_snapshot_begin(&f->store.snapshots, f->slots[2], KH_CERTIFIES);
  assert_int_equal(kh_store_oldest_snapshot(&f->store, 99), first);
  for (int i = 0; i < 3; i++) kh_snapshot_end(f->slots[i]);
  uint64_t reading = kh_snapshot_read_begin(&f->store.snapshots, f->slots[0]);
  assert_int_equal(kh_store_oldest_snapshot(&f->store, 99), reading);
  kh_snapshot_read_end(f->slots[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_reader_sees_the_newest_version_not_newer_than_its_snapshot),
      TEST(an_undone_version_was_never_there),
      TEST(superseded_versions_go_when_no_snapshot_sees_them),
      TEST(what_two_snapshots_see_goes_with_the_second),
      TEST(a_reused_slot_lets_go),
      TEST(unpublished_successors_keep_their_predecessors),
      TEST(a_lone_tombstone_takes_its_record_along),
      TEST(a_key_without_record_leaves_the_order),
      TEST(keys_are_found_in_groups),
      TEST(a_tombstone_waits_for_who_will_be_certified),
      TEST(a_waiting_tombstone_that_is_superseded_goes_too),
      TEST(unlinked_memory_waits_for_operations_in_flight),
      TEST(a_lent_version_outlives_its_chain),
      TEST(the_oldest_snapshot_is_the_oldest_that_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
