/* Every allocation of reads of parts of tables is made to fail in turn, once and from then on: what fails says that there is
 * no memory and leaks nothing. */
#include <errno.h>

#include "../unit/arrow/kernel_cases.h"
#include "fail_alloc.h"

static kh_table *input;
static const char *condition;
static const char *columns[2];
static size_t column_count;

/* All rows, or the first allocation that fails. */
static khonsu_status drain(struct ArrowArrayStream *stream, uint64_t *rows) {
  struct ArrowSchema schema;
  int code = stream->get_schema(stream, &schema);
  if (code == 0) schema.release(&schema);
  while (code == 0) {
    struct ArrowArray array;
    code = stream->get_next(stream, &array);
    if (code != 0 || array.release == NULL) break;
    *rows += (uint64_t)array.length;
    array.release(&array);
  }
  assert_true(code == 0 || code == ENOMEM);
  assert_true((code == 0) == (stream->get_last_error(stream) == NULL));
  if (code != 0) assert_non_null(strstr(stream->get_last_error(stream), "no memory"));
  return code == 0 ? KHONSU_OK : KHONSU_NO_MEMORY;
}

static khonsu_status run(uint64_t *rows, khonsu_error *error) {
  kh_predicate *predicate;
  kh_selection selection = {columns, column_count, 1, 0};
  struct ArrowArrayStream stream;
  khonsu_status status = kh_predicate_parse(kh_slice(condition, strlen(condition)), &predicate, error);
  if (status == KHONSU_OK) status = kh_table_select(input, &selection, predicate, &stream, error);
  if (status != KHONSU_OK) {
    assert_non_null(strstr(error->message, "no memory"));
    return status;
  }
  status = drain(&stream, rows);
  stream.release(&stream);
  return status;
}

static uint64_t fail_each(bool from_then_on) {
  for (uint64_t at = 1;; at++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    uint64_t rows = 0;
    fail_alloc_at(at, from_then_on);
    khonsu_status status = run(&rows, &error);
    bool failed = fail_alloc_off();
    if (!failed) assert_int_equal(status, KHONSU_OK);
    if (!failed) return rows;
    assert_true(status == KHONSU_NO_MEMORY || status == KHONSU_OK); /* statistics can be done without */
  }
}

static kh_table *long_table(void) {
  text_buffer values = {NULL, 0, 0};
  for (int i = 0; i < 300; i++) {
    if (i % 3 == 2) put_text(&values, "(%d _ 'green' 0.5) ", i);
    else if (i % 3 == 1) put_text(&values, "(%d (%d 'x') 'red' 0.5) ", i, i);
    else put_text(&values, "(%d (%d _) _ 0.5) ", i, i);
  }
  kh_table *table = make_table("+s{a=l;s=+s{b=i;c=u};d=c>u;e=g}", values.bytes);
  free(values.bytes);
  return append_table(table,
                      make_table("+s{a=l;s=+s{b=i;c=u};d=c>u;e=g}", "(300 (1 'y') 'red' 0.5) (301 _ 'blue' 0.5)"));
}

static void selects_that_fail(void **state) {
  (void)state;
  static const struct {
    const char *condition, *columns[2];
    size_t column_count;
    uint64_t rows;
  } cases_of[] = {
      {"a >= 10", {NULL, NULL}, 0, 291},
      {"a in (1, 2.5, 1000000000000000000000000000000000000000000000000000000000000000000000000000) or s.c = 'y'",
       {"s.c", "a"},
       2,
       1},
      {"not (d = 'red' or \"a\" < 100) and s.\"b\" is null", {"s.b", NULL}, 1, 67},
      {"d is not null", {"d", NULL}, 1, 201},
      {"e < 0.600000000000000000000000000000000000000000000000000000000000000000000000001", {"e", NULL}, 1, 301},
  };
  for (size_t i = 0; i < sizeof cases_of / sizeof cases_of[0]; i++) {
    condition = cases_of[i].condition;
    column_count = cases_of[i].column_count;
    memcpy(columns, cases_of[i].columns, sizeof columns);
    for (int k = 0; k < 2; k++) {
      input = long_table();
      assert_int_equal(fail_each(k == 1), cases_of[i].rows);
      kh_table_unref(input);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(selects_that_fail)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
