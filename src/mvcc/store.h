/* store: the records of one partition, their index, and the published moment. The index leads to the newest version of
 * each key, published or not; that leads to the older ones.
 *
 * Threads: functions under "readers" may be called by anyone (find and visible inside the epoch); those under "the
 * seat's" by one thread at a time, the holder of the committer's seat.
 *
 * Life of a version:
 *   staged --link--> linked, invisible --publish--> visible --superseded, judged--> unlinked --epoch--> unreferenced
 *                       `--undo--> unlinked */
#ifndef KH_MVCC_STORE_H
#define KH_MVCC_STORE_H

#include "commit_log.h"
#include "index/index.h"
#include "snapshot.h"

/* Relaxed counters: written by the seat, read by khonsu_stat. */
typedef struct kh_store_gauges {
  _Atomic uint64_t records, versions, memory, unreclaimed;
  _Atomic uint64_t pinned;        /* bytes of versions that only snapshots keep */
  _Atomic uint64_t longest_chain; /* most versions of one key since nothing was pinned */
} kh_store_gauges;

struct kh_pin_point;

typedef struct kh_store {
  kh_epoch epoch;
  kh_heap *heap;
  kh_hash_map index;
  kh_ordered_map order; /* all keys once `ordered`; before, those that kh_store_order has come to */
  _Atomic bool ordered;
  uint64_t hash_seed;
  kh_snapshots snapshots;
  kh_store_gauges gauges;
  kh_commit_log log;
  _Atomic uint64_t settled; /* versions up to this timestamp are final, though perhaps not yet visible */
  uint64_t snapshot_age_ns_max, pinned_bytes_max; /* 0 = no limit */

  /* the seat's */
  kh_heap_cache cache;
  bool ordering;            /* new keys are put in order too */
  uint64_t order_position;  /* how far the hash index has been taken over */
  uint64_t newest;          /* timestamp of the newest linked version */
  uint64_t forgettable;     /* a key may be forgotten if its versions are not newer; UINT64_MAX: there is no storage */
  uint64_t forgotten;       /* the newest version that left no trace, deletion or forgotten value */
  uint64_t forget_position; /* how far the hash index has been looked through for something to forget */
  kh_version_list superseded; /* to be judged, in the order of the commits that superseded them; tombstones too */
  kh_version_list unpinned;   /* to be judged again: their snapshot ended */
  kh_version_list waiting;    /* tombstones that a running transaction may have to be certified against */
  uint64_t unjudged_count, unjudged_bytes; /* since the last reclaim */
  uint64_t collect_at;                     /* retired nodes; some may have waited for a reader when it was last tried */
  struct kh_pin_point *points;
  size_t point_capacity;
} kh_store;

/* `newest`: the timestamp that everything before this store's first commit has. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_store_init(kh_store *store, uint64_t newest, uint64_t snapshot_age_ms_max,
                                            uint64_t pinned_bytes_max);
/* Frees everything but what is lent out, which keeps its heap; no transaction may be open. */
void kh_store_fini(kh_store *store);

/* ---- readers */
static inline uint64_t kh_store_hash(const kh_store *store, khonsu_slice key) {
  return kh_hash_bytes(key, store->hash_seed);
}
static inline kh_version *kh_word_version(uint64_t word) { return (kh_version *)(uintptr_t)word; }
/* Compiled into the index's probe. */
static inline bool kh_store_word_has_key(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  const kh_version *version = kh_word_version(word);
  return version->key_size == key.size && kh_bytes_equal(version->key, key.data, key.size);
}
/* The newest version of the key, published or not; NULL: there is none. */
static inline kh_version *kh_store_find(const kh_store *store, khonsu_slice key, uint64_t hash) {
  return kh_word_version(kh_hash_map_find_by(&store->index, key, hash, kh_store_word_has_key, NULL));
}
/* For who has several keys to find: has the memory fetched that the find of this hash begins with; and then, header and
 * key of the version that it most likely ends at. */
static inline void kh_store_prefetch(const kh_store *store, uint64_t hash) {
  kh_hash_map_prefetch(kh_hash_map_entry(&store->index, hash), hash);
}
static inline void kh_store_prefetch_version(const kh_store *store, uint64_t hash) {
  kh_version_prefetch(kh_word_version(kh_hash_map_guess(kh_hash_map_entry(&store->index, hash), hash)), false);
}
/* Calls `visit` with the newest version of each key of this hash; nearly always one, if any. */
void kh_store_each_of_hash(const kh_store *store, uint64_t hash, void (*visit)(void *ctx, kh_version *newest),
                           void *ctx);
