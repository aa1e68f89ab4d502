/* predicate_eval: the rows of a chunk for which tests are true, as a bitmap. */
#include "predicate.h"

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to test rows");
}

/* ---- values: what is true of each value of a node, nulls included */

static bool true_of_null(const kh_test *test) { return test->kind == KH_TEST_NULL && !test->negated; }

/* Where a validity bit is not set, what is true of nulls takes the place of what is there. NULL: nothing is null. */
static void put_nulls(const kh_test *test, const uint8_t *validity, int64_t start, int64_t length, uint64_t *bits) {
  if (validity == NULL) return;
  uint64_t of_null = true_of_null(test) ? UINT64_MAX : 0;
  for (int64_t done = 0; done < length; done += 64) {
    uint64_t valid = kh_bits_load(validity, start + done, length - done < 64 ? length - done : 64);
    *bits = (*bits & valid) | (of_null & ~valid);
    bits++;
  }
}

static void fill(uint64_t *bits, int64_t length, bool value) {
  memset(bits, value ? 0xff : 0, kh_bits_words(length) * sizeof *bits);
}

static khonsu_status test_values(const kh_test *test, const kh_place *first, int64_t length, uint64_t *bits,
                                 khonsu_error *error);

static void test_plain(const kh_test *test, const kh_place *first, int64_t length, uint64_t *bits) {
  if (kh_field_kind(kh_place_field(first)) == KH_KIND_NULL) {
    fill(bits, length, true_of_null(test));
  } else if (test->kind == KH_TEST_NULL) {
    fill(bits, length, test->negated);
  } else {
    fill(bits, length, false);
    kh_intervals_match(test->intervals, test->interval_count, first, length, bits);
    for (size_t word = 0; test->negated && word < kh_bits_words(length); word++) bits[word] = ~bits[word];
  }
}

/* What is true of all values of the node `field`; freed by the caller. NULL: no memory. */
static uint64_t *test_node(const kh_test *test, const kh_place *parent, uint32_t field, khonsu_error *error) {
  kh_place first = kh_place_child(parent, field, 0);
  int64_t length = parent->chunk->nodes[field].length;
  uint64_t *bits = kh_alloc_array(kh_bits_words(length), sizeof *bits);
  if (bits != NULL && test_values(test, &first, length, bits, error) == KHONSU_OK) return bits;
  kh_free(bits);
  (void)no_memory(error);
  return NULL;
}

static khonsu_status test_dictionary(const kh_test *test, const kh_place *first, int64_t length, uint64_t *bits,
                                     khonsu_error *error) {
  const kh_field *field = kh_place_field(first);
  const struct ArrowArray *node = kh_place_node(first);
  const uint8_t *validity = kh_node_validity(field, node);
  uint64_t *values = test_node(test, first, kh_field_dictionary(field), error);
  if (values == NULL) return KHONSU_NO_MEMORY;
  fill(bits, length, false);
  for (int64_t i = 0; i < length; i++) {
    if (validity != NULL && !kh_bit_get(validity, first->at + i)) continue;
    int64_t index = kh_int_get(field->storage, node->buffers[1], first->at + i);
    bits[i / 64] |= (values[index / 64] >> (index % 64) & 1) << (i % 64);
  }
  kh_free(values);
  return KHONSU_OK;
}

static khonsu_status test_runs(const kh_test *test, const kh_place *first, int64_t length, uint64_t *bits,
                               khonsu_error *error) {
  uint32_t field = first->field;
  uint64_t *values = test_node(test, first, kh_place_field(first)->first + 1, error);
  if (values == NULL) return KHONSU_NO_MEMORY;
  fill(bits, length, false);
  int64_t run = length == 0 ? 0 : kh_run_find(first->chunk->schema->fields, first->chunk, field, first->at);
  for (int64_t done = 0; done < length; run++) {
    int64_t end = kh_run_end(first->chunk, field, run) - first->at;
    if (end > length) end = length;
    if (values[run / 64] >> (run % 64) & 1) kh_bits_set((uint8_t *)bits, done, end - done);
    done = end;
  }
  kh_free(values);
  return KHONSU_OK;
}

