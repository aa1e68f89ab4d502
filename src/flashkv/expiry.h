/* expiry: keys whose time has come leave the keydir, so that their space comes back.
 *
 * They are invisible from that moment on, as whoever reads a record looks at its expiry; this is about counting them as
 * dead. An ordered set of (expiry, word), of the words that keys lead to, says which are due. */
#ifndef FKV_EXPIRY_H
#define FKV_EXPIRY_H

#include "store.h"

/* The record at `word`, to which a key leads from now on, expires then. The write lock is held. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_expiry_note(flashkv *store, uint64_t expires_ms, uint64_t word);
/* Its key leads elsewhere: before its file can go, and another take its place. */
void fkv_expiry_forget(flashkv *store, uint64_t expires_ms, uint64_t word);

/* Appends all of them: pairs of numbers, when and which word. Nobody else uses the store. */
KHONSU_MUST_USE khonsu_status fkv_expiry_append_all(const flashkv *store, kh_buffer *to);

/* Takes out what has expired. No lock is held. */
void fkv_expire(flashkv *store);

/* When the next key expires, milliseconds since 1970; UINT64_MAX: none does. The write lock is held. */
uint64_t fkv_expiry_next_ms(flashkv *store);

#endif
