/* order: the keys of a store in order. The ordered index is made when somebody scans for the first time, a piece at a
 * time, and kept from then on; who never scans pays nothing for it. */
#ifndef KH_MVCC_ORDER_H
#define KH_MVCC_ORDER_H

#include "store.h"

/* One side of a range of keys. */
typedef struct kh_limit {
  khonsu_slice key;
  bool bounded; /* false: to the first, or the last, of all keys */
  bool inclusive;
} kh_limit;

/* Whether the key is not below, not above the range that the limit is the lower, the upper side of. */
static inline bool kh_limit_above(kh_limit low, khonsu_slice key) {
  if (!low.bounded) return true;
  int order = kh_slice_compare(key, low.key);
  return order > 0 || (order == 0 && low.inclusive);
}
static inline bool kh_limit_below(kh_limit high, khonsu_slice key) {
  if (!high.bounded) return true;
  int order = kh_slice_compare(key, high.key);
  return order < 0 || (order == 0 && high.inclusive);
}

static inline bool kh_store_is_ordered(const kh_store *store) {
  return atomic_load_explicit(&store->ordered, memory_order_acquire); /* with kh_store_order */
}

/* The seat's: takes a piece of the keys into the ordered index; the last makes the store ordered. NO_MEMORY: may be
 * tried again. */
KHONSU_MUST_USE khonsu_status kh_store_order(kh_store *store);

/* Appends keys from `from` on, upwards or downwards, in order, to `keys`, and where they are to `places`; *count is how
 * many, fewer than `room` only at the end. The store is ordered. Inside the epoch, or in the seat. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_store_read_order(const kh_store *store, kh_limit from, bool reverse, kh_buffer *keys,
                                                  kh_key_place *places, size_t room, size_t *count);

/* Hashes the keys read, and has the memory fetched that finding them and looking at the first lines of their versions
 * needs, all at a time. */
void kh_store_prefetch_keys(const kh_store *store, const uint8_t *keys, const kh_key_place *places, size_t count,
                            unsigned lines, uint64_t *hashes);

#endif
