/* chunk_check: the first and only validation of a record batch.
 *
 *   shape    of each array: what must hold before anything may compute with its lengths or look into its buffers
 *   nulls    are counted, since consumers believe a null_count
 *   values   by their layout: chunk_check_nested.c, chunk_check_text.c
 *   settle   offset and length of the root are pushed down into the columns
 *
 * Of a batch that was validated before it was stored the shape is enough, and what lengths say of each other: nothing is
 * read but what stands in its metadata.
 *
 * Takes time linear in the lengths of the arrays and the sizes of their buffers, and allocates little but aligned copies.
 * Not looked at: whether fields that are not nullable hold nulls, and whether keys of maps are unique (Arrow leaves both
 * open). */
#include "chunk_check.h"

static uint64_t node_bytes(const kh_field *field, const struct ArrowArray *node);

/* ---- shape */

bool kh_buffer_required_size(const kh_field *field, uint32_t index, int64_t end, int64_t *bytes) {
  const kh_buffer_rule *rule = &field->rules[index];
  int64_t count, bits;
  if (__builtin_add_overflow(end, rule->has_end && end > 0, &count)) return false;
  if (__builtin_mul_overflow(count, rule->bits, &bits)) return false;
  *bytes = (int64_t)(((uint64_t)bits + 7) / 8);
  return true;
}

/* Puts an aligned copy in the place of a buffer; the producer's table of buffers stays as it is. */
static khonsu_status align(const kh_check *check, uint32_t index, uint32_t buffer, size_t size) {
  struct ArrowArray *node = &check->chunk->nodes[index];
  kh_arena *arena = &check->chunk->arena;
  const void **buffers = kh_arena_take_array(arena, (size_t)node->n_buffers, sizeof *buffers);
  void *copy = kh_arena_take(arena, size);
  if (buffers == NULL || copy == NULL)
    return khonsu_error_set(check->error, KHONSU_NO_MEMORY, "no memory to align a buffer");
  memcpy(buffers, node->buffers, (size_t)node->n_buffers * sizeof *buffers);
  if (size > 0) memcpy(copy, node->buffers[buffer], size);
  buffers[buffer] = copy;
  node->buffers = buffers;
  return KHONSU_OK;
}

static khonsu_status check_buffer(const kh_check *check, uint32_t index, uint32_t buffer) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const void *start = node->buffers[buffer];
  int64_t bytes;
  if (!kh_buffer_required_size(field, buffer, kh_node_end(node), &bytes))
    return KH_INVALID(check, index, "the size of buffer %u overflows", buffer);
  if (start == NULL) {
    if (field->rules[buffer].is_validity || bytes == 0) return KHONSU_OK;
    return KH_INVALID(check, index, "buffer %u is NULL", buffer);
  }
  *check->bytes += (uint64_t)bytes;
  int64_t known = check->known != NULL ? check->known[index].bytes[buffer] : -1;
  if (known >= 0 && known < bytes)
    return KH_INVALID(check, index, "buffer %u has %" PRId64 " bytes of %" PRId64, buffer, known, bytes);
  if (((uintptr_t)start & (field->rules[buffer].alignment - 1u)) == 0) return KHONSU_OK;
  return align(check, index, buffer, (size_t)bytes);
}

static khonsu_status check_view_buffers(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t count = kh_node_variadic_count(node);
  if (count > INT32_MAX) return KH_INVALID(check, index, "%" PRId64 " buffers of text: too many", count);
  const int64_t *sizes = kh_node_variadic_sizes(node);
  if ((uintptr_t)sizes % _Alignof(int64_t) != 0)
    return KH_INVALID(check, index, "the sizes of its buffers are not aligned");
  if (count > 0 && sizes == NULL)
    return KH_INVALID(check, index, "the sizes of its %" PRId64 " buffers are NULL", count);
  for (int64_t i = 0; i < count; i++)
    if (sizes[i] < 0 || (sizes[i] > 0 && node->buffers[2 + i] == NULL))
      return KH_INVALID(check, index, "buffer %" PRId64 " has %" PRId64 " bytes but is %s", 2 + i, sizes[i],
                        node->buffers[2 + i] == NULL ? "NULL" : "not");
  for (int64_t i = 0; i < count; i++) *check->bytes += (uint64_t)sizes[i];
  return KHONSU_OK;
}

