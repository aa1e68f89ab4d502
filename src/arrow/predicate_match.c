/* predicate_match: which values are in an interval, by type. Values are looked at 64 at a time: a byte for each says
 * whether it is in, which compilers make wide instructions of, and eight bytes become a byte of the bitmap at once. */
#include "compare.h"
#include "predicate.h"

enum { INTERVALS_FEW = 16 }; /* more cost more than a search among them does */

/* Eight bytes that are 0 or 1 become eight bits: each moves to its own place of the highest byte. */
static uint64_t pack(const uint8_t flags[64]) {
  uint64_t word = 0;
  for (int i = 0; i < 8; i++) word |= (kh_load_8(flags + 8 * i) * UINT64_C(0x0102040810204080)) >> 56 << (8 * i);
  return word;
}

static inline int64_t block_size(int64_t done, int64_t length) { return length - done < 64 ? length - done : 64; }

/* Of integers with and without sign alike: counted from the low end, what is below it wraps to the top. */
#define MATCH_INTEGERS(name, type)                                                                                     \
  static void name(const void *buffer, int64_t at, int64_t length, uint64_t low, uint64_t high, uint64_t *bits) {      \
    typedef type __attribute__((aligned(1), may_alias)) any;                                                           \
    const any *from = (const any *)buffer + at;                                                                        \
    const type first = (type)low, span = (type)(high - low);                                                           \
    for (int64_t done = 0; done < length; done += 64) {                                                                \
      uint8_t flags[64] = {0};                                                                                         \
      if (length - done >= 64)                                                                                         \
        for (int i = 0; i < 64; i++) flags[i] = (type)(from[done + i] - first) <= span;                                \
      else                                                                                                             \
        for (int i = 0; i < length - done; i++) flags[i] = (type)(from[done + i] - first) <= span;                     \
      *bits++ |= pack(flags);                                                                                          \
    }                                                                                                                  \
  }

MATCH_INTEGERS(match_1, uint8_t)
MATCH_INTEGERS(match_2, uint16_t)
MATCH_INTEGERS(match_4, uint32_t)
MATCH_INTEGERS(match_8, uint64_t)

/* NaN is in no interval. */
#define MATCH_FLOATS(name, type)                                                                                       \
  static void name(const void *buffer, int64_t at, int64_t length, double low, double high, uint64_t *bits) {          \
    typedef type __attribute__((aligned(1), may_alias)) any;                                                           \
    const any *from = (const any *)buffer + at;                                                                        \
    for (int64_t done = 0; done < length; done += 64) {                                                                \
      uint8_t flags[64] = {0};                                                                                         \
      if (length - done >= 64)                                                                                         \
        for (int i = 0; i < 64; i++) flags[i] = ((double)from[done + i] >= low) & ((double)from[done + i] <= high);    \
      else                                                                                                             \
        for (int i = 0; i < length - done; i++)                                                                        \
          flags[i] = ((double)from[done + i] >= low) & ((double)from[done + i] <= high);                               \
      *bits++ |= pack(flags);                                                                                          \
    }                                                                                                                  \
  }

MATCH_FLOATS(match_float, float)
MATCH_FLOATS(match_double, double)

static void match_bools(const kh_place *first, int64_t length, int64_t low, int64_t high, uint64_t *bits) {
  const uint8_t *values = kh_place_node(first)->buffers[1];
  for (int64_t done = 0; done < length; done += 64) {
    uint64_t word = kh_bits_load(values, first->at + done, block_size(done, length));
    *bits++ |= low != high ? UINT64_MAX : low == 1 ? word : ~word;
  }
}

/* ---- one by one */

/* Of the kind of a bound. Decimals of up to 64 bits are tested as integers. */
static kh_scalar scalar_like(const kh_scalar *bound, const kh_place *value) {
  kh_scalar scalar = {.kind = bound->kind};
  kh_kind kind = kh_field_kind(kh_place_field(value));
  if (kind == KH_KIND_DECIMAL) kh_place_decimal(value, scalar.decimal);
  else if (kind == KH_KIND_FLOAT) scalar.real = kh_place_float(value);
  else if (kind == KH_KIND_BYTES) scalar.bytes = kh_place_bytes(value);
  else scalar.integer = kh_place_int(value);
  if (kind == KH_KIND_DECIMAL && bound->kind == KH_SCALAR_INT) scalar.integer = (int64_t)scalar.decimal[0];
  return scalar;
}

