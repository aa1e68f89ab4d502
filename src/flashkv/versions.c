#include "versions.h"

static fkv_link *link_of(uint64_t word) { return (fkv_link *)(uintptr_t)word; }

static bool link_is_from(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  return link_of(word)->newer == kh_load_8(key.data);
}

static khonsu_slice key_of(const uint64_t *newer) { return kh_slice(newer, sizeof *newer); }
static uint64_t hash_of(uint64_t newer) { return kh_hash_bytes(key_of(&newer), 0); }
static uint64_t link_hash(void *ctx, uint64_t word) {
  (void)ctx;
  return hash_of(link_of(word)->newer);
}

khonsu_status fkv_versions_init(fkv_versions *versions, kh_epoch *epoch, kh_heap *heap) {
  *versions = (fkv_versions){.epoch = epoch, .oldest = UINT64_MAX, .sweep_at = 1024};
  kh_key_source source = {link_is_from, link_hash, NULL, NULL};
  return kh_hash_map_init(&versions->links, source, epoch, heap);
}

void fkv_versions_fini(fkv_versions *versions) {
  while (versions->first != NULL) {
    fkv_link *next = versions->first->next;
    kh_free(versions->first);
    versions->first = next;
  }
  kh_free(versions->snapshots);
  kh_hash_map_fini(&versions->links);
}

/* ---- links */

/* NULL: before all others. */
static void enlist_after(fkv_versions *versions, fkv_link *before, fkv_link *link) {
  link->before = before;
  link->next = before == NULL ? versions->first : before->next;
  *(before == NULL ? &versions->first : &before->next) = link;
  *(link->next == NULL ? &versions->last : &link->next->before) = link;
  versions->count++;
}

static void delist(fkv_versions *versions, fkv_link *link) {
  if (link->before != NULL) link->before->next = link->next;
  else versions->first = link->next;
  if (link->next != NULL) link->next->before = link->before;
  else versions->last = link->before;
  versions->count--;
}

static khonsu_status add_after(fkv_versions *versions, fkv_link *before, uint64_t newer, uint64_t older, uint64_t from,
                               uint64_t until) {
  fkv_link *link = kh_alloc(sizeof *link);
  if (link == NULL) return FLASHKV_NO_MEMORY;
  *link = (fkv_link){.newer = newer, .from = from, .until = until};
  atomic_init(&link->older, older);
  khonsu_status status = kh_hash_map_insert(&versions->links, hash_of(newer), (uint64_t)(uintptr_t)link);
  if (status != FLASHKV_OK) {
    kh_free(link);
    return status;
  }
  enlist_after(versions, before, link);
  return FLASHKV_OK;
}

khonsu_status fkv_versions_link(fkv_versions *versions, uint64_t newer, uint64_t older, uint64_t from, uint64_t until) {
  return add_after(versions, versions->last, newer, older, from, until);
}

static fkv_link *find_link(const fkv_versions *versions, uint64_t newer) {
  return link_of(kh_hash_map_find_by(&versions->links, key_of(&newer), hash_of(newer), link_is_from, NULL));
}

khonsu_status fkv_versions_copy(fkv_versions *versions, uint64_t from, uint64_t to) {
  fkv_link *passed = find_link(versions, from);
  if (passed == NULL) return FLASHKV_OK;
  uint64_t behind = atomic_load_explicit(&passed->older, memory_order_relaxed);
  return add_after(versions, passed, to, behind, passed->from, passed->until);
}

khonsu_status fkv_versions_insert(fkv_versions *versions, uint64_t head, uint64_t head_sequence, uint64_t word,
                                  uint64_t sequence, bool *kept) {
  fkv_link *link = find_link(versions, head);
  uint64_t newer = head, until = head_sequence;
  while (link != NULL && link->from > sequence) {
    newer = atomic_load_explicit(&link->older, memory_order_relaxed);
    until = link->from;
    link = find_link(versions, newer);
  }
  *kept = until > versions->oldest;
  if (!*kept) return FLASHKV_OK;
  if (link == NULL) return fkv_versions_link(versions, newer, word, sequence, until);
  uint64_t older = atomic_load_explicit(&link->older, memory_order_relaxed);
  khonsu_status status = fkv_versions_link(versions, word, older, link->from, sequence);
  if (status != FLASHKV_OK) return status;
  atomic_store(&link->older, word);
  link->from = sequence;
  return FLASHKV_OK;
}

static void free_link(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  kh_free(KH_CONTAINER_OF(retired, fkv_link, retired));
}

static void drop(fkv_versions *versions, fkv_link *link) {
  delist(versions, link);
  atomic_fetch_add(&versions->departures, 1); /* before it can be missed: with the loads of who walks */
  kh_hash_map_remove(&versions->links, hash_of(link->newer), (uint64_t)(uintptr_t)link);
  kh_epoch_retire(versions->epoch, &link->retired, free_link);
}

