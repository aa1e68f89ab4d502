/* concat_list: layouts whose values are runs of items in one child. */
#include "concat.h"
#include "numbers.h"

static khonsu_status too_many_items(const kh_concat *concat, uint32_t field, int64_t items) {
  return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                       "%lld items in one batch: more than 32-bit offsets can hold; cast the column to large_list",
                       (long long)items);
}

/* ---- fixed-size list: `size` items for each value, also for null ones */

khonsu_status kh_concat_fixed_list(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  int64_t size = shape->layout.child_size_elements;
  kh_span *items = kh_concat_spans(concat, count);
  if (items == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < count; i++)
    items[i] = kh_span_child(&spans[i], shape->first, spans[i].start * size, spans[i].length * size);
  khonsu_status status = kh_concat_field(concat, shape->first, items, count);
  kh_free(items);
  return status;
}

/* ---- list, map, large list: the items of value i are those from offset i to offset i + 1 */

static kh_span items_of(const kh_span *span, const kh_field *shape, uint32_t field) {
  if (span->length == 0) return kh_span_child(span, shape->first, 0, 0);
  const void *offsets = kh_span_node(span, field)->buffers[1];
  int64_t bits = shape->layout.element_size_bits[1], begin = kh_offset_get(offsets, bits, span->start);
  return kh_span_child(span, shape->first, begin, kh_offset_get(offsets, bits, span->start + span->length) - begin);
}

static void join_offsets(void *to, uint32_t field, int64_t bits, const kh_span *spans, size_t count) {
  int64_t row = 0, done = 0;
  kh_offset_set(to, bits, 0, 0);
  for (size_t i = 0; i < count; i++) {
    if (spans[i].length == 0) continue;
    const void *from = kh_span_node(&spans[i], field)->buffers[1];
    int64_t shift = done - kh_offset_get(from, bits, spans[i].start);
    kh_concat_offsets(to, row + 1, from, spans[i].start + 1, spans[i].length, bits, shift);
    row += spans[i].length;
    done = kh_offset_get(to, bits, row);
  }
}

khonsu_status kh_concat_list(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  int64_t bits = shape->layout.element_size_bits[1], total = 0;
  kh_span *items = kh_concat_spans(concat, count);
  if (items == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++) {
    items[i] = items_of(&spans[i], shape, field);
    if (__builtin_add_overflow(total, items[i].length, &total) || total > kh_offset_max(bits))
      status = too_many_items(concat, field, total);
  }
  if (status == KHONSU_OK) {
    void *offsets = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length + 1, bits / 8);
    if (offsets == NULL) status = KHONSU_NO_MEMORY;
    else join_offsets(offsets, field, bits, spans, count);
  }
  if (status == KHONSU_OK) status = kh_concat_field(concat, shape->first, items, count);
  kh_free(items);
  return status;
}

/* ---- list views: offset and size for each value, in any order, overlapping or with gaps. What of the child lies
 * between the first and the last item that any value refers to is taken as it is. */

static kh_span items_seen(const kh_span *span, const kh_field *shape, uint32_t field) {
  const struct ArrowArray *node = kh_span_node(span, field);
  int64_t bits = shape->layout.element_size_bits[1], first = INT64_MAX, end = 0;
  for (int64_t i = span->start; i < span->start + span->length; i++) {
    int64_t offset = kh_offset_get(node->buffers[1], bits, i), size = kh_offset_get(node->buffers[2], bits, i);
    if (size == 0) continue;
    if (offset < first) first = offset;
    if (offset + size > end) end = offset + size;
  }
  return end == 0 ? kh_span_child(span, shape->first, 0, 0) : kh_span_child(span, shape->first, first, end - first);
}

static void join_views(const kh_concat *concat, uint32_t field, const kh_span *spans, const kh_span *items,
                       size_t count, void *offsets, void *sizes) {
  const kh_field *shape = &concat->fields[field];
  int64_t bits = shape->layout.element_size_bits[1], row = 0, done = 0;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], field);
    int64_t shift = done - (items[i].start - kh_span_node(&spans[i], shape->first)->offset);
    for (int64_t k = spans[i].start; k < spans[i].start + spans[i].length; k++, row++) {
      int64_t size = kh_offset_get(node->buffers[2], bits, k);
      kh_offset_set(offsets, bits, row, size == 0 ? 0 : kh_offset_get(node->buffers[1], bits, k) + shift);
      kh_offset_set(sizes, bits, row, size);
    }
    done += items[i].length;
  }
}

khonsu_status kh_concat_list_view(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  int64_t bits = shape->layout.element_size_bits[1], total = 0, length = concat->result->nodes[field].length;
  kh_span *items = kh_concat_spans(concat, count);
  if (items == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++) {
    items[i] = items_seen(&spans[i], shape, field);
    if (__builtin_add_overflow(total, items[i].length, &total) || total > kh_offset_max(bits))
      status = too_many_items(concat, field, total);
  }
  if (status == KHONSU_OK) {
    void *offsets = kh_concat_buffer(concat, field, 1, length, bits / 8);
    void *sizes = kh_concat_buffer(concat, field, 2, length, bits / 8);
    if (offsets == NULL || sizes == NULL) status = KHONSU_NO_MEMORY;
    else join_views(concat, field, spans, items, count, offsets, sizes);
  }
  if (status == KHONSU_OK) status = kh_concat_field(concat, shape->first, items, count);
  kh_free(items);
  return status;
}
