/* cast_nested: lists, unions, and encodings that stay encodings. */
#include "cast.h"

static khonsu_status cast_items(kh_cast *cast, const kh_chunk *chunk, uint32_t source, int64_t first, int64_t length,
                                uint32_t field) {
  kh_place items = {chunk, source, chunk->nodes[source].offset + first};
  return kh_cast_field(cast, &items, length, field);
}

/* ---- offsets: of lists, of fixed sizes, of views */

static khonsu_status too_many_items(const kh_cast *cast, uint32_t field) {
  return kh_field_fail(cast->fields, field, cast->error, KHONSU_VALUE_TOO_LARGE,
                       "it has more items than the 32-bit offsets of list can hold; cast to large_list, or fewer rows "
                       "at once");
}

static khonsu_status from_offsets(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field, void *offsets) {
  const kh_field *source = kh_place_field(from);
  const void *buffer = kh_place_node(from)->buffers[1];
  int64_t from_bits = source->layout.element_size_bits[1], bits = cast->fields[field].layout.element_size_bits[1];
  int64_t first = length == 0 ? 0 : kh_offset_get(buffer, from_bits, from->at), offset = first;
  for (int64_t i = 1; i <= length; i++) {
    offset = kh_offset_get(buffer, from_bits, from->at + i);
    kh_offset_set(offsets, bits, i, offset - first);
  }
  return cast_items(cast, from->chunk, source->first, first, offset - first, cast->fields[field].first);
}

static khonsu_status from_fixed_size(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field,
                                     void *offsets) {
  const kh_field *source = kh_place_field(from);
  int64_t bits = cast->fields[field].layout.element_size_bits[1], size = source->layout.child_size_elements, total;
  if (__builtin_mul_overflow(length, size, &total) || total > kh_offset_max(bits)) return too_many_items(cast, field);
  for (int64_t i = 1; i <= length; i++) kh_offset_set(offsets, bits, i, i * size);
  return cast_items(cast, from->chunk, source->first, from->at * size, total, cast->fields[field].first);
}

/* False: more items than offsets can hold. */
static bool note_items(const kh_place *from, int64_t length, int64_t bits, void *offsets, kh_ranges *items) {
  const struct ArrowArray *node = kh_place_node(from);
  const uint8_t *validity = kh_node_validity(kh_place_field(from), node);
  int64_t from_bits = kh_place_field(from)->layout.element_size_bits[1];
  for (int64_t i = 0; i < length; i++) {
    int64_t at = from->at + i;
    bool is_null = validity != NULL && !kh_bit_get(validity, at);
    int64_t size = is_null ? 0 : kh_offset_get(node->buffers[2], from_bits, at);
    if (!kh_ranges_add(items, kh_offset_get(node->buffers[1], from_bits, at), size)) return false;
    if (items->total > kh_offset_max(bits)) return false;
    kh_offset_set(offsets, bits, i + 1, items->total);
  }
  return true;
}

/* Items in the order of the values, as often as values refer to them. */
static khonsu_status from_views(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field, void *offsets) {
  uint32_t child = kh_place_field(from)->first;
  int64_t bits = cast->fields[field].layout.element_size_bits[1];
  kh_ranges items;
  if (!kh_ranges_init(&items, (size_t)length)) return kh_cast_no_memory(cast);
  khonsu_status status = KHONSU_OK;
  kh_chunk *gathered = NULL;
  if (!note_items(from, length, bits, offsets, &items)) status = too_many_items(cast, field);
  if (status == KHONSU_OK) {
    kh_pick pick = {items.total, from->chunk->nodes[child].offset, NULL, items.all, items.count, false};
    status = kh_cast_gather(cast, from->chunk, child, &pick, &gathered);
  }
  bool shares = cast->shares; /* what is gathered is the result's own */
  if (status == KHONSU_OK)
    status = kh_cast_field(cast, &(kh_place){gathered, child, 0}, items.total, cast->fields[field].first);
  cast->shares = shares;
  kh_chunk_unref(gathered);
  kh_free(items.all);
  return status;
}

/* ---- lists */

