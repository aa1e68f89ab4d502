/* Hints: what a crash leaves is read from them, and is the same as without; those that are damaged, cut short, of another
 * store or of another time are not gone by. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "damage.h"
#include "flashkv/check.h"
#include "flashkv/hints.h"
#include "flashkv/store.h"
#include "kv_model.h"
#include "store.h"

enum { VALUE = 300, EVERY = 7 };

static void path_of(const test_store *test, uint64_t id, char path[DAMAGE_PATH_SIZE]) {
  char name[FKV_NAME_MAX];
  fkv_files_name(id, "hint", name);
  damage_path(test, name, path);
}

/* The number of a sealed file that has a hint; 0: there is none. */
static uint64_t some_hint(const test_store *test, char path[DAMAGE_PATH_SIZE]) {
  for (uint64_t id = 1; id < 100; id++) {
    path_of(test, id, path);
    if (damage_exists(path)) return id;
  }
  return 0;
}

static void remove_hints(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  while (some_hint(test, path) != 0) assert_int_equal(unlink(path), 0);
}

/* Some of everything: values that were replaced, deleted, have expired or will, batches, and a merge. */
static void write_much(test_store *test) {
  test->options.data_file_size = 16384;
  store_reopen(test);
  char value[VALUE], key[16];
  for (int number = 0; number < 400; number++) {
    memset(value, number, sizeof value);
    snprintf(key, sizeof key, "key %d", number % 150);
    flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
    options.expires_ms = number % 11 == 0 ? 1 : number % 13 == 0 ? UINT64_C(4000000000000) : 0;
    MUST(flashkv_put_with(test->store, flashkv_text(key), slice_of(value, sizeof value), &options, NULL, &err));
    if (number % 9 == 8) store_delete_text(test->store, "key 7");
    if (number % 9 == 2) store_put_text(test->store, "key 7", "back");
    if (number % 50 == 20) {
      flashkv_batch *batch = NULL;
      MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
      for (int count = 0; count < 5; count++) {
        snprintf(key, sizeof key, "batch %d", count % 3);
        MUST(flashkv_batch_put(batch, flashkv_text(key), flashkv_text(key), NULL, &err));
      }
      MUST(flashkv_batch_delete(batch, flashkv_text("batch 2"), &err));
      MUST(flashkv_batch_commit(batch, NULL, &err));
      flashkv_batch_free(&batch);
    }
    if (number == 250) MUST(flashkv_merge(test->store, NULL, NULL, &err));
  }
  fkv_hints_write(test->store); /* which the store's thread does otherwise */
}

typedef struct seen {
  char text[64 << 10];
  size_t used;
} seen;

static int note(void *ctx, flashkv_slice key, flashkv_slice value) {
  seen *to = ctx;
  to->used += (size_t)snprintf(to->text + to->used, sizeof to->text - to->used, "%.*s=%zu:%02x ", (int)key.size,
                               (const char *)key.data, value.size, ((const uint8_t *)value.data)[0]);
  return 0;
}

/* All that can be seen of a store, its counters included. */
static seen *look(test_store *test) {
  seen *own = calloc(1, sizeof *own);
  assert_non_null(own);
  MUST(flashkv_fold(test->store, NULL, note, own, &err));
  flashkv_stats stats = store_stats(test->store);
  own->used += (size_t)snprintf(own->text + own->used, sizeof own->text - own->used,
                                "keys %llu live %llu reclaim %llu sequence %llu synced %llu retained %llu",
                                (unsigned long long)stats.key_num, (unsigned long long)stats.live_size,
                                (unsigned long long)stats.reclaim_size, (unsigned long long)stats.sequence,
                                (unsigned long long)stats.synced, (unsigned long long)stats.retained);
  assert_true(own->used < sizeof own->text - 1);
  return own;
}

static uint64_t files_scanned(test_store *test) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(test->store, &recovery);
  return recovery.files_scanned;
}

/* Opens what a process that dies now leaves, with and without hints. */
static void compare(test_store *test) {
  store_crash(test);
  uint64_t scanned = files_scanned(test);
  seen *with = look(test);
  store_kill(test);
  remove_hints(test);
  store_open(test);
  assert_true(scanned <= 2 && files_scanned(test) > scanned);
  seen *without = look(test);
  assert_string_equal(with->text, without->text);
  free(with);
  free(without);
}

static void what_is_found_by_hints_is_what_is_there(void **state) {
  test_store *test = *state;
  write_much(test);
  compare(test);
}

static void versions_are_found_by_hints(void **state) {
  test_store *test = *state;
  MUST(flashkv_retain(test->store, 0, &err));
  write_much(test);
  assert_true(store_stats(test->store).retained > 0);
  compare(test);
}

static void merged_files_lose_their_hints(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  write_much(test);
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = -1;
  MUST(flashkv_merge(test->store, &options, NULL, &err));
  for (uint64_t id = 1; id < 100; id++) {
    char name[FKV_NAME_MAX], data[DAMAGE_PATH_SIZE];
    fkv_files_name(id, "data", name);
    damage_path(test, name, data);
    path_of(test, id, path);
    assert_int_equal(damage_exists(path), damage_exists(data));
  }
  compare(test);
}

