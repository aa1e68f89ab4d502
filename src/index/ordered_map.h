/* ordered_map: the index for scans, a set of keys, or a map from keys to words; see index.h for what it guarantees and ordered_map.c for how. */
#ifndef KH_INDEX_ORDERED_MAP_H
#define KH_INDEX_ORDERED_MAP_H

#include "base/base.h"

enum { KH_KEY_MAX = 65536 }; /* bytes of a key */

struct kh_ordered_node;

typedef struct kh_ordered_map {
  _Alignas(KH_CACHE_LINE) _Atomic(struct kh_ordered_node *) root;
  kh_epoch *epoch;
  _Alignas(KH_CACHE_LINE) uint64_t count; /* keys; this and below are the writer's, on a line readers do not need */
  size_t memory;
} kh_ordered_map;

/* Where a key that was read is in the buffer. */
typedef struct kh_key_place {
  size_t at, size;
} kh_key_place;

static inline khonsu_slice kh_key_at(const uint8_t *keys, kh_key_place place) {
  return kh_slice(keys + place.at, place.size);
}

/* Creates an empty map, of less than 64 bytes. NO_MEMORY. The epoch must outlive the map; who writes collects it. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_epoch *epoch);
/* The same of a map in which each key has a word, any number of 64 bits but 0. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_init_words(kh_ordered_map *map, kh_epoch *epoch);
/* Frees the map. No reader may be inside. */
void kh_ordered_map_fini(kh_ordered_map *map);

/* ---- readers, inside the epoch; the writer anywhere */

/* Up to `room` keys in order (bytes; a prefix before what it is a prefix of), in the reverse order if `reverse`: from
 * `from` on, that key itself only if `inclusive`; from the first, or the last, if `from` is NULL. Keys are appended to
 * `keys`, and `places` says where each is; `*count` is how many, fewer than `room` only at the end. `from` may be one of
 * those read before, in the same buffer. Finding the beginning costs as much as reading some 70 keys.
 * NO_MEMORY: `*count` keys were read before the buffer could not grow. It does not have to for a key that it has
 * KH_READ_SLACK bytes more room for. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive,
                                                  bool reverse, kh_buffer *keys, kh_key_place *places, size_t room,
                                                  size_t *count);
enum { KH_READ_SLACK = 16 };
/* The same with the words of the keys, into `words`, which has room as `places`. Of a map with words. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_read_words(const kh_ordered_map *map, const khonsu_slice *from,
                                                        bool inclusive, bool reverse, kh_buffer *keys,
                                                        kh_key_place *places, uint64_t *words, size_t room,
                                                        size_t *count);
/* The word of `key`, 0 if there is none. Of a map with words. */
uint64_t kh_ordered_map_find(const kh_ordered_map *map, khonsu_slice key);

/* ---- the writer's */

/* Adds `key`, of at most KH_KEY_MAX bytes. If it is there, nothing changes. NO_MEMORY: nothing changed. Of a map without
 * words. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_insert(kh_ordered_map *map, khonsu_slice key);
/* Adds `key`, of at most KH_KEY_MAX bytes, with this word. If it is there, its word is replaced. NO_MEMORY: nothing
 * changed. Of a map with words. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_insert_word(kh_ordered_map *map, khonsu_slice key, uint64_t word);
/* Replaces the word of `key`, which must be there. Cannot fail. Of a map with words. */
void kh_ordered_map_replace_word(kh_ordered_map *map, khonsu_slice key, uint64_t word);
/* Takes `key` out. If it is not there, nothing changes. Cannot fail.
 *
 * Memory is given back as keys go: the map holds at most 20 bytes (with words, 36) and twice its size for each key left,
 * and 1 KiB; with none left, what it began with. (Smaller nodes have to be allocated for that: where that fails, more is
 * held until keys near by go. What tells neighbouring nodes apart, some bytes of a key for every few dozen, comes on
 * top.) */
void kh_ordered_map_remove(kh_ordered_map *map, khonsu_slice key);
/* Bytes the map itself holds, without what is retired. */
static inline size_t kh_ordered_map_memory(const kh_ordered_map *map) { return map->memory; }

#endif
