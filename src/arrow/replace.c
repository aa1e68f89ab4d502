/* replace: values of one width are copied as a whole, and the new ones put over the old. Columns of other layouts are put
 * together of pieces, or, where most pieces would be short, picked from both one after the other. */
#include "replace.h"

#include "concat.h"
#include "gather.h"

enum { PICK_FROM = 16 }; /* rows or fewer for each that is replaced */

typedef struct replacing {
  kh_schema *schema;
  const kh_chunk *chunk, *input;
  const kh_key_matches *matches;
  kh_concat into;
  int64_t *places;   /* of the result's rows in a chunk's followed by the new ones; NULL: not found yet */
  kh_span *spans;    /* that the result's rows are; NULL: not found yet */
  size_t span_count; /* of them */
} replacing;

/* ---- values of one width */

static bool is_flat(const kh_field *field) {
  bool has_values = field->layout.buffer_type[1] == NANOARROW_BUFFER_TYPE_DATA;
  return has_values && !field->has_dictionary && !kh_field_is_view(field);
}

/* Bits of the chunk, with those of new rows put over them; NULL: all are set. */
static void replace_bits(const replacing *with, uint32_t column, const uint8_t *old, const uint8_t *new, uint8_t *to) {
  const struct ArrowArray *from = &with->chunk->nodes[column];
  int64_t first = with->input->nodes[column].offset;
  if (from->length > 0) to[(from->length - 1) / 8] = 0;
  if (old == NULL) kh_bits_set(to, 0, from->length);
  else kh_bits_copy(to, 0, old, from->offset, from->length);
  for (int64_t i = 0; i < with->matches->count; i++) {
    int64_t row = with->matches->rows[i];
    bool bit = new == NULL || kh_bit_get(new, first + with->matches->by[i]);
    to[row / 8] = (uint8_t)((to[row / 8] & ~(1u << row % 8)) | (unsigned)bit << row % 8);
  }
}

static khonsu_status replace_validity(const replacing *with, uint32_t column) {
  const kh_field *field = &with->schema->fields[column];
  const uint8_t *old = kh_node_validity(field, &with->chunk->nodes[column]);
  const uint8_t *new = kh_node_validity(field, &with->input->nodes[column]);
  struct ArrowArray *node = &with->into.result->nodes[column];
  if (old == NULL && new == NULL) return KHONSU_OK;
  uint8_t *bits = kh_concat_buffer(&with->into, column, 0, kh_bits_bytes(node->length), 1);
  if (bits == NULL) return KHONSU_NO_MEMORY;
  replace_bits(with, column, old, new, bits);
  node->null_count = node->length - kh_bits_count(bits, 0, node->length);
  if (node->null_count == 0) node->buffers[0] = NULL;
  return KHONSU_OK;
}

#define PUT_ROWS(name, type)                                                                                           \
  static void name(void *buffer, const void *input, const kh_key_matches *matches) {                                   \
    type *to = buffer;                                                                                                 \
    const type *from = input;                                                                                          \
    const int64_t *rows = matches->rows, *by = matches->by;                                                            \
    for (int64_t i = 0; i < matches->count; i++) to[rows[i]] = from[by[i]];                                            \
  }

PUT_ROWS(put_1, uint8_t)
PUT_ROWS(put_2, kh_any16)
PUT_ROWS(put_4, kh_any32)
PUT_ROWS(put_8, kh_any64)

static void put_rows(uint8_t *to, const uint8_t *from, size_t width, const kh_key_matches *matches) {
  switch (width) {
    case 1: put_1(to, from, matches); return;
    case 2: put_2(to, from, matches); return;
    case 4: put_4(to, from, matches); return;
    case 8: put_8(to, from, matches); return;
    default: break;
  }
  for (int64_t i = 0; i < matches->count; i++)
    memcpy(to + (size_t)matches->rows[i] * width, from + (size_t)matches->by[i] * width, width);
}