static khonsu_status check_shape(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t end, items, fixed = kh_field_buffer_count(field);
  if (node->length < 0 || node->offset < 0 || __builtin_add_overflow(node->length, node->offset, &end))
    return KH_INVALID(check, index, "length %" PRId64 " and offset %" PRId64, node->length, node->offset);
  if (__builtin_mul_overflow(end, field->layout.child_size_elements, &items))
    return KH_INVALID(check, index, "the length of its items overflows");
  bool right = kh_field_is_view(field) ? node->n_buffers >= fixed + 1 : node->n_buffers == fixed;
  if (!right) return KH_INVALID(check, index, "%" PRId64 " buffers; expected %" PRId64, node->n_buffers, fixed);
  if (node->n_buffers > 0 && node->buffers == NULL) return KH_INVALID(check, index, "buffers is NULL");
  for (uint32_t buffer = 0; buffer < fixed; buffer++) {
    khonsu_status status = check_buffer(check, index, buffer);
    if (status != KHONSU_OK) return status;
  }
  return kh_field_is_view(field) ? check_view_buffers(check, index) : KHONSU_OK;
}

/* ---- nulls */

static bool has_validity(const kh_field *field) { return field->rules[0].is_validity; }

static int64_t count_nulls(const kh_field *field, const struct ArrowArray *node) {
  if (field->storage == NANOARROW_TYPE_NA) return node->length;
  if (!has_validity(field) || node->buffers[0] == NULL) return 0;
  return node->length - kh_bits_count(node->buffers[0], node->offset, node->length);
}

static bool believes_nulls(const kh_check *check, const struct ArrowArray *node) {
  return check->is_trusted && node->null_count >= 0 && node->null_count <= node->length &&
         (node->null_count == 0 || node->buffers[0] != NULL);
}

static khonsu_status check_nulls(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  struct ArrowArray *node = &check->chunk->nodes[index];
  if (has_validity(field) && believes_nulls(check, node)) return KHONSU_OK;
  int64_t nulls = count_nulls(field, node);
  if (has_validity(field) && node->null_count >= 0 && node->null_count != nulls)
    return KH_INVALID(check, index, "null_count is %" PRId64 ", but %" PRId64 " values are null", node->null_count,
                      nulls);
  node->null_count = nulls;
  if (index == 0 && nulls > 0)
    return KH_INVALID(check, index, "%" PRId64 " rows of the record batch itself are null; only columns may hold nulls",
                      nulls);
  return KHONSU_OK;
}

/* ---- values */

static khonsu_status check_values(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  if (field->has_dictionary) return kh_check_dictionary(check, index);
  switch (field->storage) {
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY: return kh_check_text(check, index);
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW: return kh_check_views(check, index);
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_MAP: return kh_check_list(check, index);
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW: return kh_check_list_view(check, index);
    case NANOARROW_TYPE_STRUCT:
    case NANOARROW_TYPE_FIXED_SIZE_LIST: return kh_check_fixed_list(check, index);
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: return kh_check_union(check, index);
    case NANOARROW_TYPE_RUN_END_ENCODED: return kh_check_runs(check, index);
    default: return KHONSU_OK;
  }
}

/* ---- what lengths say of each other */

static khonsu_status trust_dictionary(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t values = node->length - node->null_count;
  if (values == 0 || check->chunk->nodes[kh_field_dictionary(&check->fields[index])].length > 0) return KHONSU_OK;
  return KH_INVALID(check, index, "%" PRId64 " indices into no dictionary", values);
}

static khonsu_status trust_values(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  if (field->has_dictionary) return trust_dictionary(check, index);
  if (kh_field_is_text(field)) *check->bytes += (uint64_t)check->known[index].bytes[2];
  switch (field->storage) {
    case NANOARROW_TYPE_STRUCT:
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
    case NANOARROW_TYPE_SPARSE_UNION: return kh_check_fixed_list(check, index);
    default: return KHONSU_OK;
  }
}

/* ---- all arrays */

/* What was validated with another chunk, like a dictionary that many batches share, only counts. */
static bool is_checked(const kh_check *check, uint32_t index) {
  return check->known != NULL && check->known[index].bytes[0] == KH_CHECKED_BEFORE;
}