static inline uint64_t kh_store_visible(const kh_store *store) { return atomic_load(&store->snapshots.visible); }

/* ---- the seat's */
/* Links `version`, whose timestamp is set, as the newest of its key, over `newest` (NULL: there is none); takes over the
 * caller's reference. NO_MEMORY, only for a new key: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_store_link(kh_store *store, uint64_t hash, kh_version *newest, kh_version *version);
/* Takes the newest version of its key out again, which must not have been published. */
void kh_store_undo(kh_store *store, uint64_t hash, kh_version *version);
/* The link of `version`, the newest of its key, is final (persisted): what it superseded may go once it is published. */
void kh_store_settle(kh_store *store, uint64_t hash, kh_version *version);
static inline uint64_t kh_store_settled(const kh_store *store) { return atomic_load(&store->settled); }

/* Everything up to `timestamp` becomes visible, at once. (In the seat, or by whoever flushes in order.) */
static inline void kh_store_publish(kh_store *store, uint64_t timestamp) {
  KH_ASSERT(atomic_load_explicit(&store->snapshots.visible, memory_order_relaxed) <= timestamp);
  atomic_store(&store->snapshots.visible, timestamp); /* with the readers' load: all links made before are seen */
}

/* Whether enough has been superseded, or retired by the indexes, that looking for what can go pays. */
static inline bool kh_store_wants_reclaim(const kh_store *store) {
  return store->unjudged_count >= 256 || store->unjudged_bytes >= (UINT64_C(1) << 20) ||
         store->epoch.retired_count >= store->collect_at;
}
/* Unlinks versions and records nobody can see, frees what nobody can be looking at; a bounded amount of work. True:
 * there is more to do. */
bool kh_store_reclaim(kh_store *store);
/* Over a storage, which has a copy of it all: forgets keys, values and all, until `bytes` less are held or there are no more
 * that can be; and what only snapshots keep, as far as the storage keeps it too: what was written at `from` and replaced at
 * `until`. Keys that changed since a transaction began that will be certified go last; deleted ones stay. Returns whether it
 * came to so many. */
typedef struct kh_forgetting {
  bool (*keeps)(void *ctx, uint64_t from, uint64_t until);
  void *ctx;
} kh_forgetting;
bool kh_store_forget(kh_store *store, uint64_t bytes, const kh_forgetting *what);
/* Makes a version that the storage had as of `read_at` known again: the newest of its key. Takes over the reference. False:
 * it is known already, may have been replaced, or there is no memory. */
bool kh_store_adopt(kh_store *store, kh_version *version, uint64_t read_at);
/* The oldest timestamp a transaction reads at now, `newest` if there is none older. Any thread. For `newest` the horizon,
 * no transaction will ever ask for less than what is returned. */
uint64_t kh_store_oldest_snapshot(const kh_store *store, uint64_t newest);

/* ---- within the room */
static inline void kh_store_note_unreclaimed(kh_store *store) {
  atomic_store_explicit(&store->gauges.unreclaimed, store->epoch.retired_count, memory_order_relaxed);
}
/* What one walk of the slots saw. */
typedef struct kh_slots_view {
  uint64_t horizon; /* all announcements not seen are of this timestamp or later */
  uint64_t
      certifies; /* the oldest snapshot of a transaction that will be certified, begun or not; the horizon if there is
                         none; and no more than what may be forgotten */
  uint64_t running; /* the same of those that have begun */
  size_t count;     /* of store->points, in order of timestamp */
} kh_slots_view;
/* Walks the slots; moves `horizon`. False: out of memory; nothing can be judged now. */
bool kh_store_look(kh_store *store, kh_slots_view *seen);
/* Takes the key whose only version this is out of the indexes, and retires the version. */
void kh_store_remove(kh_store *store, uint64_t hash, kh_version *last);
/* Takes a superseded version out of its chain, and retires it. */
void kh_store_unlink(kh_store *store, kh_version *version);
void kh_version_list_push(kh_version_list *list, kh_version *version);
kh_version *kh_version_list_pop(kh_version_list *list);
void kh_version_list_splice(kh_version_list *list, kh_version_list *tail);
void kh_store_retire_version(kh_store *store, kh_version *version);
static inline void kh_gauge_add(_Atomic uint64_t *gauge, uint64_t amount) {
  atomic_store_explicit(gauge, atomic_load_explicit(gauge, memory_order_relaxed) + amount, memory_order_relaxed);
}

#endif
