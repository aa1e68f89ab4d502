/* Conditions choose the rows that SQL says they do, for every type, in all encodings; columns come out of structs; rows
 * are left out and counted off across chunks; and what is wrong is said. */
#include "kernel_cases.h"

/* ---- selecting, as text: rows separated by spaces */

static khonsu_status open_selection(kh_table *table, const char *columns, const char *where, uint64_t offset,
                                    uint64_t limit, struct ArrowArrayStream *stream, khonsu_error *error) {
  char names[256];
  const char *each[8];
  kh_selection selection = {each, 0, offset, limit};
  snprintf(names, sizeof names, "%s", columns != NULL ? columns : "");
  for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) each[selection.column_count++] = name;
  kh_predicate *predicate = NULL;
  khonsu_status status = KHONSU_OK;
  if (where != NULL) status = kh_predicate_parse(kh_slice(where, strlen(where)), &predicate, error);
  return status != KHONSU_OK ? status : kh_table_select(table, &selection, predicate, stream, error);
}

/* Freed by the caller. All batches have to be valid, and none may be empty. */
static char *selected(kh_table *table, const char *columns, const char *where, uint64_t offset, uint64_t limit) {
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (open_selection(table, columns, where, offset, limit, &stream, &error) != KHONSU_OK)
    fail_msg("%s: %s", where, error.message);
  text_buffer text = {NULL, 0, 0};
  put_text(&text, "%s", "");
  for (;;) {
    struct ArrowArray array;
    MUST(stream.get_next(&stream, &array));
    if (array.release == NULL) break;
    assert_true(array.length > 0);
    char *rows = chunk_text(kh_chunk_of_export(&array));
    put_text(&text, "%s%s", text.size > 0 ? " " : "", rows);
    free(rows);
    array.release(&array);
  }
  stream.release(&stream);
  return text.bytes;
}

static void assert_selected(kh_table *table, const char *columns, const char *where, uint64_t offset, uint64_t limit,
                            const char *expected) {
  char *text = selected(table, columns, where, offset, limit);
  if (strcmp(text, expected) != 0) fail_msg("where %s: %s\n   expected: %s", where, text, expected);
  free(text);
}

/* Values of a type, each a row of column `a`, in chunks that `|` separates. */
static kh_table *table_of(const char *type, const char *values) {
  kh_table *table = NULL;
  char batch[256], rows[1024], *to = rows;
  snprintf(batch, sizeof batch, "+s{a=%s}", type);
  for (const char *text = skip_spaces(values);; text = skip_spaces(skip_value(text))) {
    if (*text == '|' || *text == '\0') {
      *to = '\0';
      kh_table *tail = make_table(batch, rows);
      table = table == NULL ? tail : append_table(table, tail);
      to = rows;
      if (*text == '\0') return table;
      continue;
    }
    to += snprintf(to, 300, "(%.*s) ", (int)(skip_value(text) - text), text);
  }
}

/* ---- one test after the other */

typedef struct condition_case {
  const char *type, *values, *where, *rows;
} condition_case;

