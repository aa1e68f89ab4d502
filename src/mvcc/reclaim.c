/* reclaim: which versions can go, and when.
 *
 * A version is judged once its successor is published: if an announced snapshot lies in [its timestamp, its
 * successor's), it is pinned to the newest such snapshot and judged again when that one has ended; else it is unlinked
 * and its memory retired to the epoch. So each version is looked at once, and once more for each snapshot that kept it;
 * what an old snapshot cannot see never waits for it.
 *
 * The judged interval ends at the successor that is linked now. Where the version's first successor is gone, no snapshot
 * lay in the gap, and none can come to lie there: new ones are announced at the horizon or later (snapshot.h).
 *
 * A record goes when all that is left of it is a tombstone that no running transaction has to be certified against. */
#include "mvcc.h"

enum { JUDGED_PER_RECLAIM = 4096, RETIRED_PER_COLLECT = 512 };

typedef struct kh_pin_point {
  uint64_t timestamp;
  kh_snapshot *slot;
} pin_point;

typedef kh_slots_view view;

void kh_version_list_push(kh_version_list *list, kh_version *version) {
  version->next = NULL;
  version->queued = true;
  if (list->last != NULL) list->last->next = version;
  else list->first = version;
  list->last = version;
}

kh_version *kh_version_list_pop(kh_version_list *list) {
  kh_version *version = list->first;
  list->first = version->next;
  if (list->first == NULL) list->last = NULL;
  version->queued = false;
  return version;
}

void kh_version_list_splice(kh_version_list *list, kh_version_list *tail) {
  if (tail->first == NULL) return;
  if (list->last != NULL) list->last->next = tail->first;
  else list->first = tail->first;
  list->last = tail->last;
  *tail = (kh_version_list){NULL, NULL};
}

static bool make_room(kh_store *store, size_t count) {
  if (count <= store->point_capacity) return true;
  size_t capacity = count * 2;
  pin_point *points = kh_realloc_array(store->points, capacity, sizeof *points);
  if (points == NULL) return false;
  store->points = points;
  store->point_capacity = capacity;
  return true;
}

static int by_timestamp(const void *a, const void *b) {
  uint64_t left = ((const pin_point *)a)->timestamp, right = ((const pin_point *)b)->timestamp;
  return left < right ? -1 : left > right;
}

static void expire_if_too_old(const kh_store *store, kh_snapshot *slot, uint64_t now) {
  if (store->snapshot_age_ns_max == 0) return;
  uint64_t begun = atomic_load(&slot->begun);
  if (begun == 0 || begun == KH_EXPIRED) return;
  if (now - atomic_load(&slot->begun_ns) <= store->snapshot_age_ns_max) return;
  atomic_compare_exchange_strong(&slot->begun, &begun, KH_EXPIRED);
}

/* Moves what `slot` pinned to be judged again, if its snapshot has ended. */
static void release_pins(kh_store *store, kh_snapshot *slot, uint64_t pinned) {
  if (slot->pins.first == NULL || slot->pins_for == pinned) return;
  kh_version_list_splice(&store->unpinned, &slot->pins);
  kh_gauge_add(&store->gauges.pinned, -slot->pinned_bytes);
  slot->pinned_bytes = 0;
}

static void note_certified(view *seen, uint64_t begun) {
  uint64_t timestamp = begun >> KH_ANNOUNCED_BITS;
  if (begun == KH_EXPIRED || !(begun & KH_CERTIFIES)) return;
  if (timestamp < seen->certifies) seen->certifies = timestamp;
  if (timestamp < seen->running && !(begun & KH_LATER)) seen->running = timestamp;
}

bool kh_store_look(kh_store *store, view *seen) {
  seen->horizon = kh_store_visible(store);
  seen->certifies = seen->running = seen->horizon < store->forgettable ? seen->horizon : store->forgettable;
  seen->count = 0;
  atomic_store(&store->snapshots.horizon, seen->horizon); /* C of snapshot.h */
  uint64_t now = store->snapshot_age_ns_max != 0 ? kh_os_now_coarse_ns() : 0;
  for (kh_snapshot *slot = atomic_load(&store->snapshots.slots); slot != NULL; slot = slot->next) {
    expire_if_too_old(store, slot, now);
    uint64_t begun = atomic_load(&slot->begun); /* D */
    uint64_t pinned = kh_snapshot_pinned(slot);
    release_pins(store, slot, pinned);
    note_certified(seen, begun);
    if (pinned == 0) continue;
    if (!make_room(store, seen->count + 1)) return false;
    store->points[seen->count++] = (pin_point){pinned, slot};
  }
  if (seen->count > 1) qsort(store->points, seen->count, sizeof *store->points, by_timestamp);
  return true;
}

/* The newest snapshot seen that lies in [from, to), or NULL. */
static const pin_point *snapshot_between(const kh_store *store, const view *seen, uint64_t from, uint64_t to) {
  size_t low = 0, high = seen->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (store->points[middle].timestamp < to) low = middle + 1;
    else high = middle;
  }
  if (low == 0 || store->points[low - 1].timestamp < from) return NULL;
  return &store->points[low - 1];
}

static void pin(kh_store *store, kh_version *version, const pin_point *point) {
  uint64_t bytes = kh_version_charge(version);
  kh_version_list_push(&point->slot->pins, version);
  point->slot->pinned_bytes += bytes;
  kh_gauge_add(&store->gauges.pinned, bytes);
  point->slot->pins_for = point->timestamp;
  atomic_store(&point->slot->pinned_something, true);
}

/* Chunks that an append shares with what follows it are the successor's from now on; those that the successor has no more
 * (an upsert replaced them) go with the version. */
