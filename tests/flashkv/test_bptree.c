/* The index on disk: nothing is made anew at open, unless what is there cannot be right. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store.h"

enum { KEYS = 3000 };

static flashkv_recovery recovered(const flashkv *store) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &recovery);
  return recovery;
}

/* Every fifth key is longer than what LMDB takes. */
static flashkv_slice key_of(uint32_t number) {
  static uint8_t bytes[700];
  memset(bytes, 'k', sizeof bytes);
  memcpy(bytes + (number % 5 == 0 ? sizeof bytes - 4 : 0), &number, 4);
  return slice_of(bytes, number % 5 == 0 ? sizeof bytes : 4);
}

static void put_round(flashkv *store, uint32_t round) {
  for (uint32_t number = round % 2; number < KEYS; number += 2) {
    uint64_t value = (uint64_t)round << 32 | number;
    if (number % 7 != 0) MUST(flashkv_put(store, key_of(number), slice_of(&value, sizeof value), &err));
    else if (flashkv_exists(store, key_of(number), NULL) == FLASHKV_OK)
      MUST(flashkv_delete(store, key_of(number), &err));
  }
}

/* After `rounds` of them. */
static void assert_rounds(flashkv *store, uint32_t rounds) {
  uint64_t there = 0;
  for (uint32_t number = 0; number < KEYS; number++) {
    uint32_t last = rounds - 1;
    if (last % 2 != number % 2) last--;
    uint64_t value = (uint64_t)last << 32 | number;
    if (number % 7 == 0) {
      MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(store, key_of(number), &err));
      continue;
    }
    store_assert_value(store, key_of(number), slice_of(&value, sizeof value));
    there++;
  }
  assert_int_equal(store_stats(store).key_num, there);
}

static void begin(test_store *test) {
  test->options.index_type = FLASHKV_INDEX_BPTREE;
  test->options.data_file_size = 65536;
  store_reopen(test);
  put_round(test->store, 0);
  put_round(test->store, 1);
}

static void what_was_closed_is_opened_without_reading(void **state) {
  test_store *test = *state;
  begin(test);
  for (uint32_t round = 2; round < 6; round++) {
    store_reopen(test);
    assert_int_equal(recovered(test->store).records, 0);
    assert_int_equal(recovered(test->store).files_scanned, 0);
    assert_true(recovered(test->store).clean);
    assert_rounds(test->store, round);
    put_round(test->store, round);
  }
}

static void after_a_crash_the_end_of_the_log_is_read(void **state) {
  test_store *test = *state;
  begin(test);
  for (uint32_t round = 2; round < 6; round++) {
    store_crash(test);
    assert_true(recovered(test->store).records < 600); /* changes of a file */
    assert_rounds(test->store, round);
    put_round(test->store, round);
  }
}

static void after_a_merge_too(void **state) {
  test_store *test = *state;
  begin(test);
  for (uint32_t round = 2; round < 6; round++) {
    MUST(flashkv_merge(test->store, NULL, NULL, &err));
    if (round % 2) store_crash(test);
    else store_reopen(test);
    assert_true(recovered(test->store).records < 600);
    assert_rounds(test->store, round);
    put_round(test->store, round);
  }
}

static void what_is_retained_is_opened_too(void **state) {
  test_store *test = *state;
  begin(test);
  uint64_t then = flashkv_sequence(test->store);
  MUST(flashkv_retain(test->store, then, &err));
  put_round(test->store, 2);
  put_round(test->store, 3);
  for (int round = 0; round < 2; round++) {
    uint64_t value = 1;
    flashkv_value found = FLASHKV_VALUE_INIT;
    MUST(flashkv_get_at(test->store, key_of(2), then, &found, &err));
    value = 2;
    assert_memory_equal(found.data, &value, sizeof value);
    flashkv_value_release(&found);
    store_reopen(test);
    assert_int_equal(recovered(test->store).records, 0);
  }
  assert_rounds(test->store, 4);
}

/* ---- what cannot be right */

static void path_of(const test_store *test, char path[128]) { snprintf(path, 128, "%s/bptree", test->folder); }

static void cut(const char *path) { assert_int_equal(truncate(path, 50000), 0); }
static void empty(const char *path) { assert_int_equal(truncate(path, 0), 0); }
static void take_away(const char *path) { assert_int_equal(unlink(path), 0); }

static void overwrite(const char *path) {
  char bytes[20000];
  memset(bytes, 'x', sizeof bytes);
  int file = open(path, O_WRONLY);
  assert_int_equal(write(file, bytes, sizeof bytes), sizeof bytes);
  close(file);
}

static void a_file_that_is_none_is_made_anew(void **state) {
  test_store *test = *state;
  void (*const damages[])(const char *path) = {empty, take_away, overwrite, cut};
  char path[128];
  path_of(test, path);
  begin(test);
  for (size_t at = 0; at < sizeof damages / sizeof damages[0]; at++) {
    store_close(test);
    damages[at](path);
    store_open(test);
    assert_true(recovered(test->store).records > KEYS / 2);
    assert_rounds(test->store, 2);
    store_reopen(test);
    assert_int_equal(recovered(test->store).records, 0);
    assert_rounds(test->store, 2);
  }
}

