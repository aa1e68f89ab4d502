/* read: what reads have in common. Callers are in the epoch. */
#ifndef FKV_READ_H
#define FKV_READ_H

#include "store.h"

/* As of when: a sequence, UINT64_MAX for the newest; and the time by which expiry is judged, 0 for
 * that of the sequence. */
typedef struct fkv_moment {
  uint64_t sequence, clock_ms;
} fkv_moment;

/* Whether a record is a value that has not expired. */
bool fkv_record_is_seen(flashkv *store, const uint8_t *record, const fkv_moment *moment);

/* The time by which expiry is judged at a sequence, milliseconds since 1970: that of its commit, as far as it is known. */
uint64_t fkv_clock_at(flashkv *store, uint64_t sequence);

/* The value of the record at `word`, pinned. NOT_FOUND, without a text: it is a deletion, or has expired. */
KHONSU_MUST_USE khonsu_status fkv_read_word(flashkv *store, uint64_t word, const fkv_moment *moment, unsigned shard,
                                            flashkv_value *value, khonsu_error *error);

/* As flashkv_exists; not in the epoch. */
KHONSU_MUST_USE khonsu_status fkv_exists(flashkv *store, khonsu_slice key, khonsu_error *error);

/* The word of the newest record of `key` that is not newer than `sequence`; 0: there is none. CORRUPT, IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_word_as_of(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t sequence,
                                             uint64_t *word, khonsu_error *error);

#endif