static khonsu_status replace_flat(const replacing *with, uint32_t column) {
  const struct ArrowArray *old = &with->chunk->nodes[column], *new = &with->input->nodes[column];
  int64_t bits = with->schema->fields[column].layout.element_size_bits[1];
  kh_span whole = {with->chunk, old->offset, old->length};
  khonsu_status status = kh_concat_begin(&with->into, column, NULL, 0);
  with->into.result->nodes[column].length = whole.length;
  if (status == KHONSU_OK) status = replace_validity(with, column);
  if (status != KHONSU_OK) return status;
  int64_t size = bits == 1 ? kh_bits_bytes(whole.length) : whole.length; /* of memory that is there */
  uint8_t *to = kh_concat_buffer(&with->into, column, 1, size, bits == 1 ? 1 : bits / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  if (bits == 1) {
    replace_bits(with, column, old->buffers[1], new->buffers[1], to);
    return KHONSU_OK;
  }
  size_t width = (size_t)bits / 8;
  if (width == 0) return KHONSU_OK;
  memcpy(to, (const uint8_t *)old->buffers[1] + (size_t)old->offset * width, (size_t)old->length * width);
  put_rows(to, (const uint8_t *)new->buffers[1] + (size_t) new->offset *width, width, with->matches);
  return KHONSU_OK;
}

/* ---- pieces of both */

/* Neighbours are joined. There are at most two for each match, and one. */
static khonsu_status find_spans(replacing *with) {
  const kh_key_matches *matches = with->matches;
  kh_span *spans = kh_concat_spans(&with->into, 2 * (size_t)matches->count + 1);
  if (spans == NULL) return KHONSU_NO_MEMORY;
  size_t count = 0;
  int64_t done = 0, rows = with->chunk->nodes[0].length;
  for (int64_t i = 0; i < matches->count; i++) {
    kh_span *last = count > 0 ? &spans[count - 1] : NULL;
    int64_t row = matches->rows[i], by = matches->by[i];
    if (row > done) spans[count++] = (kh_span){with->chunk, done, row - done};
    else if (last != NULL && last->start + last->length == by) {
      last->length++;
      done = row + 1;
      continue;
    }
    spans[count++] = (kh_span){with->input, by, 1};
    done = row + 1;
  }
  if (rows > done) spans[count++] = (kh_span){with->chunk, done, rows - done};
  with->spans = spans;
  with->span_count = count;
  return KHONSU_OK;
}

static khonsu_status join_pieces(replacing *with, uint32_t column) {
  khonsu_status status = with->spans == NULL ? find_spans(with) : KHONSU_OK;
  kh_span *pieces = status == KHONSU_OK ? kh_concat_spans(&with->into, with->span_count) : NULL;
  if (pieces == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < with->span_count; i++)
    pieces[i] = kh_span_child(&with->spans[i], column, with->spans[i].start, with->spans[i].length);
  status = kh_concat_field(&with->into, column, pieces, with->span_count);
  kh_free(pieces);
  return status;
}

/* ---- both, and picked from them */

static khonsu_status find_places(replacing *with) {
  const kh_key_matches *matches = with->matches;
  int64_t rows = with->chunk->nodes[0].length;
  int64_t *places = kh_alloc_array((size_t)rows, sizeof *places);
  if (places == NULL) return kh_concat_no_memory(&with->into);
  for (int64_t i = 0; i < rows; i++) places[i] = i;
  for (int64_t i = 0; i < matches->count; i++) places[matches->rows[i]] = rows + i;
  with->places = places;
  return KHONSU_OK;
}

static khonsu_status pick_column(const replacing *with, uint32_t column, const kh_chunk *from, const int64_t *places,
                                 int64_t count, kh_chunk *to) {
  kh_gather gather = {with->schema->fields, from, to, with->into.error};
  return kh_gather_field(&gather, column, &(kh_pick){count, from->nodes[column].offset, places, NULL, 0, false});
}

/* The column's values, and after them the new ones. */
static khonsu_status put_after(const replacing *with, uint32_t column, kh_chunk *new, kh_chunk *both) {
  int64_t count = with->matches->count;
  khonsu_status status = pick_column(with, column, with->input, with->matches->by, count, new);
  if (status != KHONSU_OK) return status;
  const struct ArrowArray *old = &with->chunk->nodes[column];
  kh_span spans[2] = {{with->chunk, old->offset, old->length}, {new, 0, count}};
  return kh_concat_field(&(kh_concat){with->schema->fields, both, with->into.error}, column, spans, 2);
}

static khonsu_status pick_from_both(replacing *with, uint32_t column) {
  khonsu_status status = with->places == NULL ? find_places(with) : KHONSU_OK;
  if (status != KHONSU_OK) return status;
  kh_chunk *new = kh_chunk_new_to_fill(with->schema), *both = kh_chunk_new_to_fill(with->schema);
  status = new != NULL &&both != NULL ? put_after(with, column, new, both) : kh_concat_no_memory(&with->into);
  kh_chunk_unref(new);
  if (status == KHONSU_OK)
    status = pick_column(with, column, both, with->places, with->chunk->nodes[0].length, with->into.result);
  kh_chunk_unref(both);
  return status;
}

/* ---- columns */

/* Both together may be too much for offsets or indices that can hold the result. */
static khonsu_status replace_column(replacing *with, uint32_t column) {
  if (is_flat(&with->schema->fields[column])) return replace_flat(with, column);
  if (with->matches->count > with->chunk->nodes[0].length / PICK_FROM) {
    khonsu_status status = pick_from_both(with, column);
    if (status != KHONSU_VALUE_TOO_LARGE) return status;
  }
  return join_pieces(with, column);
}

static khonsu_status replace_columns(replacing *with) {
  struct ArrowArray *root = &with->into.result->nodes[0];
  khonsu_status status = kh_concat_begin(&with->into, 0, NULL, 0);
  root->length = with->chunk->nodes[0].length;
  for (uint32_t column = 1; column <= root->n_children && status == KHONSU_OK; column++)
    status = replace_column(with, column);
  return status;
}

khonsu_status kh_chunk_replace(kh_schema *schema, const kh_chunk *chunk, const kh_chunk *input,
                               const kh_key_matches *matches, kh_chunk **replaced, khonsu_error *error) {
  replacing with = {.schema = schema, .chunk = chunk, .input = input, .matches = matches};
  with.into = (kh_concat){schema->fields, kh_chunk_new_to_fill(schema), error};
  if (with.into.result == NULL) return kh_concat_no_memory(&with.into);
  khonsu_status status = replace_columns(&with);
  kh_free(with.places);
  kh_free(with.spans);
  if (status != KHONSU_OK) {
    kh_chunk_unref(with.into.result);
    return status;
  }
  with.into.result->bytes = kh_chunk_count_bytes(with.into.result);
  *replaced = with.into.result;
  return KHONSU_OK;
}