void fkv_versions_unlink(fkv_versions *versions, uint64_t newer) {
  fkv_link *link = find_link(versions, newer);
  if (link != NULL) drop(versions, link);
}

void fkv_versions_clear(fkv_versions *versions) {
  while (versions->first != NULL) drop(versions, versions->first);
}

bool fkv_versions_are_sound(const fkv_versions *versions) {
  for (const fkv_link *link = versions->first; link != NULL; link = link->next) {
    const fkv_link *further = find_link(versions, atomic_load_explicit(&link->older, memory_order_relaxed));
    if (further != NULL && further->from >= link->from) return false;
  }
  return true;
}

uint64_t fkv_versions_older(const fkv_versions *versions, uint64_t word) {
  const fkv_link *link = find_link(versions, word);
  return link == NULL ? 0 : atomic_load(&link->older); /* with the store of trim */
}

uint64_t fkv_versions_newer(const fkv_versions *versions, uint64_t newest, uint64_t word) {
  uint64_t at = newest;
  /* Links that an image made up may go round. */
  for (uint64_t steps = 0; at != 0 && steps <= versions->count; steps++) {
    uint64_t older = fkv_versions_older(versions, at);
    if (older == word) return at;
    at = older;
  }
  return 0;
}

void fkv_versions_redirect(fkv_versions *versions, uint64_t newer, uint64_t to) {
  atomic_store(&find_link(versions, newer)->older, to); /* with the load of older */
}

/* ---- snapshots */

/* How many snapshots are of a sequence below this one. */
static size_t snapshots_before(const fkv_versions *versions, uint64_t sequence) {
  size_t low = 0, high = versions->snapshot_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (versions->snapshots[middle] < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

khonsu_status fkv_versions_hold(fkv_versions *versions, uint64_t sequence) {
  if (versions->snapshot_count == versions->snapshot_capacity) {
    size_t capacity = versions->snapshot_capacity == 0 ? 16 : 2 * versions->snapshot_capacity;
    uint64_t *grown = kh_realloc_array(versions->snapshots, capacity, sizeof *grown);
    if (grown == NULL) return FLASHKV_NO_MEMORY;
    versions->snapshots = grown;
    versions->snapshot_capacity = capacity;
  }
  size_t at = snapshots_before(versions, sequence);
  memmove(versions->snapshots + at + 1, versions->snapshots + at, (versions->snapshot_count - at) * sizeof(uint64_t));
  versions->snapshots[at] = sequence;
  versions->snapshot_count++;
  return FLASHKV_OK;
}

void fkv_versions_release(fkv_versions *versions, uint64_t sequence) {
  size_t at = snapshots_before(versions, sequence);
  KH_ASSERT(at < versions->snapshot_count && versions->snapshots[at] == sequence);
  versions->snapshot_count--;
  memmove(versions->snapshots + at, versions->snapshots + at + 1, (versions->snapshot_count - at) * sizeof(uint64_t));
}

bool fkv_versions_reach(const fkv_versions *versions, uint64_t sequence, uint64_t newest) {
  if (sequence >= versions->oldest || sequence == newest) return true;
  size_t at = snapshots_before(versions, sequence);
  return at < versions->snapshot_count && versions->snapshots[at] == sequence;
}

static bool is_wanted(const fkv_versions *versions, const fkv_link *link) {
  if (link->from == link->until) return false; /* replaced by the commit that wrote it */
  if (link->until > versions->oldest) return true;
  size_t at = snapshots_before(versions, link->from);
  return at < versions->snapshot_count && versions->snapshots[at] < link->until;
}

/* The version `link` leads to leaves. If it has an older one itself, the link leads to that from now on. Returns the link
 * that is next in the list. */
static fkv_link *join_across(fkv_versions *versions, fkv_link *link, bool *last) {
  fkv_link *further = find_link(versions, atomic_load_explicit(&link->older, memory_order_relaxed));
  *last = further == NULL;
  if (further != NULL) {
    link->from = further->from;
    link->until = further->until;
    atomic_store(&link->older,
                 atomic_load_explicit(&further->older, memory_order_relaxed)); /* with the load of older */
    drop(versions, further);
    return link->next;
  }
  fkv_link *next = link->next;
  drop(versions, link);
  return next;
}

void fkv_versions_trim(fkv_versions *versions, void (*leave)(void *ctx, uint64_t newer, uint64_t older, bool last),
                       void *ctx) {
  bool all = versions->count >= versions->sweep_at;
  for (fkv_link *link = versions->first; link != NULL;) {
    if (is_wanted(versions, link)) {
      if (!all) return;
      link = link->next;
      continue;
    }
    uint64_t newer = link->newer, older = atomic_load_explicit(&link->older, memory_order_relaxed);
    bool last;
    link = join_across(versions, link, &last);
    leave(ctx, newer, older, last);
  }
  versions->sweep_at = 2 * versions->count + 1024;
}
