/* chunk_list: an append-only list of chunks, of which many versions share their beginnings.
 *
 * A version is (last block, how many of its entries are seen). A block holds entries and leads to the one before it,
 * with how many of that one's entries come before its own:
 *
 *      block [ a b c d e . . . ]  <- 3 -  block [ f g h . ]        the version (second block, 2) is  a b c f g
 *
 * To append, the version at the tip claims the free entries behind the last it sees, by one compare-and-swap on `used`;
 * a version that finds them claimed by another heir, or the block full, puts a new block on top. So appends one after
 * the other cost O(1) and share everything, and what a lost heir claimed is just not seen by others; it goes when the
 * block goes.
 *
 * How deep. A full block that holds at least half of the list gets a block of the list's size on top: depth grows by
 * one as the list doubles. In all other cases the new block first takes in (copies) the entries of blocks at the top
 * while they are less than twice as large as it, or larger than half of the one below them: what stays below is at
 * least halved from block to block. Entries taken in find themselves in a block at least half as large again, so each
 * is copied O(log n) times; depth stays below 3 log2(n) + 8, if need be by taking in everything.
 *
 * Ordering. The claim gives its thread the sole right to the entries; it fills them in before it hands out the version
 * that sees them. Who gets that version gets it by a release store of its own (a publication, a lock): with it come the
 * entries. Nobody reads an entry his version does not see, save the thread that frees the block, which comes after all
 * others by the reference count's release and acquire. */
#ifndef KH_ARROW_CHUNK_LIST_H
#define KH_ARROW_CHUNK_LIST_H

#include "chunk.h"

typedef struct kh_chunk_block {
  _Atomic uint32_t references;
  _Atomic uint32_t used; /* entries claimed */
  uint32_t capacity;
  uint32_t depth; /* blocks below */
  struct kh_chunk_block *below;
  uint32_t below_seen;
  uint64_t start; /* place in the list of the first entry */
  kh_chunk *entries[];
} kh_chunk_block;

/* Zero-initialised it is empty. */
typedef struct kh_chunk_list {
  kh_chunk_block *last; /* a reference */
  uint32_t seen;        /* of its entries; > 0 if there is a block */
} kh_chunk_list;

static inline uint64_t kh_chunk_list_count(const kh_chunk_list *list) {
  return list->last == NULL ? 0 : list->last->start + list->seen;
}

/* `joined` becomes `base` followed by `count` > 0 chunks, which it references. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_list_append(const kh_chunk_list *base, kh_chunk *const *chunks, size_t count,
                                                   kh_chunk_list *joined);
void kh_chunk_list_share(const kh_chunk_list *list, kh_chunk_list *other);
void kh_chunk_list_fini(kh_chunk_list *list);
/* The first `count` chunks, of as many at least; borrowed from the list. */
kh_chunk_list kh_chunk_list_cut(const kh_chunk_list *list, uint64_t count);

/* A run of neighbours in the list: from `index` on, as far as one block goes. `index` is below the count. */
typedef struct kh_chunk_run {
  kh_chunk *const *chunks;
  uint64_t count;
} kh_chunk_run;
kh_chunk_run kh_chunk_list_run(const kh_chunk_list *list, uint64_t index);

#endif
