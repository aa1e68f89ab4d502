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

/* Outside the seat, where the version may be unlinked meanwhile, its writer must not be looked at (mvcc/version.h). */
static void mark_broken(kh_stretch *stretch, const kh_record *record, const kh_version *version) {
  stretch->broken = true;
  (void)copy_key(&stretch->broken_key, kh_record_key(record)); /* the report can do without */
  stretch->winner_version = version->timestamp;
}

void kh_stretch_break(kh_stretch *stretch, const kh_record *record, const kh_version *version) {
  mark_broken(stretch, record, version);
  stretch->winner = version->writer;
}

/* In the seat: the newest commit on the key that broke the stretch. */
static void name_winner(kh_stretch *stretch, const kh_store *store) {
  khonsu_slice key = kh_buffer_slice(&stretch->broken_key);
  const kh_record *record = key.size == 0 ? NULL : kh_store_find(store, key, kh_store_hash(store, key));
  const kh_version *newest = record == NULL ? NULL : atomic_load_explicit(&record->head, memory_order_relaxed);
  if (newest == NULL) return;
  stretch->winner_version = newest->timestamp;
  stretch->winner = newest->writer;
}

/* Looks at the newest version not newer than `until`. */
static bool breaks(kh_stretch *stretch, const kh_record *record, uint64_t until) {
  const kh_version *version = kh_record_visible(record, until);
  if (version == NULL || version->timestamp <= stretch->read_at) return false;
  mark_broken(stretch, record, version);
  return true;
}

/* Looks at a piece of the stretch from `from` on. False: that was the end of it, or it is broken. */
static bool walk_piece(kh_stretch *stretch, const kh_store *store, kh_limit *from, kh_buffer *last, uint64_t until) {
  uint64_t words[BATCH];
  size_t count = kh_store_read_order(store, *from, false, words, BATCH);
  for (size_t i = 0; i < count; i++) __builtin_prefetch(kh_word_record(words[i]));
  for (size_t i = 0; i < count; i++) {
    const kh_record *record = kh_word_record(words[i]);
    if (!kh_limit_below(stretch->high, kh_record_key(record)) || breaks(stretch, record, until)) return false;
  }
  if (count < BATCH) return false;
  khonsu_slice reached = kh_record_key(kh_word_record(words[count - 1]));
  if (last != NULL) {
    if (copy_key(last, reached) != KHONSU_OK) return false;
    reached = kh_buffer_slice(last);
  }
  *from = (kh_limit){reached, .bounded = true, .inclusive = false};
  return true;
}

/* In the seat records stay where they are. */
static bool walk_in_seat(kh_stretch *stretch, const kh_store *store) {
  kh_limit from = stretch->low;
  while (walk_piece(stretch, store, &from, NULL, UINT64_MAX)) continue;
  return stretch->broken;
}

/* Outside, memory must not wait for the whole walk: a piece at a time. False: out of memory, and not done. */
static bool walk_outside(kh_stretch *stretch, const kh_store *store, kh_participant *participant, uint64_t until) {
  kh_buffer last = {NULL, 0, 0};
  kh_limit from = stretch->low;
  bool more = true, whole = kh_buffer_reserve(&last, 65536) == KHONSU_OK; /* keys are no larger */
  while (more && whole) {
    kh_epoch_enter(participant);
    more = walk_piece(stretch, store, &from, &last, until);
    kh_epoch_exit(participant);
  }
  kh_buffer_fini(&last);
  return whole;
}

/* Looks at what was logged since, until `leave` entries are left. False: the log has lost some of it, or the snapshot
 * that keeps the records has expired. Inside the epoch, so that who has not seen it expire may look at the record. */
static bool catch_up(kh_stretch *stretch, const kh_commit_log *log, const kh_snapshot *slot, uint64_t leave) {
  while (!stretch->broken && stretch->log_from + leave < kh_commit_log_count(log)) {
    uint64_t timestamp;
    kh_record *record;
    if (!kh_commit_log_read(log, stretch->log_from, &timestamp, &record) || kh_snapshot_expired(slot)) return false;
    stretch->log_from++;
    if (timestamp <= stretch->read_at || !kh_stretch_holds(stretch, kh_record_key(record))) continue;
    (void)breaks(stretch, record, timestamp);
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
    if (!walk_outside(stretch, store, participant, settled)) return;
    kh_epoch_enter(participant);
    stretch->certified = catch_up(stretch, &store->log, slot, CATCH_UP);
    kh_epoch_exit(participant);
  }
  stretch->lost = stretch->broken;
}

static bool is_broken(kh_stretch *stretch, const kh_store *store, const kh_snapshot *slot, bool *all) {
  *all = true;
  stretch->broken = stretch->lost;
  if (stretch->lost || stretch->entries == 0) return stretch->lost;
  if (stretch->certified && catch_up(stretch, &store->log, slot, 0)) {
    *all = false;
    stretch->lost = stretch->broken;
    return stretch->broken;
  }
  return walk_in_seat(stretch, store);
}

bool kh_stretch_certify(kh_stretch *stretch, kh_store *store, const kh_snapshot *slot, bool *all) {
  if (!is_broken(stretch, store, slot, all)) return false;
  name_winner(stretch, store);
  return true;
}
