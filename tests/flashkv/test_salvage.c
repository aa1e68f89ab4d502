/* A damaged store that is opened to salvage what is whole holds what repair would keep, says what it passes over, and is not
 * changed by a byte. */
#include <stdio.h>
#include <sys/stat.h>

#include "bit_rot.h"
#include "damage.h"
#include "flashkv/check.h"
#include "flashkv/store.h"

/* ---- stores */

enum { VALUE = 900 };

/* Some data files: keys that are overwritten, deleted, expire, of batches; and merged ones. */
static void put(flashkv *store, const char *key, char letter) {
  char value[VALUE];
  memset(value, letter, sizeof value);
  MUST(flashkv_put(store, flashkv_text(key), slice_of(value, sizeof value), &err));
}

static void put_batch(flashkv *store, char letter) {
  flashkv_batch *batch = NULL;
  char value[VALUE];
  memset(value, letter, sizeof value);
  MUST(flashkv_batch_new(store, NULL, &batch, &err));
  for (char key = 'p'; key <= 'r'; key++)
    MUST(flashkv_batch_put(batch, slice_of(&key, 1), slice_of(value, sizeof value), NULL, &err));
  MUST(flashkv_batch_delete(batch, flashkv_text("gone"), &err));
  MUST(flashkv_batch_commit(batch, NULL, &err));
  flashkv_batch_free(&batch);
}

static void merge(flashkv *store) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  MUST(flashkv_merge(store, &options, NULL, &err));
}

static void write_some(flashkv *store) {
  put(store, "gone", 'g');
  for (char letter = 'a'; letter <= 'h'; letter++) put(store, letter % 2 ? "odd" : "even", letter);
  store_put_text(store, "a", "value of a");
  put_batch(store, '1');
  merge(store);
  for (char letter = 'a'; letter <= 'h'; letter++) put(store, (char[]){letter, '\0'}, letter);
  put_batch(store, '2');
  store_put_text(store, "b", "the first value of b");
  store_delete_text(store, "c");
  put(store, "d", 'D');
  store_put_text(store, "b", "the last value of b");
  store_put_until(store, "late", "expires in the year 2100", UINT64_C(4102444800000));
}

static flashkv_options small_files(const char *folder) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = folder;
  options.data_file_size = 4096;
  options.merge_automatically = options.background = false;
  return options;
}

static void fill(test_store *test) {
  test->options.data_file_size = 4096;
  test->options.merge_automatically = false;
  store_reopen(test);
  write_some(test->store);
  store_close(test);
}

/* ---- what a store holds */

/* "key=value sequence expiry" of each key. */
static void note_entry(kh_buffer *to, flashkv *store, flashkv_slice key, flashkv_slice value) {
  char numbers[80];
  flashkv_value got = FLASHKV_VALUE_INIT;
  MUST(flashkv_get(store, key, &got, &err));
  assert_int_equal(got.size, value.size);
  if (value.size > 0) assert_memory_equal(got.data, value.data, value.size);
  int size = snprintf(numbers, sizeof numbers, " %llu %llu\n", (unsigned long long)got.sequence,
                      (unsigned long long)got.expires_ms);
  flashkv_value_release(&got);
  assert_int_equal(kh_buffer_append(to, key.data, key.size), KHONSU_OK);
  assert_int_equal(kh_buffer_append(to, "=", 1), KHONSU_OK);
  assert_int_equal(kh_buffer_append(to, value.data, value.size), KHONSU_OK);
  assert_int_equal(kh_buffer_append(to, numbers, (size_t)size), KHONSU_OK);
}

static kh_buffer contents_of(flashkv *store) {
  kh_buffer contents = {0};
  flashkv_iterator *iterator = NULL;
  flashkv_slice key, value;
  flashkv_status status;
  uint64_t count = 0;
  MUST(flashkv_iterator_open(store, NULL, &iterator, &err));
  while ((status = flashkv_iterator_next(iterator, &key, &value, NULL)) == FLASHKV_OK) {
    note_entry(&contents, store, key, value);
    count++;
  }
  assert_int_equal(status, FLASHKV_END);
  flashkv_iterator_free(&iterator);
  assert_int_equal(store_stats(store).key_num, count);
  return contents;
}

