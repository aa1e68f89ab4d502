#include "ipc_message_write.h"

#include "ipc_metadata.h"
#include "ipc_pairs.h"

khonsu_status kh_ipc_write_no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to encode record batches");
}

khonsu_status kh_ipc_put_bytes(kh_ipc_writer *writer, const void *bytes, size_t size, khonsu_error *error) {
  if (kh_ipc_pieces_add(&writer->out, bytes, size) != KHONSU_OK) return kh_ipc_write_no_memory(error);
  writer->position += size;
  return KHONSU_OK;
}

/* ---- metadata: built by flatcc, then copied out behind a prefix */

khonsu_status kh_ipc_put_metadata(kh_ipc_writer *writer, kh_ipc_builder *builder, khonsu_error *error) {
  size_t size = kh_ipc_builder_size(builder);
  uint64_t end = (writer->position + KH_IPC_PREFIX_SIZE + size + 63) & ~UINT64_C(63);
  size_t whole = (size_t)(end - writer->position), padded = whole - KH_IPC_PREFIX_SIZE;
  if (padded > INT32_MAX)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                            "the metadata of a message have %zu bytes: more than Arrow IPC can say", size);
  uint32_t prefix[2] = {UINT32_MAX, (uint32_t)padded};
  uint8_t *to = kh_arena_take(&writer->out.arena, whole);
  if (to == NULL) return kh_ipc_write_no_memory(error);
  memcpy(to, prefix, sizeof prefix);
  if (!kh_ipc_builder_copy(builder, to + KH_IPC_PREFIX_SIZE)) return kh_ipc_write_no_memory(error);
  memset(to + KH_IPC_PREFIX_SIZE + size, 0, padded - size);
  return kh_ipc_put_bytes(writer, to, whole, error);
}

static bool begin_message(flatcc_builder_t *builder, int64_t body_size) {
  return NS(Message_start_as_root(builder)) == 0 && NS(Message_version_add(builder, NS(MetadataVersion_V5))) == 0 &&
         NS(Message_bodyLength_add(builder, body_size)) == 0;
}

static bool end_message(flatcc_builder_t *builder) { return NS(Message_end_as_root(builder)) != 0; }

/* ---- schema */

static khonsu_status build_schema(flatcc_builder_t *builder, const kh_schema *schema, khonsu_error *error) {
  if (!begin_message(builder, 0) || NS(Message_header_Schema_start(builder)) != 0) return kh_ipc_write_no_memory(error);
  khonsu_status status = kh_ipc_schema_write(builder, schema, error);
  if (status != KHONSU_OK) return status;
  if (NS(Message_header_Schema_end(builder)) != 0 || !end_message(builder)) return kh_ipc_write_no_memory(error);
  return KHONSU_OK;
}

/* What cannot be read back must not be written: the verifier bounds the depth of flatbuffers. */
static khonsu_status check_depth(const kh_ipc_writer *writer, khonsu_error *error) {
  khonsu_slice message = kh_ipc_pieces_slices(&writer->out)[kh_ipc_pieces_count(&writer->out) - 1];
  khonsu_status status =
      kh_ipc_verify_message((const char *)message.data + KH_IPC_PREFIX_SIZE, message.size - KH_IPC_PREFIX_SIZE, NULL);
  if (status == KHONSU_OK) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_UNSUPPORTED, "Arrow IPC cannot represent this schema: it nests too deeply");
}

khonsu_status kh_ipc_put_schema(kh_ipc_writer *writer, khonsu_error *error) {
  kh_ipc_builder builder;
  kh_ipc_builder_init(&builder);
  khonsu_status status = build_schema(&builder.flat, writer->schema, error);
  if (status == KHONSU_OK) status = kh_ipc_put_metadata(writer, &builder, error);
  kh_ipc_builder_fini(&builder);
  return status == KHONSU_OK ? check_depth(writer, error) : status;
}

/* ---- record batches and dictionaries */

static bool build_batch(flatcc_builder_t *builder, const kh_ipc_gathered *gathered, const kh_ipc_header *header) {
  static const kh_ipc_pairs_ops pairs = KH_IPC_PAIRS_OPS(Message);
  return begin_message(builder, (int64_t)gathered->body.size) && NS(Message_header_RecordBatch_start(builder)) == 0 &&
         kh_ipc_gathered_write(gathered, header->rows, builder) && NS(Message_header_RecordBatch_end(builder)) == 0 &&
         kh_ipc_pairs_write(builder, header->metadata, &pairs) && end_message(builder);
}

static bool build_dictionary(flatcc_builder_t *builder, const kh_ipc_gathered *gathered, const kh_ipc_header *header) {
  return begin_message(builder, (int64_t)gathered->body.size) &&
         NS(Message_header_DictionaryBatch_start(builder)) == 0 &&
         NS(DictionaryBatch_id_add(builder, header->id)) == 0 && NS(DictionaryBatch_data_start(builder)) == 0 &&
         kh_ipc_gathered_write(gathered, header->rows, builder) && NS(DictionaryBatch_data_end(builder)) == 0 &&
         NS(DictionaryBatch_isDelta_add(builder, header->is_delta)) == 0 &&
         NS(Message_header_DictionaryBatch_end(builder)) == 0 && end_message(builder);
}

static khonsu_status put_body(kh_ipc_writer *writer, kh_ipc_gathered *gathered, khonsu_error *error) {
  const khonsu_slice *slices = kh_ipc_pieces_slices(&gathered->body);
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < kh_ipc_pieces_count(&gathered->body) && status == KHONSU_OK; i++)
    status = kh_ipc_put_bytes(writer, slices[i].data, slices[i].size, error);
  kh_arena_move(&gathered->body.arena, &writer->out.arena);
  return status;
}

/* For the footer. */
static khonsu_status note_place(kh_ipc_writer *writer, kh_ipc_place place, khonsu_error *error) {
  if (!writer->options.is_file) return KHONSU_OK;
  if (writer->place_count == writer->place_capacity) {
    uint64_t capacity = writer->place_capacity == 0 ? 16 : 2 * writer->place_capacity;
    kh_ipc_place *places = kh_realloc_array(writer->places, capacity, sizeof *places);
    if (places == NULL) return kh_ipc_write_no_memory(error);
    writer->places = places;
    writer->place_capacity = capacity;
  }
  writer->places[writer->place_count++] = place;
  return KHONSU_OK;
}

khonsu_status kh_ipc_put_arrays(kh_ipc_writer *writer, kh_ipc_gathered *gathered, const kh_ipc_header *header,
                                khonsu_error *error) {
  kh_ipc_builder builder;
  kh_ipc_place place = {.offset = (int64_t)writer->position,
                        .body_size = (int64_t)gathered->body.size,
                        .is_dictionary = header->is_dictionary};
  kh_ipc_builder_init(&builder);
  bool is_built = header->is_dictionary ? build_dictionary(&builder.flat, gathered, header)
                                        : build_batch(&builder.flat, gathered, header);
  khonsu_status status = is_built ? kh_ipc_put_metadata(writer, &builder, error) : kh_ipc_write_no_memory(error);
  kh_ipc_builder_fini(&builder);
  if (status != KHONSU_OK) return status;
  place.metadata_size = (int32_t)(writer->position - (uint64_t)place.offset);
  status = put_body(writer, gathered, error);
  return status == KHONSU_OK ? note_place(writer, place, error) : status;
}
