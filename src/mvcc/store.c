#include "mvcc.h"

static uint64_t hash_of_word(void *ctx, uint64_t word) {
  return kh_store_hash(ctx, kh_version_key(kh_word_version(word)));
}

khonsu_status kh_store_init(kh_store *store, uint64_t newest, uint64_t snapshot_age_ms_max, uint64_t pinned_bytes_max) {
  memset(store, 0, sizeof *store);
  kh_epoch_init(&store->epoch);
  kh_snapshots_init(&store->snapshots, newest);
  store->newest = newest;
  store->forgettable = UINT64_MAX;
  store->collect_at = 1;
  store->snapshot_age_ns_max = snapshot_age_ms_max > UINT64_MAX / 1000000 ? UINT64_MAX : snapshot_age_ms_max * 1000000;
  store->pinned_bytes_max = pinned_bytes_max;
  kh_os_random(&store->hash_seed, sizeof store->hash_seed);
  store->heap = kh_heap_new();
  if (store->heap == NULL) return KHONSU_NO_MEMORY;
  kh_heap_cache_init(&store->cache, store->heap);
  kh_key_source source = {kh_store_word_has_key, hash_of_word, store, NULL};
  khonsu_status status = kh_hash_map_init(&store->index, source, &store->epoch, store->heap);
  if (status == KHONSU_OK) {
    status = kh_ordered_map_init(&store->order, &store->epoch);
    if (status != KHONSU_OK) kh_hash_map_fini(&store->index);
  }
  if (status != KHONSU_OK) kh_heap_close(store->heap);
  return status;
}

static void free_chain(void *ctx, uint64_t word) {
  kh_store *store = ctx;
  for (kh_version *version = kh_word_version(word); version != NULL;) {
    kh_version *older = atomic_load(&version->older);
    kh_version_unref(version, &store->cache);
    version = older;
  }
}

void kh_store_fini(kh_store *store) {
  kh_snapshot *slot = atomic_load(&store->snapshots.slots);
  for (; slot != NULL; slot = slot->next) slot->pins = (kh_version_list){NULL, NULL};
  kh_hash_map_each(&store->index, free_chain, store);
  kh_hash_map_fini(&store->index);
  kh_ordered_map_fini(&store->order);
  kh_commit_log_fini(&store->log);
  kh_snapshots_fini(&store->snapshots);
  kh_epoch_fini(&store->epoch);
  kh_free(store->points);
  kh_heap_cache_fini(&store->cache);
  kh_heap_close(store->heap);
}

typedef struct visit_versions {
  const kh_store *store;
  uint64_t hash;
  void (*visit)(void *ctx, kh_version *newest);
  void *ctx;
} visit_versions;

/* For the index not to stop at it. */
static bool visit_word(void *ctx, uint64_t word, khonsu_slice key) {
  (void)key;
  const visit_versions *each = ctx;
  kh_version *newest = kh_word_version(word);
  if (kh_store_hash(each->store, kh_version_key(newest)) == each->hash) each->visit(each->ctx, newest);
  return false;
}

void kh_store_each_of_hash(const kh_store *store, uint64_t hash, void (*visit)(void *ctx, kh_version *newest),
                           void *ctx) {
  visit_versions each = {store, hash, visit, ctx};
  (void)kh_hash_map_find_by(&store->index, kh_slice(NULL, 0), hash, visit_word, &each);
}

static khonsu_status add_to_indexes(kh_store *store, uint64_t hash, kh_version *first) {
  uint64_t word = (uint64_t)(uintptr_t)first;
  if (!store->ordering) return kh_hash_map_insert(&store->index, hash, word);
  khonsu_status status = kh_ordered_map_insert(&store->order, kh_version_key(first));
  if (status != KHONSU_OK) return status;
  status = kh_hash_map_insert(&store->index, hash, word);
  if (status != KHONSU_OK) kh_ordered_map_remove(&store->order, kh_version_key(first));
  return status;
}

