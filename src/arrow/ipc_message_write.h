/* ipc_message_write: messages put together from what flatcc built and what was gathered. */
#ifndef KH_ARROW_IPC_MESSAGE_WRITE_H
#define KH_ARROW_IPC_MESSAGE_WRITE_H

#include "ipc_builder.h"
#include "ipc_gather.h"
#include "ipc_writer.h"

/* What is said of arrays beside what was gathered. */
typedef struct kh_ipc_header {
  int64_t rows;
  const char *metadata; /* of a record batch; may be NULL */
  bool is_dictionary, is_delta;
  int64_t id; /* of a dictionary */
} kh_ipc_header;

/* Metadata under construction, behind a prefix and padded so that what follows begins at a multiple of 64. VALUE_TOO_LARGE,
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_put_metadata(kh_ipc_writer *writer, kh_ipc_builder *builder, khonsu_error *error);
/* The schema's message. UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_put_schema(kh_ipc_writer *writer, khonsu_error *error);
/* A record batch or dictionary; the body moves over from `gathered`. VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_put_arrays(kh_ipc_writer *writer, kh_ipc_gathered *gathered,
                                                const kh_ipc_header *header, khonsu_error *error);
/* Bytes that are said already: they stay where they are. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_put_bytes(kh_ipc_writer *writer, const void *bytes, size_t size,
                                               khonsu_error *error);
khonsu_status kh_ipc_write_no_memory(khonsu_error *error);

#endif
