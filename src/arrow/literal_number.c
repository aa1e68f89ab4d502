/* literal_number: the characters of a number as a number, exact as far as it goes. */
#include <locale.h>
#include <stdlib.h>

#include "compare.h"
#include "predicate.h"

/* ---- 256 bits, least significant limb first */

/* limbs * 10 + digit. False: it needs more than 255 bits; the limbs are spoilt then. */
static bool shift_in(uint64_t limbs[4], unsigned digit) {
  unsigned __int128 carry = digit;
  for (int limb = 0; limb < 4; limb++) {
    carry += (unsigned __int128)limbs[limb] * 10;
    limbs[limb] = (uint64_t)carry;
    carry >>= 64;
  }
  return carry == 0 && limbs[3] >> 63 == 0;
}

/* Two's complement: ~limbs + more. */
static void complement(uint64_t limbs[4], uint64_t more) {
  for (int limb = 0; limb < 4; limb++) {
    limbs[limb] = ~limbs[limb] + more;
    more = more != 0 && limbs[limb] == 0;
  }
}

static bool is_zero(const uint64_t limbs[4]) { return (limbs[0] | limbs[1] | limbs[2] | limbs[3]) == 0; }

kh_exact kh_exact_of_int(__int128 value, bool is_exact) {
  uint64_t sign = value < 0 ? UINT64_MAX : 0;
  return (kh_exact){{(uint64_t)value, (uint64_t)(value >> 64), sign, sign}, is_exact, 0};
}

/* ---- the characters */

typedef struct number {
  const char *digits, *end; /* digits with at most one point among them */
  int64_t before_point;     /* digits, the exponent counted in */
  bool is_negative, is_integer;
} number;

/* More than this moves any digit out of sight: exponents are cut here. */
enum { EXPONENT_MAX = 1000000000 };

static int64_t read_exponent(const char *at, const char *end) {
  bool is_negative = *at == '-';
  int64_t exponent = 0;
  for (at += *at == '-' || *at == '+'; at < end; at++)
    if (exponent < EXPONENT_MAX) exponent = 10 * exponent + (*at - '0');
  return is_negative ? -exponent : exponent;
}

static number read_number(khonsu_slice text) {
  const char *at = text.data, *end = at + text.size;
  number read = {.is_negative = *at == '-', .is_integer = true};
  at += *at == '-' || *at == '+';
  read.digits = at;
  for (bool in_fraction = false; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') in_fraction = true;
    else read.before_point += !in_fraction;
    read.is_integer &= !in_fraction;
  }
  read.end = at;
  if (at == end) return read;
  read.is_integer = false;
  read.before_point += read_exponent(at + 1, end);
  return read;
}

kh_exact kh_exact_of_number(khonsu_slice text, int32_t scale) {
  number read = read_number(text);
  kh_exact exact = {.is_exact = true};
  int64_t whole = read.before_point + scale, place = 0;
  bool fits = true;
  for (const char *at = read.digits; at < read.end && fits; at++) {
    if (*at == '.') continue;
    if (place++ < whole) fits = shift_in(exact.limbs, (unsigned)(*at - '0'));
    else exact.is_exact &= *at == '0';
  }
  for (; fits && place < whole && !is_zero(exact.limbs); place++) fits = shift_in(exact.limbs, 0);
  if (!fits) exact.overflow = read.is_negative ? -1 : 1;
  else if (read.is_negative) complement(exact.limbs, exact.is_exact); /* -x, or for the floor -x - 1 */
  return exact;
}

/* ---- floating point */

/* The number that the C library reads, which takes the point for that of the locale. */
static bool nearest_double(khonsu_slice text, double *nearest) {
  const char *point = localeconv()->decimal_point;
  size_t point_size = strlen(point), size = 0;
  char few[64], *copy = few;
  if (text.size + point_size + 1 > sizeof few) copy = kh_alloc(text.size + point_size + 1);
  if (copy == NULL) return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = ((const char *)text.data)[i];
    if (c == '.') memcpy(copy + size, point, point_size);
    else copy[size] = c;
    size += c == '.' ? point_size : 1;
  }
  copy[size] = '\0';
  *nearest = strtod(copy, NULL);
  if (copy != few) kh_free(copy);
  return true;
}

/* A whole number from 2^53 up to 2^254: 53 bits, moved up by what is left of the exponent. */
static void limbs_of_double(double value, uint64_t limbs[4]) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint64_t fraction = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  int shift = (int)(bits >> 52 & 0x7ff) - 1075, limb = shift / 64, rest = shift % 64;
  memset(limbs, 0, 4 * sizeof *limbs);
  limbs[limb] = fraction << rest;
  if (rest > 11 && limb < 3) limbs[limb + 1] = fraction >> (64 - rest);
  if (value < 0) complement(limbs, 1);
}

/* Written as an integer it means exactly that; with a point or an exponent, the nearest double, as in C. */
bool kh_double_of_number(khonsu_slice text, double *floor, bool *is_exact) {
  static const double exact_below = 9007199254740992.0, known_below = 0x1p254;
  if (!nearest_double(text, floor)) return false;
  *is_exact = true;
  double magnitude = *floor < 0 ? -*floor : *floor;
  if (!read_number(text).is_integer || magnitude < exact_below || magnitude >= known_below) return true;
  kh_exact wanted = kh_exact_of_number(text, 0);
  uint64_t limbs[4];
  limbs_of_double(*floor, limbs);
  int order = kh_decimals_compare(limbs, wanted.limbs);
  *is_exact = order == 0;
  if (order > 0) *floor = kh_double_step(*floor, false);
  return true;
}