static const condition_case conditions[] = {
    /* operators; unknown is not true, and not is unknown of unknown */
    {"l", "1 2 _ 3", "a = 2", "(2)"},
    {"l", "1 2 _ 3", "a == 2", "(2)"},
    {"l", "1 2 _ 3", "a != 2", "(1) (3)"},
    {"l", "1 2 _ 3", "a <> 2", "(1) (3)"},
    {"l", "1 2 _ 3", "a < 2", "(1)"},
    {"l", "1 2 _ 3", "a <= 2", "(1) (2)"},
    {"l", "1 2 _ 3", "a > 2", "(3)"},
    {"l", "1 2 _ 3", "a >= 2", "(2) (3)"},
    {"l", "1 2 _ 3", "a is null", "(_)"},
    {"l", "1 2 _ 3", "a IS NOT NULL", "(1) (2) (3)"},
    {"l", "1 2 _ 3", "a in (3, 1, 7)", "(1) (3)"},
    {"l", "1 2 _ 3", "a not in (3, 1, 7)", "(2)"},
    {"l", "1 2 _ 3", "not a = 2", "(1) (3)"},
    {"l", "1 2 _ 3", "not not a = 2", "(2)"},
    {"l", "1 2 _ 3", "not (a = 2 or a = 3)", "(1)"},
    {"l", "1 2 _ 3", "not (a > 1 and a < 3)", "(1) (3)"},
    {"l", "1 2 _ 3", "not a is null", "(1) (2) (3)"},
    {"l", "1 2 _ 3", "a = 1 or a = 2 and a = 3", "(1)"},
    {"l", "1 2 _ 3", "(a = 1 or a = 2) and a = 3", ""},
    {"l", "1 2 _ 3", "a is null or a > 2", "(_) (3)"},
    {"l", "1 2 _ 3", "a is null and a > 2", ""},
    {"l", "1 2 _ 3", "\"a\"=2", "(2)"},
    /* integers of all widths, beyond their ends, and between two of them */
    {"c", "-128 -1 0 127", "a > 300", ""},
    {"c", "-128 -1 0 127", "a < 300", "(-128) (-1) (0) (127)"},
    {"c", "-128 -1 0 127", "a > 127", ""},
    {"c", "-128 -1 0 127", "a < -128", ""},
    {"c", "-128 -1 0 127", "a >= -128", "(-128) (-1) (0) (127)"},
    {"c", "-128 -1 0 127", "a = 255", ""},
    {"c", "-128 -1 0 127", "a != 255", "(-128) (-1) (0) (127)"},
    {"C", "0 1 255", "a > -1", "(0) (1) (255)"},
    {"C", "0 1 255", "a < -1", ""},
    {"C", "0 1 255", "a = -1", ""},
    {"C", "0 1 255", "a >= 255", "(255)"},
    {"s", "-32768 32767", "a < 0", "(-32768)"},
    {"S", "0 65535", "a > 32767", "(65535)"},
    {"i", "-2147483648 2147483647", "a <= -2147483648", "(-2147483648)"},
    {"I", "0 4294967295", "a > 2147483647", "(4294967295)"},
    {"l", "-9223372036854775808 9223372036854775807", "a < 9223372036854775808",
     "(-9223372036854775808) (9223372036854775807)"},
    {"l", "-9223372036854775808 9223372036854775807", "a > 9223372036854775806.5", "(9223372036854775807)"},
    {"L", "0 9223372036854775808 18446744073709551615", "a > 9223372036854775807",
     "(-9223372036854775808) (-1)"}, /* nanoarrow's view of them */
    {"L", "0 18446744073709551615", "a = 18446744073709551615", "(-1)"},
    {"L", "0 18446744073709551615", "a < 1e30", "(0) (-1)"},
    {"l", "1 2 3", "a < 2.5", "(1) (2)"},
    {"l", "1 2 3", "a > 2.5", "(3)"},
    {"l", "1 2 3", "a = 2.5", ""},
    {"l", "1 2 3", "a != 2.5", "(1) (2) (3)"},
    {"l", "1 2 3", "a = 2.0", "(2)"},
    {"l", "1 2 3", "a = 20e-1", "(2)"},
    {"l", "1 2 3", "a = .2e1", "(2)"},
    {"l", "-3 -2 -1", "a < -1.5", "(-3) (-2)"},
    {"l", "-3 -2 -1", "a >= -1.5", "(-1)"},
    {"l", "0 1", "a > 1e-999999999999", "(1)"},
    {"l", "0 1", "a < 1e999999999999", "(0) (1)"},
    {"l", "0 1", "a = 0e999999999999", "(0)"},
    /* floats */
    {"g", "1.5 nan -inf inf _ -0", "a < 2", "(1.5) (-inf) (-0)"},
    {"g", "1.5 nan -inf inf _ -0", "not a < 2", "(nan) (inf)"},
    {"g", "1.5 nan -inf inf _ -0", "a != 1.5", "(nan) (-inf) (inf) (-0)"},
    {"g", "1.5 nan -inf inf _ -0", "a = 0", "(-0)"},
    {"g", "1.5 nan -inf inf _ -0", "a > 0", "(1.5) (inf)"},
    {"g", "1.5 nan -inf inf _ -0", "a < 0", "(-inf)"},
    {"g", "9007199254740992 9007199254740994", "a < 9007199254740993", "(9.0072e+15)"},
    {"g", "9007199254740992 9007199254740994", "a = 9007199254740993", ""},
    {"g", "9007199254740992 9007199254740994", "a >= 9007199254740993 and a = 9007199254740994", "(9.0072e+15)"},
    {"g", "-9007199254740992 -9007199254740994", "a <= -9007199254740993 and a != -9007199254740994", ""},
    {"g", "1e70", "a >= 10000000000000000000000000000000000000000000000000000000000000000000000", "(1e+70)"},
    {"f", "0.5 0.1", "a >= 0.5", "(0.5)"},
    {"e", "0.5 1.5", "a > 1", "(1.5)"},
    /* the others */
    {"b", "1 0 _", "a = true", "(1)"},
    {"b", "1 0 _", "a != TRUE", "(0)"},
    {"b", "1 0 _", "a < true", "(0)"},
    {"b", "1 0 _", "a <= true", "(1) (0)"},
    {"u", "'b' 'a' _ ''", "a = 'a'", "('a')"},
    {"u", "'b' 'a' _ ''", "a < 'b'", "('a') ('')"},
    {"u", "'b' 'a' _ ''", "a >= 'a'", "('b') ('a')"},
    {"u", "'b' 'a' _ ''", "a > 'a'", "('b')"},
    {"u", "'b' 'a' _ ''", "a <= ''", "('')"},
    {"u", "'b' 'a' _ ''", "a in ('', 'b')", "('b') ('')"},
    {"U", "'b' 'a' _ ''", "a != 'a'", "('b') ('')"},
    {"vu", "'b' 'a text that is longer than a view' _ ''", "a > 'a text' and a < 'b'",
     "('a text that is longer than a view')"},
    {"z", "'b' 'a' _", "a = x'62'", "('b')"},
    {"z", "'b' 'a' _", "a = 'a'", "('a')"},
    {"Z", "'b' 'a' _", "a > X'61'", "('b')"},
    {"vz", "'b' 'a' _", "a >= x'61'", "('b') ('a')"},
    {"w:2", "'ab' 'cd' _", "a < x'6364'", "('ab')"},
    {"c>u", "'b' 'a' _ 'b'", "a = 'b'", "('b') ('b')"},
    {"c>u", "'b' 'a' _ 'b'", "a != 'b'", "('a')"},
    {"c>u", "'b' 'a' _ 'b'", "a is null", "(_)"},
    {"+r{run_ends=i;values=i}", "1 = _ 2 =", "a = 2", "(2) (2)"},
    {"+r{run_ends=i;values=i}", "1 = _ 2 =", "a is null", "(_)"},
    {"+r{run_ends=i;values=i}", "1 = _ 2 =", "not a = 2", "(1) (1)"},
    {"n", "_ _", "a = 1", ""},
    {"n", "_ _", "a is null", "(_) (_)"},
    {"tdD", "0 15736 _", "a = '2013-01-31'", "(15736)"},
    {"tdD", "-719468 0", "a < '0001-01-01'", "(-719468)"},
    {"tdm", "0 1359590400000", "a >= '2013-01-31'", "(1359590400000)"},
    {"tts", "43200 43201", "a = '12:00'", "(43200)"},
    {"ttm", "43200000 43201500", "a > '12:00:01.4999'", "(43201500)"},
    {"ttn", "1 2", "a <= '00:00:00.0000000015'", "(1)"},
    {"tsu:", "1359633601000000 0", "a = '2013-01-31 12:00:01'", "(1359633601000000)"},
    {"tsu:", "1359633601000000 0", "a > '2013-01-31T12:00:00.999999999'", "(1359633601000000)"},
    {"tss:UTC", "1359633601 0", "a = '2013-01-31T13:00:01+01:00'", "(1359633601)"},
    {"tss:UTC", "1359633601 0", "a = '2013-01-31T10:30:01-0130'", "(1359633601)"},
    {"tsn:UTC", "-1 0", "a < '1970-01-01T00:00:00Z'", "(-1)"},
    {"tsn:", "-1 0", "a > '0001-01-01'", "(-1) (0)"},
    {"tDm", "1500 -1", "a = '1500000us'", "(1500)"},
    {"tDs", "1 -1 0", "a < '-1ms'", "(-1)"},
    {"tDs", "1 -1 0", "a > '1ms'", "(1)"},
    {"d:9,2,32", "150 -150", "a > 1.499", "(96000000)"},
    {"d:18,2,64", "150 -150", "a = -1.5", "(6affffffffffffff)"},
    {"d:38,2", "150 -150", "a < 0", "(6affffffffffffffffffffffffffffff)"},
    {"d:38,2", "150 -150", "a = 1.501", ""},
    {"d:38,2", "150 -150", "a >= 1.5", "(96000000000000000000000000000000)"},
    {"d:76,2,256", "150 -150", "a > 1e80", ""},
    {"d:76,2,256", "150 -150", "a > -1e80 and a < 1.501 and a > -1.501 and a > 0",
     "(9600000000000000000000000000000000000000000000000000000000000000)"},
    {"+l{item=i}", "[1] _ []", "a is not null", "([1]) ([])"},
    {"+s{b=i;c=u}", "(1 'x') _ (_ 'y')", "a.b = 1", "((1 'x'))"},
    {"+s{b=i;c=u}", "(1 'x') _ (_ 'y')", "a.b is null", "(_) ((_ 'y'))"},
    {"+s{b=i;c=u}", "(1 'x') _ (_ 'y')", "a is null", "(_)"},
    {"+s{b=i;c=u}", "(1 'x') _ (_ 'y')", "\"a\".\"c\" != 'x'", "((_ 'y'))"},
    {"+s{b=+s{c=i}}", "((1)) _ (_) ((_)) ((2))", "a.b.c is not null", "(((1))) (((2)))"},
    {"+s{b=n}", "(_) _", "a.b is null", "((_)) (_)"},
    {"+us:0,1{x=i;y=u}", "0:1 1:'a' 0:_", "a is null", ""},
};

