#include "mvcc.h"

static uint64_t record_hash(void *ctx, uint64_t word) {
  (void)ctx;
  return ((const kh_record *)(uintptr_t)word)->hash;
}

static khonsu_slice key_of_word(void *ctx, uint64_t word) {
  (void)ctx;
  return kh_record_key((const kh_record *)(uintptr_t)word);
}

khonsu_status kh_store_init(kh_store *store, uint64_t newest, uint64_t snapshot_age_ms_max, uint64_t pinned_bytes_max) {
  memset(store, 0, sizeof *store);
  kh_epoch_init(&store->epoch);
  kh_snapshots_init(&store->snapshots, newest);
  store->newest = newest;
  store->collect_at = 1;
  store->snapshot_age_ns_max = snapshot_age_ms_max > UINT64_MAX / 1000000 ? UINT64_MAX : snapshot_age_ms_max * 1000000;
  store->pinned_bytes_max = pinned_bytes_max;
  kh_os_random(&store->hash_seed, sizeof store->hash_seed);
  kh_key_source source = {kh_store_word_has_key, record_hash, NULL};
  khonsu_status status = kh_hash_map_init(&store->index, source, &store->epoch);
  if (status != KHONSU_OK) return status;
  status = kh_ordered_map_init(&store->order, (kh_ordered_source){key_of_word, NULL}, &store->epoch);
  if (status != KHONSU_OK) kh_hash_map_fini(&store->index);
  return status;
}

static void free_record(void *ctx, uint64_t word) {
  (void)ctx;
  kh_record *record = (kh_record *)(uintptr_t)word;
  kh_version *version = atomic_load(&record->head);
  while (version != NULL) {
    kh_version *older = atomic_load(&version->older);
    kh_version_unref(version);
    version = older;
  }
  kh_free(record);
}

void kh_store_fini(kh_store *store) {
  kh_snapshot *slot = atomic_load(&store->snapshots.slots);
  for (; slot != NULL; slot = slot->next) slot->pins = (kh_version_list){NULL, NULL};
  kh_hash_map_each(&store->index, free_record, NULL);
  kh_hash_map_fini(&store->index);
  kh_ordered_map_fini(&store->order);
  kh_commit_log_fini(&store->log);
  kh_snapshots_fini(&store->snapshots);
  kh_epoch_fini(&store->epoch);
  kh_free(store->points);
}

static khonsu_status add_to_indexes(kh_store *store, kh_record *record) {
  uint64_t word = (uint64_t)(uintptr_t)record;
  if (!store->ordering) return kh_hash_map_insert(&store->index, record->hash, word);
  khonsu_status status = kh_ordered_map_insert(&store->order, word);
  if (status != KHONSU_OK) return status;
  status = kh_hash_map_insert(&store->index, record->hash, word);
  if (status != KHONSU_OK) kh_ordered_map_remove(&store->order, word);
  return status;
}

void kh_store_remove(kh_store *store, kh_record *record) {
  uint64_t word = (uint64_t)(uintptr_t)record;
  kh_hash_map_remove(&store->index, record->hash, word);
  if (store->ordering) kh_ordered_map_remove(&store->order, word);
  atomic_fetch_add(&store->unlinks, 1); /* after the removal: who counts it cannot find the record */
  kh_gauge_add(&store->gauges.records, (uint64_t)-1);
  kh_gauge_add(&store->gauges.memory, -(uint64_t)kh_record_memory(record));
}

khonsu_status kh_store_add(kh_store *store, kh_record *record) {
  khonsu_status status = add_to_indexes(store, record);
  if (status != KHONSU_OK) return status;
  kh_gauge_add(&store->gauges.records, 1);
  kh_gauge_add(&store->gauges.memory, kh_record_memory(record));
  kh_store_note_unreclaimed(store);
  return KHONSU_OK;
}

void kh_store_link(kh_store *store, kh_record *record, kh_version *version) {
  kh_version *older = atomic_load_explicit(&record->head, memory_order_relaxed);
  KH_ASSERT(older == NULL || older->timestamp < version->timestamp);
  atomic_store_explicit(&version->older, older, memory_order_relaxed);
  if (older != NULL) older->newer = version;
  version->depth = older == NULL ? 1 : older->depth == UINT16_MAX ? UINT16_MAX : older->depth + 1;
  if (version->depth > atomic_load_explicit(&store->gauges.longest_chain, memory_order_relaxed))
    atomic_store_explicit(&store->gauges.longest_chain, version->depth, memory_order_relaxed);
  if (version->kind == KH_TOMBSTONE) version->record = record;
  atomic_store_explicit(&record->head, version, memory_order_release); /* with a reader's load of head */
  kh_gauge_add(&store->gauges.versions, 1);
  kh_gauge_add(&store->gauges.memory, kh_version_charge(version));
}

static void free_version(kh_retired *retired) { kh_version_unref(KH_CONTAINER_OF(retired, kh_version, retired)); }

void kh_store_retire_version(kh_store *store, kh_version *version) {
  kh_gauge_add(&store->gauges.versions, (uint64_t)-1);
  kh_gauge_add(&store->gauges.memory, -kh_version_charge(version));
  kh_epoch_retire(&store->epoch, &version->retired, free_version);
}

/* An undone record that a reader may have found: carries it through the epoch. */
typedef struct retired_record {
  kh_retired retired;
  kh_record *record;
} retired_record;

static void free_retired_record(kh_retired *retired) {
  retired_record *carrier = KH_CONTAINER_OF(retired, retired_record, retired);
  kh_free(carrier->record);
  kh_free(carrier);
}

/* Takes a record without versions out of the index. Out of memory, it stays: an empty record reads as absent, and the
 * key's next write uses it. */
static void forget_record(kh_store *store, kh_record *record) {
  retired_record *carrier = kh_alloc(sizeof *carrier);
  if (carrier == NULL) return;
  carrier->record = record;
  kh_store_remove(store, record);
  kh_epoch_retire(&store->epoch, &carrier->retired, free_retired_record);
}

void kh_store_undo(kh_store *store, kh_record *record) {
  kh_version *version = atomic_load_explicit(&record->head, memory_order_relaxed);
  if (version != NULL) {
    KH_ASSERT(version->timestamp > kh_store_visible(store));
    kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
    atomic_store(&record->head, older); /* unlinks: C of base/epoch.h */
    if (older != NULL) older->newer = NULL;
    kh_store_retire_version(store, version);
    if (older != NULL) return;
  }
  forget_record(store, record);
}

static void queue_superseded(kh_store *store, kh_version *version, uint64_t bytes) {
  store->unjudged_count++;
  store->unjudged_bytes += bytes;
  if (version->queued) return; /* a tombstone that is still to be judged as such */
  kh_version_list_push(&store->superseded, version);
}

void kh_store_settle(kh_store *store, kh_record *record, kh_version *version) {
  atomic_store_explicit(&store->settled, version->timestamp, memory_order_release); /* before it is logged */
  kh_commit_log_append(&store->log, version->timestamp, record);
  kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  if (older != NULL) {
    bool shares = version->kind == KH_TABLE && version->incarnation != version->timestamp;
    queue_superseded(store, older, shares ? kh_version_memory(older) : kh_version_charge(older));
  }
  if (version->kind == KH_TOMBSTONE) queue_superseded(store, version, kh_record_memory(version->record));
}
