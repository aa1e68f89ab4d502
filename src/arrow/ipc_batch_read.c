/* ipc_batch_read: a RecordBatch flatbuffer lists, depth first, a node for each array and the places of its buffers in
 * the body. Buffers are used where they stand. Dictionaries are not part of it: they came in messages of their own. */
#include "ipc_metadata.h"

typedef struct decoding {
  const kh_ipc_reader *reader;
  kh_chunk *chunk;
  kh_known_sizes *known;
  kh_ipc_body body;
  NS(FieldNode_vec_t) nodes;
  NS(Buffer_vec_t) buffers;
  flatbuffers_int64_vec_t variadic;
  size_t next_node, next_buffer, next_variadic;
  bool has_union_validity; /* before format version 5 */
  khonsu_error *error;
} decoding;

#define CORRUPT(state, index, ...)                                                                                     \
  kh_field_fail((state)->reader->schema->fields, index, (state)->error, KHONSU_CORRUPT, __VA_ARGS__)

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read a record batch");
}

/* ---- what a chunk holds of dictionaries: references, in a list that stands in its arena */

typedef struct held {
  kh_chunk *chunk;
  struct held *next;
} held;

static void release_held(struct ArrowArray *owner) {
  for (held *each = owner->private_data; each != NULL; each = each->next) kh_chunk_unref(each->chunk);
  owner->release = NULL;
}

static khonsu_status hold(kh_chunk *chunk, kh_chunk *values, khonsu_error *error) {
  held *link = kh_arena_take(&chunk->arena, sizeof *link);
  if (link == NULL) return no_memory(error);
  *link = (held){kh_chunk_ref(values), chunk->owner.private_data};
  chunk->owner.private_data = link;
  chunk->owner.release = release_held;
  return KHONSU_OK;
}

static void copy_nodes(const kh_field *fields, const kh_chunk *from, uint32_t from_field, kh_chunk *to,
                       uint32_t to_field) {
  to->nodes[to_field] = from->nodes[from_field];
  uint32_t links =
      kh_field_dictionary(&fields[from_field]) + fields[from_field].has_dictionary - fields[from_field].first;
  for (uint32_t i = 0; i < links; i++)
    copy_nodes(fields, from, fields[from_field].first + i, to, fields[to_field].first + i);
}

/* Whether two fields are of one type, all the way down: only then may they share a dictionary. */
static bool is_same_type(const kh_field *fields, uint32_t a, uint32_t b) {
  const kh_field *one = &fields[a], *other = &fields[b];
  if (strcmp(one->arrow.format, other->arrow.format) != 0 || one->has_dictionary != other->has_dictionary ||
      one->arrow.n_children != other->arrow.n_children)
    return false;
  uint32_t links = kh_field_dictionary(one) + one->has_dictionary - one->first;
  for (uint32_t i = 0; i < links; i++)
    if (!is_same_type(fields, one->first + i, other->first + i)) return false;
  return true;
}

uint32_t kh_ipc_field_of_id(const kh_ipc_reader *reader, int64_t id) {
  for (uint32_t index = 1; index < reader->schema->count; index++)
    if (reader->schema->fields[index].has_dictionary && reader->ids[index] == id) return index;
  return 0;
}

static khonsu_status put_dictionary(const decoding *state, uint32_t index) {
  const kh_field *fields = state->reader->schema->fields;
  uint32_t first = kh_ipc_field_of_id(state->reader, state->reader->ids[index]);
  uint32_t here = kh_field_dictionary(&fields[index]), there = kh_field_dictionary(&fields[first]);
  kh_chunk *values = state->reader->dictionaries[first];
  if (values == NULL) return kh_ipc_fill_empty(state->chunk, here, state->error); /* enough if all is null */
  if (!is_same_type(fields, here, there)) return CORRUPT(state, index, "its dictionary has values of another type");
  copy_nodes(fields, values, there, state->chunk, here);
  return hold(state->chunk, values, state->error);
}

