/* random_condition: conditions on any schema, as text, and beside it what they mean: a tree that is evaluated row by row,
 * as far as plain numbers, booleans, text and bytes go. */
#ifndef TEST_RANDOM_CONDITION_H
#define TEST_RANDOM_CONDITION_H

#include "arrow/table.h"
#include "arrow/value.h"
#include "fuzz.h"

enum { CONDITION_NODES_MAX = 64, CONDITION_LITERALS_MAX = 4, CONDITION_DEPTH_MAX = 4 };

typedef enum condition_kind {
  CONDITION_AND,
  CONDITION_OR,
  CONDITION_NOT,
  CONDITION_NULL,
  CONDITION_TEST
} condition_kind;
typedef enum test_operator {
  TEST_EQUAL,
  TEST_NOT_EQUAL,
  TEST_LESS,
  TEST_LESS_EQUAL,
  TEST_MORE,
  TEST_MORE_EQUAL
} test_operator;

typedef struct condition_literal {
  __int128 halves; /* of a number, or of a truth value */
  const char *text;
} condition_literal;

typedef struct condition_node {
  condition_kind kind;
  bool negated; /* is not null, not in */
  test_operator op;
  uint32_t field, column;
  condition_literal literals[CONDITION_LITERALS_MAX];
  int literal_count, parts[2];
} condition_node;

typedef struct random_condition {
  kh_prng *prng;
  const kh_schema *schema;
  kh_buffer text;
  condition_node nodes[CONDITION_NODES_MAX];
  int count;
  bool is_wrong;    /* some literal cannot be compared with its column */
  bool is_modelled; /* the tree can be evaluated */
} random_condition;

__attribute__((format(printf, 2, 3))) static void say(random_condition *to, const char *format, ...) {
  char piece[256];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  assert_int_equal(kh_buffer_append(&to->text, piece, (size_t)size), 0);
}

static uint64_t any_below(random_condition *to, uint64_t bound) { return kh_prng_below(to->prng, bound); }

/* Keywords in any case, and any blanks between words. */
static void say_keyword(random_condition *to, const char *keyword) {
  static const char *const blanks[] = {" ", "  ", "\t", "\n"};
  say(to, "%s", blanks[any_below(to, 4)]);
  for (; *keyword != '\0'; keyword++) say(to, "%c", any_below(to, 4) == 0 ? toupper(*keyword) : *keyword);
  say(to, "%s", blanks[any_below(to, 4)]);
}

/* ---- columns */

static void say_name(random_condition *to, const char *name) {
  bool is_bare = any_below(to, 4) != 0;
  for (const char *c = name; *c != '\0'; c++) is_bare &= isalnum((unsigned char)*c) || *c == '_';
  is_bare &= !isdigit((unsigned char)*name) && *name != '\0' && strcmp(name, "and") != 0;
  if (is_bare) {
    say(to, "%s", name);
    return;
  }
  say(to, "\"");
  for (; *name != '\0'; name++) say(to, *name == '"' ? "\"\"" : "%c", *name);
  say(to, "\"");
}

/* A column, or a field of one that is a struct. */
static void say_column(random_condition *to, condition_node *node) {
  const kh_field *fields = to->schema->fields;
  uint32_t field = 0;
  do {
    field = fields[field].first + (uint32_t)any_below(to, (uint64_t)fields[field].arrow.n_children);
    if (fields[field].parent == 0) node->column = field;
    else say(to, ".");
    say_name(to, fields[field].arrow.name);
  } while (kh_field_kind(&fields[field]) == KH_KIND_STRUCT && fields[field].arrow.n_children > 0 &&
           any_below(to, 4) != 0);
  node->field = field;
  if (fields[field].parent != 0) to->is_modelled = false;
}

/* The field whose values a column's values are. */
static const kh_field *values_of(const kh_schema *schema, uint32_t field) {
  for (;;) {
    kh_kind kind = kh_field_kind(&schema->fields[field]);
    if (kind == KH_KIND_DICTIONARY) field = kh_field_dictionary(&schema->fields[field]);
    else if (kind == KH_KIND_RUNS) field = schema->fields[field].first + 1;
    else return &schema->fields[field];
  }
}

/* ---- literals */

static void say_number(random_condition *to, condition_literal *literal) {
  static const int64_t edges[] = {INT8_MAX,  INT8_MIN,   UINT8_MAX, INT16_MAX, UINT16_MAX, INT32_MAX,
                                  INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN, 300,        70000};
  int64_t whole =
      any_below(to, 4) == 0 ? edges[any_below(to, sizeof edges / sizeof *edges)] : (int64_t)any_below(to, 9) - 4;
  bool has_half = any_below(to, 4) == 0 && whole > -1000 && whole < 1000;
  literal->halves = 2 * (__int128)whole;
  if (has_half && whole < 0) literal->halves -= 1;
  else if (has_half) literal->halves += 1;
  switch (has_half ? 3 : any_below(to, 4)) {
    case 0: say(to, "%lld.0", (long long)whole); break;
    case 1: say(to, "%lld0e-1", (long long)whole); break;
    case 3:
      if (has_half) say(to, "%lld.50", (long long)whole);
      else say(to, whole >= 0 && any_below(to, 2) == 0 ? "+%lld" : "%lld", (long long)whole);
      break;
    default: say(to, "%lld", (long long)whole); break;
  }
}

