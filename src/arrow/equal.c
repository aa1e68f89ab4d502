/* equal: walks two ranges side by side, in stretches as long as both sides allow: of runs, of what is valid in both. */
#include "equal.h"

static kh_place moved(const kh_place *place, int64_t by) {
  return (kh_place){place->chunk, place->field, place->at + by};
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- encodings */

static bool same_value(const kh_place *a, const kh_place *b) {
  kh_place one = *a, other = *b;
  bool is_valid = kh_place_resolve(&one);
  if (is_valid != kh_place_resolve(&other)) return false;
  if (!is_valid) return true;
  kh_kind kind = kh_field_kind(kh_place_field(&one));
  return kind == kh_field_kind(kh_place_field(&other)) && kh_values_same_valid(&one, &other, 1, kind) == 1;
}

/* How many values from the place on are one value, and which. */
static int64_t unfold_run(kh_place *place, int64_t length) {
  const kh_field *field = kh_place_field(place);
  if (field->storage != NANOARROW_TYPE_RUN_END_ENCODED) return 1;
  int64_t run = kh_run_find(place->chunk->schema->fields, place->chunk, place->field, place->at);
  length = lesser(length, kh_run_end(place->chunk, place->field, run) - place->at);
  *place = kh_place_child(place, field->first + 1, run);
  return length;
}

static int64_t same_encoded(const kh_place *a, const kh_place *b, int64_t length) {
  for (int64_t done = 0; done < length;) {
    kh_place one = moved(a, done), other = moved(b, done);
    int64_t step_a = unfold_run(&one, length - done), step_b = unfold_run(&other, length - done);
    if (!same_value(&one, &other)) return done;
    done += lesser(step_a, step_b);
  }
  return length;
}

/* ---- values of one width */

static bool both_nan(const kh_place *a, const kh_place *b, int64_t index) {
  kh_place one = moved(a, index), other = moved(b, index);
  double x = kh_place_float(&one), y = kh_place_float(&other);
  return x != x && y != y;
}

static const uint8_t *bytes_at(const kh_place *place, size_t width) {
  return (const uint8_t *)kh_place_node(place)->buffers[1] + (size_t)place->at * width;
}

/* By blocks, then within the block that differs. */
static int64_t same_width(const kh_place *a, const kh_place *b, int64_t length, size_t width, bool is_float) {
  enum { BLOCK = 512 };
  for (int64_t done = 0; done < length;) {
    kh_place one = moved(a, done), other = moved(b, done);
    const uint8_t *from = bytes_at(&one, width), *to = bytes_at(&other, width);
    int64_t step = lesser(BLOCK, length - done);
    if (width > 0 && memcmp(from, to, (size_t)step * width) != 0)
      for (size_t i = 0; i < (size_t)step; i++)
        if (memcmp(from + i * width, to + i * width, width) != 0 && !(is_float && both_nan(&one, &other, (int64_t)i)))
          return done + (int64_t)i;
    done += step;
  }
  return length;
}

static int64_t same_bits(const uint8_t *a, int64_t start_a, const uint8_t *b, int64_t start_b, int64_t length) {
  for (int64_t done = 0; done < length; done += 64) {
    int64_t step = lesser(64, length - done);
    uint64_t differ = kh_bits_load(a, start_a + done, step) ^ kh_bits_load(b, start_b + done, step);
    if (differ != 0) return done + __builtin_ctzll(differ);
  }
  return length;
}

/* Numbers of one kind but two widths. */
static bool same_number(const kh_place *a, const kh_place *b, kh_kind kind) {
  if (kind == KH_KIND_INT || kind == KH_KIND_UINT) return kh_place_int(a) == kh_place_int(b);
  if (kind == KH_KIND_FLOAT) {
    double x = kh_place_float(a), y = kh_place_float(b);
    return (x != x && y != y) || memcmp(&x, &y, sizeof x) == 0;
  }
  if (kind != KH_KIND_DECIMAL) return false;
  uint64_t one[4], other[4];
  kh_place_decimal(a, one);
  kh_place_decimal(b, other);
  return memcmp(one, other, sizeof one) == 0;
}

static int64_t same_numbers(const kh_place *a, const kh_place *b, int64_t length, kh_kind kind) {
  const kh_field *one = kh_place_field(a), *other = kh_place_field(b);
  if (one->storage == other->storage)
    return same_width(a, b, length, (size_t)one->layout.element_size_bits[1] / 8, kind == KH_KIND_FLOAT);
  for (int64_t i = 0; i < length; i++) {
    kh_place x = moved(a, i), y = moved(b, i);
    if (!same_number(&x, &y, kind)) return i;
  }
  return length;
}

/* ---- bytes, lists, structs, unions */

static int64_t same_bytes(const kh_place *a, const kh_place *b, int64_t length) {
  for (int64_t i = 0; i < length; i++) {
    kh_place one = moved(a, i), other = moved(b, i);
    if (!kh_slice_equal(kh_place_bytes(&one), kh_place_bytes(&other))) return i;
  }
  return length;
}

static int64_t same_lists(const kh_place *a, const kh_place *b, int64_t length) {
  for (int64_t i = 0; i < length; i++) {
    kh_place one = moved(a, i), other = moved(b, i);
    kh_range of_one = kh_place_items(&one), of_other = kh_place_items(&other);
    if (of_one.length != of_other.length) return i;
    one = (kh_place){a->chunk, kh_place_field(a)->first, of_one.start};
    other = (kh_place){b->chunk, kh_place_field(b)->first, of_other.start};
    if (kh_values_same(&one, &other, of_one.length) < of_one.length) return i;
  }
  return length;
}

static int64_t same_structs(const kh_place *a, const kh_place *b, int64_t length) {
  const kh_field *one = kh_place_field(a), *other = kh_place_field(b);
  if (one->arrow.n_children != other->arrow.n_children) return 0;
  for (uint32_t child = 0; child < one->arrow.n_children && length > 0; child++) {
    kh_place of_one = kh_place_child(a, one->first + child, a->at);
    kh_place of_other = kh_place_child(b, other->first + child, b->at);
    length = kh_values_same(&of_one, &of_other, length);
  }
  return length;
}

static int64_t same_unions(const kh_place *a, const kh_place *b, int64_t length) {
  for (int64_t i = 0; i < length; i++) {
    kh_place one = moved(a, i), other = moved(b, i);
    if (kh_place_type_id(&one) != kh_place_type_id(&other)) return i;
    one = kh_place_union(&one);
    other = kh_place_union(&other);
    if (kh_values_same(&one, &other, 1) == 0) return i;
  }
  return length;
}

int64_t kh_values_same_valid(const kh_place *a, const kh_place *b, int64_t length, kh_kind kind) {
  switch (kind) {
    case KH_KIND_BOOL:
      return same_bits(kh_place_node(a)->buffers[1], a->at, kh_place_node(b)->buffers[1], b->at, length);
    case KH_KIND_BYTES: return same_bytes(a, b, length);
    case KH_KIND_LIST: return same_lists(a, b, length);
    case KH_KIND_STRUCT: return same_structs(a, b, length);
    case KH_KIND_UNION: return same_unions(a, b, length);
    default: return same_numbers(a, b, length, kind);
  }
}

/* ---- nulls */

/* How many values are valid, or null, like the first. */
static int64_t stretch(const uint8_t *validity, int64_t at, int64_t length, bool *is_valid) {
  *is_valid = validity == NULL || kh_bit_get(validity, at);
  if (validity == NULL) return length;
  uint64_t flip = *is_valid ? UINT64_MAX : 0;
  for (int64_t done = 0; done < length; done += 64) {
    int64_t step = lesser(64, length - done);
    uint64_t differ = kh_bits_load(validity, at + done, step) ^ flip;
    if (step < 64) differ &= (UINT64_C(1) << step) - 1;
    if (differ != 0) return done + __builtin_ctzll(differ);
  }
  return length;
}

/* Recursion is as deep as the schema, which is limited. */
int64_t kh_values_same(const kh_place *a, const kh_place *b, int64_t length) {
  const kh_field *one = kh_place_field(a), *other = kh_place_field(b);
  kh_kind kind = kh_field_kind(one);
  if (kind == KH_KIND_NULL && kh_field_kind(other) == KH_KIND_NULL) return length;
  if (kind >= KH_KIND_DICTIONARY || kind == KH_KIND_NULL || kind != kh_field_kind(other))
    return same_encoded(a, b, length);
  const uint8_t *nulls_a = kh_node_validity(one, kh_place_node(a)),
                *nulls_b = kh_node_validity(other, kh_place_node(b));
  for (int64_t done = 0; done < length;) {
    kh_place from_a = moved(a, done), from_b = moved(b, done);
    bool valid_a, valid_b;
    int64_t step = stretch(nulls_a, from_a.at, length - done, &valid_a);
    step = stretch(nulls_b, from_b.at, step, &valid_b);
    if (valid_a != valid_b) return done;
    int64_t same = valid_a ? kh_values_same_valid(&from_a, &from_b, step, kind) : step;
    done += same;
    if (same < step) return done;
  }
  return length;
}
