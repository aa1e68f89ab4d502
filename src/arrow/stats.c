/* stats: the least and the greatest value of a column, in the order of keys (compare.h), and how many are null. */
#include "compare.h"

/* ---- scalars */

static kh_scalar scalar_of(const kh_place *place) {
  kh_scalar scalar = {.kind = KH_SCALAR_NONE};
  switch (kh_field_kind(kh_place_field(place))) {
    case KH_KIND_BOOL: scalar = (kh_scalar){KH_SCALAR_INT, {.integer = kh_place_bool(place)}}; break;
    case KH_KIND_INT: scalar = (kh_scalar){KH_SCALAR_INT, {.integer = kh_place_int(place)}}; break;
    case KH_KIND_UINT: scalar = (kh_scalar){KH_SCALAR_UINT, {.natural = (uint64_t)kh_place_int(place)}}; break;
    case KH_KIND_FLOAT: scalar = (kh_scalar){KH_SCALAR_FLOAT, {.real = kh_place_float(place)}}; break;
    case KH_KIND_BYTES: scalar = (kh_scalar){KH_SCALAR_BYTES, {.bytes = kh_place_bytes(place)}}; break;
    case KH_KIND_DECIMAL:
      scalar.kind = KH_SCALAR_DECIMAL;
      kh_place_decimal(place, scalar.decimal);
      break;
    default: break;
  }
  return scalar;
}

int kh_scalar_compare(const kh_scalar *a, const kh_scalar *b) {
  KH_ASSERT(a->kind == b->kind);
  switch (a->kind) {
    case KH_SCALAR_INT: return a->integer < b->integer ? -1 : a->integer > b->integer;
    case KH_SCALAR_UINT: return a->natural < b->natural ? -1 : a->natural > b->natural;
    case KH_SCALAR_FLOAT: return kh_floats_compare(a->real, b->real);
    case KH_SCALAR_DECIMAL: return kh_decimals_compare(a->decimal, b->decimal);
    case KH_SCALAR_BYTES: return kh_slice_compare(a->bytes, b->bytes);
    case KH_SCALAR_NONE: break;
  }
  return 0;
}

static bool is_ordered(const kh_field *fields, uint32_t field) {
  for (;;) {
    kh_kind kind = kh_field_kind(&fields[field]);
    if (kind == KH_KIND_DICTIONARY) field = kh_field_dictionary(&fields[field]);
    else if (kind == KH_KIND_RUNS) field = fields[field].first + 1;
    else return kind != KH_KIND_NULL && kind != KH_KIND_INTERVAL && kind < KH_KIND_LIST;
  }
}

/* ---- one value after the other */

static void note(kh_column_stats *stats, const kh_place *place) {
  kh_scalar scalar = scalar_of(place);
  if (stats->min.kind == KH_SCALAR_NONE) {
    stats->min = stats->max = scalar;
    return;
  }
  if (kh_scalar_compare(&scalar, &stats->min) < 0) stats->min = scalar;
  else if (kh_scalar_compare(&scalar, &stats->max) > 0) stats->max = scalar;
}

/* `length` rows that hold this value. */
static void note_rows(kh_column_stats *stats, const kh_place *place, int64_t length, bool is_of_order) {
  kh_place value = *place;
  if (!kh_place_resolve(&value)) stats->null_count += (uint64_t)length;
  else if (is_of_order) note(stats, &value);
}

/* ---- integers without nulls */

#define FIND_RANGE(name, type, wide)                                                                                   \
  static void name(const void *buffer, int64_t at, int64_t length, wide *min, wide *max) {                             \
    typedef type __attribute__((aligned(1), may_alias)) any;                                                           \
    const any *from = (const any *)buffer + at;                                                                        \
    type low = from[0], high = from[0];                                                                                \
    for (int64_t i = 1; i < length; i++) {                                                                             \
      low = from[i] < low ? from[i] : low;                                                                             \
      high = from[i] > high ? from[i] : high;                                                                          \
    }                                                                                                                  \
    *min = low;                                                                                                        \
    *max = high;                                                                                                       \
  }

FIND_RANGE(range_int8, int8_t, int64_t)
FIND_RANGE(range_int16, int16_t, int64_t)
FIND_RANGE(range_int32, int32_t, int64_t)
FIND_RANGE(range_int64, int64_t, int64_t)
FIND_RANGE(range_uint8, uint8_t, uint64_t)
FIND_RANGE(range_uint16, uint16_t, uint64_t)
FIND_RANGE(range_uint32, uint32_t, uint64_t)
FIND_RANGE(range_uint64, uint64_t, uint64_t)