/* ---- empty arrays */

static khonsu_status fill_empty(kh_chunk *chunk, uint32_t index) {
  const kh_field *field = &chunk->schema->fields[index];
  struct ArrowArray *node = &chunk->nodes[index];
  uint32_t count = kh_field_buffer_count(field) + kh_field_is_view(field);
  *node = (struct ArrowArray){.n_buffers = count, .n_children = field->arrow.n_children};
  node->buffers = kh_arena_take_array(&chunk->arena, count, sizeof *node->buffers);
  if (node->buffers == NULL) return KHONSU_NO_MEMORY;
  for (uint32_t i = 0; i < count; i++)
    node->buffers[i] = field->layout.buffer_type[i] == NANOARROW_BUFFER_TYPE_VALIDITY ? NULL : kh_no_bytes;
  khonsu_status status = KHONSU_OK;
  for (uint32_t child = field->first; child < kh_field_dictionary(field) + field->has_dictionary; child++)
    if (status == KHONSU_OK) status = fill_empty(chunk, child);
  return status;
}

khonsu_status kh_ipc_fill_empty(kh_chunk *chunk, uint32_t root, khonsu_error *error) {
  khonsu_status status = fill_empty(chunk, root);
  return status == KHONSU_OK ? status : no_memory(error);
}

/* ---- buffers */

static khonsu_status take_buffer(decoding *state, uint32_t index, const void **buffer, int64_t *size) {
  if (state->next_buffer == NS(Buffer_vec_len(state->buffers))) return CORRUPT(state, index, "its buffers are missing");
  NS(Buffer_struct_t) place = NS(Buffer_vec_at(state->buffers, state->next_buffer++));
  int64_t offset = NS(Buffer_offset(place)), length = NS(Buffer_length(place));
  if (offset < 0 || length < 0 || offset > state->body.size || length > state->body.size - offset)
    return CORRUPT(state, index, "a buffer of %lld bytes at %lld in a body of %lld", (long long)length,
                   (long long)offset, (long long)state->body.size);
  if (length > 0 && offset % 8 != 0) return CORRUPT(state, index, "a buffer that is not aligned to 8 bytes");
  *buffer = length == 0 ? (const void *)kh_no_bytes : state->body.bytes + offset;
  *size = length;
  return KHONSU_OK;
}

static khonsu_status count_variadic(decoding *state, uint32_t index, int64_t *count) {
  if (state->next_variadic == flatbuffers_int64_vec_len(state->variadic))
    return CORRUPT(state, index, "it is not said how many buffers it has");
  *count = flatbuffers_int64_vec_at(state->variadic, state->next_variadic++);
  if (*count < 0 || (uint64_t)*count > NS(Buffer_vec_len(state->buffers)))
    return CORRUPT(state, index, "it is said to have %lld buffers", (long long)*count);
  return KHONSU_OK;
}

/* After the fixed buffers, those with the text, then their sizes, which are not in the body. */
static khonsu_status take_variadic(decoding *state, uint32_t index, const void **buffers, int64_t count) {
  int64_t *sizes = kh_arena_take_array(&state->chunk->arena, (size_t)count, sizeof *sizes);
  if (sizes == NULL) return no_memory(state->error);
  khonsu_status status = KHONSU_OK;
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = take_buffer(state, index, &buffers[2 + i], &sizes[i]);
  buffers[2 + count] = sizes;
  return status;
}

