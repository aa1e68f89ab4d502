/* A full disk: puts are refused, and reads go on; with a reserve there is room to delete, and to merge, after which puts
 * work again, without reopening. */
#include <stdio.h>
#include <string.h>

#include "flashkv/store.h"
#include "sim_disk.h"
#include "store.h"

enum { CAPACITY = 1 << 20, FILE_SIZE = 1 << 16, RESERVE = 1 << 17, VALUE = 1000, KEYS = 2000 };

typedef struct fixture {
  sim_disk *disk;
  flashkv_options options;
  flashkv *store;
  int keys; /* that there was room for */
} fixture;

static void open_store(fixture *f) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_open_on(sim_disk_os(f->disk), &f->options, &f->store, &error);
  if (status != FLASHKV_OK) fail_msg("%s", error.message);
}

static fixture begin(bool mapped, uint64_t reserve) {
  fixture f = {.disk = sim_disk_new(&(sim_options){.capacity_bytes = CAPACITY}), .options = FLASHKV_OPTIONS_INIT};
  f.options.dir_path = "/store";
  f.options.mmap_at_startup = mapped;
  f.options.background = false;
  f.options.data_file_size = FILE_SIZE;
  f.options.merge_reserve = reserve;
  open_store(&f);
  return f;
}

static void end(fixture *f) {
  if (f->store != NULL) MUST(flashkv_close(&f->store, &err));
  assert_int_equal(sim_disk_stray_stores(f->disk), 0);
  sim_disk_free(&f->disk);
}

/* ---- keys and values by number */

static flashkv_slice key_of(char text[16], int number) {
  return slice_of(text, (size_t)snprintf(text, 16, "key %d", number));
}

static flashkv_status put(fixture *f, int number) {
  char text[16], value[VALUE];
  memset(value, number, sizeof value);
  return flashkv_put(f->store, key_of(text, number), slice_of(value, sizeof value), NULL);
}

static void assert_value(fixture *f, int number) {
  char text[16], value[VALUE];
  memset(value, number, sizeof value);
  store_assert_value(f->store, key_of(text, number), slice_of(value, sizeof value));
}

static bool is_kept(int number) { return number % 4 == 0; }

static flashkv_status delete_most(fixture *f) {
  char text[16];
  flashkv_status status = FLASHKV_OK;
  for (int number = 0; number < f->keys && status == FLASHKV_OK; number++) {
    if (!is_kept(number)) status = flashkv_delete(f->store, key_of(text, number), NULL);
    if (status == FLASHKV_NOT_FOUND) status = FLASHKV_OK; /* a second attempt */
  }
  return status;
}

static void fill_the_disk(fixture *f) {
  flashkv_status status = FLASHKV_OK;
  for (f->keys = 0; f->keys < KEYS && (status = put(f, f->keys)) == FLASHKV_OK;) f->keys++;
  assert_int_equal(status, FLASHKV_STORAGE_FULL);
}

static void assert_kept(fixture *f) {
  char text[16];
  for (int number = 0; number < f->keys; number++) {
    if (is_kept(number)) assert_value(f, number);
    else MUST_BE(FLASHKV_NOT_FOUND, flashkv_exists(f->store, key_of(text, number), &err));
  }
}

static uint64_t reserve_size(fixture *f) {
  uint64_t size;
  return sim_disk_bytes(f->disk, "/store/RESERVE", &size) == NULL ? 0 : size;
}

/* ---- tests */

static void make_room_again(bool mapped) {
  fixture f = begin(mapped, RESERVE);
  for (int round = 0; round < 3; round++) {
    fill_the_disk(&f);
    assert_true(f.keys > 500);
    for (int number = 0; number < f.keys; number++) assert_value(&f, number);
    assert_int_equal(delete_most(&f), FLASHKV_OK);
    uint64_t before = store_stats(f.store).disk_size;
    MUST(flashkv_merge(f.store, NULL, NULL, &err));
    assert_true(store_stats(f.store).disk_size < before / 2);
    assert_int_equal(reserve_size(&f), RESERVE);
    assert_kept(&f);
    assert_int_equal(put(&f, f.keys / 2 * 4), FLASHKV_OK);
    if (round == 1) MUST(flashkv_close(&f.store, &err));
    if (round == 1) open_store(&f);
  }
  assert_kept(&f);
  end(&f);
}

static void room_is_made_on_a_full_disk(void **state) {
  (void)state;
  make_room_again(true);
  make_room_again(false);
}

static void without_a_reserve_there_is_no_way_back(void **state) {
  (void)state;
  fixture f = begin(true, 0);
  fill_the_disk(&f);
  flashkv_status status = delete_most(&f);
  if (status == FLASHKV_OK) status = flashkv_merge(f.store, NULL, NULL, NULL);
  assert_int_equal(status, FLASHKV_STORAGE_FULL);
  assert_int_equal(reserve_size(&f), 0);
  sim_disk_set_capacity(f.disk, 2 * CAPACITY); /* but from outside */
  assert_int_equal(delete_most(&f), FLASHKV_OK);
  MUST(flashkv_merge(f.store, NULL, NULL, &err));
  assert_kept(&f);
  end(&f);
}

/* Small stores do not take it; the next opening may want none, or another. */
static void the_reserve_is_as_large_as_is_wanted(void **state) {
  (void)state;
  fixture f = begin(true, RESERVE);
  assert_int_equal(put(&f, 0), FLASHKV_OK);
  assert_int_equal(reserve_size(&f), 0);
  for (int number = 0; number < 100; number++) assert_int_equal(put(&f, number), FLASHKV_OK);
  assert_int_equal(reserve_size(&f), RESERVE);
  static const uint64_t sizes[] = {RESERVE / 2, 2 * RESERVE, 0};
  for (size_t at = 0; at < sizeof sizes / sizeof sizes[0]; at++) {
    MUST(flashkv_close(&f.store, &err));
    f.options.merge_reserve = sizes[at];
    open_store(&f);
    MUST(flashkv_merge(f.store, NULL, NULL, &err));
    assert_int_equal(reserve_size(&f), sizes[at]);
  }
  end(&f);
}

/* Else it would be gone at once, and not come back. */
static void writes_do_not_get_what_a_merge_has(void **state) {
  (void)state;
  fixture f = begin(true, RESERVE);
  fill_the_disk(&f);
  sim_disk_set_capacity(f.disk, 2 * CAPACITY);
  atomic_store(&f.store->reserve_lent, true);
  assert_int_equal(put(&f, f.keys), FLASHKV_STORAGE_FULL);
  atomic_store(&f.store->reserve_lent, false);
  assert_int_equal(put(&f, f.keys), FLASHKV_OK);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(room_is_made_on_a_full_disk),
      cmocka_unit_test(without_a_reserve_there_is_no_way_back),
      cmocka_unit_test(the_reserve_is_as_large_as_is_wanted),
      cmocka_unit_test(writes_do_not_get_what_a_merge_has),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