static void find_range(const kh_place *first, int64_t length, kh_column_stats *stats) {
  const void *buffer = kh_place_node(first)->buffers[1];
  kh_scalar *min = &stats->min, *max = &stats->max;
  min->kind = max->kind = kh_field_kind(kh_place_field(first)) == KH_KIND_UINT ? KH_SCALAR_UINT : KH_SCALAR_INT;
  switch (kh_place_field(first)->storage) {
    case NANOARROW_TYPE_INT8: range_int8(buffer, first->at, length, &min->integer, &max->integer); return;
    case NANOARROW_TYPE_INT16: range_int16(buffer, first->at, length, &min->integer, &max->integer); return;
    case NANOARROW_TYPE_INTERVAL_MONTHS:
    case NANOARROW_TYPE_INT32: range_int32(buffer, first->at, length, &min->integer, &max->integer); return;
    case NANOARROW_TYPE_INT64: range_int64(buffer, first->at, length, &min->integer, &max->integer); return;
    case NANOARROW_TYPE_UINT8: range_uint8(buffer, first->at, length, &min->natural, &max->natural); return;
    case NANOARROW_TYPE_UINT16: range_uint16(buffer, first->at, length, &min->natural, &max->natural); return;
    case NANOARROW_TYPE_UINT32: range_uint32(buffer, first->at, length, &min->natural, &max->natural); return;
    default: range_uint64(buffer, first->at, length, &min->natural, &max->natural); return;
  }
}

/* ---- encodings */

static void note_runs(kh_column_stats *stats, const kh_place *first, int64_t length, bool is_of_order) {
  int64_t run = length == 0 ? 0 : kh_run_find(first->chunk->schema->fields, first->chunk, first->field, first->at);
  for (int64_t done = 0; done < length; run++) {
    kh_place value = kh_place_child(first, kh_place_field(first)->first + 1, run);
    int64_t end = kh_run_end(first->chunk, first->field, run) - first->at;
    if (end > length) end = length;
    note_rows(stats, &value, end - done, is_of_order);
    done = end;
  }
}

/* How many rows hold each value of the dictionary: so each value is looked at once. False: there are more values than
 * rows, or no memory. */
static bool note_dictionary(kh_column_stats *stats, const kh_place *first, int64_t length, bool is_of_order) {
  const kh_field *field = kh_place_field(first);
  const struct ArrowArray *node = kh_place_node(first);
  const uint8_t *validity = kh_node_validity(field, node);
  uint32_t dictionary = kh_field_dictionary(field);
  int64_t size = first->chunk->nodes[dictionary].length;
  if (size > length) return false;
  int64_t *counts = kh_alloc_zero_array((size_t)size, sizeof *counts);
  if (counts == NULL) return false;
  for (int64_t i = first->at; i < first->at + length; i++) {
    if (validity != NULL && !kh_bit_get(validity, i)) stats->null_count++;
    else counts[kh_int_get(field->storage, node->buffers[1], i)]++;
  }
  for (int64_t i = 0; i < size; i++) {
    kh_place value = kh_place_child(first, dictionary, i);
    if (counts[i] > 0) note_rows(stats, &value, counts[i], is_of_order);
  }
  kh_free(counts);
  return true;
}

/* ---- columns */

void kh_chunk_stats(const kh_chunk *chunk, uint32_t column, kh_column_stats *stats) {
  const kh_field *field = &chunk->schema->fields[column];
  const struct ArrowArray *node = &chunk->nodes[column];
  kh_place row = kh_place_of_row(chunk, column, 0);
  kh_kind kind = kh_field_kind(field);
  bool is_of_order = is_ordered(chunk->schema->fields, column);
  *stats = (kh_column_stats){0, {.kind = KH_SCALAR_NONE}, {.kind = KH_SCALAR_NONE}};
  if (kind == KH_KIND_RUNS) {
    note_runs(stats, &row, node->length, is_of_order);
  } else if (kind == KH_KIND_DICTIONARY && note_dictionary(stats, &row, node->length, is_of_order)) {
    return;
  } else if (kind != KH_KIND_DICTIONARY && (!is_of_order || node->null_count == node->length)) {
    stats->null_count = (uint64_t)node->null_count;
  } else if ((kind == KH_KIND_INT || kind == KH_KIND_UINT) && node->null_count == 0) {
    find_range(&row, node->length, stats);
  } else {
    for (int64_t i = 0; i < node->length; i++, row.at++) note_rows(stats, &row, 1, is_of_order);
  }
}
