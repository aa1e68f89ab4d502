#include "snapshot.h"

void kh_snapshots_init(kh_snapshots *snapshots, uint64_t visible) {
  atomic_init(&snapshots->visible, visible);
  atomic_init(&snapshots->horizon, visible);
  atomic_init(&snapshots->slots, NULL);
}

void kh_snapshots_fini(kh_snapshots *snapshots) {
  kh_snapshot *slot = atomic_load(&snapshots->slots);
  while (slot != NULL) {
    kh_snapshot *next = slot->next;
    KH_ASSERT(slot->pins.first == NULL);
    kh_free(slot);
    slot = next;
  }
  atomic_store(&snapshots->slots, NULL);
}

khonsu_status kh_snapshot_join(kh_snapshots *snapshots, kh_snapshot **slot) {
  kh_snapshot *joined = kh_alloc_lines(sizeof *joined);
  if (joined == NULL) return KHONSU_NO_MEMORY;
  atomic_init(&joined->begun, 0);
  atomic_init(&joined->reading, 0);
  atomic_init(&joined->begun_ns, 0);
  atomic_init(&joined->pinned_something, false);
  joined->pins = (kh_version_list){NULL, NULL};
  joined->pins_for = joined->pinned_bytes = 0;
  kh_snapshot *head = atomic_load(&snapshots->slots);
  do {
    joined->next = head;
  } while (!atomic_compare_exchange_weak(&snapshots->slots, &head, joined));
  *slot = joined;
  return KHONSU_OK;
}
