/* Casts keep every value; what would lose one is refused, with the names of both types. */
#include "arrow/value.h"
#include "kernel_cases.h"

static kh_schema *schema_of(const char *type) {
  struct ArrowSchema schema = make_schema(type);
  kh_schema *imported;
  MUST(kh_schema_import(&schema, &no_limits, &imported, NULL));
  return imported;
}

/* The texts of the cast, and of what it is cast from, are the same. */
static void cast_to(kh_chunk *chunk, kh_schema *to, const char *type) {
  kh_chunk *cast;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_chunk_cast(chunk, to, &cast, &error) != KHONSU_OK) fail_msg("%s: %s", type, error.message);
  row_texts texts = rows_of(chunk);
  int64_t rows[256];
  for (int64_t i = 0; i < texts.count; i++) rows[i] = i;
  assert_rows(cast, &texts, type, rows, texts.count);
  free(texts.text);
  kh_chunk_unref(cast);
}

/* ---- encodings are taken away */

static void check_plain(kh_table *table, const char *type) {
  if (strncmp(type, "c>+u", 4) == 0) return; /* a null there is an index, and of a union a null of its first field */
  kh_schema *plain;
  MUST(kh_schema_plain(kh_table_schema(table), &plain, NULL));
  for (uint32_t i = 0; i < plain->count; i++) {
    const kh_field *field = &plain->fields[i];
    assert_false(field->has_dictionary);
    assert_false(kh_field_is_view(field));
    assert_int_not_equal(field->storage, NANOARROW_TYPE_RUN_END_ENCODED);
    assert_int_not_equal(field->storage, NANOARROW_TYPE_LIST_VIEW);
    assert_int_not_equal(field->storage, NANOARROW_TYPE_LARGE_LIST_VIEW);
  }
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) cast_to(chunk_of(table, i), plain, type);
  kh_schema_unref(plain);
}

static void to_plain_arrays(void **state) {
  (void)state;
  for_each_case(check_plain);
}

static void plain_keeps_names(void **state) {
  (void)state;
  kh_schema *schema = schema_of("+s{a=c!>vu!;b=+vl{x=+r{run_ends=i;values=s}}}"), *plain;
  struct ArrowSchema exported;
  MUST(kh_schema_plain(schema, &plain, NULL));
  MUST(kh_schema_export(plain, &exported));
  assert_string_equal(exported.children[0]->name, "a");
  assert_string_equal(exported.children[0]->format, "u");
  assert_int_equal(exported.children[0]->flags, 0);
  assert_string_equal(exported.children[1]->format, "+l");
  assert_string_equal(exported.children[1]->children[0]->name, "x");
  assert_string_equal(exported.children[1]->children[0]->format, "s");
  exported.release(&exported);
  kh_schema_unref(schema);
  kh_schema_unref(plain);
}

/* ---- wider types */

static void cast_case(const char *from, const char *to, const char *values) {
  case_of_type of = {from, {values, values, values}};
  char type[256];
  snprintf(type, sizeof type, "+s{c=%s}", to);
  kh_schema *schema = schema_of(type);
  cut_fn *cuts[] = {cut_nothing, cut_root, cut_column};
  for (size_t cut = 0; cut < 3; cut++) {
    kh_table *table = table_of_case(&of, cuts[cut], false);
    cast_to(chunk_of(table, 0), schema, from);
    kh_table_unref(table);
  }
  kh_schema_unref(schema);
}

