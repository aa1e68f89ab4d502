/* Records: what is written is what is read, wherever it stands; nothing else is taken for it. */
#include "flashkv/record.h"
#include "unit.h"

enum { ROOM = 70000 + 4096 };

static uint8_t bytes[ROOM];

static fkv_draft draft_of(khonsu_slice key, khonsu_slice value, uint64_t expires_ms, bool aligned) {
  fkv_draft draft = {.key = key, .value = value, .expires_ms = expires_ms, .kind = FKV_PUT, .flags = FKV_SEALED};
  if (aligned) draft.flags |= FKV_ALIGNED;
  fkv_draft_finish(&draft);
  return draft;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  static const size_t key_sizes[] = {1, 7, 8, 9, 100, 65536}, value_sizes[] = {0, 1, 8, 63, 64, 65, 2000};
  static uint8_t source[65536];
  for (size_t at = 0; at < sizeof source; at++) source[at] = (uint8_t)(at * 31 + 1);
  for (unsigned shape = 0; shape < 6 * 7 * 4 * 8; shape++) {
    khonsu_slice key = kh_slice(source, key_sizes[shape % 6]), value = kh_slice(source, value_sizes[shape / 6 % 7]);
    uint64_t expires = shape / 42 % 2 ? 77 : 0, offset = 64 + 8 * (shape / 168 % 8);
    bool aligned = shape / 84 % 2;
    fkv_draft draft = draft_of(key, value, expires, aligned);
    fkv_place place = {5, offset, 1000 + shape, 2000};
    memset(bytes, 0xee, sizeof bytes);
    fkv_draft_write(&draft, &place, bytes);
    uint64_t size = fkv_draft_size(&draft, offset);
    assert_int_equal(size % FKV_UNIT, 0);
    assert_int_equal(bytes[size], 0xee);
    assert_int_equal(fkv_record_check_head(bytes, size, 5, offset), FKV_SOUND);
    assert_int_equal(fkv_record_size(bytes, offset), size);
    assert_true(kh_slice_equal(fkv_record_key(bytes), key));
    assert_int_equal(fkv_record_expires_ms(bytes), expires);
    assert_int_equal(fkv_record_sequence(bytes), 1000 + shape);
    assert_int_equal(fkv_record_value_size(bytes), value.size);
    assert_true(fkv_record_value_is_sound(bytes, offset));
    size_t value_at = fkv_record_value_at(bytes, offset);
    assert_memory_equal(bytes + value_at, value.data, value.size);
    if (aligned) assert_int_equal((offset + value_at) % FKV_ALIGNMENT, 0);
  }
}

/* Each bit of the head counts, and where it stands. */
static void what_was_changed_is_noticed(void **state) {
  (void)state;
  fkv_draft draft = draft_of(kh_slice("key", 3), kh_slice("some value", 10), 1234, false);
  fkv_place place = {99, 640, 7, 8};
  fkv_draft_write(&draft, &place, bytes);
  uint64_t size = fkv_draft_size(&draft, 640);
  size_t head = fkv_record_head_size(bytes);
  for (size_t bit = 0; bit < 8 * head; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_not_equal(fkv_record_check_head(bytes, size, 99, 640), FKV_SOUND);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (size_t bit = 8 * head; bit < 8 * (head + 10); bit++) {
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(fkv_record_check_head(bytes, size, 99, 640), FKV_SOUND);
    assert_false(fkv_record_value_is_sound(bytes, 640));
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  assert_int_equal(fkv_record_check_head(bytes, size, 99, 648), FKV_BAD);
  assert_int_equal(fkv_record_check_head(bytes, size, 98, 640), FKV_BAD);
}

static void what_does_not_fit_is_bad(void **state) {
  (void)state;
  fkv_draft draft = draft_of(kh_slice("a longer key", 12), kh_slice("value", 5), 0, false);
  fkv_draft_write(&draft, &(fkv_place){1, 64, 1, 1}, bytes);
  uint64_t size = fkv_draft_size(&draft, 64);
  for (uint64_t room = 1; room < size; room++) {
    assert_int_equal(fkv_record_check_head(bytes, room, 1, 64), FKV_BAD);
  }
  assert_int_equal(fkv_record_check_head(bytes, 0, 1, 64), FKV_NOTHING);
  size_t wanted;
  assert_int_equal(fkv_record_check_part(bytes, 0, size, 1, 64, &wanted), FKV_BAD);
  assert_int_equal(wanted, FKV_HEADER_SIZE);
  assert_int_equal(fkv_record_check_part(bytes, FKV_HEADER_SIZE, size, 1, 64, &wanted), FKV_BAD);
  assert_int_equal(wanted, FKV_HEADER_SIZE + 12);
  assert_int_equal(fkv_record_check_part(bytes, wanted, size, 1, 64, &wanted), FKV_SOUND);
  memset(bytes, 0, FKV_HEADER_SIZE);
  assert_int_equal(fkv_record_check_head(bytes, size, 1, 64), FKV_NOTHING);
}

static void random_bytes_are_no_record(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  for (int round = 0; round < 100000; round++) {
    for (size_t at = 0; at < 64; at += 8) {
      uint64_t word = kh_prng_next(&prng);
      memcpy(bytes + at, &word, sizeof word);
    }
    bytes[14] = (uint8_t)(1 + round % 4);
    bytes[15] = (uint8_t)(round % 8);
    assert_int_not_equal(fkv_record_check_head(bytes, sizeof bytes, 1, 64), FKV_SOUND);
  }
}

static void seals_say_what_they_were_given(void **state) {
  (void)state;
  uint8_t value[FKV_SEAL_VALUE_SIZE];
  fkv_draft draft = fkv_seal_draft((fkv_seal){17, 5000000000}, value);
  fkv_draft_write(&draft, &(fkv_place){1, 64, 9, 9}, bytes);
  assert_int_equal(fkv_draft_size(&draft, 64), FKV_HEADER_SIZE + FKV_SEAL_VALUE_SIZE);
  assert_int_equal(fkv_record_check_head(bytes, 48, 1, 64), FKV_SOUND);
  assert_int_equal(fkv_record_kind(bytes), FKV_SEAL);
  assert_false(fkv_record_is_write(bytes));
  assert_int_equal(fkv_record_key_size(bytes), 0);
  assert_int_equal(fkv_record_seal(bytes).records, 17);
  assert_int_equal(fkv_record_seal(bytes).synced_to, 5000000000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),        cmocka_unit_test(what_was_changed_is_noticed),
      cmocka_unit_test(what_does_not_fit_is_bad),       cmocka_unit_test(random_bytes_are_no_record),
      cmocka_unit_test(seals_say_what_they_were_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
