#include "ipc_writer.h"

#include "ipc_body.h"
#include "ipc_builder.h"
#include "ipc_metadata.h"

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to encode record batches");
}

/* ---- metadata: built by flatcc, then copied out behind a prefix */

/* Appends what was built, padded so that what follows is aligned to 8. */
static khonsu_status put_metadata(kh_ipc_builder *builder, kh_buffer *out, khonsu_error *error) {
  size_t size = kh_ipc_builder_size(builder), padded = (size + 7) & ~(size_t)7;
  if (padded > INT32_MAX)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE, "the metadata of a message have %zu bytes", size);
  uint32_t prefix[2] = {UINT32_MAX, (uint32_t)padded};
  if (kh_buffer_reserve(out, sizeof prefix + padded) != KHONSU_OK) return no_memory(error);
  memcpy(out->data + out->size, prefix, sizeof prefix);
  out->size += sizeof prefix;
  if (!kh_ipc_builder_copy(builder, out->data + out->size)) return no_memory(error);
  memset(out->data + out->size + size, 0, padded - size);
  out->size += padded;
  return KHONSU_OK;
}

static bool begin_message(flatcc_builder_t *builder, int64_t body_size) {
  return NS(Message_start_as_root(builder)) == 0 && NS(Message_version_add(builder, NS(MetadataVersion_V5))) == 0 &&
         NS(Message_bodyLength_add(builder, body_size)) == 0;
}

static bool end_message(flatcc_builder_t *builder) { return NS(Message_end_as_root(builder)) != 0; }

/* ---- schema */

static khonsu_status build_schema(flatcc_builder_t *builder, const kh_schema *schema, khonsu_error *error) {
  if (!begin_message(builder, 0) || NS(Message_header_Schema_start(builder)) != 0) return no_memory(error);
  khonsu_status status = kh_ipc_schema_write(builder, schema, error);
  if (status != KHONSU_OK) return status;
  if (NS(Message_header_Schema_end(builder)) != 0 || !end_message(builder)) return no_memory(error);
  return KHONSU_OK;
}

/* What cannot be read back must not be written: the verifier bounds the depth of flatbuffers. */
static khonsu_status check_depth(const kh_buffer *out, size_t from, khonsu_error *error) {
  size_t size = out->size - from - KH_IPC_PREFIX_SIZE;
  void *aligned = kh_alloc(size);
  if (aligned == NULL) return no_memory(error);
  memcpy(aligned, out->data + from + KH_IPC_PREFIX_SIZE, size);
  khonsu_status status = kh_ipc_verify_message(aligned, size, NULL);
  kh_free(aligned);
  if (status == KHONSU_OK) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_UNSUPPORTED, "Arrow IPC cannot represent this schema: it nests too deeply");
}

khonsu_status kh_ipc_write_schema(kh_ipc_writer *writer, khonsu_error *error) {
  kh_ipc_builder builder;
  size_t from = writer->out->size;
  kh_ipc_builder_init(&builder);
  khonsu_status status = build_schema(&builder.flat, writer->schema, error);
  if (status == KHONSU_OK) status = put_metadata(&builder, writer->out, error);
  kh_ipc_builder_fini(&builder);
  return status == KHONSU_OK ? check_depth(writer->out, from, error) : status;
}

/* ---- record batches and dictionaries */

static bool build_batch(flatcc_builder_t *builder, const kh_ipc_gathered *gathered, int64_t rows) {
  return begin_message(builder, gathered->body_size) && NS(Message_header_RecordBatch_start(builder)) == 0 &&
         kh_ipc_gathered_write(gathered, rows, builder) && NS(Message_header_RecordBatch_end(builder)) == 0 &&
         end_message(builder);
}

static bool build_dictionary(flatcc_builder_t *builder, const kh_ipc_gathered *gathered, int64_t rows, int64_t id) {
  return begin_message(builder, gathered->body_size) && NS(Message_header_DictionaryBatch_start(builder)) == 0 &&
         NS(DictionaryBatch_id_add(builder, id)) == 0 && NS(DictionaryBatch_data_start(builder)) == 0 &&
         kh_ipc_gathered_write(gathered, rows, builder) && NS(DictionaryBatch_data_end(builder)) == 0 &&
         NS(Message_header_DictionaryBatch_end(builder)) == 0 && end_message(builder);
}

