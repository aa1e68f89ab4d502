/* chunk_check_nested: offsets, children, runs, dictionary indices. Loops look at all values first, in a way that
 * compilers make wide instructions of; only if something is wrong they are gone through again for the row. */
#include "chunk_check.h"
#include "numbers.h"

/* ---- offsets */

/* The sign bit of what is gathered tells: of numbers that are not negative a difference does not overflow, and one that
 * is negative shows by itself. */
static bool falls_32(const int32_t *offsets, int64_t count) {
  uint32_t seen = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t next = (uint32_t)offsets[i + 1];
    seen |= next | (next - (uint32_t)offsets[i]);
  }
  return seen >> 31 != 0;
}

static bool falls_64(const int64_t *offsets, int64_t count) {
  uint64_t seen = 0;
  for (int64_t i = 0; i < count; i++) {
    uint64_t next = (uint64_t)offsets[i + 1];
    seen |= next | (next - (uint64_t)offsets[i]);
  }
  return seen >> 63 != 0;
}

static khonsu_status find_fall(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t bits = check->fields[index].layout.element_size_bits[1], i = node->offset;
  while (kh_offset_get(node->buffers[1], bits, i + 1) >= kh_offset_get(node->buffers[1], bits, i)) i++;
  return KH_INVALID_AT(check, index, i, "offsets fall from %" PRId64 " to %" PRId64,
                       kh_offset_get(node->buffers[1], bits, i), kh_offset_get(node->buffers[1], bits, i + 1));
}

khonsu_status kh_check_offsets(const kh_check *check, uint32_t index, int64_t most, const char *what) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t bits = check->fields[index].layout.element_size_bits[1];
  const void *offsets = node->buffers[1];
  if (kh_node_end(node) == 0) return KHONSU_OK;
  if (kh_offset_get(offsets, bits, node->offset) < 0)
    return KH_INVALID_AT(check, index, node->offset, "the offset is %" PRId64,
                         kh_offset_get(offsets, bits, node->offset));
  bool falls = bits == 64 ? falls_64((const int64_t *)offsets + node->offset, node->length)
                          : falls_32((const int32_t *)offsets + node->offset, node->length);
  if (falls) return find_fall(check, index);
  int64_t last = kh_offset_get(offsets, bits, kh_node_end(node));
  if (last <= most) return KHONSU_OK;
  return KH_INVALID_AT(check, index, kh_node_end(node) - 1, "%s up to %" PRId64 ", but there are %" PRId64, what, last,
                       most);
}

/* ---- children */

khonsu_status kh_check_list(const kh_check *check, uint32_t index) {
  return kh_check_offsets(check, index, check->chunk->nodes[check->fields[index].first].length, "items");
}

khonsu_status kh_check_list_view(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  int64_t items = check->chunk->nodes[field->first].length, bits = field->layout.element_size_bits[1];
  for (int64_t i = node->offset; i < kh_node_end(node); i++) {
    int64_t offset = kh_offset_get(node->buffers[1], bits, i), size = kh_offset_get(node->buffers[2], bits, i);
    if (offset < 0 || size < 0 || offset > items || size > items - offset)
      return KH_INVALID_AT(check, index, i, "%" PRId64 " items from %" PRId64 " on, of %" PRId64, size, offset, items);
  }
  return KHONSU_OK;
}

/* Children of which each of the parent's values has its own, or as many as the list's size. The product was checked. */
khonsu_status kh_check_fixed_list(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  int64_t needed = kh_node_end(&check->chunk->nodes[index]);
  if (field->storage == NANOARROW_TYPE_FIXED_SIZE_LIST) needed *= field->layout.child_size_elements;
  for (uint32_t child = field->first; child < kh_field_dictionary(field); child++)
    if (check->chunk->nodes[child].length < needed)
      return KH_INVALID(check, child, "%" PRId64 " values, but its parent needs %" PRId64,
                        check->chunk->nodes[child].length, needed);
  return KHONSU_OK;
}

/* ---- unions */