static void assert_same(const kh_buffer *salvaged, const kh_buffer *repaired, const char *what) {
  if (salvaged->size == repaired->size && memcmp(salvaged->data, repaired->data, salvaged->size) == 0) return;
  fail_msg("%s: salvaged, %zu bytes:\n%.*s\nrepaired, %zu bytes:\n%.*s", what, salvaged->size, (int)salvaged->size,
           (const char *)salvaged->data, repaired->size, (int)repaired->size, (const char *)repaired->data);
}

static flashkv_recovery recovered(const flashkv *store) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &recovery);
  return recovery;
}

/* ---- what is found */

static void note_finding(void *ctx, const flashkv_finding *finding) {
  found *own = ctx;
  own->result.findings++;
  own->used +=
      (size_t)snprintf(own->text + own->used, sizeof own->text - own->used, "%s: %s\n", finding->file, finding->text);
  assert_true(own->used < sizeof own->text);
}

static flashkv *open_to_salvage(const test_store *test, found *own) {
  flashkv_options options = test->options;
  flashkv_check_options report = FLASHKV_CHECK_OPTIONS_INIT;
  flashkv *store = NULL;
  *own = (found){.result = FLASHKV_CHECK_RESULT_INIT};
  report.finding = note_finding;
  report.ctx = own;
  options.salvage = true;
  options.salvage_report = &report;
  MUST(flashkv_open(&options, &store, &err));
  assert_int_equal(recovered(store).findings, own->result.findings);
  return store;
}

static void assert_identical(const char *folder, const char *other) {
  char command[256];
  snprintf(command, sizeof command, "diff -r %s %s", folder, other);
  assert_int_equal(system(command), 0);
}

/* ---- a whole store */

static int count_change(void *ctx, const flashkv_change *change) {
  (void)change;
  ++*(uint64_t *)ctx;
  return 0;
}

static void a_whole_store_is_all_there(void **state) {
  test_store *test = *state;
  char copy[FOLDER_PATH_SIZE];
  found own;
  fill(test);
  store_open(test);
  kh_buffer expected = contents_of(test->store);
  uint64_t oldest = store_stats(test->store).oldest_replay, newest = flashkv_sequence(test->store);
  store_close(test);
  flashkv *store = open_to_salvage(test, &own);
  kh_buffer contents = contents_of(store);
  assert_int_equal(own.result.findings, 0);
  assert_same(&contents, &expected, "whole");
  assert_int_equal(flashkv_sequence(store), newest);
  assert_int_equal(store_stats(store).oldest_replay, oldest);
  uint64_t changes = 0;
  MUST(flashkv_replay(store, oldest, newest, count_change, &changes, &err));
  assert_true(changes > newest - oldest); /* batches have several */
  folder_make(copy);
  MUST(flashkv_backup(store, copy, true, NULL, NULL, &err));
  MUST(flashkv_close(&store, &err));
  found_by_check(&own, copy, FLASHKV_OK);
  folder_remove(copy);
  kh_buffer_fini(&contents);
  kh_buffer_fini(&expected);
  store_open(test);
}

