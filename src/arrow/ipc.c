/* ipc: tables to and from encoded streams in memory. */
#include "ipc_reader.h"
#include "ipc_writer.h"
#include "table_walk.h"

static khonsu_status take_out(kh_ipc_writer *writer, kh_buffer *bytes, khonsu_error *error) {
  khonsu_status status = kh_ipc_pieces_copy(&writer->out, bytes);
  kh_ipc_pieces_clear(&writer->out);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory to encode record batches");
}

static khonsu_status write_chunks(kh_ipc_writer *writer, const kh_table *table, uint64_t first_chunk, kh_buffer *bytes,
                                  khonsu_error *error) {
  kh_table_walk walk = kh_table_walk_from(table, first_chunk);
  kh_chunk *chunk;
  khonsu_status status;
  while ((status = kh_table_walk_next(&walk, &chunk, error)) == KHONSU_OK && chunk != NULL) {
    status = kh_ipc_write_chunk(writer, chunk, error);
    if (status == KHONSU_OK) status = take_out(writer, bytes, error);
    if (status != KHONSU_OK) break;
  }
  kh_table_walk_end(&walk);
  return status;
}

khonsu_status kh_ipc_encode(const kh_table *table, uint64_t first_chunk, bool with_schema, kh_buffer *bytes,
                            khonsu_error *error) {
  kh_ipc_writer writer;
  size_t before = bytes->size;
  khonsu_status status =
      kh_ipc_writer_init(&writer, kh_table_schema(table), (kh_ipc_options){false, KH_IPC_PLAIN}, error);
  if (status == KHONSU_OK && with_schema) status = kh_ipc_write_schema(&writer, error);
  if (status == KHONSU_OK && with_schema) status = take_out(&writer, bytes, error);
  if (status == KHONSU_OK) status = write_chunks(&writer, table, first_chunk, bytes, error);
  kh_ipc_writer_fini(&writer);
  if (status != KHONSU_OK) bytes->size = before;
  return status;
}

static khonsu_status read_chunks(kh_ipc_reader *reader, kh_table *table, khonsu_error *error) {
  for (;;) {
    kh_chunk *chunk;
    khonsu_status status = kh_ipc_reader_next(reader, &chunk, error);
    if (status != KHONSU_OK || chunk == NULL) return status;
    status = kh_table_add(table, chunk, error);
    if (status != KHONSU_OK) return status;
  }
}

static khonsu_status decode(const kh_ipc_source *source, const kh_arrow_limits *limits, kh_table **table,
                            khonsu_error *error) {
  kh_ipc_reader reader;
  khonsu_status status = kh_ipc_reader_open(&reader, source, limits, error);
  if (status != KHONSU_OK) return status;
  kh_table *decoded = kh_table_new(reader.shapes.batch.schema);
  if (decoded == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  else status = read_chunks(&reader, decoded, error);
  kh_ipc_reader_fini(&reader);
  if (status == KHONSU_OK) *table = kh_table_made(decoded);
  else kh_table_unref(decoded);
  return status;
}

khonsu_status kh_ipc_decode(khonsu_slice bytes, const kh_arrow_limits *limits, kh_table **table, khonsu_error *error) {
  kh_ipc_source source = {.name = "the encoded table", .bytes = bytes, .size = bytes.size};
  return decode(&source, limits, table, error);
}

khonsu_status kh_ipc_decode_memory(kh_memory *memory, const kh_arrow_limits *limits, kh_table **table,
                                   khonsu_error *error) {
  kh_ipc_source source = {
      .name = "the encoded table", .bytes = memory->bytes, .memory = memory, .size = memory->bytes.size};
  return decode(&source, limits, table, error);
}
