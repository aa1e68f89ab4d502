/* hash: 64-bit hashes of values. Equal keys (compare.h) have equal hashes whatever their encoding: of integers of any
 * width, of floats, of bytes between offsets, in views, of fixed size or in dictionaries, of lists of any layout. All
 * NaN are one value, and so are 0.0 and -0.0. A null is a value. Hashes are good for tables in memory, with a seed that
 * nobody outside knows; they may change from version to version and are never stored. */
#ifndef KH_ARROW_HASH_H
#define KH_ARROW_HASH_H

#include "value.h"

/* Of `length` values from the place on. */
void kh_values_hash(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes);

/* As kh_chunk_hash_rows, of `length` rows from `from` on. A column's dictionary is hashed in each call, if it has no more
 * values than that. */
void kh_chunk_hash_range(const kh_chunk *chunk, const uint32_t *columns, size_t count, uint64_t seed, int64_t from,
                         int64_t length, uint64_t *hashes);

/* Multiplies to 128 bits and folds: after Wang Yi, "wyhash". */
static inline uint64_t kh_hash_fold(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t kh_hash_word(uint64_t word, uint64_t seed) {
  return kh_hash_fold(word ^ seed ^ UINT64_C(0x2d358dccaa6c78a5), UINT64_C(0x9e3779b97f4a7c15));
}

/* Of a row so far, and its next value. */
static inline uint64_t kh_hash_combine(uint64_t hash, uint64_t value) {
  return kh_hash_fold(hash + UINT64_C(0x8bb84b93962eacc9), value ^ UINT64_C(0x4b33a62ed433d4a3));
}

static inline uint64_t kh_hash_null(uint64_t seed) { return kh_hash_word(UINT64_C(0x4d5a2da51de1aa47), ~seed); }

#endif
