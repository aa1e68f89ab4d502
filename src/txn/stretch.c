#include "stretch.h"

/* Stretches of fewer entries are cheaper walked in the seat than twice. */
enum { WIDE = 256, CATCH_UP = 256, WALKS_OUTSIDE = 3, BATCH = 64 };

static khonsu_status copy_key(kh_buffer *to, khonsu_slice key) { return kh_buffer_set(to, key.data, key.size); }

kh_stretch *kh_stretch_new(kh_limit from, bool reverse, uint64_t read_at) {
  kh_stretch *stretch = kh_alloc_zero(sizeof *stretch);
  if (stretch == NULL) return NULL;
  if (from.bounded && copy_key(&stretch->from, from.key) != KHONSU_OK) {
    kh_free(stretch);
    return NULL;
  }
  from.key = kh_buffer_slice(&stretch->from);
  stretch->low = stretch->high = from;
  stretch->reverse = reverse;
  stretch->read_at = read_at;
  return stretch;
}

void kh_stretch_free(kh_stretch *stretch) {
  kh_buffer_fini(&stretch->from);
  kh_buffer_fini(&stretch->reached);
  kh_buffer_fini(&stretch->broken_key);
  kh_free(stretch);
}

static void move(kh_stretch *stretch, kh_limit limit) { *(stretch->reverse ? &stretch->low : &stretch->high) = limit; }

khonsu_status kh_stretch_reserve(kh_stretch *stretch, size_t key_size) {
  if (stretch->reached.capacity >= key_size) return KHONSU_OK;
  return kh_buffer_reserve(&stretch->reached, key_size);
}

void kh_stretch_reach(kh_stretch *stretch, khonsu_slice key, uint64_t entries) {
  KH_ASSERT(key.size <= stretch->reached.capacity);
  memcpy(stretch->reached.data, key.data, key.size);
  stretch->reached.size = key.size;
  move(stretch, (kh_limit){kh_buffer_slice(&stretch->reached), .bounded = true, .inclusive = true});
  stretch->entries += entries;
}

khonsu_status kh_stretch_finish(kh_stretch *stretch, kh_limit end) {
  if (end.bounded) {
    khonsu_status status = copy_key(&stretch->reached, end.key);
    if (status != KHONSU_OK) return status;
    end.key = kh_buffer_slice(&stretch->reached);
  }
  move(stretch, end);
  if (stretch->entries == 0) stretch->entries = 1; /* an empty range is a range */
  return KHONSU_OK;
}

bool kh_stretch_holds(const kh_stretch *stretch, khonsu_slice key) {
  return stretch->entries != 0 && kh_limit_above(stretch->low, key) && kh_limit_below(stretch->high, key);
}

/* ---- certification */

void kh_stretch_break_at(kh_stretch *stretch, khonsu_slice key, uint64_t version) {
  stretch->broken = true;
  (void)copy_key(&stretch->broken_key, key); /* the report can do without */
  stretch->winner_version = version;
  stretch->winner = 0;
}

/* Outside the seat, where the version may be unlinked meanwhile, its writer must not be looked at (mvcc/version.h). */
static void mark_broken(kh_stretch *stretch, const kh_version *version) {
  kh_stretch_break_at(stretch, kh_version_key(version), version->timestamp);
}

void kh_stretch_break(kh_stretch *stretch, const kh_version *version) {
  mark_broken(stretch, version);
  stretch->winner = version->writer;
}

/* In the seat: the newest commit on the key that broke the stretch. */
static void name_winner(kh_stretch *stretch, const kh_store *store) {
  khonsu_slice key = kh_buffer_slice(&stretch->broken_key);
  const kh_version *newest = key.size == 0 ? NULL : kh_store_find(store, key, kh_store_hash(store, key));
  if (newest == NULL) return;
  stretch->winner_version = newest->timestamp;
  stretch->winner = newest->writer;
}

/* Looks at the newest version not newer than `until`. */
static bool breaks(kh_stretch *stretch, kh_version *newest, uint64_t until) {
  const kh_version *version = kh_version_visible(newest, until);
  if (version == NULL || version->timestamp <= stretch->read_at) return false;
  mark_broken(stretch, version);
  return true;
}

/* A walk through the keys of a stretch, a piece at a time. */
typedef struct key_walk {
  kh_limit from;
  kh_buffer keys, last; /* of the piece; the one that the next goes on after */
  uint64_t until;
  khonsu_status status;
} key_walk;

static key_walk key_walk_of(const kh_stretch *stretch, uint64_t until) {
  return (key_walk){.from = stretch->low, .until = until, .status = KHONSU_OK};
}

static void end_key_walk(key_walk *ended) {
  kh_buffer_fini(&ended->keys);
  kh_buffer_fini(&ended->last);
}

