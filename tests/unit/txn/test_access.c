/* The access set against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "txn/txn.h"

static kh_heap_cache cache;

static void begin(kh_access_set *set) {
  kh_heap_cache_init(&cache, kh_heap_new());
  kh_access_set_init(set, &cache);
}

static void end(kh_access_set *set) {
  kh_access_set_fini(set);
  kh_heap_cache_fini(&cache);
  kh_heap_close(cache.heap);
}

static khonsu_slice numbered(char *room, int number) {
  int size = snprintf(room, 32, "key%d", number);
  return kh_slice(room, (size_t)size);
}

static void what_was_added_is_found_and_keeps_its_entry(void **state) {
  (void)state;
  kh_access_set set;
  begin(&set);
  char room[32];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 5000; i++) {
      khonsu_slice key = numbered(room, i);
      uint64_t hash = kh_hash_bytes(key, 7);
      assert_null(kh_access_set_find(&set, key, hash));
      kh_access *access = kh_access_set_add(&set, key, hash);
      assert_non_null(access);
      access->read_at = (uint64_t)i;
    }
    for (int i = 0; i < 5000; i++) {
      khonsu_slice key = numbered(room, i);
      kh_access *access = kh_access_set_find(&set, key, kh_hash_bytes(key, 7));
      assert_non_null(access);
      assert_int_equal(access->read_at, i);
      assert_true(kh_slice_equal(access->key, key));
    }
    kh_access_set_clear(&set);
    assert_int_equal(set.count, 0);
  }
  end(&set);
}

static void keys_of_one_hash_are_told_apart(void **state) {
  (void)state;
  kh_access_set set;
  begin(&set);
  char room[32];
  for (int i = 0; i < 100; i++) kh_access_set_add(&set, numbered(room, i), 42)->read_at = (uint64_t)i;
  for (int i = 0; i < 100; i++) assert_int_equal(kh_access_set_find(&set, numbered(room, i), 42)->read_at, i);
  assert_null(kh_access_set_find(&set, numbered(room, 100), 42));
  end(&set);
}

static void large_keys_are_copied_whole(void **state) {
  (void)state;
  kh_access_set set;
  begin(&set);
  static char key[65535];
  memset(key, 'x', sizeof key);
  kh_access *access = kh_access_set_add(&set, kh_slice(key, sizeof key), 1);
  key[9] = 'y';
  assert_int_equal(((const char *)access->key.data)[9], 'x');
  assert_int_equal(access->key.size, sizeof key);
  kh_access_set_clear(&set);
  end(&set);
}

static void a_dropped_write_is_freed_and_counted(void **state) {
  (void)state;
  kh_access_set set;
  begin(&set);
  kh_access *access = kh_access_set_add(&set, kh_slice("k", 1), 1);
  access->staged = kh_version_new_bytes(&cache, kh_slice("k", 1), kh_slice("v", 1));
  set.writes = 1;
  kh_access_drop_write(&set, access);
  assert_int_equal(set.writes, 0);
  assert_null(access->staged);
  access->staged = kh_version_new_bytes(&cache, kh_slice("k", 1), kh_slice("v", 1)); /* freed by fini */
  end(&set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_added_is_found_and_keeps_its_entry),
      cmocka_unit_test(keys_of_one_hash_are_told_apart),
      cmocka_unit_test(large_keys_are_copied_whole),
      cmocka_unit_test(a_dropped_write_is_freed_and_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
