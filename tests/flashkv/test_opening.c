/* Opening and closing: what is there stays, who else has the store is said, reading does not disturb who writes. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage.h"
#include "flashkv/hints.h"
#include "store.h"

static void everything_is_there_after_closing(void **state) {
  test_store *test = *state;
  test->options.data_file_size = 4096;
  store_reopen(test);
  char key[16], value[200];
  memset(value, 'v', sizeof value);
  for (int at = 0; at < 300; at++) {
    snprintf(key, sizeof key, "%d", at % 100);
    MUST(flashkv_put(test->store, flashkv_text(key), slice_of(value, (size_t)at % 200), &err));
    if (at % 50 == 49) store_reopen(test);
  }
  assert_true(store_stats(test->store).data_file_num > 5);
  assert_int_equal(store_stats(test->store).key_num, 100);
  for (int at = 200; at < 300; at++) {
    snprintf(key, sizeof key, "%d", at % 100);
    store_assert_value(test->store, flashkv_text(key), slice_of(value, (size_t)at % 200));
  }
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(test->store, &recovery);
  assert_int_equal(recovery.sequence, 300);
  assert_int_equal(recovery.bytes_dropped, 0);
  store_close(test);
  MUST(flashkv_close(&test->store, &err)); /* of nothing */
}

static void files_may_change_their_size_from_one_opening_to_the_next(void **state) {
  test_store *test = *state;
  static const uint64_t sizes[] = {4096, 1 << 20, 8192, 4 << 20};
  char value[1000];
  memset(value, 'v', sizeof value);
  for (uint32_t at = 0; at < 200; at++) {
    test->options.data_file_size = sizes[at / 10 % 4];
    if (at % 10 == 0) at % 20 == 0 ? store_reopen(test) : store_crash(test);
    MUST(flashkv_put(test->store, slice_of(&at, sizeof at), slice_of(value, sizeof value), &err));
  }
  for (uint32_t at = 0; at < 200; at++) {
    store_assert_value(test->store, slice_of(&at, sizeof at), slice_of(value, sizeof value));
  }
}

/* The index may be another each time: what they keep of their own must not be taken for what is in the files. */
static void the_index_may_be_another_from_one_opening_to_the_next(void **state) {
  test_store *test = *state;
  static const char *const names[] = {"hash", "btree", NULL, "skiplist", "bptree", NULL};
  flashkv_index_type own = test->options.index_type;
  for (uint32_t at = 0; at < 50; at++) {
    const char *name = names[at / 2 % (sizeof names / sizeof names[0])];
    if (at % 2 == 0 || name == NULL) test->options.index_type = own;
    else MUST(flashkv_options_set(&test->options, "index_type", name, &err));
    if (at % 5 == 0) store_crash(test);
    else store_reopen(test);
    for (uint32_t before = at < 10 ? 0 : at - 10; before < at; before++) {
      store_assert_value(test->store, slice_of(&before, 4), slice_of(&before, 4));
    }
    MUST(flashkv_put(test->store, slice_of(&at, 4), slice_of(&at, 4), &err));
    uint32_t old = at - 10;
    if (at >= 10) MUST(flashkv_delete(test->store, slice_of(&old, 4), &err));
    assert_int_equal(store_stats(test->store).key_num, at < 10 ? at + 1 : 10);
  }
}

static void a_store_is_opened_for_writing_once(void **state) {
  test_store *test = *state;
  char process[32];
  snprintf(process, sizeof process, "this process (%ld)", (long)getpid());
  flashkv *second = NULL;
  MUST_SAY(FLASHKV_LOCKED, process, flashkv_open(&test->options, &second, &err));
  assert_null(second);
  store_put_text(test->store, "a", "1"); /* and the first does not notice */
  store_reopen(test);
  store_assert_text(test->store, "a", "1");
}

