/* chunk_check: the first and only validation of a record batch.
 *
 *   shape    of each array: what must hold before anything may compute with its lengths or look into its buffers
 *   nulls    are counted, since consumers believe a null_count
 *   full     nanoarrow's full validation of the tree
 *   values   what that lets through: runs that end too early, dense unions one past the end, views, list views whose
 *            sum overflows (looked at before, as nanoarrow's sum would overflow as well)
 *   settle   offset and length of the root are pushed down into the columns
 *
 * Not looked at: whether text is UTF-8; whether fields that are not nullable hold nulls (Arrow leaves that open). */
#include <inttypes.h>

#include "bits.h"
#include "chunk.h"

typedef struct checking {
  kh_chunk *chunk;
  const kh_field *fields;
  const kh_known_sizes *known;  /* NULL: none */
  struct ArrowArrayView *views; /* one for each node; then a pointer to each */
  khonsu_error *error;
} checking;

#define INVALID(check, index, ...)                                                                                     \
  kh_field_fail((check)->fields, index, (check)->error, KHONSU_INVALID_ARROW, __VA_ARGS__)

/* ---- shape */

static int64_t end_of(const struct ArrowArray *node) { return node->offset + node->length; }

bool kh_buffer_required_size(const kh_field *field, uint32_t index, int64_t end, int64_t *bytes) {
  int64_t bits = field->layout.element_size_bits[index];
  switch (field->layout.buffer_type[index]) {
    case NANOARROW_BUFFER_TYPE_VALIDITY: *bytes = kh_bits_bytes(end); return true;
    case NANOARROW_BUFFER_TYPE_DATA_OFFSET:
      *bytes = 0;
      return end == 0 || (end < INT64_MAX && !__builtin_mul_overflow(end + 1, bits / 8, bytes));
    default:
      if (__builtin_mul_overflow(end, bits, bytes)) return false;
      *bytes = kh_bits_bytes(*bytes);
      return true;
  }
}

/* Of what is read here as numbers. What consumers read is aligned as the producer made it. */
static uintptr_t alignment_of(const checking *check, uint32_t index, uint32_t buffer) {
  const kh_field *field = &check->fields[index], *parent = &check->fields[field->parent];
  uintptr_t unit = (uintptr_t)field->layout.element_size_bits[buffer] / 8;
  switch (field->layout.buffer_type[buffer]) {
    case NANOARROW_BUFFER_TYPE_DATA_OFFSET:
    case NANOARROW_BUFFER_TYPE_UNION_OFFSET:
    case NANOARROW_BUFFER_TYPE_VIEW_OFFSET:
    case NANOARROW_BUFFER_TYPE_SIZE: return unit;
    case NANOARROW_BUFFER_TYPE_DATA:
      if (kh_field_is_view(field)) return _Alignof(union ArrowBinaryView);
      if (field->has_dictionary || parent->storage == NANOARROW_TYPE_RUN_END_ENCODED)
        return unit > 1 && unit <= 8 ? unit : 1;
      return 1;
    default: return 1;
  }
}

/* Puts an aligned copy in the place of a buffer; the producer's table of buffers stays as it is. */
static khonsu_status align(const checking *check, uint32_t index, uint32_t buffer, size_t size) {
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

static khonsu_status check_buffer(const checking *check, uint32_t index, uint32_t buffer) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t bytes, known = check->known != NULL ? check->known[index].bytes[buffer] : -1;
  if (!kh_buffer_required_size(field, buffer, end_of(node), &bytes))
    return INVALID(check, index, "the size of buffer %u overflows", buffer);
  bool is_validity = field->layout.buffer_type[buffer] == NANOARROW_BUFFER_TYPE_VALIDITY;
  if (node->buffers[buffer] == NULL && !is_validity && bytes > 0)
    return INVALID(check, index, "buffer %u is NULL", buffer);
  if (node->buffers[buffer] != NULL && known >= 0 && known < bytes)
    return INVALID(check, index, "buffer %u has %" PRId64 " bytes of %" PRId64, buffer, known, bytes);
  if ((uintptr_t)node->buffers[buffer] % alignment_of(check, index, buffer) == 0) return KHONSU_OK;
  return align(check, index, buffer, (size_t)bytes);
}

