/* ipc_batch_read: a RecordBatch flatbuffer lists, depth first, a node for each array and the places of its buffers in
 * the body. Dictionaries are not part of it: they came in messages of their own. */
#include "ipc_batch.h"
#include "ipc_pairs.h"

khonsu_status kh_ipc_batch_no_memory(const kh_ipc_batch *batch) {
  return khonsu_error_set(batch->error, KHONSU_NO_MEMORY, "no memory to read a record batch");
}

/* ---- what a chunk holds of dictionaries: references, in a list that stands in its room */

typedef struct held {
  kh_chunk *chunk;
  struct held *next;
} held;

enum { SLOTS_HELD = sizeof(held) / sizeof(uint64_t) };

static void release_held(struct ArrowArray *owner) {
  for (held *each = owner->private_data; each != NULL; each = each->next) kh_chunk_unref(each->chunk);
  owner->release = NULL;
}

static void hold(kh_ipc_batch *batch, kh_chunk *values) {
  held *link = (held *)(void *)batch->slots;
  batch->slots += SLOTS_HELD;
  *link = (held){kh_chunk_ref(values), batch->chunk->owner.private_data};
  batch->chunk->owner.private_data = link;
  batch->chunk->owner.release = release_held;
}

static void copy_nodes(kh_ipc_batch *batch, uint32_t to, const kh_chunk *from, uint32_t index) {
  const kh_field *field = &from->schema->fields[index];
  uint32_t first = batch->fields[to].first, links = kh_field_dictionary(field) + field->has_dictionary - field->first;
  batch->chunk->nodes[to] = from->nodes[index];
  batch->reader->known[to].bytes[0] = KH_CHECKED_BEFORE;
  for (uint32_t i = 0; i < links; i++) copy_nodes(batch, first + i, from, field->first + i);
}

/* ---- empty arrays: their tables of buffers are everybody's, and nobody writes to them */

static void fill_empty(kh_ipc_batch *batch, uint32_t index) {
  static const void *without_validity[4] = {kh_no_bytes, kh_no_bytes, kh_no_bytes, kh_no_bytes};
  static const void *with_validity[4] = {NULL, kh_no_bytes, kh_no_bytes, kh_no_bytes};
  const kh_field *field = &batch->fields[index];
  batch->chunk->nodes[index] =
      (struct ArrowArray){.n_buffers = kh_field_buffer_count(field) + kh_field_is_view(field),
                          .n_children = field->arrow.n_children,
                          .buffers = field->rules[0].is_validity ? with_validity : without_validity};
  batch->reader->known[index].bytes[0] = KH_CHECKED_BEFORE;
  for (uint32_t child = field->first; child < kh_field_dictionary(field) + field->has_dictionary; child++)
    fill_empty(batch, child);
}

/* As long as no values came an empty dictionary will do: for rows that are all null. */
static void put_dictionary(kh_ipc_batch *batch, uint32_t index) {
  uint32_t here = kh_field_dictionary(&batch->fields[index]);
  kh_chunk *values = batch->reader->values[batch->shape->dictionaries[index]];
  if (values == NULL) {
    fill_empty(batch, here);
    return;
  }
  copy_nodes(batch, here, values, 1);
  hold(batch, values);
}

/* ---- nodes */

/* Unions and runs had a bitmap of their own once. One without nulls says nothing. */
static khonsu_status skip_validity(kh_ipc_batch *batch, uint32_t index) {
  khonsu_slice bytes;
  khonsu_status status = kh_ipc_buffer_next(batch, index, &bytes);
  if (status != KHONSU_OK || bytes.size == 0 || batch->chunk->nodes[index].null_count == 0) return status;
  return kh_field_fail(batch->fields, index, batch->error, KHONSU_UNSUPPORTED,
                       "a union with nulls of its own, as before Arrow 1.0; write it again with a later version");
}

static bool had_validity(const kh_field *field) {
  return field->union_children != NULL || field->storage == NANOARROW_TYPE_RUN_END_ENCODED;
}

static khonsu_status read_node(kh_ipc_batch *batch, uint32_t index) {
  const kh_field *field = &batch->fields[index];
  struct ArrowArray *node = &batch->chunk->nodes[index];
  if (batch->next_node == batch->node_count) return KH_IPC_CORRUPT(batch, index, "it is missing");
  NS(FieldNode_struct_t) given = NS(FieldNode_vec_at(batch->nodes, batch->next_node++));
  *node = (struct ArrowArray){.length = NS(FieldNode_length(given)),
                              .null_count = NS(FieldNode_null_count(given)),
                              .n_children = field->arrow.n_children};
  khonsu_status status = KHONSU_OK;
  if (batch->is_version_4 && had_validity(field)) status = skip_validity(batch, index);
  if (status == KHONSU_OK) status = kh_ipc_buffers_read(batch, index);
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && status == KHONSU_OK; child++)
    status = read_node(batch, child);
  if (status == KHONSU_OK && field->has_dictionary) put_dictionary(batch, index);
  return status;
}