static void one_by_one(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
    const condition_case *c = &conditions[i];
    kh_table *table = table_of(c->type, c->values);
    assert_selected(table, NULL, c->where, 0, 0, c->rows);
    kh_table_unref(table);
  }
}

/* ---- all types */

static void select_nulls(kh_table *table, const char *type) {
  char *texts[2] = {selected(table, NULL, "c is null", 0, 0), selected(table, NULL, "c is not null", 0, 0)};
  text_buffer expected[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
  for (int k = 0; k < 2; k++) put_text(&expected[k], "%s", "");
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) {
    row_texts texts_of = rows_of(chunk_of(table, i));
    for (int64_t row = 0; row < texts_of.count; row++) {
      text_buffer *to = &expected[strcmp(texts_of.rows[row], "(_)") != 0];
      put_text(to, "%s%s", to->size > 0 ? " " : "", texts_of.rows[row]);
    }
    free(texts_of.text);
  }
  for (int k = 0; k < 2; k++) {
    if (strcmp(texts[k], expected[k].bytes) != 0)
      fail_msg("%s: %s\n   expected: %s", type, texts[k], expected[k].bytes);
    free(texts[k]);
    free(expected[k].bytes);
  }
}

static void nulls_of_all_types(void **state) {
  (void)state;
  for_each_case(select_nulls);
}

