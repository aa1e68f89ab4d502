/* Checking finds whatever is amiss, names it, and finds nothing where a crash left what recovery takes care of. */
#include <pthread.h>
#include <stdio.h>

#include "damage.h"

static void write_some(flashkv *store) {
  store_put_some(store);
  store_delete_text(store, "b");
}

static void assert_whole(const char *folder, uint64_t keys) {
  found own;
  found_by_check(&own, folder, FLASHKV_OK);
  assert_int_equal(own.result.findings, 0);
  assert_int_equal(own.result.keys, keys);
}

static void a_whole_store_is_whole(void **state) {
  test_store *test = *state;
  found own;
  assert_whole(test->folder, 0);
  write_some(test->store);
  assert_whole(test->folder, 5); /* beside who writes */
  store_close(test);
  found_by_check(&own, test->folder, FLASHKV_OK);
  assert_int_equal(own.result.keys, 5);
  assert_int_equal(own.result.records, 7);
  bool has_image = test->options.index_type == FLASHKV_INDEX_HASH;
  assert_int_equal(own.result.files, 2 + has_image);
  assert_true(own.result.bytes > 7 * 40);
}

static void what_is_no_store_is_none(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE], path[DAMAGE_PATH_SIZE];
  found own;
  folder_make(folder);
  found_by_check(&own, folder, FLASHKV_NOT_A_STORE);
  folder_remove(folder);
  found_by_check(&own, folder, FLASHKV_NOT_A_STORE);
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_check(NULL, NULL, NULL, &err));
  write_some(test->store);
  store_close(test);
  damage_path(test, "MANIFEST", path);
  damage_flip(path, 70);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, "MANIFEST");
  assert_int_equal(remove(path), 0);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, "holds no store");
}

/* What a crash leaves at the end of the log. */
static void a_torn_tail_is_no_finding(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  write_some(test->store);
  damage_close(test, path);
  damage_append(path, 0, 5000);
  assert_whole(test->folder, 5);
  store_open(test);
  store_put_text(test->store, "z", "torn");
  store_crash(test);
  store_close(test);
  damage_append(path, 0x5a, 100);
  assert_whole(test->folder, 6);
}

static void damage_is_found_where_it_is(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  write_some(test->store);
  damage_close(test, path);
  damage_flip(path, damage_find(path, "value of b"));
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_int_equal(own.result.findings, 1);
  assert_found(&own, "000000001.data: the value is damaged, key b");
  damage_flip(path, damage_find(path, "batch of p") - 20);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_int_equal(own.result.findings, 3);
  assert_found(&own, "no record can be read");
  assert_found(&own, "has lost 1 of its 3 writes");
  damage_cut(path, damage_find(path, "value of c"));
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, "bytes; it had");
}

static void each_flipped_bit_is_found(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  write_some(test->store);
  damage_close(test, path);
  for (uint64_t at = 0; at < damage_size(path); at++) {
    damage_flip(path, at);
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_check(test->folder, NULL, NULL, &error);
    damage_flip(path, at);
    bool is_padding = status == FLASHKV_OK;
    if (!is_padding) continue;
    uint8_t byte;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, (long)at, SEEK_SET);
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    fclose(file);
    if (byte != 0) fail_msg("a bit at offset %llu was not missed", (unsigned long long)at);
  }
  found_by_check(&own, test->folder, FLASHKV_OK);
}

static void files_are_missed(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE], stray[DAMAGE_PATH_SIZE];
  found own;
  write_some(test->store);
  damage_close(test, path);
  damage_path(test, "000000002.data", stray);
  assert_int_equal(rename(path, stray), 0);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, "is missing");
  assert_int_equal(own.result.findings, 1); /* what is not listed is the next opening's to remove */
}

/* A file that came from elsewhere would be removed by the next opening. */
static void a_file_of_another_store_is_found(void **state) {
  test_store *test = *state;
  char folder[FOLDER_PATH_SIZE], from[DAMAGE_PATH_SIZE], to[DAMAGE_PATH_SIZE];
  found own;
  flashkv *other = NULL;
  flashkv_options options = test->options;
  folder_make(folder);
  options.dir_path = folder;
  MUST(flashkv_open(&options, &other, &err));
  store_put_text(other, "a", "other");
  MUST(flashkv_close(&other, &err));
  snprintf(from, sizeof from, "%s/%s", folder, DAMAGE_FIRST_FILE);
  damage_path(test, "000000007.data", to);
  assert_int_equal(rename(from, to), 0);
  folder_remove(folder);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, "000000007.data: is a data file of another store");
}

/* The log had been flushed beyond the damage, and the only thing that says so is the last seal of the log. */
static void the_last_seal_counts(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  store_put_text(test->store, "a", "value of a");
  MUST(flashkv_sync(test->store, &err));
  store_put_batch(test->store, "later");
  store_kill(test);
  assert_whole(test->folder, 4);
  damage_path(test, DAMAGE_FIRST_FILE, path);
  damage_flip(path, damage_find(path, "value of a"));
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  MUST_SAY(FLASHKV_CORRUPT, "is damaged", flashkv_open(&test->options, &test->store, &err));
}

static int stop(void *ctx, const char *phase, uint64_t done, uint64_t total) {
  (void)ctx;
  assert_string_equal(phase, "checking");
  assert_true(done <= total);
  return 1;
}

static void progress_can_end_it(void **state) {
  test_store *test = *state;
  flashkv_check_options options = FLASHKV_CHECK_OPTIONS_INIT;
  options.progress = stop;
  write_some(test->store);
  MUST_BE(FLASHKV_CANCELLED, flashkv_check(test->folder, &options, NULL, &err));
}

/* ---- beside a process that writes, flushes and merges */

/* Outlives a test that fails. What it writes is merged away, so that a check comes to an end, however fast a disk is. */
typedef struct writer {
  flashkv *store;
  _Atomic bool stop;
} writer;

static void *write_on(void *ctx) {
  writer *own = ctx;
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  for (unsigned number = 0; !own->stop; number++) {
    char key[16];
    snprintf(key, sizeof key, "key %u", number % 1000);
    options.sync_writes = number % 16 == 0 ? FLASHKV_SYNC : FLASHKV_BUFFERED;
    MUST(
        flashkv_put_with(own->store, flashkv_text(key), flashkv_text("some value of some size"), &options, NULL, &err));
    if (number % 7 == 0) store_put_batch(own->store, "together");
    if (number % 4000 == 3999) MUST(flashkv_merge(own->store, NULL, NULL, &err));
  }
  return NULL;
}

static void who_writes_is_no_damage(void **state) {
  test_store *test = *state;
  pthread_t thread;
  test->options.data_file_size = 1 << 17;
  store_reopen(test);
  static writer own;
  own = (writer){.store = test->store};
  assert_int_equal(pthread_create(&thread, NULL, write_on, &own), 0);
  for (size_t round = 0; round < unit_size(50); round++) {
    found said;
    found_by_check(&said, test->folder, FLASHKV_OK);
  }
  own.stop = true;
  pthread_join(thread, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_store_is_whole),
      cmocka_unit_test(what_is_no_store_is_none),
      cmocka_unit_test(a_torn_tail_is_no_finding),
      cmocka_unit_test(damage_is_found_where_it_is),
      cmocka_unit_test(each_flipped_bit_is_found),
      cmocka_unit_test(files_are_missed),
      cmocka_unit_test(a_file_of_another_store_is_found),
      cmocka_unit_test(the_last_seal_counts),
      cmocka_unit_test(progress_can_end_it),
      cmocka_unit_test(who_writes_is_no_damage),
  };
  return STORE_SUITE(tests);
}
