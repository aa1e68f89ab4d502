/* iterator: entries in the order of keys, as of one sequence. */
#ifndef FKV_ITERATOR_H
#define FKV_ITERATOR_H

#include "read.h"

/* As of `sequence`, which is held for as long as the iterator lives; UINT64_MAX: the newest. TRIMMED. */
KHONSU_MUST_USE khonsu_status fkv_iterator_open(flashkv *store, uint64_t sequence,
                                                const flashkv_iterator_options *options, flashkv_iterator **iterator,
                                                khonsu_error *error);
KHONSU_MUST_USE khonsu_status fkv_iterator_next(flashkv_iterator *iterator, khonsu_slice *key, khonsu_slice *value,
                                                khonsu_error *error);
void fkv_iterator_free(flashkv_iterator *iterator);

#endif
