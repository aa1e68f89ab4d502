/* Several chunks come out as one batch with the same values, whatever the type, and however they were sliced. */
#include "arrow_text.h"

typedef struct case_of_type {
  const char *type; /* of a column */
  const char *values[3];
} case_of_type;

static const case_of_type cases[] = {
    {"n", {"_ _", "_", "_ _ _"}},
    {"b", {"1 0 _ 1 1 0 1", "0 0 0 0 0 0 0 0 0 0 1", "_ 1"}},
    {"c", {"1 -2 _", "3", "127 -128 0 _ 5"}},
    {"C", {"1 2", "3 _ 255", "_"}},
    {"s", {"1 2", "3 _ -30000", "7"}},
    {"S", {"1 2", "3 4 65535", "_ 7"}},
    {"i", {"1 2 3", "_ 5 6", "7"}},
    {"I", {"1 2 3", "4 5 6", "7"}},
    {"l", {"1 2 3 4 5 6 7 8 9 10", "_ _ _", "9000000000"}},
    {"L", {"1 2 3", "4 _", "7"}},
    {"e", {"1 0.5", "_", "2.25"}},
    {"f", {"1.5 _", "2.5", "3.5 4.5"}},
    {"g", {"1.5 _", "2.5", "3.5 4.5 -7"}},
    {"d:9,2,32", {"1 -2", "3 _", "5"}},
    {"d:18,2,64", {"1 -2", "3 _", "5"}},
    {"d:38,2", {"1 -2", "3 _", "5"}},
    {"d:76,2,256", {"1 -2", "3 _", "5"}},
    {"tdD", {"1 2", "3", "_ 4"}},
    {"tdm", {"1 2", "3", "_ 4"}},
    {"tts", {"1 2", "3", "_ 4"}},
    {"ttn", {"1 2", "3", "_ 4"}},
    {"tsu:UTC", {"1 2", "3", "_ 4"}},
    {"tDm", {"1 2", "3", "_ 4"}},
    {"tiM", {"1/0/0 2/0/0", "_", "3/0/0"}},
    {"tiD", {"0/1/2 0/3/4", "_", "0/5/6"}},
    {"tin", {"1/2/3 4/5/6", "_", "7/8/9"}},
    {"w:3", {"'abc' _", "'def'", "'ghi' 'jkl'"}},
    {"u", {"'a' '' _ 'long enough'", "'b'", "_ 'c' 'd'"}},
    {"z", {"'a' '' _", "'b'", "'c' 'd'"}},
    {"U", {"'a' '' _", "'b'", "'c' 'd'"}},
    {"Z", {"'a' '' _", "'b'", "'c' 'd'"}},
    {"vu", {"'short' 'much longer than twelve' _ 'another one that is long'", "_ 'in the second buffer'", "'s' 'and in a third one'"}},
    {"vz", {"'short' 'much longer than twelve'", "'x' 'y'", "'and in a third one'"}},
    {"+l{item=i}", {"[1 2] [] _ [3]", "[4 _] []", "_ [5 6 7]"}},
    {"+L{item=u}", {"['a' 'b'] [] _ ['c']", "['d' _]", "[] ['e']"}},
    {"+w:2{item=i}", {"[1 2] _ [3 4]", "[5 _]", "[7 8] [9 10]"}},
    {"+w:0{item=i}", {"[] _ []", "[]", "[] []"}},
    {"+vl{item=i}", {"[1 2] [] _ [3]", "[4 _] []", "_ [5 6 7]"}},
    {"+vL{item=u}", {"['a'] [] _ ['b' 'c']", "['d' _] []", "['e']"}},
    {"+s{x=i;y=u}", {"(1 'a') _ (_ 'b')", "(2 _)", "(3 'c') (4 'd')"}},
    {"+s{}", {"() _", "()", "() ()"}},
    {"+m{entries=+s{key=u;value=i}}", {"[('a' 1) ('b' _)] _", "[]", "[('c' 3)] [('d' 4) ('e' 5)]"}},
    {"+us:0,1{x=i;y=u}", {"0:1 1:'a' 0:_", "1:'b' 1:'c'", "0:2 1:_"}},
    {"+ud:0,1{x=i;y=u}", {"0:1 1:'a' 0:_ 0:7", "1:'b' 1:'c'", "0:2 1:_"}},
    {"+ud:5,9{x=i;y=+l{item=u}}", {"0:1 1:['a' 'b'] 0:_", "1:['b'] 1:_", "0:2 1:[]"}},
    {"+us:7,3{x=i;y=u}", {"0:1 1:'a' 0:_", "1:'b' 1:'c'", "0:2 1:_"}},
    {"+r{run_ends=s;values=u}", {"'a' = = _ 'b' =", "'b'", "'c' = = = 'd' ="}},
    {"+r{run_ends=i;values=i}", {"1 = = _ 2 =", "2 = = = =", "3 4 ="}},
    {"+r{run_ends=l;values=+s{x=i;y=u}}", {"(1 'a') = _", "(2 'b') = = = =", "(3 _)"}},
    {"c>u", {"'red' 'green' _ 'red'", "'blue' 'red'", "_ 'white'"}},
    {"I>l", {"10 20 10", "20 30", "_ 10"}},
    {"s>+s{x=i;y=u}", {"(1 'a') (2 'b') (1 'a')", "(1 'a') _", "(3 'c')"}},
    {"+l{item=c>u}", {"['red' 'green'] _ ['red']", "['blue' _]", "[] ['white']"}},
    {"+s{a=+l{item=+s{b=c>u;c=+ud:0,1{p=i;q=vu}}}}",
     {"([('r' 0:1) ('g' 1:'a value that is too long')]) (_)", "([('b' 1:'x')])", "([]) ([('w' 1:'another value, long too')])"}},
};