/* ---- hints that are no good */

static void rename_to(const test_store *test, uint64_t from, uint64_t to) {
  char from_path[DAMAGE_PATH_SIZE], to_path[DAMAGE_PATH_SIZE];
  path_of(test, from, from_path);
  path_of(test, to, to_path);
  assert_int_equal(rename(from_path, to_path), 0);
}

/* Opens what a process that died left, after `harm` was done to it; the harmed hint is not gone by, and made again. */
static void survive(test_store *test, void (*harm)(test_store *test, uint64_t id)) {
  char path[DAMAGE_PATH_SIZE];
  store_crash(test);
  seen *before = look(test);
  uint64_t scanned = files_scanned(test);
  store_kill(test);
  uint64_t id = some_hint(test, path);
  assert_true(id != 0);
  harm(test, id);
  store_open(test);
  assert_true(files_scanned(test) > scanned);
  seen *after = look(test);
  assert_string_equal(before->text, after->text);
  free(before);
  free(after);
  MUST(flashkv_merge(test->store, NULL, NULL, &err)); /* hints are written then, without a thread of the store's own */
  found own;
  found_by_check(&own, test->folder, FLASHKV_OK);
}

static void cut(test_store *test, uint64_t id) {
  char path[DAMAGE_PATH_SIZE];
  path_of(test, id, path);
  damage_cut(path, damage_size(path) - 16);
}
static void empty(test_store *test, uint64_t id) {
  char path[DAMAGE_PATH_SIZE];
  path_of(test, id, path);
  damage_cut(path, 0);
}
static void exchange(test_store *test, uint64_t id) {
  char path[DAMAGE_PATH_SIZE];
  uint64_t other = id + 1;
  for (path_of(test, other, path); !damage_exists(path); path_of(test, other, path)) assert_true(++other < 100);
  rename_to(test, id, 999);
  rename_to(test, other, id);
  rename_to(test, 999, other);
}
static void flip_entry(test_store *test, uint64_t id) {
  char path[DAMAGE_PATH_SIZE];
  path_of(test, id, path);
  damage_flip(path, 128 + 9);
}
static void flip_preamble(test_store *test, uint64_t id) {
  char path[DAMAGE_PATH_SIZE];
  path_of(test, id, path);
  damage_flip(path, 20);
}

static void (*const harms[])(test_store *, uint64_t) = {cut, empty, exchange, flip_entry, flip_preamble};

static void bad_hints_are_not_gone_by(void **state) {
  test_store *test = *state;
  write_much(test);
  for (size_t at = 0; at < sizeof harms / sizeof harms[0]; at++) survive(test, harms[at]);
}

/* As a reader, so that the store stays as it is. */
static void bytes_of_one_count(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  write_much(test);
  store_close(test);
  damage_path(test, "INDEX", path);
  assert_int_equal(unlink(path), 0);
  assert_true(some_hint(test, path) != 0);
  test->options.read_only = true;
  store_open(test);
  seen *before = look(test);
  uint64_t scanned = files_scanned(test);
  store_close(test);
  for (uint64_t at = 0; at < damage_size(path); at += EVERY) {
    damage_flip(path, at);
    store_open(test);
    assert_int_equal(files_scanned(test), scanned + 1);
    seen *after = look(test);
    assert_string_equal(after->text, before->text);
    free(after);
    store_close(test);
    damage_flip(path, at);
  }
  free(before);
  store_open(test);
  assert_int_equal(files_scanned(test), scanned);
}

/* Of the first data file. */
static uint64_t size_of_data(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, DAMAGE_FIRST_FILE, path);
  return damage_size(path);
}

static void fill_a_file(test_store *test, char letter) {
  char key[2] = {letter, 'a'}, value[VALUE] = {0};
  for (uint64_t files = store_stats(test->store).data_file_num; store_stats(test->store).data_file_num == files;) {
    MUST(flashkv_put(test->store, slice_of(key, 2), slice_of(value, sizeof value), &err));
    key[1]++;
  }
  MUST(fkv_seal_full(test->store, NULL));
}

