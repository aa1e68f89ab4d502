/* flash: an open database on flashkv, and what its parts have in common. Within the room.
 *
 *   flash_keys.h    keys of records
 *   flash_value.h   values of user keys, and how they are read
 *   flash_head.h    tables: heads and directories of chunks
 *   flash_write.c   commits
 *   flash_read.c    gets and scans
 *   flash_table.c   tables out of the store, chunk by chunk
 *   flash_holds.c   what of the past is held on to
 *   flash_check.h   all of it looked at, and repaired */
#ifndef KH_FLASH_H
#define KH_FLASH_H

#include "flash_keys.h"
#include "os/os.h"
#include "storage.h"

/* A flashkv snapshot: what the store held at its sequence is kept until the last reference goes. */
typedef struct kh_hold {
  _Atomic uint32_t references;
  flashkv_snapshot *snapshot;
  uint64_t sequence;
} kh_hold;

typedef struct kh_flash {
  flashkv *store;

  kh_lock lock;      /* of the lists, and deleting; but for tables, changed by the thread that writes only */
  kh_buffer holds;   /* of kh_hold *, by age: references */
  size_t holds_gone; /* places at its beginning that are empty */
  kh_buffer pasts;   /* of kh_hold *: versions of the past that are open, not references; under the lock */
  struct kh_flash_table *tables; /* that are lent out, and whose chunks are in the store */
  bool deleting;                 /* the commit that is being written deletes chunks of some table */
  _Atomic uint32_t loading;      /* threads that are loading a chunk */
  _Atomic bool closed;           /* the store is gone, or about to go */
  _Atomic uint32_t references;   /* the database's, and one of each lent table */

  /* of the thread that writes */
  kh_retention retention;
  khonsu_version retained; /* all is kept from this one on */
  uint64_t retained_at_ns; /* when that was looked at last */
  kh_buffer samples;       /* of kh_sample: which version was the newest when, by age */
  kh_blocks scratch;
  kh_buffer writes; /* of flashkv_write: those of one commit */
  kh_buffer old;    /* of flashkv_value: what they replace */
} kh_flash;

/* A status of flashkv as one of ours, with its text. */
khonsu_status kh_flash_fail(khonsu_error *error, flashkv_status status, const flashkv_error *cause);

/* The same, of a call that may have gone well. */
static inline khonsu_status kh_flash_tell(khonsu_error *error, flashkv_status status, const flashkv_error *cause) {
  return status == FLASHKV_OK ? KHONSU_OK : kh_flash_fail(error, status, cause);
}

/* Closes it in any case. */
khonsu_status kh_flash_close_store(flashkv *store, khonsu_error *error);

/* NOT_A_STORE: the store holds something else; UNKNOWN_FORMAT. */
KHONSU_MUST_USE khonsu_status kh_flash_check_database(flashkv *store, khonsu_error *error);

static inline flashkv_slice kh_flash_slice(khonsu_slice slice) { return (flashkv_slice){slice.data, slice.size}; }

static inline kh_flash *kh_flash_ref(kh_flash *flash) {
  atomic_fetch_add_explicit(&flash->references, 1, memory_order_relaxed);
  return flash;
}
void kh_flash_unref(kh_flash *flash);

/* ---- flash_write.c */
khonsu_status kh_flash_write(void *ctx, const kh_mutation *mutations, size_t count, khonsu_durability durability,
                             size_t *written, khonsu_error *error);

/* ---- flash_read.c */
khonsu_status kh_flash_get(void *ctx, khonsu_slice key, khonsu_version at, const kh_arrow_limits *limits,
                           kh_stored_value *value, khonsu_error *error);
khonsu_status kh_flash_past_open(void *ctx, khonsu_version version, void **past, khonsu_error *error);
void kh_flash_past_close(void *ctx, void *past);
khonsu_status kh_flash_version_at(void *ctx, uint64_t time_ms, khonsu_version *version, khonsu_error *error);
khonsu_status kh_flash_token(void *ctx, const khonsu_token *token, khonsu_version *version, bool *fenced,
                             khonsu_error *error);
khonsu_status kh_flash_scan(void *ctx, const khonsu_storage_range *range, khonsu_version at,
                            const kh_arrow_limits *limits, const kh_stored_visitor *visitor, khonsu_error *error);

/* ---- flash_table.c
 *
 * A table that is lent out finds its chunks in the store for as long as nobody deletes them. Who is about to, has it hold on
 * to the moment before. */

/* The table whose head this is, which is taken over. CORRUPT, IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_flash_table_read(kh_flash *flash, khonsu_slice key, khonsu_version at,
                                                  flashkv_value *head, const kh_arrow_limits *limits, kh_table **table,
                                                  khonsu_error *error);
/* Before chunks of this incarnation are deleted. From the thread that writes. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_flash_tables_hold(kh_flash *flash, kh_incarnation incarnation, khonsu_error *error);
/* The commit for which that was called, if it was, is written, or will not be. */
void kh_flash_tables_settle(kh_flash *flash);
/* Before the store is closed: brings near what lent tables still have in it. */
void kh_flash_tables_detach(kh_flash *flash);

/* ---- flash_holds.c
 *
 * Memory holds every version that a reader may ask for, but for those of keys that it has forgotten, or has never known: of
 * such a key the store has the only copy. While nobody writes the key, that is the newest in the store, and kept. When the
 * key is written, the copy is kept as long as a hold is not older than it; and as soon as memory knows the key again, it
 * holds what is written from then on. So with holds h1 < h2 < ... one has to see to two things:
 *   - memory forgets nothing newer than the newest hold (that is what retain returns);
 *   - a hold goes only when no reader is older than the next one: what was written after that is kept by the next. */

/* A new one, at the end of the list. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_flash_hold(kh_flash *flash, khonsu_error *error);
khonsu_version kh_flash_retain(void *ctx, khonsu_version oldest, bool now);
/* Whether there is a hold in [from, until). */
bool kh_flash_keeps(void *ctx, khonsu_version from, khonsu_version until);
kh_hold *kh_flash_newest_hold(const kh_flash *flash);
/* A reference to the hold of what was opened as the past of `at`; NULL: that was not. */
kh_hold *kh_flash_past_ref(kh_flash *flash, khonsu_version at);
/* A reference to the oldest hold that is not older than the version; NULL: there is none. What a key that memory does not
 * know had at that version is kept by it: memory forgot the version after there was such a hold, and before the next write
 * of the key. */
kh_hold *kh_flash_hold_ref(kh_flash *flash, khonsu_version version);
kh_hold *kh_hold_ref(kh_hold *hold);
void kh_hold_unref(kh_hold *hold); /* NULL is a no-op */
/* ---- flash_retain.c: the retention policy. Keeps all of the past from `retained` on, which moves as commits come and time
 * goes by. */
KHONSU_MUST_USE khonsu_status kh_flash_retain_open(kh_flash *flash, khonsu_error *error);
void kh_flash_retain_past(kh_flash *flash);

void kh_flash_holds_fini(kh_flash *flash);

#endif
