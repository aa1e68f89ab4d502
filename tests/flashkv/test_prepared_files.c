/* The next data file is there before it is needed: who writes finds it, and does not make it. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "flashkv/store.h"
#include "sim_disk.h"
#include "store.h"

enum { FILE_SIZE = 1 << 16, VALUE = 1000 };

typedef struct fixture {
  sim_disk *disk;
  flashkv_options options;
  flashkv *store;
  pthread_t writer;
  _Atomic int made_by_writer; /* data files, or manifests */
  uint32_t written;
} fixture;

static void watch(void *ctx, sim_disk *disk, const sim_step *step) {
  (void)disk;
  fixture *f = ctx;
  bool makes =
      step->operation == KH_OS_OP_OPEN || step->operation == KH_OS_OP_SYNC || step->operation == KH_OS_OP_RENAME;
  if (makes && pthread_equal(pthread_self(), f->writer)) f->made_by_writer++;
}

static void open_store(fixture *f) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_open_on(sim_disk_os(f->disk), &f->options, &f->store, &error);
  if (status != FLASHKV_OK) fail_msg("%s", error.message);
}

static void begin(fixture *f, bool background) {
  *f = (fixture){.disk = sim_disk_new(&(sim_options){0}), .options = FLASHKV_OPTIONS_INIT, .writer = pthread_self()};
  f->options.dir_path = "/store";
  f->options.background = background;
  f->options.data_file_size = FILE_SIZE;
  open_store(f);
  sim_disk_watch(f->disk, watch, f);
}

static void put(fixture *f, size_t size) {
  static char value[2 * FILE_SIZE];
  memcpy(value, &f->written, sizeof f->written);
  MUST(flashkv_put(f->store, slice_of(&f->written, sizeof f->written), slice_of(value, size), &err));
  f->written++;
}

static void assert_all_there(fixture *f) {
  assert_int_equal(store_stats(f->store).key_num, f->written);
  for (uint32_t key = 0; key < f->written; key++) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    MUST(flashkv_get(f->store, slice_of(&key, sizeof key), &value, &err));
    assert_memory_equal(value.data, &key, sizeof key);
    flashkv_value_release(&value);
  }
}

static void fill_half(fixture *f) {
  for (int count = 0; count < FILE_SIZE / 2 / VALUE + 2; count++) put(f, VALUE);
}

static bool is_prepared(fixture *f) {
  kh_lock_acquire(&f->store->write_lock);
  bool prepared = f->store->prepared != NULL;
  kh_lock_release(&f->store->write_lock);
  return prepared;
}

static int count_data_file(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  (void)bytes, (void)size;
  *(size_t *)ctx += strstr(path, ".data") != NULL;
  return 0;
}

static size_t data_files(fixture *f) {
  size_t count = 0;
  (void)sim_disk_each_file(f->disk, count_data_file, &count);
  return count;
}

static void end(fixture *f) {
  size_t files = store_stats(f->store).data_file_num;
  MUST(flashkv_close(&f->store, &err));
  assert_int_equal(data_files(f), files); /* nothing empty is left */
  sim_disk_watch(f->disk, NULL, NULL);
  open_store(f);
  assert_all_there(f);
  MUST(flashkv_close(&f->store, &err));
  sim_disk_free(&f->disk);
}

static void who_writes_makes_no_files(void **state) {
  (void)state;
  fixture f;
  begin(&f, true);
  put(&f, VALUE); /* in the first file, which is made for it */
  for (uint64_t files = 1; files < 6; files++) {
    while (store_stats(f.store).data_file_num == files) {
      f.made_by_writer = 0;
      put(&f, VALUE);
      kh_lock_acquire(&f.store->write_lock);
      bool due = f.store->active->tail > FILE_SIZE / 2;
      kh_lock_release(&f.store->write_lock);
      while (due && !is_prepared(&f)) kh_os_yield(); /* the store's thread has been called */
    }
    assert_int_equal(f.made_by_writer, 0);
  }
  end(&f);
}

static void what_was_prepared_is_left_behind_by_a_crash(void **state) {
  (void)state;
  fixture f;
  begin(&f, false);
  fill_half(&f);
  fkv_prepare_next(f.store);
  assert_true(is_prepared(&f));
  assert_int_equal(store_stats(f.store).data_file_num, 1);
  sim_disk *left = sim_disk_kill(f.disk);
  MUST(flashkv_close(&f.store, &err));
  assert_int_equal(data_files(&f), 1);
  sim_disk_free(&f.disk);
  f.disk = left;
  assert_int_equal(data_files(&f), 2);
  for (int round = 0; round < 3; round++) {
    open_store(&f);
    assert_all_there(&f);
    fill_half(&f);
    fkv_prepare_next(f.store);
    assert_all_there(&f);
    MUST(flashkv_close(&f.store, &err));
  }
  open_store(&f);
  end(&f);
}

/* A record that does not fit into it gets a file of its own, behind it in the log. */
static void a_large_record_does_not_need_it(void **state) {
  (void)state;
  fixture f;
  begin(&f, false);
  for (int round = 0; round < 3; round++) {
    fill_half(&f);
    fkv_prepare_next(f.store);
    put(&f, FILE_SIZE + 1000);
    fill_half(&f);
    assert_all_there(&f);
    sim_disk *left = sim_disk_kill(f.disk);
    MUST(flashkv_close(&f.store, &err));
    sim_disk_free(&f.disk);
    f.disk = left;
    open_store(&f);
    assert_all_there(&f);
    assert_int_equal(flashkv_sequence(f.store), f.written);
  }
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  MUST(flashkv_merge(f.store, &options, NULL, &err)); /* the empty ones go */
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_writes_makes_no_files),
      cmocka_unit_test(what_was_prepared_is_left_behind_by_a_crash),
      cmocka_unit_test(a_large_record_does_not_need_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
