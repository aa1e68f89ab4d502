/* Repair keeps what is whole, says what is not, and leaves a store that opens and is whole, wherever it is killed. */
#include <stdio.h>

#include "damage.h"
#include "flashkv/check.h"
#include "flashkv/store.h"
#include "sim_disk.h"

/* Repairs what cannot be opened, or has a damaged value; it is whole then. */
static void repair(test_store *test, found *own) {
  found after;
  found_by_repair(own, test->folder, FLASHKV_OK);
  found_by_check(&after, test->folder, FLASHKV_OK);
  assert_int_equal(own->result.keys, after.result.keys);
  store_open(test);
}

static void a_whole_store_is_left_as_it_is(void **state) {
  test_store *test = *state;
  char copy[FOLDER_PATH_SIZE], command[256];
  found own;
  store_put_some(test->store);
  found_by_repair(&own, test->folder, FLASHKV_LOCKED);
  store_close(test);
  folder_make(copy);
  folder_copy(test->folder, copy);
  found_by_repair(&own, test->folder, FLASHKV_OK);
  assert_int_equal(own.result.findings, 0);
  assert_int_equal(own.result.records_lost, 0);
  assert_int_equal(own.result.keys, 6);
  snprintf(command, sizeof command, "diff -r %s %s", test->folder, copy);
  assert_int_equal(system(command), 0);
  folder_remove(copy);
  store_open(test);
}

static void a_damaged_value_goes_and_the_rest_stays(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  store_put_some(test->store);
  damage_close(test, path);
  damage_flip(path, damage_find(path, "value of b"));
  repair(test, &own);
  assert_int_equal(own.result.records_lost, 1);
  assert_found(&own, "the value is damaged, key b");
  assert_found(&own, "000000001.data.damaged");
  store_assert_entries(test->store, NULL, "a=value of a c=value of c p=batch of p q=batch of q r=batch of r");
  store_put_text(test->store, "b", "new");
  store_reopen(test);
  store_assert_text(test->store, "b", "new");
  assert_int_equal(flashkv_sequence(test->store), 5);
  damage_path(test, "000000001.data.damaged", path);
  assert_true(damage_exists(path));
}

static void what_is_left_of_a_batch_stays(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  store_put_some(test->store);
  damage_close(test, path);
  damage_flip(path, damage_find(path, "batch of q") - 20); /* in its head */
  repair(test, &own);
  assert_int_equal(own.result.records_lost, 1);
  store_assert_entries(test->store, NULL, "a=value of a b=value of b c=value of c p=batch of p r=batch of r");
}

/* The file is not history any more: what is written from now on is. */
static void history_begins_behind_what_was_lost(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  store_put_some(test->store);
  damage_close(test, path);
  damage_flip(path, damage_find(path, "value of b"));
  repair(test, &own);
  assert_int_equal(store_stats(test->store).oldest_replay, 5);
}

static void a_manifest_is_made_anew(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  store_put_some(test->store);
  for (int round = 0; round < 3; round++) {
    store_close(test);
    damage_path(test, "MANIFEST", path);
    if (round == 0) damage_flip(path, 10);
    else if (round == 1) assert_int_equal(remove(path), 0);
    else damage_cut(path, 100);
    repair(test, &own);
    assert_int_equal(own.result.records_lost, 0);
    assert_found(&own, "made anew");
    store_assert_entries(test->store, NULL,
                         "a=value of a b=value of b c=value of c p=batch of p q=batch of q r=batch of r");
    assert_int_equal(flashkv_sequence(test->store), 4);
  }
}

static void a_missing_file_is_missed(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  test->options.data_file_size = 4096;
  test->options.merge_automatically = false;
  store_reopen(test);
  char value[3000];
  memset(value, 'v', sizeof value);
  for (char key = 'a'; key <= 'e'; key++) {
    MUST(flashkv_put(test->store, slice_of(&key, 1), slice_of(value, sizeof value), &err));
  }
  store_close(test);
  damage_path(test, "000000002.data", path);
  assert_int_equal(remove(path), 0);
  repair(test, &own);
  assert_found(&own, "000000002.data: ");
  store_assert_text(test->store, "b", NULL);
  for (char key = 'a'; key <= 'e'; key++) {
    if (key != 'b') store_assert_value(test->store, slice_of(&key, 1), slice_of(value, sizeof value));
  }
}

static void what_is_no_store_is_left_alone(void **state) {
  (void)state;
  char folder[FOLDER_PATH_SIZE];
  found own;
  folder_make(folder);
  found_by_repair(&own, folder, FLASHKV_NOT_A_STORE);
  folder_remove(folder);
  found_by_repair(&own, folder, FLASHKV_NOT_A_STORE);
}

/* ---- any bit, anywhere */