/* False: one of the keys is beyond the stretch, or breaks it. */
static bool look_at_keys(kh_stretch *stretch, const kh_store *store, const key_walk *at, const kh_key_place *places,
                         size_t count) {
  kh_lookup lookup;
  kh_lookup_begin(&lookup, store, at->keys.data, places, count, false);
  for (size_t i = 0; i < count; i++) {
    khonsu_slice key = kh_key_at(at->keys.data, places[i]);
    if (!kh_limit_below(stretch->high, key) || breaks(stretch, kh_lookup_next(&lookup, i), at->until)) return false;
  }
  return true;
}

/* Looks at the next piece. False: that was the end of it, it is broken, or memory has run out. */
static bool walk_piece(kh_stretch *stretch, const kh_store *store, key_walk *at) {
  kh_key_place places[BATCH];
  size_t count;
  at->keys.size = 0;
  at->status = kh_store_read_order(store, at->from, false, &at->keys, places, BATCH, &count);
  if (at->status != KHONSU_OK || !look_at_keys(stretch, store, at, places, count) || count < BATCH) return false;
  at->status = copy_key(&at->last, kh_key_at(at->keys.data, places[count - 1]));
  at->from = (kh_limit){kh_buffer_slice(&at->last), .bounded = true, .inclusive = false};
  return at->status == KHONSU_OK;
}

static khonsu_status walk_in_seat(kh_stretch *stretch, const kh_store *store) {
  key_walk at = key_walk_of(stretch, UINT64_MAX);
  while (walk_piece(stretch, store, &at)) continue;
  end_key_walk(&at);
  return at.status;
}

/* Outside, memory must not wait for the whole walk: a piece at a time. */
static khonsu_status walk_outside(kh_stretch *stretch, const kh_store *store, kh_participant *participant,
                                  uint64_t until) {
  key_walk at = key_walk_of(stretch, until);
  for (bool more = true; more;) {
    kh_epoch_enter(participant);
    more = walk_piece(stretch, store, &at);
    kh_epoch_exit(participant);
  }
  end_key_walk(&at);
  return at.status;
}

typedef struct logged {
  kh_stretch *stretch;
  uint64_t timestamp;
} logged;

static void look_at_logged(void *ctx, kh_version *newest) {
  const logged *write = ctx;
  if (!kh_stretch_holds(write->stretch, kh_version_key(newest))) return;
  (void)breaks(write->stretch, newest, write->timestamp);
}

/* Looks at what was logged since, until `leave` entries are left. False: the log has lost some of it, or the snapshot
 * that keeps the records has expired. Inside the epoch, so that who has not seen it expire may look at the record. */
static bool catch_up(kh_stretch *stretch, const kh_store *store, const kh_snapshot *slot, uint64_t leave) {
  while (!stretch->broken && stretch->log_from + leave < kh_commit_log_count(&store->log)) {
    logged write = {.stretch = stretch};
    uint64_t hash;
    if (!kh_commit_log_read(&store->log, stretch->log_from, &write.timestamp, &hash) || kh_snapshot_expired(slot))
      return false;
    stretch->log_from++;
    if (write.timestamp > stretch->read_at) kh_store_each_of_hash(store, hash, look_at_logged, &write);
  }
  return true;
}

void kh_stretch_certify_outside(kh_stretch *stretch, kh_store *store, kh_participant *participant,
                                const kh_snapshot *slot) {
  if (stretch->entries < WIDE) return;
  for (int walk = 0; walk < WALKS_OUTSIDE && !stretch->broken && !stretch->certified; walk++) {
    /* What is logged before this count is settled at or before that timestamp; all else comes later in the log. */
    stretch->log_from = kh_commit_log_count(&store->log);
    uint64_t settled = kh_store_settled(store);
    if (walk_outside(stretch, store, participant, settled) != KHONSU_OK) return;
    kh_epoch_enter(participant);
    stretch->certified = catch_up(stretch, store, slot, CATCH_UP);
    kh_epoch_exit(participant);
  }
  stretch->lost = stretch->broken;
}

/* *all: whether what is linked, but not logged yet, was looked at too. */
static khonsu_status look_for_changes(kh_stretch *stretch, const kh_store *store, const kh_snapshot *slot, bool *all) {
  *all = true;
  stretch->broken = stretch->lost;
  if (stretch->lost || stretch->entries == 0) return KHONSU_OK;
  if (!stretch->certified || !catch_up(stretch, store, slot, 0)) return walk_in_seat(stretch, store);
  *all = false;
  stretch->lost = stretch->broken;
  return KHONSU_OK;
}

khonsu_status kh_stretch_certify(kh_stretch *stretch, kh_store *store, const kh_snapshot *slot, bool *all) {
  khonsu_status status = look_for_changes(stretch, store, slot, all);
  if (!stretch->broken) return status;
  name_winner(stretch, store);
  return KHONSU_CONFLICT;
}
