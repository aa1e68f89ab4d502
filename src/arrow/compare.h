/* compare: the order of values as keys: what rows are sorted, found and told apart by.
 *
 *   nulls first, then values; of floats NaN last, all NaN being one, and 0.0 equal to -0.0, as in SQL; bytes as bytes;
 *   lists item by item, a prefix before what it is a prefix of; structs field by field; intervals part by part, months
 *   first; unions by type id, then value
 *
 * It is a total order over the values of any one type, and equal is what it calls equal: hashes (hash.h) agree with it.
 * Equality of tables (equal.h) is stricter about zeros. Encodings and widths make no difference. */
#ifndef KH_ARROW_COMPARE_H
#define KH_ARROW_COMPARE_H

#include "value.h"

/* < 0, 0, > 0. Both are of one type, encodings, widths and signs of integers aside. */
int kh_values_compare(const kh_place *a, const kh_place *b);
int kh_floats_compare(double a, double b);
/* Limbs as kh_place_decimal gives them. */
int kh_decimals_compare(const uint64_t a[4], const uint64_t b[4]);

#endif
