/* gather_list: layouts whose values are runs of items in one child. */
#include "gather.h"

static khonsu_status too_many_items(const kh_gather *gather, uint32_t field) {
  bool is_large = gather->fields[field].layout.element_size_bits[1] == 64;
  return kh_field_fail(gather->fields, field, gather->error, KHONSU_VALUE_TOO_LARGE,
                       "the chosen rows have more items than its offsets can hold; choose fewer rows at once%s",
                       is_large ? "" : ", or cast the column to large_list");
}

/* Picks the ranges of the child `field`, and frees them. */
static khonsu_status pick_items(const kh_gather *gather, uint32_t field, kh_ranges *items) {
  kh_pick pick = kh_ranges_pick(items, gather, field);
  khonsu_status status = kh_gather_field(gather, field, &pick);
  kh_free(items->all);
  return status;
}

/* ---- fixed-size list: `size` items for each value, also for null ones */

khonsu_status kh_gather_fixed_list(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  int64_t size = shape->layout.child_size_elements, length;
  kh_ranges items;
  if (!kh_ranges_init(&items, kh_pick_count(pick))) return kh_gather_no_memory(gather);
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    bool fits = !__builtin_mul_overflow(range.length, size, &length);
    if (fits && kh_ranges_add(&items, range.start < 0 ? -1 : range.start * size, length)) continue;
    kh_free(items.all);
    return kh_field_fail(gather->fields, field, gather->error, KHONSU_VALUE_TOO_LARGE,
                         "the chosen rows have more than 2^63 items; choose fewer rows at once");
  }
  return pick_items(gather, shape->first, &items);
}

/* ---- list, map, large list: the items of value i are those from offset i to offset i + 1 */

/* False: more items than offsets can hold. */
static bool pick_offsets(void *to, int64_t bits, const struct ArrowArray *node, const kh_pick *pick, kh_ranges *items) {
  int64_t row = 0;
  kh_offset_set(to, bits, 0, 0);
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    int64_t begin = range.start < 0 ? 0 : kh_offset_get(node->buffers[1], bits, range.start), done = items->total;
    int64_t end = range.start < 0 ? 0 : kh_offset_get(node->buffers[1], bits, range.start + range.length);
    if (!kh_ranges_add(items, begin, end - begin) || items->total > kh_offset_max(bits)) return false;
    for (int64_t k = 1; k <= range.length; k++) {
      int64_t offset = range.start < 0 ? 0 : kh_offset_get(node->buffers[1], bits, range.start + k);
      kh_offset_set(to, bits, ++row, offset - begin + done);
    }
  }
  return true;
}

khonsu_status kh_gather_list(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  int64_t bits = shape->layout.element_size_bits[1], count;
  if (__builtin_add_overflow(pick->length, 1, &count)) return kh_gather_no_memory(gather);
  void *offsets = kh_gather_buffer(gather, field, 1, count, bits / 8);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  kh_ranges items;
  if (!kh_ranges_init(&items, kh_pick_count(pick))) return kh_gather_no_memory(gather);
  const struct ArrowArray *node = gather->source == NULL ? NULL : &gather->source->nodes[field];
  if (pick_offsets(offsets, bits, node, pick, &items)) return pick_items(gather, shape->first, &items);
  kh_free(items.all);
  return too_many_items(gather, field);
}

/* ---- list views: offset and size for each value, in any order, overlapping or with gaps */

typedef struct views {
  int64_t bits;
  void *offsets, *sizes; /* of the result; at first the offsets are the source's */
  int64_t count, first, end;
  bool in_order; /* no item comes twice, nor before one that comes earlier in the child */
} views;

static void note_view(views *made, int64_t offset, int64_t size) {
  kh_offset_set(made->offsets, made->bits, made->count, size == 0 ? 0 : offset);
  kh_offset_set(made->sizes, made->bits, made->count++, size);
  if (size == 0) return;
  if (offset < made->end) made->in_order = false;
  if (offset < made->first) made->first = offset;
  if (offset + size > made->end) made->end = offset + size;
}

static void note_views(views *made, const kh_field *shape, const struct ArrowArray *node, const kh_pick *pick) {
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    const uint8_t *validity = range.start < 0 ? NULL : kh_node_validity(shape, node);
    for (int64_t k = 0; k < range.length; k++) {
      bool is_null = range.start < 0 || (validity != NULL && !kh_bit_get(validity, range.start + k));
      if (is_null) note_view(made, 0, 0);
      else
        note_view(made, kh_offset_get(node->buffers[1], made->bits, range.start + k),
                  kh_offset_get(node->buffers[2], made->bits, range.start + k));
    }
  }
}

/* In order: each value's items, side by side. Else all from the first to the last item that is referred to. What
 * offsets become is not more than they were. */
static bool settle_views(views *made, kh_ranges *items) {
  if (!kh_ranges_init(items, made->in_order ? (size_t)made->count : 1)) return false;
  bool fits = made->in_order || kh_ranges_add(items, made->first, made->end - made->first);
  for (int64_t i = 0; i < made->count; i++) {
    int64_t offset = kh_offset_get(made->offsets, made->bits, i), size = kh_offset_get(made->sizes, made->bits, i);
    if (size == 0) continue;
    kh_offset_set(made->offsets, made->bits, i, made->in_order ? items->total : offset - made->first);
    if (made->in_order) fits = fits && kh_ranges_add(items, offset, size);
  }
  KH_ASSERT(fits); /* they are items of one child, each once */
  return true;
}

khonsu_status kh_gather_list_view(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  views made = {.bits = shape->layout.element_size_bits[1], .first = INT64_MAX, .in_order = true};
  made.offsets = kh_gather_buffer(gather, field, 1, pick->length, made.bits / 8);
  made.sizes = kh_gather_buffer(gather, field, 2, pick->length, made.bits / 8);
  if (made.offsets == NULL || made.sizes == NULL) return KHONSU_NO_MEMORY;
  kh_ranges items;
  note_views(&made, shape, gather->source == NULL ? NULL : &gather->source->nodes[field], pick);
  if (!settle_views(&made, &items)) return kh_gather_no_memory(gather);
  return pick_items(gather, shape->first, &items);
}
