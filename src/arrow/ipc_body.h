/* ipc_body: what a RecordBatch flatbuffer says of arrays, gathered from them, and the body it speaks of. */
#ifndef KH_ARROW_IPC_BODY_H
#define KH_ARROW_IPC_BODY_H

#include "chunk.h"
#include "ipc_format.h"

typedef struct kh_ipc_gathered {
  kh_buffer nodes;    /* of FieldNode */
  kh_buffer buffers;  /* of Buffer */
  kh_buffer variadic; /* of int64_t */
  kh_buffer pieces;   /* of khonsu_slice: the bytes of each Buffer */
  int64_t body_size;
} kh_ipc_gathered;

/* All columns, if `root` is 0; else that one array. They have offset 0. Zero-initialise `gathered`; kh_ipc_gathered_fini
 * frees it, on failure too. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_gather(const kh_chunk *chunk, uint32_t root, kh_ipc_gathered *gathered);
void kh_ipc_gathered_fini(kh_ipc_gathered *gathered);

/* The RecordBatch's fields, into a builder that has begun one. False: out of memory. */
bool kh_ipc_gathered_write(const kh_ipc_gathered *gathered, int64_t rows, flatcc_builder_t *builder);
/* The body, after what `out` has. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_gathered_copy(const kh_ipc_gathered *gathered, kh_buffer *out);

/* Whether the nodes can be written as they are: offset 0, and children as long as their parents ask for. */
bool kh_ipc_is_plain(const kh_chunk *chunk);

#endif
