/* snapshot: holding on to what the store had at a sequence. */
#ifndef FKV_SNAPSHOT_H
#define FKV_SNAPSHOT_H

#include "read.h"

/* Holds on to `sequence`, UINT64_MAX for the newest, and says as of when to read. TRIMMED, INVALID_ARGUMENT (it has not
 * been yet), NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_hold(flashkv *store, uint64_t sequence, fkv_moment *moment, khonsu_error *error);
void fkv_let_go(flashkv *store, const fkv_moment *moment);

#endif
