/* Spans: words lead to files and back; places of files that left are used again. */
#include "flashkv/spans.h"
#include "unit.h"

static fkv_file *file_of(uint64_t id, uint64_t size) {
  fkv_file *file = kh_alloc_lines(sizeof *file);
  memset(file, 0, sizeof *file);
  file->id = id;
  file->map_size = size;
  return file;
}

static void words_lead_to_places_and_back(void **state) {
  (void)state;
  kh_epoch epoch;
  fkv_spans spans;
  kh_epoch_init(&epoch);
  assert_int_equal(fkv_spans_init(&spans, &epoch), FLASHKV_OK);
  fkv_file *files[100];
  for (uint64_t id = 0; id < 100; id++) {
    files[id] = file_of(id + 1, id % 3 * FKV_SPAN_SIZE + 4096);
    assert_int_equal(fkv_spans_add(&spans, files[id], 0), FLASHKV_OK);
    kh_epoch_collect(&epoch, 8);
  }
  for (uint64_t id = 0; id < 100; id++) {
    uint64_t offsets[] = {64, 4088, files[id]->map_size - 8, files[id]->map_size / 2 & ~UINT64_C(7)};
    for (size_t at = 0; at < sizeof offsets / sizeof offsets[0]; at++) {
      uint64_t word = fkv_word_of(files[id], offsets[at]);
      assert_true(word > 0 && word < KH_WORD_LIMIT);
      assert_ptr_equal(fkv_spans_file(&spans, word), files[id]);
      assert_ptr_equal(fkv_spans_at(&spans, word)->file, files[id]);
      assert_int_equal(fkv_word_offset(files[id], word), offsets[at]);
      assert_int_equal(fkv_word_in_span(word), offsets[at] % FKV_SPAN_SIZE);
    }
  }
  assert_null(fkv_spans_file(&spans, UINT64_MAX >> 16));
  for (uint64_t id = 0; id < 100; id++) {
    fkv_spans_remove(&spans, files[id]);
    assert_null(fkv_spans_file(&spans, fkv_word_of(files[id], 64)));
    kh_free(files[id]);
  }
  fkv_spans_fini(&spans);
  kh_epoch_fini(&epoch);
}

static void places_are_used_again_or_as_asked_for(void **state) {
  (void)state;
  kh_epoch epoch;
  fkv_spans spans;
  kh_epoch_init(&epoch);
  assert_int_equal(fkv_spans_init(&spans, &epoch), FLASHKV_OK);
  fkv_file *a = file_of(1, 3 * FKV_SPAN_SIZE), *b = file_of(2, 4096), *c = file_of(3, 2 * FKV_SPAN_SIZE);
  fkv_file *d = file_of(4, 4096), *e = file_of(5, 4096);
  assert_int_equal(fkv_spans_add(&spans, a, 0), FLASHKV_OK);
  assert_int_equal(fkv_spans_add(&spans, b, 0), FLASHKV_OK);
  fkv_spans_remove(&spans, a);
  assert_int_equal(fkv_spans_add(&spans, c, 0), FLASHKV_OK);
  assert_int_equal(c->first_span, a->first_span);
  assert_int_equal(fkv_spans_add(&spans, d, 1000), FLASHKV_OK);
  assert_int_equal(d->first_span, 1000);
  assert_int_equal(fkv_spans_add(&spans, e, 1000), FLASHKV_OK); /* is taken */
  assert_int_not_equal(e->first_span, 1000);
  assert_ptr_equal(fkv_spans_file(&spans, fkv_word_of(b, 64)), b);
  fkv_spans_fini(&spans);
  kh_epoch_fini(&epoch);
  fkv_file *all[] = {a, b, c, d, e};
  for (size_t at = 0; at < 5; at++) kh_free(all[at]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_lead_to_places_and_back),
      cmocka_unit_test(places_are_used_again_or_as_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
