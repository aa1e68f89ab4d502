/* hints: the hints of a store's files: which there are, writing those that are missing, and doing without.
 *
 * They are written by the store's thread some time after a file was sealed, beside, and renamed; never flushed, as a hint
 * that a power loss has torn is as good as none. Nobody waits for that: what others ask of the thread meanwhile comes first.
 * A store without a thread of its own writes them when it merges.
 *
 * Nor do they take room from anybody. Whoever finds the disk full has them removed, that which is being written, too; and
 * then none is written before a merge has made room, or the store is opened again.
 *
 * What a file says of its hint belongs to who holds the write lock. hints_lock, which comes after it, is held by who writes
 * bytes of a hint, and by who takes them back. */
#ifndef FKV_HINTS_H
#define FKV_HINTS_H

#include "store.h"

/* When the files are open: which of them have hints. */
void fkv_hints_find(flashkv *store);
/* The opening has come to its end: removes those that it could not go by. */
void fkv_hints_remove_bad(flashkv *store);
/* Some of them has led astray. Nobody else has the store. */
void fkv_hints_remove_all(flashkv *store);

/* Writes those that are missing. One that cannot be written is left to a later opening. No lock is held; one thread at a
 * time. */
void fkv_hints_write(flashkv *store);

/* For who failed with `status`: whether there is more room on the disk now, so that it is worth another try. The write lock
 * is held. */
bool fkv_hints_give_back(flashkv *store, khonsu_status status);
/* The same; the write lock is not held. */
bool fkv_hints_give_room(flashkv *store, khonsu_status status);
/* There is room again. No lock is held. */
void fkv_hints_allow(flashkv *store);
/* The file's is gone, or never there. The write lock is held. */
void fkv_hints_forget(flashkv *store, fkv_file *file);

#endif