/* The second field of a struct, out of it: where the struct is null, so is what comes out. */
static void select_inner(kh_table *table, const char *type) {
  if (strncmp(type, "+s{f=i;g=", 9) != 0) return;
  text_buffer expected = {NULL, 0, 0};
  put_text(&expected, "%s", "");
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) {
    row_texts texts = rows_of(chunk_of(table, i));
    for (int64_t row = 0; row < texts.count; row++) { /* ((1 X)) becomes (X) */
      const char *inner = strchr(texts.rows[row], ' ');
      put_text(&expected, "%s", expected.size > 0 ? " " : "");
      if (inner != NULL) put_text(&expected, "(%.*s", (int)strlen(inner) - 2, inner + 1);
      else put_text(&expected, "%s", null_row(type + 9));
    }
    free(texts.text);
  }
  assert_selected(table, "c.g", NULL, 0, 0, expected.bytes);
  free(expected.bytes);
}

static void columns_inside_of_structs(void **state) {
  (void)state;
  for_each_case(select_inner);
}

/* Fields of structs may begin elsewhere than the structs do, which are null by their own places. */
static void offsets_inside_of_structs(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{a=+s{b=i}}");
  struct ArrowArray array = make_array(&schema, "((1)) (_) ((3)) ((4))");
  array.children[0]->children[0]->offset = 1; /* b: 0 3 4 */
  array.length = array.children[0]->length = array.children[0]->children[0]->length = 3;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  assert_selected(table, NULL, "a.b is not null", 0, 0, "((0)) ((4))");
  assert_selected(table, NULL, "a.b is null", 0, 0, "(_)");
  assert_selected(table, "a.b", NULL, 0, 0, "(0) (_) (4)");
  kh_table_unref(table);
}

/* ---- many literals are searched, and must be as so many comparisons are */

