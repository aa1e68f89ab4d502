/* Rows that do not match a table: what the rules of its schema make of both. */
#include "arrow/table.h"
#include "kernel_cases.h"

enum { STRICT = KHONSU_SCHEMA_STRICT, ADD = KHONSU_SCHEMA_ADD, WIDEN = KHONSU_SCHEMA_WIDEN, BOTH = ADD | WIDEN };

static kh_table *table_with_rules(const char *type, const char *rows, uint32_t rules) {
  kh_table *table = make_table(type, rows), *changed;
  MUST(kh_table_with_rules(table, rules, &changed, NULL));
  assert_int_equal(kh_table_schema_rules(changed), rules);
  kh_table_unref(table);
  return changed;
}

static void assert_is(kh_table *table, const char *type, const char *rows, const char *what) {
  struct ArrowSchema schema = make_schema(type);
  kh_schema *wanted;
  khonsu_error error = KHONSU_ERROR_INIT;
  MUST(kh_schema_import(&schema, &no_limits, &wanted, NULL));
  if (kh_schema_match(wanted, kh_table_schema(table), &error) != KHONSU_OK) fail_msg("%s: %s", what, error.message);
  kh_schema_unref(wanted);
  char *text = chunk_text(chunk_of(table, 0));
  assert_string_equal(text, rows);
  free(text);
}

/* ---- rows that fit, and tables that grow */

typedef struct fit_case {
  uint32_t rules;
  const char *base, *base_rows, *tail, *tail_rows;
  const char *type, *then_base, *then_tail; /* of both; `type` NULL: the table's own, which stays as it is */
} fit_case;