/* What readers may look at has to be there before it can be found. */
static void prepare_link(kh_store *store, kh_version *newest, kh_version *version) {
  KH_ASSERT(newest == NULL || newest->timestamp < version->timestamp);
  atomic_store_explicit(&version->older, newest, memory_order_relaxed);
  version->depth = newest == NULL ? 1 : newest->depth == UINT16_MAX ? UINT16_MAX : newest->depth + 1;
  if (version->depth > atomic_load_explicit(&store->gauges.longest_chain, memory_order_relaxed))
    atomic_store_explicit(&store->gauges.longest_chain, version->depth, memory_order_relaxed);
}

khonsu_status kh_store_link(kh_store *store, uint64_t hash, kh_version *newest, kh_version *version) {
  prepare_link(store, newest, version);
  if (newest == NULL) {
    khonsu_status status = add_to_indexes(store, hash, version);
    if (status != KHONSU_OK) return status;
    kh_gauge_add(&store->gauges.records, 1);
    kh_store_note_unreclaimed(store);
  } else {
    newest->newer = version;
    kh_hash_map_replace(&store->index, hash, (uint64_t)(uintptr_t)newest, (uint64_t)(uintptr_t)version);
  }
  kh_gauge_add(&store->gauges.versions, 1);
  kh_gauge_add(&store->gauges.memory, kh_version_charge(version));
  return KHONSU_OK;
}

static void free_version(kh_epoch *epoch, kh_retired *retired) {
  kh_version_unref(KH_CONTAINER_OF(retired, kh_version, retired), &KH_CONTAINER_OF(epoch, kh_store, epoch)->cache);
}

void kh_store_retire_version(kh_store *store, kh_version *version) {
  kh_gauge_add(&store->gauges.versions, (uint64_t)-1);
  kh_gauge_add(&store->gauges.memory, -kh_version_charge(version));
  kh_epoch_retire(&store->epoch, &version->retired, free_version);
}

void kh_store_remove(kh_store *store, uint64_t hash, kh_version *last) {
  kh_hash_map_remove(&store->index, hash, (uint64_t)(uintptr_t)last);
  if (store->ordering) kh_ordered_map_remove(&store->order, kh_version_key(last));
  kh_gauge_add(&store->gauges.records, (uint64_t)-1);
  kh_store_retire_version(store, last);
}

void kh_store_undo(kh_store *store, uint64_t hash, kh_version *version) {
  KH_ASSERT(version->timestamp > kh_store_visible(store));
  kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  if (older == NULL) {
    kh_store_remove(store, hash, version);
    return;
  }
  kh_hash_map_replace(&store->index, hash, (uint64_t)(uintptr_t)version, (uint64_t)(uintptr_t)older);
  older->newer = NULL;
  kh_store_retire_version(store, version);
}

static void queue_superseded(kh_store *store, kh_version *version, uint64_t bytes) {
  if (version->kind == KH_TABLE) kh_table_prefetch(kh_version_table(version)); /* it is let go soon */
  store->unjudged_count++;
  store->unjudged_bytes += bytes;
  if (version->queued) return; /* a tombstone that is still to be judged as such */
  kh_version_list_push(&store->superseded, version);
}

void kh_store_settle(kh_store *store, uint64_t hash, kh_version *version) {
  atomic_store_explicit(&store->settled, version->timestamp, memory_order_release); /* before it is logged */
  kh_commit_log_append(&store->log, version->timestamp, hash);
  kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  if (older != NULL) {
    older->replaced_at = version->timestamp;
    bool shares = version->kind == KH_TABLE && kh_version_accrued(version)->incarnation != version->timestamp;
    queue_superseded(store, older, shares ? kh_version_memory(older) : kh_version_charge(older));
  }
  if (version->kind == KH_TOMBSTONE) queue_superseded(store, version, kh_version_memory(version));
}