static const struct {
  const char *type, *values, *literals;
} lists[] = {
    {"l", "1 -2 _ 3 40 9223372036854775807 -9223372036854775808 17 5",
     "17 9223372036854775808 3 -9223372036854775808 3 1.5 8 9 10 11 12 13 14 15 16 18 19 20 21 22 1 1.0 40"},
    {"C", "1 2 _ 255 0 7 100", "255 256 -1 7 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 0 1.5"},
    {"g", "1 -0 _ nan 3 0.5 7 12", "0 0.5 12 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 1e300"},
    {"f", "1 2.5 _ nan 0.1", "0.1 2.5 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48"},
    {"e", "1 2.5 _ 0.5", "0.5 2.5 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48"},
    {"d:9,2,32", "100 250 _ -150 1800", "-1.50 2.505 2.5 18 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 19 20 21"},
    {"d:38,2", "100 250 _ -150 1800", "-1.50 2.505 2.5 18 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 19 20 21"},
    {"tdD", "0 1 _ -1 30", "'1970-01-02' '1969-12-31' '1970-01-03' '1970-02-01'"},
    {"u", "'b' 'a' _ '' 'ab' 'zz'", "'zz' 'c' '' 'ab' 'ab' 'd' 'bb'"},
    {"vu", "'b' 'a' _ '' 'a long one, not in its view' 'zz'", "'zz' 'a long one, not in its view' 'c' '' 'c'"},
    {"c>u", "'b' 'a' _ 'a' 'zz'", "'zz' 'c' 'a' ''"},
    {"b", "1 _ 0 1", "true true true true true true true true true true true true true true true true true"},
};

static void print_list(text_buffer *text, const char *literals, const char *before, const char *between) {
  for (const char *at = literals; *at != '\0'; at += strspn(at, " ")) {
    size_t size = *at == '\'' ? strcspn(at + 1, "'") + 2 : strcspn(at, " ");
    put_text(text, "%s%s%.*s", at == literals ? "" : between, before, (int)size, at);
    at += size;
  }
}

static void long_lists(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    kh_table *table = table_of(lists[i].type, lists[i].values);
    for (int negated = 0; negated < 2; negated++) {
      text_buffer list = {NULL, 0, 0}, each = {NULL, 0, 0};
      put_text(&list, "a %sin (", negated ? "not " : "");
      print_list(&list, lists[i].literals, "", ", ");
      put_text(&list, "%s", ")");
      put_text(&each, "%s", negated ? "not (" : "(");
      print_list(&each, lists[i].literals, "a = ", " or ");
      put_text(&each, "%s", ")");
      char *expected = selected(table, NULL, each.bytes, 0, 0);
      assert_true(expected[0] != '\0');
      assert_selected(table, NULL, list.bytes, 0, 0, expected);
      free(expected);
      free(list.bytes);
      free(each.bytes);
    }
    kh_table_unref(table);
  }
}

/* ---- columns and rows */

static void assert_names(kh_table *table, const char *columns, const char *expected) {
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  text_buffer names = {NULL, 0, 0};
  put_text(&names, "%s", "");
  MUST(open_selection(table, columns, NULL, 0, 0, &stream, NULL));
  MUST(stream.get_schema(&stream, &schema));
  for (int64_t i = 0; i < schema.n_children; i++)
    put_text(&names, "%s%s%s", i > 0 ? " " : "", schema.children[i]->name,
             schema.children[i]->flags & ARROW_FLAG_NULLABLE ? "?" : "");
  assert_string_equal(names.bytes, expected);
  free(names.bytes);
  schema.release(&schema);
  stream.release(&stream);
}

static void columns(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=l!;b=+s{c=i!;d.e=u};f=c>u!}", "(1 (2 'x') 'r') (3 _ 'g') (5 (6 'y') 'r')");
  assert_selected(table, "f,a", NULL, 0, 0, "('r' 1) ('g' 3) ('r' 5)");
  assert_selected(table, "b.c,a", "a > 1", 0, 0, "(_ 3) (6 5)");
  assert_selected(table, "b.\"d.e\"", NULL, 0, 2, "('x') (_)");
  assert_selected(table, "\"a\",b", NULL, 1, 0, "(3 _) (5 (6 'y'))");
  assert_names(table, "f,b.c,a,b", "f? b.c? a b?");
  assert_names(table, "b.\"d.e\"", "b.d.e?");
  assert_names(table, NULL, "a b? f?");
  kh_table_unref(table);
}

