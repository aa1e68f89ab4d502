/* Slices are compared as bytes, a prefix first. */
#include <string.h>

#include "unit.h"

static khonsu_slice text(const char *characters) { return kh_slice(characters, strlen(characters)); }

static void order_is_that_of_bytes(void **state) {
  (void)state;
  const khonsu_slice ascending[] = {kh_slice(NULL, 0),   kh_slice("\0", 1),   kh_slice("\0\0", 2),
                                    kh_slice("\0a", 2),  text("a"),           text("aa"),
                                    text("ab"),          text("b"),           kh_slice("\x7f", 1),
                                    kh_slice("\x80", 1), kh_slice("\xff", 1), kh_slice("\xff\0", 2)};
  const int count = sizeof ascending / sizeof ascending[0];
  for (int i = 0; i < count; i++) {
    for (int j = 0; j < count; j++) {
      int order = kh_slice_compare(ascending[i], ascending[j]);
      assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
      assert_int_equal(kh_slice_equal(ascending[i], ascending[j]), i == j);
    }
  }
}

static void empty_slices_are_equal_wherever_they_are(void **state) {
  (void)state;
  assert_true(kh_slice_equal(kh_slice(NULL, 0), kh_slice("x", 0)));
  assert_int_equal(kh_slice_compare(kh_slice(NULL, 0), kh_slice("x", 0)), 0);
}

static void hashes_depend_on_bytes_and_seed(void **state) {
  (void)state;
  char copy[] = "a key";
  assert_int_equal(kh_hash_bytes(text("a key"), 1), kh_hash_bytes(text(copy), 1));
  assert_int_not_equal(kh_hash_bytes(text("a key"), 1), kh_hash_bytes(text("a kez"), 1));
  assert_int_not_equal(kh_hash_bytes(text("a key"), 1), kh_hash_bytes(text("a key"), 2));
  assert_int_equal(kh_hash_bytes(kh_slice(NULL, 0), 1), kh_hash_bytes(text(""), 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_is_that_of_bytes),
      cmocka_unit_test(empty_slices_are_equal_wherever_they_are),
      cmocka_unit_test(hashes_depend_on_bytes_and_seed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
