#include "epoch.h"

#include "alloc.h"

void kh_epoch_init(kh_epoch *epoch) {
  atomic_init(&epoch->current, 1);
  atomic_init(&epoch->participants, NULL);
  epoch->oldest = epoch->newest = NULL;
  epoch->retired_count = 0;
}

static void free_oldest(kh_epoch *epoch) {
  kh_retired *node = epoch->oldest;
  epoch->oldest = node->next;
  if (epoch->oldest == NULL) epoch->newest = NULL;
  epoch->retired_count--;
  node->free(epoch, node);
}

void kh_epoch_fini(kh_epoch *epoch) {
  while (epoch->oldest != NULL) free_oldest(epoch);
  kh_participant *participant = atomic_load(&epoch->participants);
  while (participant != NULL) {
    KH_ASSERT(atomic_load(&participant->announced) == 0);
    kh_participant *next = participant->next;
    if (participant->index == 0) kh_free(participant); /* the last of its block in the list */
    participant = next;
  }
  atomic_store(&epoch->participants, NULL);
}

khonsu_status kh_epoch_join(kh_epoch *epoch, kh_participant **participant) {
  kh_participant *joined = kh_alloc_lines(sizeof *joined);
  if (joined == NULL) return KHONSU_NO_MEMORY;
  kh_epoch_add(epoch, joined, 1);
  *participant = joined;
  return KHONSU_OK;
}

/* A block is in the list from its end to its beginning, by which it is freed. */
void kh_epoch_add(kh_epoch *epoch, kh_participant *first, unsigned count) {
  KH_ASSERT(count > 0);
  for (unsigned index = 0; index < count; index++) {
    atomic_init(&first[index].announced, 0);
    first[index].owner = epoch;
    first[index].index = index;
    first[index].next = index == 0 ? NULL : &first[index - 1];
  }
  kh_participant *head = atomic_load(&epoch->participants);
  do {
    first->next = head;
  } while (!atomic_compare_exchange_weak(&epoch->participants, &head, &first[count - 1]));
}

void kh_epoch_retire(kh_epoch *epoch, kh_retired *node, void (*free)(kh_epoch *, kh_retired *)) {
  node->next = NULL;
  node->epoch = atomic_load_explicit(&epoch->current, memory_order_relaxed);
  node->free = free;
  if (epoch->newest != NULL) epoch->newest->next = node;
  else epoch->oldest = node;
  epoch->newest = node;
  epoch->retired_count++;
}

/* The oldest epoch in which an operation is in flight; the current one if there is none. A participant that joins or
 * enters during the walk announces the epoch that the caller has just begun, or finds nothing retired before it. */
static uint64_t oldest_announced(kh_epoch *epoch, uint64_t current) {
  uint64_t oldest = current;
  kh_participant *participant = atomic_load(&epoch->participants);
  for (; participant != NULL; participant = participant->next) {
    uint64_t announced = atomic_load(&participant->announced); /* D */
    if (announced != 0 && announced < oldest) oldest = announced;
  }
  return oldest;
}

void kh_epoch_collect(kh_epoch *epoch, uint64_t budget) {
  if (epoch->oldest == NULL) return;
  uint64_t current = atomic_fetch_add(&epoch->current, 1) + 1;
  uint64_t oldest = oldest_announced(epoch, current);
  while (budget-- > 0 && epoch->oldest != NULL && epoch->oldest->epoch < oldest) free_oldest(epoch);
}
