/* value: single values of a chunk, whatever the encoding. What kernels share that look at values one by one.
 *
 * A place is a value of one node; `at` counts from the beginning of the node's buffers, so it includes its offset.
 * Kinds lump together the types whose values can be the same: a utf8 value is the bytes it stands for, whether it lies
 * between two offsets, in a view, or in a dictionary. Chunks are valid (chunk.h); nothing here is checked again. */
#ifndef KH_ARROW_VALUE_H
#define KH_ARROW_VALUE_H

#include "bits.h"
#include "chunk.h"
#include "numbers.h"

typedef enum kh_kind {
  KH_KIND_NULL,
  KH_KIND_BOOL,
  KH_KIND_INT, /* also of dates, times, timestamps, durations, intervals of months */
  KH_KIND_UINT,
  KH_KIND_FLOAT,
  KH_KIND_DECIMAL,
  KH_KIND_INTERVAL, /* of several parts */
  KH_KIND_BYTES,    /* text, binary, fixed-size binary */
  KH_KIND_LIST,     /* all of them, maps too */
  KH_KIND_STRUCT,
  KH_KIND_UNION,
  KH_KIND_DICTIONARY, /* encodings: a place of these resolves to one of the above */
  KH_KIND_RUNS
} kh_kind;

typedef struct kh_place {
  const kh_chunk *chunk;
  uint32_t field;
  int64_t at;
} kh_place;

/* Neighbours in one node, `start` as `at` of a place. */
typedef struct kh_range {
  int64_t start, length;
} kh_range;

kh_kind kh_field_kind(const kh_field *field);

static inline const kh_field *kh_place_field(const kh_place *place) {
  return &place->chunk->schema->fields[place->field];
}
static inline const struct ArrowArray *kh_place_node(const kh_place *place) {
  return &place->chunk->nodes[place->field];
}

/* Row `row` of a column: a child of the root. */
static inline kh_place kh_place_of_row(const kh_chunk *chunk, uint32_t column, int64_t row) {
  return (kh_place){chunk, column, chunk->nodes[column].offset + row};
}

/* Value `index` of the child `field`. */
static inline kh_place kh_place_child(const kh_place *place, uint32_t field, int64_t index) {
  return (kh_place){place->chunk, field, place->chunk->nodes[field].offset + index};
}

/* The validity bitmap, or NULL: nothing is null there by its own bitmap. */
static inline const uint8_t *kh_node_validity(const kh_field *field, const struct ArrowArray *node) {
  bool has = field->layout.buffer_type[0] == NANOARROW_BUFFER_TYPE_VALIDITY && node->null_count != 0;
  return has ? node->buffers[0] : NULL;
}

/* Moves the place from dictionaries' indices and runs on to the value that they stand for. False: it is null. */
bool kh_place_resolve(kh_place *place);

/* The run of run-end encoding that holds logical place `at`. */
int64_t kh_run_find(const kh_field *fields, const kh_chunk *chunk, uint32_t field, int64_t at);
/* Where run `run` ends. */
static inline int64_t kh_run_end(const kh_chunk *chunk, uint32_t field, int64_t run) {
  uint32_t ends = chunk->schema->fields[field].first;
  const struct ArrowArray *node = &chunk->nodes[ends];
  return kh_int_get(chunk->schema->fields[ends].storage, node->buffers[1], node->offset + run);
}

/* The value at a place that is not null, by kind. Bytes are borrowed from the chunk. */
static inline bool kh_place_bool(const kh_place *place) {
  return kh_bit_get(kh_place_node(place)->buffers[1], place->at);
}
static inline int64_t kh_place_int(const kh_place *place) { /* uint64: its bits */
  enum ArrowType storage = kh_place_field(place)->storage;
  if (storage == NANOARROW_TYPE_INTERVAL_MONTHS) storage = NANOARROW_TYPE_INT32;
  return kh_int_get(storage, kh_place_node(place)->buffers[1], place->at);
}
double kh_place_float(const kh_place *place);
khonsu_slice kh_place_bytes(const kh_place *place);
/* Sign-extended, least significant limb first. */
void kh_place_decimal(const kh_place *place, uint64_t limbs[4]);
/* Months, days, milliseconds or nanoseconds. */
void kh_place_interval(const kh_place *place, int64_t parts[3]);
/* The items of a list: a range of the child, with the child's offset. */
kh_range kh_place_items(const kh_place *place);
static inline int8_t kh_place_type_id(const kh_place *place) {
  return ((const int8_t *)kh_place_node(place)->buffers[0])[place->at];
}
/* The value that a union's value is. */
kh_place kh_place_union(const kh_place *place);

/* IEEE 754 binary16. */
double kh_half_to_double(uint16_t half);

/* ---- values as text, for people: what does not fit is cut and ends in "..." */
#define KH_VALUE_TEXT_SIZE 128
void kh_place_text(const kh_place *place, char text[KH_VALUE_TEXT_SIZE]);

#endif
