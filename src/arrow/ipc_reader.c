#include "ipc_reader.h"

#include "concat.h"
#include "ipc_metadata.h"

/* Sets the text to "<source>: record batch <n>: <what is there>", and CORRUPT in the place of INVALID_ARROW. */
static khonsu_status name_place(const kh_ipc_reader *reader, khonsu_status status, khonsu_error *error) {
  if (status == KHONSU_OK || status == KHONSU_NO_MEMORY) return status;
  if (status == KHONSU_INVALID_ARROW) status = KHONSU_CORRUPT;
  const char *text = error != NULL ? error->message : "";
  if (reader->schema == NULL) return kh_error_restate(error, status, "%s: %s", reader->source.name, text);
  return kh_error_restate(error, status, "%s: record batch %llu: %s", reader->source.name,
                          (unsigned long long)reader->batch_number, text);
}

/* ---- bytes */

static khonsu_status cut_short(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_CORRUPT, "it is cut short");
}

static khonsu_status read_bytes(const kh_ipc_reader *reader, uint64_t offset, void *to, size_t size,
                                khonsu_error *error) {
  const kh_ipc_source *source = &reader->source;
  KH_ASSERT(offset <= source->size && size <= source->size - offset);
  if (size == 0) return KHONSU_OK;
  if (source->os == NULL) {
    memcpy(to, (const char *)source->memory + offset, size);
    return KHONSU_OK;
  }
  size_t got = 0;
  kh_os_error failed = KH_OS_CALL(source->os, read_at, source->file, to, size, offset, &got);
  if (failed) return kh_os_fail(error, failed, "read", source->name);
  return got == size ? KHONSU_OK : cut_short(error); /* it has shrunk */
}

/* ---- messages */

typedef struct ipc_message {
  NS(Message_table_t) table; /* NULL: the end; else in the reader's metadata buffer */
  uint64_t body;             /* where it begins */
  uint64_t body_size;
} ipc_message;

static khonsu_status check_message(const kh_ipc_reader *reader, ipc_message *message, khonsu_error *error) {
  NS(Message_table_t) table = message->table;
  if (NS(Message_version(table)) != NS(MetadataVersion_V4) && NS(Message_version(table)) != NS(MetadataVersion_V5))
    return khonsu_error_set(error, KHONSU_UNSUPPORTED, "a message of format version %d",
                            (int)NS(Message_version(table)) + 1);
  if (NS(Message_header(table)) == NULL) return khonsu_error_set(error, KHONSU_CORRUPT, "a message without header");
  int64_t size = NS(Message_bodyLength(table));
  if (size < 0 || (uint64_t)size > reader->end - message->body) return cut_short(error);
  message->body_size = (uint64_t)size;
  return KHONSU_OK;
}

static khonsu_status read_metadata(kh_ipc_reader *reader, uint64_t offset, size_t size, ipc_message *message,
                                   khonsu_error *error) {
  reader->metadata.size = 0;
  if (kh_buffer_reserve(&reader->metadata, size) != KHONSU_OK)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %zu bytes of metadata", size);
  khonsu_status status = read_bytes(reader, offset, reader->metadata.data, size, error);
  if (status != KHONSU_OK) return status;
  reader->metadata.size = size;
  status = kh_ipc_verify_message(reader->metadata.data, size, error);
  if (status != KHONSU_OK) return status;
  message->table = NS(Message_as_root(reader->metadata.data));
  message->body = offset + size;
  return check_message(reader, message, error);
}

/* The message at `offset`. What it says of its size is checked before anything is allocated for it. */
static khonsu_status read_message(kh_ipc_reader *reader, uint64_t offset, ipc_message *message, khonsu_error *error) {
  uint32_t prefix[2];
  message->table = NULL;
  if (offset == reader->end) return KHONSU_OK;
  if (reader->end - offset < sizeof prefix) return cut_short(error);
  khonsu_status status = read_bytes(reader, offset, prefix, sizeof prefix, error);
  if (status != KHONSU_OK) return status;
  if (prefix[0] != UINT32_MAX)
    return khonsu_error_set(error, KHONSU_CORRUPT, "no message begins at byte %llu", (unsigned long long)offset);
  if (prefix[1] == 0) return KHONSU_OK;
  offset += sizeof prefix;
  if (prefix[1] > INT32_MAX || prefix[1] > reader->end - offset) return cut_short(error);
  return read_metadata(reader, offset, prefix[1], message, error);
}

