/* cast_flat: layouts without children. */
#include "cast.h"

/* ---- integers, floats, dates. Numbers under nulls are cast as well. */

static void put_float(void *to, enum ArrowType type, int64_t index, double value) {
  if (type == NANOARROW_TYPE_DOUBLE) ((double *)to)[index] = value;
  else if (type == NANOARROW_TYPE_FLOAT) ((float *)to)[index] = (float)value;
  else ((uint16_t *)to)[index] = ArrowFloatToHalfFloat((float)value); /* of integers that it holds */
}

static double as_float(const kh_place *place, kh_kind kind) {
  return kind == KH_KIND_FLOAT ? kh_place_float(place) : (double)kh_place_int(place);
}

khonsu_status kh_cast_number(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  void *to = kh_cast_buffer(cast, field, 1, length, target->layout.element_size_bits[1] / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  kh_kind kind = kh_field_kind(source);
  int64_t factor = target->type == NANOARROW_TYPE_DATE64 ? 86400000 : 1; /* days to milliseconds */
  bool to_float = kh_field_kind(target) == KH_KIND_FLOAT;
  kh_place value = *from;
  for (int64_t i = 0; i < length; i++, value.at++) {
    if (to_float) put_float(to, target->storage, i, as_float(&value, kind));
    else kh_int_set(target->storage, to, i, kh_place_int(&value) * factor);
  }
  return KHONSU_OK;
}

/* ---- decimals: more bits, and more digits after the point */

static void multiply(uint64_t limbs[4], uint64_t by) { /* modulo 2^256, so signs come out right */
  unsigned __int128 carry = 0;
  for (int limb = 0; limb < 4; limb++) {
    carry += (unsigned __int128)limbs[limb] * by;
    limbs[limb] = (uint64_t)carry;
    carry >>= 64;
  }
}

static void scale_up(uint64_t limbs[4], int32_t digits) {
  for (; digits >= 19; digits -= 19) multiply(limbs, UINT64_C(10000000000000000000));
  uint64_t rest = 1;
  for (; digits > 0; digits--) rest *= 10;
  multiply(limbs, rest);
}

khonsu_status kh_cast_decimal(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *target = &cast->fields[field];
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  size_t width = (size_t)target->layout.element_size_bits[1] / 8;
  uint8_t *to = kh_cast_buffer(cast, field, 1, length, (int64_t)width);
  if (to == NULL) return KHONSU_NO_MEMORY;
  int32_t digits = kh_field_parameters(target).decimal_scale - kh_field_parameters(kh_place_field(from)).decimal_scale;
  kh_place value = *from;
  for (int64_t i = 0; i < length; i++, value.at++, to += width) {
    uint64_t limbs[4];
    kh_place_decimal(&value, limbs);
    if (digits > 0) scale_up(limbs, digits);
    memcpy(to, limbs, width);
  }
  return KHONSU_OK;
}

/* ---- bytes: to offsets, of views and fixed sizes, or wider */

/* The bytes stay where they are. */
static khonsu_status widen_offsets(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const struct ArrowArray *node = kh_place_node(from);
  int64_t source_bits = kh_place_field(from)->layout.element_size_bits[1], count;
  int64_t target_bits = cast->fields[field].layout.element_size_bits[1];
  if (__builtin_add_overflow(length, 1, &count)) return kh_cast_no_memory(cast);
  void *offsets = kh_cast_buffer(cast, field, 1, count, target_bits / 8);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  cast->result->nodes[field].buffers[2] = node->buffers[2] != NULL ? node->buffers[2] : kh_no_bytes;
  cast->shares = true;
  kh_offset_set(offsets, target_bits, 0, 0);
  for (int64_t i = 0; length > 0 && i <= length; i++)
    kh_offset_set(offsets, target_bits, i, kh_offset_get(node->buffers[1], source_bits, from->at + i));
  return KHONSU_OK;
}

static khonsu_status too_much_text(const kh_cast *cast, uint32_t field) {
  char name[KH_TYPE_NAME_SIZE];
  kh_field_type_name(cast->fields, field, name);
  return kh_field_fail(cast->fields, field, cast->error, KHONSU_VALUE_TOO_LARGE,
                       "its values take more bytes than the 32-bit offsets of %s can hold; cast to large_utf8 or "
                       "large_binary, or fewer rows at once",
                       name);
}

/* Bytes under nulls may be anything: they become none. Returns how many there are; -1: too many. */
static int64_t set_offsets(const kh_cast *cast, const kh_place *from, int64_t length, uint32_t field, void *offsets) {
  const uint8_t *validity = kh_node_validity(kh_place_field(from), kh_place_node(from));
  int64_t bits = cast->fields[field].layout.element_size_bits[1], total = 0;
  kh_place value = *from;
  kh_offset_set(offsets, bits, 0, 0);
  for (int64_t i = 0; i < length; i++, value.at++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, value.at);
    int64_t size = is_null ? 0 : (int64_t)kh_place_bytes(&value).size;
    if (__builtin_add_overflow(total, size, &total) || total > kh_offset_max(bits)) return -1;
    kh_offset_set(offsets, bits, i + 1, total);
  }
  return total;
}

static void copy_bytes(const struct ArrowArray *node, int64_t bits, const kh_place *from, int64_t length, uint8_t *to) {
  kh_place value = *from;
  for (int64_t i = 0; i < length; i++, value.at++) {
    int64_t begin = kh_offset_get(node->buffers[1], bits, i);
    size_t size = (size_t)(kh_offset_get(node->buffers[1], bits, i + 1) - begin);
    if (size > 0) memcpy(to + begin, kh_place_bytes(&value).data, size);
  }
}

khonsu_status kh_cast_bytes(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  int64_t bits = cast->fields[field].layout.element_size_bits[1], count;
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  if (kh_place_field(from)->layout.buffer_type[1] == NANOARROW_BUFFER_TYPE_DATA_OFFSET)
    return widen_offsets(cast, from, length, field);
  if (__builtin_add_overflow(length, 1, &count)) return kh_cast_no_memory(cast);
  void *offsets = kh_cast_buffer(cast, field, 1, count, bits / 8);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  int64_t total = set_offsets(cast, from, length, field, offsets);
  if (total < 0) return too_much_text(cast, field);
  uint8_t *bytes = kh_cast_buffer(cast, field, 2, total, 1);
  if (bytes == NULL) return KHONSU_NO_MEMORY;
  copy_bytes(&cast->result->nodes[field], bits, from, length, bytes);
  return KHONSU_OK;
}
