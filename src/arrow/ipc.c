/* ipc: tables to and from encoded streams in memory. */
#include "ipc_message_write.h"
#include "ipc_reader.h"
#include "ipc_writer.h"
#include "table_walk.h"

/* ---- to bytes */

static khonsu_status write_part(kh_ipc_writer *writer, kh_chunk *chunk, kh_ipc_encoded *encoded, khonsu_error *error) {
  kh_ipc_part *part = &encoded->parts[encoded->part_count++];
  *part = (kh_ipc_part){.at = (size_t)writer->position, .rows = chunk != NULL ? kh_chunk_rows(chunk) : 0};
  khonsu_status status = chunk != NULL ? kh_ipc_write_chunk(writer, chunk, error) : kh_ipc_write_schema(writer, error);
  part->size = (size_t)writer->position - part->at;
  return status;
}

/* A chunk that was loaded for this goes with the walk, and what was written points into it. */
static khonsu_status keep(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error) {
  if (kh_buffer_append(&writer->unified, &chunk, sizeof chunk) != KHONSU_OK) return kh_ipc_write_no_memory(error);
  kh_chunk_ref(chunk);
  return KHONSU_OK;
}

static khonsu_status write_parts(kh_ipc_writer *writer, const kh_table *table, kh_ipc_encoded *encoded,
                                 khonsu_error *error) {
  kh_table_walk walk = kh_table_walk_from(table, 0);
  kh_chunk *chunk;
  khonsu_status status = write_part(writer, NULL, encoded, error);
  while (status == KHONSU_OK && (status = kh_table_walk_next(&walk, &chunk, error)) == KHONSU_OK && chunk != NULL) {
    status = write_part(writer, chunk, encoded, error);
    if (status == KHONSU_OK && chunk == walk.loaded) status = keep(writer, chunk, error);
  }
  kh_table_walk_end(&walk);
  return status;
}

/* Buffers stay where they are until all sizes are known, and are copied once. */
static khonsu_status encode(kh_ipc_writer *writer, const kh_table *table, kh_ipc_encoded *encoded,
                            khonsu_error *error) {
  encoded->parts = kh_alloc_array(kh_table_chunk_count(table) + 1, sizeof *encoded->parts);
  if (encoded->parts == NULL) return kh_ipc_write_no_memory(error);
  khonsu_status status = write_parts(writer, table, encoded, error);
  if (status == KHONSU_OK && kh_ipc_pieces_copy(&writer->out, &encoded->bytes) != KHONSU_OK)
    status = kh_ipc_write_no_memory(error);
  return status;
}

khonsu_status kh_ipc_encode(const kh_table *table, kh_ipc_encoded *encoded, khonsu_error *error) {
  KH_ASSERT(encoded->parts == NULL && encoded->bytes.size == 0);
  kh_ipc_writer writer;
  kh_ipc_options options = {.in_pieces = true, .codec = kh_schema_compression(kh_table_schema(table))};
  khonsu_status status = kh_ipc_writer_init(&writer, kh_table_schema(table), options, error);
  if (status == KHONSU_OK) status = encode(&writer, table, encoded, error);
  kh_ipc_writer_fini(&writer);
  if (status != KHONSU_OK) kh_ipc_encoded_fini(encoded);
  return status;
}

void kh_ipc_encoded_fini(kh_ipc_encoded *encoded) {
  kh_buffer_fini(&encoded->bytes);
  kh_free(encoded->parts);
  *encoded = (kh_ipc_encoded){0};
}

/* ---- and back */

static khonsu_status read_chunks(kh_ipc_reader *reader, kh_table *table, khonsu_error *error) {
  for (;;) {
    kh_chunk *chunk;
    khonsu_status status = kh_ipc_reader_next(reader, &chunk, error);
    if (status != KHONSU_OK || chunk == NULL) return status;
    status = kh_table_add(table, chunk, error);
    if (status != KHONSU_OK) return status;
  }
}

khonsu_status kh_ipc_decode(khonsu_slice bytes, const kh_arrow_limits *limits, kh_table **table, khonsu_error *error) {
  kh_ipc_reader reader;
  kh_ipc_source source = {.name = "the encoded table", .bytes = bytes, .size = bytes.size};
  khonsu_status status = kh_ipc_reader_open(&reader, &source, limits, error);
  if (status != KHONSU_OK) return status;
  kh_table *decoded = kh_table_new(kh_ipc_layout_schema(reader.layout));
  if (decoded == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  else status = read_chunks(&reader, decoded, error);
  kh_ipc_reader_fini(&reader);
  if (status == KHONSU_OK) *table = kh_table_made(decoded);
  else kh_table_unref(decoded);
  return status;
}
