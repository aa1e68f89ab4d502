/* write: commits.
 *
 * What can be computed beforehand (hash, checksums of key and value) is; then, under the write lock,
 *   reserve   the commit gets its sequence and its bytes in the active file;
 *   copy      its records are written there, large ones without the lock;
 *   install   the keydir is led to them, when all commits before are installed. This is the order in which commits become
 *             visible and are acknowledged, so what is acknowledged never stands behind a hole in the log.
 * A commit that finds others unfinished before it waits for whoever installs theirs to install it too. */
#ifndef FKV_WRITE_H
#define FKV_WRITE_H

#include "store.h"

/* A write, of which all but place and time is known. */
typedef struct fkv_entry {
  fkv_draft draft;
  uint64_t hash;
} fkv_entry;

/* Entries that are in memory at the same time. */
typedef struct fkv_block {
  fkv_entry *entries;
  size_t count;
} fkv_block;

/* The writes of one commit, in blocks. */
typedef struct fkv_writes {
  size_t block_count;
  uint64_t count; /* entries of all blocks */
  /* Block `index`, until the next call. NULL: there is one only, `only`. IO, NO_MEMORY. */
  khonsu_status (*block)(void *ctx, size_t index, fkv_block *block, khonsu_error *error);
  void *ctx;
  fkv_block only;
  /* Bytes of all records, by the remainder of the first one's offset when divided by 64, in units; without aligned values
   * all are the same. */
  uint64_t sizes[FKV_ALIGNMENT / FKV_UNIT];
  bool has_aligned;
} fkv_writes;

/* Counts one more write, behind the others. */
void fkv_writes_add(fkv_writes *writes, const fkv_draft *draft);

/* Commits. `*sequence` may be NULL. */
KHONSU_MUST_USE khonsu_status fkv_commit(flashkv *store, const fkv_writes *writes, flashkv_durability durability,
                                         uint64_t *sequence, khonsu_error *error);

/* Sees to it that there is an active file with room for `size` bytes at its tail. The write lock is held; it may be given
 * back and taken again meanwhile. */
KHONSU_MUST_USE khonsu_status fkv_prepare_active(flashkv *store, uint64_t size, khonsu_error *error);

/* Takes away versions that nobody wants any more. The write lock is held. */
void fkv_trim_versions(flashkv *store);

#endif
