/* The reference storage obeys the contract in khonsu.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/storage.h"

static khonsu_mutation mutation(khonsu_mutation_kind kind, const char *key, const char *value, uint64_t version) {
  return (khonsu_mutation){kh_slice(key, strlen(key)), kh_slice(value, strlen(value)), version, kind, KHONSU_BYTES};
}

static void write_one(void *storage, khonsu_mutation_kind kind, const char *key, const char *value, uint64_t version) {
  khonsu_mutation one = mutation(kind, key, value, version);
  assert_int_equal(khonsu_storage_memory()->write(storage, &one, 1, &(size_t){0}, NULL), KHONSU_OK);
}

static void assert_stored(void *storage, const char *key, uint64_t at, const char *expected, uint64_t version) {
  khonsu_stored stored;
  khonsu_status status = khonsu_storage_memory()->get(storage, kh_slice(key, strlen(key)), at, &stored, NULL);
  if (expected == NULL) {
    assert_int_equal(status, KHONSU_NOT_FOUND);
    return;
  }
  assert_int_equal(status, KHONSU_OK);
  assert_int_equal(stored.version, version);
  assert_int_equal(stored.value.size, strlen(expected));
  assert_memory_equal(stored.value.data, expected, stored.value.size);
  khonsu_bytes_release(&stored.value);
}

static int set_up(void **state) { return khonsu_storage_memory_new(state, NULL); }

static int tear_down(void **state) {
  khonsu_storage_memory_free(state);
  assert_null(*state);
  khonsu_storage_memory_free(state);
  return 0;
}

static void get_answers_as_of_a_version(void **state) {
  write_one(*state, KHONSU_MUTATION_PUT, "k", "one", 2);
  write_one(*state, KHONSU_MUTATION_APPEND, "k", "+two", 3);
  write_one(*state, KHONSU_MUTATION_DELETE, "k", "", 5);
  write_one(*state, KHONSU_MUTATION_APPEND, "k", "again", 6);
  assert_stored(*state, "k", 1, NULL, 0);
  assert_stored(*state, "k", 2, "one", 2);
  assert_stored(*state, "k", 4, "one+two", 3);
  assert_stored(*state, "k", 5, NULL, 0);
  assert_stored(*state, "k", 99, "again", 6);
  assert_stored(*state, "absent", 99, NULL, 0);
}

static void a_lent_value_stays_put(void **state) {
  write_one(*state, KHONSU_MUTATION_PUT, "k", "one", 2);
  khonsu_stored stored;
  assert_int_equal(khonsu_storage_memory()->get(*state, kh_slice("k", 1), 9, &stored, NULL), KHONSU_OK);
  for (uint64_t version = 3; version < 100; version++) write_one(*state, KHONSU_MUTATION_APPEND, "k", "more", version);
  khonsu_storage_memory()->retain(*state, 99);
  write_one(*state, KHONSU_MUTATION_PUT, "k", "x", 100);
  assert_int_equal(stored.value.size, 3);
  assert_memory_equal(stored.value.data, "one", 3);
  khonsu_bytes_release(&stored.value);
}

static void retained_versions_are_kept_and_older_ones_go(void **state) {
  for (uint64_t version = 2; version < 10; version++)
    write_one(*state, KHONSU_MUTATION_PUT, "k", version % 2 ? "odd" : "even", version);
  khonsu_storage_memory()->retain(*state, 7);
  write_one(*state, KHONSU_MUTATION_PUT, "k", "new", 10);
  assert_stored(*state, "k", 6, NULL, 0);
  assert_stored(*state, "k", 7, "odd", 7);
  assert_stored(*state, "k", 8, "even", 8);
}

typedef struct seen {
  char keys[64];
  int left;
} seen;

static khonsu_status note_key(void *ctx, khonsu_slice key, const khonsu_stored *value) {
  seen *s = ctx;
  assert_true(value->value.size > 0);
  strncat(s->keys, key.data, key.size);
  return --s->left == 0 ? KHONSU_BUSY : KHONSU_OK;
}

static void scan_goes_in_order_and_stops_when_told(void **state) {
  khonsu_mutation all[] = {mutation(KHONSU_MUTATION_PUT, "c", "3", 2), mutation(KHONSU_MUTATION_PUT, "a", "1", 2),
                           mutation(KHONSU_MUTATION_PUT, "d", "4", 2), mutation(KHONSU_MUTATION_PUT, "b", "2", 3)};
  assert_int_equal(khonsu_storage_memory()->write(*state, all, 4, &(size_t){0}, NULL), KHONSU_OK);
  write_one(*state, KHONSU_MUTATION_DELETE, "c", "", 4);
  khonsu_storage_range range = {.reverse = false};
  seen s = {"", 99};
  assert_int_equal(khonsu_storage_memory()->scan(*state, &range, 9, note_key, &s, NULL), KHONSU_OK);
  assert_string_equal(s.keys, "abd");
  s = (seen){"", 99};
  khonsu_storage_range some = {.first = kh_slice("b", 1), .end = kh_slice("d", 1)};
  assert_int_equal(khonsu_storage_memory()->scan(*state, &some, 2, note_key, &s, NULL), KHONSU_OK);
  assert_string_equal(s.keys, "c");
  s = (seen){"", 2};
  assert_int_equal(khonsu_storage_memory()->scan(*state, &range, 9, note_key, &s, NULL), KHONSU_BUSY);
  assert_string_equal(s.keys, "ab");
  range.reverse = some.reverse = true;
  s = (seen){"", 2};
  assert_int_equal(khonsu_storage_memory()->scan(*state, &range, 9, note_key, &s, NULL), KHONSU_BUSY);
  assert_string_equal(s.keys, "db");
  s = (seen){"", 99};
  some.end = kh_slice("cc", 2);
  assert_int_equal(khonsu_storage_memory()->scan(*state, &some, 3, note_key, &s, NULL), KHONSU_OK);
  assert_string_equal(s.keys, "cb");
  khonsu_version newest;
  assert_int_equal(khonsu_storage_memory()->open(*state, &newest, NULL), KHONSU_OK);
  assert_int_equal(newest, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(get_answers_as_of_a_version),
      TEST(a_lent_value_stays_put),
      TEST(retained_versions_are_kept_and_older_ones_go),
      TEST(scan_goes_in_order_and_stops_when_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
