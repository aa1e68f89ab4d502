#include "value_set.h"

#include "equal.h"
#include "hash.h"

bool kh_value_set_init(kh_value_set *set, const kh_field *fields, uint32_t field, int64_t most) {
  size_t slots = 4;
  while (slots < 2 * (uint64_t)most) slots *= 2;
  *set = (kh_value_set){.field = field, .slot_mask = slots - 1, .most = most};
  set->are_bytes = kh_field_kind(&fields[field]) == KH_KIND_BYTES;
  set->values = kh_alloc_array((size_t)most, sizeof *set->values);
  set->hashes = kh_alloc_array((size_t)most, sizeof *set->hashes);
  set->slots = kh_alloc_zero_array(slots, sizeof *set->slots);
  return set->values != NULL && set->hashes != NULL && set->slots != NULL;
}

void kh_value_set_fini(kh_value_set *set) {
  kh_free(set->values);
  kh_free(set->hashes);
  kh_free(set->slots);
}

static bool is_same(const kh_value_set *set, const kh_place *value, const kh_place *other) {
  bool are_bytes = set->are_bytes && kh_place_node(value)->null_count == 0 && kh_place_node(other)->null_count == 0;
  if (are_bytes) return kh_slice_equal(kh_place_bytes(value), kh_place_bytes(other));
  return kh_values_same(value, other, 1) == 1;
}

int64_t kh_value_set_add(kh_value_set *set, const kh_place *value, uint64_t hash) {
  uint64_t slot = hash & set->slot_mask;
  for (; set->slots[slot] != 0; slot = (slot + 1) & set->slot_mask) {
    int64_t known = set->slots[slot] - 1;
    kh_place other = {set->values[known].chunk, set->field, set->values[known].start};
    if (set->hashes[known] == hash && is_same(set, value, &other)) return known;
  }
  KH_ASSERT(set->count < set->most);
  set->values[set->count] = (kh_span){value->chunk, value->at, 1};
  set->hashes[set->count] = hash;
  set->slots[slot] = set->count + 1;
  return set->count++;
}

void kh_value_set_add_all(kh_value_set *set, const kh_place *first, int64_t length, int64_t *places) {
  enum { BLOCK = 64 };
  uint64_t hashes[BLOCK];
  kh_place value = *first;
  for (int64_t done = 0; done < length; done += BLOCK) {
    int64_t step = length - done < BLOCK ? length - done : BLOCK;
    kh_values_hash(&value, step, 0, hashes);
    for (int64_t i = 0; i < step; i++, value.at++) places[done + i] = kh_value_set_add(set, &value, hashes[i]);
  }
}