enum { CASES = sizeof cases / sizeof cases[0] };

/* As a column `c` of a batch: each value a row. */
static void wrap(const case_of_type *of, int chunk, char type[256], char values[512]) {
  snprintf(type, 256, "+s{c=%s}", of->type);
  char *to = values;
  for (const char *text = skip_spaces(of->values[chunk]); *text != '\0'; text = skip_spaces(skip_value(text)))
    to += snprintf(to, 512, "(%.*s) ", (int)(skip_value(text) - text), text);
}

typedef void cut_fn(struct ArrowArray *batch);

static void cut_nothing(struct ArrowArray *batch) { (void)batch; }

/* The root gets an offset. */
static void cut_root(struct ArrowArray *batch) {
  if (batch->length < 2) return;
  batch->offset = 1;
  batch->length -= batch->length > 2 ? 2 : 1;
}

/* The column gets one, and is longer than its batch. */
static void cut_column(struct ArrowArray *batch) {
  if (batch->length < 2) return;
  batch->children[0]->offset += 1;
  batch->children[0]->length -= 1;
  batch->children[0]->null_count = -1;
  batch->length -= batch->length > 2 ? 2 : 1;
}

static kh_table *chunks_of(const case_of_type *of, cut_fn *cut, bool copy) {
  kh_table *table = NULL;
  for (int chunk = 0; chunk < 3; chunk++) {
    char type[256], values[512];
    wrap(of, chunk, type, values);
    struct ArrowSchema schema = make_schema(type);
    struct ArrowArray array = make_array(&schema, values);
    cut(&array);
    kh_table *tail;
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = copy ? kh_table_from_batch_copy(&schema, &array, &no_limits, &tail, &error)
                                : kh_table_from_batch(&schema, &array, &no_limits, &tail, &error);
    if (status != KHONSU_OK) fail_msg("%s: %s", type, error.message);
    if (copy) {
      schema.release(&schema);
      array.release(&array);
    }
    table = table == NULL ? tail : append_table(table, tail);
  }
  return table;
}

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
    kh_table *table = chunks_of(&cases[i], cut, copy);
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

/* Narrow indices overflow; the text says where. */
static void too_many_dictionary_values(void **state) {
  (void)state;
  const char *type = "+s{s=+s{d=c>i}}";
  char values[4096], *to = values;
  for (int i = 0; i < 100; i++) to += snprintf(to, 64, "((%d)) ", i);
  kh_table *table = append_table(make_table(type, values), make_table(type, values));
  assert_too_large(table, "column 's.d': dictionaries of 200 values together in one batch: more than its indices can tell apart");
}

static void release_view(struct ArrowArray *array) { array->release = NULL; }

/* A column of three values of `size` bytes each, which are not there: nobody may look at them. */
static kh_table *huge_text(int64_t size) {
  struct ArrowSchema schema = make_schema("+s{t=u}");
  static int32_t offsets[4];
  static const char text[1];
  static const void *buffers[3] = {NULL, offsets, text}, *no_buffers[1] = {NULL};
  for (int i = 0; i < 4; i++) offsets[i] = (int32_t)(i * size);
  static struct ArrowArray column, *columns[1] = {&column};
  column = (struct ArrowArray){.length = 3, .n_buffers = 3, .buffers = buffers, .release = release_view};
  struct ArrowArray root = {.length = 3, .n_buffers = 1, .buffers = no_buffers, .n_children = 1, .children = columns,
                            .release = release_view};
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

static void too_much_text(void **state) {
  (void)state;
  kh_table *half = huge_text(500000000), *table;
  MUST(kh_table_append(half, half, &table));
  kh_table_unref(half);
  assert_too_large(table, "column 't': 3000000000 bytes of text in one batch: more than 32-bit offsets can hold");
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
  assert_too_large(table, "column 'r': 40000 values in one batch: more than its run ends can hold");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_chunks),        cmocka_unit_test(sliced_batches),
      cmocka_unit_test(sliced_columns),      cmocka_unit_test(copies),
      cmocka_unit_test(values_come_through), cmocka_unit_test(nothing),
      cmocka_unit_test(too_many_dictionary_values), cmocka_unit_test(too_much_text),
      cmocka_unit_test(too_many_run_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
