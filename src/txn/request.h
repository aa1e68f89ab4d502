/* request: one transaction on its way through sequence, certify, persist and publish.
 *
 *   state                     next       who moves it
 *   QUEUED   in the intake    WRITTEN    the seat, where the storage has to be flushed first
 *                             DECIDED    the seat
 *   WRITTEN  in the flush     DECIDED    the flusher
 *   DECIDED  the waiter's     -
 *
 * The bit ASLEEP is the waiter's: it sleeps on the word and has to be woken when the request is decided, or when it is
 * to take a seat. Once DECIDED is stored nobody but the waiter may touch the request. */
#ifndef KH_TXN_REQUEST_H
#define KH_TXN_REQUEST_H

#include "storage/storage.h"

enum { KH_QUEUED = 0, KH_WRITTEN = 1, KH_DECIDED = 2, KH_ASLEEP = 4 };

/* An intrusive queue: many push, wait-free; one pops. After Vyukov, "Intrusive MPSC node-based queue" (2010): push is
 * one exchange and one store; between the two, what was pushed later is not yet reachable, and pop says "nothing". */
typedef struct kh_link {
  _Atomic(struct kh_link *) next;
} kh_link;

typedef struct kh_link_queue {
  _Alignas(KH_CACHE_LINE) _Atomic(kh_link *) tail;
  _Alignas(KH_CACHE_LINE) _Atomic(kh_link *) head; /* changed by the popper only */
  kh_link stub;
} kh_link_queue;

void kh_link_queue_init(kh_link_queue *queue);
void kh_link_queue_push(kh_link_queue *queue, kh_link *link);
kh_link *kh_link_queue_pop(kh_link_queue *queue);
/* The link that pop would return next, if there surely is one; anyone may ask. It may be popped meanwhile. */
kh_link *kh_link_queue_peek(kh_link_queue *queue);

struct kh_partition;

typedef struct kh_request {
  kh_link link;
  _Atomic uint32_t state;
  khonsu_durability durability; /* never DEFAULT */
  struct kh_request *member;    /* next in its group */
  struct khonsu_txn *txn;
  khonsu_status (*task)(struct kh_partition *); /* not a commit: something else to be done in the seat */
  uint64_t bytes;                               /* the store will hold for it, about */

  /* the outcome */
  khonsu_status status;
  uint64_t version;    /* OK: its commit timestamp */
  uint64_t lost_to;    /* CONFLICT: the newest version it lost to */
  khonsu_error *error; /* the caller's, for texts of the storage; may be NULL */
} kh_request;

#endif
