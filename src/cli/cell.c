#include "cell.h"

static bool bit(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

static bool is_marked_null(const kh_type *type, const struct ArrowArray *array, int64_t row) {
  if (type->shape == KH_SHAPE_NULL) return true;
  if (type->shape == KH_SHAPE_UNION || type->shape == KH_SHAPE_RUNS) return false; /* they have no bitmap */
  return array->null_count != 0 && array->buffers[0] != NULL && !bit(array->buffers[0], row);
}

/* ---- where a value is */

typedef struct place {
  const kh_type *type;
  const struct ArrowArray *array;
  int64_t row;
} place;

static int64_t index_at(const kh_type *type, const struct ArrowArray *array, int64_t row) {
  if (type->width < 0) return kh_signed_at(array, 1, row, -type->width);
  int64_t index = kh_signed_at(array, 1, row, type->width);
  return type->width < 8 ? index & ((INT64_C(1) << 8 * type->width) - 1) : index;
}

static place in_dictionary(place at) {
  return (place){at.type->dictionary, at.array->dictionary,
                 index_at(at.type, at.array, at.row) + at.array->dictionary->offset};
}

/* Both unions: the codes first; the dense one then has the rows of the children, which the sparse one shares. */
static place in_union(place at) {
  int8_t code = ((const int8_t *)at.array->buffers[0])[at.row];
  int8_t child = code >= 0 ? at.type->union_child[code] : -1;
  if (child < 0) return (place){at.type, NULL, 0};
  const struct ArrowArray *values = at.array->children[child];
  int64_t row = at.type->width != 0 ? ((const int32_t *)at.array->buffers[1])[at.row] : at.row;
  return (place){&at.type->children[child], values, row + values->offset};
}

/* The first run that ends behind the row. */
static place in_runs(place at) {
  const struct ArrowArray *ends = at.array->children[0], *values = at.array->children[1];
  int64_t low = 0, high = ends->length - 1;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (kh_signed_at(ends, 1, middle + ends->offset, at.type->children[0].width) > at.row) high = middle;
    else low = middle + 1;
  }
  return (place){&at.type->children[1], values, low + values->offset};
}

/* Goes on to where the value itself is. False: it is null. */
static bool find_value(place *at) {
  while (at->array != NULL && !is_marked_null(at->type, at->array, at->row)) {
    switch (at->type->shape) {
      case KH_SHAPE_PLAIN: return true;
      case KH_SHAPE_NULL: return false;
      case KH_SHAPE_DICTIONARY: *at = in_dictionary(*at); break;
      case KH_SHAPE_UNION: *at = in_union(*at); break;
      case KH_SHAPE_RUNS: *at = in_runs(*at); break;
    }
  }
  return false;
}

/* ---- writing */

void kh_value_write(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  place at = {type, array, row};
  bool found = find_value(&at), quoted = found && style == KH_STYLE_JSON && at.type->is_quoted;
  if (!found && style == KH_STYLE_JSON) kh_text_add_string(text, "null");
  if (quoted) kh_text_add_char(text, '"');
  if (found) at.type->write(at.type, at.array, at.row, style, text);
  if (quoted) kh_text_add_char(text, '"');
}

static place place_of(const kh_type *type, const struct ArrowArray *batch, int64_t column, int64_t row) {
  const struct ArrowArray *array = batch->children[column];
  return (place){type, array, row + batch->offset + array->offset};
}

bool kh_cell_is_null(const kh_type *type, const struct ArrowArray *batch, int64_t column, int64_t row) {
  place at = place_of(type, batch, column, row);
  return !find_value(&at);
}

void kh_cell_write(const kh_type *type, const struct ArrowArray *batch, int64_t column, int64_t row, kh_style style,
                   kh_text *text) {
  place at = place_of(type, batch, column, row);
  kh_value_write(at.type, at.array, at.row, style, text);
}