static khonsu_status check_node(const kh_check *check, uint32_t index) {
  if (is_checked(check, index)) {
    *check->bytes += node_bytes(&check->fields[index], &check->chunk->nodes[index]);
    return KHONSU_OK;
  }
  khonsu_status status = check_shape(check, index);
  return status == KHONSU_OK ? check_nulls(check, index) : status;
}

/* Parents look at the lengths of their children, and runs into them: so all shapes come first. */
static khonsu_status check_all(const kh_check *check) {
  khonsu_status status = KHONSU_OK;
  uint32_t count = check->chunk->schema->count;
  for (uint32_t index = 0; index < count && status == KHONSU_OK; index++) status = check_node(check, index);
  for (uint32_t index = 0; index < count && status == KHONSU_OK; index++)
    if (!is_checked(check, index)) status = check->is_trusted ? trust_values(check, index) : check_values(check, index);
  return status;
}

/* ---- settle */

static const void *no_validity[1] = {NULL};

/* Consumers of record batches, pyarrow among them, want neither an offset nor longer columns. */
static void push_down(kh_chunk *chunk) {
  struct ArrowArray *root = &chunk->nodes[0];
  for (int64_t child = 1; child <= root->n_children; child++) { /* of the root, 1 is the first */
    struct ArrowArray *node = &chunk->nodes[child];
    if (root->offset == 0 && node->length == root->length) continue;
    node->offset += root->offset;
    node->length = root->length;
    if (node->null_count > 0) node->null_count = count_nulls(&chunk->schema->fields[child], node);
  }
  root->offset = 0;
  root->null_count = 0;
  root->buffers = no_validity;
}

static khonsu_status let_in(kh_chunk *chunk, const kh_known_sizes *known, bool is_trusted, uint64_t bytes_max,
                            khonsu_error *error) {
  uint64_t bytes = 0;
  kh_check check = {chunk, chunk->schema->fields, known, &bytes, is_trusted, error};
  khonsu_status status = check_all(&check);
  if (status != KHONSU_OK) return status;
  chunk->bytes = bytes;
  push_down(chunk);
  if (chunk->bytes <= bytes_max) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                          "the record batch has %llu bytes: more than value_size_max = %llu",
                          (unsigned long long)chunk->bytes, (unsigned long long)bytes_max);
}

khonsu_status kh_chunk_check(kh_chunk *chunk, const kh_known_sizes *known, uint64_t bytes_max, khonsu_error *error) {
  return let_in(chunk, known, false, bytes_max, error);
}

khonsu_status kh_chunk_trust(kh_chunk *chunk, const kh_known_sizes *known, uint64_t bytes_max, khonsu_error *error) {
  return let_in(chunk, known, true, bytes_max, error);
}

/* ---- sizes */

static int64_t text_size(const kh_field *field, const struct ArrowArray *node) {
  if (kh_node_end(node) == 0) return 0;
  if (field->layout.element_size_bits[1] == 64) return ((const int64_t *)node->buffers[1])[kh_node_end(node)];
  return ((const int32_t *)node->buffers[1])[kh_node_end(node)];
}

int64_t kh_node_buffer_size(const kh_field *field, const struct ArrowArray *node, uint32_t index) {
  if (node->buffers[index] == NULL) return 0;
  if (index == 2 && field->layout.buffer_type[index] == NANOARROW_BUFFER_TYPE_DATA) return text_size(field, node);
  int64_t bytes;
  bool fits = kh_buffer_required_size(field, index, kh_node_end(node), &bytes);
  KH_ASSERT(fits);
  return bytes;
}

static uint64_t node_bytes(const kh_field *field, const struct ArrowArray *node) {
  uint64_t bytes = 0;
  for (uint32_t buffer = 0; buffer < kh_field_buffer_count(field); buffer++)
    bytes += (uint64_t)kh_node_buffer_size(field, node, buffer);
  for (int64_t i = 0; kh_field_is_view(field) && i < kh_node_variadic_count(node); i++)
    bytes += (uint64_t)kh_node_variadic_sizes(node)[i];
  return bytes;
}

uint64_t kh_chunk_count_bytes(const kh_chunk *chunk) {
  uint64_t bytes = 0;
  for (uint32_t index = 0; index < chunk->schema->count; index++)
    bytes += node_bytes(&chunk->schema->fields[index], &chunk->nodes[index]);
  return bytes;
}
