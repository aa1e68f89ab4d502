/* ipc_data_read: record batches become chunks, and dictionaries what they refer to. */
#include "ipc_data.h"

#include "ipc_batch.h"

static khonsu_status read_chunk(kh_ipc_reader *reader, const kh_ipc_shape *shape, const kh_ipc_message *message,
                                NS(RecordBatch_table_t) table, kh_chunk **read, khonsu_error *error) {
  void *room;
  kh_chunk *chunk = kh_ipc_batch_chunk(shape, table, &room);
  if (chunk == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record batch");
  kh_ipc_body body;
  uint64_t most = reader->limits.batch_bytes_max;
  khonsu_status status = kh_ipc_body_read(reader, message, chunk, &body, error);
  if (status == KHONSU_OK) status = kh_ipc_batch_read(reader, shape, message, table, body, chunk, room, error);
  if (status == KHONSU_OK)
    status = reader->is_trusted ? kh_chunk_trust(chunk, reader->known, most, error)
                                : kh_chunk_check(chunk, reader->known, most, error);
  if (status == KHONSU_OK) *read = chunk;
  else kh_chunk_unref(chunk);
  return status;
}

/* ---- dictionaries */

/* The values that came as a delta go behind those that are there. */
static khonsu_status join_values(const kh_ipc_reader *reader, kh_schema *schema, kh_chunk *values, kh_chunk *delta,
                                 kh_chunk **joined, khonsu_error *error) {
  kh_chunk *parts[2] = {values, delta};
  uint64_t bytes = values->bytes + delta->bytes, most = reader->limits.batch_bytes_max;
  if (bytes > most)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                            "the dictionary has %llu bytes: more than value_size_max = %llu", (unsigned long long)bytes,
                            (unsigned long long)most);
  return kh_chunk_concat(schema, parts, 2, joined, error);
}

khonsu_status kh_ipc_dictionary_read(kh_ipc_reader *reader, const kh_ipc_message *message, khonsu_error *error) {
  NS(DictionaryBatch_table_t) table = NS(Message_header(message->table));
  NS(RecordBatch_table_t) data = NS(DictionaryBatch_data(table));
  const kh_ipc_dictionary *dictionary = kh_ipc_dictionary_find(reader->layout, NS(DictionaryBatch_id(table)));
  if (data == NULL || dictionary == NULL)
    return khonsu_error_set(error, KHONSU_CORRUPT, "a dictionary %s", data == NULL ? "without values" : "of no column");
  kh_chunk **known = &reader->values[dictionary - reader->layout->dictionaries], *values;
  bool is_delta = NS(DictionaryBatch_isDelta(table)) && *known != NULL;
  if (is_delta && reader->is_trusted) /* to join them is to look at values */
    return khonsu_error_set(error, KHONSU_CORRUPT, "a dictionary in two parts");
  khonsu_status status = read_chunk(reader, &dictionary->shape, message, data, &values, error);
  if (status != KHONSU_OK) return status;
  if (is_delta) {
    kh_chunk *delta = values;
    status = join_values(reader, dictionary->shape.schema, *known, delta, &values, error);
    kh_chunk_unref(delta);
    if (status != KHONSU_OK) return status;
  }
  kh_chunk_unref(*known);
  *known = values;
  return KHONSU_OK;
}

/* ---- any */

khonsu_status kh_ipc_data_read(kh_ipc_reader *reader, const kh_ipc_message *message, kh_chunk **chunk,
                               khonsu_error *error) {
  switch (NS(Message_header_type(message->table))) {
    case NS(MessageHeader_RecordBatch):
      return read_chunk(reader, &reader->layout->batch, message, NS(Message_header(message->table)), chunk, error);
    case NS(MessageHeader_DictionaryBatch): return kh_ipc_dictionary_read(reader, message, error);
    case NS(MessageHeader_Schema): return khonsu_error_set(error, KHONSU_CORRUPT, "a second schema");
    default: return khonsu_error_set(error, KHONSU_UNSUPPORTED, "a message that is no table's: a tensor");
  }
}

khonsu_status kh_ipc_stream_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  while (*chunk == NULL && status == KHONSU_OK) {
    kh_ipc_message message;
    status = kh_ipc_message_read(reader, reader->position, &message, error);
    if (status != KHONSU_OK || message.table == NULL) break;
    status = kh_ipc_data_read(reader, &message, chunk, error);
    if (status == KHONSU_OK) reader->position = message.body + message.body_size;
  }
  return status;
}
