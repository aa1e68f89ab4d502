/* concat_flat: layouts without children. */
#include "bits.h"
#include "concat.h"
#include "numbers.h"

/* ---- numbers, booleans, fixed-size binary */

static void join_bits(uint8_t *to, uint32_t field, const kh_span *spans, size_t count) {
  int64_t done = 0;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].length == 0) continue;
    kh_bits_copy(to, done, kh_span_node(&spans[i], field)->buffers[1], spans[i].start, spans[i].length);
    done += spans[i].length;
  }
}

static void join_bytes(uint8_t *to, uint32_t field, const kh_span *spans, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) {
    if (spans[i].length == 0) continue;
    const uint8_t *from = kh_span_node(&spans[i], field)->buffers[1];
    size_t size = (size_t)spans[i].length * width;
    memcpy(to, from + (size_t)spans[i].start * width, size);
    to += size;
  }
}

khonsu_status kh_concat_fixed(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  int64_t bits = concat->fields[field].layout.element_size_bits[1], length = concat->result->nodes[field].length;
  bool is_boolean = bits == 1;
  uint8_t *to = is_boolean ? kh_concat_buffer(concat, field, 1, kh_bits_bytes(length), 1)
                           : kh_concat_buffer(concat, field, 1, length, bits / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  if (is_boolean) {
    memset(to, 0, (size_t)kh_bits_bytes(length));
    join_bits(to, field, spans, count);
  } else {
    join_bytes(to, field, spans, count, (size_t)bits / 8);
  }
  return KHONSU_OK;
}

/* ---- utf8, binary, and large */

static int64_t text_begin(const kh_span *span, uint32_t field, int64_t bits) {
  return span->length == 0 ? 0 : kh_offset_get(kh_span_node(span, field)->buffers[1], bits, span->start);
}

static int64_t text_end(const kh_span *span, uint32_t field, int64_t bits) {
  return span->length == 0 ? 0 : kh_offset_get(kh_span_node(span, field)->buffers[1], bits, span->start + span->length);
}

khonsu_status kh_concat_text(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  int64_t bits = concat->fields[field].layout.element_size_bits[1], total = 0;
  for (size_t i = 0; i < count; i++) /* sums of memory that is there */
    total += text_end(&spans[i], field, bits) - text_begin(&spans[i], field, bits);
  if (total > kh_offset_max(bits))
    return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                         "%lld bytes of text in one batch: more than 32-bit offsets can hold", (long long)total);
  void *offsets = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length + 1, bits / 8);
  uint8_t *bytes = kh_concat_buffer(concat, field, 2, total, 1);
  if (offsets == NULL || bytes == NULL) return KHONSU_NO_MEMORY;
  int64_t row = 0, done = 0;
  kh_offset_set(offsets, bits, 0, 0);
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], field);
    int64_t begin = text_begin(&spans[i], field, bits), size = text_end(&spans[i], field, bits) - begin;
    for (int64_t k = 1; k <= spans[i].length; k++)
      kh_offset_set(offsets, bits, ++row, kh_offset_get(node->buffers[1], bits, spans[i].start + k) - begin + done);
    if (size > 0) memcpy(bytes + done, (const uint8_t *)node->buffers[2] + begin, (size_t)size);
    done += size;
  }
  return KHONSU_OK;
}

/* ---- utf8_view, binary_view: all variadic buffers, side by side; views that refer to them count on from there */

static khonsu_status count_variadic(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count,
                                    int64_t *total) {
  *total = 0;
  for (size_t i = 0; i < count; i++)
    if (spans[i].length > 0) *total += kh_node_variadic_count(kh_span_node(&spans[i], field));
  if (*total <= INT32_MAX) return KHONSU_OK;
  return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                       "%lld buffers of text in one batch: more than a view can tell apart", (long long)*total);
}

static khonsu_status copy_variadic(const kh_concat *concat, const struct ArrowArray *node, const void **buffers,
                                   int64_t *sizes) {
  for (int64_t i = 0; i < kh_node_variadic_count(node); i++) {
    sizes[i] = kh_node_variadic_sizes(node)[i];
    void *copy = kh_arena_take(&concat->result->arena, (size_t)sizes[i]);
    if (copy == NULL) return kh_concat_no_memory(concat);
    if (sizes[i] > 0) memcpy(copy, node->buffers[2 + i], (size_t)sizes[i]);
    buffers[i] = copy;
  }
  return KHONSU_OK;
}

/* Views under a null may hold anything: they become empty. */
static void copy_views(union ArrowBinaryView *to, const struct ArrowArray *node, const kh_span *span, int32_t shift) {
  const uint8_t *validity = node->buffers[0];
  const union ArrowBinaryView *from = node->buffers[1];
  for (int64_t i = 0; i < span->length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, span->start + i);
    if (is_null) memset(&to[i], 0, sizeof to[i]);
    else to[i] = from[span->start + i];
    if (to[i].inlined.size > NANOARROW_BINARY_VIEW_INLINE_SIZE) to[i].ref.buffer_index += shift;
  }
}

khonsu_status kh_concat_views(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  struct ArrowArray *node = &concat->result->nodes[field];
  int64_t variadic, done = 0, row = 0;
  khonsu_status status = count_variadic(concat, field, spans, count, &variadic);
  if (status != KHONSU_OK) return status;
  kh_arena *arena = &concat->result->arena;
  const void **buffers = kh_arena_take_array(arena, (size_t)variadic + 3, sizeof *buffers);
  int64_t *sizes = kh_arena_take_array(arena, (size_t)variadic, sizeof *sizes);
  union ArrowBinaryView *views = kh_arena_take_array(arena, (size_t)node->length, sizeof *views);
  if (buffers == NULL || sizes == NULL || views == NULL) return kh_concat_no_memory(concat);
  buffers[0] = node->buffers[0];
  buffers[1] = views;
  buffers[variadic + 2] = sizes;
  node->buffers = buffers;
  node->n_buffers = variadic + 3;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++) {
    if (spans[i].length == 0) continue;
    const struct ArrowArray *from = kh_span_node(&spans[i], field);
    copy_views(views + row, from, &spans[i], (int32_t)done);
    status = copy_variadic(concat, from, buffers + 2 + done, sizes + done);
    row += spans[i].length;
    done += kh_node_variadic_count(from);
  }
  return status;
}
