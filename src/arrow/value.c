#include "value.h"

kh_kind kh_field_kind(const kh_field *field) {
  if (field->has_dictionary) return KH_KIND_DICTIONARY;
  switch (field->storage) {
    case NANOARROW_TYPE_NA: return KH_KIND_NULL;
    case NANOARROW_TYPE_BOOL: return KH_KIND_BOOL;
    case NANOARROW_TYPE_UINT8:
    case NANOARROW_TYPE_UINT16:
    case NANOARROW_TYPE_UINT32:
    case NANOARROW_TYPE_UINT64: return KH_KIND_UINT;
    case NANOARROW_TYPE_HALF_FLOAT:
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE: return KH_KIND_FLOAT;
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256: return KH_KIND_DECIMAL;
    case NANOARROW_TYPE_INTERVAL_DAY_TIME:
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO: return KH_KIND_INTERVAL;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW:
    case NANOARROW_TYPE_FIXED_SIZE_BINARY: return KH_KIND_BYTES;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
    case NANOARROW_TYPE_MAP: return KH_KIND_LIST;
    case NANOARROW_TYPE_STRUCT: return KH_KIND_STRUCT;
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: return KH_KIND_UNION;
    case NANOARROW_TYPE_RUN_END_ENCODED: return KH_KIND_RUNS;
    default: return KH_KIND_INT;
  }
}

/* ---- encodings */

int64_t kh_run_find(const kh_field *fields, const kh_chunk *chunk, uint32_t field, int64_t at) {
  int64_t low = 0, high = chunk->nodes[fields[field].first].length;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (kh_run_end(chunk, field, middle) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

bool kh_place_resolve(kh_place *place) {
  for (;;) {
    const kh_field *field = kh_place_field(place);
    const struct ArrowArray *node = kh_place_node(place);
    const uint8_t *validity = kh_node_validity(field, node);
    if (validity != NULL && !kh_bit_get(validity, place->at)) return false;
    if (field->has_dictionary) {
      int64_t index = kh_int_get(field->storage, node->buffers[1], place->at);
      *place = kh_place_child(place, kh_field_dictionary(field), index);
    } else if (field->storage == NANOARROW_TYPE_RUN_END_ENCODED) {
      int64_t run = kh_run_find(place->chunk->schema->fields, place->chunk, place->field, place->at);
      *place = kh_place_child(place, field->first + 1, run);
    } else {
      return field->storage != NANOARROW_TYPE_NA;
    }
  }
}

/* ---- values without children */

double kh_half_to_double(uint16_t half) { return (double)ArrowHalfFloatToFloat(half); }

double kh_place_float(const kh_place *place) {
  const void *buffer = kh_place_node(place)->buffers[1];
  const uint8_t *bytes = buffer; /* these need not be aligned */
  double wide;
  float narrow;
  uint16_t half;
  switch (kh_place_field(place)->storage) {
    case NANOARROW_TYPE_DOUBLE: memcpy(&wide, bytes + place->at * 8, sizeof wide); return wide;
    case NANOARROW_TYPE_FLOAT: memcpy(&narrow, bytes + place->at * 4, sizeof narrow); return (double)narrow;
    default: memcpy(&half, bytes + place->at * 2, sizeof half); return kh_half_to_double(half);
  }
}

static khonsu_slice view_bytes(const struct ArrowArray *node, int64_t at) {
  const union ArrowBinaryView *view = (const union ArrowBinaryView *)node->buffers[1] + at;
  size_t size = (size_t)view->inlined.size;
  if (size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) return kh_slice(view->inlined.data, size);
  return kh_slice((const uint8_t *)node->buffers[2 + view->ref.buffer_index] + view->ref.offset, size);
}

khonsu_slice kh_place_bytes(const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  const struct ArrowArray *node = kh_place_node(place);
  if (kh_field_is_view(field)) return view_bytes(node, place->at);
  int64_t bits = field->layout.element_size_bits[1];
  if (field->storage == NANOARROW_TYPE_FIXED_SIZE_BINARY)
    return kh_slice((const uint8_t *)node->buffers[1] + place->at * (bits / 8), (size_t)bits / 8);
  int64_t begin = kh_offset_get(node->buffers[1], bits, place->at);
  return kh_slice((const uint8_t *)node->buffers[2] + begin,
                  (size_t)(kh_offset_get(node->buffers[1], bits, place->at + 1) - begin));
}

void kh_place_decimal(const kh_place *place, uint64_t limbs[4]) {
  size_t width = (size_t)kh_place_field(place)->layout.element_size_bits[1] / 8;
  const uint8_t *bytes = (const uint8_t *)kh_place_node(place)->buffers[1] + (size_t)place->at * width;
  memset(limbs, (bytes[width - 1] & 0x80) != 0 ? 0xff : 0, 4 * sizeof *limbs);
  memcpy(limbs, bytes, width);
}

void kh_place_interval(const kh_place *place, int64_t parts[3]) {
  int32_t words[2];
  const uint8_t *bytes = kh_place_node(place)->buffers[1];
  if (kh_place_field(place)->storage == NANOARROW_TYPE_INTERVAL_DAY_TIME) {
    memcpy(words, bytes + place->at * 8, sizeof words);
    parts[0] = 0;
    parts[1] = words[0];
    parts[2] = words[1];
    return;
  }
  memcpy(words, bytes + place->at * 16, sizeof words);
  memcpy(&parts[2], bytes + place->at * 16 + 8, sizeof parts[2]);
  parts[0] = words[0];
  parts[1] = words[1];
}

/* ---- values with children */

kh_range kh_place_items(const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  const struct ArrowArray *node = kh_place_node(place);
  int64_t bits = field->layout.element_size_bits[1], base = place->chunk->nodes[field->first].offset, begin;
  switch (field->storage) {
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
      begin = place->at * field->layout.child_size_elements;
      return (kh_range){base + begin, field->layout.child_size_elements};
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
      begin = kh_offset_get(node->buffers[1], bits, place->at);
      return (kh_range){base + begin, kh_offset_get(node->buffers[2], bits, place->at)};
    default:
      begin = kh_offset_get(node->buffers[1], bits, place->at);
      return (kh_range){base + begin, kh_offset_get(node->buffers[1], bits, place->at + 1) - begin};
  }
}

kh_place kh_place_union(const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  uint32_t child = kh_field_union_child(field, kh_place_type_id(place));
  bool is_dense = field->storage == NANOARROW_TYPE_DENSE_UNION;
  int64_t index = is_dense ? ((const int32_t *)kh_place_node(place)->buffers[1])[place->at] : place->at;
  return kh_place_child(place, child, index);
}
