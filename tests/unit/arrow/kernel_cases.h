/* kernel_cases: what tests of kernels share. Every type of type_cases.h, by itself and inside of every type that has
 * children; rows as text; and the question whether what a kernel made is valid. */
#ifndef TEST_KERNEL_CASES_H
#define TEST_KERNEL_CASES_H

#include "arrow/table.h"
#include "type_cases.h"

/* How values of a case become values of a type around it: two by two, or one by one. */
typedef struct wrapper {
  const char *type;         /* %s: the case's */
  const char *one, *two;    /* a value of one, of two of the case's; NULL: not of this many */
  const char *more;         /* values beside them */
  const char *but_not_type; /* cases whose type begins like that are left out */
} wrapper;

static const wrapper wrappers[] = {
    {"%s", "%s", NULL, "", NULL},
    {"+l{item=%s}", "[%s]", "[%s %s]", "_ []", NULL},
    {"+L{item=%s}", "[%s]", "[%s %s]", "[] _", NULL},
    {"+vl{item=%s}", "[%s]", "[%s %s]", "_ []", NULL},
    {"+vL{item=%s}", "[%s]", "[%s %s]", "[] _", NULL},
    {"+w:1{item=%s}", "[%s]", NULL, "_", "+r"},
    {"+s{f=i;g=%s}", "(1 %s)", NULL, "_ (2 _)", "+r"},
    {"+m{entries=+s{key=u;value=%s}}", "[('k' %s)]", "[('k' %s) ('l' %s)]", "_ []", NULL},
    {"+us:3,1{p=i;q=%s}", "1:%s", NULL, "0:8 0:_", "+r"},
    {"+ud:3,1{p=i;q=%s}", "1:%s", NULL, "0:8 0:_", NULL},
    {"+r{run_ends=i;values=%s}", "%s = =", NULL, "", "+r"},
    {"c>%s", "%s", NULL, "_", "+r"},
};

enum { WRAPPERS = sizeof wrappers / sizeof wrappers[0], MADE_CASES = WRAPPERS * CASES };

typedef struct made_case {
  char type[256], values[3][1024];
  case_of_type of;
} made_case;

static void wrap_values(const wrapper *around, const char *values, char to[1024]) {
  char one[256], two[256];
  for (const char *text = skip_spaces(values); *text != '\0'; text = skip_spaces(skip_value(text))) {
    snprintf(one, sizeof one, "%.*s", (int)(skip_value(text) - text), text);
    const char *next = skip_spaces(skip_value(text));
    bool is_pair = around->two != NULL && *next != '\0';
    if (is_pair) {
      snprintf(two, sizeof two, "%.*s", (int)(skip_value(next) - next), next);
      text = next;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    to += is_pair ? snprintf(to, 400, around->two, one, two) : snprintf(to, 400, around->one, one);
#pragma GCC diagnostic pop
    to += snprintf(to, 2, " ");
  }
  snprintf(to, 16, "%s", around->more);
}

/* False: there is no such type. */
static bool make_case(int index, made_case *made) {
  const wrapper *around = &wrappers[index / CASES];
  const case_of_type *inner = &cases[index % CASES];
  if (around->but_not_type != NULL && strncmp(inner->type, around->but_not_type, strlen(around->but_not_type)) == 0)
    return false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(made->type, sizeof made->type, around->type, inner->type);
#pragma GCC diagnostic pop
  made->of.type = made->type;
  for (int chunk = 0; chunk < 3; chunk++) {
    wrap_values(around, inner->values[chunk], made->values[chunk]);
    made->of.values[chunk] = made->values[chunk];
  }
  return true;
}

/* ---- chunks */

static kh_chunk *chunk_of(kh_table *table, uint64_t index) { return *kh_table_run(table, index).chunks; }

/* The values of a chunk that has to be valid; what it says of its nulls has to be exact. Freed by the caller. */
static char *chunk_text(kh_chunk *chunk) {
  kh_chunk *again = kh_chunk_new(chunk->schema);
  khonsu_error error = KHONSU_ERROR_INIT;
  memcpy(again->nodes, chunk->nodes, chunk->schema->count * sizeof *again->nodes);
  if (kh_chunk_check(again, NULL, UINT64_MAX, &error) != KHONSU_OK) fail_msg("%s", error.message);
  for (uint32_t i = 0; i < chunk->schema->count; i++) {
    assert_int_equal(again->nodes[i].null_count, chunk->nodes[i].null_count);
    assert_int_equal(again->nodes[i].offset, chunk->nodes[i].offset);
    assert_int_equal(again->nodes[i].length, chunk->nodes[i].length);
  }
  assert_int_equal(chunk->nodes[0].offset, 0);
  kh_chunk_unref(again);
  struct ArrowSchema schema;
  struct ArrowArray array;
  MUST(kh_chunk_export_batch(chunk, &schema, &array, NULL));
  char *text = text_of(&schema, &array);
  schema.release(&schema);
  array.release(&array);
  return text;
}

/* Texts of rows; they point into `text`. */
typedef struct row_texts {
  char *text;
  char *rows[256];
  int64_t count;
} row_texts;

static row_texts rows_of(kh_chunk *chunk) {
  row_texts texts = {chunk_text(chunk), {NULL}, 0};
  for (char *row = texts.text; *row != '\0';) {
    char *end = row + (skip_value(row) - row);
    assert_true(texts.count < 256);
    texts.rows[texts.count++] = row;
    row = *end == '\0' ? end : end + 1;
    *end = '\0';
  }
  assert_int_equal(texts.count, kh_chunk_rows(chunk));
  return texts;
}

/* What a row of nothing but nulls looks like. */
static const char *null_row(const char *type) {
  const char *of_runs = strstr(type, ";values=");
  if (strncmp(type, "+r", 2) == 0) type = of_runs + strlen(";values=");
  return strncmp(type, "+u", 2) == 0 ? "(0:_)" : "(_)";
}

/* The rows that `rows` says, in its order; -1 is a row of nulls. */
static void assert_rows(kh_chunk *chunk, const row_texts *texts, const char *type, const int64_t *rows, int64_t count) {
  text_buffer expected = {NULL, 0, 0};
  put_text(&expected, "%s", "");
  for (int64_t i = 0; i < count; i++)
    put_text(&expected, "%s%s", i > 0 ? " " : "", rows[i] < 0 ? null_row(type) : texts->rows[rows[i]]);
  assert_true(chunk->bytes >=
              kh_chunk_count_bytes(chunk)); /* an imported one is counted before it is cut to its root */
  char *text = chunk_text(chunk);
  if (strcmp(text, expected.bytes) != 0) fail_msg("%s: %s\n   expected: %s", type, text, expected.bytes);
  free(text);
  free(expected.bytes);
}

/* Calls `run` with a table of three chunks for each type there is, whole and cut in both ways. */
typedef void on_case(kh_table *table, const char *type);

static void for_each_case(on_case *run) {
  cut_fn *cuts[] = {cut_nothing, cut_root, cut_column};
  for (int index = 0; index < MADE_CASES; index++) {
    made_case made;
    if (!make_case(index, &made)) continue;
    for (size_t cut = 0; cut < 3; cut++) {
      kh_table *table = table_of_case(&made.of, cuts[cut], false);
      run(table, made.type);
      kh_table_unref(table);
    }
  }
}

/* Not every test uses all of the above. */
static inline void use_kernel_cases(void) { (void)chunk_of, (void)rows_of, (void)assert_rows, (void)for_each_case; }

#endif
