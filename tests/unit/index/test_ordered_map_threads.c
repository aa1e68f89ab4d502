/* Readers of the ordered map are right while keys come and go, and while words change, if it has them. */
#include "index/index.h"

typedef kh_ordered_map tested_index;

#include "ordered_threads.h"

static khonsu_status index_init(shared *common) {
  return (with_words ? kh_ordered_map_init_words : kh_ordered_map_init)(&common->map, &common->epoch);
}
static void index_fini(shared *common) { kh_ordered_map_fini(&common->map); }

static khonsu_status index_insert(shared *common, khonsu_slice key, uint64_t word) {
  if (with_words) return kh_ordered_map_insert_word(&common->map, key, word);
  return kh_ordered_map_insert(&common->map, key);
}
static void index_replace(shared *common, khonsu_slice key, uint64_t word) {
  kh_ordered_map_replace_word(&common->map, key, word);
}
static void index_remove(shared *common, khonsu_slice key) { kh_ordered_map_remove(&common->map, key); }

static uint64_t index_find(const shared *common, khonsu_slice key) { return kh_ordered_map_find(&common->map, key); }

static khonsu_status index_read(const shared *common, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  if (words == NULL) return kh_ordered_map_read(&common->map, from, inclusive, reverse, keys, places, room, count);
  return kh_ordered_map_read_words(&common->map, from, inclusive, reverse, keys, places, words, room, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_are_right_while_keys_come_and_go),
  };
  int failed = cmocka_run_group_tests_name("keys", tests, NULL, NULL);
  with_words = true;
  return failed + cmocka_run_group_tests_name("keys with words", tests, NULL, NULL);
}
