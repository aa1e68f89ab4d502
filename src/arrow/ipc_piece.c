/* ipc_piece: a stored table's schema, read once, and its chunks, each from a piece of its own.
 *
 * A piece is read as a stream that has one record batch and is in memory. Where that is all there is to do, the work is
 * small: what the reader needs beside the layout stands on the stack, and the chunk is one block. */
#include "ipc_reader.h"

enum { WORDS_ON_STACK = 256 }; /* some 80 fields */

static const char *piece_name = "the stored chunk";

/* ---- the schema */

/* A file says more than its schema. */
static khonsu_status check_end(const kh_ipc_reader *reader, khonsu_error *error) {
  if (reader->batches == NULL && reader->position == reader->end) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_CORRUPT, "%s: there is more than a schema message", reader->source.name);
}

khonsu_status kh_ipc_layout_new(khonsu_slice message, const kh_arrow_limits *limits, kh_ipc_layout **layout,
                                khonsu_error *error) {
  kh_ipc_reader reader;
  kh_ipc_source source = {.name = "the stored schema", .bytes = message, .size = message.size};
  khonsu_status status = kh_ipc_reader_open(&reader, &source, limits, error);
  if (status != KHONSU_OK) return status;
  status = check_end(&reader, error);
  if (status == KHONSU_OK) *layout = kh_ipc_layout_ref(reader.layout);
  kh_ipc_reader_fini(&reader);
  return status;
}

/* ---- pieces */

/* What cannot be read was not written here. */
static khonsu_status name_piece(khonsu_status status, khonsu_error *error) {
  if (status == KHONSU_OK || status == KHONSU_NO_MEMORY) return status;
  if (status != KHONSU_VALUE_TOO_LARGE) status = KHONSU_CORRUPT;
  return kh_error_restate(error, status, "%s: %s", piece_name, error != NULL ? error->message : "");
}

static khonsu_status read_piece(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  kh_chunk *read = NULL;
  khonsu_status status = kh_ipc_stream_next(reader, &read, error);
  if (status != KHONSU_OK) return status;
  if (read == NULL) return khonsu_error_set(error, KHONSU_CORRUPT, "it ends before its record batch");
  if (reader->position == reader->end) {
    *chunk = read;
    return KHONSU_OK;
  }
  kh_chunk_unref(read);
  return khonsu_error_set(error, KHONSU_CORRUPT, "%llu bytes follow its record batch",
                          (unsigned long long)(reader->end - reader->position));
}

khonsu_status kh_ipc_decode_piece(kh_ipc_layout *layout, kh_memory *memory, khonsu_slice piece,
                                  const kh_arrow_limits *limits, bool trusted, kh_chunk **chunk, khonsu_error *error) {
  uint64_t words[WORDS_ON_STACK];
  size_t needed = kh_ipc_reader_room(layout);
  kh_ipc_reader reader = {.source = {.name = piece_name, .bytes = piece, .memory = memory, .size = piece.size},
                          .limits = *limits,
                          .is_trusted = trusted,
                          .layout = layout, /* borrowed: what threads share is not to be written to */
                          .end = piece.size};
  if (needed > WORDS_ON_STACK) {
    reader.room = kh_alloc_array(needed, sizeof *words);
    if (reader.room == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read %s", piece_name);
  }
  kh_ipc_reader_furnish(&reader, reader.room != NULL ? reader.room : words);
  khonsu_status status = name_piece(read_piece(&reader, chunk, error), error);
  kh_ipc_reader_clear(&reader);
  return status;
}