/* Into the chunk's own memory. */
static khonsu_status read_body(const kh_ipc_reader *reader, const ipc_message *message, kh_chunk *chunk,
                               kh_ipc_body *body, khonsu_error *error) {
  void *bytes = kh_arena_take(&chunk->arena, (size_t)message->body_size);
  if (bytes == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %llu bytes",
                            (unsigned long long)message->body_size);
  *body = (kh_ipc_body){bytes, (int64_t)message->body_size};
  return read_bytes(reader, message->body, bytes, (size_t)message->body_size, error);
}

/* ---- record batches and dictionaries */

static kh_known_sizes *new_sizes(const kh_ipc_reader *reader) {
  kh_known_sizes *known = kh_alloc_array(reader->schema->count, sizeof *known);
  if (known != NULL) memset(known, 0xff, reader->schema->count * sizeof *known); /* -1: not known */
  return known;
}

/* A new chunk: the record batch, if `root` is 0; else an empty one, but for the values of one dictionary. */
static khonsu_status read_chunk(const kh_ipc_reader *reader, const ipc_message *message, NS(RecordBatch_table_t) table,
                                uint32_t root, kh_chunk **read, khonsu_error *error) {
  kh_chunk *chunk = kh_chunk_new(reader->schema);
  kh_known_sizes *known = new_sizes(reader);
  kh_ipc_body body;
  khonsu_status status = KHONSU_OK;
  if (chunk == NULL || known == NULL)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record batch");
  if (status == KHONSU_OK) status = read_body(reader, message, chunk, &body, error);
  if (status == KHONSU_OK && root != 0) status = kh_ipc_fill_empty(chunk, 0, error);
  if (status == KHONSU_OK) {
    bool has_union_validity = NS(Message_version(message->table)) < NS(MetadataVersion_V5);
    status = kh_ipc_batch_read(reader, table, has_union_validity, body, root, chunk, known, error);
  }
  if (status == KHONSU_OK) status = kh_chunk_check(chunk, known, reader->limits.batch_bytes_max, error);
  kh_free(known);
  if (status == KHONSU_OK) *read = chunk;
  else kh_chunk_unref(chunk);
  return status;
}

/* The values of a dictionary, and those that came as a delta after them. */
static khonsu_status join_values(const kh_ipc_reader *reader, kh_chunk *values, kh_chunk *delta, uint32_t dictionary,
                                 kh_chunk **joined, khonsu_error *error) {
  kh_chunk *chunk = kh_chunk_new(reader->schema);
  if (chunk == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a dictionary");
  const struct ArrowArray *old = &values->nodes[dictionary], *more = &delta->nodes[dictionary];
  kh_span spans[2] = {{values, old->offset, old->length}, {delta, more->offset, more->length}};
  kh_concat concat = {reader->schema->fields, chunk, error};
  khonsu_status status = kh_ipc_fill_empty(chunk, 0, error);
  if (status == KHONSU_OK) status = kh_concat_field(&concat, dictionary, spans, 2);
  if (status == KHONSU_OK) *joined = chunk;
  else kh_chunk_unref(chunk);
  return status;
}

static khonsu_status read_dictionary(kh_ipc_reader *reader, const ipc_message *message, khonsu_error *error) {
  NS(DictionaryBatch_table_t) table = NS(Message_header(message->table));
  NS(RecordBatch_table_t) data = NS(DictionaryBatch_data(table));
  uint32_t field = kh_ipc_field_of_id(reader, NS(DictionaryBatch_id(table)));
  if (data == NULL || field == 0)
    return khonsu_error_set(error, KHONSU_CORRUPT, "a dictionary %s", data == NULL ? "without values" : "of no column");
  uint32_t dictionary = kh_field_dictionary(&reader->schema->fields[field]);
  kh_chunk *values, *old = reader->dictionaries[field];
  khonsu_status status = read_chunk(reader, message, data, dictionary, &values, error);
  if (status != KHONSU_OK) return status;
  if (NS(DictionaryBatch_isDelta(table)) && old != NULL) {
    kh_chunk *delta = values;
    status = join_values(reader, old, delta, dictionary, &values, error);
    kh_chunk_unref(delta);
    if (status != KHONSU_OK) return status;
  }
  kh_chunk_unref(old);
  reader->dictionaries[field] = values;
  return KHONSU_OK;
}

/* *chunk stays as it is unless the message is a record batch. */
static khonsu_status read_data(kh_ipc_reader *reader, const ipc_message *message, kh_chunk **chunk,
                               khonsu_error *error) {
  switch (NS(Message_header_type(message->table))) {
    case NS(MessageHeader_RecordBatch):
      return read_chunk(reader, message, NS(Message_header(message->table)), 0, chunk, error);
    case NS(MessageHeader_DictionaryBatch): return read_dictionary(reader, message, error);
    case NS(MessageHeader_Schema): return khonsu_error_set(error, KHONSU_CORRUPT, "a second schema");
    default: return khonsu_error_set(error, KHONSU_UNSUPPORTED, "a message that is no table's: a tensor");
  }
}

/* ---- the schema */

static khonsu_status set_schema(kh_ipc_reader *reader, NS(Schema_table_t) table, size_t metadata_size,
                                khonsu_error *error) {
  kh_schema *schema;
  khonsu_status status =
      kh_ipc_schema_read(table, metadata_size, reader->limits.nesting_depth_max, &schema, &reader->ids, error);
  if (status != KHONSU_OK) return status;
  reader->dictionaries = kh_alloc_zero(schema->count * sizeof *reader->dictionaries);
  if (reader->dictionaries == NULL) {
    kh_schema_unref(schema);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read a schema");
  }
  reader->schema = schema;
  return KHONSU_OK;
}

static khonsu_status open_stream(kh_ipc_reader *reader, khonsu_error *error) {
  ipc_message message;
  khonsu_status status = read_message(reader, reader->position, &message, error);
  if (status != KHONSU_OK) return status;
  if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_Schema))
    return khonsu_error_set(error, KHONSU_CORRUPT, "it does not begin with a schema");
  reader->position = message.body + message.body_size;
  return set_schema(reader, NS(Message_header(message.table)), reader->metadata.size, error);
}

