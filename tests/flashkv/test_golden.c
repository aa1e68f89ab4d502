/* Stores that were made once, of each version of the format, and that every later version of the library opens: whole, with
 * every key, also of the past. What is in their files byte by byte: docs/formats/flashkv.md, by which
 * tests/interop/test_flashkv_formats.py reads them, too.
 *
 *   closed    was closed: an image of the index
 *   crashed   the same, opened again and written to, when the power failed: a log that goes on behind the image, and ends in
 *             the middle of a record
 *   hinted    as closed, but as its process left it when it was killed: no image, but hints; from flashkv-2 on
 *
 *   flashkv-1   the first format
 *   flashkv-2   images of version 2, with control bytes; those of version 1 are as good as none
 *
 * KHONSU_GOLDEN_MAKE=<folder> makes them there, the same to the byte whenever it runs. Those in tests/golden stay as they
 * are: a version that writes otherwise gets others beside them. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage.h"
#include "fixed_world.h"
#include "os_fault.h"

#include "flashkv/hints.h"

static const uint64_t late_ms = UINT64_C(7258118400000); /* the year 2200 */
static const uint64_t soon_ms = UINT64_C(1700000100000); /* a minute or two after it was written, in 2023 */
enum { RETAINED = 51, LAST = 64, LAST_CRASHED = 67, OLD = 20, BIG = 5000 };

static char *numbered(char text[32], const char *format, int number) {
  snprintf(text, 32, format, number);
  return text;
}

static flashkv_slice long_key(void) {
  static char key[600]; /* longer than LMDB takes */
  memset(key, 'k', sizeof key);
  return slice_of(key, sizeof key);
}

static flashkv_slice big_value(void) {
  static uint8_t value[BIG]; /* more than a data file has room for */
  for (size_t at = 0; at < sizeof value; at++) value[at] = (uint8_t)(at * 7 + at / 256);
  return slice_of(value, sizeof value);
}

static flashkv_slice binary_key(void) { return slice_of("\0\xff\n", 3); }

/* ---- making */

typedef struct maker {
  kh_os_fault fault;
  flashkv_options options;
  flashkv *store;
} maker;

static void must(flashkv_status status) { assert_int_equal(status, FLASHKV_OK); }

static void open_it(maker *own) { must(fkv_open_on(&own->fault.os, &own->options, &own->store, NULL)); }

/* Files that merges leave, with deletions that must stay. */
static void make_merged(maker *own) {
  char key[32], value[32];
  for (int number = 0; number < OLD; number++) {
    for (int letter = 'a'; letter <= 'b'; letter++) {
      snprintf(key, sizeof key, "old/%c%02d", letter, number);
      store_put_text(own->store, key, numbered(value, "the first value, of %02d", number));
    }
  }
  for (int number = 0; number < OLD; number += 2) store_delete_text(own->store, numbered(key, "old/b%02d", number));
  store_put_until(own->store, "soon", "over by now", soon_ms);
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  must(flashkv_merge(own->store, &options, NULL, NULL));
}

static void put_batch(maker *own) {
  flashkv_batch *batch = NULL;
  flashkv_put_options aligned = FLASHKV_PUT_OPTIONS_INIT;
  aligned.aligned = true;
  aligned.expires_ms = late_ms;
  must(flashkv_batch_new(own->store, NULL, &batch, NULL));
  must(flashkv_batch_put(batch, flashkv_text("batch/1"), flashkv_text("one"), NULL, NULL));
  must(flashkv_batch_put(batch, flashkv_text("batch/2"), flashkv_text("aligned, and late"), &aligned, NULL));
  must(flashkv_batch_delete(batch, flashkv_text("old/a00"), NULL));
  must(flashkv_batch_put(batch, flashkv_text("batch/1"), flashkv_text("one again"), NULL, NULL));
  must(flashkv_batch_commit(batch, NULL, NULL));
  flashkv_batch_free(&batch);
}

/* A commit that fails leaves a void. */
static void fail_to_put(maker *own) {
  static const uint8_t value[3000];
  kh_os_fault_plan(&own->fault, (kh_os_plan){.operation = KH_OS_OP_WRITE_AT, .fail_at = 1, .error = EIO});
  assert_int_equal(flashkv_put(own->store, flashkv_text("never"), slice_of(value, sizeof value), NULL), FLASHKV_IO);
  kh_os_fault_plan(&own->fault, (kh_os_plan){0});
}

/* From here on, all that there ever is can be read. */
static void make_history(maker *own) {
  must(flashkv_retain(own->store, flashkv_sequence(own->store), NULL));
  store_put_text(own->store, "kept", "first");
  store_put_text(own->store, "kept", "second");
  store_delete_text(own->store, "kept");
  store_put_text(own->store, "kept", "third");
}

static void make_rest(maker *own) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  fail_to_put(own);
  options.aligned = true;
  must(flashkv_put_with(own->store, flashkv_text("aligned"), flashkv_text("at 64"), &options, NULL, NULL));
  must(flashkv_sync(own->store, NULL));
  store_put_text(own->store, "empty", "");
  must(flashkv_put(own->store, long_key(), flashkv_text("of a long key"), NULL));
  must(flashkv_put(own->store, binary_key(), slice_of("\0", 1), NULL));
  store_put_until(own->store, "late", "not over yet", late_ms);
  must(flashkv_put(own->store, flashkv_text("big"), big_value(), NULL));
  put_batch(own);
  store_delete_text(own->store, "old/a01");
}