/* A message of the whole chunk, if `root` is 0; else of that array, a dictionary with `id`. */
static khonsu_status put_arrays(const kh_chunk *chunk, uint32_t root, int64_t id, kh_buffer *out, khonsu_error *error) {
  kh_ipc_gathered gathered = {0};
  kh_ipc_builder builder;
  if (kh_ipc_gather(chunk, root, &gathered) != KHONSU_OK) {
    kh_ipc_gathered_fini(&gathered);
    return no_memory(error);
  }
  int64_t rows = chunk->nodes[root].length;
  kh_ipc_builder_init(&builder);
  bool is_built =
      root == 0 ? build_batch(&builder.flat, &gathered, rows) : build_dictionary(&builder.flat, &gathered, rows, id);
  khonsu_status status = is_built ? put_metadata(&builder, out, error) : no_memory(error);
  if (status == KHONSU_OK && kh_ipc_gathered_copy(&gathered, out) != KHONSU_OK) status = no_memory(error);
  kh_ipc_builder_fini(&builder);
  kh_ipc_gathered_fini(&gathered);
  return status;
}

/* For the footer: the message that was put into `out` from `from` on. */
static khonsu_status note_place(kh_ipc_writer *writer, size_t from, bool is_dictionary, khonsu_error *error) {
  if (!writer->is_file) return KHONSU_OK;
  if (writer->place_count == writer->place_capacity) {
    uint64_t capacity = writer->place_capacity == 0 ? 16 : 2 * writer->place_capacity;
    kh_ipc_place *places = kh_realloc_array(writer->places, capacity, sizeof *places);
    if (places == NULL) return no_memory(error);
    writer->places = places;
    writer->place_capacity = capacity;
  }
  uint32_t size;
  memcpy(&size, writer->out->data + from + sizeof size, sizeof size);
  size += KH_IPC_PREFIX_SIZE;
  writer->places[writer->place_count++] = (kh_ipc_place){.offset = (int64_t)(writer->file_offset + from),
                                                         .metadata_size = (int32_t)size,
                                                         .body_size = (int64_t)(writer->out->size - from - size),
                                                         .is_dictionary = is_dictionary};
  return KHONSU_OK;
}

static bool has_same_memory(const kh_chunk *a, const kh_chunk *b, uint32_t index) {
  const kh_field *field = &a->schema->fields[index];
  const struct ArrowArray *one = &a->nodes[index], *other = &b->nodes[index];
  if (one->length != other->length || one->n_buffers != other->n_buffers) return false;
  for (int64_t i = 0; i < one->n_buffers; i++)
    if (one->buffers[i] != other->buffers[i]) return false;
  for (uint32_t link = field->first; link < kh_field_dictionary(field) + field->has_dictionary; link++)
    if (!has_same_memory(a, b, link)) return false;
  return true;
}

/* Unless it is the one that was written last for the field. */
static khonsu_status put_dictionary(kh_ipc_writer *writer, kh_chunk *chunk, uint32_t field, khonsu_error *error) {
  kh_ipc_written *last = &writer->written[field];
  uint32_t dictionary = kh_field_dictionary(&writer->schema->fields[field]);
  if (last->chunk != NULL && has_same_memory(last->chunk, chunk, dictionary)) return KHONSU_OK;
  kh_buffer message = {0};
  khonsu_status status = put_arrays(chunk, dictionary, kh_ipc_dictionary_id(writer->schema, field), &message, error);
  bool is_same = status == KHONSU_OK && last->chunk != NULL &&
                 kh_slice_equal(kh_slice(message.data, message.size), kh_slice(last->message.data, last->message.size));
  if (status == KHONSU_OK && !is_same && writer->is_file && last->chunk != NULL)
    status = kh_field_fail(writer->schema->fields, field, error, KHONSU_UNSUPPORTED,
                           "its dictionary differs between record batches, but a file holds one for each column; "
                           "write a stream");
  if (status == KHONSU_OK && !is_same) {
    size_t from = writer->out->size;
    status = kh_buffer_append(writer->out, message.data, message.size);
    if (status != KHONSU_OK) status = no_memory(error);
    else status = note_place(writer, from, true, error);
  }
  if (status != KHONSU_OK) {
    kh_buffer_fini(&message);
    return status;
  }
  kh_chunk_unref(last->chunk);
  kh_buffer_fini(&last->message);
  *last = (kh_ipc_written){kh_chunk_ref(chunk), message};
  return KHONSU_OK;
}

static khonsu_status put_chunk(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (uint32_t field = writer->schema->count; field-- > 1 && status == KHONSU_OK;) /* what lies deeper comes first */
    if (writer->schema->fields[field].has_dictionary) status = put_dictionary(writer, chunk, field, error);
  size_t from = writer->out->size;
  if (status == KHONSU_OK) status = put_arrays(chunk, 0, 0, writer->out, error);
  return status == KHONSU_OK ? note_place(writer, from, false, error) : status;
}

