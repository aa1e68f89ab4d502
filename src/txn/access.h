/* access: what a transaction has read and what it will write, one entry a key; read set and write set in one, since
 * every read has to ask both. Private to the transaction until it is submitted; then the seat's until it is decided. */
#ifndef KH_TXN_ACCESS_H
#define KH_TXN_ACCESS_H

#include "mvcc/mvcc.h"
#include "storage/storage.h"
#include "upsert.h"

/* What certification makes of a write. */
typedef enum kh_fate {
  KH_STANDS,  /* it is linked as it was staged */
  KH_DROPPED, /* it is given up, and reported */
  KH_APPENDED /* a put that was turned into an append */
} kh_fate;

typedef struct kh_access {
  uint64_t hash;
  khonsu_slice key; /* in the set's memory */

  /* the read */
  bool observed;         /* get, exists, or reading back an own append: no longer blind */
  uint64_t read_at;      /* as of when; a newer version at commit breaks the read */
  uint64_t read_version; /* what was there; 0 = nothing */

  /* the write, `staged` NULL where there is none */
  kh_version *staged;             /* what will be linked; where it accrues, its value is filled in by the seat */
  bool accrues;                   /* append or add: goes on top of what is there, not in its place */
  khonsu_on_conflict on_conflict; /* never DEFAULT */
  kh_table *rows;                 /* append: what is appended */
  int64_t amount;                 /* add: what is added */
  kh_upsert *upsert;              /* how the rows go to those that are there: by their keys; NULL: after them */
  kh_table *view;                 /* append: base and rows, for reading back; made when asked for */
  kh_table *view_of;              /* the base that it was made on; NULL: none was there */
  bool was_absent;        /* deletion: the storage had no such key, as memory, shortly before it was submitted */
  bool had_base;          /* append, add: there was something when it was staged */
  kh_version *base;       /* the same, where it came out of the storage */
  uint64_t bytes;         /* of this write, towards txn_bytes_max */
  kh_ipc_encoded encoded; /* a table's rows, for the storage */
  uint8_t encoded_counter[KH_ENCODED_COUNTER_SIZE];

  /* the link: the seat's */
  kh_version *newest; /* of the key, when it was certified, before its own is linked; NULL: none */
  kh_version *linked; /* what was `staged`, once it is in its chain; the store's */
  bool joined;        /* append: there was a table to append to */
  kh_fate fate;       /* of the write */

  /* the verdict on this key: the seat's */
  khonsu_conflict_kind conflict; /* 0 = none */
  uint64_t winner_version, winner;
} kh_access;

typedef struct kh_access_set {
  kh_access *entries;
  uint32_t *slots; /* open addressing: index + 1 into entries; 0 = empty */
  uint32_t count, capacity, slot_count;
  uint32_t writes; /* entries with a staged write */
  kh_blocks keys;
  kh_heap_cache *cache; /* versions come from */
} kh_access_set;

void kh_access_set_init(kh_access_set *set, kh_heap_cache *cache);
/* Forgets all entries and what they own; keeps memory for the next use, unless it has grown large. */
void kh_access_set_clear(kh_access_set *set);
void kh_access_set_fini(kh_access_set *set);

/* The entry of `key`, or NULL. Valid until the next add. */
kh_access *kh_access_set_find(const kh_access_set *set, khonsu_slice key, uint64_t hash);
/* Adds an entry for an absent key, which is copied. NULL: out of memory, nothing changed. */
kh_access *kh_access_set_add(kh_access_set *set, khonsu_slice key, uint64_t hash);

/* Forgets the table for reading back, if there is one. */
void kh_access_drop_view(kh_access *access);
/* Forgets the entry's write, if any. */
void kh_access_drop_write(kh_access_set *set, kh_access *access);

#endif
