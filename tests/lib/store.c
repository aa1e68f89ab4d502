#include "store.h"

#include <stdio.h>
#include <time.h>

#include "os/heap.h"

void store_must_be_at(flashkv_status status, flashkv_status wanted, const flashkv_error *error, const char *call,
                      const char *file, int line) {
  if (status == wanted) return;
  print_error("%s\n  returned %s, not %s: %s\n", call, flashkv_status_name(status), flashkv_status_name(wanted),
              error->message);
  _fail(file, line);
}

/* ---- suites */

typedef struct store_kind {
  const char *name;
  flashkv_index_type index_type;
  bool mapped;
} store_kind;

static const store_kind kinds[] = {
    {"hash, mapped", FLASHKV_INDEX_HASH, true},         {"hash, by calls", FLASHKV_INDEX_HASH, false},
    {"btree, mapped", FLASHKV_INDEX_BTREE, true},       {"btree, by calls", FLASHKV_INDEX_BTREE, false},
    {"skiplist, mapped", FLASHKV_INDEX_SKIPLIST, true}, {"skiplist, by calls", FLASHKV_INDEX_SKIPLIST, false},
    {"bptree, mapped", FLASHKV_INDEX_BPTREE, true},     {"bptree, by calls", FLASHKV_INDEX_BPTREE, false},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The first is on a disk, for what file systems do in their own ways, in the build that has the memory that users get: it
 * is the same disk for all. */
static bool uses_disk = !KH_HEAP_PLAIN;

void store_open(test_store *test) { MUST(flashkv_open(&test->options, &test->store, &err)); }

void store_close(test_store *test) { MUST(flashkv_close(&test->store, &err)); }

void store_reopen(test_store *test) {
  store_close(test);
  store_open(test);
}

void store_kill(test_store *test) {
  char left[FOLDER_PATH_SIZE];
  folder_make(left);
  folder_copy(test->folder, left);
  store_close(test);
  folder_copy(left, test->folder);
  folder_remove(left);
}

void store_crash(test_store *test) {
  store_kill(test);
  store_open(test);
}

static int begin_test(void **state) {
  const store_kind *kind = *state;
  test_store *test = calloc(1, sizeof *test);
  if (test == NULL) return 1;
  folders_in(kind == &kinds[0] && uses_disk ? "/tmp" : unit_folder_in_memory());
  folder_make(test->folder);
  test->options = (flashkv_options)FLASHKV_OPTIONS_INIT;
  test->options.dir_path = test->folder;
  test->options.index_type = kind->index_type;
  test->options.mmap_at_startup = kind->mapped;
  test->options.data_file_size = 4 << 20;
  test->options.merge_reserve = 64 << 10; /* taken at each first opening: in memory, by writing zeros */
  test->options.background = false;       /* so that files do not change while they are copied */
  store_open(test);
  *state = test;
  return 0;
}

static int end_test(void **state) {
  test_store *test = *state;
  if (test->store != NULL) store_close(test);
  folder_remove(test->folder);
  free(test);
  return 0;
}

typedef bool kind_filter(const store_kind *kind, flashkv_index_type type);

static bool any(const store_kind *kind, flashkv_index_type type) {
  (void)kind, (void)type;
  return true;
}
static bool is_mapped(const store_kind *kind, flashkv_index_type type) {
  (void)type;
  return kind->mapped;
}
static bool is_of(const store_kind *kind, flashkv_index_type type) { return kind->index_type == type; }

static int run_suite(const struct CMUnitTest *tests, size_t count, kind_filter *wanted, flashkv_index_type type) {
  struct CMUnitTest *all = calloc(KINDS * count, sizeof *all);
  char(*names)[128] = calloc(KINDS * count, sizeof *names);
  if (all == NULL || names == NULL) return 1;
  size_t made = 0;
  for (size_t kind = 0; kind < KINDS; kind++) {
    for (size_t at = 0; at < count && wanted(&kinds[kind], type); at++, made++) {
      snprintf(names[made], sizeof names[made], "%s: %s", kinds[kind].name, tests[at].name);
      all[made] =
          (struct CMUnitTest){names[made], tests[at].test_func, begin_test, end_test, (void *)(uintptr_t)&kinds[kind]};
    }
  }
  int failed = _cmocka_run_group_tests("flashkv", all, made, NULL, NULL);
  free(all);
  free(names);
  return failed;
}

int store_suite(const struct CMUnitTest *tests, size_t count) {
  return run_suite(tests, count, any, FLASHKV_INDEX_HASH);
}
int store_suite_of(flashkv_index_type type, const struct CMUnitTest *tests, size_t count) {
  return run_suite(tests, count, is_of, type);
}
void store_folders_in_memory(void) {
  uses_disk = false;
  folders_in(unit_folder_in_memory());
}

int store_suite_of_indexes(const struct CMUnitTest *tests, size_t count) {
  store_folders_in_memory();
  return run_suite(tests, count, is_mapped, FLASHKV_INDEX_HASH);
}

/* ---- texts */

void store_put_text(flashkv *store, const char *key, const char *value) {
  MUST(flashkv_put(store, flashkv_text(key), flashkv_text(value), &err));
}

void store_put_until(flashkv *store, const char *key, const char *value, uint64_t expires_ms) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.expires_ms = expires_ms;
  MUST(flashkv_put_with(store, flashkv_text(key), flashkv_text(value), &options, NULL, &err));
}