/* A backup was opened, and its last data file became another than it did in the store that it is of. */
static void a_hint_of_another_past_is_not_gone_by(void **state) {
  test_store *test = *state;
  char backup[FOLDER_PATH_SIZE], kept[FOLDER_PATH_SIZE], from[DAMAGE_PATH_SIZE], to[DAMAGE_PATH_SIZE];
  folder_make(backup);
  folder_make(kept);
  test->options.data_file_size = 16384;
  store_reopen(test);
  store_put_text(test->store, "first", "one");
  MUST(flashkv_backup(test->store, backup, true, NULL, NULL, &err));
  store_reopen(test);
  fill_a_file(test, 'a');
  fkv_hints_write(test->store);
  store_close(test);
  folder_copy(test->folder, kept);
  folder_copy(backup, test->folder);
  store_open(test);
  fill_a_file(test, 'b');
  store_kill(test);
  assert_true(some_hint(test, to) == 0);
  test_store other = *test;
  memcpy(other.folder, kept, sizeof kept);
  path_of(test, some_hint(&other, from), to);
  assert_int_equal(rename(from, to), 0);
  assert_int_equal(size_of_data(test), size_of_data(&other));
  store_open(test);
  store_assert_text(test->store, "first", "one");
  store_assert_text(test->store, "aa", NULL);
  MUST(flashkv_exists(test->store, flashkv_text("ba"), &err));
  assert_false(damage_exists(to));
  folder_remove(backup);
  folder_remove(kept);
}

/* ---- the store's thread */

enum { WRITERS = 2, WRITES = 3000 };

static void *write_on(void *ctx) {
  test_store *test = ctx;
  char key[16], value[VALUE] = {0};
  for (int number = 0; number < WRITES; number++) {
    snprintf(key, sizeof key, "key %d", number % 700);
    MUST(flashkv_put(test->store, flashkv_text(key), slice_of(value, sizeof value), &err));
  }
  return NULL;
}

/* Whatever is going on: writing, merging, a disk that is said to be full. */
static void they_are_written_beside_all_else(void **state) {
  test_store *test = *state;
  pthread_t writers[WRITERS];
  found own;
  test->options.data_file_size = 32768;
  test->options.background = true;
  store_reopen(test);
  for (int at = 0; at < WRITERS; at++) assert_int_equal(pthread_create(&writers[at], NULL, write_on, test), 0);
  for (int round = 0; round < 20; round++) {
    flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
    options.threshold = 0.2;
    flashkv_status status = flashkv_merge(test->store, &options, NULL, NULL);
    assert_true(status == FLASHKV_OK || status == FLASHKV_MERGE_RUNNING);
    (void)fkv_hints_give_room(test->store, round % 3 == 0 ? FLASHKV_STORAGE_FULL : FLASHKV_OK);
    assert_true(store_stats(test->store).key_num <= 700);
  }
  for (int at = 0; at < WRITERS; at++) pthread_join(writers[at], NULL);
  store_close(test);
  found_by_check(&own, test->folder, FLASHKV_OK);
  test->options.background = false;
  store_open(test);
  uint64_t size = 0;
  for (size_t at = 0; at < test->store->list_count; at++) size += test->store->list[at]->hint_size;
  assert_int_equal(test->store->hints_size, size);
  assert_int_equal(store_stats(test->store).key_num, 700);
}

/* Who opens with another index has no use for them, and does not write them. */
static void other_indexes_do_without(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  test->options.index_type = FLASHKV_INDEX_BTREE;
  write_much(test);
  assert_int_equal(some_hint(test, path), 0);
  store_crash(test);
  assert_true(files_scanned(test) > 4);
}

/* Who holds what is derived against the log reads that. */
static void the_log_alone_is_read_without_them(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  flashkv *log;
  write_much(test);
  assert_true(some_hint(test, path) != 0);
  assert_int_equal(fkv_open_log(kh_os_posix(), test->folder, &log, NULL), FLASHKV_OK);
  assert_int_equal(log->recovery.files_scanned, log->list_count);
  MUST(fkv_close(log, NULL));
}

static void check_looks_at_them(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE], name[FKV_NAME_MAX];
  found own;
  write_much(test);
  store_close(test);
  for (size_t at = 0; at < sizeof harms / sizeof harms[0]; at++) {
    found_by_check(&own, test->folder, FLASHKV_OK);
    uint64_t files = own.result.files, id = some_hint(test, path);
    assert_true(files > 4);
    harms[at](test, id);
    fkv_files_name(id, "hint", name);
    found_by_check(&own, test->folder, FLASHKV_CORRUPT);
    assert_int_equal(own.result.files, files);
    assert_found(&own, name);
    found_by_repair(&own, test->folder, FLASHKV_OK);
    assert_int_equal(own.result.records_lost, 0);
    store_open(test);
    MUST(flashkv_merge(test->store, NULL, NULL, &err));
    store_close(test);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_found_by_hints_is_what_is_there),
      cmocka_unit_test(versions_are_found_by_hints),
      cmocka_unit_test(merged_files_lose_their_hints),
      cmocka_unit_test(bad_hints_are_not_gone_by),
      cmocka_unit_test(bytes_of_one_count),
      cmocka_unit_test(a_hint_of_another_past_is_not_gone_by),
      cmocka_unit_test(they_are_written_beside_all_else),
      cmocka_unit_test(other_indexes_do_without),
      cmocka_unit_test(the_log_alone_is_read_without_them),
      cmocka_unit_test(check_looks_at_them),
  };
  return store_suite_of(FLASHKV_INDEX_HASH, tests, sizeof tests / sizeof tests[0]);
}
