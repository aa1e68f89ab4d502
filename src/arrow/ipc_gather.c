#include "ipc_gather.h"

#include "bits.h"
#include "numbers.h"

void kh_ipc_gathered_init(kh_ipc_gathered *gathered, kh_ipc_compression *compression, kh_ipc_codec codec) {
  *gathered = (kh_ipc_gathered){.compression = compression, .codec = codec};
}

void kh_ipc_gathered_fini(kh_ipc_gathered *gathered) {
  kh_buffer_fini(&gathered->nodes);
  kh_buffer_fini(&gathered->buffers);
  kh_buffer_fini(&gathered->variadic);
  kh_ipc_pieces_fini(&gathered->body);
}

/* ---- buffers */

khonsu_status kh_ipc_add_node(kh_ipc_gathered *gathered, int64_t length, int64_t null_count) {
  NS(FieldNode_t) node = {length, null_count};
  return kh_buffer_append(&gathered->nodes, &node, sizeof node);
}

/* A frame after its prefix; or, if that is no shorter, -1 and the bytes as they are. */
static khonsu_status add_compressed(kh_ipc_gathered *gathered, const void *bytes, size_t size) {
  size_t room = kh_ipc_compress_bound(gathered->codec, size), frame_size;
  int64_t prefix = (int64_t)size;
  uint8_t *to = kh_arena_take(&gathered->body.arena, KH_IPC_CODEC_PREFIX + room);
  if (to == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = kh_ipc_compress(gathered->compression, gathered->codec, kh_slice(bytes, size),
                                         to + KH_IPC_CODEC_PREFIX, &frame_size);
  if (status != KHONSU_OK) return status;
  bool is_shorter = frame_size < size;
  if (!is_shorter) prefix = -1;
  memcpy(to, &prefix, sizeof prefix);
  if (is_shorter) return kh_ipc_pieces_add(&gathered->body, to, KH_IPC_CODEC_PREFIX + frame_size);
  status = kh_ipc_pieces_add(&gathered->body, to, KH_IPC_CODEC_PREFIX);
  return status == KHONSU_OK ? kh_ipc_pieces_add(&gathered->body, bytes, size) : status;
}

khonsu_status kh_ipc_add_buffer(kh_ipc_gathered *gathered, const void *bytes, int64_t size) {
  NS(Buffer_t) buffer = {(int64_t)gathered->body.size, size};
  khonsu_status status = gathered->codec == KH_IPC_PLAIN || size == 0
                             ? kh_ipc_pieces_add(&gathered->body, bytes, (size_t)size)
                             : add_compressed(gathered, bytes, (size_t)size);
  buffer.length = (int64_t)gathered->body.size - buffer.offset;
  if (status == KHONSU_OK) status = kh_ipc_pieces_pad(&gathered->body);
  return status == KHONSU_OK ? kh_buffer_append(&gathered->buffers, &buffer, sizeof buffer) : status;
}

khonsu_status kh_ipc_add_bits(kh_ipc_gathered *gathered, const uint8_t *bits, int64_t start, int64_t count) {
  int64_t size = kh_bits_bytes(count);
  if (start % 8 == 0 && (count % 8 == 0 || !gathered->is_exact))
    return kh_ipc_add_buffer(gathered, bits + start / 8, size);
  uint8_t *copy = kh_arena_take_zeros(&gathered->body.arena, (size_t)size);
  if (copy == NULL) return KHONSU_NO_MEMORY;
  kh_bits_copy(copy, 0, bits, start, count);
  return kh_ipc_add_buffer(gathered, copy, size);
}

khonsu_status kh_ipc_add_offsets(kh_ipc_gathered *gathered, const void *offsets, int64_t bits, int64_t start,
                                 int64_t count) {
  int64_t width = bits / 8, first = kh_offset_get(offsets, bits, start);
  if (first == 0) return kh_ipc_add_buffer(gathered, (const char *)offsets + start * width, (count + 1) * width);
  void *copy = kh_arena_take(&gathered->body.arena, (size_t)((count + 1) * width));
  if (copy == NULL) return KHONSU_NO_MEMORY;
  for (int64_t i = 0; i <= count; i++) kh_offset_set(copy, bits, i, kh_offset_get(offsets, bits, start + i) - first);
  return kh_ipc_add_buffer(gathered, copy, (count + 1) * width);
}

/* ---- layouts */

static khonsu_status gather_fixed(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  int64_t bits = span->chunk->schema->fields[span->index].layout.element_size_bits[1];
  if (span->length == 0) return kh_ipc_add_buffer(gathered, NULL, 0);
  if (bits == 1) return kh_ipc_add_bits(gathered, node->buffers[1], span->start, span->length);
  int64_t width = bits / 8;
  return kh_ipc_add_buffer(gathered, (const char *)node->buffers[1] + span->start * width, span->length * width);
}

/* What lies between the first offset and the last: of text, or of a list's items. */
static khonsu_status gather_offsets(kh_ipc_gathered *gathered, const kh_ipc_span *span, int64_t *begin,
                                    int64_t *length) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  int64_t bits = span->chunk->schema->fields[span->index].layout.element_size_bits[1];
  *begin = *length = 0;
  if (span->length == 0) return kh_ipc_add_buffer(gathered, NULL, 0);
  *begin = kh_offset_get(node->buffers[1], bits, span->start);
  *length = kh_offset_get(node->buffers[1], bits, span->start + span->length) - *begin;
  return kh_ipc_add_offsets(gathered, node->buffers[1], bits, span->start, span->length);
}