static void hand_on_charge(kh_version *version, kh_version *newer) {
  if (version->kind != KH_TABLE || newer->kind != KH_TABLE) return;
  kh_accrued *value = kh_version_accrued(version), *newer_value = kh_version_accrued(newer);
  if (newer_value->incarnation != value->incarnation) return;
  uint64_t bytes = kh_table_bytes_in_memory(newer_value->table);
  uint64_t room = bytes > newer_value->charge ? bytes - newer_value->charge : 0;
  uint64_t handed_on = value->charge < room ? value->charge : room;
  newer_value->charge += handed_on;
  value->charge -= handed_on;
}

void kh_store_unlink(kh_store *store, kh_version *version) {
  kh_version *newer = version->newer, *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  atomic_store(&newer->older, older); /* unlinks: C of base/epoch.h */
  if (older != NULL) older->newer = newer;
  hand_on_charge(version, newer);
  kh_store_retire_version(store, version);
  if (older == NULL && newer->kind == KH_TOMBSTONE && newer->newer == NULL && !newer->queued)
    kh_version_list_push(&store->waiting, newer);
}

/* A tombstone that is the head of its chain, and published. With older versions under it, it comes back when the last
 * of them is unlinked. */
static void judge_tombstone(kh_store *store, const view *seen, kh_version *tombstone) {
  if (atomic_load_explicit(&tombstone->older, memory_order_relaxed) != NULL) return;
  if (tombstone->timestamp <= seen->certifies) {
    if (tombstone->timestamp > store->forgotten) store->forgotten = tombstone->timestamp;
    kh_store_remove(store, kh_store_hash(store, kh_version_key(tombstone)), tombstone);
  } else kh_version_list_push(&store->waiting, tombstone);
}

static uint16_t depth_under(const kh_version *version) {
  const kh_version *older = atomic_load_explicit(&version->older, memory_order_relaxed);
  return older == NULL ? 0 : older->depth;
}

static void judge(kh_store *store, const view *seen, kh_version *version) {
  if (version->newer == NULL) {
    judge_tombstone(store, seen, version);
    return;
  }
  kh_version *newer = version->newer;
  const pin_point *point = snapshot_between(store, seen, version->timestamp, newer->timestamp);
  if (point != NULL) pin(store, version, point);
  else kh_store_unlink(store, version);
  newer->depth = (uint16_t)(depth_under(newer) + (depth_under(newer) != UINT16_MAX));
}

/* Whether what superseded the version, or the tombstone itself, is published. */
static bool can_be_judged(const view *seen, const kh_version *version) {
  uint64_t since = version->newer != NULL ? version->newer->timestamp : version->timestamp;
  return since <= seen->horizon;
}

static void judge_list(kh_store *store, const view *seen, kh_version_list *list, int *budget) {
  while (list->first != NULL && *budget > 0 && can_be_judged(seen, list->first)) {
    --*budget;
    judge(store, seen, kh_version_list_pop(list));
  }
}

/* Tombstones wait roughly in the order of their timestamps: the first that must go on waiting ends the walk. */
static void judge_waiting(kh_store *store, const view *seen, int *budget) {
  kh_version_list todo = store->waiting;
  store->waiting = (kh_version_list){NULL, NULL};
  while (todo.first != NULL && *budget > 0) {
    if (todo.first->newer == NULL && todo.first->timestamp > seen->certifies) break;
    if (!can_be_judged(seen, todo.first)) break;
    --*budget;
    judge(store, seen, kh_version_list_pop(&todo));
  }
  kh_version_list_splice(&todo, &store->waiting);
  store->waiting = todo;
}

/* Gives up the oldest snapshot, if snapshots keep more than they may. */
static bool expire_for_memory(kh_store *store, const view *seen) {
  if (store->pinned_bytes_max == 0 || seen->count == 0) return false;
  if (atomic_load_explicit(&store->gauges.pinned, memory_order_relaxed) <= store->pinned_bytes_max) return false;
  kh_snapshot *oldest = store->points[0].slot;
  uint64_t begun = atomic_load(&oldest->begun);
  if (begun >> KH_ANNOUNCED_BITS != store->points[0].timestamp) return false; /* it has just ended */
  return atomic_compare_exchange_strong(&oldest->begun, &begun, KH_EXPIRED);
}

static void judge_all(kh_store *store, const view *seen, int *budget) {
  judge_list(store, seen, &store->unpinned, budget);
  judge_list(store, seen, &store->superseded, budget);
  judge_waiting(store, seen, budget);
}

bool kh_store_reclaim(kh_store *store) {
  view seen;
  store->unjudged_count = store->unjudged_bytes = 0;
  int budget = JUDGED_PER_RECLAIM;
  do {
    if (!kh_store_look(store, &seen)) return false;
    judge_all(store, &seen, &budget);
  } while (expire_for_memory(store, &seen) && budget > 0);
  if (atomic_load_explicit(&store->gauges.pinned, memory_order_relaxed) == 0)
    atomic_store_explicit(&store->gauges.longest_chain, 1, memory_order_relaxed);
  kh_epoch_collect(&store->epoch, 2 * JUDGED_PER_RECLAIM);
  store->collect_at = store->epoch.retired_count + RETIRED_PER_COLLECT;
  kh_store_note_unreclaimed(store);
  return budget == 0;
}

uint64_t kh_store_oldest_snapshot(const kh_store *store, uint64_t newest) {
  uint64_t oldest = newest;
  for (kh_snapshot *slot = atomic_load(&store->snapshots.slots); slot != NULL; slot = slot->next) {
    uint64_t pinned = kh_snapshot_pinned(slot);
    if (pinned != 0 && pinned < oldest) oldest = pinned;
  }
  return oldest;
}
