/* equal: whether values are the same, and what differs first.
 *
 * The same are values that a reader cannot tell apart, whatever the encoding: chunks, offsets, bitmaps, views,
 * dictionaries, runs, what stands under nulls. Of floats all NaN are one value, as no arithmetic tells them apart; 0.0
 * and -0.0 are two, as a round trip must not lose a sign. Keys (compare.h) are not as strict. */
#ifndef KH_ARROW_EQUAL_H
#define KH_ARROW_EQUAL_H

#include "value.h"

/* How many of the `length` values from `a` and from `b` on are the same before the first two that are not. */
int64_t kh_values_same(const kh_place *a, const kh_place *b, int64_t length);
/* The same of values that are not null, of one kind that is no encoding. */
int64_t kh_values_same_valid(const kh_place *a, const kh_place *b, int64_t length, kh_kind kind);

#endif
