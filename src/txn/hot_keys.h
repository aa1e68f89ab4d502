/* hot_keys: the keys that transactions lose over most, in bounded memory. After Metwally, Agrawal, El Abbadi, "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams" (2005), "Space-Saving": a key that is not followed takes the
 * place of the one with the least count, and inherits that count as its uncertainty. */
#ifndef KH_TXN_HOT_KEYS_H
#define KH_TXN_HOT_KEYS_H

#include "base/base.h"
#include "os/os.h"

enum { KH_HOT_KEYS = 64 };

typedef struct kh_hot_key {
  kh_buffer key;
  uint64_t hash, count, uncertain;
} kh_hot_key;

typedef struct kh_hot_keys {
  kh_lock lock; /* one seat counts, anyone asks */
  kh_hot_key keys[KH_HOT_KEYS];
  size_t used;
} kh_hot_keys;

void kh_hot_keys_fini(kh_hot_keys *hot);
/* One more conflict over the key. Without memory for a new key it is not counted. */
void kh_hot_keys_count(kh_hot_keys *hot, khonsu_slice key);
/* The most frequent, most first; at most `room`. Keys are copied: the caller's to release. NO_MEMORY: none are. */
KHONSU_MUST_USE khonsu_status kh_hot_keys_read(kh_hot_keys *hot, khonsu_hot_key *keys, size_t room, size_t *count);

#endif
