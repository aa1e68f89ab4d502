/* Options by name, options out of range, and the texts of statuses. */
#include <stdio.h>

#include "store.h"

static void each_option_can_be_set_by_name(void **state) {
  (void)state;
  flashkv_options options = FLASHKV_OPTIONS_INIT;
#define SET(name, text, wanted)                                                                                        \
  do {                                                                                                                 \
    MUST(flashkv_options_set(&options, #name, text, &err));                                                            \
    assert_true(options.name == (wanted));                                                                             \
  } while (0)
  SET(sync_writes, "sync", FLASHKV_SYNC);
  SET(sync_writes, "buffered", FLASHKV_BUFFERED);
  SET(sync_writes, "async", FLASHKV_ASYNC);
  SET(sync_writes, "true", FLASHKV_SYNC);
  SET(sync_writes, "false", FLASHKV_BUFFERED);
  SET(index_type, "btree", FLASHKV_INDEX_BTREE);
  SET(index_type, "skiplist", FLASHKV_INDEX_SKIPLIST);
  SET(index_type, "bptree", FLASHKV_INDEX_BPTREE);
  SET(index_type, "hash", FLASHKV_INDEX_HASH);
  SET(mmap_at_startup, "false", false);
  SET(mmap_at_startup, "true", true);
  SET(create_if_missing, "false", false);
  SET(read_only, "true", true);
  SET(merge_automatically, "false", false);
  SET(background, "false", false);
  SET(salvage, "true", true);
  SET(data_file_size, "123456", 123456);
  SET(data_file_size, "64K", 65536);
  SET(data_file_size, "3M", 3 << 20);
  SET(data_file_size, "1G", 1 << 30);
  SET(data_file_size, "1T", UINT64_C(1) << 40);
  SET(bytes_per_sync, "1M", 1 << 20);
  SET(file_merge_threshold, "0.25", 0.25);
  SET(merge_idle_ms, "0", 0);
  SET(merge_busy_threshold, "1", 1.0);
  SET(merge_window_begin_minute, "60", 60);
  SET(merge_window_end_minute, "1440", 1440);
  SET(merge_bytes_per_second, "10M", 10 << 20);
  SET(merge_reserve, "0", 0);
#undef SET
}

static void bad_names_and_values_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *name, *value, *said;
  } cases[] = {
      {"sync", "true", "there is no option \"sync\"; there are sync_writes"},
      {"dir_path", "/tmp", "there is no option"},
      {"", "1", "merge_reserve"},
      {"sync_writes", "always", "sync, buffered, async, true or false"},
      {"sync_writes", "", "it takes"},
      {"index_type", "art", "hash, btree, skiplist or bptree"},
      {"read_only", "yes", "true or false"},
      {"background", "1", "true or false"},
      {"data_file_size", "", "whole number"},
      {"data_file_size", "-1", "whole number"},
      {"data_file_size", "1.5M", "whole number"},
      {"data_file_size", "5X", "whole number"},
      {"data_file_size", "5MB", "whole number"},
      {"data_file_size", " 5", "whole number"},
      {"data_file_size", "99999999999T", "whole number"},
      {"data_file_size", "99999999999999999999999", "whole number"},
      {"merge_window_begin_minute", "4294967296", "whole number"},
      {"file_merge_threshold", "much", "a number such as 0.6"},
      {"file_merge_threshold", "", "a number such as 0.6"},
      {"file_merge_threshold", "0.6x", "a number such as 0.6"},
      {"file_merge_threshold", "nan", "a number such as 0.6"},
  };
  flashkv_options options = FLASHKV_OPTIONS_INIT, before = options;
  for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
    MUST_SAY(FLASHKV_INVALID_ARGUMENT, cases[at].said,
             flashkv_options_set(&options, cases[at].name, cases[at].value, &err));
    assert_memory_equal(&options, &before, sizeof options);
  }
}

static void must_not_open(const flashkv_options *options, const char *said) {
  flashkv *store = NULL;
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, said, flashkv_open(options, &store, &err));
  assert_null(store);
}

