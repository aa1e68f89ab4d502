/* reserve: room on the disk that is kept for what makes room. On a full disk a merge needs some for its copies before it
 * can remove anything, and a deletion for its record. The file RESERVE takes it, from when the first data file is full;
 * nothing is ever in it.
 *
 * A merge that finds the disk full has all of the file (fkv_reserve_lend), and as long as it runs other writes get no more
 * room, which would go to them at once; when files are gone, the reserve is taken anew. Deletions have up to half of it, a
 * little at a time. Where it cannot be taken, as somebody else was faster, that is tried again from time to time. */
#ifndef FKV_RESERVE_H
#define FKV_RESERVE_H

#include "store.h"

#define FKV_RESERVE_NAME "RESERVE"

/* Takes the reserve, if that is due and there is room. files_lock is held. */
void fkv_reserve_take(flashkv *store);
/* For a merge that failed with `status`: whether there is room now, so that it is worth another try. */
bool fkv_reserve_lend(flashkv *store, khonsu_status status);
/* A merge has come to an end: what was lent, or spent, is taken again. No lock is held. */
void fkv_reserve_return(flashkv *store);
/* As lend, for a deletion. */
bool fkv_reserve_spend(flashkv *store, khonsu_status status);

#endif