/* Recursion is as deep as encodings are in one another, which is limited. */
static khonsu_status test_values(const kh_test *test, const kh_place *first, int64_t length, uint64_t *bits,
                                 khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  kh_kind kind = kh_field_kind(kh_place_field(first));
  if (kind == KH_KIND_DICTIONARY) status = test_dictionary(test, first, length, bits, error);
  else if (kind == KH_KIND_RUNS) status = test_runs(test, first, length, bits, error);
  else test_plain(test, first, length, bits);
  if (status == KHONSU_OK)
    put_nulls(test, kh_node_validity(kh_place_field(first), kh_place_node(first)), first->at, length, bits);
  return status;
}

/* ---- rows */

/* Where a struct that the column is in is null, so is the column. */
static khonsu_status test_column(const kh_test *test, const kh_chunk *chunk, uint64_t *bits, khonsu_error *error) {
  const kh_field *fields = chunk->schema->fields;
  int64_t rows = chunk->nodes[0].length, at = 0;
  for (uint32_t field = test->field; field != 0; field = fields[field].parent) at += chunk->nodes[field].offset;
  kh_place first = {chunk, test->field, at};
  khonsu_status status = test_values(test, &first, rows, bits, error);
  for (uint32_t field = test->field; field != 0 && status == KHONSU_OK; field = fields[field].parent) {
    if (field != test->field) put_nulls(test, kh_node_validity(&fields[field], &chunk->nodes[field]), at, rows, bits);
    at -= chunk->nodes[field].offset;
  }
  return status;
}

static khonsu_status test_part(const kh_test *test, const kh_chunk *chunk, uint64_t *bits, khonsu_error *error);

static bool has_none(const uint64_t *bits, size_t words) {
  uint64_t any = 0;
  for (size_t word = 0; word < words; word++) any |= bits[word];
  return any == 0;
}

static khonsu_status test_parts(const kh_test *test, const kh_chunk *chunk, uint64_t *bits, khonsu_error *error) {
  size_t words = kh_bits_words(chunk->nodes[0].length);
  uint64_t *of_part = kh_alloc_array(words, sizeof *of_part);
  if (of_part == NULL) return no_memory(error);
  khonsu_status status = test_part(test->first, chunk, bits, error);
  for (const kh_test *part = test->first->next; part != NULL && status == KHONSU_OK; part = part->next) {
    if (test->kind == KH_TEST_AND && has_none(bits, words)) break;
    status = test_part(part, chunk, of_part, error);
    if (status != KHONSU_OK) break;
    if (test->kind == KH_TEST_AND)
      for (size_t word = 0; word < words; word++) bits[word] &= of_part[word];
    else
      for (size_t word = 0; word < words; word++) bits[word] |= of_part[word];
  }
  kh_free(of_part);
  return status;
}

/* Bits beyond the rows are whatever they are. */
static khonsu_status test_part(const kh_test *test, const kh_chunk *chunk, uint64_t *bits, khonsu_error *error) {
  bool is_whole = test->kind == KH_TEST_AND || test->kind == KH_TEST_OR;
  return is_whole ? test_parts(test, chunk, bits, error) : test_column(test, chunk, bits, error);
}

khonsu_status kh_test_rows(const kh_test *test, const kh_chunk *chunk, uint64_t *bits, khonsu_error *error) {
  int64_t rest = chunk->nodes[0].length % 64;
  khonsu_status status = test_part(test, chunk, bits, error);
  if (status == KHONSU_OK && rest != 0) bits[kh_bits_words(chunk->nodes[0].length) - 1] &= (UINT64_C(1) << rest) - 1;
  return status;
}
