#include "ipc_reader.h"

#include "ipc_data.h"
#include "ipc_footer.h"

/* Sets the text to "<source>: record batch <n>: <what is there>", before there are any without the batch; and CORRUPT in
 * the place of INVALID_ARROW. */
static khonsu_status name_place(const kh_ipc_reader *reader, bool is_open, khonsu_status status, khonsu_error *error) {
  if (status == KHONSU_OK || status == KHONSU_NO_MEMORY) return status;
  if (status == KHONSU_INVALID_ARROW) status = KHONSU_CORRUPT;
  const char *text = error != NULL ? error->message : "";
  if (!is_open) return kh_error_restate(error, status, "%s: %s", reader->source.name, text);
  return kh_error_restate(error, status, "%s: record batch %llu: %s", reader->source.name,
                          (unsigned long long)reader->batch_number, text);
}

/* ---- opening */

size_t kh_ipc_reader_room(const kh_ipc_layout *layout) {
  return layout->batch.schema->count * (sizeof(kh_known_sizes) / sizeof(uint64_t)) + layout->dictionary_count;
}

void kh_ipc_reader_furnish(kh_ipc_reader *reader, void *room) {
  const kh_ipc_layout *layout = reader->layout;
  reader->known = room;
  reader->values = (kh_chunk **)(void *)(reader->known + layout->batch.schema->count);
  memset(reader->known, 0xff, layout->batch.schema->count * sizeof *reader->known);
  if (layout->dictionary_count > 0) memset(reader->values, 0, layout->dictionary_count * sizeof *reader->values);
}

khonsu_status kh_ipc_reader_take_schema(kh_ipc_reader *reader, NS(Schema_table_t) table, size_t metadata_size,
                                        khonsu_error *error) {
  khonsu_status status =
      kh_ipc_schema_read(table, metadata_size, reader->limits.nesting_depth_max, &reader->layout, error);
  if (status != KHONSU_OK) return status;
  reader->room = kh_alloc_array(kh_ipc_reader_room(reader->layout), sizeof(uint64_t));
  if (reader->room == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read a schema");
  kh_ipc_reader_furnish(reader, reader->room);
  return KHONSU_OK;
}

static khonsu_status open_stream(kh_ipc_reader *reader, khonsu_error *error) {
  kh_ipc_message message;
  khonsu_status status = kh_ipc_message_read(reader, reader->position, &message, error);
  if (status != KHONSU_OK) return status;
  if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_Schema))
    return khonsu_error_set(error, KHONSU_CORRUPT, "it does not begin with a schema");
  reader->position = message.body + message.body_size;
  return kh_ipc_reader_take_schema(reader, NS(Message_header(message.table)), message.metadata_size, error);
}

static khonsu_status open_source(kh_ipc_reader *reader, khonsu_error *error) {
  char start[KH_IPC_MAGIC_SIZE];
  khonsu_status status = KHONSU_OK;
  bool has_start = reader->source.size >= sizeof start;
  if (has_start) status = kh_ipc_bytes_read(reader, 0, start, sizeof start, error);
  if (status != KHONSU_OK) return status;
  if (has_start && memcmp(start, KH_IPC_MAGIC, sizeof start) == 0) return kh_ipc_footer_open(reader, error);
  return open_stream(reader, error);
}

khonsu_status kh_ipc_reader_open(kh_ipc_reader *reader, const kh_ipc_source *source, const kh_arrow_limits *limits,
                                 khonsu_error *error) {
  *reader = (kh_ipc_reader){.source = *source, .limits = *limits, .end = source->size};
  khonsu_status status = name_place(reader, false, open_source(reader, error), error);
  if (status != KHONSU_OK) kh_ipc_reader_fini(reader);
  return status;
}

/* ---- batch by batch: dictionaries of a stream stand between its record batches, those of a file were read before */

static khonsu_status next_of_file(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  if (reader->batch_number == reader->batch_count) return KHONSU_OK;
  kh_ipc_message message;
  khonsu_status status = kh_ipc_message_read(reader, reader->batches[reader->batch_number], &message, error);
  if (status != KHONSU_OK) return status;
  if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_RecordBatch))
    return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points to no record batch");
  return kh_ipc_data_read(reader, &message, chunk, error);
}

khonsu_status kh_ipc_reader_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  *chunk = NULL;
  khonsu_status status =
      reader->batches != NULL ? next_of_file(reader, chunk, error) : kh_ipc_stream_next(reader, chunk, error);
  status = name_place(reader, true, status, error);
  if (*chunk != NULL) reader->batch_number++;
  return status;
}

void kh_ipc_reader_clear(kh_ipc_reader *reader) {
  for (uint32_t i = 0; reader->values != NULL && i < reader->layout->dictionary_count; i++)
    kh_chunk_unref(reader->values[i]);
  kh_free(reader->room);
  kh_buffer_fini(&reader->metadata);
  kh_ipc_compression_fini(&reader->compression);
}

void kh_ipc_reader_fini(kh_ipc_reader *reader) {
  kh_ipc_reader_clear(reader);
  kh_ipc_layout_unref(reader->layout);
  kh_free(reader->batches);
  kh_free(reader->places);
  const kh_ipc_source *source = &reader->source;
  if (source->os != NULL && source->file != KH_FILE_NONE) (void)KH_OS_CALL(source->os, close, source->file);
  *reader = (kh_ipc_reader){.source.file = KH_FILE_NONE};
}
