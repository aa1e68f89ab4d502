/* sequencer: puts commit requests into one total order and sees each through to its outcome. */
#ifndef KH_TXN_SEQUENCER_H
#define KH_TXN_SEQUENCER_H

#include "request.h"

struct kh_partition;

/* What is done in the committer's seat beside commits. */
enum {
  KH_RECLAIM = 1, /* of memory that nobody needs */
  KH_ADOPT = 2    /* of what readers found in the storage */
};

/* Filled in by whoever orders: the local sequencer here, the replicated log in distributed mode. */
typedef struct kh_sequencer_ops {
  /* Orders the request and returns when its outcome stands in it. */
  void (*submit)(void *ctx, kh_request *request);
  /* Has these chores done, now or soon. Never waits. */
  void (*ask)(void *ctx, unsigned chores);
} kh_sequencer_ops;

/* A seat: who holds it works off the queue. Who finds it taken waits for the outcome instead. */
typedef struct kh_seat {
  kh_link_queue queue;
  _Alignas(KH_CACHE_LINE) _Atomic uint32_t taken;
} kh_seat;

/* The local sequencer: a wait-free queue and two seats. The committer's: certifies, links, writes. The flusher's, only
 * over a storage: flushes what was written, in order, and publishes it. A thread alone takes both in turn, inline. */
typedef struct kh_local_sequencer {
  struct kh_partition *partition;
  kh_seat committer, flusher;
  _Atomic unsigned chores; /* that were asked for */
} kh_local_sequencer;

void kh_local_sequencer_init(kh_local_sequencer *sequencer, struct kh_partition *partition);
extern const kh_sequencer_ops kh_local_sequencer_ops;

#endif
