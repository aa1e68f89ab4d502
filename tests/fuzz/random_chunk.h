/* random_chunk: valid record batches of any schema, as mean as they may be: offsets at all levels, children that are
 * longer than they must be, anything under nulls and before offsets, items and dictionary values that nobody refers to or
 * that many do. Each buffer is a block of its exact size, so that reading past its end is noticed. */
#ifndef TEST_RANDOM_CHUNK_H
#define TEST_RANDOM_CHUNK_H

#include "arrow/numbers.h"
#include "arrow/table.h"
#include "arrow/value.h"
#include "fuzz.h"
#include "random_type.h"

/* Blocks of one chunk. */
typedef struct block_list {
  void *blocks[2048];
  size_t count;
} block_list;

typedef struct chunk_maker {
  kh_prng *prng;
  kh_chunk *chunk;
  block_list *blocks;
} chunk_maker;

static void release_blocks(struct ArrowArray *owner) {
  block_list *list = owner->private_data;
  for (size_t i = 0; i < list->count; i++) free(list->blocks[i]);
  free(list);
  owner->release = NULL;
}

static void *take_block(chunk_maker *maker, int64_t size) {
  assert_true(maker->blocks->count < sizeof maker->blocks->blocks / sizeof *maker->blocks->blocks);
  void *block = calloc(1, size > 0 ? (size_t)size : 1);
  return maker->blocks->blocks[maker->blocks->count++] = block;
}

static uint64_t below(chunk_maker *maker, uint64_t bound) { return kh_prng_below(maker->prng, bound); }

static void *new_buffer(chunk_maker *maker, uint32_t field, int64_t buffer, int64_t size) {
  void *bytes = take_block(maker, size);
  maker->chunk->nodes[field].buffers[buffer] = size == 0 && below(maker, 2) == 0 ? NULL : bytes;
  return bytes;
}

static const kh_field *field_of(const chunk_maker *maker, uint32_t field) {
  return &maker->chunk->schema->fields[field];
}
static struct ArrowArray *node_of(const chunk_maker *maker, uint32_t field) { return &maker->chunk->nodes[field]; }
static int64_t end_of(const chunk_maker *maker, uint32_t field) {
  const struct ArrowArray *node = node_of(maker, field);
  return node->offset + node->length;
}

/* Whether what stands at `i` may be anything: before the offset, or under a null. */
static bool is_anything(const chunk_maker *maker, uint32_t field, int64_t i) {
  const struct ArrowArray *node = node_of(maker, field);
  if (i < node->offset) return true;
  return field_of(maker, field)->rules[0].is_validity && node->buffers[0] != NULL && !kh_bit_get(node->buffers[0], i);
}

/* ---- nulls */

static bool may_be_null(const chunk_maker *maker, uint32_t field) {
  return field > 0 && (field_of(maker, field)->arrow.flags & ARROW_FLAG_NULLABLE) != 0;
}

static void make_validity(chunk_maker *maker, uint32_t field) {
  struct ArrowArray *node = node_of(maker, field);
  uint64_t valid_of_8 = below(maker, 9);
  node->null_count = below(maker, 2) == 0 ? -1 : 0;
  if (!field_of(maker, field)->rules[0].is_validity || below(maker, 3) == 0) return;
  if (!may_be_null(maker, field)) valid_of_8 = 8;
  uint8_t *bits = take_block(maker, kh_bits_bytes(end_of(maker, field)));
  for (int64_t i = 0; i < end_of(maker, field); i++)
    if (below(maker, 8) < valid_of_8) bits[i / 8] |= (uint8_t)(1 << i % 8);
  node->buffers[0] = bits;
  if (node->null_count == 0) node->null_count = node->length - kh_bits_count(bits, node->offset, node->length);
}

/* ---- fixed width */

/* Few different ones, so that some are the same; now and then any. */
static uint64_t any_word(chunk_maker *maker) {
  return below(maker, 8) == 0 ? fuzz_number(maker->prng) : below(maker, 4) - (below(maker, 4) == 0);
}

static uint64_t any_float(chunk_maker *maker, int64_t width) {
  static const uint64_t doubles[] = {0,
                                     UINT64_C(0x8000000000000000),
                                     UINT64_C(0x3ff0000000000000),
                                     UINT64_C(0xbff8000000000000),
                                     UINT64_C(0x7ff0000000000000),
                                     UINT64_C(0xfff0000000000000),
                                     UINT64_C(0x7ff8000000000000),
                                     UINT64_C(0xfff8000000000001),
                                     UINT64_C(0x7ff0000000000001),
                                     1};
  static const uint32_t floats[] = {0,          0x80000000, 0x3f800000, 0xbfc00000, 0x7f800000,
                                    0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 1};
  static const uint16_t halves[] = {0, 0x8000, 0x3c00, 0xbe00, 0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x7c01, 1};
  uint64_t which = below(maker, 10);
  return width == 8 ? doubles[which] : width == 4 ? floats[which] : halves[which];
}

