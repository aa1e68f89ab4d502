/* concat_union: a type id for each value says which child holds it. */
#include "concat.h"

static khonsu_status join_type_ids(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  int8_t *to = kh_concat_buffer(concat, field, 0, concat->result->nodes[field].length, 1);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].length == 0) continue;
    memcpy(to, (const int8_t *)kh_span_node(&spans[i], field)->buffers[0] + spans[i].start, (size_t)spans[i].length);
    to += spans[i].length;
  }
  return KHONSU_OK;
}

/* ---- sparse: all children are as long as the union, as in a struct */

khonsu_status kh_concat_sparse_union(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  khonsu_status status = join_type_ids(concat, field, spans, count);
  return status != KHONSU_OK ? status : kh_concat_struct(concat, field, spans, count);
}

/* ---- dense: an offset for each value says where in its child. What of a child lies between the first and the last
 * value that is referred to is taken as it is. */

typedef struct dense_plan {
  const kh_span *spans;
  size_t count;
  kh_span *pieces; /* of child c: pieces[c * count] and following */
  int64_t *shifts; /* what is added to the offsets, in the same places */
} dense_plan;

static void measure(const kh_field *shape, uint32_t field, const dense_plan *plan, size_t span) {
  const struct ArrowArray *node = kh_span_node(&plan->spans[span], field);
  const int8_t *ids = node->buffers[0];
  const int32_t *offsets = node->buffers[1];
  int64_t children = shape->arrow.n_children, start = plan->spans[span].start;
  for (int64_t child = 0; child < children; child++)
    plan->pieces[(size_t)child * plan->count + span] = (kh_span){plan->spans[span].chunk, INT64_MAX, 0};
  for (int64_t i = start; i < start + plan->spans[span].length; i++) {
    kh_span *piece = &plan->pieces[(uint8_t)shape->union_children[ids[i]] * plan->count + span];
    int64_t end = piece->length == 0 ? 0 : piece->start + piece->length;
    if (offsets[i] < piece->start) piece->start = offsets[i];
    if (offsets[i] >= end) end = (int64_t)offsets[i] + 1;
    piece->length = end - piece->start;
  }
}

/* From places in the child to places in its buffers, and to what the offsets become. */
static khonsu_status place(const kh_concat *concat, uint32_t field, const dense_plan *plan, uint32_t child) {
  uint32_t child_field = concat->fields[field].first + child;
  int64_t total = 0;
  for (size_t i = 0; i < plan->count; i++) {
    kh_span *piece = &plan->pieces[child * plan->count + i];
    int64_t first = piece->length == 0 ? 0 : piece->start;
    plan->shifts[child * plan->count + i] = total - first;
    total += piece->length; /* each at most 2^31 */
    *piece = kh_span_child(&plan->spans[i], child_field, first, piece->length);
  }
  if (total <= INT32_MAX) return KHONSU_OK;
  return kh_field_fail(concat->fields, child_field, concat->error, KHONSU_VALUE_TOO_LARGE,
                       "%lld values in one batch: more than 32-bit offsets can hold; keep the rows in several batches",
                       (long long)total);
}

static khonsu_status join_union_offsets(const kh_concat *concat, uint32_t field, const dense_plan *plan) {
  const kh_field *shape = &concat->fields[field];
  int32_t *to = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length, sizeof *to);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (size_t span = 0; span < plan->count; span++) {
    const struct ArrowArray *node = kh_span_node(&plan->spans[span], field);
    const int8_t *ids = node->buffers[0];
    const int32_t *offsets = node->buffers[1];
    int64_t start = plan->spans[span].start;
    for (int64_t i = start; i < start + plan->spans[span].length; i++)
      *to++ = (int32_t)(offsets[i] + plan->shifts[(uint8_t)shape->union_children[ids[i]] * plan->count + span]);
  }
  return KHONSU_OK;
}

static khonsu_status join_dense(const kh_concat *concat, uint32_t field, const dense_plan *plan) {
  const kh_field *shape = &concat->fields[field];
  uint32_t children = (uint32_t)shape->arrow.n_children;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < plan->count; i++) measure(shape, field, plan, i);
  for (uint32_t child = 0; child < children && status == KHONSU_OK; child++) status = place(concat, field, plan, child);
  if (status == KHONSU_OK) status = join_union_offsets(concat, field, plan);
  for (uint32_t child = 0; child < children && status == KHONSU_OK; child++)
    status = kh_concat_field(concat, shape->first + child, plan->pieces + child * plan->count, plan->count);
  return status;
}

khonsu_status kh_concat_dense_union(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  khonsu_status status = join_type_ids(concat, field, spans, count);
  if (status != KHONSU_OK) return status;
  size_t cells;
  if (__builtin_mul_overflow(count, (size_t)concat->fields[field].arrow.n_children, &cells))
    return kh_concat_no_memory(concat);
  dense_plan dense = {spans, count, kh_alloc_array(cells, sizeof(kh_span)), kh_alloc_array(cells, sizeof(int64_t))};
  if (dense.pieces == NULL || dense.shifts == NULL) status = kh_concat_no_memory(concat);
  else status = join_dense(concat, field, &dense);
  kh_free(dense.pieces);
  kh_free(dense.shifts);
  return status;
}
