/* concat_runs: run-end encoding. Run i stretches from the end of run i - 1 to its own; ends and offsets count logical
 * values. Children: run ends, then values. */
#include "concat.h"
#include "numbers.h"

/* The first run that ends after logical place `place`. */
static int64_t find_run(const struct ArrowArray *ends, enum ArrowType type, int64_t place) {
  int64_t low = 0, high = ends->length;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (kh_int_get(type, ends->buffers[1], ends->offset + middle) > place) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* The runs that a span needs, as a span of the values. */
static kh_span runs_of(const kh_span *span, const kh_field *shape, enum ArrowType type) {
  if (span->length == 0) return kh_span_child(span, shape->first + 1, 0, 0);
  const struct ArrowArray *ends = kh_span_node(span, shape->first);
  int64_t first = find_run(ends, type, span->start), last = find_run(ends, type, span->start + span->length - 1);
  return kh_span_child(span, shape->first + 1, first, last - first + 1);
}

static void join_ends(const kh_concat *concat, uint32_t field, const kh_span *spans, const kh_span *values,
                      size_t count, void *to) {
  const kh_field *shape = &concat->fields[field];
  enum ArrowType type = concat->fields[shape->first].storage;
  int64_t run = 0, done = 0;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *ends = kh_span_node(&spans[i], shape->first);
    int64_t first = values[i].start - kh_span_node(&spans[i], shape->first + 1)->offset;
    for (int64_t k = 0; k < values[i].length; k++) {
      int64_t end = kh_int_get(type, ends->buffers[1], ends->offset + first + k) - spans[i].start;
      kh_int_set(type, to, run++, done + (end < spans[i].length ? end : spans[i].length));
    }
    done += spans[i].length;
  }
}

/* Run ends are made anew: a span of theirs is only good for its length. */
static khonsu_status make_ends(const kh_concat *concat, uint32_t field, const kh_span *spans, const kh_span *values,
                               size_t count) {
  uint32_t ends = concat->fields[field].first;
  int64_t runs = 0;
  for (size_t i = 0; i < count; i++) runs += values[i].length;
  khonsu_status status = kh_concat_begin(concat, ends, NULL, 0);
  if (status != KHONSU_OK) return status;
  concat->result->nodes[ends].length = runs;
  void *to = kh_concat_buffer(concat, ends, 1, runs, concat->fields[ends].layout.element_size_bits[1] / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  join_ends(concat, field, spans, values, count, to);
  return KHONSU_OK;
}

khonsu_status kh_concat_runs(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  const kh_field *shape = &concat->fields[field];
  enum ArrowType type = concat->fields[shape->first].storage;
  int64_t length = concat->result->nodes[field].length;
  if (length > kh_int_max(type))
    return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                         "%lld values in one batch: more than its run ends can hold; cast the column to wider run "
                         "ends, or to plain values",
                         (long long)length);
  kh_span *values = kh_concat_spans(concat, count);
  if (values == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < count; i++) values[i] = runs_of(&spans[i], shape, type);
  khonsu_status status = make_ends(concat, field, spans, values, count);
  if (status == KHONSU_OK) status = kh_concat_field(concat, shape->first + 1, values, count);
  kh_free(values);
  return status;
}
