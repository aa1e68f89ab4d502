/* stretch: a part of the key space that a scan has stepped through, and what certification needs to know of it. A
 * transaction keeps its stretches until it ends; scans come and go. */
#ifndef KH_TXN_STRETCH_H
#define KH_TXN_STRETCH_H

#include "mvcc/mvcc.h"

typedef struct kh_stretch {
  struct kh_stretch *next; /* of the transaction */
  kh_limit low, high;
  kh_buffer from, reached; /* the keys of the side it began at and of the side that moves */
  bool reverse;
  uint64_t read_at; /* as of when it was read */
  uint64_t entries; /* stepped through */

  /* what was certified outside the seat */
  bool certified;       /* up to log_from; else all of it is left to the seat */
  uint64_t log_from;    /* the first entry of the commit log that was not looked at */
  bool broken;          /* a change was found ... */
  bool lost;            /* ... and is final: what is linked in the seat may still be undone */
  kh_buffer broken_key; /* where; without memory for it, empty */
  uint64_t winner_version, winner;
} kh_stretch;

/* An empty stretch that begins at `from`. NULL: out of memory. */
kh_stretch *kh_stretch_new(kh_limit from, bool reverse, uint64_t read_at);
void kh_stretch_free(kh_stretch *stretch);

/* Makes room for keys of this size. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_stretch_reserve(kh_stretch *stretch, size_t key_size);
/* The stretch now goes `entries` further, up to the key, that included; there is room for it. */
void kh_stretch_reach(kh_stretch *stretch, khonsu_slice key, uint64_t entries);
/* The stretch now goes to the far end of its range; the key, if any, must outlive it or be its own. */
KHONSU_MUST_USE khonsu_status kh_stretch_finish(kh_stretch *stretch, kh_limit end);

/* Whether the key lies in the stretch. */
bool kh_stretch_holds(const kh_stretch *stretch, khonsu_slice key);

/* ---- certification. Changed means: committed after read_at. */

/* Looks at the records of a wide stretch, in the transaction's thread, outside the epoch; leaves the rest to the seat.
 * `slot` is the transaction's, which keeps the records that are looked at. */
void kh_stretch_certify_outside(kh_stretch *stretch, kh_store *store, kh_participant *participant,
                                const kh_snapshot *slot);

/* In the seat. CONFLICT: the stretch has changed, and broken_key and winner say where. Commits that are linked but not yet
 * logged, those of the group being committed, are the caller's to look at where `*all` becomes false. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_stretch_certify(kh_stretch *stretch, kh_store *store, const kh_snapshot *slot,
                                                 bool *all);
/* The seat's: the version, of a key in the stretch, breaks it. */
void kh_stretch_break(kh_stretch *stretch, const kh_version *version);
/* The same of a commit of which no more is known. */
void kh_stretch_break_at(kh_stretch *stretch, khonsu_slice key, uint64_t version);

#endif