static void rows(void **state) {
  (void)state;
  kh_table *table = table_of("l", "1 2 3 4 | 5 6 7 8 9 | 10 11 | 12");
  assert_selected(table, NULL, NULL, 0, 0, "(1) (2) (3) (4) (5) (6) (7) (8) (9) (10) (11) (12)");
  assert_selected(table, NULL, NULL, 3, 3, "(4) (5) (6)");
  assert_selected(table, NULL, NULL, 4, 5, "(5) (6) (7) (8) (9)");
  assert_selected(table, NULL, NULL, 11, 7, "(12)");
  assert_selected(table, NULL, NULL, 12, 0, "");
  assert_selected(table, NULL, NULL, UINT64_MAX, UINT64_MAX, "");
  assert_selected(table, NULL, "a > 2 and a < 12", 3, 3, "(6) (7) (8)");
  assert_selected(table, NULL, "a in (1, 4, 5, 9, 12)", 1, 3, "(4) (5) (9)");
  assert_selected(table, NULL, "a > 20", 0, 0, "");
  kh_table_unref(table);
}

/* ---- chunks that are passed over */

enum { MANY = 1000 };

static kh_table *long_table(const char *format, int64_t first, int64_t nulls_from) {
  char type[32], values[MANY * 16], *to = values;
  snprintf(type, sizeof type, "+s{a=%s}", format);
  for (int64_t i = 0; i < MANY; i++)
    to += i < nulls_from ? snprintf(to, 16, "(%lld) ", (long long)(first + i)) : snprintf(to, 16, "(_) ");
  return make_table(type, values);
}

static uint64_t count_where(kh_table *table, const char *where) {
  struct ArrowArrayStream stream;
  struct ArrowArray array;
  uint64_t count = 0;
  MUST(open_selection(table, NULL, where, 0, 0, &stream, NULL));
  for (;;) {
    MUST(stream.get_next(&stream, &array));
    if (array.release == NULL) break;
    count += (uint64_t)array.length;
    array.release(&array);
  }
  stream.release(&stream);
  return count;
}

/* With and without statistics, which come to be as conditions ask for them. */
static void statistics(void **state) {
  (void)state;
  kh_table *table = append_table(long_table("l", 0, MANY), long_table("l", MANY, MANY / 2));
  kh_chunk *first = chunk_of(table, 0), *second = chunk_of(table, 1);
  assert_int_equal(count_where(table, NULL), 2 * MANY);
  assert_null(first->statistics);
  assert_null(second->statistics);
  for (int again = 0; again < 2; again++) {
    assert_int_equal(count_where(table, "a >= 500"), MANY);
    assert_int_equal(count_where(table, "not a >= 500"), 500);
    assert_int_equal(count_where(table, "a < 1000"), MANY);
    assert_int_equal(count_where(table, "a != 5000"), MANY + MANY / 2);
    assert_int_equal(count_where(table, "a not in (0, 999, 1000)"), MANY + MANY / 2 - 3);
    assert_int_equal(count_where(table, "a > 3000"), 0);
    assert_int_equal(count_where(table, "a is null"), MANY / 2);
    assert_int_equal(count_where(table, "a is not null"), MANY + MANY / 2);
    assert_int_equal(count_where(table, "a is null or a < 1000"), MANY + MANY / 2);
    assert_int_equal(count_where(table, "a is not null and a < 1500"), MANY + MANY / 2);
    assert_int_equal(count_where(table, "a < 0 or a > 1498"), 1);
    assert_non_null(first->statistics);
  }
  kh_table_unref(table);
  table = long_table("g", 0, MANY / 2);
  assert_int_equal(count_where(table, "a >= 0"), MANY / 2);
  assert_int_equal(count_where(table, "a < 0"), 0);
  kh_table_unref(table);
  table = long_table("d:18,2,64", 0, MANY);
  assert_int_equal(count_where(table, "a < 5"), 500);
  assert_int_equal(count_where(table, "a > 9.99"), 0);
  kh_table_unref(table);
}

/* A chunk with NaN in it has numbers below the greatest value, and maybe none. */
static void statistics_and_nan(void **state) {
  (void)state;
  char values[MANY * 8], *to = values;
  for (int i = 0; i < MANY; i++) to += snprintf(to, 8, "(%s) ", i % 2 ? "nan" : "3");
  kh_table *table = make_table("+s{a=g}", values);
  assert_int_equal(count_where(table, "a = 3"), MANY / 2);
  assert_int_equal(count_where(table, "a != 3"), MANY / 2);
  assert_int_equal(count_where(table, "a > 5"), 0);
  assert_int_equal(count_where(table, "not a > 5"), MANY);
  kh_table_unref(table);
}