static void make_end(maker *own) {
  store_put_text(own->store, "empty", "no more");
  must(flashkv_sync(own->store, NULL));
  store_put_text(own->store, "after", "the image");
  store_delete_text(own->store, "old/a02");
  store_put_text(own->store, "torn", "the power failed here");
}

/* The last record is there in part only. */
static void tear(const char *folder) {
  char path[DAMAGE_PATH_SIZE];
  uint64_t at = 0;
  for (int id = 1; id < 100 && at == 0; id++) {
    snprintf(path, sizeof path, "%s/%09d.data", folder, id);
    if (damage_exists(path)) at = damage_has(path, "the power failed");
  }
  assert_true(at > 0);
  damage_cut(path, at + 9);
  damage_append(path, 0, 512);
}

static void make(const char *closed, const char *crashed, const char *hinted) {
  char work[FOLDER_PATH_SIZE];
  maker own = {.options = FLASHKV_OPTIONS_INIT};
  folder_make(work);
  fixed_world_begin(20251);
  kh_os_fault_init(&own.fault, kh_os_posix());
  own.options.dir_path = work;
  own.options.data_file_size = 4096;
  own.options.background = false;
  open_it(&own);
  make_merged(&own);
  make_history(&own);
  make_rest(&own);
  must(fkv_seal_full(own.store, NULL));
  fkv_hints_write(own.store);
  folder_copy(work, hinted);
  must(flashkv_close(&own.store, NULL));
  folder_copy(work, closed);
  fixed_world_wait(soon_ms * 1000);
  open_it(&own);
  make_end(&own);
  folder_copy(work, crashed);
  tear(crashed);
  must(flashkv_close(&own.store, NULL));
  folder_remove(work);
}

/* ---- looking */

static void assert_old(flashkv *store, bool crashed) {
  char key[32], value[32];
  for (int number = 0; number < OLD; number++) {
    bool gone = number < 2 || (crashed && number == 2);
    numbered(value, "the first value, of %02d", number);
    store_assert_text(store, numbered(key, "old/a%02d", number), gone ? NULL : value);
    store_assert_text(store, numbered(key, "old/b%02d", number), number % 2 == 0 ? NULL : value);
  }
}

static void assert_aligned(flashkv *store) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST(flashkv_get(store, flashkv_text("aligned"), &value, &err));
  assert_int_equal((uintptr_t)value.data % 64, 0);
  flashkv_value_release(&value);
  MUST(flashkv_get(store, flashkv_text("batch/2"), &value, &err));
  assert_int_equal((uintptr_t)value.data % 64, 0);
  assert_int_equal(value.expires_ms, late_ms);
  assert_true(value.timestamp_us / 1000000 == 1700000000);
  flashkv_value_release(&value);
}

static void assert_past(flashkv *store) {
  static const char *const kept[] = {NULL, "first", "second", NULL, "third"};
  for (uint64_t at = 0; at < sizeof kept / sizeof kept[0]; at++) {
    store_assert_text_at(store, RETAINED + at, "kept", kept[at]);
  }
  store_assert_text_at(store, RETAINED, "old/a00", "the first value, of 00");
  store_assert_text_at(store, LAST - 2, "batch/1", NULL);
  store_assert_text_at(store, LAST - 1, "batch/1", "one again");
  store_assert_text_at(store, LAST, "empty", "");
}

static int count(void *ctx, flashkv_slice key, flashkv_slice value) {
  (void)key, (void)value;
  ++*(uint64_t *)ctx;
  return 0;
}

static void assert_is_golden(flashkv *store, bool crashed) {
  uint64_t keys = 0;
  assert_int_equal(flashkv_sequence(store), crashed ? LAST_CRASHED : LAST);
  assert_old(store, crashed);
  assert_aligned(store);
  assert_past(store);
  store_assert_text(store, "soon", NULL);
  store_assert_text(store, "never", NULL);
  store_assert_text(store, "kept", "third");
  store_assert_text(store, "aligned", "at 64");
  store_assert_text(store, "empty", crashed ? "no more" : "");
  store_assert_text(store, "late", "not over yet");
  store_assert_text(store, "batch/1", "one again");
  store_assert_text(store, "batch/2", "aligned, and late");
  store_assert_text(store, "after", crashed ? "the image" : NULL);
  store_assert_text(store, "torn", NULL);
  store_assert_value(store, long_key(), flashkv_text("of a long key"));
  store_assert_value(store, binary_key(), slice_of("\0", 1));
  store_assert_value(store, flashkv_text("big"), big_value());
  MUST(flashkv_list_keys(store, count, &keys, &err));
  assert_int_equal(keys, 2 * OLD - 2 - OLD / 2 + 9);
}

static void replace_by(test_store *test, const char *from) {
  store_close(test);
  folder_copy(from, test->folder);
}