static void put_fixed(chunk_maker *maker, uint32_t field, uint8_t *to, int64_t width) {
  bool is_float = kh_field_kind(field_of(maker, field)) == KH_KIND_FLOAT;
  uint64_t word = is_float ? any_float(maker, width) : any_word(maker);
  for (int64_t at = 0; at < width; at += 8) {
    memcpy(to + at, &word, (size_t)(width - at < 8 ? width - at : 8));
    word = (int64_t)word < 0 ? UINT64_MAX : 0; /* the sign goes on */
  }
}

static void make_fixed(chunk_maker *maker, uint32_t field) {
  int64_t bits = field_of(maker, field)->layout.element_size_bits[1], end = end_of(maker, field);
  uint8_t *to = new_buffer(maker, field, 1, (end * bits + 7) / 8);
  for (int64_t i = 0; bits == 1 && i < (end + 7) / 8; i++) to[i] = (uint8_t)kh_prng_next(maker->prng);
  for (int64_t i = 0; bits >= 8 && i < end; i++) put_fixed(maker, field, to + i * bits / 8, bits / 8);
}

/* ---- text */

static const char *any_text(chunk_maker *maker) {
  static const char *const texts[] = {"",
                                      "a",
                                      "b",
                                      "ab",
                                      "\xc3\xa9",
                                      "a\xc3\xa9",
                                      "\xe2\x82\xac",
                                      "twelve chars",
                                      "thirteen char",
                                      "thirteen chas",
                                      "another text that is long",
                                      "another text that is longer"};
  return *ANY_OF(maker->prng, texts);
}

static void put_offset(void *offsets, int64_t bits, int64_t i, int64_t offset) {
  if (bits == 64) ((int64_t *)offsets)[i] = offset;
  else ((int32_t *)offsets)[i] = (int32_t)offset;
}

static void make_text(chunk_maker *maker, uint32_t field) {
  enum { GAP_MAX = 3 };
  int64_t bits = field_of(maker, field)->layout.element_size_bits[1], end = end_of(maker, field);
  int64_t size = (int64_t)below(maker, GAP_MAX + 1), first = node_of(maker, field)->offset;
  uint8_t *offsets = new_buffer(maker, field, 1, (end > 0 ? end + 1 : 0) * bits / 8);
  kh_buffer text = {0};
  assert_int_equal(kh_buffer_append(&text, "...", (size_t)size), 0);
  for (int64_t i = 0; i < end; i++) {
    const char *value = i < first ? "" : any_text(maker);
    put_offset(offsets, bits, i, i < first ? (int64_t)any_word(maker) : (int64_t)text.size);
    if (i >= first && is_anything(maker, field, i)) value = "\xff\xfe";
    assert_int_equal(kh_buffer_append(&text, value, strlen(value)), 0);
  }
  if (end > 0) put_offset(offsets, bits, end, (int64_t)text.size);
  uint8_t *bytes = new_buffer(maker, field, 2, (int64_t)text.size);
  if (text.size > 0) memcpy(bytes, text.data, text.size);
  kh_buffer_fini(&text);
}

/* ---- views */

enum { VIEW_BUFFERS_MAX = 3, VIEW_BUFFER_SIZE = 96 };

static void put_view(chunk_maker *maker, union ArrowBinaryView *view, uint8_t *const *buffers, int64_t *used,
                     int64_t count) {
  const char *text = any_text(maker);
  int64_t size = (int64_t)strlen(text), which = count > 0 ? (int64_t)below(maker, (uint64_t)count) : 0;
  bool is_long = size > NANOARROW_BINARY_VIEW_INLINE_SIZE;
  if (is_long && (count == 0 || used[which] + size > VIEW_BUFFER_SIZE)) text = "", size = 0, is_long = false;
  view->inlined.size = (int32_t)size;
  if (!is_long) {
    memcpy(view->inlined.data, text, (size_t)size);
    return;
  }
  int64_t at = used[which];
  memcpy(buffers[which] + at, text, (size_t)size);
  used[which] += size;
  view->ref.buffer_index = (int32_t)which;
  view->ref.offset = (int32_t)at;
  memcpy(view->ref.prefix, text, sizeof view->ref.prefix);
}

