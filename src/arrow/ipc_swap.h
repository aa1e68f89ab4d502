/* ipc_swap: numbers of big-endian producers, turned over in place. */
#ifndef KH_ARROW_IPC_SWAP_H
#define KH_ARROW_IPC_SWAP_H

#include "schema.h"

/* Whether fixed buffer `index` of a field holds what byte order matters to. */
bool kh_ipc_has_byte_order(const kh_field *field, uint32_t index);
/* The elements of fixed buffer `index` in `size` bytes, aligned to 8; bytes after the last whole one stay. */
void kh_ipc_swap(const kh_field *field, uint32_t index, void *bytes, int64_t size);

#endif