static const fit_case fits[] = {
    /* names decide */
    {ADD, "+s{a=i;b=u}", "(1 'x')", "+s{b=u;a=i}", "('y' 2)", NULL, "(1 'x')", "(2 'y')"},
    {WIDEN, "+s{a=i;b=u}", "(1 'x')", "+s{b=u;a=i}", "('y' 2)", NULL, "(1 'x')", "(2 'y')"},
    {ADD, "+s{a=i;a=i}", "(1 2)", "+s{b=i;a=i;a=i}", "(5 3 4)", "+s{a=i;a=i;b=i}", "(1 2 _)", "(3 4 5)"},
    {ADD, "+s{c=i;a=i;b=i;d=i}", "(1 2 3 4)", "+s{d=i;b=i;c=i;a=i}", "(4 3 1 2)", NULL, "(1 2 3 4)", "(1 2 3 4)"},
    /* columns come and are missing */
    {ADD, "+s{a=i;b=u}", "(1 'x')", "+s{a=i}", "(2)", NULL, "(1 'x')", "(2 _)"},
    {ADD, "+s{a=i!}", "(1)", "+s{b=u;a=i!}", "('x' 2)", "+s{a=i!;b=u}", "(1 _)", "(2 'x')"},
    {ADD, "+s{s=+s{x=i}}", "((1)) (_)", "+s{s=+s{y=u;x=i}}", "(('p' 2)) (_)", "+s{s=+s{x=i;y=u}}", "((1 _)) (_)",
     "((2 'p')) (_)"},
    {ADD, "+s{s=+l{item=+s{x=i}}}", "([(1) _])", "+s{s=+l{item=+s{x=i;y=u}}}", "([(2 'p')])",
     "+s{s=+l{item=+s{x=i;y=u}}}", "([(1 _) _])", "([(2 'p')])"},
    {BOTH, "+s{m=+m{entries=+s{key=u;value=i}}}", "([('k' 1)])", "+s{m=+m{pairs=+s{k=u;v=l}}}", "([('l' 2)])",
     "+s{m=+m{entries=+s{key=u;value=l}}}", "([('k' 1)])", "([('l' 2)])"},
    /* narrower rows */
    {WIDEN, "+s{a=l}", "(1)", "+s{a=c}", "(2)", NULL, "(1)", "(2)"},
    {WIDEN, "+s{a=u}", "('x')", "+s{a=c>u}", "('y')", NULL, "('x')", "('y')"},
    {WIDEN, "+s{a=u}", "('x')", "+s{a=n}", "(_)", NULL, "('x')", "(_)"},
    {WIDEN, "+s{a=u}", "('x')", "+s{a=u!}", "('y')", NULL, "('x')", "('y')"},
    {WIDEN, "+s{a=+l{item=l}}", "([1])", "+s{a=+w:2{item=i}}", "([2 3])", NULL, "([1])", "([2 3])"},
    /* wider rows */
    {WIDEN, "+s{a=i}", "(1)", "+s{a=l}", "(2)", "+s{a=l}", "(1)", "(2)"},
    {WIDEN, "+s{a=i!}", "(1)", "+s{a=i}", "(_)", "+s{a=i}", "(1)", "(_)"},
    {WIDEN, "+s{a=i}", "(1)", "+s{a=g}", "(2.5)", "+s{a=g}", "(1)", "(2.5)"},
    {WIDEN, "+s{a=n}", "(_)", "+s{a=u}", "('x')", "+s{a=u}", "(_)", "('x')"},
    {WIDEN, "+s{a=c>u}", "('x')", "+s{a=s>u}", "('y')", "+s{a=s>u}", "('x')", "('y')"},
    {WIDEN, "+s{a=+l{item=u}}", "(['x'])", "+s{a=+L{item=u}}", "(['y'])", "+s{a=+L{item=u}}", "(['x'])", "(['y'])"},
    {WIDEN, "+s{a=+s{x=i}}", "((1))", "+s{a=+s{x=l}}", "((2))", "+s{a=+s{x=l}}", "((1))", "((2))"},
    /* types that hold both */
    {WIDEN, "+s{a=c}", "(-1)", "+s{a=C}", "(255)", "+s{a=s}", "(-1)", "(255)"},
    {WIDEN, "+s{a=I}", "(4294967295)", "+s{a=c}", "(-1)", "+s{a=l}", "(4294967295)", "(-1)"},
    {WIDEN, "+s{a=i}", "(1)", "+s{a=f}", "(0.5)", "+s{a=g}", "(1)", "(0.5)"},
    {WIDEN, "+s{a=e}", "(1.5)", "+s{a=S}", "(2)", "+s{a=f}", "(1.5)", "(2)"},
    {WIDEN, "+s{a=U}", "('x')", "+s{a=z}", "('y')", "+s{a=Z}", "('x')", "('y')"},
    {WIDEN, "+s{a=w:2}", "('xx')", "+s{a=w:3}", "('yyy')", "+s{a=Z}", "('xx')", "('yyy')"},
    {WIDEN, "+s{a=+vl{item=i}}", "([1])", "+s{a=+w:1{item=i}}", "([2])", "+s{a=+L{item=i}}", "([1])", "([2])"},
    {WIDEN, "+s{a=c>U}", "('x')", "+s{a=s>u}", "('y')", "+s{a=U}", "('x')", "('y')"},
    {WIDEN, "+s{a=c>c}", "(1)", "+s{a=C}", "(255)", "+s{a=s}", "(1)", "(255)"},
    {WIDEN, "+s{a=+r{run_ends=i;values=c}}", "(1)", "+s{a=C}", "(255)", "+s{a=s}", "(1)", "(255)"},
};

static void check_fit(const fit_case *at) {
  char what[256];
  snprintf(what, sizeof what, "%s and %s", at->base, at->tail);
  kh_table *base = table_with_rules(at->base, at->base_rows, at->rules), *tail = make_table(at->tail, at->tail_rows);
  kh_table *fitting, *cast = kh_table_ref(base), *joined;
  kh_schema *grown;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_fit(base, tail, &fitting, &grown, &error) != KHONSU_OK) fail_msg("%s: %s", what, error.message);
  assert_int_equal(grown != NULL, at->type != NULL);
  if (grown != NULL) {
    kh_table_unref(cast);
    if (kh_table_cast(base, grown, &cast, &error) != KHONSU_OK) fail_msg("%s: %s", what, error.message);
  }
  assert_is(cast, at->type != NULL ? at->type : at->base, at->then_base, what);
  assert_is(fitting, at->type != NULL ? at->type : at->base, at->then_tail, what);
  assert_int_equal(kh_table_schema_rules(cast), at->rules); /* they stay */
  MUST(kh_table_match(cast, fitting, NULL));
  MUST(kh_table_append(cast, fitting, &joined, NULL));
  kh_table_unref(joined);
  kh_table_unref(cast);
  kh_table_unref(fitting);
  kh_table_unref(base);
  kh_table_unref(tail);
  kh_schema_unref(grown);
}

static void rows_are_made_to_fit(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) check_fit(&fits[i]);
}