void store_delete_text(flashkv *store, const char *key) { MUST(flashkv_delete(store, flashkv_text(key), &err)); }

void store_put_batch(flashkv *store, const char *value) {
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(store, NULL, &batch, &err));
  for (char key = 'p'; key <= 'r'; key++) {
    char text[64];
    snprintf(text, sizeof text, "%s %c", value, key);
    MUST(flashkv_batch_put(batch, slice_of(&key, 1), flashkv_text(text), NULL, &err));
  }
  MUST(flashkv_batch_commit(batch, NULL, &err));
  flashkv_batch_free(&batch);
}

void store_put_some(flashkv *store) {
  store_put_text(store, "a", "value of a");
  store_put_text(store, "b", "value of b");
  store_put_batch(store, "batch of");
  store_put_text(store, "c", "value of c");
}

static void must_hold(flashkv_value *value, const char *expected, size_t size) {
  assert_int_equal(value->size, size);
  if (size > 0) assert_memory_equal(value->data, expected, size);
  flashkv_value_release(value);
}

void store_assert_value(flashkv *store, flashkv_slice key, flashkv_slice expected) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST(flashkv_get(store, key, &value, &err));
  must_hold(&value, expected.data, expected.size);
}

void store_assert_text(flashkv *store, const char *key, const char *expected) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST_BE(expected == NULL ? FLASHKV_NOT_FOUND : FLASHKV_OK, flashkv_exists(store, flashkv_text(key), &err));
  MUST_BE(expected == NULL ? FLASHKV_NOT_FOUND : FLASHKV_OK, flashkv_get(store, flashkv_text(key), &value, &err));
  if (expected != NULL) must_hold(&value, expected, strlen(expected));
}

void store_assert_text_at(flashkv *store, uint64_t sequence, const char *key, const char *expected) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST_BE(expected == NULL ? FLASHKV_NOT_FOUND : FLASHKV_OK,
          flashkv_get_at(store, flashkv_text(key), sequence, &value, &err));
  if (expected != NULL) must_hold(&value, expected, strlen(expected));
}

void store_assert_rest(flashkv_iterator *iterator, const char *expected) {
  char found[4096] = "";
  size_t used = 0;
  for (;;) {
    flashkv_slice key, value;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_iterator_next(iterator, &key, &value, &error);
    if (status == FLASHKV_END) break;
    store_must_be_at(status, FLASHKV_OK, &error, "flashkv_iterator_next", __FILE__, __LINE__);
    used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s=%.*s", used == 0 ? "" : " ", (int)key.size,
                             (const char *)key.data, (int)value.size, (const char *)value.data);
    assert_true(used < sizeof found);
  }
  assert_string_equal(found, expected);
}

void store_assert_entries(flashkv *store, const flashkv_iterator_options *options, const char *expected) {
  flashkv_iterator *iterator = NULL;
  MUST(flashkv_iterator_open(store, options, &iterator, &err));
  store_assert_rest(iterator, expected);
  flashkv_iterator_free(&iterator);
}

flashkv_stats store_stats(flashkv *store) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(store, &stats);
  return stats;
}

uint64_t store_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void store_sleep_ms(unsigned ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&pause, NULL);
}
