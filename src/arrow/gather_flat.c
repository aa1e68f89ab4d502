/* gather_flat: layouts without children. */
#include "gather.h"

/* ---- booleans */

static void pick_bits(uint8_t *to, const uint8_t *from, const kh_pick *pick) {
  int64_t done = 0;
  memset(to, 0, (size_t)kh_bits_bytes(pick->length));
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    if (range.start >= 0 && range.length == 1)
      to[done >> 3] = (uint8_t)(to[done >> 3] | kh_bit_get(from, range.start) << (done & 7));
    else if (range.start >= 0) kh_bits_copy(to, done, from, range.start, range.length);
    done += range.length;
  }
}

/* ---- values of one width: what the compiler knows the width of, it moves in registers */

typedef unsigned __int128 __attribute__((aligned(1), may_alias)) any128;

#define PICK_PLACES(name, type)                                                                                        \
  static void name(void *buffer, const void *base, const kh_pick *pick) {                                              \
    type *to = buffer;                                                                                                 \
    const type *from = base;                                                                                           \
    const int64_t *places = pick->places;                                                                              \
    if (pick->has_nulls)                                                                                               \
      for (int64_t i = 0; i < pick->length; i++) to[i] = places[i] < 0 ? 0 : from[places[i]];                          \
    else                                                                                                               \
      for (int64_t i = 0; i < pick->length; i++) to[i] = from[places[i]];                                              \
  }

PICK_PLACES(pick_1, uint8_t)
PICK_PLACES(pick_2, kh_any16)
PICK_PLACES(pick_4, kh_any32)
PICK_PLACES(pick_8, kh_any64)
PICK_PLACES(pick_16, any128)

/* Most ranges are short, and how short nobody can guess: 128 bytes at once where that many are there on both sides. */
static inline void put_range(uint8_t *to, const uint8_t *to_end, const uint8_t *from, const uint8_t *from_end,
                             size_t size) {
  if (size <= 128 && to_end - to >= 128 && from_end - from >= 128) memcpy(to, from, 128);
  else memcpy(to, from, size);
}

/* By ranges, and widths not known above. */
static void pick_ranges(uint8_t *to, const uint8_t *from, const uint8_t *from_end, const kh_pick *pick, size_t width) {
  const uint8_t *to_end = to + (size_t)pick->length * width;
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    size_t size = (size_t)range.length * width;
    if (range.start < 0) memset(to, 0, size);
    else if (size > 0) put_range(to, to_end, from + (size_t)range.start * width, from_end, size);
    to += size;
  }
}

static void pick_values(uint8_t *to, const uint8_t *from, const uint8_t *from_end, const kh_pick *pick, size_t width) {
  const uint8_t *base = from == NULL ? NULL : from + (size_t)pick->base * width;
  if (pick->places == NULL) {
    pick_ranges(to, from, from_end, pick, width);
    return;
  }
  switch (width) {
    case 1: pick_1(to, base, pick); return;
    case 2: pick_2(to, base, pick); return;
    case 4: pick_4(to, base, pick); return;
    case 8: pick_8(to, base, pick); return;
    case 16: pick_16(to, base, pick); return;
    default: pick_ranges(to, from, from_end, pick, width); return;
  }
}