static khonsu_status gather_text(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  int64_t begin, size;
  khonsu_status status = gather_offsets(gathered, span, &begin, &size);
  if (status != KHONSU_OK) return status;
  if (size == 0) return kh_ipc_add_buffer(gathered, NULL, 0);
  return kh_ipc_add_buffer(gathered, (const char *)span->chunk->nodes[span->index].buffers[2] + begin, size);
}

static khonsu_status gather_list(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  int64_t begin, length;
  khonsu_status status = gather_offsets(gathered, span, &begin, &length);
  uint32_t items = span->chunk->schema->fields[span->index].first;
  return status == KHONSU_OK ? kh_ipc_gather(gathered, kh_ipc_span_child(span, items, begin, length)) : status;
}

/* Children have `scale` values for each of the parent. */
static khonsu_status gather_children(kh_ipc_gathered *gathered, const kh_ipc_span *span, int64_t scale) {
  const kh_field *field = &span->chunk->schema->fields[span->index];
  khonsu_status status = KHONSU_OK;
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && status == KHONSU_OK; child++)
    status = kh_ipc_gather(gathered, kh_ipc_span_child(span, child, span->start * scale, span->length * scale));
  return status;
}

static khonsu_status gather_sparse_union(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  const int8_t *types = span->chunk->nodes[span->index].buffers[0];
  khonsu_status status = kh_ipc_add_buffer(gathered, span->length > 0 ? types + span->start : NULL, span->length);
  return status == KHONSU_OK ? gather_children(gathered, span, 1) : status;
}

static khonsu_status gather_values(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  const kh_field *field = &span->chunk->schema->fields[span->index];
  switch (field->storage) {
    case NANOARROW_TYPE_NA: return KHONSU_OK;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY: return gather_text(gathered, span);
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_MAP: return gather_list(gathered, span);
    case NANOARROW_TYPE_STRUCT: return gather_children(gathered, span, 1);
    case NANOARROW_TYPE_FIXED_SIZE_LIST: return gather_children(gathered, span, field->layout.child_size_elements);
    case NANOARROW_TYPE_SPARSE_UNION: return gather_sparse_union(gathered, span);
    case NANOARROW_TYPE_DENSE_UNION: return kh_ipc_gather_dense_union(gathered, span);
    case NANOARROW_TYPE_RUN_END_ENCODED: return kh_ipc_gather_runs(gathered, span);
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW: return kh_ipc_gather_list_view(gathered, span);
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW: return kh_ipc_gather_views(gathered, span);
    default: return gather_fixed(gathered, span);
  }
}

/* ---- arrays */

static int64_t count_nulls(const kh_ipc_span *span) {
  const kh_field *field = &span->chunk->schema->fields[span->index];
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  if (field->storage == NANOARROW_TYPE_NA) return span->length;
  if (node->null_count == 0) return 0;
  if (span->start == node->offset && span->length == node->length) return node->null_count;
  return span->length - kh_bits_count(node->buffers[0], span->start, span->length);
}

khonsu_status kh_ipc_gather(kh_ipc_gathered *gathered, kh_ipc_span span) {
  const kh_field *field = &span.chunk->schema->fields[span.index];
  const struct ArrowArray *node = &span.chunk->nodes[span.index];
  int64_t nulls = count_nulls(&span);
  khonsu_status status = kh_ipc_add_node(gathered, span.length, nulls);
  if (status == KHONSU_OK && field->layout.buffer_type[0] == NANOARROW_BUFFER_TYPE_VALIDITY)
    status = nulls == 0 ? kh_ipc_add_buffer(gathered, NULL, 0)
                        : kh_ipc_add_bits(gathered, node->buffers[0], span.start, span.length);
  return status == KHONSU_OK ? gather_values(gathered, &span) : status;
}

khonsu_status kh_ipc_gather_columns(kh_ipc_gathered *gathered, const kh_chunk *chunk) {
  khonsu_status status = KHONSU_OK;
  for (uint32_t column = 1; column <= chunk->nodes[0].n_children && status == KHONSU_OK; column++)
    status =
        kh_ipc_gather(gathered, (kh_ipc_span){chunk, column, chunk->nodes[column].offset, chunk->nodes[column].length});
  return status;
}

/* ---- what was gathered */

bool kh_ipc_gathered_write(const kh_ipc_gathered *gathered, int64_t rows, flatcc_builder_t *builder) {
  const void *nodes = gathered->nodes.data, *buffers = gathered->buffers.data, *variadic = gathered->variadic.data;
  size_t variadic_count = gathered->variadic.size / sizeof(int64_t);
  return NS(RecordBatch_length_add(builder, rows)) == 0 &&
         NS(RecordBatch_nodes_create(builder, nodes, gathered->nodes.size / sizeof(NS(FieldNode_t)))) == 0 &&
         NS(RecordBatch_buffers_create(builder, buffers, gathered->buffers.size / sizeof(NS(Buffer_t)))) == 0 &&
         (gathered->codec == KH_IPC_PLAIN ||
          NS(RecordBatch_compression_create(builder, (NS(CompressionType_enum_t))gathered->codec,
                                            NS(BodyCompressionMethod_BUFFER))) == 0) &&
         (variadic_count == 0 || NS(RecordBatch_variadicBufferCounts_create(builder, variadic, variadic_count)) == 0);
}

bool kh_ipc_gathered_equal(const kh_ipc_gathered *a, const kh_ipc_gathered *b) {
  return kh_slice_equal(kh_buffer_slice(&a->nodes), kh_buffer_slice(&b->nodes)) &&
         kh_slice_equal(kh_buffer_slice(&a->buffers), kh_buffer_slice(&b->buffers)) &&
         kh_slice_equal(kh_buffer_slice(&a->variadic), kh_buffer_slice(&b->variadic)) &&
         kh_ipc_pieces_equal(&a->body, &b->body);
}
