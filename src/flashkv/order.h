/* order: the keydir read in the order of keys. */
#ifndef FKV_ORDER_H
#define FKV_ORDER_H

#include "store.h"

/* Makes the keydir readable in order, if it is not yet: the hash kind then gets an ordered map beside the hash table, some
 * thousand keys at a time under the write lock, so that writers go on. NO_MEMORY, CORRUPT, IO. */
KHONSU_MUST_USE khonsu_status fkv_order_prepare(flashkv *store, khonsu_error *error);

/* As kh_ordered_map_read_words, of the keydir. In the epoch. */
KHONSU_MUST_USE khonsu_status fkv_order_read(const flashkv *store, const khonsu_slice *from, bool inclusive,
                                             bool reverse, kh_buffer *keys, kh_key_place *places, uint64_t *words,
                                             size_t room, size_t *count);

#endif