khonsu_status kh_ipc_write_chunk(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error) {
  if (kh_ipc_is_plain(chunk)) return put_chunk(writer, chunk, error);
  kh_chunk *plain;
  khonsu_status status = kh_chunk_concat(chunk->schema, &chunk, 1, &plain, error);
  if (status != KHONSU_OK) return status;
  status = put_chunk(writer, plain, error);
  kh_chunk_unref(plain);
  return status;
}

/* ---- the end */

static bool write_blocks(flatcc_builder_t *builder, const kh_ipc_writer *writer, bool dictionaries) {
  int failed = dictionaries ? NS(Footer_dictionaries_start(builder)) : NS(Footer_recordBatches_start(builder));
  for (uint64_t i = 0; i < writer->place_count && failed == 0; i++) {
    const kh_ipc_place *place = &writer->places[i];
    if (place->is_dictionary != dictionaries) continue;
    NS(Block_t) *block =
        dictionaries ? NS(Footer_dictionaries_extend(builder, 1)) : NS(Footer_recordBatches_extend(builder, 1));
    if (block == NULL) return false;
    *block =
        (NS(Block_t)){.offset = place->offset, .metaDataLength = place->metadata_size, .bodyLength = place->body_size};
  }
  return failed == 0 &&
         (dictionaries ? NS(Footer_dictionaries_end(builder)) : NS(Footer_recordBatches_end(builder))) == 0;
}

static khonsu_status build_footer(flatcc_builder_t *builder, const kh_ipc_writer *writer, khonsu_error *error) {
  if (NS(Footer_start_as_root(builder)) != 0 || NS(Footer_version_add(builder, NS(MetadataVersion_V5))) != 0 ||
      NS(Footer_schema_start(builder)) != 0)
    return no_memory(error);
  khonsu_status status = kh_ipc_schema_write(builder, writer->schema, error);
  if (status != KHONSU_OK) return status;
  if (NS(Footer_schema_end(builder)) != 0 || !write_blocks(builder, writer, true) ||
      !write_blocks(builder, writer, false) || NS(Footer_end_as_root(builder)) == 0)
    return no_memory(error);
  return KHONSU_OK;
}

static khonsu_status write_footer(kh_ipc_writer *writer, khonsu_error *error) {
  kh_ipc_builder builder;
  kh_buffer *out = writer->out;
  kh_ipc_builder_init(&builder);
  khonsu_status status = build_footer(&builder.flat, writer, error);
  size_t size = status == KHONSU_OK ? kh_ipc_builder_size(&builder) : 0;
  if (status == KHONSU_OK && kh_buffer_reserve(out, size + KH_IPC_FOOTER_END) != KHONSU_OK) status = no_memory(error);
  if (status == KHONSU_OK && !kh_ipc_builder_copy(&builder, out->data + out->size)) status = no_memory(error);
  kh_ipc_builder_fini(&builder);
  if (status != KHONSU_OK) return status;
  int32_t stored = (int32_t)size; /* places and a schema: far below 2 GiB */
  memcpy(out->data + out->size + size, &stored, sizeof stored);
  memcpy(out->data + out->size + size + sizeof stored, KH_IPC_MAGIC, KH_IPC_MAGIC_SIZE);
  out->size += size + KH_IPC_FOOTER_END;
  return KHONSU_OK;
}

khonsu_status kh_ipc_write_end(kh_ipc_writer *writer, khonsu_error *error) {
  static const uint32_t end[2] = {UINT32_MAX, 0};
  if (kh_buffer_append(writer->out, end, sizeof end) != KHONSU_OK) return no_memory(error);
  return writer->is_file ? write_footer(writer, error) : KHONSU_OK;
}

/* ---- life */

khonsu_status kh_ipc_writer_init(kh_ipc_writer *writer, const kh_schema *schema, bool is_file, kh_buffer *out,
                                 khonsu_error *error) {
  *writer = (kh_ipc_writer){.schema = schema, .out = out, .is_file = is_file};
  writer->written = kh_alloc_zero(schema->count * sizeof *writer->written);
  return writer->written != NULL ? KHONSU_OK : no_memory(error);
}

void kh_ipc_writer_fini(kh_ipc_writer *writer) {
  for (uint32_t i = 0; writer->written != NULL && i < writer->schema->count; i++) {
    kh_chunk_unref(writer->written[i].chunk);
    kh_buffer_fini(&writer->written[i].message);
  }
  kh_free(writer->written);
  kh_free(writer->places);
}
