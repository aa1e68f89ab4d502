#include "concat.h"

#include "bits.h"

/* ---- what all layouts share */

static bool sum_lengths(const kh_span *spans, size_t count, int64_t *length) {
  *length = 0;
  for (size_t i = 0; i < count; i++)
    if (__builtin_add_overflow(*length, spans[i].length, length)) return false;
  return true;
}

static int64_t count_span_nulls(const kh_span *span, uint32_t field) {
  const uint8_t *validity = kh_span_node(span, field)->buffers[0];
  return validity == NULL ? 0 : span->length - kh_bits_count(validity, span->start, span->length);
}

/* The bitmap is left out where nothing is null. */
static khonsu_status join_validity(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  struct ArrowArray *node = &concat->result->nodes[field];
  for (size_t i = 0; i < count; i++) node->null_count += count_span_nulls(&spans[i], field);
  node->buffers[0] = NULL;
  if (node->null_count == 0) return KHONSU_OK;
  uint8_t *bits = kh_arena_take_zeros(&concat->result->arena, (size_t)kh_bits_bytes(node->length));
  if (bits == NULL) return kh_concat_no_memory(concat);
  int64_t done = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *validity = kh_span_node(&spans[i], field)->buffers[0];
    if (validity == NULL) kh_bits_set(bits, done, spans[i].length);
    else kh_bits_copy(bits, done, validity, spans[i].start, spans[i].length);
    done += spans[i].length;
  }
  node->buffers[0] = bits;
  return KHONSU_OK;
}

khonsu_status kh_concat_begin(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  struct ArrowArray *node = &concat->result->nodes[field];
  kh_node_begin(shape, node, 0);
  if (!sum_lengths(spans, count, &node->length))
    return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE, "more than 2^63 values");
  if (shape->storage == NANOARROW_TYPE_NA) node->null_count = node->length;
  if (shape->layout.buffer_type[0] != NANOARROW_BUFFER_TYPE_VALIDITY) return KHONSU_OK;
  return join_validity(concat, field, spans, count);
}

void *kh_concat_buffer(const kh_concat *concat, uint32_t field, uint32_t index, int64_t count, int64_t size) {
  void *buffer = kh_arena_take_array(&concat->result->arena, (size_t)count, (size_t)size);
  if (buffer == NULL) (void)kh_concat_no_memory(concat);
  concat->result->nodes[field].buffers[index] = buffer;
  return buffer;
}

kh_span *kh_concat_spans(const kh_concat *concat, size_t count) {
  kh_span *spans = kh_alloc_array(count, sizeof *spans);
  if (spans == NULL) (void)kh_concat_no_memory(concat);
  return spans;
}

/* ---- structs: children at the same places */

khonsu_status kh_concat_struct(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  kh_span *pieces = kh_concat_spans(concat, count);
  khonsu_status status = pieces != NULL ? KHONSU_OK : KHONSU_NO_MEMORY;
  for (uint32_t child = shape->first; child < kh_field_dictionary(shape) && status == KHONSU_OK; child++) {
    for (size_t i = 0; i < count; i++) pieces[i] = kh_span_child(&spans[i], child, spans[i].start, spans[i].length);
    status = kh_concat_field(concat, child, pieces, count);
  }
  kh_free(pieces);
  return status;
}

/* ---- which layout */

static kh_concat_family *family_of(const kh_field *field) {
  if (field->has_dictionary) return kh_concat_dictionary;
  switch (field->storage) {
    case NANOARROW_TYPE_STRUCT: return kh_concat_struct;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_MAP: return kh_concat_list;
    case NANOARROW_TYPE_FIXED_SIZE_LIST: return kh_concat_fixed_list;
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW: return kh_concat_list_view;
    case NANOARROW_TYPE_SPARSE_UNION: return kh_concat_sparse_union;
    case NANOARROW_TYPE_DENSE_UNION: return kh_concat_dense_union;
    case NANOARROW_TYPE_RUN_END_ENCODED: return kh_concat_runs;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY: return kh_concat_text;
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW: return kh_concat_views;
    case NANOARROW_TYPE_NA: return NULL;
    default: return kh_concat_fixed;
  }
}

/* Recursion is as deep as the schema, which is limited. */
khonsu_status kh_concat_field(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  kh_concat_family *family = family_of(&concat->fields[field]);
  khonsu_status status = kh_concat_begin(concat, field, spans, count);
  if (status != KHONSU_OK || family == NULL) return status;
  return family(concat, field, spans, count);
}

khonsu_status kh_concat_rows(kh_schema *schema, const kh_span *spans, size_t count, kh_chunk **joined,
                             khonsu_error *error) {
  kh_concat concat = {schema->fields, kh_chunk_new_to_fill(schema), error};
  if (concat.result == NULL) return kh_concat_no_memory(&concat);
  khonsu_status status = kh_concat_field(&concat, 0, spans, count);
  if (status != KHONSU_OK) {
    kh_chunk_unref(concat.result);
    return status;
  }
  concat.result->bytes = kh_chunk_count_bytes(concat.result);
  *joined = concat.result;
  return KHONSU_OK;
}

khonsu_status kh_chunk_concat(kh_schema *schema, kh_chunk *const *chunks, size_t count, kh_chunk **joined,
                              khonsu_error *error) {
  kh_span *spans = kh_alloc_array(count, sizeof *spans);
  if (spans == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to concatenate record batches");
  for (size_t i = 0; i < count; i++)
    spans[i] = (kh_span){chunks[i], chunks[i]->nodes[0].offset, chunks[i]->nodes[0].length};
  khonsu_status status = kh_concat_rows(schema, spans, count, joined, error);
  kh_free(spans);
  return status;
}
