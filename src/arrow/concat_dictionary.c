/* concat_dictionary: indices into a dictionary. Where all pieces share one dictionary the result has a copy of it and
 * the indices stay. Else the dictionaries are unified: the result has each value once, in the order in which they are
 * met: all values of a dictionary that has no more of them than there are rows, else those that rows refer to. Two values
 * are one if they are the same (equal.h). */
#include "bits.h"
#include "concat.h"
#include "hash.h"
#include "value_set.h"

/* Whether the trees below are the same memory. */
static bool is_same_array(const kh_field *fields, uint32_t field, const kh_chunk *a, const kh_chunk *b) {
  const struct ArrowArray *one = &a->nodes[field], *other = &b->nodes[field];
  if (one->length != other->length || one->offset != other->offset || one->n_buffers != other->n_buffers) return false;
  for (int64_t i = 0; i < one->n_buffers; i++)
    if (one->buffers[i] != other->buffers[i]) return false;
  uint32_t end = kh_field_dictionary(&fields[field]) + fields[field].has_dictionary;
  for (uint32_t child = fields[field].first; child < end; child++)
    if (!is_same_array(fields, child, a, b)) return false;
  return true;
}

enum { LOOKED_BACK = 4 };

/* Takes the dictionaries of spans that are not empty, leaving out those that one of the last taken has: spans may come
 * from a few chunks by turns. bases[i] is where the dictionary of span i begins, if all were put one after the other.
 * Returns how many there are. */
static size_t gather(const kh_concat *concat, uint32_t dictionary, const kh_span *spans, size_t count,
                     kh_span *dictionaries, int64_t *bases) {
  size_t taken = 0;
  int64_t end = 0, starts[LOOKED_BACK] = {0};
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], dictionary);
    size_t known = taken, first = taken < LOOKED_BACK ? 0 : taken - LOOKED_BACK;
    while (known > first && !is_same_array(concat->fields, dictionary, dictionaries[known - 1].chunk, spans[i].chunk))
      known--;
    bases[i] = known > first ? starts[(known - 1) % LOOKED_BACK] : end;
    if (spans[i].length == 0 || known > first) continue;
    starts[taken % LOOKED_BACK] = end;
    dictionaries[taken++] = (kh_span){spans[i].chunk, node->offset, node->length};
    if (__builtin_add_overflow(end, node->length, &end)) end = INT64_MAX; /* there is no memory for that */
  }
  return taken;
}

/* ---- indices: those under a null may be anything, and become 0 */

#define INDICES(name, type)                                                                                            \
  static void name(void *to_buffer, int64_t row, const void *from_buffer, int64_t start, int64_t count,                \
                   const int64_t *now) {                                                                               \
    type *to = (type *)to_buffer + row;                                                                                \
    const type *from = (const type *)from_buffer + start;                                                              \
    for (int64_t i = 0; i < count; i++) to[i] = (type)(now[from[i]] - 1);                                              \
  }

INDICES(translate_1, uint8_t)
INDICES(translate_2, uint16_t)
INDICES(translate_4, uint32_t)
INDICES(translate_8, uint64_t)

static void translate(int64_t width, void *to, int64_t row, const void *from, int64_t start, int64_t count,
                      const int64_t *now) {
  switch (width) {
    case 1: translate_1(to, row, from, start, count, now); return;
    case 2: translate_2(to, row, from, start, count, now); return;
    case 4: translate_4(to, row, from, start, count, now); return;
    default: translate_8(to, row, from, start, count, now); return;
  }
}

/* `now`: what indices become, and one more; NULL: they stay. */
static void join_indices(const kh_field *shape, uint32_t field, const kh_span *spans, size_t count,
                         const int64_t *bases, const int64_t *now, uint8_t *to) {
  int64_t width = shape->layout.element_size_bits[1] / 8, row = 0;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], field);
    const uint8_t *validity = node->null_count != 0 ? node->buffers[0] : NULL, *from = node->buffers[1];
    int64_t length = spans[i].length, start = spans[i].start;
    if (length == 0) continue;
    if (now == NULL) memcpy(to + row * width, from + start * width, (size_t)(length * width));
    else if (validity == NULL) translate(width, to, row, from, start, length, now + bases[i]);
    for (int64_t k = 0; validity != NULL && k < length; k++) {
      bool is_valid = kh_bit_get(validity, start + k);
      if (!is_valid) kh_int_set(shape->storage, to, row + k, 0);
      else if (now != NULL) translate(width, to, row + k, from, start + k, 1, now + bases[i]);
    }
    row += length;
  }
}

/* ---- unifying */

typedef struct unifying {
  const kh_concat *concat;
  uint32_t dictionary;
  int64_t *now;     /* of each value of all dictionaries, its place in the new one, and one more; 0 = not met */
  kh_value_set new; /* its values */
  int64_t base_met; /* of the dictionary of which all values were met last; -1 = none */
} unifying;

static int64_t meet_one(unifying *to, const kh_chunk *chunk, int64_t index) {
  kh_place value = {chunk, to->dictionary, chunk->nodes[to->dictionary].offset + index};
  uint64_t hash;
  kh_values_hash(&value, 1, 0, &hash);
  return kh_value_set_add(&to->new, &value, hash) + 1;
}