static void assert_opens(test_store *test, const char *from, bool crashed) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  found own;
  replace_by(test, from);
  found_by_check(&own, test->folder, FLASHKV_OK);
  assert_int_equal(own.result.findings, 0);
  for (int times = 0; times < 3; times++) { /* as a reader, as a writer, and what that one left */
    test->options.read_only = times == 0;
    store_open(test);
    flashkv_recovered(test->store, &recovery);
    assert_true((recovery.bytes_dropped > 0) == (crashed && times < 2));
    assert_is_golden(test->store, crashed);
    store_close(test);
    found_by_check(&own, test->folder, FLASHKV_OK);
    assert_int_equal(own.result.findings, 0);
  }
  test->options.read_only = false;
  store_open(test);
}

static const char *const formats[] = {KHONSU_TESTS "/golden/flashkv-1", KHONSU_TESTS "/golden/flashkv-2"};
enum { FORMATS = sizeof formats / sizeof formats[0], LATEST = FORMATS - 1 };

static void golden(size_t format, const char *name, char path[DAMAGE_PATH_SIZE]) {
  snprintf(path, DAMAGE_PATH_SIZE, "%s/%s", formats[format], name);
}

static void it_opens_with_every_key(void **state) {
  char from[DAMAGE_PATH_SIZE];
  for (size_t format = 0; format < FORMATS; format++) {
    golden(format, "closed", from);
    assert_opens(*state, from, false);
  }
}

static void it_opens_after_a_crash(void **state) {
  char from[DAMAGE_PATH_SIZE];
  for (size_t format = 0; format < FORMATS; format++) {
    golden(format, "crashed", from);
    assert_opens(*state, from, true);
  }
}

static void it_opens_without_its_index(void **state) {
  test_store *test = *state;
  char from[FOLDER_PATH_SIZE], path[DAMAGE_PATH_SIZE];
  folder_make(from);
  golden(LATEST, "closed", path);
  folder_copy(path, from);
  snprintf(path, sizeof path, "%s/INDEX", from);
  assert_int_equal(unlink(path), 0);
  assert_opens(test, from, false);
  folder_remove(from);
}

static void its_index_is_used_if_it_is_of_this_version(void **state) {
  test_store *test = *state;
  char from[DAMAGE_PATH_SIZE];
  for (size_t format = 0; format < FORMATS; format++) {
    flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
    golden(format, "closed", from);
    replace_by(test, from);
    store_open(test);
    flashkv_recovered(test->store, &recovery);
    assert_true(recovery.clean == (format == LATEST && test->options.index_type == FLASHKV_INDEX_HASH));
  }
}

static void it_opens_after_a_kill(void **state) {
  assert_opens(*state, KHONSU_TESTS "/golden/flashkv-2/hinted", false);
}

static void its_hints_are_used(void **state) {
  test_store *test = *state;
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  replace_by(test, KHONSU_TESTS "/golden/flashkv-2/hinted");
  store_open(test);
  flashkv_recovered(test->store, &recovery);
  bool used = test->options.index_type == FLASHKV_INDEX_HASH;
  assert_int_equal(recovery.files_scanned, used ? 1 : store_stats(test->store).data_file_num);
  assert_is_golden(test->store, false);
}

/* What is made now is what was made then, but for how it is written. */
static void what_is_made_now_is_the_same(void **state) {
  test_store *test = *state;
  char closed[FOLDER_PATH_SIZE], crashed[FOLDER_PATH_SIZE], hinted[FOLDER_PATH_SIZE];
  folder_make(closed);
  folder_make(crashed);
  folder_make(hinted);
  make(closed, crashed, hinted);
  assert_opens(test, closed, false);
  assert_opens(test, crashed, true);
  assert_opens(test, hinted, false);
  folder_remove(closed);
  folder_remove(crashed);
  folder_remove(hinted);
}

static int make_in(const char *folder) {
  char closed[DAMAGE_PATH_SIZE], crashed[DAMAGE_PATH_SIZE], hinted[DAMAGE_PATH_SIZE];
  snprintf(closed, sizeof closed, "%s/closed", folder);
  snprintf(crashed, sizeof crashed, "%s/crashed", folder);
  snprintf(hinted, sizeof hinted, "%s/hinted", folder);
  if (mkdir(closed, 0777) != 0 || mkdir(crashed, 0777) != 0 || mkdir(hinted, 0777) != 0) {
    perror(folder);
    return 1;
  }
  make(closed, crashed, hinted);
  return 0;
}

int main(void) {
  const char *folder = getenv("KHONSU_GOLDEN_MAKE");
  if (folder != NULL) return make_in(folder);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_opens_with_every_key),      cmocka_unit_test(it_opens_after_a_crash),
      cmocka_unit_test(it_opens_after_a_kill),        cmocka_unit_test(its_hints_are_used),
      cmocka_unit_test(it_opens_without_its_index),   cmocka_unit_test(its_index_is_used_if_it_is_of_this_version),
      cmocka_unit_test(what_is_made_now_is_the_same),
  };
  return STORE_SUITE(tests);
}
