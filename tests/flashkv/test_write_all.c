/* Commits from where their writes are; and reads of what is kept where whole moments are not. */
#include <stdio.h>
#include <stdlib.h>

#include "store.h"

static flashkv_write put_of(const char *key, const char *value) {
  return (flashkv_write){FLASHKV_CHANGE_PUT, false, 0, flashkv_text(key), flashkv_text(value)};
}

static flashkv_write deletion_of(const char *key) {
  return (flashkv_write){FLASHKV_CHANGE_DELETE, false, 0, flashkv_text(key), {NULL, 0}};
}

static uint64_t write_all(test_store *test, const flashkv_write *writes, size_t count) {
  uint64_t sequence = 0, next = flashkv_next_sequence(test->store);
  MUST(flashkv_write_all(test->store, writes, count, FLASHKV_BUFFERED, &sequence, &err));
  assert_int_equal(sequence, next);
  return sequence;
}

static void all_of_it_is_one_commit(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "gone", "1");
  flashkv_write writes[] = {put_of("a", "1"), put_of("b", "2"), deletion_of("gone"), deletion_of("never was"),
                            put_of("a", "the last stands")};
  writes[1].aligned = true;
  write_all(test, writes, 5);
  assert_int_equal(flashkv_sequence(test->store), 2);
  store_assert_entries(test->store, NULL, "a=the last stands b=2");
  if (test->options.mmap_at_startup) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    MUST(flashkv_get(test->store, flashkv_text("b"), &value, &err));
    assert_int_equal((uintptr_t)value.data % 64, 0);
    flashkv_value_release(&value);
  }
  write_all(test, writes, 1);
  store_crash(test);
  store_assert_entries(test->store, NULL, "a=1 b=2");
  assert_int_equal(flashkv_next_sequence(test->store), 4);
}

static void many_writes(void **state) {
  enum { COUNT = 3000 };
  test_store *test = *state;
  char(*keys)[16] = malloc(COUNT * sizeof *keys);
  flashkv_write *writes = malloc(COUNT * sizeof *writes);
  assert_true(keys != NULL && writes != NULL);
  for (int i = 0; i < COUNT; i++) {
    snprintf(keys[i], sizeof keys[i], "%06d", i);
    writes[i] = put_of(keys[i], keys[i]);
  }
  write_all(test, writes, COUNT);
  store_reopen(test);
  assert_int_equal(store_stats(test->store).key_num, COUNT);
  store_assert_text(test->store, keys[COUNT - 1], keys[COUNT - 1]);
  free(writes);
  free(keys);
}

static void what_is_wrong_changes_nothing(void **state) {
  test_store *test = *state;
  flashkv_write writes[] = {put_of("a", "1"), {0, false, 0, flashkv_text("b"), flashkv_text("2")}};
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "neither", flashkv_write_all(test->store, writes, 2, FLASHKV_SYNC, NULL, &err));
  writes[1] = put_of("", "2");
  MUST_BE(FLASHKV_KEY_EMPTY, flashkv_write_all(test->store, writes, 2, FLASHKV_SYNC, NULL, &err));
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_write_all(test->store, writes, 1, (flashkv_durability)9, NULL, &err));
  store_assert_entries(test->store, NULL, "");
  uint64_t sequence = 7;
  MUST(flashkv_write_all(test->store, NULL, 0, FLASHKV_SYNC, &sequence, &err));
  assert_int_equal(sequence, 0);
}

static void assert_kept(test_store *test, uint64_t sequence, const char *key, const char *expected) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status wanted = expected == NULL ? FLASHKV_NOT_FOUND : FLASHKV_OK;
  MUST_BE(wanted, flashkv_get_kept(test->store, flashkv_text(key), sequence, &value, &err));
  if (expected == NULL) return;
  assert_int_equal(value.size, strlen(expected));
  assert_memory_equal(value.data, expected, value.size);
  flashkv_value_release(&value);
}

/* A snapshot keeps what a key had at it, and so at all sequences up to the next write of the key. */
static void what_is_kept_can_be_read(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "old");
  store_put_text(test->store, "gone", "old");
  flashkv_snapshot *snapshot = NULL;
  MUST(flashkv_snapshot_open(test->store, &snapshot, &err));
  store_put_text(test->store, "b", "3");
  store_put_text(test->store, "a", "new");
  store_delete_text(test->store, "gone");
  for (uint64_t sequence = 2; sequence <= 3; sequence++) assert_kept(test, sequence, "a", "old");
  assert_kept(test, 4, "a", "new");
  assert_kept(test, 2, "b", NULL);
  assert_kept(test, 4, "gone", "old");
  assert_kept(test, 5, "gone", NULL);
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_kept(test->store, 3, NULL, &iterator, &err));
  store_assert_rest(iterator, "a=old b=3 gone=old");
  flashkv_iterator_free(&iterator);
  MUST(flashkv_iterator_kept(test->store, 5, NULL, &iterator, &err));
  store_assert_rest(iterator, "a=new b=3");
  flashkv_iterator_free(&iterator);
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_iterator_kept(test->store, 6, NULL, &iterator, &err));
  flashkv_snapshot_close(&snapshot);
  assert_kept(test, 5, "a", "new");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_of_it_is_one_commit),
      cmocka_unit_test(many_writes),
      cmocka_unit_test(what_is_wrong_changes_nothing),
      cmocka_unit_test(what_is_kept_can_be_read),
  };
  return STORE_SUITE(tests);
}
