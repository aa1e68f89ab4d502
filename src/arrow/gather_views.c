/* gather_views: utf8_view, binary_view. The texts of the chosen views come into one buffer, as long as they are not more
 * than what the source's buffers hold; else these are copied as they are. */
#include "gather.h"

/* Views under a null may hold anything: they become empty. Returns the bytes that do not stand in the views. */
static uint64_t pick_views(union ArrowBinaryView *to, const kh_field *shape, const struct ArrowArray *node,
                           const kh_pick *pick) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    const uint8_t *validity = range.start < 0 ? NULL : kh_node_validity(shape, node);
    for (int64_t k = 0; k < range.length; k++, to++) {
      bool is_null = range.start < 0 || (validity != NULL && !kh_bit_get(validity, range.start + k));
      if (is_null) memset(to, 0, sizeof *to);
      else memcpy(to, (const union ArrowBinaryView *)node->buffers[1] + range.start + k, sizeof *to);
      /* less than 2^31 bytes for each of less than 2^33 views, or memory runs out first */
      if (to->inlined.size > NANOARROW_BINARY_VIEW_INLINE_SIZE) bytes += (uint64_t)to->inlined.size;
    }
  }
  return bytes;
}

static uint64_t variadic_bytes(const struct ArrowArray *node) {
  uint64_t bytes = 0;
  for (int64_t i = 0; node != NULL && i < kh_node_variadic_count(node); i++)
    bytes += (uint64_t)kh_node_variadic_sizes(node)[i];
  return bytes;
}

/* A table of buffers with room for `variadic` texts, in the place of the one that there is. */
static khonsu_status make_tables(const kh_gather *gather, uint32_t field, int64_t variadic, int64_t **sizes) {
  struct ArrowArray *node = &gather->result->nodes[field];
  const void **buffers = kh_arena_take_array(&gather->result->arena, (size_t)variadic + 3, sizeof *buffers);
  *sizes = kh_arena_take_array(&gather->result->arena, (size_t)variadic, sizeof **sizes);
  if (buffers == NULL || *sizes == NULL) return kh_gather_no_memory(gather);
  buffers[0] = node->buffers[0];
  buffers[1] = node->buffers[1];
  buffers[variadic + 2] = *sizes;
  node->buffers = buffers;
  node->n_buffers = variadic + 3;
  return KHONSU_OK;
}

static khonsu_status copy_buffers(const kh_gather *gather, uint32_t field, const struct ArrowArray *from) {
  int64_t variadic = kh_node_variadic_count(from), *sizes;
  khonsu_status status = make_tables(gather, field, variadic, &sizes);
  for (int64_t i = 0; i < variadic && status == KHONSU_OK; i++) {
    sizes[i] = kh_node_variadic_sizes(from)[i];
    void *copy = kh_gather_buffer(gather, field, 2 + (uint32_t)i, sizes[i], 1);
    if (copy == NULL) return KHONSU_NO_MEMORY;
    if (sizes[i] > 0) memcpy(copy, from->buffers[2 + i], (size_t)sizes[i]);
  }
  return status;
}

static khonsu_status compact(const kh_gather *gather, uint32_t field, const struct ArrowArray *from,
                             union ArrowBinaryView *views, int64_t count, uint64_t bytes) {
  int64_t *sizes, done = 0;
  khonsu_status status = make_tables(gather, field, bytes > 0, &sizes);
  if (status != KHONSU_OK || bytes == 0) return status;
  uint8_t *to = kh_gather_buffer(gather, field, 2, (int64_t)bytes, 1);
  if (to == NULL) return KHONSU_NO_MEMORY;
  sizes[0] = (int64_t)bytes;
  for (int64_t i = 0; i < count; i++) {
    int32_t size = views[i].inlined.size;
    if (size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) continue;
    memcpy(to + done, (const uint8_t *)from->buffers[2 + views[i].ref.buffer_index] + views[i].ref.offset,
           (size_t)size);
    views[i].ref.buffer_index = 0;
    views[i].ref.offset = (int32_t)done;
    done += size;
  }
  return KHONSU_OK;
}

khonsu_status kh_gather_views(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const struct ArrowArray *from = gather->source == NULL ? NULL : &gather->source->nodes[field];
  union ArrowBinaryView *views = kh_gather_buffer(gather, field, 1, pick->length, sizeof *views);
  if (views == NULL) return KHONSU_NO_MEMORY;
  uint64_t bytes = pick_views(views, &gather->fields[field], from, pick);
  bool is_small = bytes <= INT32_MAX && bytes <= variadic_bytes(from);
  return is_small ? compact(gather, field, from, views, pick->length, bytes) : copy_buffers(gather, field, from);
}
