/* cache: over a storage memory holds what was committed or read of late. A reader offers what it had to fetch; the seat takes
 * it, and forgets other keys when there are more than fit. */
#include "partition.h"

enum {
  OFFERS_MOST = 1024,
  FORGET_AT_ONCE = 16
}; /* of the memory there may be: a part, so that it is not done for every commit */

void kh_partition_offer(kh_partition *partition, kh_version *version, uint64_t read_at) {
  if (atomic_load_explicit(&partition->offer_count, memory_order_relaxed) >= OFFERS_MOST) return;
  atomic_fetch_add_explicit(&partition->offer_count, 1, memory_order_relaxed);
  kh_version_ref(version);
  version->writer = read_at;
  kh_version *first = atomic_load_explicit(&partition->offers, memory_order_relaxed);
  do {
    version->next = first;
  } while (!atomic_compare_exchange_weak_explicit(&partition->offers, &first, version, memory_order_release,
                                                  memory_order_relaxed)); /* with the exchange of adopt */
  partition->sequencer->ask(partition->sequencer_ctx, KH_ADOPT);
}

void kh_partition_retain(kh_partition *partition, bool now) {
  const kh_storage *storage = &partition->storage;
  kh_store *store = &partition->store;
  if (storage->ops == NULL || kh_partition_stopped(partition)) return;
  khonsu_version oldest = kh_store_oldest_snapshot(store, atomic_load(&store->snapshots.horizon));
  store->forgettable = storage->ops->retain(storage->ctx, oldest, now);
}

bool kh_partition_forget(kh_partition *partition, uint64_t bytes) {
  if (partition->storage.ops == NULL || kh_partition_stopped(partition)) return false;
  uint64_t at_once = partition->memory_size / FORGET_AT_ONCE;
  kh_forgetting what = {partition->storage.ops->keeps, partition->storage.ctx};
  kh_partition_retain(partition, true);
  return kh_store_forget(&partition->store, bytes > at_once ? bytes : at_once, &what);
}

static bool has_room_for(kh_partition *partition, uint64_t bytes) {
  uint64_t limit = partition->memory_size;
  if (limit == 0) return true;
  uint64_t held = atomic_load(&partition->store.gauges.memory);
  if (held <= limit && bytes <= limit - held) return true;
  (void)kh_partition_forget(partition, bytes);
  held = atomic_load(&partition->store.gauges.memory);
  return held <= limit && bytes <= limit - held;
}

void kh_partition_adopt(kh_partition *partition) {
  kh_version *version = atomic_exchange_explicit(&partition->offers, NULL, memory_order_acquire);
  while (version != NULL) {
    kh_version *next = version->next;
    uint64_t read_at = version->writer;
    version->next = NULL;
    version->writer = 0;
    atomic_fetch_sub_explicit(&partition->offer_count, 1, memory_order_relaxed);
    if (has_room_for(partition, kh_version_charge(version))) (void)kh_store_adopt(&partition->store, version, read_at);
    else kh_version_unref(version, &partition->store.cache);
    version = next;
  }
}