/* Of types in decimals values read as other numbers. */
static void decimals_hold_both(void **state) {
  (void)state;
  static const char *const all[][3] = {
      {"d:9,2,32", "d:9,4,32", "d:11,4,64"},
      {"d:5,2,32", "d:6,3,32", "d:6,3,32"},
      {"d:38,10", "d:38,0", "d:48,10,256"},
      {"d:18,0,64", "d:10,10", "d:28,10,128"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    char type[64];
    kh_schema *schemas[3], *united;
    for (int side = 0; side < 3; side++) {
      snprintf(type, sizeof type, "+s{a=%s}", all[i][side]);
      struct ArrowSchema schema = make_schema(type);
      MUST(kh_schema_import(&schema, &no_limits, &schemas[side], NULL));
    }
    for (int turn = 0; turn < 2; turn++) {
      MUST(kh_schema_unite(schemas[turn], schemas[1 - turn], WIDEN, &united, NULL));
      MUST(kh_schema_match(schemas[2], united, NULL));
      kh_schema_unref(united);
    }
    for (int side = 0; side < 3; side++) kh_schema_unref(schemas[side]);
  }
}

/* Every type with every other: what is united holds both. */
static void united_types_hold_both(void **state) {
  (void)state;
  kh_schema *schemas[CASES], *united;
  int held = 0;
  for (int i = 0; i < CASES; i++) {
    char type[256];
    snprintf(type, sizeof type, "+s{c=%s}", cases[i].type);
    struct ArrowSchema schema = make_schema(type);
    MUST(kh_schema_import(&schema, &no_limits, &schemas[i], NULL));
  }
  for (int i = 0; i < CASES; i++)
    for (int j = 0; j < CASES; j++) {
      khonsu_error error = KHONSU_ERROR_INIT;
      khonsu_status status = kh_schema_unite(schemas[i], schemas[j], BOTH, &united, &error);
      if (status == KHONSU_SCHEMA_MISMATCH) {
        assert_int_not_equal(i, j);
        assert_non_null(strstr(error.message, "column 'c"));
        continue;
      }
      MUST(status);
      for (int side = 0; side < 2; side++)
        if (kh_schema_cast_check(schemas[side == 0 ? i : j], united, &error) != KHONSU_OK)
          fail_msg("%s and %s: %s", cases[i].type, cases[j].type, error.message);
      if (i == j) assert_ptr_equal(united, schemas[i]);
      held++;
      kh_schema_unref(united);
    }
  assert_true(held > CASES);
  for (int i = 0; i < CASES; i++) kh_schema_unref(schemas[i]);
}

/* ---- rows that do not fit */

static const struct {
  uint32_t rules;
  const char *base, *tail, *text;
} refusals[] = {
    {STRICT, "+s{a=i}", "+s{a=l}", "column 'a': int32 in the table, int64 in the rows"},
    {ADD, "+s{a=i}", "+s{a=l}",
     "column 'a': int32 in the table, int64 in the rows, and the rules of the table's schema do not say 'widen'"},
    {ADD, "+s{a=i}", "+s{a=i!}",
     "column 'a': nullable in the table, not nullable in the rows, and the rules of the table's schema do not say "
     "'widen'"},
    {ADD, "+s{a=i!}", "+s{a=i}",
     "column 'a': not nullable in the table, nullable in the rows, and the rules of the table's schema do not say "
     "'widen'"},
    {ADD, "+s{a=+l{item=i}}", "+s{a=+L{item=i}}",
     "column 'a': list in the table, large_list in the rows, and the rules of the table's schema do not say 'widen'"},
    {WIDEN, "+s{a=i}", "+s{a=i;b=i}",
     "column 'b': it is not in the table, and the rules of the table's schema do not say 'add'"},
    {WIDEN, "+s{a=i;b=i}", "+s{a=i}",
     "column 'b': it is not in the rows, and the rules of the table's schema do not say 'add'"},
    {WIDEN, "+s{s=+s{x=i}}", "+s{s=+s{y=i}}",
     "column 's.x': it is not in the rows, and the rules of the table's schema do not say 'add'"},
    {ADD, "+s{a=i}", "+s{a=i;b=i!}",
     "column 'b': it is not in the table, and not nullable: there is nothing to make its values of"},
    {ADD, "+s{a=i;b=i!}", "+s{a=i}",
     "column 'b': it is not in the rows, and not nullable: there is nothing to make its values of"},
    {BOTH, "+s{a=i}", "+s{a=u}", "column 'a': int32 in the table, utf8 in the rows: no type holds both without loss"},
    {BOTH, "+s{a=l}", "+s{a=L}", "column 'a': int64 in the table, uint64 in the rows: no type holds both without loss"},
    {BOTH, "+s{a=l}", "+s{a=g}", "column 'a': int64 in the table, double in the rows: no type holds both without loss"},
    {BOTH, "+s{a=d:76,0,256}", "+s{a=d:76,1,256}",
     "column 'a': decimal256(76, 0) in the table, decimal256(76, 1) in the rows: no type holds both without loss"},
    {BOTH, "+s{a=d:9,2147483647,32}", "+s{a=d:9,-2147483648,32}",
     "column 'a': decimal32(9, 2147483647) in the table, decimal32(9, -2147483648) in the rows: no type holds both "
     "without "
     "loss"},
    {BOTH, "+s{a=tsu:}", "+s{a=tsn:}",
     "column 'a': timestamp[us] in the table, timestamp[ns] in the rows: no type holds both without loss"},
    {BOTH, "+s{a=+m{entries=+s{key=u;value=i}}}", "+s{a=+l{item=i}}",
     "column 'a': map in the table, list in the rows: no type holds both without loss"},
    {BOTH, "+s{a=+s{x=i}}", "+s{a=i}",
     "column 'a': struct in the table, int32 in the rows: no type holds both without loss"},
};

static void what_does_not_fit_is_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    kh_table *base = table_with_rules(refusals[i].base, "", refusals[i].rules),
             *tail = make_table(refusals[i].tail, "");
    kh_table *fitting;
    kh_schema *grown;
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(kh_table_fit(base, tail, &fitting, &grown, &error), KHONSU_SCHEMA_MISMATCH);
    assert_string_equal(error.message, refusals[i].text);
    kh_table_unref(base);
    kh_table_unref(tail);
  }
}

