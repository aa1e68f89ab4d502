/* A full disk: puts are refused, and reads go on; with a reserve there is room to delete, and to merge, after which puts
 * work again, without reopening. */
#include <stdio.h>
#include <string.h>

#include "flashkv/hints.h"
#include "flashkv/reserve.h"
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

static int count_hint(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  (void)bytes, (void)size;
  if (strstr(path, ".hint") != NULL) ++*(int *)ctx;
  return 0;
}

static int hints_of(fixture *f) {
  int count = 0;
  (void)sim_disk_each_file(f->disk, count_hint, &count);
  return count;
}

/* As the store's thread would write them, while there is room. */
static int fill_with_hints(fixture *f) {
  int hints_most = 0;
  flashkv_status status = FLASHKV_OK;
  for (f->keys = 0; f->keys < KEYS && (status = put(f, f->keys)) == FLASHKV_OK; f->keys++) {
    MUST(fkv_seal_full(f->store, NULL));
    fkv_hints_write(f->store);
    if (hints_of(f) > hints_most) hints_most = hints_of(f);
  }
  assert_int_equal(status, FLASHKV_STORAGE_FULL);
  return hints_most;
}

/* They take no room from commits nor merges, and come back when there is some. */
static void hints_give_way(void **state) {
  (void)state;
  fixture without = begin(true, 0), with = begin(true, 0);
  fill_the_disk(&without);
  assert_int_equal(hints_of(&without), 0);
  assert_true(fill_with_hints(&with) > 5);
  assert_int_equal(with.keys, without.keys);
  assert_int_equal(hints_of(&with), 0);
  fkv_hints_write(with.store); /* not at once */
  assert_int_equal(hints_of(&with), 0);
  sim_disk_set_capacity(with.disk, 2 * CAPACITY);
  assert_int_equal(delete_most(&with), FLASHKV_OK);
  MUST(flashkv_merge(with.store, NULL, NULL, &err));
  assert_true(hints_of(&with) > 1);
  assert_kept(&with);
  sim_disk_set_capacity(without.disk, 2 * CAPACITY);
  end(&without);
  end(&with);
}

/* A merge has the room of hints, as that of the reserve. */
static void a_merge_has_the_room_of_hints(void **state) {
  (void)state;
  fixture f = begin(true, 0);
  for (f.keys = 0; f.keys < 500; f.keys++) assert_int_equal(put(&f, f.keys), FLASHKV_OK);
  assert_int_equal(delete_most(&f), FLASHKV_OK);
  MUST(fkv_seal_full(f.store, NULL));
  fkv_hints_write(f.store);
  assert_true(hints_of(&f) > 5);
  uint64_t left;
  assert_int_equal(KH_OS_CALL(sim_disk_os(f.disk), free_space, "/store", &left), 0);
  sim_disk_set_capacity(f.disk, CAPACITY - left);
  assert_true(fkv_reserve_lend(f.store, FLASHKV_STORAGE_FULL));
  assert_int_equal(hints_of(&f), 0);
  assert_true(atomic_load(&f.store->reserve_lent)); /* nobody else gets it */
  fkv_reserve_return(f.store);
  assert_false(atomic_load(&f.store->reserve_lent));
  sim_disk_set_capacity(f.disk, CAPACITY);
  assert_int_equal(put(&f, 0), FLASHKV_OK);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(room_is_made_on_a_full_disk),
      cmocka_unit_test(without_a_reserve_there_is_no_way_back),
      cmocka_unit_test(the_reserve_is_as_large_as_is_wanted),
      cmocka_unit_test(writes_do_not_get_what_a_merge_has),
      cmocka_unit_test(hints_give_way),
      cmocka_unit_test(a_merge_has_the_room_of_hints),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
