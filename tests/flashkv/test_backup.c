/* A backup is a store of its own, as of its start; the next one gets only what is new; a failed one leaves the last. */
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage.h"

enum { VALUE = 3000 };

static void fill(flashkv *store, char first, char last) {
  char value[VALUE];
  for (char key = first; key <= last; key++) {
    memset(value, key, sizeof value);
    MUST(flashkv_put(store, slice_of(&key, 1), slice_of(value, sizeof value), &err));
  }
}

/* Small files, of which no merge takes any. */
static void use_small_files(test_store *test) {
  test->options.data_file_size = 8192;
  test->options.merge_automatically = false;
  store_reopen(test);
}

static flashkv *open_backup(const test_store *test, const char *folder) {
  flashkv_options options = test->options;
  flashkv *store = NULL;
  options.dir_path = folder;
  MUST(flashkv_open(&options, &store, &err));
  return store;
}

/* The backup holds the keys from `first` to `last`, and can be written to. */
static void assert_backup(const test_store *test, const char *folder, char first, char last) {
  found own;
  char value[VALUE];
  found_by_check(&own, folder, FLASHKV_OK);
  assert_int_equal(own.result.keys, last - first + 1);
  flashkv *store = open_backup(test, folder);
  for (char key = first; key <= last; key++) {
    memset(value, key, sizeof value);
    store_assert_value(store, slice_of(&key, 1), slice_of(value, sizeof value));
  }
  MUST(flashkv_close(&store, &err));
}

static ino_t inode_of(const char *folder, const char *name) {
  char path[DAMAGE_PATH_SIZE];
  struct stat info;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(stat(path, &info), 0);
  return info.st_ino;
}

static void a_backup_is_a_store(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE];
  found own;
  folder_make(folder);
  assert_int_equal(rmdir(folder), 0);
  use_small_files(test);
  MUST(flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  found_by_check(&own, folder, FLASHKV_OK);
  fill(test->store, 'a', 'k');
  MUST(flashkv_backup(test->store, folder, true, NULL, NULL, &err));
  assert_backup(test, folder, 'a', 'k');
  fill(test->store, 'l', 'p');
  flashkv *backup = open_backup(test, folder);
  fill(backup, 'x', 'z'); /* is not seen in the store */
  assert_int_equal(flashkv_sequence(backup), 14);
  MUST(flashkv_close(&backup, &err));
  store_assert_text(test->store, "x", NULL);
  store_reopen(test);
  found_by_check(&own, test->folder, FLASHKV_OK);
  MUST(flashkv_backup(test->store, folder, true, NULL, NULL, &err)); /* what was written there is gone */
  assert_backup(test, folder, 'a', 'p');
  folder_remove(folder);
}

