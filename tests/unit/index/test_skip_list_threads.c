/* Readers of the skip list are right while keys come and go, and while words change. */
#include "index/index.h"

typedef kh_skip_list tested_index;

#include "ordered_threads.h"

static khonsu_status index_init(shared *common) {
  with_words = true;
  kh_skip_list_init(&common->map, &common->epoch, common->heap, common->seed);
  return KHONSU_OK;
}
static void index_fini(shared *common) { kh_skip_list_fini(&common->map); }

static khonsu_status index_insert(shared *common, khonsu_slice key, uint64_t word) {
  return kh_skip_list_insert(&common->map, key, word);
}
static void index_replace(shared *common, khonsu_slice key, uint64_t word) {
  kh_skip_list_replace(&common->map, key, word);
}
static void index_remove(shared *common, khonsu_slice key) { kh_skip_list_remove(&common->map, key); }

static uint64_t index_find(const shared *common, khonsu_slice key) { return kh_skip_list_find(&common->map, key); }

static khonsu_status index_read(const shared *common, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  return kh_skip_list_read(&common->map, from, inclusive, reverse, keys, places, words, room, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_are_right_while_keys_come_and_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