static size_t count_right(flashkv *store) {
  static const char *const expected[][2] = {{"a", "value of a"}, {"b", "value of b"}, {"c", "value of c"},
                                            {"p", "batch of p"}, {"q", "batch of q"}, {"r", "batch of r"}};
  size_t right = 0;
  for (size_t at = 0; at < 6; at++) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_get(store, flashkv_text(expected[at][0]), &value, &error);
    if (status == FLASHKV_NOT_FOUND) continue;
    store_must_be_at(status, FLASHKV_OK, &error, "flashkv_get", __FILE__, __LINE__);
    assert_int_equal(value.size, strlen(expected[at][1]));
    assert_memory_equal(value.data, expected[at][1], value.size);
    flashkv_value_release(&value);
    right++;
  }
  return right;
}

static void each_flipped_bit_costs_one_record_at_most(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE], whole[FOLDER_PATH_SIZE];
  store_put_some(test->store);
  store_close(test);
  folder_make(whole);
  folder_copy(test->folder, whole);
  damage_path(test, DAMAGE_FIRST_FILE, path);
  uint64_t size = damage_size(path), step = UNIT_SANITIZED ? 7 : 1;
  for (uint64_t at = 64; at < size; at += step) {
    found own;
    folder_copy(whole, test->folder);
    damage_flip(path, at);
    repair(test, &own);
    if (count_right(test->store) < 5) fail_msg("a bit at offset %llu", (unsigned long long)at);
    store_close(test);
  }
  folder_remove(whole);
}

/* ---- killed anywhere */

enum { COPIES_MAX = 200 };

typedef struct copies {
  sim_disk *disks[COPIES_MAX];
  size_t count;
} copies;

static void copy_disk(void *ctx, sim_disk *disk, const sim_step *step) {
  (void)step;
  copies *own = ctx;
  assert_true(own->count < COPIES_MAX);
  own->disks[own->count++] = sim_disk_kill(disk);
}

static flashkv *open_on(sim_disk *disk) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = "/store";
  options.background = false;
  options.data_file_size = 1 << 16;
  flashkv *store = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (fkv_open_on(sim_disk_os(disk), &options, &store, &error) != FLASHKV_OK) fail_msg("%s", error.message);
  return store;
}

static void close_store(flashkv *store) { assert_int_equal(fkv_close(store, NULL), FLASHKV_OK); }

static sim_disk *damaged_disk(bool without_manifest) {
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  flashkv *store = open_on(disk);
  store_put_some(store);
  close_store(store);
  uint64_t size;
  uint8_t *bytes = sim_disk_bytes(disk, "/store/000000001.data", &size);
  assert_non_null(bytes);
  for (uint64_t at = 0; at + 10 <= size; at++) {
    if (memcmp(bytes + at, "value of b", 10) == 0) bytes[at] ^= 1;
  }
  if (without_manifest) sim_disk_bytes(disk, "/store/MANIFEST", &size)[100] ^= 1;
  sim_disk_settle(disk);
  return disk;
}

static void must_repair(sim_disk *disk) {
  khonsu_error error = KHONSU_ERROR_INIT;
  if (fkv_repair_on(sim_disk_os(disk), "/store", NULL, NULL, &error) != FLASHKV_OK) fail_msg("%s", error.message);
}

static void must_be_repaired(sim_disk *disk) {
  must_repair(disk);
  flashkv *store = open_on(disk);
  assert_int_equal(count_right(store), 5);
  close_store(store);
  assert_int_equal(fkv_check_on(sim_disk_os(disk), "/store", NULL, NULL, NULL), FLASHKV_OK);
}

static void a_repair_that_is_killed_can_be_repeated(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  for (int round = 0; round < 2; round++) {
    copies taken = {.count = 0};
    sim_disk *disk = damaged_disk(round == 1);
    sim_disk_watch(disk, copy_disk, &taken);
    must_repair(disk);
    sim_disk_watch(disk, NULL, NULL);
    assert_true(taken.count > 5);
    for (size_t at = 0; at < taken.count; at++) {
      for (int loss = 0; loss < 4; loss++) {
        sim_policy policy = sim_policy_random(&prng);
        sim_disk *left = sim_disk_crash(taken.disks[at], &prng, &policy);
        must_be_repaired(left);
        sim_disk_free(&left);
      }
      must_be_repaired(taken.disks[at]);
      sim_disk_free(&taken.disks[at]);
    }
    sim_disk_free(&disk);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_store_is_left_as_it_is),
      cmocka_unit_test(a_damaged_value_goes_and_the_rest_stays),
      cmocka_unit_test(what_is_left_of_a_batch_stays),
      cmocka_unit_test(history_begins_behind_what_was_lost),
      cmocka_unit_test(a_manifest_is_made_anew),
      cmocka_unit_test(a_missing_file_is_missed),
      cmocka_unit_test(what_is_no_store_is_left_alone),
      cmocka_unit_test(each_flipped_bit_costs_one_record_at_most),
      cmocka_unit_test(a_repair_that_is_killed_can_be_repeated),
  };
  return STORE_SUITE(tests);
}
