/* versions: records that were replaced, and that snapshots still see.
 *
 * A link leads from the word of a record to that of the one before it of the same key, so the versions of a key form a
 * chain that begins with the word in the keydir. Only what is wanted is linked: while there is no snapshot, and nothing is
 * to be retained, writing does no more here than look at two numbers.
 *
 * A version that was written by the commit `a` and replaced by the commit `b` is what a reader at a sequence in [a, b)
 * sees. It is wanted while there is a snapshot in that range, or b is beyond `oldest`, as of which all is to be kept.
 *
 * Reading: from the keydir's word along the chain to the first record that is not newer than the snapshot. The writer links
 * a record before it puts the newer one in its place, so who meets the newer one finds the link. When a version leaves the
 * chain, links are joined across it; who stands on it then may miss the rest, so who comes to the end of a chain without
 * having found anything looks whether one has left meanwhile, and begins anew.
 *
 * Threads: the writer holds the store's write lock; readers are in the epoch. */
#ifndef FKV_VERSIONS_H
#define FKV_VERSIONS_H

#include "flashkv.h"
#include "index/index.h"
#include "os/os.h"

/* The version `older`, of the commit `from`, was replaced by the commit `until`. */
typedef struct fkv_link {
  kh_retired retired;
  uint64_t newer; /* constant: the word it leads from */
  _Atomic uint64_t older;
  uint64_t from, until;
  struct fkv_link *next, *before; /* by age: until ascends */
} fkv_link;

typedef struct fkv_versions {
  kh_hash_map links;
  kh_epoch *epoch;
  _Atomic uint64_t departures; /* versions that have left chains */
  uint64_t oldest;             /* UINT64_MAX: nothing is to be retained */
  uint64_t *snapshots;         /* sequences, ascending */
  size_t snapshot_count, snapshot_capacity;
  fkv_link *first, *last;
  uint64_t count, sweep_at; /* links; how many there must be for the next look at all of them */
} fkv_versions;

KHONSU_MUST_USE khonsu_status fkv_versions_init(fkv_versions *versions, kh_epoch *epoch, kh_heap *heap);
void fkv_versions_fini(fkv_versions *versions);

/* ---- the writer's */

/* Whether a version of the commit `from` that is replaced now is wanted. */
static inline bool fkv_versions_want(const fkv_versions *versions, uint64_t from) {
  return versions->oldest != UINT64_MAX ||
         (versions->snapshot_count > 0 && versions->snapshots[versions->snapshot_count - 1] >= from);
}
KHONSU_MUST_USE khonsu_status fkv_versions_link(fkv_versions *versions, uint64_t newer, uint64_t older, uint64_t from,
                                                uint64_t until);
/* Drops all of them. */
void fkv_versions_clear(fkv_versions *versions);
/* Whether versions get older along each chain, so that it ends: of links that came from a file. */
bool fkv_versions_are_sound(const fkv_versions *versions);
/* Drops the link from `newer`, if there is one. */
void fkv_versions_unlink(fkv_versions *versions, uint64_t newer);

/* The same when versions are met in any order: puts the version at `word`, of the commit `sequence`, in its place in the
 * chain that begins at `head`, of the commit `head_sequence`, which is newer. `*kept`: it is wanted. */
KHONSU_MUST_USE khonsu_status fkv_versions_insert(fkv_versions *versions, uint64_t head, uint64_t head_sequence,
                                                  uint64_t word, uint64_t sequence, bool *kept);

/* A snapshot of this sequence. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_versions_hold(fkv_versions *versions, uint64_t sequence);
/* One snapshot of it less. Then, whoever lets go of something takes away what nobody wants any more. */
void fkv_versions_release(fkv_versions *versions, uint64_t sequence);
/* Whether what the store held at this sequence is all there, `newest` being that of the last commit. */
bool fkv_versions_reach(const fkv_versions *versions, uint64_t sequence, uint64_t newest);

/* Takes out versions that nobody wants: those at the old end at once, those between others when they have become as many as
 * what was left the last time. `leave` is told of each: it was linked from `newer`; `last`: no link from there is left. */
void fkv_versions_trim(fkv_versions *versions, void (*leave)(void *ctx, uint64_t newer, uint64_t older, bool last),
                       void *ctx);

/* What the link from `from` leads to, if there is one, is led to from `to` as well: of a record that is replaced and not
 * wanted itself, or that has a copy at `to`. The chain is whole then whichever of the two a reader comes to, and the first
 * link can go. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status fkv_versions_copy(fkv_versions *versions, uint64_t from, uint64_t to);
/* Leads the link from `newer` to the copy of what it led to. */
void fkv_versions_redirect(fkv_versions *versions, uint64_t newer, uint64_t to);

/* ---- readers */

/* The word of the version before that at `word`; 0: there is none. */
uint64_t fkv_versions_older(const fkv_versions *versions, uint64_t word);
/* The word of the version, in the chain that begins at `newest`, that `word` is right behind; 0: there is none. */
uint64_t fkv_versions_newer(const fkv_versions *versions, uint64_t newest, uint64_t word);

#endif
