/* value_set: values of one field of any chunks, each once, in the order in which they came; found by their hashes. Two
 * are one if they are the same (equal.h). */
#ifndef KH_ARROW_VALUE_SET_H
#define KH_ARROW_VALUE_SET_H

#include "concat.h"
#include "value.h"

typedef struct kh_value_set {
  uint32_t field;
  kh_span *values;    /* single ones */
  uint64_t *hashes;   /* of these */
  int64_t *slots;     /* of a hash table: a place among them, and one more; 0 = free */
  uint64_t slot_mask; /* there are twice as many slots as values, or more */
  int64_t count, most;
  bool are_bytes;
} kh_value_set;

/* An empty one, for at most `most` values. False: out of memory; kh_value_set_fini frees either way. */
bool kh_value_set_init(kh_value_set *set, const kh_field *fields, uint32_t field, int64_t most);
void kh_value_set_fini(kh_value_set *set);

/* The value's place in the set, which it takes if it is new. `hash` is kh_values_hash's, of seed 0. */
int64_t kh_value_set_add(kh_value_set *set, const kh_place *value, uint64_t hash);
/* The same of `length` values from the place on: places[i] is that of value i. */
void kh_value_set_add_all(kh_value_set *set, const kh_place *first, int64_t length, int64_t *places);

#endif
