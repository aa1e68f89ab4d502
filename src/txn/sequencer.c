/* The local sequencer. See sequencer.h.
 *
 * Nobody is forgotten. A thread pushes its request, then looks whether the seat is free; who leaves the seat frees it,
 * then looks whether the queue holds something, and if its first waiter sleeps, wakes it to take the seat. Both pairs
 * are sequentially consistent, so one of the two sees the other. A waiter that is about to sleep first marks its word
 * ASLEEP, then looks at the seat once more: the same pairing. A push that is half done hides those after it only until
 * its pusher goes on, and the pusher then comes for the seat itself.
 *
 * Who holds the committer's seat leaves it when its own request has gone through, so that nobody works for the others
 * without end. */
#include "sequencer.h"

#include "partition.h"

enum { GROUP_MAX = 64, SPINS_BEFORE_SLEEP = 2000 };

static void seat_init(kh_seat *seat) {
  kh_link_queue_init(&seat->queue);
  atomic_init(&seat->taken, 0);
}

static bool seat_take(kh_seat *seat) {
  if (atomic_load(&seat->taken) != 0) return false;
  return atomic_exchange(&seat->taken, 1) == 0;
}

static void wake(kh_request *request) {
  uint32_t before = atomic_fetch_and(&request->state, ~(uint32_t)KH_ASLEEP);
  if (before & KH_ASLEEP) kh_os_wake_one(&request->state);
}

/* The first in the queue may have been served and its request reused meanwhile; a wake too many does no harm, and
 * requests live as long as their database. */
static void wake_first(kh_seat *seat) {
  kh_link *first = kh_link_queue_peek(&seat->queue);
  if (first != NULL && first != &seat->queue.stub) wake(KH_CONTAINER_OF(first, kh_request, link));
}

static void seat_leave(kh_seat *seat) {
  atomic_store(&seat->taken, 0);
  wake_first(seat);
}

static kh_request *pop_group(kh_seat *seat) {
  kh_request *first = NULL, **last = &first;
  for (int i = 0; i < GROUP_MAX; i++) {
    kh_link *link = kh_link_queue_pop(&seat->queue);
    if (link == NULL) break;
    *last = KH_CONTAINER_OF(link, kh_request, link);
    (*last)->member = NULL;
    last = &(*last)->member;
  }
  return first;
}

void kh_local_sequencer_init(kh_local_sequencer *sequencer, kh_partition *partition) {
  sequencer->partition = partition;
  seat_init(&sequencer->committer);
  seat_init(&sequencer->flusher);
  atomic_init(&sequencer->chores, 0);
}

/* In the committer's seat. */
static void reclaim_some(kh_local_sequencer *sequencer) {
  kh_partition *partition = sequencer->partition;
  kh_partition_retain(partition, false);
  if (kh_store_reclaim(&partition->store)) atomic_fetch_or(&sequencer->chores, KH_RECLAIM);
}

static void do_chores(kh_local_sequencer *sequencer) {
  unsigned chores = atomic_exchange(&sequencer->chores, 0);
  if (chores & KH_RECLAIM) reclaim_some(sequencer);
  if (chores & KH_ADOPT) kh_partition_adopt(sequencer->partition);
}

/* Leaves the seat; what was asked of its holder meanwhile is done, a bounded piece at a time, others first. */
static void leave_committer(kh_local_sequencer *sequencer) {
  seat_leave(&sequencer->committer);
  while (atomic_load(&sequencer->chores) != 0 && seat_take(&sequencer->committer)) {
    do_chores(sequencer);
    seat_leave(&sequencer->committer);
  }
}

static bool is_in(const kh_request *request, uint32_t stage) {
  return (atomic_load(&request->state) & ~(uint32_t)KH_ASLEEP) == stage;
}

/* In the committer's seat, for `request`. False: there was nothing to do. */
static bool commit_until_through(kh_local_sequencer *sequencer, kh_request *request) {
  bool worked = false;
  do {
    kh_request *group = pop_group(&sequencer->committer);
    if (group == NULL) break;
    kh_commit_group(sequencer->partition, group);
    worked = true;
  } while (is_in(request, KH_QUEUED));
  if (kh_store_wants_reclaim(&sequencer->partition->store)) reclaim_some(sequencer);
  leave_committer(sequencer);
  if (worked && !is_in(request, KH_WRITTEN)) wake_first(&sequencer->flusher); /* else we go there ourselves */
  return worked;
}

static bool flush_until_through(kh_local_sequencer *sequencer, kh_request *request) {
  bool worked = false;
  do {
    kh_request *group = pop_group(&sequencer->flusher);
    if (group == NULL) break;
    kh_flush_group(sequencer->partition, group);
    worked = true;
  } while (is_in(request, KH_WRITTEN));
  seat_leave(&sequencer->flusher);
  return worked;
}

static void sleep_on(kh_request *request, uint32_t stage, kh_seat *seat) {
  uint32_t seen = stage;
  if (!atomic_compare_exchange_strong(&request->state, &seen, stage | KH_ASLEEP)) return;
  if (atomic_load(&seat->taken) != 0) kh_os_wait(&request->state, stage | KH_ASLEEP, UINT64_MAX);
  atomic_fetch_and(&request->state, ~(uint32_t)KH_ASLEEP);
}

static void submit(void *ctx, kh_request *request) {
  kh_local_sequencer *sequencer = ctx;
  kh_link_queue_push(&sequencer->committer.queue, &request->link);
  for (int spins = 0;;) {
    uint32_t stage = atomic_load(&request->state) & ~(uint32_t)KH_ASLEEP;
    if (stage == KH_DECIDED) return;
    kh_seat *seat = stage == KH_WRITTEN ? &sequencer->flusher : &sequencer->committer;
    bool worked = false;
    if (seat_take(seat))
      worked = stage == KH_WRITTEN ? flush_until_through(sequencer, request) : commit_until_through(sequencer, request);
    if (worked) spins = 0;
    else if (spins++ < SPINS_BEFORE_SLEEP) kh_os_relax();
    else sleep_on(request, stage, seat);
  }
}

static void ask(void *ctx, unsigned chores) {
  kh_local_sequencer *sequencer = ctx;
  atomic_fetch_or(&sequencer->chores, chores); /* with leave_committer: the holder sees it, or we see the free seat */
  if (seat_take(&sequencer->committer)) leave_committer(sequencer);
}

const kh_sequencer_ops kh_local_sequencer_ops = {submit, ask};
