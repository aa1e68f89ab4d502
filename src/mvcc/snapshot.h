/* snapshot: the timestamps that readers announce, so that what they may see is kept.
 *
 * A slot belongs to one transaction at a time. It announces up to two timestamps:
 *   begun    for the life of the transaction, with what it needs it for: KH_PINS (it reads at it) and KH_CERTIFIES (it
 *            will ask at commit what changed since, so tombstones younger than it must stay); with KH_LATER, transactions
 *            that are yet to begin at it will, and over a storage must do without what has been forgotten by then;
 *   reading  during one read at read committed.
 *
 * Ordering. A reader loads `visible`, stores its announcement (A), then loads `horizon` (B). The reclaimer stores
 * `horizon` := visible (C), then loads the announcements (D). All sequentially consistent: either D sees A, or B sees
 * C and, if that horizon is newer than what the reader announced, the reader takes a newer timestamp. So every
 * announcement that a walk of the slots misses is of the horizon or newer, and versions superseded at or before the
 * horizon can be judged by what the walk saw. The loop runs again only when a reclaimer passed in between.
 *
 * Expiry: the reclaimer replaces `begun` by KH_EXPIRED; readers look at it after each operation, so that what was
 * unlinked under them becomes an error and never a wrong answer. */
#ifndef KH_MVCC_SNAPSHOT_H
#define KH_MVCC_SNAPSHOT_H

#include "version.h"

enum { KH_PINS = 1, KH_CERTIFIES = 2, KH_LATER = 4, KH_ANNOUNCED_BITS = 3 };
#define KH_EXPIRED UINT64_MAX

/* Versions linked by `next`, first in first out. The seat's. */
typedef struct kh_version_list {
  kh_version *first, *last;
} kh_version_list;

typedef struct kh_snapshot {
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t begun; /* timestamp << KH_ANNOUNCED_BITS | uses; 0 = none */
  _Atomic uint64_t reading;                       /* timestamp; 0 = none */
  _Atomic uint64_t begun_ns;                      /* when; 0 where ages have no limit */
  _Atomic bool pinned_something;                  /* the reclaimer left versions that only this kept */
  struct kh_snapshot *next;                       /* in the list of all; constant once published */
  kh_version_list pins;                           /* the seat's: versions kept for `pins_for` */
  uint64_t pins_for, pinned_bytes;
} kh_snapshot;

typedef struct kh_snapshots {
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t visible; /* newest published commit; readers start here */
  _Atomic uint64_t horizon;                         /* `visible` when slots were last walked for reclaiming */
  _Atomic(kh_snapshot *) slots;                     /* push-only until fini */
} kh_snapshots;

void kh_snapshots_init(kh_snapshots *snapshots, uint64_t visible);
void kh_snapshots_fini(kh_snapshots *snapshots);

/* A new slot, owned by `snapshots` until its fini. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_snapshot_join(kh_snapshots *snapshots, kh_snapshot **slot);

/* The timestamp that `slot` may read at now; 0 = none. */
static inline uint64_t kh_snapshot_pinned(const kh_snapshot *slot) {
  uint64_t begun = atomic_load(&slot->begun); /* D */
  if (begun != KH_EXPIRED && (begun & KH_PINS)) return begun >> KH_ANNOUNCED_BITS;
  return atomic_load(&slot->reading); /* D */
}

/* Announces the newest visible timestamp in `begun`, for the uses given, and returns it. */
static inline uint64_t kh_snapshot_begin(kh_snapshots *snapshots, kh_snapshot *slot, unsigned uses) {
  for (;;) {
    uint64_t timestamp = atomic_load(&snapshots->visible);
    atomic_store(&slot->begun, timestamp << KH_ANNOUNCED_BITS | uses);   /* A */
    if (atomic_load(&snapshots->horizon) <= timestamp) return timestamp; /* B */
  }
}

/* Announces in `slot` the timestamp that `kept` has announced, for the uses given. False: `kept` has expired. The
 * reclaimer that expires `kept` after this looked (E) looks at `slot` later still (D), so it sees A. */
static inline bool kh_snapshot_begin_at(kh_snapshot *slot, const kh_snapshot *kept, uint64_t timestamp, unsigned uses) {
  atomic_store(&slot->begun_ns, atomic_load(&kept->begun_ns));
  atomic_store(&slot->begun, timestamp << KH_ANNOUNCED_BITS | uses); /* A */
  if (atomic_load(&kept->begun) != KH_EXPIRED) return true;          /* E */
  atomic_store(&slot->begun, 0);
  return false;
}

static inline bool kh_snapshot_expired(const kh_snapshot *slot) {
  return atomic_load_explicit(&slot->begun, memory_order_acquire) == KH_EXPIRED;
}

/* Withdraws `begun`. True: the slot kept versions that can go now, so the caller should have the store reclaim. */
static inline bool kh_snapshot_end(kh_snapshot *slot) {
  atomic_store_explicit(&slot->begun, 0, memory_order_release);
  return atomic_load_explicit(&slot->pinned_something, memory_order_relaxed) &&
         atomic_exchange(&slot->pinned_something, false);
}

/* The same for one read of the newest commit. */
static inline uint64_t kh_snapshot_read_begin(kh_snapshots *snapshots, kh_snapshot *slot) {
  for (;;) {
    uint64_t timestamp = atomic_load(&snapshots->visible);
    atomic_store(&slot->reading, timestamp);                             /* A */
    if (atomic_load(&snapshots->horizon) <= timestamp) return timestamp; /* B */
  }
}
static inline void kh_snapshot_read_end(kh_snapshot *slot) {
  atomic_store_explicit(&slot->reading, 0, memory_order_release);
}

#endif
