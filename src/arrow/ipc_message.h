/* ipc_message: where a message begins and ends, and its metadata, verified. Only for files that speak flatcc. */
#ifndef KH_ARROW_IPC_MESSAGE_H
#define KH_ARROW_IPC_MESSAGE_H

#include "ipc_metadata.h"

typedef struct kh_ipc_message {
  NS(Message_table_t) table; /* NULL: the end; else valid until the next message is read */
  size_t metadata_size;
  uint64_t body; /* where it begins */
  uint64_t body_size;
} kh_ipc_message;

typedef struct kh_ipc_body {
  const uint8_t *bytes; /* wherever they stand */
  int64_t size;
} kh_ipc_body;

/* The message at `offset`, at most the data's end. What it says of its sizes is checked before anything is allocated
 * for it. CORRUPT, IO, UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_message_read(kh_ipc_reader *reader, uint64_t offset, kh_ipc_message *message,
                                                  khonsu_error *error);
/* Its body: in place, if the source can be pointed into; else in the chunk's own memory. IO, CORRUPT, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_body_read(const kh_ipc_reader *reader, const kh_ipc_message *message,
                                               kh_chunk *chunk, kh_ipc_body *body, khonsu_error *error);

/* `size` bytes that are there. IO; CORRUPT: the file has shrunk. */
KHONSU_MUST_USE khonsu_status kh_ipc_bytes_read(const kh_ipc_reader *reader, uint64_t offset, void *to, size_t size,
                                                khonsu_error *error);
/* The same for a flatbuffer: in place where that is possible, else in the reader's metadata buffer. NO_MEMORY too. */
KHONSU_MUST_USE khonsu_status kh_ipc_metadata_read(kh_ipc_reader *reader, uint64_t offset, size_t size,
                                                   const void **bytes, khonsu_error *error);

#endif
