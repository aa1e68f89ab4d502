/* concat_dictionary: indices into a dictionary. Where all pieces share one dictionary the result has a copy of it and
 * the indices stay; else the dictionaries are put one after the other, each once as long as neighbours share it, and
 * the indices count on. Values may then occur twice, which Arrow allows. */
#include "bits.h"
#include "concat.h"
#include "numbers.h"

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

/* Takes the dictionaries of spans that are not empty, leaving out those their forerunner has. bases[i] is where the
 * dictionary of span i begins. Returns how many there are. */
static size_t gather(const kh_concat *concat, uint32_t dictionary, const kh_span *spans, size_t count,
                     kh_span *dictionaries, int64_t *bases) {
  size_t taken = 0;
  int64_t end = 0, base = 0;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], dictionary);
    bool is_new =
        taken == 0 || !is_same_array(concat->fields, dictionary, dictionaries[taken - 1].chunk, spans[i].chunk);
    if (spans[i].length > 0 && is_new) {
      dictionaries[taken++] = (kh_span){spans[i].chunk, node->offset, node->length};
      base = end;
      if (__builtin_add_overflow(end, node->length, &end)) end = INT64_MAX; /* check_room refuses that */
    }
    bases[i] = base;
  }
  return taken;
}

static khonsu_status check_room(const kh_concat *concat, uint32_t field, const kh_span *dictionaries, size_t taken) {
  int64_t total = 0, most = kh_int_max(concat->fields[field].storage);
  for (size_t i = 0; i < taken; i++)
    if (__builtin_add_overflow(total, dictionaries[i].length, &total)) total = INT64_MAX;
  if (taken <= 1 || total - 1 <= most) return KHONSU_OK;
  return kh_field_fail(concat->fields, field, concat->error, KHONSU_VALUE_TOO_LARGE,
                       "dictionaries of %lld values together in one batch: more than its indices can tell apart",
                       (long long)total);
}

static khonsu_status shift_indices(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count,
                                   const int64_t *bases) {
  const kh_field *shape = &concat->fields[field];
  int64_t width = shape->layout.element_size_bits[1] / 8, row = 0;
  void *to = kh_concat_buffer(concat, field, 1, concat->result->nodes[field].length, width);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const struct ArrowArray *node = kh_span_node(&spans[i], field);
    const uint8_t *validity = node->buffers[0];
    for (int64_t k = spans[i].start; k < spans[i].start + spans[i].length; k++) {
      bool is_null = validity != NULL && !kh_bit_get(validity, k); /* what stands under it may be anything */
      kh_int_set(shape->storage, to, row++, is_null ? 0 : kh_int_get(shape->storage, node->buffers[1], k) + bases[i]);
    }
  }
  return KHONSU_OK;
}

khonsu_status kh_concat_dictionary(const kh_concat *concat, uint32_t field, const kh_span *spans, size_t count) {
  uint32_t dictionary = kh_field_dictionary(&concat->fields[field]);
  kh_span *dictionaries = kh_concat_spans(concat, count);
  int64_t *bases = kh_alloc_array(count, sizeof *bases);
  khonsu_status status = KHONSU_OK;
  if (dictionaries == NULL || bases == NULL) {
    status = kh_concat_no_memory(concat);
  } else {
    size_t taken = gather(concat, dictionary, spans, count, dictionaries, bases);
    status = check_room(concat, field, dictionaries, taken);
    if (status == KHONSU_OK) status = shift_indices(concat, field, spans, count, bases);
    if (status == KHONSU_OK) status = kh_concat_field(concat, dictionary, dictionaries, taken);
  }
  kh_free(dictionaries);
  kh_free(bases);
  return status;
}
