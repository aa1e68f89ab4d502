/* epoch: when memory that readers may still be looking at can be freed.
 *
 * One writer unlinks nodes from structures that many readers walk without locks. A reader announces the current epoch
 * while an operation of its is in flight; the writer frees an unlinked node once every announced epoch is newer than
 * the one the node was retired in. After Fraser, "Practical lock-freedom" (2004), ch. 5.2.3, with one retiring writer.
 *
 * Ordering. Reader: store of its announcement (A), then loads of links (B). Writer: store that unlinks (C), then loads
 * of announcements (D). All four are sequentially consistent, so in their single total order either A comes before D
 * and the writer sees the announcement, or C comes before B and the reader does not find the node. The announcement may
 * be of an older epoch than the current one; that only delays freeing. (On x86 only A and C cost more than plain.)
 *
 * Guarantees
 *   1. kh_epoch_enter and kh_epoch_exit are wait-free.
 *   2. A node is never freed while a participant that could have found it has not exited.
 *   3. Memory waits for operations in flight only, never for what is open but idle.
 *
 * Threads: a participant belongs to one thread at a time. retire and collect: the one writer. join and add: any.
 * epoch_crowd.h has participants for threads that do not want to keep one. */
#ifndef KH_BASE_EPOCH_H
#define KH_BASE_EPOCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "check.h"
#include "khonsu.h"

struct kh_epoch;

/* Embedded in what is retired. */
typedef struct kh_retired {
  struct kh_retired *next;
  uint64_t epoch;
  void (*free)(struct kh_epoch *, struct kh_retired *);
} kh_retired;

typedef struct kh_participant {
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t announced; /* 0 = no operation in flight */
  struct kh_epoch *owner;
  struct kh_participant *next; /* in the list of all; this and below: written before it is published, then constant */
  unsigned index;              /* in the block it was allocated in */
} kh_participant;

typedef struct kh_epoch {
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t current; /* starts at 1 */
  _Atomic(kh_participant *) participants;           /* push-only until fini */
  _Alignas(KH_CACHE_LINE) kh_retired *oldest,
      *newest; /* the writer's, on a line readers do not need: in order of epoch */
  uint64_t retired_count;
} kh_epoch;

void kh_epoch_init(kh_epoch *epoch);

/* Frees all participants and everything retired. Nobody may be inside. */
void kh_epoch_fini(kh_epoch *epoch);

/* A new participant, owned by the epoch until its fini. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_epoch_join(kh_epoch *epoch, kh_participant **participant);

/* The same for `count` of them in one block that begins at `first`, allocated by the caller. From now on it is the
 * epoch's. */
void kh_epoch_add(kh_epoch *epoch, kh_participant *first, unsigned count);

/* Operations do not nest. */
static inline void kh_epoch_enter(kh_participant *participant) {
  uint64_t current = atomic_load_explicit(&participant->owner->current, memory_order_acquire);
  atomic_store(&participant->announced, current); /* A */
}

static inline void kh_epoch_exit(kh_participant *participant) {
  atomic_store_explicit(&participant->announced, 0, memory_order_release); /* with D: what we read happened before */
}

/* The node has been unlinked (C); `free` is called with it, by the writer, once nobody can be looking. */
void kh_epoch_retire(kh_epoch *epoch, kh_retired *node, void (*free)(kh_epoch *, kh_retired *));

/* Frees what can be freed, at most `budget` nodes. */
void kh_epoch_collect(kh_epoch *epoch, uint64_t budget);

#endif
