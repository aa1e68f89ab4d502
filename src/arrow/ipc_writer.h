/* ipc_writer: Arrow IPC out, message by message, into a buffer that its user empties as he likes. */
#ifndef KH_ARROW_IPC_WRITER_H
#define KH_ARROW_IPC_WRITER_H

#include "chunk.h"

/* What the buffer was given last for a dictionary, by field. */
typedef struct kh_ipc_written {
  kh_chunk *chunk;   /* whose dictionary it was */
  kh_buffer message; /* as it was written */
} kh_ipc_written;

/* Where a message stands in a file. */
typedef struct kh_ipc_place {
  int64_t offset, body_size;
  int32_t metadata_size; /* with prefix and padding */
  bool is_dictionary;
} kh_ipc_place;

typedef struct kh_ipc_writer {
  const kh_schema *schema;
  kh_buffer *out;
  kh_ipc_written *written;
  bool is_file;         /* dictionaries cannot be replaced; places are kept for the footer */
  uint64_t file_offset; /* of the beginning of `out` in the file */
  kh_ipc_place *places;
  uint64_t place_count, place_capacity;
} kh_ipc_writer;

/* `schema` and `out` outlive the writer. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_writer_init(kh_ipc_writer *writer, const kh_schema *schema, bool is_file,
                                                 kh_buffer *out, khonsu_error *error);
void kh_ipc_writer_fini(kh_ipc_writer *writer);

/* UNSUPPORTED, NO_MEMORY; a part of it may have been written then. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_schema(kh_ipc_writer *writer, khonsu_error *error);
/* The chunk, of the schema's layout, after what dictionaries it needs. UNSUPPORTED: a file would have to replace one.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_chunk(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error);
/* The end marker; of a file also the footer. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_end(kh_ipc_writer *writer, khonsu_error *error);

#endif