/* ---- the rules themselves */

static khonsu_status import_saying(const char *key, const char *value, kh_schema **schema, khonsu_error *error) {
  struct ArrowSchema made = make_schema("+s{a=i}");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("other"), ArrowCharView("thing")));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView(key), ArrowCharView(value)));
  MUST(ArrowSchemaSetMetadata(&made, (const char *)metadata.data));
  ArrowBufferReset(&metadata);
  return kh_schema_import(&made, &no_limits, schema, error);
}

static void rules_are_metadata(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t rules;
  } said[] = {{"strict", STRICT}, {"add", ADD}, {"widen", WIDEN}, {"add,widen", BOTH}, {"widen,add", BOTH}};
  kh_schema *schema, *changed;
  for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
    MUST(import_saying("khonsu.schema_rules", said[i].text, &schema, NULL));
    assert_int_equal(kh_schema_rules(schema), said[i].rules);
    MUST(kh_schema_with_rules(schema, STRICT, &changed, NULL));
    assert_int_equal(kh_schema_rules(changed), STRICT);
    kh_schema_unref(schema);
    schema = changed;
    MUST(kh_schema_with_rules(schema, ADD, &changed, NULL)); /* and what else is said stays */
    struct ArrowStringView value;
    MUST(ArrowMetadataGetValue(changed->fields[0].arrow.metadata, ArrowCharView("other"), &value));
    assert_int_equal(value.size_bytes, 5);
    kh_schema_unref(schema);
    kh_schema_unref(changed);
  }
  MUST(import_saying("khonsu.schema", "add", &schema, NULL));
  assert_int_equal(kh_schema_rules(schema), STRICT);
  kh_schema_unref(schema);
}

static void unknown_rules_are_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "Add", "add,", ",add", "add widen", "add,widen,all", "strictly"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    kh_schema *schema;
    khonsu_error error = KHONSU_ERROR_INIT;
    char text[256];
    snprintf(text, sizeof text,
             "the schema's metadata say khonsu.schema_rules = '%s': it must be strict, add, widen, or add,widen",
             wrong[i]);
    assert_int_equal(import_saying("khonsu.schema_rules", wrong[i], &schema, &error), KHONSU_INVALID_ARROW);
    assert_string_equal(error.message, text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_made_to_fit),   cmocka_unit_test(decimals_hold_both),
      cmocka_unit_test(united_types_hold_both), cmocka_unit_test(what_does_not_fit_is_named),
      cmocka_unit_test(rules_are_metadata),     cmocka_unit_test(unknown_rules_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
