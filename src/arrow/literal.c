/* literal: where a literal lies among the values of a type. */
#include <math.h>

#include "compare.h"
#include "predicate.h"

/* ---- integers, and what is stored as integers */

static kh_scalar scalar_of_int(int64_t value) { return (kh_scalar){KH_SCALAR_INT, {.integer = value}}; }
static kh_scalar scalar_of_uint(uint64_t value) { return (kh_scalar){KH_SCALAR_UINT, {.natural = value}}; }

static void widen(const kh_scalar *scalar, uint64_t limbs[4]) {
  if (scalar->kind == KH_SCALAR_DECIMAL) {
    memcpy(limbs, scalar->decimal, 4 * sizeof *limbs);
    return;
  }
  bool is_negative = scalar->kind == KH_SCALAR_INT && scalar->integer < 0;
  memset(limbs, is_negative ? 0xff : 0, 4 * sizeof *limbs);
  limbs[0] = scalar->natural;
}

static kh_scalar narrow(const kh_exact *exact, const kh_scalar *like) {
  kh_scalar scalar = {.kind = like->kind};
  if (like->kind == KH_SCALAR_DECIMAL) memcpy(scalar.decimal, exact->limbs, sizeof scalar.decimal);
  else scalar.natural = exact->limbs[0];
  return scalar;
}

static void fit_exact(const kh_exact *exact, kh_fit *fit) {
  uint64_t least[4], most[4];
  widen(&fit->least, least);
  widen(&fit->most, most);
  if (exact->overflow < 0 || (exact->overflow == 0 && kh_decimals_compare(exact->limbs, least) < 0)) {
    fit->is_below = true;
  } else if (exact->overflow > 0 || kh_decimals_compare(exact->limbs, most) > 0) {
    fit->floor = fit->most;
  } else {
    fit->floor = narrow(exact, &fit->least);
    fit->is_exact = exact->is_exact;
  }
}

/* Of the width they are stored in. */
static void set_bounds(const kh_field *field, kh_fit *fit) {
  int64_t bits = field->layout.element_size_bits[1];
  if (kh_field_kind(field) == KH_KIND_BOOL) {
    fit->least = scalar_of_int(0);
    fit->most = scalar_of_int(1);
  } else if (kh_field_kind(field) == KH_KIND_UINT) {
    fit->least = scalar_of_uint(0);
    fit->most = scalar_of_uint(UINT64_MAX >> (64 - bits));
  } else if (bits <= 64) {
    fit->least = scalar_of_int(INT64_MIN >> (64 - bits));
    fit->most = scalar_of_int(INT64_MAX >> (64 - bits));
  } else {
    fit->least.kind = fit->most.kind = KH_SCALAR_DECIMAL;
    for (int limb = 0; limb < 4; limb++) {
      int64_t below = bits - 64 * limb; /* bits of this limb and those above it */
      fit->least.decimal[limb] = below > 64 ? 0 : below == 64 ? UINT64_C(1) << 63 : UINT64_MAX;
      fit->most.decimal[limb] = ~fit->least.decimal[limb];
    }
  }
}

static bool fit_number(const kh_literal *literal, const kh_field *field, int32_t scale, kh_fit *fit) {
  if (literal->kind != KH_LITERAL_NUMBER) return false;
  set_bounds(field, fit);
  kh_exact exact = kh_exact_of_number(literal->bytes, scale);
  fit_exact(&exact, fit);
  return true;
}

static bool fit_bool(const kh_literal *literal, const kh_field *field, kh_fit *fit) {
  if (literal->kind != KH_LITERAL_BOOL) return false;
  set_bounds(field, fit);
  fit->floor = scalar_of_int(literal->truth);
  fit->is_exact = true;
  return true;
}

static bool fit_time(const kh_literal *literal, const kh_field *field, kh_fit *fit, const char **wanted) {
  kh_exact exact;
  bool is_time = literal->kind == KH_LITERAL_TEXT;
  if (!kh_exact_of_time(is_time ? literal->bytes : kh_slice("", 0), field, &exact, wanted)) return false;
  set_bounds(field, fit);
  fit_exact(&exact, fit);
  return true;
}

/* ---- others */

static bool fit_float(const kh_literal *literal, kh_fit *fit) {
  fit->floor.kind = fit->least.kind = fit->most.kind = KH_SCALAR_FLOAT;
  fit->least.real = -(double)INFINITY;
  fit->most.real = (double)INFINITY;
  if (literal->kind != KH_LITERAL_NUMBER) return false;
  fit->no_memory = !kh_double_of_number(literal->bytes, &fit->floor.real, &fit->is_exact);
  return !fit->no_memory;
}

static bool fit_bytes(const kh_literal *literal, const kh_field *field, kh_fit *fit, const char **wanted) {
  bool is_text = kh_field_is_utf8(field);
  *wanted = is_text ? "a 'text'" : "a 'text' or x'hexadecimal digits'";
  if (literal->kind != KH_LITERAL_TEXT && (is_text || literal->kind != KH_LITERAL_BINARY)) return false;
  fit->floor = (kh_scalar){KH_SCALAR_BYTES, {.bytes = literal->bytes}};
  fit->is_exact = true;
  return true;
}

bool kh_literal_fit(const kh_literal *literal, const kh_field *field, kh_fit *fit, const char **wanted) {
  memset(fit, 0, sizeof *fit);
  *wanted = "a number";
  switch (kh_field_kind(field)) {
    case KH_KIND_NULL: return true;
    case KH_KIND_BOOL: *wanted = "true or false"; return fit_bool(literal, field, fit);
    case KH_KIND_UINT: return fit_number(literal, field, 0, fit);
    case KH_KIND_FLOAT: return fit_float(literal, fit);
    case KH_KIND_DECIMAL: return fit_number(literal, field, kh_field_parameters(field).decimal_scale, fit);
    case KH_KIND_BYTES: return fit_bytes(literal, field, fit, wanted);
    case KH_KIND_INT:
      if (field->type == field->storage && field->type != NANOARROW_TYPE_INTERVAL_MONTHS)
        return fit_number(literal, field, 0, fit);
      if (field->type != NANOARROW_TYPE_INTERVAL_MONTHS) return fit_time(literal, field, fit, wanted);
      __attribute__((fallthrough));
    default: *wanted = "nothing but null"; return false;
  }
}
