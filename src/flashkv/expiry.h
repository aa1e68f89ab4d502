/* expiry: keys whose time has come leave the keydir, so that their space comes back.
 *
 * They are invisible from that moment on, as whoever reads a record looks at its expiry; this is about counting them as
 * dead. An ordered set of (expiry, word) says which are due. What has been replaced or merged away meanwhile is still in it
 * then, and is recognised by its word not being that of its key any more. */
#ifndef FKV_EXPIRY_H
#define FKV_EXPIRY_H

#include "store.h"

/* The record at `word` expires then. The write lock is held. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_expiry_note(flashkv *store, uint64_t expires_ms, uint64_t word);

/* Takes out what has expired. No lock is held. */
void fkv_expire(flashkv *store);

/* When the next key expires, milliseconds since 1970; UINT64_MAX: none does. The write lock is held. */
uint64_t fkv_expiry_next_ms(flashkv *store);

#endif
