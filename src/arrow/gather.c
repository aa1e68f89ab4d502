#include "gather.h"

/* ---- validity */

static int64_t copy_places(uint8_t *bits, const uint8_t *validity, const kh_pick *pick) {
  int64_t valid = 0;
  for (int64_t i = 0; i < pick->length; i += 8) {
    unsigned byte = 0;
    int64_t step = pick->length - i < 8 ? pick->length - i : 8;
    for (int64_t k = 0; k < step; k++) {
      int64_t place = pick->places[i + k];
      bool is_valid = place >= 0 && (validity == NULL || kh_bit_get(validity, pick->base + place));
      byte |= (unsigned)is_valid << k;
    }
    bits[i >> 3] = (uint8_t)byte;
    valid += __builtin_popcount(byte);
  }
  return valid;
}

static int64_t copy_ranges(uint8_t *bits, const uint8_t *validity, const kh_pick *pick) {
  int64_t done = 0;
  memset(bits, 0, (size_t)kh_bits_bytes(pick->length));
  for (size_t i = 0; i < pick->range_count; i++) {
    kh_range range = kh_pick_range(pick, i);
    if (range.start >= 0 && validity == NULL) kh_bits_set(bits, done, range.length);
    else if (range.start >= 0) kh_bits_copy(bits, done, validity, range.start, range.length);
    done += range.length;
  }
  return kh_bits_count(bits, 0, pick->length);
}

/* The bitmap is left out where nothing is null. */
khonsu_status kh_gather_validity(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  struct ArrowArray *node = &gather->result->nodes[field];
  const uint8_t *validity = NULL;
  if (gather->source != NULL) validity = kh_node_validity(&gather->fields[field], &gather->source->nodes[field]);
  node->buffers[0] = NULL;
  node->null_count = 0;
  if (validity == NULL && !pick->has_nulls) return KHONSU_OK;
  uint8_t *bits = kh_gather_buffer(gather, field, 0, kh_bits_bytes(pick->length), 1);
  if (bits == NULL) return KHONSU_NO_MEMORY;
  int64_t valid = pick->places != NULL ? copy_places(bits, validity, pick) : copy_ranges(bits, validity, pick);
  node->null_count = pick->length - valid;
  if (node->null_count == 0) node->buffers[0] = NULL;
  return KHONSU_OK;
}

khonsu_status kh_gather_begin(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  struct ArrowArray *node = &gather->result->nodes[field];
  kh_node_begin(shape, node, pick->length);
  if (shape->storage == NANOARROW_TYPE_NA) node->null_count = node->length;
  if (shape->layout.buffer_type[0] != NANOARROW_BUFFER_TYPE_VALIDITY) return KHONSU_OK;
  return kh_gather_validity(gather, field, pick);
}

void *kh_gather_buffer(const kh_gather *gather, uint32_t field, uint32_t index, int64_t count, int64_t size) {
  void *buffer = kh_arena_take_array(&gather->result->arena, (size_t)count, (size_t)size);
  if (buffer == NULL) (void)kh_gather_no_memory(gather);
  gather->result->nodes[field].buffers[index] = buffer;
  return buffer;
}

/* ---- structs: children at the same places */

khonsu_status kh_gather_struct(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  khonsu_status status = KHONSU_OK;
  for (uint32_t child = shape->first; child < kh_field_dictionary(shape) && status == KHONSU_OK; child++) {
    kh_pick of_child = *pick;
    if (gather->source != NULL) of_child.base += gather->source->nodes[child].offset;
    status = kh_gather_field(gather, child, &of_child);
  }
  return status;
}

/* ---- which layout */

static kh_gather_family *family_of(const kh_field *field) {
  switch (kh_field_kind(field)) {
    case KH_KIND_NULL: return NULL;
    case KH_KIND_DICTIONARY: return kh_gather_dictionary;
    case KH_KIND_RUNS: return kh_gather_runs;
    case KH_KIND_STRUCT: return kh_gather_struct;
    case KH_KIND_UNION:
      return field->storage == NANOARROW_TYPE_DENSE_UNION ? kh_gather_dense_union : kh_gather_sparse_union;
    case KH_KIND_LIST:
      if (field->storage == NANOARROW_TYPE_FIXED_SIZE_LIST) return kh_gather_fixed_list;
      return field->layout.buffer_type[2] == NANOARROW_BUFFER_TYPE_SIZE ? kh_gather_list_view : kh_gather_list;
    case KH_KIND_BYTES:
      if (field->storage == NANOARROW_TYPE_FIXED_SIZE_BINARY) return kh_gather_fixed;
      return kh_field_is_view(field) ? kh_gather_views : kh_gather_text;
    default: return kh_gather_fixed;
  }
}

/* Recursion is as deep as the schema, which is limited. */
khonsu_status kh_gather_field(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  kh_gather_family *family = family_of(&gather->fields[field]);
  khonsu_status status = kh_gather_begin(gather, field, pick);
  if (status != KHONSU_OK || family == NULL) return status;
  return family(gather, field, pick);
}
