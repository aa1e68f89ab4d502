/* ipc_batch: a RecordBatch that is being read, between those who read its nodes and those who read its buffers. */
#ifndef KH_ARROW_IPC_BATCH_H
#define KH_ARROW_IPC_BATCH_H

#include "ipc_message.h"

typedef struct kh_ipc_batch {
  kh_ipc_reader *reader;
  const kh_ipc_shape *shape;
  const kh_field *fields;
  kh_chunk *chunk;
  kh_ipc_body body;
  NS(FieldNode_vec_t) nodes;
  NS(Buffer_vec_t) buffers;
  flatbuffers_int64_vec_t variadic;
  size_t node_count, buffer_count;
  size_t next_node, next_buffer, next_variadic;
  kh_ipc_codec codec;
  bool is_plain;        /* neither compressed nor of the other byte order */
  bool is_version_4;    /* or older: more arrays have a bitmap */
  bool is_in_place;     /* some buffer is used where it stands */
  uint64_t copies_left; /* bytes that may still be copied out of the body: buffers do not overlap */
  uint64_t room_left;   /* bytes that compressed buffers may still come to */
  uint64_t *slots;      /* room for what is needed beside the buffers */
  khonsu_error *error;
} kh_ipc_batch;

#define KH_IPC_CORRUPT(batch, index, ...)                                                                              \
  kh_field_fail((batch)->fields, index, (batch)->error, KHONSU_CORRUPT, __VA_ARGS__)

/* A new chunk of the shape, with `room` for kh_ipc_batch_read. NULL: out of memory. */
kh_chunk *kh_ipc_batch_chunk(const kh_ipc_shape *shape, NS(RecordBatch_table_t) table, void **room);
/* A verified RecordBatch fills in the nodes of the chunk, and the reader's `known` with the sizes of their buffers. The
 * nodes are not valid yet. CORRUPT, UNSUPPORTED, VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_batch_read(kh_ipc_reader *reader, const kh_ipc_shape *shape,
                                                const kh_ipc_message *message, NS(RecordBatch_table_t) table,
                                                kh_ipc_body body, kh_chunk *chunk, void *room, khonsu_error *error);

khonsu_status kh_ipc_batch_no_memory(const kh_ipc_batch *batch);

/* The next buffer as it stands in the body. CORRUPT. */
KHONSU_MUST_USE khonsu_status kh_ipc_buffer_next(kh_ipc_batch *batch, uint32_t index, khonsu_slice *bytes);
/* The buffers of node `index`, whose length is known: where they stand if they can be used there, else in the chunk's
 * memory. CORRUPT, VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_buffers_read(kh_ipc_batch *batch, uint32_t index);

#endif
