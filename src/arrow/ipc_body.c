#include "ipc_body.h"

static khonsu_status add_buffer(kh_ipc_gathered *gathered, const void *bytes, int64_t size) {
  NS(Buffer_t) buffer = {gathered->body_size, size};
  khonsu_slice piece = {bytes, (size_t)size};
  khonsu_status status = kh_buffer_append(&gathered->buffers, &buffer, sizeof buffer);
  if (status == KHONSU_OK) status = kh_buffer_append(&gathered->pieces, &piece, sizeof piece);
  gathered->body_size += (size + 7) & ~(int64_t)7;
  return status;
}

static khonsu_status add_buffers(kh_ipc_gathered *gathered, const kh_field *field, const struct ArrowArray *node) {
  khonsu_status status = KHONSU_OK;
  for (uint32_t i = 0; i < kh_field_buffer_count(field) && status == KHONSU_OK; i++) {
    bool is_validity = field->layout.buffer_type[i] == NANOARROW_BUFFER_TYPE_VALIDITY;
    int64_t size = is_validity && node->null_count == 0 ? 0 : kh_node_buffer_size(field, node, i);
    status = add_buffer(gathered, node->buffers[i], size);
  }
  if (status != KHONSU_OK || !kh_field_is_view(field)) return status;
  int64_t count = kh_node_variadic_count(node);
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = add_buffer(gathered, node->buffers[2 + i], kh_node_variadic_sizes(node)[i]);
  return status == KHONSU_OK ? kh_buffer_append(&gathered->variadic, &count, sizeof count) : status;
}

/* Depth first, parents before children, dictionaries left out. */
static khonsu_status add_node(kh_ipc_gathered *gathered, const kh_chunk *chunk, uint32_t index) {
  const kh_field *field = &chunk->schema->fields[index];
  const struct ArrowArray *node = &chunk->nodes[index];
  KH_ASSERT(node->offset == 0);
  NS(FieldNode_t) entry = {node->length, node->null_count};
  khonsu_status status = kh_buffer_append(&gathered->nodes, &entry, sizeof entry);
  if (status == KHONSU_OK) status = add_buffers(gathered, field, node);
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && status == KHONSU_OK; child++)
    status = add_node(gathered, chunk, child);
  return status;
}

khonsu_status kh_ipc_gather(const kh_chunk *chunk, uint32_t root, kh_ipc_gathered *gathered) {
  if (root != 0) return add_node(gathered, chunk, root);
  khonsu_status status = KHONSU_OK;
  for (int64_t column = 1; column <= chunk->nodes[0].n_children && status == KHONSU_OK; column++)
    status = add_node(gathered, chunk, (uint32_t)column);
  return status;
}

void kh_ipc_gathered_fini(kh_ipc_gathered *gathered) {
  kh_buffer_fini(&gathered->nodes);
  kh_buffer_fini(&gathered->buffers);
  kh_buffer_fini(&gathered->variadic);
  kh_buffer_fini(&gathered->pieces);
}

bool kh_ipc_gathered_write(const kh_ipc_gathered *gathered, int64_t rows, flatcc_builder_t *builder) {
  const void *nodes = gathered->nodes.data, *buffers = gathered->buffers.data, *variadic = gathered->variadic.data;
  size_t variadic_count = gathered->variadic.size / sizeof(int64_t);
  return NS(RecordBatch_length_add(builder, rows)) == 0 &&
         NS(RecordBatch_nodes_create(builder, nodes, gathered->nodes.size / sizeof(NS(FieldNode_t)))) == 0 &&
         NS(RecordBatch_buffers_create(builder, buffers, gathered->buffers.size / sizeof(NS(Buffer_t)))) == 0 &&
         (variadic_count == 0 || NS(RecordBatch_variadicBufferCounts_create(builder, variadic, variadic_count)) == 0);
}

khonsu_status kh_ipc_gathered_copy(const kh_ipc_gathered *gathered, kh_buffer *out) {
  khonsu_status status = kh_buffer_reserve(out, (size_t)gathered->body_size);
  if (status != KHONSU_OK) return status;
  const khonsu_slice *pieces = (const khonsu_slice *)(const void *)gathered->pieces.data;
  for (size_t i = 0; i < gathered->pieces.size / sizeof *pieces; i++) {
    size_t size = pieces[i].size, padding = (8 - size % 8) % 8;
    if (size > 0) memcpy(out->data + out->size, pieces[i].data, size);
    memset(out->data + out->size + size, 0, padding);
    out->size += size + padding;
  }
  return KHONSU_OK;
}

static bool has_right_children(const kh_chunk *chunk, uint32_t index) {
  const kh_field *field = &chunk->schema->fields[index];
  int64_t length = chunk->nodes[index].length;
  switch (field->storage) {
    case NANOARROW_TYPE_FIXED_SIZE_LIST: length *= field->layout.child_size_elements; break;
    case NANOARROW_TYPE_STRUCT:
    case NANOARROW_TYPE_SPARSE_UNION: break;
    default: return true;
  }
  for (uint32_t child = field->first; child < kh_field_dictionary(field); child++)
    if (chunk->nodes[child].length != length) return false;
  return true;
}

bool kh_ipc_is_plain(const kh_chunk *chunk) {
  for (uint32_t index = 0; index < chunk->schema->count; index++)
    if (chunk->nodes[index].offset != 0 || !has_right_children(chunk, index)) return false;
  return true;
}