static void reading_only_works_beside_a_writer(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "b", "1");
  store_delete_text(test->store, "b");
  flashkv_options options = test->options;
  options.read_only = true;
  flashkv *reader = NULL, *other = NULL;
  MUST(flashkv_open(&options, &reader, &err));
  MUST(flashkv_open(&options, &other, &err));
  store_put_text(test->store, "a", "2");
  store_put_text(test->store, "c", "2");
  store_assert_entries(reader, NULL, "a=1"); /* as it was at open */
  store_assert_text(reader, "c", NULL);
  MUST_SAY(FLASHKV_READ_ONLY, "read-only", flashkv_put(reader, flashkv_text("a"), flashkv_text("3"), &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_delete(reader, flashkv_text("a"), &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_retain(reader, 1, &err));
  MUST(flashkv_sync(reader, &err));
  flashkv_batch *batch = NULL;
  if (flashkv_batch_new(reader, NULL, &batch, NULL) == FLASHKV_OK) {
    MUST(flashkv_batch_put(batch, flashkv_text("a"), flashkv_text("3"), NULL, &err));
    MUST_BE(FLASHKV_READ_ONLY, flashkv_batch_commit(batch, NULL, &err));
    flashkv_batch_free(&batch);
  }
  store_close(test);
  store_assert_entries(reader, NULL, "a=1");
  MUST(flashkv_close(&other, &err));
  MUST(flashkv_open(&options, &other, &err));
  store_assert_entries(other, NULL, "a=2 c=2");
  MUST(flashkv_close(&other, &err));
  MUST(flashkv_close(&reader, &err));
}

static int list_size(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
  FILE *listing = popen(command, "r");
  assert_non_null(listing);
  int count = -1;
  assert_int_equal(fscanf(listing, "%d", &count), 1);
  pclose(listing);
  return count;
}

static void directories_that_hold_no_store_are_left_alone(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE], path[128];
  folder_make(folder);
  flashkv_options options = test->options;
  options.dir_path = folder;
  options.create_if_missing = false;
  flashkv *store = NULL;
  MUST_SAY(FLASHKV_NOT_A_STORE, folder, flashkv_open(&options, &store, &err));
  options.create_if_missing = true;
  options.read_only = true;
  MUST_SAY(FLASHKV_NOT_A_STORE, folder, flashkv_open(&options, &store, &err));
  options.read_only = false;
  snprintf(path, sizeof path, "%s/letter.txt", folder);
  FILE *letter = fopen(path, "w");
  assert_non_null(letter);
  fclose(letter);
  MUST_SAY(FLASHKV_NOT_A_STORE, "holds files, but no store", flashkv_open(&options, &store, &err));
  options.dir_path = path; /* a file */
  MUST_BE(FLASHKV_NOT_A_STORE, flashkv_open(&options, &store, &err));
  assert_null(store);
  assert_int_equal(list_size(folder), 1); /* the letter */
  unlink(path);
  snprintf(path, sizeof path, "%s/new", folder);
  options.create_if_missing = false;
  MUST_BE(FLASHKV_NOT_A_STORE, flashkv_open(&options, &store, &err));
  options.create_if_missing = true;
  MUST(flashkv_open(&options, &store, &err));
  store_put_text(store, "a", "1");
  MUST(flashkv_close(&store, &err));
  folder_remove(path);
  folder_remove(folder);
}

static void durable_writes_are_flushed(void **state) {
  test_store *test = *state;
  static const char *const levels[] = {"sync", "buffered", "async"};
  for (size_t level = 0; level < 3; level++) {
    MUST(flashkv_options_set(&test->options, "sync_writes", levels[level], &err));
    store_reopen(test);
    for (uint32_t at = 0; at < 50; at++) {
      MUST(flashkv_put(test->store, slice_of(&at, sizeof at), slice_of(&level, sizeof level), &err));
      if (level == 0) assert_int_equal(store_stats(test->store).synced, flashkv_sequence(test->store));
    }
    flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
    options.sync_writes = FLASHKV_SYNC;
    uint64_t sequence;
    MUST(flashkv_put_with(test->store, flashkv_text("a"), flashkv_text("1"), &options, &sequence, &err));
    assert_true(store_stats(test->store).synced >= sequence);
    MUST(flashkv_put_with(test->store, flashkv_text("a"), flashkv_text("2"), NULL, &sequence, &err));
    MUST(flashkv_wait(test->store, sequence, &err));
    assert_true(store_stats(test->store).synced >= sequence);
    MUST_SAY(FLASHKV_INVALID_ARGUMENT, "no such commit", flashkv_wait(test->store, sequence + 1, &err));
    store_put_text(test->store, "a", "3");
    MUST(flashkv_sync(test->store, &err));
    assert_int_equal(store_stats(test->store).synced, flashkv_sequence(test->store));
    store_crash(test);
    store_assert_text(test->store, "a", "3");
    assert_int_equal(store_stats(test->store).key_num, 51);
  }
}

