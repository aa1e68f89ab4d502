/* directory: from the top bits of a hash to a segment of the hash map. Within the room; hash_map.h has the struct, and
 * hash_map.c the argument. All functions here are the writer's. */
#ifndef KH_INDEX_DIRECTORY_H
#define KH_INDEX_DIRECTORY_H

#include "segment.h"

enum { KH_DIRECTORY_DEPTH_MAX = 32 }; /* leaves bits 16 to 31 to homes */

static inline unsigned kh_directory_depth(const kh_directory *directory) { return 64 - directory->shift; }
static inline size_t kh_directory_count(const kh_directory *directory) {
  return (size_t)1 << kh_directory_depth(directory);
}
static inline size_t kh_directory_memory_of(unsigned depth) {
  return sizeof(kh_directory) + ((size_t)1 << depth) * sizeof(_Atomic uintptr_t);
}
static inline size_t kh_directory_memory(const kh_directory *directory) {
  return kh_directory_memory_of(kh_directory_depth(directory));
}

/* Entries are not set. NULL: out of memory. */
static inline kh_directory *kh_directory_new(unsigned depth) {
  kh_directory *directory = kh_alloc_lines(kh_directory_memory_of(depth));
  if (directory != NULL) directory->shift = 64 - depth;
  return directory;
}

static inline uintptr_t kh_directory_entry(const kh_directory *directory, size_t index) {
  return atomic_load_explicit(&directory->entries[index], memory_order_relaxed);
}
static inline kh_segment *kh_directory_segment(const kh_directory *directory, size_t index) {
  return kh_entry_segment(kh_directory_entry(directory, index));
}

/* The index of the first entry from `index` on that does not lead to the segment of that at `index`. Does not look at
 * the segment, which may be one that is not checked. */
static inline size_t kh_directory_after(const kh_directory *directory, size_t index) {
  const kh_segment *segment = kh_directory_segment(directory, index);
  size_t end = kh_directory_count(directory);
  do index++;
  while (index < end && kh_directory_segment(directory, index) == segment);
  return index;
}

/* Makes the entries for all hashes that begin like `hash` in the first `segment->depth` bits lead to the segment. */
static inline void kh_directory_publish(kh_directory *directory, uint64_t hash, kh_segment *segment) {
  unsigned free_bits = kh_directory_depth(directory) - segment->depth;
  size_t first = (size_t)(hash >> directory->shift) >> free_bits << free_bits;
  for (size_t index = first; index < first + ((size_t)1 << free_bits); index++) {
    atomic_store(&directory->entries[index], kh_segment_entry(segment)); /* with 2; unlinks: C */
  }
}

/* hash_image.c: whether `copy` is what was written as that segment of the image, or the image cannot be read any more. */
bool kh_hash_image_is_copy(const kh_hash_map *map, const kh_segment *segment, const kh_segment *copy);

/* The writer's view: it alone changes it. */
static inline kh_directory *kh_directory_of(const kh_hash_map *map) {
  return atomic_load_explicit(&map->directory, memory_order_relaxed);
}

#endif
