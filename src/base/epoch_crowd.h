/* epoch_crowd: participants of an epoch for whoever comes: a thread takes one for the length of an operation, and need not
 * have joined.
 *
 *      crowd -> [ slot | slot | ... 64 ] -> [ 64 more ] -> ...      the newest block first
 *
 * Each slot is a participant on a line of its own, free while it announces 0. A thread begins to look at a slot that its
 * thread pointer selects, so that one that comes again meets a line that its processor still has, and takes the first
 * free one by announcing the current epoch in it: by one compare-and-swap, which is what a plain enter costs as well.
 * When all are taken, it adds a block; several threads may do so at a time. Blocks stay until the epoch ends.
 *
 * Why it is right. The compare-and-swap is sequentially consistent and plays the part of A of epoch.h for who takes the
 * slot; kh_epoch_exit is as before. A block is in the list of all participants before a thread can find it, so D looks
 * at its slots. If D sees what a later taker announced, the one before has left: its exit released what the later one's
 * compare-and-swap acquired, and D acquires that in turn, so what it read happened before what D's caller frees.
 *
 * Guarantees
 *   1. Entering is lock-free; with fewer threads than slots it takes one locked instruction mostly, and a bounded number
 *      of steps unless others come and go all the time. It waits for others only if all slots are taken and there is no
 *      memory for more.
 *   2. A thread may hold several at a time: operations nest.
 *   3. Those of epoch.h. */
#ifndef KH_BASE_EPOCH_CROWD_H
#define KH_BASE_EPOCH_CROWD_H

#include "epoch.h"

enum { KH_CROWD_LOG2 = 6, KH_CROWD_SLOTS = 1 << KH_CROWD_LOG2 };

typedef struct kh_crowd_block {
  kh_participant slots[KH_CROWD_SLOTS]; /* first: the epoch frees the block by it */
  struct kh_crowd_block *next;          /* an older one; constant */
} kh_crowd_block;

typedef struct kh_epoch_crowd {
  _Atomic(kh_crowd_block *) newest; /* push-only */
  kh_epoch *epoch;
} kh_epoch_crowd;

/* With one block. NO_MEMORY. The crowd is of use until the epoch ends, which frees its participants. */
KHONSU_MUST_USE khonsu_status kh_epoch_crowd_init(kh_epoch_crowd *crowd, kh_epoch *epoch);

/* ---- within the room */

/* Differs from thread to thread. Not a call into the loader, as the address of a thread's variable may be. */
static inline uintptr_t kh_thread_pointer(void) {
#if defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
#define KH_HAS_THREAD_POINTER
#endif
#endif
#if defined(KH_HAS_THREAD_POINTER)
  return (uintptr_t)__builtin_thread_pointer();
#else
  static _Thread_local char own;
  return (uintptr_t)&own;
#endif
}

/* The slot a thread begins with. */
static inline unsigned kh_crowd_home(void) {
  return (unsigned)((uint64_t)kh_thread_pointer() * UINT64_C(0x9e3779b97f4a7c15) >> (64 - KH_CROWD_LOG2));
}

static inline bool kh_crowd_take(kh_participant *slot, uint64_t current) {
  uint64_t free_slot = 0;
  return atomic_compare_exchange_strong(&slot->announced, &free_slot, current); /* A; with the exit of the one before */
}

kh_participant *kh_crowd_enter_elsewhere(kh_epoch_crowd *crowd);

/* ---- */

/* Any thread. As kh_epoch_enter, with a participant that is the caller's until it calls kh_epoch_exit. Its `index` is
 * below KH_CROWD_SLOTS, and mostly the same for the same thread: good for choosing one of several counters. */
static inline kh_participant *kh_epoch_enter_any(kh_epoch_crowd *crowd) {
  kh_crowd_block *block = atomic_load_explicit(&crowd->newest, memory_order_acquire); /* with the push in add_block */
  uint64_t current = atomic_load_explicit(&crowd->epoch->current, memory_order_acquire);
  kh_participant *slot = &block->slots[kh_crowd_home()];
  return KH_LIKELY(kh_crowd_take(slot, current)) ? slot : kh_crowd_enter_elsewhere(crowd);
}

#endif
