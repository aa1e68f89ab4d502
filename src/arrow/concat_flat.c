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

#define JOIN_OFFSETS(name, type)                                                                                       \
  static void name(type *restrict to, const type *restrict from, int64_t count, type shift) {                          \
    for (int64_t i = 0; i < count; i++) to[i] = (type)(from[i] + shift);                                               \
  }

JOIN_OFFSETS(join_offsets_32, int32_t)
JOIN_OFFSETS(join_offsets_64, int64_t)

void kh_concat_offsets(void *to, int64_t row, const void *from, int64_t start, int64_t count, int64_t bits,
                       int64_t shift) {
  if (bits == 64) join_offsets_64((int64_t *)to + row, (const int64_t *)from + start, count, shift);
  else join_offsets_32((int32_t *)to + row, (const int32_t *)from + start, count, (int32_t)shift);
}

khonsu_status kh_concat_text(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  int64_t bits = concat->fields[field].layout.element_size_bits[1], total = 0;
  for (size_t i = 0; i < count; i++) /* sums of memory that is there */
    total += text_end(&spans[i], field, bits) - text_begin(&spans[i], field, bits);
  if (total > kh_offset_max(bits))
    return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                         "%lld bytes of text in one batch: more than 32-bit offsets can hold; cast the column to "
                         "large_utf8 or large_binary",
                         (long long)total);
  void *offsets = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length + 1, bits / 8);
  uint8_t *bytes = kh_concat_buffer(concat, field, 2, total, 1);
  if (offsets == NULL || bytes == NULL) return KHONSU_NO_MEMORY;
  int64_t row = 0, done = 0;
  kh_offset_set(offsets, bits, 0, 0);
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], field);
    int64_t begin = text_begin(&spans[i], field, bits), size = text_end(&spans[i], field, bits) - begin;
    if (spans[i].length == 0) continue;
    kh_concat_offsets(offsets, row + 1, node->buffers[1], spans[i].start + 1, spans[i].length, bits, done - begin);
    row += spans[i].length;
    if (size > 0) memcpy(bytes + done, (const uint8_t *)node->buffers[2] + begin, (size_t)size);
    done += size;
  }
  return KHONSU_OK;
}