static void to_wider_types(void **state) {
  (void)state;
  static const char *const integers[] = {"c", "s", "i", "l"}, *const unsigneds[] = {"C", "S", "I", "L"};
  for (int i = 0; i < 4; i++)
    for (int j = i; j < 4; j++) {
      cast_case(integers[i], integers[j], "1 -128 _ 127 -1");
      cast_case(unsigneds[i], unsigneds[j], "1 255 _ 127 0");
      if (j > i) cast_case(unsigneds[i], integers[j], "1 255 _ 127 0");
      if (i < 3) cast_case(integers[i], "g", "1 -128 _ 127 -1");
      if (i < 2) cast_case(unsigneds[i], "f", "1 255 _ 127 0");
      if (i < 1) cast_case(integers[i], "e", "1 -128 _ 127 -1");
    }
  static const char *const more[][3] = {
      {"e", "f", "1.5 _ -2 0"},
      {"e", "g", "1.5 _ -2 0"},
      {"f", "g", "1.5 _ -2 nan"},
      {"u", "U", "'a' '' _ 'longer than that' 'b'"},
      {"u", "z", "'a' '' _ 'longer than that' 'b'"},
      {"z", "Z", "'a' '' _ 'longer than that' 'b'"},
      {"vu", "U", "'a' '' _ 'longer than that' 'b'"},
      {"vu", "z", "'a' '' _ 'longer than that' 'b'"},
      {"w:3", "z", "'abc' _ 'def' 'ghi' 'jkl'"},
      {"+l{item=c}", "+L{item=l}", "[1 2] _ [] [3 _] [4]"},
      {"+l{item=c}", "+l{item=l}", "[1 2] _ [] [3 _] [4]"},
      {"+w:2{item=c}", "+l{item=l}", "[1 2] [3 4] [_ 5] [6 7]"},
      {"+w:2{item=c}", "+w:2{item=l}", "[1 2] _ [3 4] [_ 5] [6 7]"},
      {"+vl{item=u}", "+L{item=U}", "['a' 'b'] _ [] ['c' _] ['d']"},
      {"+vl{item=c}", "+vl{item=i}", "[1 2] _ [] [3 _] [4]"},
      {"+vL{item=c}", "+L{item=i}", "[1 2] _ [] [3 _] [4]"},
      {"+s{x=c;y=u}", "+s{x=i;y=U}", "(1 'a') _ (_ 'b') (2 _) (3 'c')"},
      {"+m{entries=+s{key=u;value=c}}", "+m{entries=+s{key=U;value=i}}", "[('a' 1)] _ [] [('b' _) ('c' 2)] [('d' 3)]"},
      {"+ud:0,1{p=c;q=u}", "+ud:0,1{p=l;q=U}", "0:1 1:'a' 0:_ 0:5 1:'b'"},
      {"+us:5,2{p=c;q=u}", "+us:5,2{p=l;q=U}", "0:1 1:'a' 0:_ 0:5 1:'b'"},
      {"c>u", "i>U", "'a' 'b' _ 'a' 'c'"},
      {"C>u", "s>u", "'a' 'b' _ 'a' 'c'"},
      {"c>vu", "U", "'a' 'b' _ 'a' 'c'"},
      {"c>+s{x=c}", "+s{x=l}", "(1) (2) _ (1) (3)"},
      {"+r{run_ends=s;values=c}", "+r{run_ends=l;values=i}", "1 = _ = 2"},
      {"+r{run_ends=i;values=c>u}", "u", "'a' = _ = 'b'"},
  };
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) cast_case(more[i][0], more[i][1], more[i][2]);
}

/* What text shows as another number: decimals as bytes, dates as units. */
static void cast_values(const char *from, const char *values, const char *to, const char *expected) {
  kh_table *table = make_table(from, values), *wanted = make_table(to, expected);
  kh_chunk *cast;
  khonsu_error difference = KHONSU_ERROR_INIT;
  MUST(kh_chunk_cast(chunk_of(table, 0), kh_table_schema(wanted), &cast, NULL));
  if (!kh_chunk_equal(cast, chunk_of(wanted, 0), &difference)) fail_msg("%s: %s", from, difference.message);
  free(chunk_text(cast));
  kh_chunk_unref(cast);
  kh_table_unref(table);
  kh_table_unref(wanted);
}

