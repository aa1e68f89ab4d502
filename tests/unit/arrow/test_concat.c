/* Several chunks come out as one batch with the same values, whatever the type, and however they were sliced. */
#include "type_cases.h"

static void assert_same_as_one(kh_table *table) {
  struct ArrowSchema schema;
  struct ArrowArray array;
  char *expected = table_text(table, false);
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  char *text = text_of(&schema, &array);
  assert_string_equal(text, expected);
  kh_table *one;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &one, NULL));
  assert_int_equal(kh_table_rows(one), kh_table_rows(table));
  kh_table_unref(one);
  free(expected);
  free(text);
}

static void run_all(cut_fn *cut, bool copy) {
  for (int i = 0; i < CASES; i++) {
    kh_table *table = table_of_case(&cases[i], cut, copy);
    assert_same_as_one(table);
    kh_table_unref(table);
  }
}

static void whole_chunks(void **state) {
  (void)state;
  run_all(cut_nothing, false);
}

static void sliced_batches(void **state) {
  (void)state;
  run_all(cut_root, false);
}

static void sliced_columns(void **state) {
  (void)state;
  run_all(cut_column, false);
}

/* A copy has the values of what it was copied from, and needs it no more. */
static void copies(void **state) {
  (void)state;
  run_all(cut_nothing, true);
  run_all(cut_root, true);
  run_all(cut_column, true);
}

/* What is read back from a table is what was written down. */
static void values_come_through(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    char type[256], values[512];
    if (strchr(cases[i].type, 'r') != NULL || cases[i].type[0] == 'd' || strncmp(cases[i].type, "ti", 2) == 0) continue;
    wrap(&cases[i], 0, type, values);
    values[strlen(values) - 1] = '\0';
    kh_table *table = make_table(type, values);
    assert_table(table, values);
    kh_table_unref(table);
  }
}

/* No rows: still every array of the type, and pointers that consumers may follow. */
static void nothing(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    char type[256];
    snprintf(type, sizeof type, "+s{c=%s}", cases[i].type);
    kh_table *table = make_table(type, "");
    assert_int_equal(kh_table_chunk_count(table), 0);
    struct ArrowSchema schema;
    struct ArrowArray array;
    MUST(kh_table_export_batch(table, &schema, &array, NULL));
    char *text = text_of(&schema, &array);
    assert_string_equal(text, "");
    free(text);
    for (int64_t k = 1; k < array.children[0]->n_buffers; k++) assert_non_null(array.children[0]->buffers[k]);
    schema.release(&schema);
    array.release(&array);
    kh_table_unref(table);
  }
}

static void assert_too_large(kh_table *table, const char *expected) {
  struct ArrowArray array = {.release = NULL};
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_table_export_batch(table, NULL, &array, &error), KHONSU_VALUE_TOO_LARGE);
  assert_string_equal(error.message, expected);
  assert_null(array.release);
  kh_table_unref(table);
}

static kh_table *hundred_values(const char *type, int first) {
  char values[4096], *to = values;
  for (int i = 0; i < 100; i++) to += snprintf(to, 64, "((%d)) ", first + i);
  return make_table(type, values);
}

/* Narrow indices overflow; the text says where. Values that both have are one. */
static void too_many_dictionary_values(void **state) {
  (void)state;
  const char *type = "+s{s=+s{d=c>i}}";
  kh_table *table = append_table(hundred_values(type, 0), hundred_values(type, 28));
  assert_same_as_one(table);
  kh_table_unref(table);
  assert_too_large(append_table(hundred_values(type, 0), hundred_values(type, 29)),
                   "column 's.d': dictionaries of 129 values together in one batch: more than its indices can tell "
                   "apart; cast the column to wider indices, or to plain values");
}

/* A dictionary has no value twice, and none that no row refers to; so it does not grow as chunks are joined. */
static void dictionaries_are_unified(void **state) {
  (void)state;
  kh_table *table =
               append_table(make_table("+s{d=i>u}", "('a') ('b') (_) ('c')"), make_table("+s{d=i>u}", "('c') ('b')")),
           *one;
  struct ArrowSchema schema;
  struct ArrowArray array;
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  assert_int_equal(array.children[0]->dictionary->length, 3);
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &one, NULL));
  assert_table(one, "('a') ('b') (_) ('c') ('c') ('b')");
  kh_table_unref(one);
  kh_table_unref(table);
}

/* Chunks that share a dictionary of which one has fewer rows than it has values, and the other more; then another. */
static void dictionaries_shared_by_some(void **state) {
  (void)state;
  for (int first = 0; first < 4; first++) {
    kh_table *whole = make_table("+s{d=i>u}", "('a') ('b') ('c') (_) ('d') ('a') ('b') ('c') ('d')"), *table = NULL;
    int64_t cuts[4] = {0, first, first + 1, 9};
    for (int i = 0; i < 3; i++) {
      struct ArrowSchema schema;
      struct ArrowArray array;
      kh_table *part;
      MUST(kh_table_export_batch(whole, &schema, &array, NULL));
      array.offset = cuts[i];
      array.length = cuts[i + 1] - cuts[i];
      MUST(kh_table_from_batch(&schema, &array, &no_limits, &part, NULL));
      table = table == NULL ? part : append_table(table, part);
    }
    table = append_table(table, make_table("+s{d=i>u}", "('e') ('a')"));
    assert_same_as_one(table);
    kh_table_unref(table);
    kh_table_unref(whole);
  }
}

