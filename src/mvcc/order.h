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

/* Finds the newest versions of keys that were read, one after the other. Waits for memory overlap with each other and with
 * what the caller does: keys are hashed, and the slots of the hash index asked for, two groups ahead of the one that is
 * being looked at; the versions, one group ahead. */
enum { KH_LOOKUP_MOST = 256, KH_LOOKUP_GROUP = 8 };

typedef struct kh_lookup {
  const kh_store *store;
  const uint8_t *keys;
  const kh_key_place *places;
  size_t count; /* at most KH_LOOKUP_MOST */
  bool values;  /* the caller will look at values too */
  size_t hashed, guessed;
  uint64_t hashes[KH_LOOKUP_MOST], words[KH_LOOKUP_MOST]; /* words: where the versions most likely are */
  uintptr_t entries[KH_LOOKUP_MOST];
} kh_lookup;

/* Inside the epoch, or in the seat; so are the calls that follow. Keys and places stay until the last. */
void kh_lookup_begin(kh_lookup *lookup, const kh_store *store, const uint8_t *keys, const kh_key_place *places,
                     size_t count, bool values);
/* The newest version of key `index`, or NULL. To be called for 0, 1, 2, ... */
static inline kh_version *kh_lookup_next(kh_lookup *lookup, size_t index);

/* ---- within the room */
void kh_lookup_advance(kh_lookup *lookup);

static inline kh_version *kh_lookup_next(kh_lookup *lookup, size_t index) {
  if (index % KH_LOOKUP_GROUP == 0) kh_lookup_advance(lookup);
  uint64_t word = lookup->words[index];
  if (word == 0) return NULL;
  khonsu_slice key = kh_key_at(lookup->keys, lookup->places[index]);
  if (KH_LIKELY(kh_store_word_has_key(NULL, word, key))) return kh_word_version(word);
  return kh_store_find(lookup->store, key, lookup->hashes[index]);
}

#endif