static void nothing_can_be_written(void **state) {
  test_store *test = *state;
  found own;
  fill(test);
  flashkv *store = open_to_salvage(test, &own);
  flashkv_batch *batch = NULL;
  MUST_BE(FLASHKV_READ_ONLY, flashkv_put(store, flashkv_text("a"), flashkv_text("b"), &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_delete(store, flashkv_text("a"), &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_merge(store, NULL, NULL, &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_retain(store, UINT64_MAX, &err));
  MUST(flashkv_batch_new(store, NULL, &batch, &err));
  MUST(flashkv_batch_put(batch, flashkv_text("a"), flashkv_text("b"), NULL, &err));
  MUST_BE(FLASHKV_READ_ONLY, flashkv_batch_commit(batch, NULL, &err));
  flashkv_batch_free(&batch);
  MUST(flashkv_sync(store, &err));
  MUST(flashkv_close(&store, &err));
  store_open(test);
}

static void it_works_beside_who_writes(void **state) {
  test_store *test = *state;
  found own;
  store_put_text(test->store, "a", "1");
  flashkv *store = open_to_salvage(test, &own);
  store_put_text(test->store, "a", "2");
  merge(test->store);
  store_assert_entries(store, NULL, "a=1");
  assert_int_equal(own.result.findings, 0);
  MUST(flashkv_close(&store, &err));
}

/* ---- damage, place by place */

static const char *with(char letter) {
  static char text[32];
  memset(text, letter, sizeof text - 1);
  return text;
}

/* The first data file that has the text. */
static void find_file(const test_store *test, const char *text, char path[DAMAGE_PATH_SIZE]) {
  char name[32];
  for (int id = 1; id < 100; id++) {
    snprintf(name, sizeof name, "%09d.data", id);
    damage_path(test, name, path);
    if (damage_exists(path) && damage_has(path, text) != 0) return;
  }
  fail_msg("%s is in no file", text);
}

static void flip_at(const test_store *test, const char *text, int64_t by) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, text, path);
  damage_flip(path, (uint64_t)((int64_t)damage_find(path, text) + by));
}

static void a_value(const test_store *test) { flip_at(test, "the last value of b", 3); }
static void a_key(const test_store *test) { flip_at(test, "dDDDD", 0); }
static void a_head(const test_store *test) { flip_at(test, "dDDDD", -20); }
static void a_member_of_a_batch(const test_store *test) { flip_at(test, "q2222", 10); }
static void a_seal(const test_store *test) { /* behind the deletion with which the batch ends */
  char path[DAMAGE_PATH_SIZE];
  find_file(test, "r2222", path);
  damage_flip(path, damage_find(path, "r2222") + 1 + VALUE + 7 + 40 + 32);
}
static void a_merged_record(const test_store *test) { flip_at(test, "value of a", 0); }
static void a_deletion(const test_store *test) { /* of c, behind the first value of b */
  flip_at(test, "the first value of b", 20 + 3 + 16);
}
static void a_block(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  damage_zero(path, 1024, 512);
}
static void most_of_a_file(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  damage_zero(path, 0, (size_t)damage_size(path) - 100);
}
static void the_preamble(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  damage_flip(path, 17);
}
static void the_end_of_a_file(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  damage_cut(path, damage_size(path) - 500);
}
static void the_end_of_the_log(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, "expires in", path);
  damage_cut(path, damage_size(path) - 20);
}
static void what_follows_a_file(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  damage_append(path, 7, 500);
}
static void remove_file(const test_store *test, const char *name) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, name, path);
  (void)remove(path); /* of INDEX, some kinds have none */
}
static void a_missing_file(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), path);
  assert_int_equal(remove(path), 0);
}
static void the_manifest(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, "MANIFEST", path);
  damage_flip(path, 90);
}
static void a_missing_manifest(const test_store *test) { remove_file(test, "MANIFEST"); }
static void a_missing_manifest_and_a_value(const test_store *test) {
  remove_file(test, "MANIFEST");
  a_value(test);
}
static void a_missing_index(const test_store *test) {
  remove_file(test, "INDEX");
  a_value(test);
}
static void the_index(const test_store *test) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, "INDEX", path);
  if (damage_exists(path)) damage_zero(path, 0, (size_t)damage_size(path));
  a_value(test);
}
static void files_in_each_others_place(const test_store *test) {
  char one[DAMAGE_PATH_SIZE], other[DAMAGE_PATH_SIZE], aside[DAMAGE_PATH_SIZE];
  find_file(test, with('b'), one);
  find_file(test, with('h'), other);
  damage_path(test, "aside", aside);
  assert_string_not_equal(one, other);
  assert_int_equal(rename(one, aside), 0);
  assert_int_equal(rename(other, one), 0);
  assert_int_equal(rename(aside, other), 0);
}

typedef struct named_harm {
  const char *name;
  void (*do_it)(const test_store *test);
} named_harm;

