/* concat_views: utf8_view, binary_view. The texts that views refer to come into one buffer, as long as they are not more
 * than what the sources' buffers hold; else (views share texts, or they are too long for one) all variadic buffers are
 * put side by side, and views that refer to them count on from there. */
#include "bits.h"
#include "concat.h"

/* Views under a null may hold anything: they become empty. Returns the bytes that do not stand in the views. */
static uint64_t copy_views(union ArrowBinaryView *to, const struct ArrowArray *node, const kh_span *span) {
  const uint8_t *validity = node->null_count != 0 ? node->buffers[0] : NULL;
  const union ArrowBinaryView *from = node->buffers[1];
  uint64_t bytes = 0;
  for (int64_t i = 0; i < span->length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, span->start + i);
    if (is_null) memset(&to[i], 0, sizeof to[i]);
    else to[i] = from[span->start + i];
    if (to[i].inlined.size > NANOARROW_BINARY_VIEW_INLINE_SIZE) bytes += (uint64_t)to[i].inlined.size;
  }
  return bytes;
}

typedef struct views_plan {
  const kh_concat *concat;
  uint32_t field;
  const kh_span *spans;
  size_t count;
  union ArrowBinaryView *views; /* of the result; they still refer to the sources' buffers */
  uint64_t bytes;               /* that they refer to */
} views_plan;

/* A table of buffers with room for `variadic` texts, in the place of the one that there is. */
static const void **make_tables(const views_plan *plan, int64_t variadic, int64_t **sizes) {
  struct ArrowArray *node = &plan->concat->result->nodes[plan->field];
  kh_arena *arena = &plan->concat->result->arena;
  const void **buffers = kh_arena_take_array(arena, (size_t)variadic + 3, sizeof *buffers);
  *sizes = kh_arena_take_array(arena, (size_t)variadic, sizeof **sizes);
  if (buffers == NULL || *sizes == NULL) return NULL;
  buffers[0] = node->buffers[0];
  buffers[1] = plan->views;
  buffers[variadic + 2] = *sizes;
  node->buffers = buffers;
  node->n_buffers = variadic + 3;
  return buffers + 2;
}

static khonsu_status compact(const views_plan *plan) {
  int64_t *sizes, row = 0, done = 0;
  const void **texts = make_tables(plan, plan->bytes > 0, &sizes);
  if (texts == NULL) return kh_concat_no_memory(plan->concat);
  if (plan->bytes == 0) return KHONSU_OK;
  uint8_t *to = kh_arena_take(&plan->concat->result->arena, (size_t)plan->bytes);
  if (to == NULL) return kh_concat_no_memory(plan->concat);
  texts[0] = to;
  sizes[0] = (int64_t)plan->bytes;
  for (size_t i = 0; i < plan->count; i++) {
    const struct ArrowArray *from = kh_span_node(&plan->spans[i], plan->field);
    for (int64_t k = 0; k < plan->spans[i].length; k++, row++) {
      union ArrowBinaryView *view = &plan->views[row];
      if (view->inlined.size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) continue;
      size_t size = (size_t)view->ref.size;
      memcpy(to + done, (const uint8_t *)from->buffers[2 + view->ref.buffer_index] + view->ref.offset, size);
      view->ref.buffer_index = 0;
      view->ref.offset = (int32_t)done;
      done += view->ref.size;
    }
  }
  return KHONSU_OK;
}

static khonsu_status copy_texts(const views_plan *plan, const struct ArrowArray *from, const void **texts,
                                int64_t *sizes) {
  for (int64_t i = 0; i < kh_node_variadic_count(from); i++) {
    sizes[i] = kh_node_variadic_sizes(from)[i];
    void *copy = kh_arena_take(&plan->concat->result->arena, (size_t)sizes[i]);
    if (copy == NULL) return kh_concat_no_memory(plan->concat);
    if (sizes[i] > 0) memcpy(copy, from->buffers[2 + i], (size_t)sizes[i]);
    texts[i] = copy;
  }
  return KHONSU_OK;
}

static khonsu_status put_side_by_side(const views_plan *plan, int64_t variadic) {
  int64_t *sizes, row = 0, done = 0;
  if (variadic > INT32_MAX)
    return kh_field_fail(plan->concat->fields, plan->field, plan->concat->error, KHONSU_VALUE_TOO_LARGE,
                         "%lld buffers of text in one batch: more than a view can tell apart; cast the column to "
                         "large_utf8 or large_binary",
                         (long long)variadic);
  const void **texts = make_tables(plan, variadic, &sizes);
  khonsu_status status = texts != NULL ? KHONSU_OK : kh_concat_no_memory(plan->concat);
  for (size_t i = 0; i < plan->count && status == KHONSU_OK; i++) {
    if (plan->spans[i].length == 0) continue;
    const struct ArrowArray *from = kh_span_node(&plan->spans[i], plan->field);
    for (int64_t k = 0; k < plan->spans[i].length; k++, row++)
      if (plan->views[row].inlined.size > NANOARROW_BINARY_VIEW_INLINE_SIZE)
        plan->views[row].ref.buffer_index += (int32_t)done;
    status = copy_texts(plan, from, texts + done, sizes + done);
    done += kh_node_variadic_count(from);
  }
  return status;
}

khonsu_status kh_concat_views(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  views_plan plan = {concat, field, spans, count, NULL, 0};
  int64_t variadic = 0, row = 0;
  uint64_t there = 0;
  plan.views = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length, sizeof *plan.views);
  if (plan.views == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *from = kh_span_node(&spans[i], field);
    if (spans[i].length == 0) continue;
    plan.bytes += copy_views(plan.views + row, from, &spans[i]);
    row += spans[i].length;
    variadic += kh_node_variadic_count(from);
    for (int64_t k = 0; k < kh_node_variadic_count(from); k++) there += (uint64_t)kh_node_variadic_sizes(from)[k];
  }
  return plan.bytes <= INT32_MAX && plan.bytes <= there ? compact(&plan) : put_side_by_side(&plan, variadic);
}
