/* A mapped data file that is cut short answers with an error instead of ending the process; faults elsewhere do what they
 * did. Handlers are installed in child processes, as those of the test belong to cmocka. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "damage.h"

enum { KEYS = 400, VALUE = 1000 };

static void fill(flashkv *store) {
  char value[VALUE];
  memset(value, 'v', sizeof value);
  for (int number = 0; number < KEYS; number++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", number);
    MUST(flashkv_put(store, flashkv_text(key), slice_of(value, sizeof value), &err));
  }
}

static bool is_refused(flashkv_status status) { return status == FLASHKV_IO || status == FLASHKV_CORRUPT; }

/* Right, or refused. */
static size_t count_readable(flashkv *store) {
  size_t readable = 0;
  for (int number = 0; number < KEYS; number++) {
    char key[16], value[VALUE];
    size_t size;
    snprintf(key, sizeof key, "key %d", number);
    flashkv_status status = flashkv_get_copy(store, flashkv_text(key), value, sizeof value, &size, NULL);
    assert_true(status == FLASHKV_OK || is_refused(status));
    flashkv_status exists = flashkv_exists(store, flashkv_text(key), NULL);
    assert_true(exists == FLASHKV_OK || is_refused(exists));
    if (status != FLASHKV_OK) continue;
    readable++;
    for (size_t at = 0; at < size; at++) assert_int_equal(value[at], 'v');
  }
  return readable;
}

static void cut(test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, DAMAGE_FIRST_FILE, path);
  damage_cut(path, 8192);
}

/* Runs with the handler, and the store closed before. What fails in a child ends it otherwise than with 0. */
static void in_guarded_child(test_store *test, void (*run)(test_store *test)) {
  store_close(test);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGBUS, SIG_DFL);
    MUST(flashkv_guard_mapped_files(&err));
    MUST(flashkv_guard_mapped_files(&err)); /* does nothing more */
    store_open(test);
    run(test);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void lose_values(test_store *test) {
  cut(test);
  assert_true(count_readable(test->store) < KEYS);
  assert_int_equal(flashkv_check(test->folder, NULL, NULL, NULL), FLASHKV_CORRUPT);
}

static void values_that_are_gone_are_refused(void **state) {
  test_store *test = *state;
  fill(test->store);
  in_guarded_child(test, lose_values);
}

static void lose_values_later(test_store *test) {
  assert_int_equal(count_readable(test->store), KEYS);
  cut(test);
  assert_true(count_readable(test->store) < KEYS);
  if (test->options.mmap_at_startup)
    MUST_BE(FLASHKV_IO, flashkv_close(&test->store, &err)); /* what was lent is zeros */
}

static void values_that_were_looked_at_before_too(void **state) {
  test_store *test = *state;
  fill(test->store);
  in_guarded_child(test, lose_values_later);
}

/* Nothing is acknowledged that was stored to where there is no file. */
static void write_to_nowhere(test_store *test) {
  store_put_text(test->store, "some", "value");
  cut(test);
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.sync_writes = FLASHKV_SYNC;
  flashkv_status status =
      flashkv_put_with(test->store, flashkv_text("new"), flashkv_text("value"), &options, NULL, NULL);
  if (test->options.mmap_at_startup) assert_int_not_equal(status, FLASHKV_OK);
}

static void writes_are_refused(void **state) {
  test_store *test = *state;
  fill(test->store);
  in_guarded_child(test, write_to_nowhere);
}

/* ---- the image of the index */

/* Keys that are not found are not said not to be there, and nothing is done that would be right if they were not. */
static void lose_the_index(test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  damage_path(test, "INDEX", path);
  if (!damage_exists(path)) return; /* of a kind that has none */
  assert_int_equal(count_readable(test->store), KEYS);
  damage_cut(path, 0);
  assert_int_equal(count_readable(test->store), 0);
  uint64_t sequence = flashkv_sequence(test->store);
  flashkv_value value = FLASHKV_VALUE_INIT;
  assert_true(is_refused(flashkv_get_at(test->store, flashkv_text("key 1"), sequence, &value, NULL)));
  assert_true(is_refused(flashkv_merge(test->store, &options, NULL, NULL)));
  flashkv_iterator *iterator = NULL;
  assert_true(is_refused(flashkv_iterator_open(test->store, NULL, &iterator, NULL)));
  store_put_text(test->store, "new", "value");
  store_close(test);
  assert_true(!damage_exists(path) || damage_size(path) == 0); /* nor is it written so */
  store_open(test);
  assert_int_equal(count_readable(test->store), KEYS);
  store_assert_text(test->store, "new", "value");
}

static void keys_that_cannot_be_found_are_refused(void **state) {
  test_store *test = *state;
  fill(test->store);
  store_put_text(test->store, "key 0", "and something dead"); /* so that there is something to merge */
  store_delete_text(test->store, "key 0");
  store_put_text(test->store, "key 0", "");
  in_guarded_child(test, lose_the_index);
}

/* ---- what is not ours */

static void note_fault(int number) {
  (void)number;
  _exit(42);
}

static void touch_beyond_the_end(void) {
  char path[] = "/tmp/flashkv-guard-XXXXXX";
  int file = mkstemp(path);
  if (file < 0 || unlink(path) != 0) _exit(1);
  volatile char *bytes = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) _exit(2);
  _exit(bytes[0]);
}

static int in_child(void (*run)(void)) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) run();
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void touch_guarded(void) {
  if (flashkv_guard_mapped_files(NULL) != FLASHKV_OK) _exit(3);
  touch_beyond_the_end();
}

static void touch_by_default(void) {
  signal(SIGBUS, SIG_DFL);
  touch_guarded();
}

static void touch_with_a_handler(void) {
  signal(SIGBUS, note_fault);
  touch_guarded();
}

static void other_faults_do_what_they_did(void **state) {
  (void)state;
  int status = in_child(touch_by_default);
  assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
  status = in_child(touch_with_a_handler);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(void) {
  const struct CMUnitTest first[] = {cmocka_unit_test(other_faults_do_what_they_did)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_that_are_gone_are_refused),
      cmocka_unit_test(values_that_were_looked_at_before_too),
      cmocka_unit_test(writes_are_refused),
      cmocka_unit_test(keys_that_cannot_be_found_are_refused),
  };
  return cmocka_run_group_tests(first, NULL, NULL) + STORE_SUITE(tests);
}
