#include "ipc_reader.h"

#include "ipc_batch.h"
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

/* ---- record batches and dictionaries */

static khonsu_status read_chunk(kh_ipc_reader *reader, const kh_ipc_shape *shape, const kh_ipc_message *message,
                                NS(RecordBatch_table_t) table, kh_chunk **read, khonsu_error *error) {
  void *room;
  kh_chunk *chunk = kh_ipc_batch_chunk(shape, table, &room);
  if (chunk == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record batch");
  kh_ipc_body body;
  khonsu_status status = kh_ipc_body_read(reader, message, chunk, &body, error);
  if (status == KHONSU_OK) status = kh_ipc_batch_read(reader, shape, message, table, body, chunk, room, error);
  if (status == KHONSU_OK) status = kh_chunk_check(chunk, reader->known, reader->limits.batch_bytes_max, error);
  if (status == KHONSU_OK) *read = chunk;
  else kh_chunk_unref(chunk);
  return status;
}

/* The values that came as a delta go behind those that are there. */
static khonsu_status join_values(const kh_ipc_reader *reader, kh_ipc_dictionary *dictionary, kh_chunk *delta,
                                 kh_chunk **joined, khonsu_error *error) {
  kh_chunk *parts[2] = {dictionary->values, delta};
  uint64_t bytes = dictionary->values->bytes + delta->bytes, most = reader->limits.batch_bytes_max;
  if (bytes > most)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                            "the dictionary has %llu bytes: more than value_size_max = %llu", (unsigned long long)bytes,
                            (unsigned long long)most);
  return kh_chunk_concat(dictionary->shape.schema, parts, 2, joined, error);
}

khonsu_status kh_ipc_reader_take_dictionary(kh_ipc_reader *reader, const kh_ipc_message *message, khonsu_error *error) {
  NS(DictionaryBatch_table_t) table = NS(Message_header(message->table));
  NS(RecordBatch_table_t) data = NS(DictionaryBatch_data(table));
  kh_ipc_dictionary *dictionary = kh_ipc_dictionary_find(&reader->shapes, NS(DictionaryBatch_id(table)));
  if (data == NULL || dictionary == NULL)
    return khonsu_error_set(error, KHONSU_CORRUPT, "a dictionary %s", data == NULL ? "without values" : "of no column");
  bool is_delta = NS(DictionaryBatch_isDelta(table)) && dictionary->values != NULL;
  kh_chunk *values;
  khonsu_status status = read_chunk(reader, &dictionary->shape, message, data, &values, error);
  if (status != KHONSU_OK) return status;
  if (is_delta) {
    kh_chunk *delta = values;
    status = join_values(reader, dictionary, delta, &values, error);
    kh_chunk_unref(delta);
    if (status != KHONSU_OK) return status;
  }
  kh_chunk_unref(dictionary->values);
  dictionary->values = values;
  return KHONSU_OK;
}

/* *chunk stays as it is unless the message is a record batch. */
static khonsu_status read_data(kh_ipc_reader *reader, const kh_ipc_message *message, kh_chunk **chunk,
                               khonsu_error *error) {
  switch (NS(Message_header_type(message->table))) {
    case NS(MessageHeader_RecordBatch):
      return read_chunk(reader, &reader->shapes.batch, message, NS(Message_header(message->table)), chunk, error);
    case NS(MessageHeader_DictionaryBatch): return kh_ipc_reader_take_dictionary(reader, message, error);
    case NS(MessageHeader_Schema): return khonsu_error_set(error, KHONSU_CORRUPT, "a second schema");
    default: return khonsu_error_set(error, KHONSU_UNSUPPORTED, "a message that is no table's: a tensor");
  }
}

/* ---- opening */

khonsu_status kh_ipc_reader_take_schema(kh_ipc_reader *reader, NS(Schema_table_t) table, size_t metadata_size,
                                        khonsu_error *error) {
  kh_ipc_shapes shapes = {0};
  khonsu_status status = kh_ipc_schema_read(table, metadata_size, reader->limits.nesting_depth_max, &shapes, error);
  if (status == KHONSU_OK) {
    reader->known = kh_alloc_array(shapes.batch.schema->count, sizeof *reader->known);
    if (reader->known != NULL) memset(reader->known, 0xff, shapes.batch.schema->count * sizeof *reader->known);
    else status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read a schema");
  }
  if (status == KHONSU_OK) reader->shapes = shapes;
  else kh_ipc_shapes_fini(&shapes);
  reader->is_big_endian = NS(Schema_endianness(table)) != NS(Endianness_Little);
  return status;
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

/* ---- batch by batch */

/* Dictionaries of a stream stand between its record batches, those of a file were read before. */
static khonsu_status next_of_stream(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  while (*chunk == NULL && status == KHONSU_OK) {
    kh_ipc_message message;
    status = kh_ipc_message_read(reader, reader->position, &message, error);
    if (status != KHONSU_OK || message.table == NULL) break;
    status = read_data(reader, &message, chunk, error);
    if (status == KHONSU_OK) reader->position = message.body + message.body_size;
  }
  return status;
}

static khonsu_status next_of_file(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  if (reader->batch_number == reader->batch_count) return KHONSU_OK;
  kh_ipc_message message;
  khonsu_status status = kh_ipc_message_read(reader, reader->batches[reader->batch_number], &message, error);
  if (status != KHONSU_OK) return status;
  if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_RecordBatch))
    return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points to no record batch");
  return read_data(reader, &message, chunk, error);
}

khonsu_status kh_ipc_reader_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  *chunk = NULL;
  khonsu_status status =
      reader->batches != NULL ? next_of_file(reader, chunk, error) : next_of_stream(reader, chunk, error);
  status = name_place(reader, true, status, error);
  if (*chunk != NULL) reader->batch_number++;
  return status;
}

void kh_ipc_reader_seek(kh_ipc_reader *reader, uint64_t number) {
  KH_ASSERT(reader->batches != NULL && number < reader->batch_count);
  reader->batch_number = number;
}

void kh_ipc_reader_fini(kh_ipc_reader *reader) {
  kh_ipc_shapes_fini(&reader->shapes);
  kh_free(reader->known);
  kh_free(reader->batches);
  kh_free(reader->places);
  kh_buffer_fini(&reader->metadata);
  kh_ipc_compression_fini(&reader->compression);
  const kh_ipc_source *source = &reader->source;
  if (source->os != NULL && source->file != KH_FILE_NONE) (void)KH_OS_CALL(source->os, close, source->file);
  *reader = (kh_ipc_reader){.source.file = KH_FILE_NONE};
}