static khonsu_status check_view_buffers(const checking *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t count = kh_node_variadic_count(node);
  const int64_t *sizes = kh_node_variadic_sizes(node);
  if ((uintptr_t)sizes % _Alignof(int64_t) != 0)
    return INVALID(check, index, "the sizes of its buffers are not aligned");
  if (count > INT32_MAX) return INVALID(check, index, "%" PRId64 " buffers of text: too many", count);
  if (count > 0 && sizes == NULL) return INVALID(check, index, "the sizes of its %" PRId64 " buffers are NULL", count);
  for (int64_t i = 0; i < count; i++)
    if (sizes[i] < 0 || (sizes[i] > 0 && node->buffers[2 + i] == NULL))
      return INVALID(check, index, "buffer %" PRId64 " has %" PRId64 " bytes but is %s", 2 + i, sizes[i],
                     node->buffers[2 + i] == NULL ? "NULL" : "not");
  return KHONSU_OK;
}

static khonsu_status check_shape(const checking *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t end, items, fixed = kh_field_buffer_count(field);
  if (node->length < 0 || node->offset < 0 || __builtin_add_overflow(node->length, node->offset, &end))
    return INVALID(check, index, "length %" PRId64 " and offset %" PRId64, node->length, node->offset);
  if (__builtin_mul_overflow(end, field->layout.child_size_elements, &items))
    return INVALID(check, index, "the length of its items overflows");
  bool right = kh_field_is_view(field) ? node->n_buffers >= fixed + 1 : node->n_buffers == fixed;
  if (!right) return INVALID(check, index, "%" PRId64 " buffers; expected %" PRId64, node->n_buffers, fixed);
  if (node->n_buffers > 0 && node->buffers == NULL) return INVALID(check, index, "buffers is NULL");
  for (uint32_t buffer = 0; buffer < fixed; buffer++) {
    khonsu_status status = check_buffer(check, index, buffer);
    if (status != KHONSU_OK) return status;
  }
  return kh_field_is_view(field) ? check_view_buffers(check, index) : KHONSU_OK;
}

/* ---- nulls */

static bool has_validity(const kh_field *field) {
  return field->layout.buffer_type[0] == NANOARROW_BUFFER_TYPE_VALIDITY;
}

static int64_t count_nulls(const kh_field *field, const struct ArrowArray *node) {
  if (field->storage == NANOARROW_TYPE_NA) return node->length;
  if (!has_validity(field) || node->buffers[0] == NULL) return 0;
  return node->length - kh_bits_count(node->buffers[0], node->offset, node->length);
}

static khonsu_status check_nulls(const checking *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t nulls = count_nulls(field, node);
  if (has_validity(field) && node->null_count >= 0 && node->null_count != nulls)
    return INVALID(check, index, "null_count is %" PRId64 ", but %" PRId64 " values are null", node->null_count, nulls);
  node->null_count = nulls;
  if (index == 0 && nulls > 0)
    return INVALID(check, index, "%" PRId64 " rows of the record batch itself are null; only columns may hold nulls",
                   nulls);
  return KHONSU_OK;
}

/* ---- full */

