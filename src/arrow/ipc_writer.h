/* ipc_writer: Arrow IPC out, message by message, as slices that its user writes away as he likes.
 *
 * Bodies begin at multiples of 64 bytes, counted from the stream's or file's beginning, and so do buffers in them.
 * Bodies are not copied: slices point into the chunks. They are good until the pieces are cleared or the chunk goes. */
#ifndef KH_ARROW_IPC_WRITER_H
#define KH_ARROW_IPC_WRITER_H

#include "chunk.h"
#include "ipc_codec.h"
#include "ipc_pieces.h"

/* The dictionary of a field as the reader of what was written has it now. */
typedef struct kh_ipc_written {
  kh_chunk *chunk;   /* whose it was; NULL: there was none yet */
  bool was_replaced; /* with the chunk that is being written */
} kh_ipc_written;

/* Where a message stands in a file. */
typedef struct kh_ipc_place {
  int64_t offset, body_size;
  int32_t metadata_size; /* with prefix and padding */
  bool is_dictionary;
} kh_ipc_place;

typedef struct kh_ipc_options {
  bool is_file;   /* dictionaries can grow but not be replaced, and are unified; there is a footer */
  bool in_pieces; /* each chunk of a stream brings all of its dictionaries, whatever was written before */
  kh_ipc_codec codec;
} kh_ipc_options;

typedef struct kh_ipc_writer {
  const kh_schema *schema;
  kh_ipc_options options;
  kh_ipc_pieces out;
  kh_ipc_compression compression;
  kh_ipc_written *written;
  kh_buffer unified; /* of kh_chunk *: what `out` points into beside the chunks that were given */
  uint64_t position; /* of the next message in the stream or file */
  kh_ipc_place *places;
  uint64_t place_count, place_capacity;
} kh_ipc_writer;

/* `schema` outlives the writer. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_writer_init(kh_ipc_writer *writer, const kh_schema *schema, kh_ipc_options options,
                                                 khonsu_error *error);
void kh_ipc_writer_fini(kh_ipc_writer *writer);

/* Each adds to `out`. A part may have been added when it fails. */
/* The schema message; of a file, what comes before it. UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_schema(kh_ipc_writer *writer, khonsu_error *error);
/* The chunk, of the schema's layout, after what dictionaries it needs. UNSUPPORTED: a file would have to replace one
 * that is ordered or holds dictionaries. VALUE_TOO_LARGE: indices or offsets cannot hold what dictionaries of a file have
 * together. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_chunk(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error);
/* The end marker; of a file also the footer. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_write_end(kh_ipc_writer *writer, khonsu_error *error);

#endif