static void decimals_and_dates(void **state) {
  (void)state;
  cast_values("+s{c=d:9,2,32}", "(1) (-150) (_)", "+s{c=d:9,2,32}", "(1) (-150) (_)");
  cast_values("+s{c=d:9,2,32}", "(1) (-150) (_)", "+s{c=d:18,2,64}", "(1) (-150) (_)");
  cast_values("+s{c=d:9,2,32}", "(1) (-150) (_)", "+s{c=d:38,5}", "(1000) (-150000) (_)");
  cast_values("+s{c=d:18,2,64}", "(1) (-150) (_)", "+s{c=d:76,2,256}", "(1) (-150) (_)");
  cast_values("+s{c=d:5,0,32}", "(1) (-99999)", "+s{c=d:18,13,64}", "(10000000000000) (-999990000000000000)");
  cast_values("+s{c=tdD}", "(1) (-1) (_)", "+s{c=tdm}", "(86400000) (-86400000) (_)");
  kh_table *table = make_table("+s{c=d:9,2,32}", "(-150)");
  kh_schema *wide = schema_of("+s{c=d:76,60,256}");
  kh_chunk *cast;
  MUST(kh_chunk_cast(chunk_of(table, 0), wide, &cast, NULL));
  char text[KH_VALUE_TEXT_SIZE];
  kh_place_text(&(kh_place){cast, 1, 0}, text);
  assert_string_equal(text, "-1.500000000000000000000000000000000000000000000000000000000000");
  kh_chunk_unref(cast);
  kh_schema_unref(wide);
  kh_table_unref(table);
}

/* ---- nothing becomes anything */

static void nulls_of_every_type(void **state) {
  (void)state;
  kh_table *nulls = make_table("+s{c=n}", "(_) (_) (_)");
  for (int index = 0; index < MADE_CASES; index++) {
    made_case made;
    if (!make_case(index, &made)) continue;
    char type[300];
    snprintf(type, sizeof type, "+s{c=%s}", made.type);
    kh_schema *to = schema_of(type);
    kh_chunk *cast;
    MUST(kh_chunk_cast(chunk_of(nulls, 0), to, &cast, NULL));
    assert_rows(cast, NULL, made.type, (int64_t[]){-1, -1, -1}, 3);
    kh_chunk_unref(cast);
    kh_schema_unref(to);
  }
  kh_table_unref(nulls);
}

static void more_columns(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i;s=+s{x=u}}", "(1 ('p')) (2 _)");
  kh_schema *to = schema_of("+s{a=i;s=+s{x=u;y=l};b=u}");
  kh_chunk *cast;
  MUST(kh_chunk_cast(chunk_of(table, 0), to, &cast, NULL));
  kh_table_unref(table);
  char *text = chunk_text(cast);
  assert_string_equal(text, "(1 ('p' _) _) (2 _ _)");
  free(text);
  kh_chunk_unref(cast);
  kh_schema_unref(to);
}

/* Nothing is to be cast: the chunk itself. */
static void same_types(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i;b=c>u}", "(1 'p')");
  kh_schema *to = schema_of("+s{a=i;b=c>u}");
  kh_chunk *cast;
  MUST(kh_chunk_cast(chunk_of(table, 0), to, &cast, NULL));
  assert_ptr_equal(cast, chunk_of(table, 0));
  kh_chunk_unref(cast);
  kh_schema_unref(to);
  kh_table_unref(table);
}

/* ---- refused */