static void counters_count(void **state) {
  test_store *test = *state;
  store_put_text(test->store, "a", "1");
  store_put_text(test->store, "b", "1");
  store_put_text(test->store, "a", "2");
  store_delete_text(test->store, "b");
  flashkv_stats stats = store_stats(test->store);
  assert_int_equal(stats.key_num, 1);
  assert_int_equal(stats.sequence, 4);
  assert_int_equal(stats.puts, 3);
  assert_int_equal(stats.deletes, 1);
  assert_int_equal(stats.data_file_num, 1);
  assert_int_equal(stats.live_size, 40);     /* a=2 */
  assert_int_equal(stats.reclaim_size, 120); /* a=1, b=1, and the deletion, which hides what is in the same file */
  assert_true(stats.index_memory > 0);
  store_reopen(test);
  stats = store_stats(test->store);
  assert_int_equal(stats.key_num, 1);
  assert_int_equal(stats.live_size, 40);
  assert_int_equal(stats.reclaim_size, 120);
  assert_int_equal(stats.puts, 0);
  struct {
    uint32_t struct_size;
    uint64_t key_num, canary;
  } small = {16, 0, 17}; /* of an older version */
  flashkv_stat(test->store, (flashkv_stats *)(void *)&small);
  assert_int_equal(small.key_num, 1);
  assert_int_equal(small.canary, 17);
}

/* ---- files that the manifest does not list */

static void put_file(const test_store *test, const char *name, const void *bytes, size_t size) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, name, path);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static bool has_file(const test_store *test, const char *name) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, name, path);
  return damage_exists(path);
}

/* The first bytes of a data file of the store, or of one whose identity is another. */
static void put_data_file(const test_store *test, const char *name, bool of_another) {
  fkv_preamble preamble = {.kind = FKV_FILE_DATA};
  uint8_t bytes[FKV_PREAMBLE_SIZE + 100] = {0};
  memcpy(preamble.store_id, test->store->files.store_id, FKV_STORE_ID_SIZE);
  preamble.store_id[0] ^= of_another;
  fkv_preamble_write(&preamble, bytes);
  put_file(test, name, bytes, sizeof bytes);
}

static void only_what_is_its_own_is_removed(void **state) {
  test_store *test = *state;
  char text[200] = "no store's";
  store_put_text(test->store, "a", "1");
  put_data_file(test, "000000002.data", true);
  put_data_file(test, "000000003.data", false);
  put_data_file(test, "000000017.data", true);
  put_file(test, "000000004.data", text, 0);                 /* one that was being made */
  put_file(test, "000000005.data", text, FKV_PREAMBLE_SIZE); /* not all of it was written */
  put_file(test, "202611221.data", text, sizeof text);
  store_reopen(test);
  assert_true(has_file(test, "000000002.data"));
  assert_false(has_file(test, "000000003.data"));
  assert_true(has_file(test, "000000017.data"));
  assert_false(has_file(test, "000000004.data"));
  assert_false(has_file(test, "000000005.data"));
  assert_true(has_file(test, "202611221.data"));
  for (int round = 0; round < 3; round++) { /* and they are in nobody's way */
    store_put_text(test->store, "b", "2");
    flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
    options.threshold = -1;
    MUST(flashkv_merge(test->store, &options, NULL, &err));
    store_reopen(test);
    store_assert_entries(test->store, NULL, "a=1 b=2");
  }
  assert_true(has_file(test, "000000002.data"));
  assert_true(has_file(test, "202611221.data"));
}

