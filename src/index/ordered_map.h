/* ordered_map: the index for scans; see index.h for what it guarantees and ordered_map.c for how. */
#ifndef KH_INDEX_ORDERED_MAP_H
#define KH_INDEX_ORDERED_MAP_H

#include "base/base.h"

struct kh_ordered_node;

typedef struct kh_ordered_map {
  _Alignas(KH_CACHE_LINE) _Atomic(struct kh_ordered_node *) root;
  kh_ordered_source source;
  kh_epoch *epoch;
  _Alignas(KH_CACHE_LINE) uint64_t count; /* words; this and below are the writer's, on a line readers do not need */
  size_t memory;
} kh_ordered_map;

/* Creates an empty map, of less than 64 bytes. NO_MEMORY. The epoch must outlive the map; who writes collects it. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_ordered_source source, kh_epoch *epoch);
/* Frees the map; words are the owner's. No reader may be inside. */
void kh_ordered_map_fini(kh_ordered_map *map);

/* ---- readers, inside the epoch; the writer anywhere */

/* Up to `room` words in the order of their keys (bytes; a prefix before what it is a prefix of), the reverse order if
 * `reverse`: from `from` on, that key itself only if `inclusive`; from the first, or the last, if `from` is NULL.
 * Returns how many; fewer than `room` only at the end. Finding the beginning costs as much as reading some 200 words. */
size_t kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive, bool reverse,
                           uint64_t *words, size_t room);

/* ---- the writer's */

/* Adds `word`. If its key is there already, under this or another word, nothing changes. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_insert(kh_ordered_map *map, uint64_t word);
/* Takes `word` out. If it is not in the map, nothing changes. Cannot fail.
 *
 * Memory is given back as words go: the map holds at most 40 bytes for each word left, and 1 KiB; with none left, what
 * it began with. (Smaller nodes have to be allocated for that: where that fails, more is held until words near by go.
 * What tells neighbouring nodes apart, some bytes of a key for every few dozen words, comes on top.) */
void kh_ordered_map_remove(kh_ordered_map *map, uint64_t word);
/* Bytes the map itself holds, without what is retired. */
static inline size_t kh_ordered_map_memory(const kh_ordered_map *map) { return map->memory; }

#endif
