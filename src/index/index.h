/* index: maps from byte keys to 64-bit words, sets of keys in order, and their façade. One writer, wait-free readers
 * inside an epoch.
 *
 *   hash_map      points: the word of a key
 *   hash_image    a hash map as bytes, and back, without a look at each word
 *   ordered_map   scans: the keys from a key on, up or down; or both, with a word for each key
 *   skip_list     both, in another way
 *
 * The hash map keeps no keys: a word leads its owner to the key (a pointer to a record, a place in a file), and the owner
 * says through a source how to get from one to the other. Words use the low 48 bits and are not 0. The ordered map keeps
 * keys and, as a rule, nothing else: it does not change when what is behind a key does, and reading it looks at nothing
 * outside it; who needs what is behind the keys finds it by the hash map. One with words is an index by itself, as is a
 * skip list. docs/index.md has what was measured.
 *
 * Guarantees
 *   1. find and read are wait-free, inside the epoch: they take no lock, never wait for the writer and end after a
 *      bounded number of steps, whatever the writer does meanwhile. (A read may have to allocate memory for the keys. In
 *      a skip list, a key that is inserted meanwhile may cost a step more.)
 *   2. A key that is in the index during the whole of a find is found; one that is absent during the whole of it is
 *      not. A read does the same for each key between its beginning and the last one it returns, or the end; what it
 *      returns is strictly in order.
 *   3. The writer's insert touches a bounded part of the index: growth never copies the whole (segments split one by
 *      one, as in Fagin et al., "Extendible hashing", 1979; so do the nodes of a tree).
 *   4. A failed insert (NO_MEMORY) changes nothing. Taking out and replacing cannot fail (in a hash map that stands on
 *      an image, once that was prepared).
 * Memory that readers may still see is retired to the epoch given at init.
 */
#ifndef KH_INDEX_H
#define KH_INDEX_H

#include "base/base.h"

#define KH_WORD_LIMIT (UINT64_C(1) << 48)

typedef struct kh_key_source {
  /* Whether the key behind `word` is `key`. */
  bool (*equal)(void *ctx, uint64_t word, khonsu_slice key);
  /* The hash the key behind `word` was inserted with. */
  uint64_t (*hash)(void *ctx, uint64_t word);
  void *ctx;
  /* Has fetched what `hash` will look at. NULL: there is no need. */
  void (*prefetch)(void *ctx, uint64_t word);
} kh_key_source;

#include "hash_map.h"

#include "hash_image.h"
#include "ordered_map.h"
#include "skip_list.h"

#endif