/* A whole one, but as of an earlier time: the log goes on from there; or, after a merge, it leads nowhere. */
static void an_older_one_is_brought_up_to_date(void **state) {
  test_store *test = *state;
  char path[128], kept[160], command[300];
  path_of(test, path);
  snprintf(kept, sizeof kept, "%s.kept", path);
  begin(test);
  for (int merged = 0; merged < 2; merged++) {
    uint32_t round = merged ? 4 : 2;
    store_close(test);
    snprintf(command, sizeof command, "cp %s %s", path, kept);
    assert_int_equal(system(command), 0);
    store_open(test);
    put_round(test->store, round);
    put_round(test->store, round + 1);
    if (merged) MUST(flashkv_merge(test->store, NULL, NULL, &err));
    store_close(test);
    snprintf(command, sizeof command, "mv %s %s", kept, path);
    assert_int_equal(system(command), 0);
    store_open(test);
    assert_rounds(test->store, round + 2);
    store_reopen(test);
    assert_rounds(test->store, round + 2);
  }
}

static void one_of_another_store_is_not_taken(void **state) {
  test_store *test = *state, other = {.options = test->options};
  char from[128], to[128], command[300];
  begin(test);
  folder_make(other.folder);
  other.options.dir_path = other.folder;
  other.options.index_type = FLASHKV_INDEX_BPTREE;
  store_open(&other);
  store_put_text(other.store, "a", "of the other");
  store_close(&other);
  store_close(test);
  path_of(&other, from);
  path_of(test, to);
  snprintf(command, sizeof command, "cp %s %s", from, to);
  assert_int_equal(system(command), 0);
  store_open(test);
  store_assert_text(test->store, "a", NULL);
  assert_rounds(test->store, 2);
  folder_remove(other.folder);
}

/* Each copy of the key that there is: LMDB has pages that are not in use as well. */
static void lead_astray(const char *path, const char *key, uint8_t flip) {
  int file = open(path, O_RDWR);
  assert_true(file >= 0);
  off_t size = lseek(file, 0, SEEK_END);
  uint8_t *bytes = malloc((size_t)size);
  assert_non_null(bytes);
  assert_int_equal(pread(file, bytes, (size_t)size, 0), size);
  size_t length = strlen(key), found = 0;
  for (size_t at = 0; at + length + 8 <= (size_t)size; at++) {
    if (memcmp(bytes + at, key, length) != 0) continue;
    bytes[at + length] ^= flip; /* of its word */
    found++;
  }
  assert_int_equal(pwrite(file, bytes, (size_t)size, 0), size);
  assert_true(found > 0);
  free(bytes);
  close(file);
}

/* It is damaged, so what it does not lead to is not therefore dead. */
static void lose_and_merge(test_store *test, uint8_t flip) {
  char path[128];
  path_of(test, path);
  test->options.index_type = FLASHKV_INDEX_BPTREE;
  test->options.data_file_size = 4096;
  store_reopen(test);
  for (uint32_t number = 0; number < 200; number++) {
    char key[32];
    snprintf(key, sizeof key, "%s/%03u", number % 2 ? "fleeting" : "precious", number % 2 ? 0 : number);
    store_put_text(test->store, key, "what it is all about");
  }
  store_close(test);
  lead_astray(path, "precious/042", flip);
  store_open(test);
  assert_int_equal(recovered(test->store).records, 0);
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  MUST_BE(FLASHKV_CORRUPT, flashkv_merge(test->store, &options, NULL, &err));
  MUST_BE(FLASHKV_CORRUPT, flashkv_exists(test->store, flashkv_text("precious/042"), &err));
  store_assert_text(test->store, "precious/044", "what it is all about");
  store_reopen(test);
  assert_true(recovered(test->store).records > 0);
  store_assert_text(test->store, "precious/042", "what it is all about");
  MUST(flashkv_merge(test->store, &options, NULL, &err));
  store_reopen(test);
  store_assert_text(test->store, "precious/042", "what it is all about");
  assert_int_equal(store_stats(test->store).key_num, 101);
}

static void what_is_lost_to_nowhere_is_not_merged_away(void **state) { lose_and_merge(*state, 0x80); }
static void what_is_lost_to_another_place_is_not_merged_away(void **state) { lose_and_merge(*state, 2); }

static void it_grows(void **state) {
  test_store *test = *state;
  test->options.index_type = FLASHKV_INDEX_BPTREE;
  store_reopen(test);
  uint32_t count = (uint32_t)unit_size(200000);
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  char key[100] = "some bytes, so that there are more of them: ";
  for (uint32_t number = 0; number < count; number++) {
    memcpy(key + sizeof key - 4, &number, 4);
    MUST(flashkv_batch_put(batch, slice_of(key, sizeof key), slice_of(&number, 4), NULL, &err));
    if (number % 1000 == 999) MUST(flashkv_batch_commit(batch, NULL, &err));
  }
  flashkv_batch_free(&batch);
  assert_true(store_stats(test->store).index_memory < 10 << 20);
  store_reopen(test);
  assert_int_equal(recovered(test->store).records, 0);
  assert_int_equal(store_stats(test->store).key_num, count);
  for (uint32_t number = 0; number < count; number += 97) {
    memcpy(key + sizeof key - 4, &number, 4);
    store_assert_value(test->store, slice_of(key, sizeof key), slice_of(&number, 4));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_closed_is_opened_without_reading),
      cmocka_unit_test(after_a_crash_the_end_of_the_log_is_read),
      cmocka_unit_test(after_a_merge_too),
      cmocka_unit_test(what_is_retained_is_opened_too),
      cmocka_unit_test(a_file_that_is_none_is_made_anew),
      cmocka_unit_test(an_older_one_is_brought_up_to_date),
      cmocka_unit_test(one_of_another_store_is_not_taken),
      cmocka_unit_test(what_is_lost_to_nowhere_is_not_merged_away),
      cmocka_unit_test(what_is_lost_to_another_place_is_not_merged_away),
      cmocka_unit_test(it_grows),
  };
  return store_suite_of(FLASHKV_INDEX_BPTREE, tests, sizeof tests / sizeof tests[0]);
}
