/* ipc_gather_nested: layouts whose values may lie anywhere in a child or in text. The stretch that the piece refers to
 * is found first, and only that is written; where it does not begin at 0, offsets are made anew. */
#include "bits.h"
#include "ipc_gather.h"
#include "numbers.h"

typedef struct stretch {
  int64_t begin, end; /* end == 0: nothing is referred to */
  int32_t number;     /* of a buffer: the one that it is written as */
} stretch;

static void stretch_add(stretch *of, int64_t begin, int64_t end) {
  if (begin < of->begin) of->begin = begin;
  if (end > of->end) of->end = end;
}

static const stretch nothing = {INT64_MAX, 0, 0};

static int64_t stretch_begin(const stretch *of) { return of->end == 0 ? 0 : of->begin; }
static int64_t stretch_length(const stretch *of) { return of->end == 0 ? 0 : of->end - of->begin; }

/* ---- utf8_view, binary_view */

static bool is_long(const union ArrowBinaryView *view) {
  return view->inlined.size > NANOARROW_BINARY_VIEW_INLINE_SIZE;
}

/* Views under nulls may hold anything: they are written as empty ones. True: the views can stay as they are. */
static bool measure_views(const kh_ipc_span *span, stretch *texts) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  const uint8_t *validity = node->null_count == 0 ? NULL : node->buffers[0];
  const union ArrowBinaryView *views = node->buffers[1];
  bool is_ready = true;
  for (int64_t i = span->start; i < span->start + span->length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, i);
    if (is_null && views[i].inlined.size != 0) is_ready = false;
    if (is_null || !is_long(&views[i])) continue;
    int64_t begin = views[i].ref.offset;
    stretch_add(&texts[views[i].ref.buffer_index], begin, begin + views[i].ref.size);
  }
  return is_ready;
}

/* Buffers that nothing refers to are left out. True: the views can stay as they are. */
static bool number_texts(stretch *texts, int64_t count, int64_t *used) {
  bool is_ready = true;
  *used = 0;
  for (int64_t i = 0; i < count; i++) {
    if (texts[i].end == 0) continue;
    is_ready &= texts[i].begin == 0 && *used == i;
    texts[i].number = (int32_t)(*used)++;
  }
  return is_ready;
}

static const void *remake_views(kh_ipc_gathered *gathered, const kh_ipc_span *span, const stretch *texts) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  const uint8_t *validity = node->null_count == 0 ? NULL : node->buffers[0];
  const union ArrowBinaryView *from = (const union ArrowBinaryView *)node->buffers[1] + span->start;
  union ArrowBinaryView *to = kh_arena_take_array(&gathered->body.arena, (size_t)span->length, sizeof *to);
  for (int64_t i = 0; to != NULL && i < span->length; i++) {
    to[i] = from[i];
    if (validity != NULL && !kh_bit_get(validity, span->start + i)) memset(&to[i], 0, sizeof to[i]);
    if (!is_long(&to[i])) continue;
    const stretch *text = &texts[to[i].ref.buffer_index];
    to[i].ref.offset -= (int32_t)text->begin;
    to[i].ref.buffer_index = text->number;
  }
  return to;
}

static khonsu_status add_views(kh_ipc_gathered *gathered, const kh_ipc_span *span, stretch *texts) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  int64_t count = kh_node_variadic_count(node), used;
  bool is_ready = measure_views(span, texts);
  is_ready &= number_texts(texts, count, &used);
  const void *views =
      is_ready ? (const union ArrowBinaryView *)node->buffers[1] + span->start : remake_views(gathered, span, texts);
  if (views == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = kh_ipc_add_buffer(gathered, views, span->length * (int64_t)sizeof(union ArrowBinaryView));
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++)
    if (texts[i].end != 0)
      status = kh_ipc_add_buffer(gathered, (const char *)node->buffers[2 + i] + texts[i].begin,
                                 texts[i].end - texts[i].begin);
  return status == KHONSU_OK ? kh_buffer_append(&gathered->variadic, &used, sizeof used) : status;
}

