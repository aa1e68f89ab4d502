/* predicate_bind: a condition's tree becomes the tests of a schema: `not` is moved down, columns are found, and literals
 * become intervals of the columns' own types. */
#include <stdlib.h>

#include "predicate.h"

typedef struct binder {
  const kh_schema *schema;
  kh_arena *arena;
  khonsu_error *error;
} binder;

static khonsu_status no_memory(const binder *b) {
  return khonsu_error_set(b->error, KHONSU_NO_MEMORY, "no memory for a condition");
}

/* ---- neighbours of a value: it is neither the least nor the most of its type where they are asked for */

static kh_scalar step(kh_scalar scalar, bool up) {
  uint64_t by = up ? 1 : UINT64_MAX, carry = up;
  switch (scalar.kind) {
    case KH_SCALAR_INT:
    case KH_SCALAR_UINT: scalar.natural += by; break;
    case KH_SCALAR_FLOAT: scalar.real = kh_double_step(scalar.real, up); break;
    case KH_SCALAR_DECIMAL:
      for (int limb = 0; limb < 4; limb++) { /* adds 1, or -1, which has all bits set */
        unsigned __int128 sum = (unsigned __int128)scalar.decimal[limb] + (up ? 0 : UINT64_MAX) + carry;
        scalar.decimal[limb] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
      }
      break;
    default: break;
  }
  return scalar;
}

static bool is_same(const kh_scalar *a, const kh_scalar *b) { return kh_scalar_compare(a, b) == 0; }

/* ---- comparisons */

/* False: nothing is in it. */
static bool bytes_interval(kh_operator op, const kh_scalar *value, kh_interval *interval) {
  kh_scalar none = {.kind = KH_SCALAR_NONE};
  bool is_above = op == KH_GREATER || op == KH_GREATER_EQUAL, is_below = op == KH_LESS || op == KH_LESS_EQUAL;
  *interval = (kh_interval){is_below ? none : *value, is_above ? none : *value, op == KH_GREATER, op == KH_LESS};
  return true;
}

static bool below_interval(kh_operator op, const kh_fit *fit, kh_interval *interval) {
  *interval = (kh_interval){.low = fit->least, .high = fit->floor};
  if (fit->is_below) return false;
  if (op == KH_LESS_EQUAL || !fit->is_exact) return true;
  if (is_same(&fit->floor, &fit->least)) return false;
  interval->high = step(fit->floor, false);
  return true;
}

static bool above_interval(kh_operator op, const kh_fit *fit, kh_interval *interval) {
  *interval = (kh_interval){.low = fit->floor, .high = fit->most};
  if (fit->is_below) interval->low = fit->least;
  if (fit->is_below || (op == KH_GREATER_EQUAL && fit->is_exact)) return true;
  if (is_same(&fit->floor, &fit->most)) return false;
  interval->low = step(fit->floor, true);
  return true;
}

static bool make_interval(kh_operator op, const kh_fit *fit, kh_interval *interval) {
  if (fit->floor.kind == KH_SCALAR_BYTES) return bytes_interval(op, &fit->floor, interval);
  switch (op) {
    case KH_LESS:
    case KH_LESS_EQUAL: return below_interval(op, fit, interval);
    case KH_GREATER:
    case KH_GREATER_EQUAL: return above_interval(op, fit, interval);
    default: *interval = (kh_interval){.low = fit->floor, .high = fit->floor}; return fit->is_exact && !fit->is_below;
  }
}

static khonsu_status does_not_fit(const binder *b, uint32_t field, const kh_literal *literal, const char *wanted) {
  char type[KH_TYPE_NAME_SIZE];
  kh_field_type_name(b->schema->fields, field, type);
  int shown = (int)(literal->source.size > 64 ? 64 : literal->source.size);
  return kh_field_fail(b->schema->fields, field, b->error, KHONSU_SCHEMA_MISMATCH,
                       "%s cannot be compared with %.*s, but with %s", type, shown, (const char *)literal->source.data,
                       wanted);
}

static int by_low(const void *a, const void *b) {
  return kh_scalar_compare(&((const kh_interval *)a)->low, &((const kh_interval *)b)->low);
}

/* Points: a list of literals is what makes several intervals. */
static void sort_points(kh_test *test) {
  size_t count = 0;
  if (test->interval_count < 2) return;
  qsort(test->intervals, test->interval_count, sizeof *test->intervals, by_low);
  for (size_t i = 0; i < test->interval_count; i++)
    if (count == 0 || by_low(&test->intervals[count - 1], &test->intervals[i]) != 0)
      test->intervals[count++] = test->intervals[i];
  test->interval_count = count;
}

static khonsu_status bind_literals(const binder *b, const kh_predicate_node *node, kh_test *test) {
  const kh_field *values = &b->schema->fields[kh_field_decoded(b->schema->fields, test->field)];
  size_t count = 0;
  for (const kh_literal *literal = node->literals; literal != NULL; literal = literal->next) count++;
  test->intervals = kh_arena_take_array(b->arena, count, sizeof *test->intervals);
  if (test->intervals == NULL) return no_memory(b);
  for (const kh_literal *literal = node->literals; literal != NULL; literal = literal->next) {
    kh_fit fit;
    const char *wanted;
    if (!kh_literal_fit(literal, values, &fit, &wanted))
      return fit.no_memory ? no_memory(b) : does_not_fit(b, test->field, literal, wanted);
    if (make_interval(node->op, &fit, &test->intervals[test->interval_count])) test->interval_count++;
  }
  sort_points(test);
  return KHONSU_OK;
}

/* ---- the tree */

static khonsu_status bind_node(const binder *b, const kh_predicate_node *node, bool negated, kh_test **bound);

static khonsu_status bind_parts(const binder *b, const kh_predicate_node *node, bool negated, kh_test *test) {
  khonsu_status status = KHONSU_OK;
  kh_test **place = &test->first;
  for (const kh_predicate_node *part = node->first; part != NULL && status == KHONSU_OK; part = part->next) {
    status = bind_node(b, part, negated, place);
    if (status == KHONSU_OK) place = &(*place)->next;
  }
  return status;
}

/* Recursion is as deep as brackets and `not`, which are limited. */
static khonsu_status bind_node(const binder *b, const kh_predicate_node *node, bool negated, kh_test **bound) {
  if (node->kind == KH_NODE_NOT) return bind_node(b, node->first, !negated, bound);
  kh_test *test = kh_arena_take_zeros(b->arena, sizeof *test);
  if (test == NULL) return no_memory(b);
  *bound = test;
  if (node->kind == KH_NODE_AND || node->kind == KH_NODE_OR) {
    test->kind = (node->kind == KH_NODE_AND) != negated ? KH_TEST_AND : KH_TEST_OR;
    return bind_parts(b, node, negated, test);
  }
  test->kind = node->kind == KH_NODE_IS_NULL ? KH_TEST_NULL : KH_TEST_VALUE;
  test->negated = negated ^ node->negated ^ (node->op == KH_NOT_EQUAL);
  khonsu_status status = kh_path_find(&node->path, b->schema, &test->field, b->error);
  if (status != KHONSU_OK || test->kind == KH_TEST_NULL) return status;
  return bind_literals(b, node, test);
}

khonsu_status kh_predicate_bind(kh_predicate *predicate, const kh_schema *schema, const kh_test **test,
                                khonsu_error *error) {
  binder b = {schema, &predicate->arena, error};
  kh_test *bound = NULL;
  khonsu_status status = bind_node(&b, predicate->root, false, &bound);
  if (status == KHONSU_OK) *test = bound;
  return status;
}
