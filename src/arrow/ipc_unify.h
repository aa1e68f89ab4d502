/* ipc_unify: one dictionary for all record batches of a file, in which it can only grow: what is new in the next batch's
 * goes behind what was written, and the batch's indices lead there. */
#ifndef KH_ARROW_IPC_UNIFY_H
#define KH_ARROW_IPC_UNIFY_H

#include "chunk.h"

/* A chunk of the same values, whose dictionary of `field` begins with that of `written`, and goes on with the values that
 * are not in it and that the chunk refers to. It holds a reference on the chunk. Dictionaries inside of dictionaries are
 * not looked at. VALUE_TOO_LARGE: indices cannot tell so many values apart, or offsets cannot hold them. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_unify(const kh_chunk *written, kh_chunk *chunk, uint32_t field, kh_chunk **unified,
                                           khonsu_error *error);

#endif
