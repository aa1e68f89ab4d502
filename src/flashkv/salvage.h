/* salvage: opening a store that may be damaged, for reading only. */
#ifndef FKV_SALVAGE_H
#define FKV_SALVAGE_H

#include "store.h"

/* In the place of what opening does else: lists the files, and makes the keydir of all that counts in them. As
 * flashkv_open. */
KHONSU_MUST_USE khonsu_status fkv_salvage(flashkv *store, khonsu_error *error);

#endif
