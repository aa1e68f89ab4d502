#include "mvcc.h"

static uint64_t record_hash(void *ctx, uint64_t word) {
  (void)ctx;
  return ((const kh_record *)(uintptr_t)word)->hash;
}

khonsu_status kh_store_init(kh_store *store, uint64_t newest, uint64_t snapshot_age_ms_max) {
  memset(store, 0, sizeof *store);
  kh_epoch_init(&store->epoch);
  kh_snapshots_init(&store->snapshots, newest);
  store->newest = newest;
  store->snapshot_age_ns_max = snapshot_age_ms_max > UINT64_MAX / 1000000 ? UINT64_MAX : snapshot_age_ms_max * 1000000;
  kh_os_random(&store->hash_seed, sizeof store->hash_seed);
  kh_key_source source = {kh_store_word_has_key, record_hash, NULL};
  return kh_hash_map_init(&store->index, source, &store->epoch);
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
  kh_snapshots_fini(&store->snapshots);
  kh_epoch_fini(&store->epoch);
  kh_free(store->points);
}

khonsu_status kh_store_add(kh_store *store, kh_record *record) {
  khonsu_status status = kh_hash_map_insert(&store->index, record->hash, (uint64_t)(uintptr_t)record);
  if (status != KHONSU_OK) return status;
  kh_gauge_add(&store->gauges.records, 1);
  kh_gauge_add(&store->gauges.memory, kh_record_memory(record));
  return KHONSU_OK;
}

void kh_store_link(kh_store *store, kh_record *record, kh_version *version) {
  kh_version *older = atomic_load_explicit(&record->head, memory_order_relaxed);
  KH_ASSERT(older == NULL || older->timestamp < version->timestamp);
  atomic_store_explicit(&version->older, older, memory_order_relaxed);
  if (older != NULL) older->newer = version;
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
  kh_hash_map_remove(&store->index, record->hash, (uint64_t)(uintptr_t)record);
  atomic_fetch_add(&store->unlinks, 1);
  kh_gauge_add(&store->gauges.records, (uint64_t)-1);
  kh_gauge_add(&store->gauges.memory, -(uint64_t)kh_record_memory(record));
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

void kh_store_settle(kh_store *store, kh_version *version) {
  kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  if (older != NULL) {
    bool shares = version->kind == KH_TABLE && version->incarnation != version->timestamp;
    queue_superseded(store, older, shares ? kh_version_memory(older) : kh_version_charge(older));
  }
  if (version->kind == KH_TOMBSTONE) queue_superseded(store, version, kh_record_memory(version->record));
}
