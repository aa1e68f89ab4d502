/* index: maps from byte keys to 64-bit words, and their façade. One writer, wait-free readers inside an epoch.
 *
 * An index keeps no keys: a word leads its owner to the key (a pointer to a record, a place in a file), and the owner
 * says through a kh_key_source how to compare and hash the key behind a word. Words use the low 48 bits and are not 0.
 *
 * Guarantees, for the hash (points); the ordered map (scans) gives the same ones
 *   1. find is wait-free, inside the epoch: it takes no lock, never waits for the writer and ends after a bounded
 *      number of steps, whatever the writer does meanwhile.
 *   2. A key that is in the index during the whole of a find is found; one that is absent during the whole of it is
 *      not.
 *   3. The writer's insert touches a bounded part of the index: growth never copies the whole (segments split one by
 *      one, as in Fagin et al., "Extendible hashing", 1979).
 *   4. A failed insert (NO_MEMORY) changes nothing.
 * Memory that readers may still see is retired to the epoch given at init.
 */
#ifndef KH_INDEX_H
#define KH_INDEX_H

#include "base/base.h"

typedef struct kh_key_source {
  /* Whether the key behind `word` is `key`. */
  bool (*equal)(void *ctx, uint64_t word, khonsu_slice key);
  /* The hash the key behind `word` was inserted with. */
  uint64_t (*hash)(void *ctx, uint64_t word);
  void *ctx;
} kh_key_source;

#include "hash_map.h"
#include "ordered_map.h"

#endif