/* Views come together in one buffer, without what no view refers to. */
static void views_are_compacted(void **state) {
  (void)state;
  const char *values = "('a text of thirty characters ..') ('short') (_) ('and another one of these texts')";
  struct ArrowSchema schema = make_schema("+s{v=vu}");
  struct ArrowArray array = make_array(&schema, values);
  array.length = 2;
  kh_table *tail, *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &tail, NULL));
  table = append_table(tail, make_table("+s{v=vu}", values));
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  assert_int_equal(array.children[0]->n_buffers, 4);
  assert_int_equal(((const int64_t *)array.children[0]->buffers[3])[0], 3 * 30);
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &tail, NULL));
  kh_table_unref(tail);
  assert_same_as_one(table);
  kh_table_unref(table);
}

static void release_view(struct ArrowArray *array) { array->release = NULL; }

/* A column of three values of `size` bytes each, which are not there: nobody may look at them. */
static kh_table *huge_text(int64_t size) {
  struct ArrowSchema schema = make_schema("+s{t=z}");
  static int32_t offsets[4];
  static const char text[1];
  static const void *buffers[3] = {NULL, offsets, text}, *no_buffers[1] = {NULL};
  for (int i = 0; i < 4; i++) offsets[i] = (int32_t)(i * size);
  static struct ArrowArray column, *columns[1] = {&column};
  column = (struct ArrowArray){.length = 3, .n_buffers = 3, .buffers = buffers, .release = release_view};
  struct ArrowArray root = {.length = 3,
                            .n_buffers = 1,
                            .buffers = no_buffers,
                            .n_children = 1,
                            .children = columns,
                            .release = release_view};
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

static void too_much_text(void **state) {
  (void)state;
  kh_table *half = huge_text(500000000), *table;
  MUST(kh_table_append(half, half, &table, NULL));
  kh_table_unref(half);
  assert_too_large(table,
                   "column 't': 3000000000 bytes of text in one batch: more than 32-bit offsets can hold; cast the "
                   "column to large_utf8 or large_binary");
}

/* Nulls that take no memory, in a column of the type; of a list or union all in one value. */
static kh_table *many_nulls(const char *type, const char *values, int64_t count) {
  struct ArrowSchema schema = make_schema(type);
  struct ArrowArray array = make_array(&schema, values), *column = array.children[0];
  if (column->n_children == 0) {
    array.length = column->length = column->null_count = count;
  } else {
    int32_t *offsets = (int32_t *)(uintptr_t)column->buffers[1];
    bool is_list = strncmp(type, "+s{a=+l", 7) == 0;
    column->children[0]->length = column->children[0]->null_count = count;
    offsets[1] = (int32_t)(is_list ? count : count - 1);
  }
  kh_table *table;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_from_batch(&schema, &array, &no_limits, &table, &error) != KHONSU_OK) fail_msg("%s", error.message);
  return table;
}

static void too_many_nulls(void **state) {
  (void)state;
  static const struct {
    const char *type, *values;
    int64_t count;
    const char *text;
  } of[] = {
      {"+s{a=n}", "(_)", INT64_MAX / 2 + 1, "more than 2^63 values"},
      {"+s{a=+l{item=n}}", "([_])", INT32_MAX,
       "column 'a': 4294967294 items in one batch: more than 32-bit offsets can hold; cast the column to large_list"},
      {"+s{a=+ud:0{x=n}}", "(0:_) (0:_)", INT32_MAX,
       "column 'a.x': 4294967294 values in one batch: more than 32-bit offsets can hold; keep the rows in several "
       "batches"},
  };
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    kh_table *half = many_nulls(of[i].type, of[i].values, of[i].count), *table;
    MUST(kh_table_append(half, half, &table, NULL));
    kh_table_unref(half);
    assert_too_large(table, of[i].text);
  }
}

static void too_many_run_values(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{r=+r{run_ends=s;values=i}}");
  kh_table *table = NULL;
  for (int i = 0; i < 2; i++) {
    struct ArrowSchema copy = make_schema("+s{r=+r{run_ends=s;values=i}}");
    struct ArrowArray array = make_array(&schema, "");
    append_run(schema.children[0], array.children[0], "1");
    for (int k = 1; k < 20000; k++) append_run(schema.children[0], array.children[0], "=");
    array.length = 20000;
    MUST(ArrowArrayFinishBuilding(&array, NANOARROW_VALIDATION_LEVEL_DEFAULT, NULL));
    kh_table *tail;
    MUST(kh_table_from_batch(&copy, &array, &no_limits, &tail, NULL));
    table = table == NULL ? tail : append_table(table, tail);
  }
  schema.release(&schema);
  assert_too_large(table,
                   "column 'r': 40000 values in one batch: more than its run ends can hold; cast the column to wider "
                   "run ends, or to plain values");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_chunks),
      cmocka_unit_test(sliced_batches),
      cmocka_unit_test(sliced_columns),
      cmocka_unit_test(copies),
      cmocka_unit_test(values_come_through),
      cmocka_unit_test(nothing),
      cmocka_unit_test(too_many_dictionary_values),
      cmocka_unit_test(dictionaries_are_unified),
      cmocka_unit_test(dictionaries_shared_by_some),
      cmocka_unit_test(views_are_compacted),
      cmocka_unit_test(too_much_text),
      cmocka_unit_test(too_many_nulls),
      cmocka_unit_test(too_many_run_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