/* ---- files: the footer says where the messages are */

static khonsu_status find_footer(kh_ipc_reader *reader, uint64_t *footer, size_t *size, khonsu_error *error) {
  uint8_t end[KH_IPC_FOOTER_END];
  int32_t footer_size;
  uint64_t whole = reader->source.size;
  if (whole < KH_IPC_FILE_START + KH_IPC_FOOTER_END) return cut_short(error);
  khonsu_status status = read_bytes(reader, whole - sizeof end, end, sizeof end, error);
  if (status != KHONSU_OK) return status;
  memcpy(&footer_size, end, sizeof footer_size);
  if (memcmp(end + sizeof footer_size, KH_IPC_MAGIC, KH_IPC_MAGIC_SIZE) != 0) return cut_short(error);
  if (footer_size <= 0 || (uint64_t)footer_size > whole - sizeof end - KH_IPC_FILE_START)
    return khonsu_error_set(error, KHONSU_CORRUPT, "its footer is said to have %d bytes", (int)footer_size);
  *size = (size_t)footer_size;
  *footer = whole - sizeof end - *size;
  return KHONSU_OK;
}

static khonsu_status read_footer(kh_ipc_reader *reader, uint64_t offset, size_t size, khonsu_error *error) {
  if (kh_buffer_reserve(&reader->metadata, size) != KHONSU_OK)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a footer of %zu bytes", size);
  khonsu_status status = read_bytes(reader, offset, reader->metadata.data, size, error);
  if (status != KHONSU_OK) return status;
  reader->metadata.size = size;
  return kh_ipc_verify_footer(reader->metadata.data, size, error);
}

/* Where messages stand; copied out of the footer, whose memory they will be read into. */
static khonsu_status copy_blocks(const kh_ipc_reader *reader, NS(Block_vec_t) blocks, uint64_t **copy, uint64_t *count,
                                 khonsu_error *error) {
  *count = NS(Block_vec_len(blocks));
  *copy = kh_alloc_array(*count, sizeof **copy);
  if (*copy == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a footer");
  for (size_t i = 0; i < *count; i++) {
    int64_t offset = NS(Block_offset(NS(Block_vec_at(blocks, i))));
    if (offset < KH_IPC_FILE_START || (uint64_t)offset >= reader->end)
      return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points outside of it, to byte %lld",
                              (long long)offset);
    (*copy)[i] = (uint64_t)offset;
  }
  return KHONSU_OK;
}