/* All values of a dictionary, once for all spans that share it. */
static void meet_all(unifying *to, const kh_chunk *chunk, int64_t base) {
  const struct ArrowArray *node = &chunk->nodes[to->dictionary];
  if (node->length == 0 || base == to->base_met) return; /* an empty one and the next have one base */
  to->base_met = base;
  kh_place first = {chunk, to->dictionary, node->offset};
  kh_value_set_add_all(&to->new, &first, node->length, to->now + base);
  for (int64_t i = 0; i < node->length; i++) to->now[base + i]++;
}

/* Meets the value that index `from[i]` refers to, if it was not met. The loop is short: most were. */
#define MEET(name, type)                                                                                               \
  static void name(unifying *to, const kh_span *span, const void *indices, const uint8_t *validity, int64_t *now) {    \
    const type *from = (const type *)indices + span->start;                                                            \
    for (int64_t i = 0; i < span->length; i++) {                                                                       \
      if (validity != NULL && !kh_bit_get(validity, span->start + i)) continue;                                        \
      if (now[from[i]] == 0) now[from[i]] = meet_one(to, span->chunk, (int64_t)from[i]);                               \
    }                                                                                                                  \
  }

MEET(meet_1, uint8_t)
MEET(meet_2, uint16_t)
MEET(meet_4, uint32_t)
MEET(meet_8, uint64_t)

static void meet(unifying *to, const kh_span *span, uint32_t field, int64_t base) {
  const struct ArrowArray *node = kh_span_node(span, field);
  const uint8_t *validity = node->null_count != 0 ? node->buffers[0] : NULL;
  const void *indices = node->buffers[1];
  if (span->length == 0) return;
  if (span->chunk->nodes[to->dictionary].length <= span->length) {
    meet_all(to, span->chunk, base);
    return;
  }
  switch (to->concat->fields[field].layout.element_size_bits[1] / 8) {
    case 1: meet_1(to, span, indices, validity, to->now + base); return;
    case 2: meet_2(to, span, indices, validity, to->now + base); return;
    case 4: meet_4(to, span, indices, validity, to->now + base); return;
    default: meet_8(to, span, indices, validity, to->now + base); return;
  }
}

static khonsu_status check_room(const kh_concat *concat, uint32_t field, int64_t total) {
  if (total - 1 <= kh_int_max(concat->fields[field].storage)) return KHONSU_OK;
  return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                       "dictionaries of %lld values together in one batch: more than its indices can tell apart; cast "
                       "the column to wider indices, or to plain values",
                       (long long)total);
}

/* Not more values are met than there are rows, nor than the dictionaries have. */
static khonsu_status unify(unifying *to, uint32_t field, const kh_span *spans, size_t count, const int64_t *bases,
                           int64_t total) {
  const kh_concat *concat = to->concat;
  int64_t rows = concat->result->nodes[field].length;
  to->now = kh_alloc_zero_array((size_t)total, sizeof *to->now);
  bool has_room = kh_value_set_init(&to->new, concat->fields, to->dictionary, rows < total ? rows : total);
  if (to->now == NULL || !has_room) return kh_concat_no_memory(concat);
  for (size_t i = 0; i < count; i++) meet(to, &spans[i], field, bases[i]);
  return check_room(concat, field, to->new.count);
}

/* ---- both */

static khonsu_status join(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count,
                          kh_span *dictionaries, int64_t *bases) {
  const kh_field *shape = &concat->fields[field];
  uint32_t dictionary = kh_field_dictionary(shape);
  uint8_t *to =
      kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length, shape->layout.element_size_bits[1] / 8);
  if (to == NULL) return KHONSU_NO_MEMORY;
  size_t taken = gather(concat, dictionary, spans, count, dictionaries, bases);
  if (taken <= 1) {
    join_indices(shape, field, spans, count, bases, NULL, to);
    return kh_concat_field(concat, dictionary, dictionaries, taken);
  }
  int64_t total = 0;
  for (size_t i = 0; i < taken; i++)
    if (__builtin_add_overflow(total, dictionaries[i].length, &total)) return kh_concat_no_memory(concat);
  unifying unified = {.concat = concat, .dictionary = dictionary, .base_met = -1};
  khonsu_status status = unify(&unified, field, spans, count, bases, total);
  if (status == KHONSU_OK) {
    join_indices(shape, field, spans, count, bases, unified.now, to);
    status = kh_concat_field(concat, dictionary, unified.new.values, (size_t)unified.new.count);
  }
  kh_free(unified.now);
  kh_value_set_fini(&unified.new);
  return status;
}

khonsu_status kh_concat_dictionary(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  kh_span *dictionaries = kh_concat_spans(concat, count);
  int64_t *bases = kh_alloc_array(count, sizeof *bases);
  khonsu_status status = KHONSU_NO_MEMORY;
  if (dictionaries == NULL || bases == NULL) status = kh_concat_no_memory(concat);
  else status = join(concat, field, spans, count, dictionaries, bases);
  kh_free(dictionaries);
  kh_free(bases);
  return status;
}