khonsu_status kh_ipc_gather_views(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  int64_t count = kh_node_variadic_count(&span->chunk->nodes[span->index]), none = 0;
  if (span->length == 0) {
    khonsu_status status = kh_ipc_add_buffer(gathered, NULL, 0);
    return status == KHONSU_OK ? kh_buffer_append(&gathered->variadic, &none, sizeof none) : status;
  }
  stretch *texts = kh_alloc_array((size_t)count, sizeof *texts);
  if (texts == NULL) return KHONSU_NO_MEMORY;
  for (int64_t i = 0; i < count; i++) texts[i] = nothing;
  khonsu_status status = add_views(gathered, span, texts);
  kh_free(texts);
  return status;
}

/* ---- list views */

/* Empty lists may begin anywhere, also beyond what will be there. */
static bool measure_lists(const kh_ipc_span *span, int64_t bits, stretch *items) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  int64_t last = 0;
  *items = nothing;
  for (int64_t i = span->start; i < span->start + span->length; i++) {
    int64_t offset = kh_offset_get(node->buffers[1], bits, i), size = kh_offset_get(node->buffers[2], bits, i);
    if (size > 0) stretch_add(items, offset, offset + size);
    if (offset > last) last = offset;
  }
  return stretch_begin(items) == 0 && last <= items->end;
}

static const void *remake_lists(kh_ipc_gathered *gathered, const kh_ipc_span *span, int64_t bits, int64_t begin) {
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  void *to = kh_arena_take_array(&gathered->body.arena, (size_t)span->length, (size_t)bits / 8);
  for (int64_t i = 0; to != NULL && i < span->length; i++) {
    bool is_empty = kh_offset_get(node->buffers[2], bits, span->start + i) == 0;
    kh_offset_set(to, bits, i, is_empty ? 0 : kh_offset_get(node->buffers[1], bits, span->start + i) - begin);
  }
  return to;
}

/* Of no values; the array's own buffers may be NULL then. */
static khonsu_status add_nothing(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  const kh_field *field = &span->chunk->schema->fields[span->index];
  khonsu_status status = kh_ipc_add_buffer(gathered, NULL, 0);
  if (status == KHONSU_OK) status = kh_ipc_add_buffer(gathered, NULL, 0);
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && status == KHONSU_OK; child++)
    status = kh_ipc_gather(gathered, kh_ipc_span_child(span, child, 0, 0));
  return status;
}

khonsu_status kh_ipc_gather_list_view(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  if (span->length == 0) return add_nothing(gathered, span);
  const kh_field *field = &span->chunk->schema->fields[span->index];
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  int64_t bits = field->layout.element_size_bits[1], size = span->length * (bits / 8),
          skipped = span->start * (bits / 8);
  stretch items;
  bool is_ready = measure_lists(span, bits, &items);
  int64_t begin = stretch_begin(&items);
  const char *offsets = node->buffers[1], *sizes = node->buffers[2];
  offsets = is_ready ? offsets + skipped : remake_lists(gathered, span, bits, begin);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = kh_ipc_add_buffer(gathered, offsets, size);
  if (status == KHONSU_OK) status = kh_ipc_add_buffer(gathered, sizes + skipped, size);
  if (status != KHONSU_OK) return status;
  return kh_ipc_gather(gathered, kh_ipc_span_child(span, field->first, begin, stretch_length(&items)));
}

/* ---- dense unions */

/* Of each of the 128 type ids, the stretch of its child. */
static bool measure_union(const kh_ipc_span *span, stretch children[128]) {
  const int8_t *types = span->chunk->nodes[span->index].buffers[0];
  const int32_t *offsets = span->chunk->nodes[span->index].buffers[1];
  bool is_ready = true;
  for (int id = 0; id < 128; id++) children[id] = nothing;
  for (int64_t i = span->start; i < span->start + span->length; i++)
    stretch_add(&children[types[i]], offsets[i], (int64_t)offsets[i] + 1);
  for (int id = 0; id < 128; id++) is_ready &= stretch_begin(&children[id]) == 0;
  return is_ready;
}

