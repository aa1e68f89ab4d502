#include "compare.h"

static int order_int(int64_t a, int64_t b) { return a < b ? -1 : a > b; }
static int order_uint(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

int kh_floats_compare(double a, double b) {
  if (a != a || b != b) return (a != a) - (b != b);
  return a < b ? -1 : a > b;
}

int kh_decimals_compare(const uint64_t a[4], const uint64_t b[4]) {
  int order = order_int((int64_t)a[3], (int64_t)b[3]);
  for (int limb = 2; limb >= 0 && order == 0; limb--) order = order_uint(a[limb], b[limb]);
  return order;
}

static int compare_decimals(const kh_place *a, const kh_place *b) {
  uint64_t one[4], other[4];
  kh_place_decimal(a, one);
  kh_place_decimal(b, other);
  return kh_decimals_compare(one, other);
}

static int compare_intervals(const kh_place *a, const kh_place *b) {
  int64_t one[3], other[3];
  kh_place_interval(a, one);
  kh_place_interval(b, other);
  int order = 0;
  for (int part = 0; part < 3 && order == 0; part++) order = order_int(one[part], other[part]);
  return order;
}

static int compare_lists(const kh_place *a, const kh_place *b) {
  kh_range items_a = kh_place_items(a), items_b = kh_place_items(b);
  int64_t shared = items_a.length < items_b.length ? items_a.length : items_b.length;
  kh_place one = {a->chunk, kh_place_field(a)->first, items_a.start};
  kh_place other = {b->chunk, kh_place_field(b)->first, items_b.start};
  int order = 0;
  bool are_null =
      kh_field_kind(kh_place_field(&one)) == KH_KIND_NULL && kh_field_kind(kh_place_field(&other)) == KH_KIND_NULL;
  for (int64_t i = 0; !are_null && i < shared && order == 0; i++, one.at++, other.at++)
    order = kh_values_compare(&one, &other);
  return order != 0 ? order : order_int(items_a.length, items_b.length);
}

static int compare_structs(const kh_place *a, const kh_place *b) {
  const kh_field *one = kh_place_field(a), *other = kh_place_field(b);
  int order = 0;
  for (uint32_t child = 0; child < one->arrow.n_children && order == 0; child++) {
    kh_place of_one = kh_place_child(a, one->first + child, a->at);
    kh_place of_other = kh_place_child(b, other->first + child, b->at);
    order = kh_values_compare(&of_one, &of_other);
  }
  return order;
}

static int compare_unions(const kh_place *a, const kh_place *b) {
  int order = order_int(kh_place_type_id(a), kh_place_type_id(b));
  kh_place one = kh_place_union(a), other = kh_place_union(b);
  return order != 0 ? order : kh_values_compare(&one, &other);
}

/* Integers of which one is signed and the other is not. */
static int compare_signs(const kh_place *a, kh_kind kind_a, const kh_place *b, kh_kind kind_b) {
  KH_ASSERT(kind_a == KH_KIND_INT || kind_a == KH_KIND_UINT);
  KH_ASSERT(kind_b == KH_KIND_INT || kind_b == KH_KIND_UINT);
  int64_t one = kh_place_int(a), other = kh_place_int(b);
  bool negative_a = kind_a == KH_KIND_INT && one < 0, negative_b = kind_b == KH_KIND_INT && other < 0;
  if (negative_a || negative_b) return negative_b - negative_a;
  return order_uint((uint64_t)one, (uint64_t)other);
}

/* Recursion is as deep as the schema, which is limited. */
int kh_values_compare(const kh_place *a, const kh_place *b) {
  kh_place one = *a, other = *b;
  bool valid_a = kh_place_resolve(&one), valid_b = kh_place_resolve(&other);
  if (!valid_a || !valid_b) return valid_a - valid_b;
  kh_kind kind = kh_field_kind(kh_place_field(&one)), kind_b = kh_field_kind(kh_place_field(&other));
  if (kind != kind_b) return compare_signs(&one, kind, &other, kind_b);
  switch (kind) {
    case KH_KIND_BOOL: return kh_place_bool(&one) - kh_place_bool(&other);
    case KH_KIND_UINT: return order_uint((uint64_t)kh_place_int(&one), (uint64_t)kh_place_int(&other));
    case KH_KIND_FLOAT: return kh_floats_compare(kh_place_float(&one), kh_place_float(&other));
    case KH_KIND_DECIMAL: return compare_decimals(&one, &other);
    case KH_KIND_INTERVAL: return compare_intervals(&one, &other);
    case KH_KIND_BYTES: return kh_slice_compare(kh_place_bytes(&one), kh_place_bytes(&other));
    case KH_KIND_LIST: return compare_lists(&one, &other);
    case KH_KIND_STRUCT: return compare_structs(&one, &other);
    case KH_KIND_UNION: return compare_unions(&one, &other);
    default: return order_int(kh_place_int(&one), kh_place_int(&other));
  }
}

/* ---- rows */

int kh_rows_compare(const kh_row_key *a, int64_t row_a, const kh_row_key *b, int64_t row_b) {
  int order = 0;
  for (size_t k = 0; k < a->count && order == 0; k++) {
    kh_place one = kh_place_of_row(a->chunk, a->columns[k], row_a);
    kh_place other = kh_place_of_row(b->chunk, b->columns[k], row_b);
    order = kh_values_compare(&one, &other);
  }
  return order;
}

/* Whether the keys are numbers of 8 bytes with nothing null: what most keys are. */
static bool is_plain_int64(const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  return field->storage == NANOARROW_TYPE_INT64 && !field->has_dictionary && kh_place_node(place)->null_count == 0;
}

bool kh_rows_equal(const kh_row_key *a, int64_t row_a, const kh_row_key *b, int64_t row_b) {
  for (size_t k = 0; k < a->count; k++) {
    kh_place one = kh_place_of_row(a->chunk, a->columns[k], row_a);
    kh_place other = kh_place_of_row(b->chunk, b->columns[k], row_b);
    if (is_plain_int64(&one) && is_plain_int64(&other)) {
      if (kh_place_int(&one) != kh_place_int(&other)) return false;
    } else if (kh_values_compare(&one, &other) != 0) {
      return false;
    }
  }
  return true;
}