khonsu_status kh_gather_fixed(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  int64_t bits = gather->fields[field].layout.element_size_bits[1];
  bool is_boolean = bits == 1;
  uint8_t *to = is_boolean ? kh_gather_buffer(gather, field, 1, kh_bits_bytes(pick->length), 1)
                           : kh_gather_buffer(gather, field, 1, pick->length, bits / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  const struct ArrowArray *node = gather->source == NULL ? NULL : &gather->source->nodes[field];
  const uint8_t *from = node == NULL ? NULL : node->buffers[1];
  const uint8_t *from_end = node == NULL ? NULL : from + kh_node_buffer_size(&gather->fields[field], node, 1);
  if (is_boolean) pick_bits(to, from, pick);
  else pick_values(to, from, from_end, pick, (size_t)bits / 8);
  return KHONSU_OK;
}

/* ---- utf8, binary, and large: lengths first, then the bytes */

static khonsu_status too_much_text(const kh_gather *gather, uint32_t field) {
  return kh_field_fail(gather->fields, field, gather->error, KHONSU_VALUE_TOO_LARGE,
                       "the text of the chosen rows takes more bytes than 32-bit offsets can hold; choose fewer rows "
                       "at once, or cast the column to large_utf8 or large_binary");
}

#define PICK_OFFSETS(name, type, unsigned_type)                                                                        \
  /* Returns the bytes of all texts; -1: more than such offsets can hold. */                                           \
  static int64_t name(void *buffer, const void *source, const kh_pick *pick) {                                         \
    type *to = buffer;                                                                                                 \
    const type *from = source;                                                                                         \
    type done = 0;                                                                                                     \
    to[0] = 0;                                                                                                         \
    for (size_t i = 0; i < kh_pick_count(pick); i++) {                                                                 \
      kh_range range = kh_pick_range(pick, i);                                                                         \
      if (range.start < 0) {                                                                                           \
        for (int64_t k = 0; k < range.length; k++) *++to = done;                                                       \
        continue;                                                                                                      \
      }                                                                                                                \
      type first = from[range.start], total;                                                                           \
      if (__builtin_add_overflow(done, (type)(from[range.start + range.length] - first), &total)) return -1;           \
      type shift = (type)((unsigned_type)done - (unsigned_type)first);                                                 \
      for (int64_t k = 1; k <= range.length; k++) *++to = (type)(from[range.start + k] + shift);                       \
      done = total;                                                                                                    \
    }                                                                                                                  \
    return (int64_t)done;                                                                                              \
  }

PICK_OFFSETS(pick_offsets_32, int32_t, uint32_t)
PICK_OFFSETS(pick_offsets_64, int64_t, uint64_t)

/* Short texts are most: 16 bytes at once where that many are there on both sides, whatever the length. */
static uint8_t *put_text(uint8_t *to, const uint8_t *to_end, const uint8_t *from, const uint8_t *from_end,
                         size_t size) {
  if (size <= 16 && to_end - to >= 16 && from_end - from >= 16) memcpy(to, from, 16);
  else memcpy(to, from, size);
  return to + size;
}

static void pick_text(uint8_t *to, int64_t total, const kh_field *field, const struct ArrowArray *node,
                      const kh_pick *pick) {
  int64_t bits = field->layout.element_size_bits[1];
  const uint8_t *from = node->buffers[2], *to_end = to + total;
  const uint8_t *from_end = from + kh_node_buffer_size(field, node, 2);
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    if (range.start < 0) continue;
    int64_t begin = kh_offset_get(node->buffers[1], bits, range.start);
    int64_t size = kh_offset_get(node->buffers[1], bits, range.start + range.length) - begin;
    if (size > 0) to = put_text(to, to_end, from + begin, from_end, (size_t)size);
  }
}

khonsu_status kh_gather_text(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  int64_t bits = shape->layout.element_size_bits[1], count;
  if (__builtin_add_overflow(pick->length, 1, &count)) return kh_gather_no_memory(gather);
  void *offsets = kh_gather_buffer(gather, field, 1, count, bits / 8);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  const struct ArrowArray *node = gather->source == NULL ? NULL : &gather->source->nodes[field];
  const void *from = node == NULL ? NULL : node->buffers[1];
  int64_t total = bits == 64 ? pick_offsets_64(offsets, from, pick) : pick_offsets_32(offsets, from, pick);
  if (total < 0) return too_much_text(gather, field);
  uint8_t *bytes = kh_gather_buffer(gather, field, 2, total, 1);
  if (bytes == NULL) return KHONSU_NO_MEMORY;
  if (total > 0) pick_text(bytes, total, shape, node, pick);
  return KHONSU_OK;
}