static const void *remake_union(kh_ipc_gathered *gathered, const kh_ipc_span *span, const stretch children[128]) {
  const int8_t *types = (const int8_t *)span->chunk->nodes[span->index].buffers[0] + span->start;
  const int32_t *offsets = (const int32_t *)span->chunk->nodes[span->index].buffers[1] + span->start;
  int32_t *to = kh_arena_take_array(&gathered->body.arena, (size_t)span->length, sizeof *to);
  for (int64_t i = 0; to != NULL && i < span->length; i++) to[i] = offsets[i] - (int32_t)children[types[i]].begin;
  return to;
}

khonsu_status kh_ipc_gather_dense_union(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  if (span->length == 0) return add_nothing(gathered, span);
  const kh_field *field = &span->chunk->schema->fields[span->index];
  const struct ArrowArray *node = &span->chunk->nodes[span->index];
  const int8_t *types = node->buffers[0], *ids = field->union_children + 128;
  stretch children[128];
  bool is_ready = measure_union(span, children);
  const int32_t *offsets = node->buffers[1];
  offsets = is_ready ? offsets + span->start : remake_union(gathered, span, children);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  khonsu_status status = kh_ipc_add_buffer(gathered, types + span->start, span->length);
  if (status == KHONSU_OK) status = kh_ipc_add_buffer(gathered, offsets, span->length * (int64_t)sizeof *offsets);
  for (int64_t i = 0; i < node->n_children && status == KHONSU_OK; i++) {
    const stretch *of = &children[ids[i]];
    status = kh_ipc_gather(gathered,
                           kh_ipc_span_child(span, field->first + (uint32_t)i, stretch_begin(of), stretch_length(of)));
  }
  return status;
}

/* ---- runs */

/* The run that logical value `value` is in: the first that ends behind it. */
static int64_t find_run(const kh_ipc_span *span, int64_t value) {
  const kh_schema *schema = span->chunk->schema;
  uint32_t ends = schema->fields[span->index].first;
  const struct ArrowArray *node = &span->chunk->nodes[ends];
  int64_t low = 0, high = node->length;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (kh_int_get(schema->fields[ends].storage, node->buffers[1], node->offset + middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Of the runs from `first` on, where they end counted from the piece's beginning, the last with the piece. */
static khonsu_status add_run_ends(kh_ipc_gathered *gathered, const kh_ipc_span *span, int64_t first, int64_t count) {
  const kh_schema *schema = span->chunk->schema;
  uint32_t ends = schema->fields[span->index].first;
  const struct ArrowArray *node = &span->chunk->nodes[ends];
  enum ArrowType type = schema->fields[ends].storage;
  size_t width = (size_t)schema->fields[ends].layout.element_size_bits[1] / 8;
  void *to = kh_arena_take_array(&gathered->body.arena, (size_t)count, width);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t end = kh_int_get(type, node->buffers[1], node->offset + first + i) - span->start;
    kh_int_set(type, to, i, end < span->length ? end : span->length);
  }
  khonsu_status status = kh_ipc_add_node(gathered, count, 0);
  if (status == KHONSU_OK) status = kh_ipc_add_buffer(gathered, NULL, 0);
  return status == KHONSU_OK ? kh_ipc_add_buffer(gathered, to, count * (int64_t)width) : status;
}

khonsu_status kh_ipc_gather_runs(kh_ipc_gathered *gathered, const kh_ipc_span *span) {
  uint32_t ends = span->chunk->schema->fields[span->index].first, values = ends + 1;
  int64_t first = 0, count = 0;
  if (span->length > 0) {
    first = find_run(span, span->start);
    count = find_run(span, span->start + span->length - 1) + 1 - first;
  }
  khonsu_status status = add_run_ends(gathered, span, first, count);
  return status == KHONSU_OK ? kh_ipc_gather(gathered, kh_ipc_span_child(span, values, first, count)) : status;
}
