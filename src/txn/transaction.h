/* transaction: stages reads and writes privately, then has them committed. See khonsu.h for the life of one. */
#ifndef KH_TXN_TRANSACTION_H
#define KH_TXN_TRANSACTION_H

#include "access.h"
#include "partition.h"

typedef enum kh_txn_state {
  KH_TXN_IDLE,
  KH_TXN_ACTIVE,
  KH_TXN_COMMITTED,
  KH_TXN_ABORTED,
  KH_TXN_IN_DOUBT
} kh_txn_state;

#define KH_TXN_MAGIC UINT32_C(0x6b68744e)

struct khonsu_txn {
  uint32_t magic;
  kh_txn_state state;
  kh_partition *partition;
  kh_participant *participant;
  kh_snapshot *slot;
  uint64_t id, last_id; /* ids are drawn in blocks */
  khonsu_isolation isolation;
  bool read_only;
  bool in_one_look;               /* what it reads is as of its snapshot, and not its own: read-only */
  khonsu_durability durability;   /* never DEFAULT */
  khonsu_on_conflict on_conflict; /* of the writes that follow; never DEFAULT */
  kh_key_names key_names;         /* of the appends that follow, in one piece of memory; none: they are no upserts */
  uint64_t snapshot;
  void *past; /* the storage's: it reads a version of which memory knows nothing */
  khonsu_token token;
  bool has_token;
  bool asks, fences;      /* it is there for the token alone: to look for it, to leave it as one that was given up */
  bool leaves_token;      /* the seat's: with its commit */
  khonsu_outcome outcome; /* of the token before it */
  struct kh_stretch *stretches; /* what was scanned */
  khonsu_scan *scans;           /* that are open */
  khonsu_scan *spare_scan;      /* closed, but for its memory */
  uint64_t bytes;               /* staged */
  kh_schema *recent_schema;     /* of Arrow inputs; most have the one of the input before */
  kh_arrow_limits arrow_limits; /* the partition's, with that */
  kh_heap_cache cache;          /* of the store's heap */
  kh_access_set accesses;
  kh_request request;
  khonsu_conflict *dropped; /* the writes that were given up; room for dropped_room of them */
  size_t dropped_room, dropped_count;
  struct kh_txn_pool *pool;                    /* it goes back to */
  struct khonsu_txn *next_of_all, *next_spare; /* the pool's */
};

/* `txn` is IDLE, and stays so on failure; options are valid. As khonsu_begin. */
KHONSU_MUST_USE khonsu_status kh_txn_begin(khonsu_txn *txn, const khonsu_txn_options *options, khonsu_error *error);

/* Of the writes that follow. */
void kh_txn_set_on_conflict(khonsu_txn *txn, khonsu_on_conflict on_conflict);

/* The same: appends are upserts by these columns, whose names are copied. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_txn_set_key_names(khonsu_txn *txn, const kh_key_names *names, khonsu_error *error);

/* ACTIVE, else BAD_STATE. */
KHONSU_MUST_USE khonsu_status kh_txn_check_active(const khonsu_txn *txn, khonsu_error *error);

/* What a transaction sees at a key. Between look and look_done the thread is inside the epoch: take references, be
 * short. */
typedef struct kh_look {
  kh_version_kind kind; /* KH_TOMBSTONE: nothing there */
  bool inside;
  bool is_unknown;     /* memory knows nothing of the key */
  kh_version *version; /* KH_BYTES; of what is committed, or an own put */
  union {
    kh_table *table; /* KH_TABLE */
    int64_t number;  /* KH_COUNTER */
  };
  kh_version *from_storage; /* owned by the look */
  uint64_t read_at;         /* as of when it was looked for */
} kh_look;

/* Looks, and remembers the key as observed. Out of memory, TOO_MANY_KEYS, or what the storage returns; then no
 * look_done. */
KHONSU_MUST_USE khonsu_status kh_txn_look(khonsu_txn *txn, khonsu_slice key, kh_look *look, khonsu_error *error);
/* SNAPSHOT_EXPIRED: what was seen must not be used. */
KHONSU_MUST_USE khonsu_status kh_txn_look_done(khonsu_txn *txn, kh_look *look, khonsu_error *error);

/* Staging. The version, which has the key, or the table is taken over, on failure too. */
KHONSU_MUST_USE khonsu_status kh_txn_put(khonsu_txn *txn, kh_version *version, uint64_t bytes, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_txn_append(khonsu_txn *txn, khonsu_slice key, kh_table *rows, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_txn_add(khonsu_txn *txn, khonsu_slice key, int64_t amount, khonsu_error *error);

/* Reads the table, if it is not an own put, and puts it with the rows upserted, or without those of the keys. Tables are
 * borrowed. What kh_keyed_rows_new, kh_table_upsert, kh_table_delete_rows, kh_txn_look and kh_txn_put return;
 * WRONG_TYPE. */
KHONSU_MUST_USE khonsu_status kh_txn_upsert(khonsu_txn *txn, khonsu_slice key, kh_table *rows,
                                            const kh_key_names *names, kh_upsert_counts *counts, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_txn_delete_rows(khonsu_txn *txn, khonsu_slice key, kh_table *keys, uint64_t *deleted,
                                                 khonsu_error *error);
/* The same with other rules in the table's schema. NOT_FOUND, WRONG_TYPE, and what kh_txn_look and kh_txn_put return. */
KHONSU_MUST_USE khonsu_status kh_txn_set_schema_rules(khonsu_txn *txn, khonsu_slice key, uint32_t rules,
                                                      khonsu_error *error);

/* Commits; the transaction is no longer active, whatever it returns. */
KHONSU_MUST_USE khonsu_status kh_txn_commit(khonsu_txn *txn, khonsu_error *error);
void kh_txn_abort(khonsu_txn *txn);

/* ---- within the room */

/* What is committed at the key, as the transaction's level sees it; not remembered as observed. Afterwards kh_txn_leave,
 * unless it failed. */
KHONSU_MUST_USE khonsu_status kh_txn_look_committed(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_look *look,
                                                    khonsu_error *error);
void kh_txn_leave(khonsu_txn *txn, kh_look *look);
/* The version of the key with a value out of the storage, which is consumed. NULL: out of memory. */
kh_version *kh_version_of_stored(khonsu_txn *txn, khonsu_slice key, kh_stored_value *value);
/* Turns what is committed at a key into what it is with an own append or add. CONFLICT: that is of another type or schema
 * now. COUNTER_OVERFLOW, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_txn_look_through_own(const khonsu_txn *txn, kh_access *access, kh_look *look,
                                                      khonsu_error *error);
/* Makes the ordered index, if there is none yet. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_txn_order_store(khonsu_txn *txn, khonsu_error *error);
/* The entry of the key, added if need be. TOO_MANY_KEYS, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_txn_access(khonsu_txn *txn, khonsu_slice key, uint64_t hash, kh_access **access,
                                            khonsu_error *error);
/* An append, or with key columns an upsert, that cannot be put together with own rows, or that changes the schema: the
 * table is read, and put. `rows` are borrowed. */
KHONSU_MUST_USE khonsu_status kh_txn_append_read(khonsu_txn *txn, khonsu_slice key, kh_table *rows,
                                                 khonsu_error *error);
/* Has the sequencer decide on the transaction, which has writes. */
KHONSU_MUST_USE khonsu_status kh_txn_submit(khonsu_txn *txn, khonsu_error *error);
/* Says that the snapshot has expired. */
khonsu_status kh_txn_expired(const khonsu_txn *txn, khonsu_error *error);

#endif
