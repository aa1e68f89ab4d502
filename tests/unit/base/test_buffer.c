/* A buffer holds what was appended, in order, and refuses what cannot be. */
#include <string.h>

#include "unit.h"

static void bytes_are_kept_in_order(void **state) {
  (void)state;
  kh_buffer buffer = {0};
  for (unsigned i = 0; i < 10000; i++) {
    uint32_t value = i * 2654435761u;
    assert_int_equal(kh_buffer_append(&buffer, &value, sizeof value), KHONSU_OK);
    assert_int_equal(buffer.size, (i + 1) * sizeof value);
    assert_true(buffer.capacity >= buffer.size);
  }
  for (unsigned i = 0; i < 10000; i++) {
    uint32_t value;
    memcpy(&value, buffer.data + i * sizeof value, sizeof value);
    assert_int_equal(value, i * 2654435761u);
  }
  kh_buffer_fini(&buffer);
  assert_null(buffer.data);
  assert_int_equal(buffer.size, 0);
  assert_int_equal(buffer.capacity, 0);
}

static void nothing_can_be_appended_to_nothing(void **state) {
  (void)state;
  kh_buffer buffer = {0};
  assert_int_equal(kh_buffer_append(&buffer, NULL, 0), KHONSU_OK);
  assert_int_equal(kh_buffer_reserve(&buffer, 0), KHONSU_OK);
  assert_null(buffer.data);
  kh_buffer_fini(&buffer);
}

static void reserved_room_stays_where_it_is(void **state) {
  (void)state;
  kh_buffer buffer = {0};
  assert_int_equal(kh_buffer_reserve(&buffer, 1000), KHONSU_OK);
  assert_int_equal(buffer.size, 0);
  const uint8_t *data = buffer.data;
  for (int i = 0; i < 1000; i++) assert_int_equal(kh_buffer_append(&buffer, "x", 1), KHONSU_OK);
  assert_ptr_equal(buffer.data, data);
  kh_buffer_fini(&buffer);
}

static void impossible_sizes_change_nothing(void **state) {
  (void)state;
  kh_buffer buffer = {0};
  assert_int_equal(kh_buffer_append(&buffer, "abc", 3), KHONSU_OK);
  kh_buffer before = buffer;
  assert_int_equal(kh_buffer_reserve(&buffer, SIZE_MAX), KHONSU_NO_MEMORY);
  assert_memory_equal(&before, &buffer, sizeof buffer);
  assert_memory_equal(buffer.data, "abc", 3);
  kh_buffer_fini(&buffer);
}

static void allocations_check_their_sizes(void **state) {
  (void)state;
  assert_null(kh_alloc_array(SIZE_MAX / 2, 3));
  assert_null(kh_realloc_array(NULL, SIZE_MAX / 2, 3));
  assert_null(kh_alloc_lines(SIZE_MAX - 8));
  for (size_t size = 0; size < 200; size += 13) {
    void *lines = kh_alloc_lines(size), *zero = kh_alloc_zero(size), *array = kh_alloc_array(size, 1);
    assert_int_equal((uintptr_t)lines % KH_CACHE_LINE, 0);
    assert_non_null(zero);
    for (size_t i = 0; i < size; i++) assert_int_equal(((char *)zero)[i], 0);
    assert_non_null(array);
    kh_free(lines);
    kh_free(zero);
    kh_free(array);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_kept_in_order),         cmocka_unit_test(nothing_can_be_appended_to_nothing),
      cmocka_unit_test(reserved_room_stays_where_it_is), cmocka_unit_test(impossible_sizes_change_nothing),
      cmocka_unit_test(allocations_check_their_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