/* ---- what is wrong */

typedef struct wrong_case {
  const char *where;
  khonsu_status status;
  const char *message;
} wrong_case;

static const wrong_case wrong[] = {
    {"", KHONSU_INVALID_ARGUMENT, "the condition ends where the name of a column should be"},
    {"a", KHONSU_INVALID_ARGUMENT, "the condition ends where a comparison should be"},
    {"a =", KHONSU_INVALID_ARGUMENT, "the condition ends where a value should be"},
    {"a = 1 b", KHONSU_INVALID_ARGUMENT, "condition, character 7: 'and', 'or' or the end should be where 'b' is"},
    {"a = (1)", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where '(' is"},
    {"a = null", KHONSU_INVALID_ARGUMENT,
     "condition, character 5: a value (for nulls: is null) should be where 'null' is"},
    {"a in 1", KHONSU_INVALID_ARGUMENT, "condition, character 6: '(' should be where '1' is"},
    {"a in (1", KHONSU_INVALID_ARGUMENT, "the condition ends where ',' or ')' should be"},
    {"a in ()", KHONSU_INVALID_ARGUMENT, "condition, character 7: a value should be where ')' is"},
    {"a not 1", KHONSU_INVALID_ARGUMENT, "condition, character 7: 'in' should be where '1' is"},
    {"a is 1", KHONSU_INVALID_ARGUMENT, "condition, character 6: 'null' should be where '1' is"},
    {"(a = 1", KHONSU_INVALID_ARGUMENT, "the condition ends where 'and', 'or' or ')' should be"},
    {"and = 1", KHONSU_INVALID_ARGUMENT, "condition, character 1: the name of a column should be where 'and' is"},
    {"a. = 1", KHONSU_INVALID_ARGUMENT, "condition, character 4: the name of a column should be where '=' is"},
    {"a = 'x", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where ''x' is"},
    {"a = x'0'", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where 'x'0'' is"},
    {"a = 5x", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where '5x' is"},
    {"a = 1e", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where '1e' is"},
    {"a = -", KHONSU_INVALID_ARGUMENT, "condition, character 5: a value should be where '-' is"},
    {"a ? 5", KHONSU_INVALID_ARGUMENT, "condition, character 3: a comparison should be where '?' is"},
    {"x = 1", KHONSU_SCHEMA_MISMATCH, "there is no column 'x'"},
    {"a.b = 1", KHONSU_SCHEMA_MISMATCH, "there is no column 'a.b': 'a' is int8, which has no fields"},
    {"s.z = 1", KHONSU_SCHEMA_MISMATCH, "there is no column 's.z': 's' has no such field"},
    {"two = 1", KHONSU_SCHEMA_MISMATCH, "there is more than one column 'two'"},
    {"a = 'x'", KHONSU_SCHEMA_MISMATCH, "column 'a': int8 cannot be compared with 'x', but with a number"},
    {"a in (1, true)", KHONSU_SCHEMA_MISMATCH, "column 'a': int8 cannot be compared with true, but with a number"},
    {"t = 1", KHONSU_SCHEMA_MISMATCH, "column 't': utf8 cannot be compared with 1, but with a 'text'"},
    {"t = x'00'", KHONSU_SCHEMA_MISMATCH, "column 't': utf8 cannot be compared with x'00', but with a 'text'"},
    {"z = 1", KHONSU_SCHEMA_MISMATCH,
     "column 'z': binary cannot be compared with 1, but with a 'text' or x'hexadecimal digits'"},
    {"f = 1", KHONSU_SCHEMA_MISMATCH, "column 'f': bool cannot be compared with 1, but with true or false"},
    {"d = '2013-02-29'", KHONSU_SCHEMA_MISMATCH,
     "column 'd': date32 cannot be compared with '2013-02-29', but with a date like '2013-01-31'"},
    {"m = '24:00'", KHONSU_SCHEMA_MISMATCH,
     "column 'm': time32[s] cannot be compared with '24:00', but with a time like '12:00:01.5'"},
    {"p = '2013-01-31T12:00Z'", KHONSU_SCHEMA_MISMATCH,
     "column 'p': timestamp[us] cannot be compared with '2013-01-31T12:00Z', but with a timestamp like "
     "'2013-01-31 12:00:01'"},
    {"q = 'now'", KHONSU_SCHEMA_MISMATCH,
     "column 'q': timestamp[us, tz=UTC] cannot be compared with 'now', but with a timestamp like "
     "'2013-01-31T12:00:01Z'"},
    {"u = '5h'", KHONSU_SCHEMA_MISMATCH,
     "column 'u': duration[s] cannot be compared with '5h', but with a duration like '1500ms'"},
    {"l = 1", KHONSU_SCHEMA_MISMATCH, "column 'l': list cannot be compared with 1, but with nothing but null"},
    {"i = '1m'", KHONSU_SCHEMA_MISMATCH,
     "column 'i': interval_months cannot be compared with '1m', but with nothing but null"},
    {"s.b = 'x'", KHONSU_SCHEMA_MISMATCH, "column 's.b': double cannot be compared with 'x', but with a number"},
};

static void what_is_wrong(void **state) {
  (void)state;
  kh_table *table =
      make_table("+s{a=c;s=+s{b=g};two=l;two=l;t=u;z=z;f=b;d=tdD;m=tts;p=tsu:;q=tsu:UTC;u=tDs;l=+l{item=i};i=tiM}",
                 "(1 (2) 3 4 'x' 'y' 1 0 0 0 0 0 [] _)");
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct ArrowArrayStream stream;
    khonsu_error error = KHONSU_ERROR_INIT;
    const wrong_case *w = &wrong[i];
    khonsu_status status = open_selection(table, NULL, w->where, 0, 0, &stream, &error);
    if (status != w->status || strcmp(error.message, w->message) != 0)
      fail_msg("%s: %s '%s'\n   expected '%s'", w->where, khonsu_status_name(status), error.message, w->message);
  }
  kh_table_unref(table);
}

static void wrong_columns(void **state) {
  (void)state;
  static const wrong_case cases_of[] = {
      {"b", KHONSU_SCHEMA_MISMATCH, "there is no column 'b'"},
      {"a,s,a", KHONSU_INVALID_ARGUMENT, "column 'a' is chosen twice"},
      {"a.", KHONSU_INVALID_ARGUMENT, "'a.' is not the name of a column"},
      {"\"a", KHONSU_INVALID_ARGUMENT, "'\"a' is not the name of a column"},
      {"\"a\"b", KHONSU_INVALID_ARGUMENT, "'\"a\"b' is not the name of a column"},
  };
  kh_table *table = make_table("+s{a=c;s=+s{b=g}}", "(1 (2))");
  for (size_t i = 0; i < sizeof cases_of / sizeof cases_of[0]; i++) {
    struct ArrowArrayStream stream;
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(open_selection(table, cases_of[i].where, NULL, 0, 0, &stream, &error), cases_of[i].status);
    assert_string_equal(error.message, cases_of[i].message);
  }
  kh_table_unref(table);
}

/* Brackets nest as deep as is said, and lists of conditions are as long as one likes. */
static void long_and_deep(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=l}", "(1) (2)");
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  text_buffer deep = {NULL, 0, 0}, wide = {NULL, 0, 0};
  for (int i = 0; i < 5000; i++) put_text(&deep, "(");
  assert_int_equal(open_selection(table, NULL, deep.bytes, 0, 0, &stream, &error), KHONSU_INVALID_ARGUMENT);
  assert_string_equal(error.message, "the condition nests deeper than 100 levels");
  for (int i = 0; i < 5000; i++) put_text(&wide, "a = %d or ", 10 + i);
  put_text(&wide, "a = 2");
  assert_selected(table, NULL, wide.bytes, 0, 0, "(2)");
  free(deep.bytes);
  free(wide.bytes);
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_by_one),
      cmocka_unit_test(nulls_of_all_types),
      cmocka_unit_test(columns_inside_of_structs),
      cmocka_unit_test(offsets_inside_of_structs),
      cmocka_unit_test(long_lists),
      cmocka_unit_test(columns),
      cmocka_unit_test(rows),
      cmocka_unit_test(statistics),
      cmocka_unit_test(statistics_and_nan),
      cmocka_unit_test(what_is_wrong),
      cmocka_unit_test(wrong_columns),
      cmocka_unit_test(long_and_deep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
