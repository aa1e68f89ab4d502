/* ipc_pieces: encoded bytes as a list of slices, for writev. Bodies are slices of the arrays' own buffers; what had to be
 * made, like headers, stands in the list's own memory. */
#ifndef KH_ARROW_IPC_PIECES_H
#define KH_ARROW_IPC_PIECES_H

#include "arena.h"
#include "base/base.h"

/* Zero-initialise to begin. */
typedef struct kh_ipc_pieces {
  kh_buffer slices; /* of khonsu_slice */
  kh_arena arena;
  uint64_t size; /* bytes in all */
} kh_ipc_pieces;

static inline const khonsu_slice *kh_ipc_pieces_slices(const kh_ipc_pieces *pieces) {
  return (const khonsu_slice *)(const void *)pieces->slices.data;
}
static inline size_t kh_ipc_pieces_count(const kh_ipc_pieces *pieces) {
  return pieces->slices.size / sizeof(khonsu_slice);
}

/* The bytes stay where they are. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_pieces_add(kh_ipc_pieces *pieces, const void *bytes, size_t size);
/* Zeros up to a multiple of 64. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_pieces_pad(kh_ipc_pieces *pieces);
/* All the bytes, behind what `to` has. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_pieces_copy(const kh_ipc_pieces *pieces, kh_buffer *to);
bool kh_ipc_pieces_equal(const kh_ipc_pieces *a, const kh_ipc_pieces *b);
/* Makes it empty; some memory is kept for what comes next. */
void kh_ipc_pieces_clear(kh_ipc_pieces *pieces);
void kh_ipc_pieces_fini(kh_ipc_pieces *pieces);

#endif