/* Views and fixed sizes that stay such. */
static khonsu_status same_lists(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from);
  const struct ArrowArray *node = kh_place_node(from);
  uint32_t child = cast->fields[field].first;
  int64_t size = source->layout.child_size_elements, width = source->layout.element_size_bits[1] / 8;
  if (source->storage == NANOARROW_TYPE_FIXED_SIZE_LIST)
    return cast_items(cast, from->chunk, source->first, from->at * size, length * size, child);
  for (uint32_t buffer = 1; buffer <= 2; buffer++)
    cast->result->nodes[field].buffers[buffer] =
        length == 0 ? (const void *)kh_no_bytes : (const uint8_t *)node->buffers[buffer] + from->at * width;
  cast->shares = true;
  return cast_items(cast, from->chunk, source->first, 0, from->chunk->nodes[source->first].length, child);
}

khonsu_status kh_cast_list(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  bool has_offsets = target->layout.buffer_type[1] == NANOARROW_BUFFER_TYPE_DATA_OFFSET;
  if (!has_offsets) return same_lists(cast, from, length, field);
  int64_t bits = target->layout.element_size_bits[1], count;
  if (__builtin_add_overflow(length, 1, &count)) return kh_cast_no_memory(cast);
  void *offsets = kh_cast_buffer(cast, field, 1, count, bits / 8);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  kh_offset_set(offsets, bits, 0, 0);
  if (source->storage == NANOARROW_TYPE_FIXED_SIZE_LIST) return from_fixed_size(cast, from, length, field, offsets);
  if (source->layout.buffer_type[2] == NANOARROW_BUFFER_TYPE_SIZE)
    return from_views(cast, from, length, field, offsets);
  return from_offsets(cast, from, length, field, offsets);
}

/* ---- unions: which field it is stays; where in it, too */

khonsu_status kh_cast_union(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  const struct ArrowArray *node = kh_place_node(from);
  bool is_dense = source->storage == NANOARROW_TYPE_DENSE_UNION;
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  const void **buffers = cast->result->nodes[field].buffers;
  cast->shares = true;
  buffers[0] = length == 0 ? (const void *)kh_no_bytes : (const int8_t *)node->buffers[0] + from->at;
  if (is_dense) buffers[1] = length == 0 ? (const void *)kh_no_bytes : (const int32_t *)node->buffers[1] + from->at;
  for (uint32_t child = 0; child < source->arrow.n_children && status == KHONSU_OK; child++) {
    int64_t all = from->chunk->nodes[source->first + child].length;
    status = cast_items(cast, from->chunk, source->first + child, is_dense ? 0 : from->at, is_dense ? all : length,
                        target->first + child);
  }
  return status;
}

/* ---- dictionaries: what stands under nulls may be anything, and becomes 0 */

khonsu_status kh_cast_dictionary(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  const struct ArrowArray *node = kh_place_node(from);
  const uint8_t *validity = kh_node_validity(source, node);
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  void *to = kh_cast_buffer(cast, field, 1, length, target->layout.element_size_bits[1] / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (int64_t i = 0; i < length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, from->at + i);
    kh_int_set(target->storage, to, i, is_null ? 0 : kh_int_get(source->storage, node->buffers[1], from->at + i));
  }
  uint32_t dictionary = kh_field_dictionary(source);
  return cast_items(cast, from->chunk, dictionary, 0, from->chunk->nodes[dictionary].length,
                    kh_field_dictionary(target));
}

/* ---- runs */

khonsu_status kh_cast_runs(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  const kh_field *fields = from->chunk->schema->fields;
  int64_t first = 0, runs = 0;
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  if (length > 0) {
    first = kh_run_find(fields, from->chunk, from->field, from->at);
    runs = kh_run_find(fields, from->chunk, from->field, from->at + length - 1) - first + 1;
  }
  kh_place ends = kh_place_child(from, source->first, first);
  status = kh_cast_begin(cast, &ends, runs, target->first);
  if (status != KHONSU_OK) return status;
  enum ArrowType type = cast->fields[target->first].storage;
  void *to = kh_cast_buffer(cast, target->first, 1, runs, cast->fields[target->first].layout.element_size_bits[1] / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (int64_t run = 0; run < runs; run++) {
    int64_t end = kh_run_end(from->chunk, from->field, first + run) - from->at;
    kh_int_set(type, to, run, end < length ? end : length);
  }
  return cast_items(cast, from->chunk, source->first + 1, first, runs, target->first + 1);
}
