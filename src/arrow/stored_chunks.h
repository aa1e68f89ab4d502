/* stored_chunks: chunks that are in a storage and come into memory when they are touched. Many tables may begin with
 * them; who lends them out and how they are made is said in arrow.h.
 *
 * What is kept has a slot in two levels of arrays, each made when something in it is first touched: a table that is only
 * appended to costs nothing for the chunks that it begins with, however many they are.
 *
 *      arrays --> [ . | 256 slots | . . . ]
 *                         |
 *                         v  [ . . chunk . ]
 *
 * Guarantees
 *   1. A slot is filled once and not emptied before the object goes: all who ask for a kept chunk get the same.
 *   2. Readers wait for nobody. Two that miss the same chunk both load it; the one that comes second drops its own.
 *   3. A failing load leaves nothing: the next who asks tries again. Without memory for a slot, the chunk is not kept.
 *
 * Ordering. An array or a chunk is put in its place by a compare-and-swap that releases, with which the loads that acquire
 * pair. The object's last reference comes after all uses, by the count's release and acquire. */
#ifndef KH_ARROW_STORED_CHUNKS_H
#define KH_ARROW_STORED_CHUNKS_H

#include <stdatomic.h>

#include "chunk.h"

struct kh_stored_chunks {
  _Atomic uint32_t references;
  kh_stored_extent extent;
  const kh_stored_ops *ops;
  void *ctx;
  _Atomic(void *) arrays; /* of arrays of slots; NULL: nothing was kept yet */
};

kh_stored_chunks *kh_stored_chunks_ref(kh_stored_chunks *stored);

/* The chunk at `index`, below the count: a reference. What the loader returns. */
KHONSU_MUST_USE khonsu_status kh_stored_chunks_get(kh_stored_chunks *stored, uint64_t index, kh_chunk **chunk,
                                                   khonsu_error *error);

#endif