static void say_text(random_condition *to, condition_literal *literal, bool may_be_binary) {
  static const char *const texts[] = {
      "", "a", "b", "ab", "it's", "''", "\xc3\xa9", "twelve chars", "thirteen char", "another text that is long", "zz"};
  literal->text = texts[any_below(to, sizeof texts / sizeof *texts)];
  bool is_binary = may_be_binary && any_below(to, 2) == 0;
  say(to, is_binary ? "x'" : "'");
  for (const char *c = literal->text; *c != '\0'; c++) {
    if (is_binary) say(to, any_below(to, 2) == 0 ? "%02x" : "%02X", (unsigned)(unsigned char)*c);
    else say(to, *c == '\'' ? "''" : "%c", *c);
  }
  say(to, "'");
}

static void say_time(random_condition *to, const kh_field *field) {
  static const char *const dates[] = {"'2013-01-31'", "'1970-01-01'", "'0000-01-01'", "'9999-12-31'", "'2000-02-29'"};
  static const char *const clocks[] = {"'12:00'", "'00:00:01'", "'23:59:59.999999999'", "'00:00:00.5'"};
  static const char *const moments[] = {"'2013-01-31'", "'1970-01-01 00:00'", "'1969-12-31T23:59:59.9999999999'",
                                        "'9999-12-31 23:59:59'"};
  static const char *const lengths[] = {"'90s'", "'-1500ms'", "'3us'", "'9223372036854775807ns'", "'-7ns'"};
  switch (field->type) {
    case NANOARROW_TYPE_DATE32:
    case NANOARROW_TYPE_DATE64: say(to, "%s", dates[any_below(to, 5)]); return;
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64: say(to, "%s", clocks[any_below(to, 4)]); return;
    case NANOARROW_TYPE_DURATION: say(to, "%s", lengths[any_below(to, 5)]); return;
    default: say(to, "%s", moments[any_below(to, 4)]); return;
  }
}

/* Of a kind that the column's values may have or not. */
static void say_any_literal(random_condition *to, condition_literal *literal) {
  switch (any_below(to, 4)) {
    case 0: say_number(to, literal); break;
    case 1: say_text(to, literal, true); break;
    case 2: say(to, "true"); break;
    default: say(to, "FALSE"); break;
  }
}

static bool is_text_field(const kh_field *field) {
  return field->storage == NANOARROW_TYPE_STRING || field->storage == NANOARROW_TYPE_LARGE_STRING ||
         field->storage == NANOARROW_TYPE_STRING_VIEW;
}

static void say_literal(random_condition *to, const kh_field *field, condition_literal *literal) {
  kh_kind kind = kh_field_kind(field);
  bool is_moment = kind == KH_KIND_INT && field->type != field->storage;
  bool is_interval = field->type == NANOARROW_TYPE_INTERVAL_MONTHS;
  if (kind == KH_KIND_NULL) say_any_literal(to, literal);
  else if (kind == KH_KIND_BOOL) {
    literal->halves = 2 * (int)any_below(to, 2);
    say(to, literal->halves != 0 ? "true" : "False");
  } else if (is_moment && !is_interval) {
    say_time(to, field);
    to->is_modelled = false;
  } else if (!is_interval && (kind == KH_KIND_INT || kind == KH_KIND_UINT || kind == KH_KIND_FLOAT)) {
    say_number(to, literal);
  } else if (kind == KH_KIND_DECIMAL) {
    say_number(to, literal);
    to->is_modelled = false;
  } else if (kind == KH_KIND_BYTES) {
    say_text(to, literal, !is_text_field(field));
  } else {
    say_any_literal(to, literal);
    to->is_wrong = true;
  }
}

/* ---- conditions */

static void say_comparison(random_condition *to, condition_node *node) {
  static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};
  const kh_field *field = values_of(to->schema, node->field);
  if (any_below(to, 4) != 0) {
    node->op = (test_operator)any_below(to, 6);
    bool other = any_below(to, 2) == 0;
    say(to, " %s",
        node->op == TEST_EQUAL && other       ? "=="
        : node->op == TEST_NOT_EQUAL && other ? "<>"
                                              : operators[node->op]);
    node->literal_count = 1;
    say(to, " ");
    say_literal(to, field, &node->literals[0]);
    return;
  }
  node->negated = any_below(to, 2) == 0;
  if (node->negated) say_keyword(to, "not");
  say_keyword(to, "in");
  node->literal_count = 1 + (int)any_below(to, CONDITION_LITERALS_MAX);
  for (int i = 0; i < node->literal_count; i++) {
    say(to, i == 0 ? "(" : ",");
    say_literal(to, field, &node->literals[i]);
  }
  say(to, ")");
}