static void options_out_of_range_do_not_open(void **state) {
  (void)state;
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  must_not_open(&options, "dir_path");
  options.dir_path = "";
  must_not_open(&options, "dir_path");
  char path[5000];
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  options.dir_path = path;
  must_not_open(&options, "longer than");
#define REFUSE(name, value)                                                                                            \
  do {                                                                                                                 \
    options = (flashkv_options)FLASHKV_OPTIONS_INIT;                                                                   \
    options.dir_path = "/tmp/flashkv-never-made";                                                                      \
    options.name = (value);                                                                                            \
    must_not_open(&options, #name);                                                                                    \
  } while (0)
  REFUSE(sync_writes, FLASHKV_AS_STORE);
  REFUSE(index_type, (flashkv_index_type)4);
  REFUSE(data_file_size, 4095);
  REFUSE(data_file_size, (UINT64_C(1) << 40) + 1);
  REFUSE(file_merge_threshold, 0.0);
  REFUSE(file_merge_threshold, 1.5);
  REFUSE(file_merge_threshold, __builtin_nan(""));
  REFUSE(merge_busy_threshold, -1.0);
  REFUSE(merge_window_begin_minute, 1441);
  REFUSE(merge_window_end_minute, UINT32_MAX);
  REFUSE(merge_reserve, (UINT64_C(1) << 40) + 1);
#undef REFUSE
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_open(NULL, &(flashkv *){NULL}, &err));
}

static void structs_of_other_versions_are_understood(void **state) {
  (void)state;
  struct {
    flashkv_options options;
    uint64_t more;
  } newer = {FLASHKV_OPTIONS_INIT, 0};
  char folder[FOLDER_PATH_SIZE];
  folder_make(folder);
  flashkv *store = NULL;
  newer.options.dir_path = folder;
  newer.options.struct_size = sizeof newer;
  MUST(flashkv_open(&newer.options, &store, &err));
  MUST(flashkv_close(&store, &err));
  newer.more = 1;
  must_not_open(&newer.options, "newer version");
  newer.options.struct_size = (uint32_t)offsetof(flashkv_options, data_file_size);
  newer.options.data_file_size = 1; /* is not there, for that version */
  MUST(flashkv_open(&newer.options, &store, &err));
  MUST(flashkv_close(&store, &err));
  newer.options.struct_size = 0;
  must_not_open(&newer.options, "not initialised");
  folder_remove(folder);
}

static void errors_are_cut_to_the_size_given(void **state) {
  (void)state;
  struct {
    uint32_t struct_size;
    flashkv_status status;
    char message[20];
    char canary[4];
  } small = {offsetof(flashkv_error, message) + 20, 0, "", "abc"};
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  flashkv_status status = flashkv_options_set(&options, "no such thing", "1", (flashkv_error *)(void *)&small);
  assert_int_equal(status, FLASHKV_INVALID_ARGUMENT);
  assert_int_equal(small.status, status);
  assert_string_equal(small.message, "there is no option ");
  assert_string_equal(small.canary, "abc");
}

static void statuses_have_names_texts_and_classes(void **state) {
  (void)state;
  assert_string_equal(flashkv_status_name(FLASHKV_NOT_FOUND), "FLASHKV_NOT_FOUND");
  assert_string_equal(flashkv_status_name(12345), "FLASHKV_UNKNOWN");
#define CHECK(name, class_name, number, text)                                                                          \
  assert_string_equal(flashkv_status_name(FLASHKV_##name), "FLASHKV_" #name);                                          \
  assert_string_equal(flashkv_status_text(FLASHKV_##name), text);                                                      \
  assert_true(flashkv_status_is(FLASHKV_##name, FLASHKV_CLASS_##class_name));
  FLASHKV_STATUS_TABLE(CHECK)
#undef CHECK
  assert_false(flashkv_status_is(FLASHKV_NOT_FOUND, FLASHKV_CLASS_IO));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_option_can_be_set_by_name),   cmocka_unit_test(bad_names_and_values_are_refused),
      cmocka_unit_test(options_out_of_range_do_not_open), cmocka_unit_test(structs_of_other_versions_are_understood),
      cmocka_unit_test(errors_are_cut_to_the_size_given), cmocka_unit_test(statuses_have_names_texts_and_classes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