static void refused(void **state) {
  (void)state;
  static const char *const refusals[][3] = {
      {"+s{a=+s{b=l}}", "+s{a=+s{b=i}}", "column 'a.b': int64 cannot become int32 without loss"},
      {"+s{a=L}", "+s{a=l}", "column 'a': uint64 cannot become int64 without loss"},
      {"+s{a=c}", "+s{a=L}", "column 'a': int8 cannot become uint64 without loss"},
      {"+s{a=l}", "+s{a=g}", "column 'a': int64 cannot become double without loss"},
      {"+s{a=i}", "+s{a=f}", "column 'a': int32 cannot become float without loss"},
      {"+s{a=g}", "+s{a=f}", "column 'a': double cannot become float without loss"},
      {"+s{a=g}", "+s{a=l}", "column 'a': double cannot become int64 without loss"},
      {"+s{a=U}", "+s{a=u}", "column 'a': large_utf8 cannot become utf8 without loss"},
      {"+s{a=z}", "+s{a=u}", "column 'a': binary cannot become utf8 without loss"},
      {"+s{a=u}", "+s{a=vu}", "column 'a': utf8 cannot become utf8_view without loss"},
      {"+s{a=w:3}", "+s{a=w:4}", "column 'a': fixed_size_binary(3) cannot become fixed_size_binary(4) without loss"},
      {"+s{a=d:9,2,32}", "+s{a=d:18,1,64}", "column 'a': decimal32(9, 2) cannot become decimal64(18, 1) without loss"},
      {"+s{a=d:9,2,32}", "+s{a=d:9,3,32}", "column 'a': decimal32(9, 2) cannot become decimal32(9, 3) without loss"},
      {"+s{a=d:9,-2147483648,32}", "+s{a=d:9,2147483647,32}",
       "column 'a': decimal32(9, -2147483648) cannot become decimal32(9, 2147483647) without loss"},
      {"+s{a=d:9,2147483647,32}", "+s{a=d:9,-2147483648,32}",
       "column 'a': decimal32(9, 2147483647) cannot become decimal32(9, -2147483648) without loss"},
      {"+s{a=tdm}", "+s{a=tdD}", "column 'a': date64 cannot become date32 without loss"},
      {"+s{a=tsu:}", "+s{a=tsn:}", "column 'a': timestamp[us] cannot become timestamp[ns] without loss"},
      {"+s{a=i}", "+s{a=tiM}", "column 'a': int32 cannot become interval_months without loss"},
      {"+s{a=i}", "+s{a=tdD}", "column 'a': int32 cannot become date32 without loss"},
      {"+s{a=+L{item=i}}", "+s{a=+l{item=i}}", "column 'a': large_list cannot become list without loss"},
      {"+s{a=+l{item=i}}", "+s{a=+vl{item=i}}", "column 'a': list cannot become list_view without loss"},
      {"+s{a=+l{item=l}}", "+s{a=+L{item=i}}", "column 'a.item': int64 cannot become int32 without loss"},
      {"+s{a=+us:0{x=i}}", "+s{a=+ud:0{x=i}}", "column 'a': sparse_union[0] cannot become dense_union[0] without loss"},
      {"+s{a=+s{x=i}}", "+s{a=i}", "column 'a': struct cannot become int32 without loss"},
      {"+s{a=u}", "+s{a=c>u}", "column 'a': utf8 cannot become dictionary<values=utf8, indices=int8> without loss"},
      {"+s{a=i>u}", "+s{a=c>u}",
       "column 'a': dictionary<values=utf8, indices=int32> cannot become dictionary<values=utf8, indices=int8> without "
       "loss"},
      {"+s{a=c>l}", "+s{a=i}", "column 'a.dictionary': int64 cannot become int32 without loss"},
      {"+s{a=+r{run_ends=l;values=i}}", "+s{a=+r{run_ends=s;values=i}}",
       "column 'a.run_ends': int64 cannot become int16 without loss"},
      {"+s{a=i}", "+s{a=i!}", "column 'a': it is nullable and cannot become not nullable"},
      {"+s{a=i;b=i}", "+s{a=i}", "column 'b': there is no place for it: it would be lost"},
      {"+s{a=+s{x=i;y=i}}", "+s{a=+s{x=i}}", "column 'a.y': there is no place for it: it would be lost"},
      {"+s{a=i}", "+s{a=i;b=i!}", "column 'b': it is not nullable, and there is nothing to make its values of"},
  };
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    kh_table *table = make_table(refusals[i][0], "");
    kh_schema *to = schema_of(refusals[i][1]);
    assert_int_equal(kh_schema_cast_check(kh_table_schema(table), to, &error), KHONSU_SCHEMA_MISMATCH);
    assert_string_equal(error.message, refusals[i][2]);
    kh_table_unref(table);
    kh_schema_unref(to);
  }
  kh_table *table = make_table("+s{a=l}", "(1)");
  kh_schema *to = schema_of("+s{a=i}");
  kh_chunk *cast = NULL;
  assert_int_equal(kh_chunk_cast(chunk_of(table, 0), to, &cast, NULL), KHONSU_SCHEMA_MISMATCH);
  assert_null(cast);
  kh_table_unref(table);
  kh_schema_unref(to);
}