static void make_views(chunk_maker *maker, uint32_t field) {
  struct ArrowArray *node = node_of(maker, field);
  int64_t count = (int64_t)below(maker, VIEW_BUFFERS_MAX + 1), used[VIEW_BUFFERS_MAX] = {0}, end = end_of(maker, field);
  uint8_t *buffers[VIEW_BUFFERS_MAX] = {NULL};
  int64_t *sizes = take_block(maker, count * 8);
  for (int64_t i = 0; i < count; i++) {
    buffers[i] = take_block(maker, VIEW_BUFFER_SIZE);
    node->buffers[2 + i] = buffers[i];
    sizes[i] = VIEW_BUFFER_SIZE;
  }
  node->n_buffers = 3 + count;
  node->buffers[2 + count] = sizes;
  union ArrowBinaryView *views = new_buffer(maker, field, 1, end * (int64_t)sizeof *views);
  for (int64_t i = 0; i < end; i++) {
    bool is_again = i > 0 && below(maker, 4) == 0 && !is_anything(maker, field, i - 1);
    if (is_anything(maker, field, i)) put_fixed(maker, field, (uint8_t *)&views[i], sizeof *views);
    else if (is_again) views[i] = views[i - 1];
    else put_view(maker, &views[i], buffers, used, count);
  }
}

/* ---- children: each is told how long it must be, and may be longer */

static void make_node(chunk_maker *maker, uint32_t field, int64_t length);

static void make_child(chunk_maker *maker, uint32_t field, int64_t length) {
  make_node(maker, field, length + (below(maker, 4) == 0 ? (int64_t)below(maker, 3) : 0));
}

static void make_children(chunk_maker *maker, uint32_t field, int64_t length) {
  const kh_field *shape = field_of(maker, field);
  for (uint32_t child = shape->first; child < kh_field_dictionary(shape); child++) make_child(maker, child, length);
}

static void make_list(chunk_maker *maker, uint32_t field) {
  int64_t bits = field_of(maker, field)->layout.element_size_bits[1], end = end_of(maker, field);
  int64_t items = (int64_t)below(maker, 3);
  uint8_t *offsets = new_buffer(maker, field, 1, (end > 0 ? end + 1 : 0) * bits / 8);
  for (int64_t i = 0; i < end; i++) {
    bool is_before = i < node_of(maker, field)->offset;
    put_offset(offsets, bits, i, is_before ? (int64_t)any_word(maker) : items);
    if (!is_before) items += (int64_t)below(maker, 4);
  }
  if (end > 0) put_offset(offsets, bits, end, items);
  make_child(maker, field_of(maker, field)->first, items);
}

static void make_list_view(chunk_maker *maker, uint32_t field) {
  int64_t bits = field_of(maker, field)->layout.element_size_bits[1], end = end_of(maker, field);
  int64_t items = (int64_t)below(maker, 9);
  uint8_t *offsets = new_buffer(maker, field, 1, end * bits / 8), *sizes = new_buffer(maker, field, 2, end * bits / 8);
  for (int64_t i = 0; i < end; i++) {
    int64_t from = (int64_t)below(maker, (uint64_t)items + 1), most = items - from < 4 ? items - from : 4;
    int64_t size = (int64_t)below(maker, (uint64_t)most + 1);
    if (i < node_of(maker, field)->offset) from = (int64_t)any_word(maker), size = (int64_t)any_word(maker);
    put_offset(offsets, bits, i, from);
    put_offset(sizes, bits, i, size);
  }
  make_child(maker, field_of(maker, field)->first, items);
}

static void make_union(chunk_maker *maker, uint32_t field) {
  const kh_field *shape = field_of(maker, field);
  int64_t end = end_of(maker, field), lengths[128];
  bool is_dense = shape->storage == NANOARROW_TYPE_DENSE_UNION;
  uint64_t count = (uint64_t)shape->arrow.n_children;
  int8_t *types = new_buffer(maker, field, 0, end);
  int32_t *offsets = is_dense ? new_buffer(maker, field, 1, end * 4) : NULL;
  for (uint64_t i = 0; i < count; i++) lengths[i] = is_dense ? 1 + (int64_t)below(maker, 8) : end;
  for (int64_t i = 0; i < end; i++) {
    uint64_t child = below(maker, count);
    bool is_before = i < node_of(maker, field)->offset;
    types[i] = is_before ? (int8_t)any_word(maker) : shape->union_children[128 + child];
    if (is_dense) offsets[i] = is_before ? (int32_t)any_word(maker) : (int32_t)below(maker, (uint64_t)lengths[child]);
  }
  for (uint64_t i = 0; i < count; i++) make_child(maker, shape->first + (uint32_t)i, lengths[i]);
}