static void say_test(random_condition *to, condition_node *node) {
  say_column(to, node);
  if (any_below(to, 5) != 0) {
    node->kind = CONDITION_TEST;
    say_comparison(to, node);
    return;
  }
  node->kind = CONDITION_NULL;
  say_keyword(to, "is");
  node->negated = any_below(to, 2) == 0;
  if (node->negated) say_keyword(to, "not");
  say_keyword(to, "null");
}

/* Returns the node's number. Brackets are where the tree needs them. */
static int say_condition(random_condition *to, int depth) {
  int number = to->count++;
  condition_node *node = &to->nodes[number];
  assert_true(number < CONDITION_NODES_MAX);
  *node = (condition_node){0};
  uint64_t what = depth >= CONDITION_DEPTH_MAX ? 3 : any_below(to, 6);
  if (what > 2) {
    say_test(to, node);
    return number;
  }
  node->kind = what == 0 ? CONDITION_AND : what == 1 ? CONDITION_OR : CONDITION_NOT;
  if (what == 2) {
    say_keyword(to, "not");
    say(to, "(");
    node->parts[0] = say_condition(to, depth + 1);
  } else {
    say(to, "(");
    node->parts[0] = say_condition(to, depth + 1);
    say(to, ")");
    say_keyword(to, what == 0 ? "and" : "or");
    say(to, "(");
    node->parts[1] = say_condition(to, depth + 1);
  }
  say(to, ")");
  return number;
}

/* For kh_buffer_fini(&condition->text). */
static void make_random_condition(random_condition *made, const kh_schema *schema, kh_prng *prng) {
  made->prng = prng;
  made->schema = schema;
  made->text = (kh_buffer){0};
  made->count = 0;
  made->is_wrong = false;
  made->is_modelled = true;
  (void)say_condition(made, 0);
}

/* ---- what it means: 1 true, 0 false, -1 unknown */

static int order_halves(const kh_place *value, __int128 halves, bool *is_ordered) {
  kh_kind kind = kh_field_kind(kh_place_field(value));
  *is_ordered = true;
  if (kind == KH_KIND_FLOAT) {
    long double number = (long double)kh_place_float(value), other = (long double)halves / 2;
    *is_ordered = number == number;
    return (number > other) - (number < other);
  }
  __int128 number = kind == KH_KIND_BOOL   ? kh_place_bool(value)
                    : kind == KH_KIND_UINT ? (__int128)(uint64_t)kh_place_int(value)
                                           : kh_place_int(value);
  return (2 * number > halves) - (2 * number < halves);
}

static bool passes(const condition_node *node, const kh_place *value, const condition_literal *literal) {
  bool is_ordered = true;
  int order = kh_field_kind(kh_place_field(value)) == KH_KIND_BYTES
                  ? kh_slice_compare(kh_place_bytes(value), kh_slice(literal->text, strlen(literal->text)))
                  : order_halves(value, literal->halves, &is_ordered);
  if (!is_ordered) return node->op == TEST_NOT_EQUAL;
  switch (node->op) {
    case TEST_EQUAL: return order == 0;
    case TEST_NOT_EQUAL: return order != 0;
    case TEST_LESS: return order < 0;
    case TEST_LESS_EQUAL: return order <= 0;
    case TEST_MORE: return order > 0;
    default: return order >= 0;
  }
}

static int truth_of(const random_condition *of, int number, const kh_chunk *chunk, int64_t row) {
  const condition_node *node = &of->nodes[number];
  if (node->kind < CONDITION_NULL) {
    int one = truth_of(of, node->parts[0], chunk, row);
    if (node->kind == CONDITION_NOT) return one < 0 ? one : !one;
    int other = truth_of(of, node->parts[1], chunk, row), decides = node->kind == CONDITION_OR;
    if (one == decides || other == decides) return decides;
    return one < 0 || other < 0 ? -1 : !decides;
  }
  kh_place value = kh_place_of_row(chunk, node->column, row);
  bool is_valid = kh_place_resolve(&value), any = false;
  if (node->kind == CONDITION_NULL) return is_valid == node->negated;
  if (!is_valid) return -1;
  for (int i = 0; i < node->literal_count; i++) any |= passes(node, &value, &node->literals[i]);
  return any != node->negated;
}

/* Not every target uses all of the above. */
static inline void use_random_condition(void) { (void)make_random_condition, (void)truth_of; }

#endif