static khonsu_status read_file_dictionaries(kh_ipc_reader *reader, const uint64_t *blocks, uint64_t count,
                                            khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t i = 0; i < count && status == KHONSU_OK; i++) {
    ipc_message message;
    status = read_message(reader, blocks[i], &message, error);
    if (status != KHONSU_OK) break;
    if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_DictionaryBatch))
      return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points to no dictionary");
    status = read_dictionary(reader, &message, error);
  }
  return status;
}

static khonsu_status open_file(kh_ipc_reader *reader, khonsu_error *error) {
  size_t size = 0;
  khonsu_status status = find_footer(reader, &reader->end, &size, error);
  if (status == KHONSU_OK) status = read_footer(reader, reader->end, size, error);
  if (status != KHONSU_OK) return status;
  NS(Footer_table_t) footer = NS(Footer_as_root(reader->metadata.data));
  if (NS(Footer_schema(footer)) == NULL) return khonsu_error_set(error, KHONSU_CORRUPT, "its footer has no schema");
  status = set_schema(reader, NS(Footer_schema(footer)), size, error);
  if (status == KHONSU_OK)
    status = copy_blocks(reader, NS(Footer_recordBatches(footer)), &reader->batches, &reader->batch_count, error);
  if (status != KHONSU_OK) return status;
  uint64_t *dictionaries = NULL;
  uint64_t count;
  status = copy_blocks(reader, NS(Footer_dictionaries(footer)), &dictionaries, &count, error);
  if (status == KHONSU_OK) status = read_file_dictionaries(reader, dictionaries, count, error);
  kh_free(dictionaries);
  return status;
}

/* ---- the reader */

static khonsu_status open_source(kh_ipc_reader *reader, khonsu_error *error) {
  char start[KH_IPC_MAGIC_SIZE];
  khonsu_status status = KHONSU_OK;
  bool has_start = reader->source.size >= sizeof start;
  if (has_start) status = read_bytes(reader, 0, start, sizeof start, error);
  if (status != KHONSU_OK) return status;
  if (has_start && memcmp(start, KH_IPC_MAGIC, sizeof start) == 0) return open_file(reader, error);
  return open_stream(reader, error);
}

khonsu_status kh_ipc_reader_open(kh_ipc_reader *reader, const kh_ipc_source *source, const kh_arrow_limits *limits,
                                 khonsu_error *error) {
  *reader = (kh_ipc_reader){.source = *source, .limits = *limits, .end = source->size};
  khonsu_status status = name_place(reader, open_source(reader, error), error);
  if (status != KHONSU_OK) kh_ipc_reader_fini(reader);
  return status;
}

/* Dictionaries of a stream stand between its record batches, those of a file were read before. */
static khonsu_status next_of_stream(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  while (*chunk == NULL && status == KHONSU_OK) {
    ipc_message message;
    status = read_message(reader, reader->position, &message, error);
    if (status != KHONSU_OK || message.table == NULL) break;
    status = read_data(reader, &message, chunk, error);
    if (status == KHONSU_OK) reader->position = message.body + message.body_size;
  }
  return status;
}

static khonsu_status next_of_file(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  if (reader->batch_number == reader->batch_count) return KHONSU_OK;
  ipc_message message;
  khonsu_status status = read_message(reader, reader->batches[reader->batch_number], &message, error);
  if (status != KHONSU_OK) return status;
  if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_RecordBatch))
    return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points to no record batch");
  return read_data(reader, &message, chunk, error);
}

khonsu_status kh_ipc_reader_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error) {
  *chunk = NULL;
  khonsu_status status =
      reader->batches != NULL ? next_of_file(reader, chunk, error) : next_of_stream(reader, chunk, error);
  status = name_place(reader, status, error);
  if (*chunk != NULL) reader->batch_number++;
  return status;
}

void kh_ipc_reader_fini(kh_ipc_reader *reader) {
  for (uint32_t i = 0; reader->dictionaries != NULL && i < reader->schema->count; i++)
    kh_chunk_unref(reader->dictionaries[i]);
  kh_free(reader->dictionaries);
  kh_free(reader->ids);
  kh_free(reader->batches);
  kh_buffer_fini(&reader->metadata);
  kh_schema_unref(reader->schema);
  const kh_ipc_source *source = &reader->source;
  if (source->os != NULL && source->file != KH_FILE_NONE) (void)KH_OS_CALL(source->os, close, source->file);
  *reader = (kh_ipc_reader){.source.file = KH_FILE_NONE};
}