static void only_what_is_new_is_copied(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE];
  folder_make(folder);
  use_small_files(test);
  fill(test->store, 'a', 'h');
  store_reopen(test);
  MUST(flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  assert_int_equal(inode_of(folder, "000000001.data"), inode_of(test->folder, "000000001.data"));
  assert_int_not_equal(inode_of(folder, "000000004.data"), inode_of(test->folder, "000000004.data"));
  ino_t before = inode_of(folder, "000000002.data");
  fill(test->store, 'i', 'n');
  store_reopen(test);
  MUST(flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  assert_int_equal(inode_of(folder, "000000002.data"), before);
  assert_backup(test, folder, 'a', 'n');
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = -1;
  MUST(flashkv_merge(test->store, &options, NULL, &err));
  MUST(flashkv_backup(test->store, folder, true, NULL, NULL, &err));
  char path[DAMAGE_PATH_SIZE];
  snprintf(path, sizeof path, "%s/000000001.data", folder);
  assert_false(damage_exists(path));
  assert_backup(test, folder, 'a', 'n');
  folder_remove(folder);
}

static void what_is_not_ours_is_left_alone(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE], path[DAMAGE_PATH_SIZE];
  folder_make(folder);
  snprintf(path, sizeof path, "%s/notes", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  MUST_SAY(FLASHKV_NOT_A_STORE, "other files", flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  assert_int_equal(remove(path), 0);
  flashkv *other = open_backup(test, folder);
  MUST_SAY(FLASHKV_LOCKED, "locked", flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  MUST(flashkv_close(&other, &err));
  MUST_SAY(FLASHKV_NOT_A_STORE, "another store", flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "own directory",
           flashkv_backup(test->store, test->folder, false, NULL, NULL, &err));
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_backup(test->store, NULL, false, NULL, NULL, &err));
  folder_remove(folder);
}

static int stop(void *ctx, const char *phase, uint64_t done, uint64_t total) {
  (void)ctx;
  (void)phase;
  assert_true(done <= total);
  return 1;
}

static void a_failed_backup_leaves_the_last(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE], path[DAMAGE_PATH_SIZE];
  folder_make(folder);
  use_small_files(test);
  fill(test->store, 'a', 'e');
  MUST(flashkv_backup(test->store, folder, true, NULL, NULL, &err));
  fill(test->store, 'f', 'k');
  MUST_BE(FLASHKV_CANCELLED, flashkv_backup(test->store, folder, true, stop, NULL, &err));
  assert_backup(test, folder, 'a', 'e');
  store_reopen(test);
  found own; /* what was opened there did not write to what both have */
  found_by_check(&own, test->folder, FLASHKV_OK);
  MUST(flashkv_backup(test->store, folder, true, NULL, NULL, &err));
  assert_backup(test, folder, 'a', 'k');
  snprintf(path, sizeof path, "%s/000000001.data", folder);
  damage_flip(path, 200);
  MUST_SAY(FLASHKV_CORRUPT, "damaged", flashkv_backup(test->store, folder, true, NULL, NULL, &err));
  damage_flip(path, 200);
  folder_remove(folder);
}

/* Fills the first data file with values of which not one byte differs, and closes the store. */
static void fill_first_file(flashkv *store, char prefix) {
  static const char value[5000];
  char key[2] = {prefix, 'a'};
  while (store_stats(store).data_file_num == 1) {
    MUST(flashkv_put(store, slice_of(key, 2), slice_of(value, sizeof value), &err));
    key[1]++;
  }
  MUST(flashkv_close(&store, &err));
}

/* It was opened, and its last data file has as many bytes as that of the store, and ends in the same thousands of them. */
static void what_was_written_to_a_backup_is_noticed(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE];
  folder_make(folder);
  test->options.data_file_size = 16384;
  store_reopen(test);
  store_put_text(test->store, "first", "one");
  store_reopen(test);
  MUST(flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  store_reopen(test);
  fill_first_file(open_backup(test, folder), 'b');
  fill_first_file(test->store, 'a');
  store_open(test);
  MUST(flashkv_backup(test->store, folder, false, NULL, NULL, &err));
  flashkv *backup = open_backup(test, folder);
  MUST(flashkv_exists(backup, flashkv_text("aa"), &err));
  MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(backup, flashkv_text("ba"), &err));
  MUST(flashkv_close(&backup, &err));
  folder_remove(folder);
}

static void *write_and_merge(void *ctx) {
  test_store *test = ctx;
  for (int round = 0; round < 20; round++) {
    fill(test->store, 'a', 'p');
    flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
    options.threshold = 0;
    MUST(flashkv_merge(test->store, &options, NULL, &err));
  }
  return NULL;
}

static void backups_are_whole_while_others_write_and_merge(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE];
  pthread_t thread;
  folder_make(folder);
  use_small_files(test);
  fill(test->store, 'a', 'p');
  assert_int_equal(pthread_create(&thread, NULL, write_and_merge, test), 0);
  for (int round = 0; round < 20; round++) {
    MUST(flashkv_backup(test->store, folder, round % 2 == 0, NULL, NULL, &err));
    assert_backup(test, folder, 'a', 'p');
  }
  pthread_join(thread, NULL);
  folder_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_backup_is_a_store),
      cmocka_unit_test(only_what_is_new_is_copied),
      cmocka_unit_test(what_is_not_ours_is_left_alone),
      cmocka_unit_test(a_failed_backup_leaves_the_last),
      cmocka_unit_test(what_was_written_to_a_backup_is_noticed),
      cmocka_unit_test(backups_are_whole_while_others_write_and_merge),
  };
  return STORE_SUITE(tests);
}
