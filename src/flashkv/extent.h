/* extent: the data files as they are at a moment, for who looks at all of them while writers and merges go on.
 *
 * A file that is pinned stays mapped and open when a merge removes it, and what stands in it up to the extent's end does
 * not change any more. */
#ifndef FKV_EXTENT_H
#define FKV_EXTENT_H

#include "store.h"

typedef struct fkv_extent {
  fkv_file *file; /* pinned */
  uint64_t end;   /* records up to here are of commits that are visible */
  bool sealed, merged;
  uint64_t sequence_min, sequence_max; /* min > max: no commits */
} fkv_extent;

typedef struct fkv_extents {
  fkv_extent *items; /* in the order of the store's list */
  size_t count;
  uint64_t sequence, timestamp_us; /* of the newest commit that is visible */
  uint64_t history_from;
} fkv_extents;

/* The store's files at one moment. No lock but files_lock is held. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_extents_take(flashkv *store, fkv_extents *extents, khonsu_error *error);
void fkv_extents_fini(fkv_extents *extents);

#endif