static bool is_in(const kh_interval *interval, const kh_place *value) {
  bool has_low = interval->low.kind != KH_SCALAR_NONE;
  kh_scalar scalar = scalar_like(has_low ? &interval->low : &interval->high, value);
  if (scalar.kind == KH_SCALAR_FLOAT && scalar.real != scalar.real) return false;
  if (has_low) {
    int order = kh_scalar_compare(&scalar, &interval->low);
    if (order < 0 || (order == 0 && interval->above_low)) return false;
  }
  if (interval->high.kind == KH_SCALAR_NONE) return true;
  int order = kh_scalar_compare(&scalar, &interval->high);
  return order < 0 || (order == 0 && !interval->below_high);
}

static bool is_point(const kh_interval *points, size_t count, const kh_place *value) {
  kh_scalar scalar = scalar_like(&points->low, value);
  for (size_t from = 0; from < count;) {
    size_t middle = from + (count - from) / 2;
    int order = kh_scalar_compare(&scalar, &points[middle].low);
    if (order == 0) return true;
    if (order > 0) from = middle + 1;
    else count = middle;
  }
  return false;
}

/* Bytes that are null may be anything: the offsets, at least, are in order, and views are not looked at. */
static void match_each(const kh_interval *intervals, size_t count, const kh_place *first, int64_t length,
                       uint64_t *bits) {
  const uint8_t *validity = kh_node_validity(kh_place_field(first), kh_place_node(first));
  kh_place value = *first;
  for (int64_t i = 0; i < length; i++, value.at++) {
    if (validity != NULL && !kh_bit_get(validity, value.at)) continue;
    if (count == 1 ? is_in(intervals, &value) : is_point(intervals, count, &value))
      bits[i / 64] |= UINT64_C(1) << (i % 64);
  }
}

static void match_interval(const kh_interval *interval, const kh_place *first, int64_t length, uint64_t *bits) {
  const kh_field *field = kh_place_field(first);
  const void *buffer = kh_place_node(first)->buffers[1];
  uint64_t low = interval->low.natural, high = interval->high.natural;
  if (field->storage == NANOARROW_TYPE_BOOL) {
    match_bools(first, length, interval->low.integer, interval->high.integer, bits);
  } else if (field->storage == NANOARROW_TYPE_DOUBLE) {
    match_double(buffer, first->at, length, interval->low.real, interval->high.real, bits);
  } else if (field->storage == NANOARROW_TYPE_FLOAT) {
    match_float(buffer, first->at, length, interval->low.real, interval->high.real, bits);
  } else if (interval->low.kind == KH_SCALAR_INT || interval->low.kind == KH_SCALAR_UINT) {
    switch (field->layout.element_size_bits[1]) {
      case 8: match_1(buffer, first->at, length, low, high, bits); return;
      case 16: match_2(buffer, first->at, length, low, high, bits); return;
      case 32: match_4(buffer, first->at, length, low, high, bits); return;
      default: match_8(buffer, first->at, length, low, high, bits); return;
    }
  } else {
    match_each(interval, 1, first, length, bits);
  }
}

/* Each value is looked at once for each of a few intervals, all of them at once where they are many points. */
void kh_intervals_match(const kh_interval *intervals, size_t count, const kh_place *first, int64_t length,
                        uint64_t *bits) {
  bool is_quick = kh_field_kind(kh_place_field(first)) != KH_KIND_BYTES;
  if (count > (is_quick ? INTERVALS_FEW : 1)) {
    match_each(intervals, count, first, length, bits);
    return;
  }
  for (size_t i = 0; i < count; i++) match_interval(&intervals[i], first, length, bits);
}
