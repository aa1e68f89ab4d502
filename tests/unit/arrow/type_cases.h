/* type_cases: three chunks of every type, and ways to cut them. */
#ifndef TEST_TYPE_CASES_H
#define TEST_TYPE_CASES_H

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
    {"vu",
     {"'short' 'much longer than twelve' _ 'another one that is long'", "_ 'in the second buffer'",
      "'s' 'and in a third one'"}},
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
     {"([('r' 0:1) ('g' 1:'a value that is too long')]) (_)", "([('b' 1:'x')])",
      "([]) ([('w' 1:'another value, long too')])"}},
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

static kh_table *table_of_case(const case_of_type *of, cut_fn *cut, bool copy) {
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

/* Not every test uses all of the above. */
static inline void use_type_cases(void) { (void)cut_nothing, (void)cut_root, (void)cut_column, (void)table_of_case; }

#endif