static void bind_view(const checking *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  struct ArrowArrayView *view = &check->views[index];
  struct ArrowArrayView **links = (struct ArrowArrayView **)(void *)(check->views + check->chunk->schema->count);
  links[index] = view;
  if (view->n_children > 0) view->children = links + field->first;
  if (field->has_dictionary) view->dictionary = &check->views[kh_field_dictionary(field)];
  view->length = node->length;
  view->offset = node->offset;
  view->null_count = node->null_count;
  for (uint32_t buffer = 0; buffer < kh_field_buffer_count(field); buffer++) {
    int64_t known = check->known != NULL ? check->known[index].bytes[buffer] : -1;
    view->buffer_views[buffer].data.data = node->buffers[buffer];
    view->buffer_views[buffer].size_bytes = node->buffers[buffer] == NULL || end_of(node) == 0 ? 0 : known;
  }
}

/* nanoarrow says what is wrong but not where: the last node in level order that fails has none below it that does. */
static khonsu_status find_invalid(const checking *check) {
  struct ArrowError reason = {""};
  uint32_t index = check->chunk->schema->count;
  while (--index > 0)
    if (ArrowArrayViewValidate(&check->views[index], NANOARROW_VALIDATION_LEVEL_FULL, &reason) != NANOARROW_OK) break;
  if (index == 0) (void)ArrowArrayViewValidate(check->views, NANOARROW_VALIDATION_LEVEL_FULL, &reason);
  return INVALID(check, index, "%s", reason.message);
}

/* ---- values */

static khonsu_status check_list_view(const checking *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t items = check->chunk->nodes[field->first].length;
  bool is_large = field->storage == NANOARROW_TYPE_LARGE_LIST_VIEW;
  for (int64_t i = node->offset; i < end_of(node); i++) {
    int64_t offset = is_large ? ((const int64_t *)node->buffers[1])[i] : ((const int32_t *)node->buffers[1])[i];
    int64_t size = is_large ? ((const int64_t *)node->buffers[2])[i] : ((const int32_t *)node->buffers[2])[i];
    if (offset < 0 || size < 0 || offset > items || size > items - offset)
      return INVALID(check, index, "[%" PRId64 "] %" PRId64 " items from %" PRId64 " on, of %" PRId64, i - node->offset,
                     size, offset, items);
  }
  return KHONSU_OK;
}

/* nanoarrow takes a length without any run. */
static khonsu_status check_runs(const checking *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  if (end_of(node) == 0 || check->chunk->nodes[check->fields[index].first].length > 0) return KHONSU_OK;
  return INVALID(check, index, "no runs for %" PRId64 " values", end_of(node));
}

static khonsu_status check_dense_union(const checking *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const int8_t *types = node->buffers[0];
  const int32_t *offsets = node->buffers[1];
  for (int64_t i = node->offset; i < end_of(node); i++) {
    int64_t length = check->chunk->nodes[kh_field_union_child(field, types[i])].length;
    if (offsets[i] < 0 || offsets[i] >= length)
      return INVALID(check, index, "[%" PRId64 "] offset %" PRId32 " into a child of length %" PRId64, i - node->offset,
                     offsets[i], length);
  }
  return KHONSU_OK;
}

static bool view_is_valid(const union ArrowBinaryView *view, const struct ArrowArray *node) {
  if (view->inlined.size < 0) return false;
  if (view->inlined.size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) return true;
  if (view->ref.buffer_index < 0 || view->ref.buffer_index >= kh_node_variadic_count(node)) return false;
  int64_t size = kh_node_variadic_sizes(node)[view->ref.buffer_index];
  return view->ref.offset >= 0 && (int64_t)view->ref.offset + view->ref.size <= size;
}

static khonsu_status check_views(const checking *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const uint8_t *validity = node->buffers[0];
  const union ArrowBinaryView *views = node->buffers[1];
  for (int64_t i = node->offset; i < end_of(node); i++) {
    if (validity != NULL && !kh_bit_get(validity, i)) continue;
    if (!view_is_valid(&views[i], node))
      return INVALID(check, index, "[%" PRId64 "] a view of %" PRId32 " bytes that are not there", i - node->offset,
                     views[i].inlined.size);
  }
  return KHONSU_OK;
}