static khonsu_status take_buffers(decoding *state, uint32_t index) {
  const kh_field *field = &state->reader->schema->fields[index];
  struct ArrowArray *node = &state->chunk->nodes[index];
  int64_t fixed = kh_field_buffer_count(field), variadic = 0;
  khonsu_status status = KHONSU_OK;
  if (kh_field_is_view(field)) status = count_variadic(state, index, &variadic);
  if (status != KHONSU_OK) return status;
  node->n_buffers = kh_field_is_view(field) ? fixed + variadic + 1 : fixed;
  node->buffers = kh_arena_take_array(&state->chunk->arena, (size_t)node->n_buffers, sizeof *node->buffers);
  if (node->buffers == NULL) return no_memory(state->error);
  for (uint32_t i = 0; i < fixed && status == KHONSU_OK; i++) {
    int64_t *size = &state->known[index].bytes[i];
    status = take_buffer(state, index, &node->buffers[i], size);
    bool is_validity = field->layout.buffer_type[i] == NANOARROW_BUFFER_TYPE_VALIDITY;
    if (status == KHONSU_OK && is_validity && *size == 0) node->buffers[i] = NULL; /* nothing is null */
  }
  if (status == KHONSU_OK && kh_field_is_view(field)) status = take_variadic(state, index, node->buffers, variadic);
  return status;
}

/* ---- nodes */

static bool is_union(const kh_field *field) { return field->union_children != NULL; }

/* Unions had a bitmap of their own once. */
static khonsu_status skip_union_validity(decoding *state, uint32_t index) {
  const void *buffer;
  int64_t size;
  khonsu_status status = take_buffer(state, index, &buffer, &size);
  if (status != KHONSU_OK || size == 0) return status;
  return khonsu_error_set(state->error, KHONSU_UNSUPPORTED, "a union with nulls, as before Arrow 1.0");
}

static khonsu_status read_node(decoding *state, uint32_t index) {
  const kh_field *field = &state->reader->schema->fields[index];
  struct ArrowArray *node = &state->chunk->nodes[index];
  if (state->next_node == NS(FieldNode_vec_len(state->nodes))) return CORRUPT(state, index, "it is missing");
  NS(FieldNode_struct_t) given = NS(FieldNode_vec_at(state->nodes, state->next_node++));
  *node = (struct ArrowArray){.length = NS(FieldNode_length(given)),
                              .null_count = NS(FieldNode_null_count(given)),
                              .n_children = field->arrow.n_children};
  khonsu_status status = KHONSU_OK;
  if (state->has_union_validity && is_union(field)) status = skip_union_validity(state, index);
  if (status == KHONSU_OK) status = take_buffers(state, index);
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && status == KHONSU_OK; child++)
    status = read_node(state, child);
  if (status == KHONSU_OK && field->has_dictionary) status = put_dictionary(state, index);
  return status;
}

static khonsu_status read_columns(decoding *state, int64_t rows) {
  struct ArrowArray *root = &state->chunk->nodes[0];
  khonsu_status status = kh_ipc_fill_empty(state->chunk, 0, state->error);
  root->length = rows;
  for (int64_t column = 1; column <= root->n_children && status == KHONSU_OK; column++)
    status = read_node(state, (uint32_t)column);
  return status;
}

khonsu_status kh_ipc_batch_read(const kh_ipc_reader *reader, NS(RecordBatch_table_t) table, bool has_union_validity,
                                kh_ipc_body body, uint32_t root, kh_chunk *chunk, kh_known_sizes *known,
                                khonsu_error *error) {
  if (NS(RecordBatch_compression(table)) != NULL)
    return khonsu_error_set(error, KHONSU_UNSUPPORTED, "the record batch is compressed");
  decoding state = {.reader = reader,
                    .chunk = chunk,
                    .known = known,
                    .body = body,
                    .nodes = NS(RecordBatch_nodes(table)),
                    .buffers = NS(RecordBatch_buffers(table)),
                    .variadic = NS(RecordBatch_variadicBufferCounts(table)),
                    .has_union_validity = has_union_validity,
                    .error = error};
  khonsu_status status = root == 0 ? read_columns(&state, NS(RecordBatch_length(table))) : read_node(&state, root);
  if (status == KHONSU_OK && state.next_node != NS(FieldNode_vec_len(state.nodes)))
    status = khonsu_error_set(error, KHONSU_CORRUPT, "more columns than the schema has");
  return status;
}
