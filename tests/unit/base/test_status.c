/* The one table of statuses is consistent, and khonsu_error is written within its size. */
#include <string.h>

#include "base/error.h"
#include "unit.h"

typedef struct row {
  const char *name;
  khonsu_status status;
  khonsu_class of_class;
  const char *text;
} row;

static const row table[] = {
#define TABLE_ROW(name, class_name, number, text) {"KHONSU_" #name, KHONSU_##name, KHONSU_CLASS_##class_name, text},
    KHONSU_STATUS_TABLE(TABLE_ROW)
#undef TABLE_ROW
};
enum { ROWS = sizeof table / sizeof table[0] };

static void statuses_are_unique_and_named(void **state) {
  (void)state;
  for (size_t i = 0; i < ROWS; i++) {
    assert_string_equal(khonsu_status_name(table[i].status), table[i].name);
    assert_string_equal(khonsu_status_text(table[i].status), table[i].text);
    assert_true(khonsu_status_is(table[i].status, table[i].of_class));
    for (size_t j = 0; j < i; j++) {
      assert_int_not_equal(table[i].status, table[j].status);
      assert_string_not_equal(table[i].name, table[j].name);
    }
  }
  assert_int_equal(KHONSU_OK, 0);
}

static void a_status_is_of_one_class(void **state) {
  (void)state;
  for (size_t i = 0; i < ROWS; i++) {
    int classes = 0;
    for (int c = KHONSU_CLASS_OK; c <= KHONSU_CLASS_NO_MEMORY; c++) {
      classes += khonsu_status_is(table[i].status, (khonsu_class)c);
    }
    assert_int_equal(classes, 1);
  }
}

static void unknown_numbers_have_a_name(void **state) {
  (void)state;
  const khonsu_status unknown[] = {-1, 9999, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < 4; i++) {
    assert_string_equal(khonsu_status_name(unknown[i]), "KHONSU_UNKNOWN");
    assert_true(strlen(khonsu_status_text(unknown[i])) > 0);
  }
}

static void an_error_takes_status_and_text(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(khonsu_error_set(&error, KHONSU_IO, "block %d of %s", 7, "file"), KHONSU_IO);
  assert_int_equal(error.status, KHONSU_IO);
  assert_string_equal(error.message, "block 7 of file");
  assert_int_equal(khonsu_error_set(&error, KHONSU_CORRUPT, "%s again", error.message), KHONSU_CORRUPT);
  assert_string_equal(error.message, "block 7 of file again");
  assert_int_equal(khonsu_error_set(NULL, KHONSU_BUSY, "nobody reads this"), KHONSU_BUSY);
}

static void a_cleared_error_is_as_new(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_conflict *conflicts = calloc(2, sizeof *conflicts);
  error.private_data = conflicts;
  error.conflicts = conflicts;
  error.conflict_count = 2;
  khonsu_error_set(&error, KHONSU_IO, "the conflicts of an earlier failure are freed"); /* else LeakSanitizer says so */
  assert_null(error.conflicts);
  assert_int_equal(error.conflict_count, 0);
  khonsu_error_clear(&error);
  assert_int_equal(error.status, KHONSU_OK);
  assert_string_equal(error.message, "");
  khonsu_error_clear(&error);
  khonsu_error_clear(NULL);
}

static void a_restated_error_keeps_its_conflicts(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  error.private_data = calloc(1, sizeof(khonsu_conflict));
  error.conflicts = error.private_data;
  error.conflict_count = 1;
  assert_int_equal(kh_error_restate(&error, KHONSU_DEADLINE, "after %d attempts", 3), KHONSU_DEADLINE);
  assert_int_equal(error.status, KHONSU_DEADLINE);
  assert_string_equal(error.message, "after 3 attempts");
  assert_int_equal(error.conflict_count, 1);
  assert_int_equal(kh_error_restate(NULL, KHONSU_DEADLINE, "nobody reads this"), KHONSU_DEADLINE);
  khonsu_error_clear(&error);
}

static void a_long_text_is_cut(void **state) {
  (void)state;
  char text[2 * KHONSU_ERROR_MESSAGE_SIZE];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_error_set(&error, KHONSU_IO, "%s", text);
  assert_int_equal(strlen(error.message), KHONSU_ERROR_MESSAGE_SIZE - 1);
}

/* A program compiled against a header whose message was shorter: nothing is written beyond its struct. */
static void a_smaller_struct_is_not_overrun(void **state) {
  (void)state;
  size_t size = offsetof(khonsu_error, message) + 8;
  struct {
    khonsu_error error;
  } frame;
  memset(&frame, 0x5a, sizeof frame);
  memset(&frame, 0, size);
  frame.error.struct_size = (uint32_t)size;
  khonsu_error_set(&frame.error, KHONSU_IO, "0123456789");
  assert_string_equal(frame.error.message, "0123456");
  khonsu_error_clear(&frame.error);
  assert_string_equal(frame.error.message, "");
  for (size_t i = size; i < sizeof frame; i++) assert_int_equal(((const unsigned char *)&frame)[i], 0x5a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_are_unique_and_named),
      cmocka_unit_test(a_status_is_of_one_class),
      cmocka_unit_test(unknown_numbers_have_a_name),
      cmocka_unit_test(an_error_takes_status_and_text),
      cmocka_unit_test(a_cleared_error_is_as_new),
      cmocka_unit_test(a_restated_error_keeps_its_conflicts),
      cmocka_unit_test(a_long_text_is_cut),
      cmocka_unit_test(a_smaller_struct_is_not_overrun),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
