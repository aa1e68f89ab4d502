/* Every allocation of work on tables whose chunks are stored is made to fail in turn, once and from then on: what fails
 * says that there is no memory, and nothing of what was loaded is left. A chunk can do without a place to be kept in. */
#include "../unit/arrow/stored_cases.h"
#include "fail_alloc.h"

#define TYPE "+s{k=l;v=u}"

static fake_storage fake;
static kh_table *holds, *rows; /* of three chunks; of one */
static kh_keyed_rows *keyed, *keys;
static kh_table *wider; /* has the schema to cast to */
static kh_table *full;  /* in whose list there is no room: what is appended does not stay with it */

typedef khonsu_status scenario(kh_table *table, khonsu_error *error);

static khonsu_status append(kh_table *table, khonsu_error *error) {
  kh_table *joined, *tail;
  khonsu_status status = kh_table_append(table, rows, &joined, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_append(full, joined, &tail, error); /* loads all of it */
  kh_table_unref(joined);
  if (status == KHONSU_OK) kh_table_unref(tail);
  return status;
}

static khonsu_status upsert(kh_table *table, khonsu_error *error) {
  kh_table *result;
  kh_upsert_counts counts;
  khonsu_status status = kh_table_upsert(table, keyed, &result, &counts, error);
  if (status == KHONSU_OK) kh_table_unref(result);
  return status;
}

static khonsu_status delete_rows(kh_table *table, khonsu_error *error) {
  kh_table *result;
  uint64_t deleted;
  khonsu_status status = kh_table_delete_rows(table, keys, &result, &deleted, error);
  if (status == KHONSU_OK) kh_table_unref(result);
  return status;
}

static khonsu_status cast(kh_table *table, khonsu_error *error) {
  kh_table *result;
  khonsu_status status = kh_table_cast(table, kh_table_schema(wider), &result, error);
  if (status == KHONSU_OK) kh_table_unref(result);
  return status;
}

static khonsu_status encode(kh_table *table, khonsu_error *error) {
  kh_ipc_encoded encoded = {.parts = NULL};
  khonsu_status status = kh_ipc_encode(table, &encoded, error);
  kh_ipc_encoded_fini(&encoded);
  return status;
}

static khonsu_status compare(kh_table *table, khonsu_error *error) {
  bool same;
  khonsu_status status = kh_table_equal(table, holds, &same, error);
  assert_true(status != KHONSU_OK || same);
  return status;
}

static khonsu_status lend_whole(kh_table *table, khonsu_error *error) {
  struct ArrowArray array;
  khonsu_status status = kh_table_export_batch(table, NULL, &array, error);
  if (status == KHONSU_OK) array.release(&array);
  return status;
}

/* To the end, or to the first failure; which get_last_error tells as well. */
static khonsu_status read_stream(kh_table *table, khonsu_error *error) {
  struct ArrowArrayStream stream;
  struct ArrowArray array;
  if (kh_table_export_stream(table, &stream) != KHONSU_OK)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to lend out a table");
  int64_t left = (int64_t)kh_table_rows(table);
  int code;
  while ((code = stream.get_next(&stream, &array)) == 0 && array.release != NULL) {
    left -= array.length;
    array.release(&array);
  }
  assert_true(code != 0 || left == 0);
  if (code != 0) assert_non_null(strstr(stream.get_last_error(&stream), "memory"));
  stream.release(&stream);
  return code == 0 ? KHONSU_OK : khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory");
}

static khonsu_status run_on(scenario *run, bool keeps, khonsu_error *error) {
  kh_table *table = NULL;
  khonsu_status status = KHONSU_NO_MEMORY;
  if (fake_open(&fake, holds, 3, keeps) != NULL) table = kh_table_new_stored(kh_table_schema(holds), fake.stored);
  if (table != NULL) status = run(table, error);
  else khonsu_error_set(error, status, "no memory for a table");
  kh_table_unref(table);
  fake_close(&fake);
  return status;
}

static void fail_each(scenario *run, bool keeps, bool from_then_on) {
  for (uint64_t at = fail_alloc_next(0);; at = fail_alloc_next(at)) {
    khonsu_error error = KHONSU_ERROR_INIT;
    fail_alloc_at(at, from_then_on);
    khonsu_status status = run_on(run, keeps, &error);
    if (!fail_alloc_off()) {
      if (status != KHONSU_OK) fail_msg("%s", error.message);
      return;
    }
    if (status == KHONSU_OK && keeps && !from_then_on) continue;
    assert_int_equal(status, KHONSU_NO_MEMORY);
    assert_non_null(strstr(error.message, "no memory"));
  }
}

static void no_memory(void **state) {
  (void)state;
  static scenario *const scenarios[] = {append, upsert, delete_rows, cast, encode, compare, lend_whole, read_stream};
  holds = table_in_memory(TYPE, "(1 'a') (2 'b')|(3 'c')|(4 'd')");
  rows = make_table(TYPE, "(3 'C') (5 'e')");
  full = table_in_memory(TYPE, "(6 'f')|(7 'g')|(8 'h')|(9 'i')");
  wider = make_table("+s{k=l;v=U}", "");
  kh_table *of_keys = make_table("+s{k=l}", "(2) (3)");
  MUST(kh_keyed_rows_new(of_keys, NULL, 0, 7, false, &keys, NULL));
  MUST(kh_keyed_rows_new(rows, (const char *[]){"k"}, 1, 7, true, &keyed, NULL));
  for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
    for (int how = 0; how < 4; how++) fail_each(scenarios[i], how & 1, how & 2);
  kh_keyed_rows_free(keyed);
  kh_keyed_rows_free(keys);
  kh_table_unref(of_keys);
  kh_table_unref(wider);
  kh_table_unref(full);
  kh_table_unref(rows);
  kh_table_unref(holds);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