khonsu_status kh_check_union(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const int8_t *types = node->buffers[0];
  const int32_t *offsets = field->storage == NANOARROW_TYPE_DENSE_UNION ? node->buffers[1] : NULL;
  for (int64_t i = node->offset; i < kh_node_end(node); i++) {
    if (types[i] < 0 || field->union_children[types[i]] < 0)
      return KH_INVALID_AT(check, index, i, "type id %d is none of the union's", types[i]);
    if (offsets == NULL) continue;
    int64_t length = check->chunk->nodes[kh_field_union_child(field, types[i])].length;
    if (offsets[i] < 0 || offsets[i] >= length)
      return KH_INVALID_AT(check, index, i, "offset %" PRId32 " into a child of length %" PRId64, offsets[i], length);
  }
  return offsets == NULL ? kh_check_fixed_list(check, index) : KHONSU_OK;
}

/* ---- runs */

static khonsu_status check_run_ends(const kh_check *check, uint32_t ends) {
  const struct ArrowArray *node = &check->chunk->nodes[ends];
  enum ArrowType type = check->fields[ends].storage;
  int64_t before = 0;
  for (int64_t i = node->offset; i < kh_node_end(node); i++) {
    int64_t end = kh_int_get(type, node->buffers[1], i);
    if (end <= before)
      return KH_INVALID_AT(check, ends, i, "a run ends at %" PRId64 " after one that ends at %" PRId64, end, before);
    before = end;
  }
  return KHONSU_OK;
}

khonsu_status kh_check_runs(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  uint32_t ends = check->fields[index].first, values = ends + 1;
  const struct ArrowArray *runs = &check->chunk->nodes[ends];
  if (runs->null_count != 0) return KH_INVALID(check, ends, "%" PRId64 " run ends are null", runs->null_count);
  if (runs->length > check->chunk->nodes[values].length)
    return KH_INVALID(check, index, "%" PRId64 " runs of %" PRId64 " values", runs->length,
                      check->chunk->nodes[values].length);
  khonsu_status status = check_run_ends(check, ends);
  if (status != KHONSU_OK || kh_node_end(node) == 0) return status;
  if (runs->length == 0) return KH_INVALID(check, index, "no runs for %" PRId64 " values", kh_node_end(node));
  int64_t last = kh_int_get(check->fields[ends].storage, runs->buffers[1], kh_node_end(runs) - 1);
  if (last >= kh_node_end(node)) return KHONSU_OK;
  return KH_INVALID(check, index, "the last run ends at %" PRId64 " of %" PRId64 " values", last, kh_node_end(node));
}

/* ---- dictionary indices: as unsigned numbers, of which those that are negative are too large */

#define ANY_BEYOND(type)                                                                                               \
  static bool any_beyond_##type(const type *indices, int64_t count, uint64_t limit) {                                  \
    bool any = false;                                                                                                  \
    for (int64_t i = 0; i < count; i++) any |= indices[i] >= limit;                                                    \
    return any;                                                                                                        \
  }

ANY_BEYOND(uint8_t)
ANY_BEYOND(uint16_t)
ANY_BEYOND(uint32_t)
ANY_BEYOND(uint64_t)

static bool any_beyond(const void *indices, int64_t bits, int64_t start, int64_t count, uint64_t limit) {
  switch (bits) {
    case 8: return any_beyond_uint8_t((const uint8_t *)indices + start, count, limit);
    case 16: return any_beyond_uint16_t((const uint16_t *)indices + start, count, limit);
    case 32: return any_beyond_uint32_t((const uint32_t *)indices + start, count, limit);
    default: return any_beyond_uint64_t((const uint64_t *)indices + start, count, limit);
  }
}

khonsu_status kh_check_dictionary(const kh_check *check, uint32_t index) {
  const kh_field *field = &check->fields[index];
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const uint8_t *validity = kh_node_validity(node);
  int64_t bits = field->layout.element_size_bits[1], length = check->chunk->nodes[kh_field_dictionary(field)].length;
  int64_t most = kh_int_max(field->storage); /* half of what the bits can hold, if there is a sign */
  uint64_t limit = most < length ? (uint64_t)most + 1 : (uint64_t)length;
  if (node->length == 0 || !any_beyond(node->buffers[1], bits, node->offset, node->length, limit)) return KHONSU_OK;
  for (int64_t i = node->offset; i < kh_node_end(node); i++)
    if (!kh_is_null(validity, i) && any_beyond(node->buffers[1], bits, i, 1, limit))
      return KH_INVALID_AT(check, index, i, "index %" PRId64 " into a dictionary of %" PRId64,
                           kh_int_get(field->storage, node->buffers[1], i), length);
  return KHONSU_OK;
}
