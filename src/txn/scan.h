/* scan: a walk through a range of keys as a transaction sees them: what is committed at its moment, merged with what it
 * has written itself. Remembers what it stepped through as a stretch, to be certified. */
#ifndef KH_TXN_SCAN_H
#define KH_TXN_SCAN_H

#include "stretch.h"
#include "transaction.h"

/* A committed value as it is shown: bytes are copied out of the epoch, or kept by reference. */
typedef struct kh_scan_item {
  khonsu_entry entry; /* what it points to is in the batch's buffer, or in `kept` */
  kh_version *kept;   /* a table, bytes too large to copy, or what came out of the storage */
  kh_version_kind kind;
} kh_scan_item;

enum { KH_SCAN_BATCH_MOST = KH_LOOKUP_MOST };

/* Neighbours in the range, in the order of the scan. */
typedef struct kh_scan_batch {
  kh_scan_item *items;
  size_t count, next, capacity;
  size_t plain_end;  /* up to here, items are stepped to without a look at anything but own writes */
  size_t room;       /* for how many the batch was read */
  kh_buffer buffer;  /* keys and small values */
  kh_buffer reached; /* the last key looked at; what follows it comes next */
  size_t key_size_most;
  bool started, ended;
} kh_scan_batch;

/* The transaction's own writes ahead of the scan: accesses by index, in the order of keys. Those that are only reads are
 * among them: they may become writes. */
typedef struct kh_own_write {
  khonsu_slice key; /* the access's */
  uint32_t access;
} kh_own_write;

typedef struct kh_own_writes {
  kh_own_write *sorted;
  size_t count, capacity;
  uint32_t seen; /* accesses of the transaction that were sorted in */
} kh_own_writes;

struct khonsu_scan {
  khonsu_txn *txn; /* NULL: it is gone */
  khonsu_scan *next_of_txn;
  kh_limit low, high; /* the range */
  kh_buffer bounds;   /* their keys */
  bool reverse, keys_only, ended;
  uint64_t left; /* entries still to give out */
  kh_scan_batch batch;
  kh_own_writes own;
  kh_stretch *stretch; /* the transaction's; NULL where none is kept or nothing was stepped to yet */
  kh_buffer position;  /* the key stepped to */
  bool stands;         /* it has stepped to a key */
  size_t lag;          /* items of the batch that were stepped to since position, stretch and `left` were brought up
                          to date */
  uint64_t read_at;    /* the moment of the batch */
  kh_table *table;     /* stepped to; a reference */
  kh_version *kept;    /* stepped to: holds the entry's bytes */
};

/* What khonsu_scan_open is asked for; slices are borrowed. */
KHONSU_MUST_USE khonsu_status kh_scan_open(khonsu_txn *txn, const khonsu_range *range,
                                           const khonsu_scan_options *options, khonsu_scan **scan, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_scan_next(khonsu_scan *scan, khonsu_entry *entry, khonsu_error *error);
void kh_scan_free(khonsu_scan *scan);
/* Brings the stretches of the transaction's open scans up to date. Cannot fail. */
void kh_scan_catch_up_all(khonsu_txn *txn);
/* The transaction goes: its scans stay, but lead nowhere. */
void kh_scan_detach_all(khonsu_txn *txn);
/* Frees the one that is kept for the next scan of the transaction. */
void kh_scan_free_spare(khonsu_txn *txn);

/* ---- within the room: scan_batch.c, scan_storage.c, scan_own.c */

/* Makes the next batch of committed values, or notes that there are no more. The memory of the batch before is used
 * again. NO_MEMORY, SNAPSHOT_EXPIRED, what the storage returns. */
KHONSU_MUST_USE khonsu_status kh_scan_fill(khonsu_scan *scan, khonsu_error *error);
/* What follows the key comes next. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_scan_batch_reached(kh_scan_batch *batch, khonsu_slice key);
/* Merges what the storage holds, from `from` on and no further than memory was read, into the batch; at most `room` keys
 * of it, and the batch then ends there. */
KHONSU_MUST_USE khonsu_status kh_scan_merge_storage(khonsu_scan *scan, kh_limit from, size_t room, khonsu_error *error);
/* The limit as a bound of a storage's range: its key, or with `after` the first key behind it, made in `key`. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_scan_bound(kh_limit limit, bool after, kh_buffer *key, khonsu_slice *bound);
void kh_scan_batch_clear(kh_scan_batch *batch);
void kh_scan_batch_fini(kh_scan_batch *batch);
/* How a value of this kind is shown. */
khonsu_value_type kh_scan_type(kh_version_kind kind);

/* The next own write of the range beyond where the scan stands, or NULL. */
KHONSU_MUST_USE khonsu_status kh_own_writes_next(khonsu_scan *scan, kh_access **own, khonsu_error *error);

#endif
