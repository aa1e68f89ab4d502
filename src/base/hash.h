/* hash: XXH3 of byte keys (https://github.com/Cyan4973/xxHash), seeded so that hash tables cannot be flooded by keys
 * chosen beforehand. */
#ifndef KH_BASE_HASH_H
#define KH_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "khonsu.h"

static inline uint64_t kh_hash_bytes(khonsu_slice bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

#endif