#define HARM(function)                                                                                                 \
  { #function, function }
static const named_harm harms[] = {
    HARM(a_value),
    HARM(a_key),
    HARM(a_head),
    HARM(a_member_of_a_batch),
    HARM(a_seal),
    HARM(a_merged_record),
    HARM(a_deletion),
    HARM(a_block),
    HARM(most_of_a_file),
    HARM(the_preamble),
    HARM(the_end_of_a_file),
    HARM(the_end_of_the_log),
    HARM(what_follows_a_file),
    HARM(a_missing_file),
    HARM(the_manifest),
    HARM(a_missing_manifest),
    HARM(a_missing_manifest_and_a_value),
    HARM(a_missing_index),
    HARM(the_index),
    HARM(files_in_each_others_place),
};

/* In a directory that may not be written to, for whom that means anything. */
static void salvage_and_repair(test_store *test, const named_harm *harm) {
  char before[FOLDER_PATH_SIZE];
  found salvaged, repaired;
  folder_make(before);
  folder_copy(test->folder, before);
  assert_int_equal(chmod(test->folder, 0500), 0);
  flashkv *store = open_to_salvage(test, &salvaged);
  kh_buffer contents = contents_of(store);
  flashkv_stats stats = store_stats(store);
  uint64_t lost = recovered(store).records_lost, sequence = flashkv_sequence(store);
  if (salvaged.result.findings == 0) fail_msg("%s: nothing was found", harm->name);
  MUST_SAY(FLASHKV_CORRUPT, "repair a copy", flashkv_backup(store, "/tmp/flashkv-never-made", true, NULL, NULL, &err));
  MUST(flashkv_close(&store, &err));
  assert_int_equal(chmod(test->folder, 0700), 0);
  assert_identical(test->folder, before);
  found_by_repair(&repaired, test->folder, FLASHKV_OK);
  store_open(test);
  kh_buffer expected = contents_of(test->store);
  assert_same(&contents, &expected, harm->name);
  assert_int_equal(lost, repaired.result.records_lost);
  assert_int_equal(stats.key_num, repaired.result.keys);
  assert_int_equal(sequence, flashkv_sequence(test->store));
  assert_int_equal(stats.oldest_replay, store_stats(test->store).oldest_replay);
  store_close(test);
  kh_buffer_fini(&contents);
  kh_buffer_fini(&expected);
  folder_remove(before);
}

static void it_holds_what_repair_would_keep(void **state) {
  test_store *test = *state;
  char whole[FOLDER_PATH_SIZE];
  fill(test);
  folder_make(whole);
  folder_copy(test->folder, whole);
  for (size_t at = 0; at < sizeof harms / sizeof harms[0]; at++) {
    folder_copy(whole, test->folder);
    harms[at].do_it(test);
    salvage_and_repair(test, &harms[at]);
  }
  folder_remove(whole);
  store_open(test);
}

/* ---- what the manual says of what is lost */

static void older_values_come_to_light(void **state) {
  test_store *test = *state;
  found own;
  fill(test);
  a_value(test);
  a_deletion(test);
  flashkv *store = open_to_salvage(test, &own);
  store_assert_text(store, "b", "the first value of b");
  char value[VALUE];
  memset(value, 'c', sizeof value);
  store_assert_value(store, flashkv_text("c"), slice_of(value, sizeof value));
  assert_found(&own, "the value is damaged");
  assert_int_equal(recovered(store).records_lost, 2);
  MUST(flashkv_close(&store, &err));
  folder_copy(test->folder, test->folder); /* nothing is left */
  store_open(test);
}

static void a_replay_does_not_pass_over_a_gap(void **state) {
  test_store *test = *state;
  found own;
  uint64_t changes = 0;
  fill(test);
  a_head(test);
  flashkv *store = open_to_salvage(test, &own);
  uint64_t oldest = store_stats(store).oldest_replay, newest = flashkv_sequence(store);
  MUST_SAY(FLASHKV_TRIMMED, "from ", flashkv_replay(store, 1, UINT64_MAX, count_change, &changes, &err));
  MUST_BE(FLASHKV_TRIMMED, flashkv_replay(store, oldest - 1, UINT64_MAX, count_change, &changes, &err));
  assert_int_equal(changes, 0);
  MUST(flashkv_replay(store, oldest, UINT64_MAX, count_change, &changes, &err));
  assert_true(changes >= newest + 1 - oldest);
  MUST(flashkv_close(&store, &err));
  folder_copy(test->folder, test->folder);
  store_open(test);
}

/* ---- asking wrongly, and being stopped */

static int stop(void *ctx, const char *phase, uint64_t done, uint64_t total) {
  (void)ctx, (void)phase, (void)done, (void)total;
  return 1;
}

static void an_opening_can_be_refused_and_ended(void **state) {
  test_store *test = *state;
  flashkv *store = NULL;
  flashkv_options options = test->options;
  flashkv_check_options report = FLASHKV_CHECK_OPTIONS_INIT;
  char folder[FOLDER_PATH_SIZE];
  fill(test);
  options.salvage_report = &report;
  MUST_SAY(FLASHKV_INVALID_ARGUMENT, "salvage is false", flashkv_open(&options, &store, &err));
  options.salvage = true;
  report.progress = stop;
  MUST_BE(FLASHKV_CANCELLED, flashkv_open(&options, &store, &err));
  report.struct_size = 0;
  MUST_BE(FLASHKV_INVALID_ARGUMENT, flashkv_open(&options, &store, &err));
  options.salvage_report = NULL;
  folder_make(folder);
  options.dir_path = folder;
  MUST_BE(FLASHKV_NOT_A_STORE, flashkv_open(&options, &store, &err)); /* and none is made */
  folder_remove(folder);
  MUST_BE(FLASHKV_NOT_A_STORE, flashkv_open(&options, &store, &err));
  store_open(test);
}

/* ---- anywhere */

static flashkv *open_on(sim_disk *disk, bool salvage) {
  flashkv_options options = small_files("/store");
  flashkv *store = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  options.salvage = salvage;
  if (fkv_open_on(sim_disk_os(disk), &options, &store, &error) != FLASHKV_OK) fail_msg("%s", error.message);
  return store;
}

static sim_disk *disk_of_a_store(bool closed) {
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  flashkv *store = open_on(disk, false);
  write_some(store);
  if (closed) MUST(flashkv_close(&store, &err));
  sim_disk *left = sim_disk_kill(disk);
  MUST(flashkv_close(&store, &err));
  sim_disk_free(&disk);
  return left;
}

/* Whatever it is that keeps a store from being opened, it is read-only: only what damages nothing is looked at. */
static void compare_on(sim_disk *disk, const char *what) {
  uint64_t steps = sim_disk_steps(disk), hash = sim_disk_hash(disk);
  flashkv *store = open_on(disk, true);
  kh_buffer contents = contents_of(store);
  MUST(flashkv_close(&store, &err));
  if (sim_disk_steps(disk) != steps || sim_disk_hash(disk) != hash) fail_msg("%s: the disk was changed", what);
  assert_int_equal(fkv_repair_on(sim_disk_os(disk), "/store", NULL, NULL, NULL), FLASHKV_OK);
  store = open_on(disk, false);
  kh_buffer expected = contents_of(store);
  MUST(flashkv_close(&store, &err));
  assert_same(&contents, &expected, what);
  kh_buffer_fini(&contents);
  kh_buffer_fini(&expected);
}

static void any_harm_is_as_in_a_repair(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  for (int closed = 0; closed < 2; closed++) {
    sim_disk *disk = disk_of_a_store(closed == 1);
    bit_rot rot;
    bit_rot_init(&rot, disk);
    for (uint64_t round = 0, rounds = unit_size(150); round < rounds; round++) {
      sim_disk *harmed = sim_disk_kill(disk);
      char text[320];
      for (uint64_t count = 1 + kh_prng_below(&prng, 4); count > 0; count--) {
        bit_rot_harm harm = bit_rot_random(&rot, &prng, false);
        (void)bit_rot_do(&harm, harmed, NULL);
        bit_rot_text(&harm, text);
      }
      compare_on(harmed, text);
      sim_disk_free(&harmed);
    }
    sim_disk_free(&disk);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_store_is_all_there),          cmocka_unit_test(nothing_can_be_written),
      cmocka_unit_test(it_works_beside_who_writes),          cmocka_unit_test(it_holds_what_repair_would_keep),
      cmocka_unit_test(older_values_come_to_light),          cmocka_unit_test(a_replay_does_not_pass_over_a_gap),
      cmocka_unit_test(an_opening_can_be_refused_and_ended),
  };
  const struct CMUnitTest once[] = {cmocka_unit_test(any_harm_is_as_in_a_repair)};
  int failed = store_suite_of_indexes(tests, sizeof tests / sizeof tests[0]);
  return cmocka_run_group_tests(once, NULL, NULL) + failed;
}