/* ---- too large */

static void release_view(struct ArrowArray *array) { array->release = NULL; }

/* Three views of a gigabyte each, which is not there: nobody may look at it. */
static kh_table *huge_views(void) {
  struct ArrowSchema schema = make_schema("+s{v=vz}");
  static union ArrowBinaryView views[3];
  static const char text[4]; /* the prefix is looked at */
  static const int64_t sizes[1] = {1000000000};
  static const void *buffers[4] = {NULL, views, text, sizes}, *no_buffers[1] = {NULL};
  static struct ArrowArray column, *columns[1] = {&column};
  for (int i = 0; i < 3; i++) views[i].ref.size = 1000000000;
  column = (struct ArrowArray){.length = 3, .n_buffers = 4, .buffers = buffers, .release = release_view};
  struct ArrowArray root = {.length = 3, .n_buffers = 1, .buffers = no_buffers, .n_children = 1, .children = columns};
  root.release = release_view;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

/* Three list views of a billion nulls each. */
static kh_table *huge_list_views(void) {
  struct ArrowSchema schema = make_schema("+s{v=+vl{item=n}}");
  static const int32_t offsets[3] = {0, 0, 0}, sizes[3] = {1000000000, 1000000000, 1000000000};
  static const void *buffers[3] = {NULL, offsets, sizes}, *no_buffers[1] = {NULL};
  static struct ArrowArray items, *children[1] = {&items}, column, *columns[1] = {&column};
  items = (struct ArrowArray){.length = 1000000000, .release = release_view};
  column = (struct ArrowArray){.length = 3, .n_buffers = 3, .buffers = buffers, .n_children = 1, .children = children};
  column.release = release_view;
  struct ArrowArray root = {.length = 3, .n_buffers = 1, .buffers = no_buffers, .n_children = 1, .children = columns};
  root.release = release_view;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

static void assert_too_large(kh_table *table, const char *type, const char *expected) {
  kh_schema *to = schema_of(type);
  kh_chunk *cast = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_chunk_cast(chunk_of(table, 0), to, &cast, &error), KHONSU_VALUE_TOO_LARGE);
  assert_string_equal(error.message, expected);
  assert_null(cast);
  kh_schema_unref(to);
  kh_table_unref(table);
}

static void too_large(void **state) {
  (void)state;
  assert_too_large(huge_views(), "+s{v=z}",
                   "column 'v': its values take more bytes than the 32-bit offsets of binary can hold; cast to "
                   "large_utf8 or large_binary, or fewer rows at once");
  assert_too_large(huge_list_views(), "+s{v=+l{item=n}}",
                   "column 'v': it has more items than the 32-bit offsets of list can hold; cast to large_list, or "
                   "fewer rows at once");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(to_plain_arrays),     cmocka_unit_test(plain_keeps_names),
      cmocka_unit_test(to_wider_types),      cmocka_unit_test(decimals_and_dates),
      cmocka_unit_test(nulls_of_every_type), cmocka_unit_test(more_columns),
      cmocka_unit_test(same_types),          cmocka_unit_test(refused),
      cmocka_unit_test(too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
