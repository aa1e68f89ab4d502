#include "epoch_crowd.h"

#include "alloc.h"

static kh_crowd_block *add_block(kh_epoch_crowd *crowd) {
  kh_crowd_block *block = kh_alloc_lines(sizeof *block);
  if (block == NULL) return NULL;
  kh_epoch_add(crowd->epoch, block->slots, KH_CROWD_SLOTS);
  kh_crowd_block *head = atomic_load_explicit(&crowd->newest, memory_order_relaxed);
  do {
    block->next = head;
  } while (!atomic_compare_exchange_weak(&crowd->newest, &head, block)); /* with the load in enter */
  return block;
}

khonsu_status kh_epoch_crowd_init(kh_epoch_crowd *crowd, kh_epoch *epoch) {
  atomic_init(&crowd->newest, NULL);
  crowd->epoch = epoch;
  return add_block(crowd) == NULL ? KHONSU_NO_MEMORY : KHONSU_OK;
}

/* A free slot of the block, from home on, once round. NULL: there was none. */
static kh_participant *take_any(kh_crowd_block *block, uint64_t current) {
  unsigned home = kh_crowd_home();
  for (unsigned probe = 0; probe < KH_CROWD_SLOTS; probe++) {
    kh_participant *slot = &block->slots[(home + probe) % KH_CROWD_SLOTS];
    if (atomic_load_explicit(&slot->announced, memory_order_relaxed) != 0) continue;
    if (kh_crowd_take(slot, current)) return slot;
  }
  return NULL;
}

kh_participant *kh_crowd_enter_elsewhere(kh_epoch_crowd *crowd) {
  for (;;) { /* once or twice, unless there is no memory, or others take all of the new block first */
    uint64_t current = atomic_load_explicit(&crowd->epoch->current, memory_order_acquire);
    kh_crowd_block *block = atomic_load_explicit(&crowd->newest, memory_order_acquire); /* with add_block */
    for (; block != NULL; block = block->next) {
      kh_participant *slot = take_any(block, current);
      if (slot != NULL) return slot;
    }
    (void)add_block(crowd);
  }
}