static khonsu_status check_values(const checking *check, uint32_t index) {
  switch (check->fields[index].storage) {
    case NANOARROW_TYPE_RUN_END_ENCODED: return check_runs(check, index);
    case NANOARROW_TYPE_DENSE_UNION: return check_dense_union(check, index);
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW: return check_views(check, index);
    default: return KHONSU_OK;
  }
}

static khonsu_status check_before_full(const checking *check, uint32_t index) {
  enum ArrowType storage = check->fields[index].storage;
  khonsu_status status = check_shape(check, index);
  if (status == KHONSU_OK) status = check_nulls(check, index);
  if (status == KHONSU_OK && (storage == NANOARROW_TYPE_LIST_VIEW || storage == NANOARROW_TYPE_LARGE_LIST_VIEW))
    status = check_list_view(check, index);
  return status;
}

static khonsu_status check_all(const checking *check) {
  khonsu_status status = KHONSU_OK;
  uint32_t count = check->chunk->schema->count;
  for (uint32_t index = 0; index < count && status == KHONSU_OK; index++) {
    status = check_before_full(check, index);
    if (status == KHONSU_OK) bind_view(check, index);
  }
  if (status != KHONSU_OK) return status;
  if (ArrowArrayViewValidate(check->views, NANOARROW_VALIDATION_LEVEL_FULL, NULL) != NANOARROW_OK)
    return find_invalid(check);
  for (uint32_t index = 0; index < count && status == KHONSU_OK; index++) status = check_values(check, index);
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

khonsu_status kh_chunk_check(kh_chunk *chunk, const kh_known_sizes *known, uint64_t bytes_max, khonsu_error *error) {
  const kh_schema *schema = chunk->schema;
  checking check = {chunk, schema->fields, known, NULL, error};
  check.views = kh_alloc(schema->count * (sizeof *check.views + sizeof(struct ArrowArrayView *)));
  if (check.views == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to validate a record batch");
  memcpy(check.views, schema->views, schema->count * sizeof *check.views);
  khonsu_status status = check_all(&check);
  kh_free(check.views);
  if (status != KHONSU_OK) return status;
  chunk->bytes = kh_chunk_count_bytes(chunk);
  push_down(chunk);
  if (chunk->bytes <= bytes_max) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                          "the record batch has %llu bytes: more than value_size_max = %llu",
                          (unsigned long long)chunk->bytes, (unsigned long long)bytes_max);
}

/* ---- sizes */

static int64_t text_size(const kh_field *field, const struct ArrowArray *node) {
  if (end_of(node) == 0) return 0;
  if (field->layout.element_size_bits[1] == 64) return ((const int64_t *)node->buffers[1])[end_of(node)];
  return ((const int32_t *)node->buffers[1])[end_of(node)];
}

int64_t kh_node_buffer_size(const kh_field *field, const struct ArrowArray *node, uint32_t index) {
  if (node->buffers[index] == NULL) return 0;
  if (index == 2 && field->layout.buffer_type[index] == NANOARROW_BUFFER_TYPE_DATA) return text_size(field, node);
  int64_t bytes;
  bool fits = kh_buffer_required_size(field, index, end_of(node), &bytes);
  KH_ASSERT(fits);
  return bytes;
}

uint64_t kh_chunk_count_bytes(const kh_chunk *chunk) {
  uint64_t bytes = 0;
  for (uint32_t index = 0; index < chunk->schema->count; index++) {
    const kh_field *field = &chunk->schema->fields[index];
    const struct ArrowArray *node = &chunk->nodes[index];
    for (uint32_t buffer = 0; buffer < kh_field_buffer_count(field); buffer++)
      bytes += (uint64_t)kh_node_buffer_size(field, node, buffer);
    for (int64_t i = 0; kh_field_is_view(field) && i < kh_node_variadic_count(node); i++)
      bytes += (uint64_t)kh_node_variadic_sizes(node)[i];
  }
  return bytes;
}