static void make_runs(chunk_maker *maker, uint32_t field) {
  uint32_t ends = field_of(maker, field)->first;
  int64_t end = end_of(maker, field), *run_ends = take_block(maker, end * 8), runs = 0;
  for (int64_t at = 0; at < end;) run_ends[runs++] = at += 1 + (int64_t)below(maker, 5);
  struct ArrowArray *node = node_of(maker, ends);
  node->length = runs;
  node->offset = below(maker, 4) == 0 ? (int64_t)below(maker, 3) : 0;
  void *to = new_buffer(maker, ends, 1, end_of(maker, ends) * field_of(maker, ends)->layout.element_size_bits[1] / 8);
  for (int64_t i = 0; i < runs; i++) kh_int_set(field_of(maker, ends)->storage, to, node->offset + i, run_ends[i]);
  make_child(maker, ends + 1, runs);
}

static void make_dictionary(chunk_maker *maker, uint32_t field) {
  const kh_field *shape = field_of(maker, field);
  int64_t end = end_of(maker, field), bits = shape->layout.element_size_bits[1];
  int64_t size = (int64_t)below(maker, 6);
  void *indices = new_buffer(maker, field, 1, end * bits / 8);
  for (int64_t i = 0; i < end; i++) {
    bool any = is_anything(maker, field, i);
    if (!any && size == 0) size = 1;
    kh_int_set(shape->storage, indices, i, any ? (int64_t)any_word(maker) : (int64_t)below(maker, (uint64_t)size));
  }
  make_child(maker, kh_field_dictionary(shape), size);
}

/* ---- which layout; recursion is as deep as the schema */

static void make_values(chunk_maker *maker, uint32_t field) {
  const kh_field *shape = field_of(maker, field);
  int64_t end = end_of(maker, field);
  switch (kh_field_kind(shape)) {
    case KH_KIND_NULL: return;
    case KH_KIND_DICTIONARY: make_dictionary(maker, field); return;
    case KH_KIND_RUNS: make_runs(maker, field); return;
    case KH_KIND_STRUCT: make_children(maker, field, end); return;
    case KH_KIND_UNION: make_union(maker, field); return;
    case KH_KIND_LIST:
      if (shape->storage == NANOARROW_TYPE_FIXED_SIZE_LIST)
        make_children(maker, field, end * shape->layout.child_size_elements);
      else if (shape->layout.buffer_type[2] == NANOARROW_BUFFER_TYPE_SIZE) make_list_view(maker, field);
      else make_list(maker, field);
      return;
    case KH_KIND_BYTES:
      if (kh_field_is_view(shape)) make_views(maker, field);
      else if (kh_field_is_text(shape)) make_text(maker, field);
      else make_fixed(maker, field);
      return;
    default: make_fixed(maker, field); return;
  }
}

static void make_node(chunk_maker *maker, uint32_t field, int64_t length) {
  struct ArrowArray *node = node_of(maker, field);
  node->length = length;
  node->offset = below(maker, 4) == 0 ? (int64_t)below(maker, 10) : 0;
  make_validity(maker, field);
  make_values(maker, field);
}

/* `rows` rows, which have to be let in. */
static kh_chunk *make_random_chunk(kh_prng *prng, kh_schema *schema, int64_t rows) {
  chunk_maker maker = {prng, kh_chunk_new(schema), malloc(sizeof(block_list))};
  maker.blocks->count = 0;
  khonsu_error error = KHONSU_ERROR_INIT;
  maker.chunk->owner = (struct ArrowArray){.release = release_blocks, .private_data = maker.blocks};
  for (uint32_t i = 0; i < schema->count; i++) {
    struct ArrowArray *node = &maker.chunk->nodes[i];
    node->n_children = schema->fields[i].arrow.n_children;
    node->n_buffers = kh_field_buffer_count(&schema->fields[i]);
    node->buffers = take_block(&maker, (VIEW_BUFFERS_MAX + 4) * (int64_t)sizeof(void *));
  }
  make_node(&maker, 0, rows);
  if (kh_chunk_check(maker.chunk, NULL, UINT64_MAX, &error) != KHONSU_OK) fail_msg("%s", error.message);
  return maker.chunk;
}

#endif
