/* keeper: the store's own thread. It readies pages, and the next file, for who writes, seals files that are full, flushes for
 * asynchronous commits, takes out what has expired, and merges when it is time to. It begins with the first commit, and
 * sleeps while there is nothing to do. */
#ifndef FKV_KEEPER_H
#define FKV_KEEPER_H

#include "store.h"

enum { FKV_KEEPER_NONE, FKV_KEEPER_AWAKE, FKV_KEEPER_ASLEEP, FKV_KEEPER_ENDING };
enum { FKV_CALL_FLUSH = 1, FKV_CALL_LOOK = 2, FKV_CALL_END = 4, FKV_CALL_WARM = 8, FKV_CALL_PREPARE = 16 };

/* With WARM and PREPARE also under the write lock. */
void fkv_keeper_call(flashkv *store, uint32_t calls);

/* There is something new. Costs a look at a number while the keeper is awake. */
static inline void fkv_keeper_nudge(flashkv *store) {
  if (KH_UNLIKELY(atomic_load_explicit(&store->keeper_state, memory_order_relaxed) != FKV_KEEPER_AWAKE)) {
    fkv_keeper_call(store, FKV_CALL_LOOK);
  }
}
static inline void fkv_keeper_request_flush(flashkv *store) {
  if (!(atomic_load(&store->keeper_calls) & FKV_CALL_FLUSH)) fkv_keeper_call(store, FKV_CALL_FLUSH);
}

/* Does what writers have asked for: for the thread itself, in the middle of what takes it longer. */
void fkv_keeper_serve(flashkv *store);

/* Ends the thread. */
void fkv_keeper_end(flashkv *store);
bool fkv_is_closing(const flashkv *store);
/* Sleeps for so long, or until the store is closed. */
void fkv_pause(flashkv *store, uint64_t ns);

#endif
