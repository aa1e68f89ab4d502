/* forget: over a storage memory is a cache. Which keys go is left to chance: the hash index is looked through a segment at a
 * time, so that a key that was read a moment ago is as likely to go as another, and costs a read of the storage. To know
 * better, every read would have to leave a mark. */
#include "mvcc.h"

typedef struct piece {
  uint64_t until; /* versions up to this one may be forgotten */
  uint64_t bytes;
  kh_buffer found; /* of kh_version * */
} piece;

/* The only version of its key, published, and in no queue. Its successor will be certified against what the storage has. */
static bool can_be_forgotten(const kh_version *version, uint64_t until) {
  return version->timestamp <= until && version->kind != KH_TOMBSTONE && !version->queued &&
         atomic_load_explicit(&version->older, memory_order_relaxed) == NULL;
}

static void find(void *ctx, uint64_t word) {
  piece *to = ctx;
  kh_version *version = kh_word_version(word);
  if (to->bytes == 0 || !can_be_forgotten(version, to->until)) return;
  if (kh_buffer_append(&to->found, &version, sizeof version) != KHONSU_OK) return;
  uint64_t bytes = kh_version_charge(version);
  to->bytes -= bytes < to->bytes ? bytes : to->bytes;
}

static void forget(kh_store *store, const piece *from) {
  kh_version *const *versions = (kh_version *const *)(const void *)from->found.data;
  for (size_t i = 0; i < from->found.size / sizeof *versions; i++) {
    if (versions[i]->timestamp > store->forgotten) store->forgotten = versions[i]->timestamp;
    kh_store_remove(store, kh_store_hash(store, kh_version_key(versions[i])), versions[i]);
  }
}

/* With an older one below it, readers would take that for the version they do not find. */
static bool can_be_left_to_storage(const kh_version *version, const kh_forgetting *what) {
  return atomic_load_explicit(&version->older, memory_order_relaxed) == NULL &&
         what->keeps(what->ctx, version->timestamp, version->replaced_at);
}

/* What the slot's snapshot keeps. False: nothing went. */
static bool forget_pinned(kh_store *store, kh_snapshot *slot, const kh_forgetting *what) {
  kh_version_list pins = slot->pins;
  bool went = false;
  slot->pins = (kh_version_list){NULL, NULL};
  while (pins.first != NULL) {
    kh_version *version = kh_version_list_pop(&pins);
    if (!can_be_left_to_storage(version, what)) {
      kh_version_list_push(&slot->pins, version);
      continue;
    }
    uint64_t bytes = kh_version_charge(version);
    slot->pinned_bytes -= bytes;
    kh_gauge_add(&store->gauges.pinned, -bytes);
    kh_store_unlink(store, version);
    went = true;
  }
  return went;
}

/* Chains are forgotten from their old ends, which other slots may keep. */
static void forget_all_pinned(kh_store *store, const kh_forgetting *what) {
  for (bool went = true; went;) {
    went = false;
    for (kh_snapshot *slot = atomic_load(&store->snapshots.slots); slot != NULL; slot = slot->next)
      went |= forget_pinned(store, slot, what);
  }
}

/* Once round the index at most. */
static void forget_keys(kh_store *store, piece *of) {
  for (bool wrapped = false; of->bytes != 0;) {
    bool more = kh_hash_map_visit(&store->index, &store->forget_position, find, of);
    forget(store, of);
    of->found.size = 0;
    kh_epoch_collect(&store->epoch, UINT64_MAX);
    if (more) continue;
    store->forget_position = 0;
    if (wrapped) break;
    wrapped = true;
  }
}

bool kh_store_forget(kh_store *store, uint64_t bytes, const kh_forgetting *what) {
  kh_slots_view seen;
  if (store->forgettable == UINT64_MAX || !kh_store_look(store, &seen)) return false;
  forget_all_pinned(store, what);
  uint64_t all = seen.horizon < store->forgettable ? seen.horizon : store->forgettable;
  piece of = {seen.running, bytes, {NULL, 0, 0}};
  forget_keys(store, &of);
  of.until = all; /* it costs those that are running a look at the storage */
  if (of.bytes != 0 && all > seen.running) forget_keys(store, &of);
  kh_buffer_fini(&of.found);
  kh_store_note_unreclaimed(store);
  return of.bytes == 0;
}

/* A write of the key after `read_at` that memory does not know any more was forgotten, and is not newer than what was. */
bool kh_store_adopt(kh_store *store, kh_version *version, uint64_t read_at) {
  khonsu_slice key = kh_version_key(version);
  uint64_t hash = kh_store_hash(store, key);
  if (read_at >= store->forgotten && kh_store_find(store, key, hash) == NULL &&
      kh_store_link(store, hash, NULL, version) == KHONSU_OK)
    return true;
  kh_version_unref(version, &store->cache);
  return false;
}
