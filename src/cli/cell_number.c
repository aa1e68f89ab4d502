#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"

int64_t kh_signed_at(const struct ArrowArray *array, int buffer, int64_t row, int32_t width) {
  const void *values = array->buffers[buffer];
  switch (width) {
    case 1: return ((const int8_t *)values)[row];
    case 2: return ((const int16_t *)values)[row];
    case 4: return ((const int32_t *)values)[row];
    default: return ((const int64_t *)values)[row];
  }
}

static uint64_t unsigned_at(const struct ArrowArray *array, int64_t row, int32_t width) {
  const void *values = array->buffers[1];
  switch (width) {
    case 1: return ((const uint8_t *)values)[row];
    case 2: return ((const uint16_t *)values)[row];
    case 4: return ((const uint32_t *)values)[row];
    default: return ((const uint64_t *)values)[row];
  }
}

void kh_write_bool(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)type, (void)style;
  const uint8_t *bits = array->buffers[1];
  kh_text_add_string(text, bits[row >> 3] >> (row & 7) & 1 ? "true" : "false");
}

void kh_write_signed(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  int64_t number = kh_signed_at(array, 1, row, type->width);
  if (number < 0) kh_text_add_char(text, '-');
  kh_text_add_number(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void kh_write_unsigned(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                       kh_text *text) {
  (void)style;
  kh_text_add_number(text, unsigned_at(array, row, type->width));
}

/* ---- floating point: as few digits as read back the same */

enum { HALF_BIAS = 25, HALF_EXPONENT_MAX = 31, HALF_MANTISSA_BITS = 10 };

/* IEEE 754 binary16. */
static double half_value(uint16_t bits) {
  int exponent = bits >> HALF_MANTISSA_BITS & HALF_EXPONENT_MAX, mantissa = bits & 0x3ff;
  double size = exponent == HALF_EXPONENT_MAX ? (mantissa == 0 ? (double)INFINITY : (double)NAN)
                : exponent == 0               ? ldexp(mantissa, 1 - HALF_BIAS)
                                              : ldexp(mantissa | 0x400, exponent - HALF_BIAS);
  return bits & 0x8000 ? -size : size;
}

/* Whether the digits, read as a binary16, give `value`: they must lie nearer to it than half the step to the next. */
static bool reads_back_as_half(double read, double value) {
  int exponent;
  (void)frexp(value, &exponent);
  int step = exponent - 1 - HALF_MANTISSA_BITS;
  return fabs(read - value) < ldexp(0.5, step < 1 - HALF_BIAS ? 1 - HALF_BIAS : step);
}

static bool reads_back(const char *digits, double value, int32_t width) {
  if (width == 8) return strtod(digits, NULL) == value;
  if (width == 4) return strtof(digits, NULL) == (float)value;
  return reads_back_as_half(strtod(digits, NULL), value);
}

static void write_digits(double value, int32_t width, kh_text *text) {
  const int first = width == 8 ? 15 : width == 4 ? 6 : 1, last = width == 8 ? 17 : width == 4 ? 9 : 5;
  char digits[40];
  for (int precision = first; precision <= last; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (reads_back(digits, value, width)) break;
  }
  kh_text_add_string(text, digits);
  if (strpbrk(digits, ".en") == NULL) kh_text_add_string(text, ".0"); /* to be told from an integer */
}

static double float_at(const struct ArrowArray *array, int64_t row, int32_t width) {
  const void *values = array->buffers[1];
  if (width == 8) return ((const double *)values)[row];
  if (width == 4) return (double)((const float *)values)[row];
  return half_value(((const uint16_t *)values)[row]);
}

void kh_write_float(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  double value = float_at(array, row, type->width);
  if (isfinite(value)) {
    write_digits(value, type->width, text);
    return;
  }
  const char *quote = style == KH_STYLE_JSON ? "\"" : "";
  kh_text_addf(text, "%s%s%s", quote, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity", quote);
}

/* ---- decimals: a two's complement integer of up to 256 bits, and where its point is */

enum { LIMBS_MAX = 8, DECIMAL_DIGITS_MAX = 80 };

/* Divides a number of 32-bit limbs, least first, by ten. Returns the remainder. */
static unsigned divide_by_ten(uint32_t *limbs, int count) {
  uint64_t rest = 0;
  for (int i = count - 1; i >= 0; i--) {
    rest = rest << 32 | limbs[i];
    limbs[i] = (uint32_t)(rest / 10);
    rest %= 10;
  }
  return (unsigned)rest;
}

static bool is_zero(const uint32_t *limbs, int count) {
  for (int i = 0; i < count; i++)
    if (limbs[i] != 0) return false;
  return true;
}

static void negate(uint32_t *limbs, int count) {
  uint64_t carry = 1;
  for (int i = 0; i < count; i++) {
    carry += (uint32_t)~limbs[i];
    limbs[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

/* The digits of the number, the last first; at least `least` of them. */
static int read_digits(uint32_t *limbs, int count, int least, char digits[DECIMAL_DIGITS_MAX]) {
  int size = 0;
  while (size < DECIMAL_DIGITS_MAX && (size < least || !is_zero(limbs, count)))
    digits[size++] = (char)('0' + divide_by_ten(limbs, count));
  return size;
}

/* A scale may be any number: where the point is far from the digits, an exponent says so. */
void kh_write_decimal(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  uint32_t limbs[LIMBS_MAX];
  char digits[DECIMAL_DIGITS_MAX];
  memcpy(limbs, (const char *)array->buffers[1] + row * type->width, (size_t)type->width);
  bool is_far_off = type->digits <= -DECIMAL_DIGITS_MAX || type->digits >= DECIMAL_DIGITS_MAX;
  int scale = is_far_off ? 0 : type->digits, count = type->width / 4, behind = scale > 0 ? scale : 0;
  bool negative = limbs[count - 1] >> 31;
  if (negative) negate(limbs, count);
  bool nothing = is_zero(limbs, count);
  int size = read_digits(limbs, count, behind + 1, digits);
  if (negative) kh_text_add_char(text, '-');
  while (size > 0) {
    if (size == behind) kh_text_add_char(text, '.');
    kh_text_add_char(text, digits[--size]);
  }
  for (int i = scale; i < 0 && !nothing; i++) kh_text_add_char(text, '0');
  if (is_far_off) kh_text_addf(text, "e%lld", -(long long)type->digits);
}