static uint64_t size_of_folder(const test_store *test) {
  DIR *directory = opendir(test->folder);
  assert_non_null(directory);
  uint64_t size = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct stat info;
    assert_int_equal(fstatat(dirfd(directory), entry->d_name, &info, 0), 0);
    bool counts = strcmp(entry->d_name, "LOCK") != 0 && strcmp(entry->d_name, "RESERVE") != 0;
    if (S_ISREG(info.st_mode) && counts) size += (uint64_t)info.st_size;
  }
  closedir(directory);
  return size;
}

static void assert_size(test_store *test) {
  assert_int_equal(store_stats(test->store).disk_size, size_of_folder(test));
}

static void put_many(test_store *test) {
  for (uint32_t at = 0; at < 200; at++) {
    MUST(flashkv_put(test->store, slice_of(&at, sizeof at), slice_of(&at, sizeof at), &err));
  }
}

static void the_size_is_that_of_all_files(void **state) {
  test_store *test = *state;
  flashkv_index_type own = test->options.index_type;
  test->options.data_file_size = 4096;
  assert_size(test);
  store_reopen(test);
  for (int round = 0; round < 3; round++) {
    put_many(test);
    assert_size(test);
    fkv_hints_write(test->store);
    assert_true(own != FLASHKV_INDEX_HASH || test->store->hints_size > 0);
    assert_size(test);
    store_reopen(test);
    assert_size(test);
  }
  MUST(flashkv_merge(test->store, NULL, NULL, &err));
  assert_size(test);
  test->options.index_type = own == FLASHKV_INDEX_BPTREE ? FLASHKV_INDEX_HASH : FLASHKV_INDEX_BPTREE;
  store_reopen(test); /* what the other kind has left stays */
  assert_size(test);
  put_many(test);
  assert_size(test);
  store_crash(test);
  assert_size(test);
  test->options.read_only = true;
  test->options.index_type = own;
  store_reopen(test);
  assert_size(test);
}

/* What is said to be reclaimable is what a merge frees, to the byte; and then there is nothing left. */
static void what_can_be_reclaimed_is(void **state) {
  test_store *test = *state;
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  test->options.data_file_size = 4096;
  store_reopen(test);
  put_many(test);
  for (uint32_t at = 0; at < 200; at += 3) MUST(flashkv_delete(test->store, slice_of(&at, sizeof at), &err));
  uint64_t before = store_stats(test->store).reclaim_size, deletions = 67 * 40;
  assert_int_equal(before, deletions); /* what they have hidden; they stand in newer files */
  for (int round = 0; round < 2; round++) {
    MUST(flashkv_merge(test->store, &options, NULL, &err));
    assert_int_equal(store_stats(test->store).reclaim_size, 0);
  }
  for (uint32_t at = 0; at < 200; at++) {
    if (at % 3 != 0) MUST(flashkv_delete(test->store, slice_of(&at, sizeof at), &err));
  }
  assert_true(store_stats(test->store).reclaim_size > 0);
  for (int round = 0; store_stats(test->store).reclaim_size > 0; round++) {
    assert_true(round < 10);
    MUST(flashkv_merge(test->store, &options, NULL, &err));
  }
  flashkv_stats stats = store_stats(test->store);
  assert_int_equal(stats.key_num, 0);
  assert_int_equal(stats.live_size, 0);
  MUST(flashkv_retain(test->store, flashkv_sequence(test->store), &err));
  put_many(test);
  put_many(test);
  assert_int_equal(store_stats(test->store).reclaim_size, 0); /* all of it is history that is to be kept */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_there_after_closing),
      cmocka_unit_test(files_may_change_their_size_from_one_opening_to_the_next),
      cmocka_unit_test(the_index_may_be_another_from_one_opening_to_the_next),
      cmocka_unit_test(a_store_is_opened_for_writing_once),
      cmocka_unit_test(reading_only_works_beside_a_writer),
      cmocka_unit_test(directories_that_hold_no_store_are_left_alone),
      cmocka_unit_test(durable_writes_are_flushed),
      cmocka_unit_test(counters_count),
      cmocka_unit_test(the_size_is_that_of_all_files),
      cmocka_unit_test(what_can_be_reclaimed_is),
      cmocka_unit_test(only_what_is_its_own_is_removed),
  };
  return STORE_SUITE(tests);
}
