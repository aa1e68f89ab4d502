/* table_walk: the one way through the chunks of a table, in order. Those that are in memory are borrowed from the table;
 * those that are stored are loaded as the walk comes to them, and stay until it goes on.
 *
 *      kh_table_walk walk = kh_table_walk_from(table, 0);
 *      kh_chunk *chunk;
 *      khonsu_status status;
 *      while ((status = kh_table_walk_next(&walk, &chunk, error)) == KHONSU_OK && chunk != NULL) ...
 *      kh_table_walk_end(&walk);
 *
 * A walk may wait for a storage: nobody walks a table inside an epoch. It is for one thread. */
#ifndef KH_ARROW_TABLE_WALK_H
#define KH_ARROW_TABLE_WALK_H

#include "table.h"

typedef struct kh_table_walk {
  const kh_table *table; /* the caller's, and he holds it until the end */
  uint64_t next, count;  /* the chunk that comes; all of the table */
  kh_chunk_run run;      /* chunks in memory from `next` on, as far as they are known */
  kh_chunk *loaded;      /* a reference to the chunk that was given last, if it is stored */
} kh_table_walk;

static inline kh_table_walk kh_table_walk_from(const kh_table *table, uint64_t first_chunk) {
  return (kh_table_walk){.table = table, .next = first_chunk, .count = kh_table_chunk_count(table)};
}
static inline void kh_table_walk_end(kh_table_walk *walk) { kh_chunk_unref(walk->loaded); }

/* Goes on to the chunks that follow: borrowed, until the walk goes on or ends. None: there are no more. What the storage's
 * loader returns; then the walk stands where it did, and the next try is for the same chunk. */
KHONSU_MUST_USE khonsu_status kh_table_walk_run(kh_table_walk *walk, kh_chunk_run *run, khonsu_error *error);

/* The same, one chunk; NULL: there are no more. */
KHONSU_MUST_USE static inline khonsu_status kh_table_walk_next(kh_table_walk *walk, kh_chunk **chunk,
                                                               khonsu_error *error) {
  *chunk = NULL;
  if (walk->run.count == 0) {
    khonsu_status status = kh_table_walk_run(walk, &walk->run, error);
    if (status != KHONSU_OK) return status;
  }
  if (walk->run.count == 0) return KHONSU_OK;
  *chunk = *walk->run.chunks++;
  walk->run.count--;
  return KHONSU_OK;
}

/* Puts the chunk that a walk has just given at the end of a table in the making. As long as these are all the stored
 * chunks that the walk's table begins with, they stay stored. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_add_unchanged(kh_table *table, const kh_table_walk *walk, kh_chunk *chunk,
                                                     khonsu_error *error);

#endif