static khonsu_status read_columns(kh_ipc_batch *batch, int64_t rows) {
  static const void *no_validity[1] = {NULL};
  struct ArrowArray *root = &batch->chunk->nodes[0];
  *root = (struct ArrowArray){
      .length = rows, .n_buffers = 1, .n_children = batch->fields[0].arrow.n_children, .buffers = no_validity};
  khonsu_status status = KHONSU_OK;
  for (int64_t column = 1; column <= root->n_children && status == KHONSU_OK; column++)
    status = read_node(batch, (uint32_t)column);
  return status;
}

/* ---- the batch */

static khonsu_status read_codec(NS(RecordBatch_table_t) table, kh_ipc_codec *codec, khonsu_error *error) {
  NS(BodyCompression_table_t) compression = NS(RecordBatch_compression(table));
  *codec = KH_IPC_PLAIN;
  if (compression == NULL) return KHONSU_OK;
  *codec = (kh_ipc_codec)NS(BodyCompression_codec(compression));
  if (NS(BodyCompression_method(compression)) == NS(BodyCompressionMethod_BUFFER) &&
      (*codec == KH_IPC_LZ4 || *codec == KH_IPC_ZSTD))
    return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_UNSUPPORTED,
                          "it is compressed by other means than lz4 and zstd; write it with one of these, or plain");
}

/* Texts may be shared, within reason. */
static khonsu_status read_metadata(const kh_ipc_message *message, kh_chunk *chunk, khonsu_error *error) {
  NS(KeyValue_vec_t) pairs = NS(Message_custom_metadata(message->table));
  size_t size = kh_ipc_pairs_size(pairs);
  if (size == 0) return KHONSU_OK;
  if (size / 4 > message->metadata_size)
    return khonsu_error_set(error, KHONSU_CORRUPT, "its metadata have more text than there is room for");
  char *to = kh_arena_take(&chunk->arena, size);
  if (to == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the metadata of a record batch");
  kh_ipc_pairs_read(pairs, to);
  chunk->metadata = to;
  return KHONSU_OK;
}

/* What was decompressed does not need the memory that it was read from, which may be all of a file. */
static void let_go(kh_chunk *chunk) {
  kh_memory_unref(chunk->memory);
  chunk->memory = NULL;
}

/* Tables of buffers, sizes of variadic ones, and links to dictionaries. */
kh_chunk *kh_ipc_batch_chunk(const kh_ipc_shape *shape, NS(RecordBatch_table_t) table, void **room) {
  const kh_schema *schema = shape->schema;
  size_t slots = schema->buffer_count + SLOTS_HELD * (size_t)shape->dictionary_count;
  if (schema->view_count > 0) slots += schema->view_count + 2 * NS(Buffer_vec_len(NS(RecordBatch_buffers(table))));
  return kh_chunk_new_with_room(shape->schema, slots * sizeof(uint64_t), room);
}

khonsu_status kh_ipc_batch_read(kh_ipc_reader *reader, const kh_ipc_shape *shape, const kh_ipc_message *message,
                                NS(RecordBatch_table_t) table, kh_ipc_body body, kh_chunk *chunk, void *room,
                                khonsu_error *error) {
  kh_ipc_batch batch = {.reader = reader,
                        .shape = shape,
                        .fields = shape->schema->fields,
                        .chunk = chunk,
                        .body = body,
                        .nodes = NS(RecordBatch_nodes(table)),
                        .buffers = NS(RecordBatch_buffers(table)),
                        .variadic = NS(RecordBatch_variadicBufferCounts(table)),
                        .node_count = NS(FieldNode_vec_len(NS(RecordBatch_nodes(table)))),
                        .buffer_count = NS(Buffer_vec_len(NS(RecordBatch_buffers(table)))),
                        .is_version_4 = NS(Message_version(message->table)) < NS(MetadataVersion_V5),
                        .copies_left = (uint64_t)body.size,
                        .room_left = reader->limits.batch_bytes_max,
                        .slots = room,
                        .error = error};
  khonsu_status status = read_codec(table, &batch.codec, error);
  batch.is_plain = batch.codec == KH_IPC_PLAIN && !reader->layout->is_big_endian;
  if (status == KHONSU_OK) status = read_metadata(message, chunk, error);
  if (status == KHONSU_OK) status = read_columns(&batch, NS(RecordBatch_length(table)));
  if (status == KHONSU_OK && batch.next_node != batch.node_count)
    status = khonsu_error_set(error, KHONSU_CORRUPT, "more columns than the schema has");
  if (status == KHONSU_OK && !batch.is_in_place) let_go(chunk);
  return status;
}
