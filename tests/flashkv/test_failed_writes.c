/* A write that fails uses up a sequence. For who comes later that is one at which nothing happened: also where it is the last
 * thing that the log knows of, and the store was opened again since. */
#include <errno.h>

#include "flashkv/store.h"
#include "os_fault.h"
#include "sim_disk.h"
#include "store.h"

static flashkv *open_on(const kh_os *os) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  flashkv *store = NULL;
  options.dir_path = "/store";
  options.background = false;
  options.mmap_at_startup = false;
  options.data_file_size = 4096;
  if (fkv_open_on(os, &options, &store, &error) != FLASHKV_OK) fail_msg("%s", error.message);
  return store;
}

/* The newest moment is that before the next commit, and can be read at. */
static void assert_newest_is_readable(flashkv *store) {
  uint64_t newest = flashkv_sequence(store);
  flashkv_iterator *iterator = NULL;
  flashkv_value value = FLASHKV_VALUE_INIT;
  assert_int_equal(newest, 2);
  assert_int_equal(flashkv_next_sequence(store), newest + 1);
  MUST(flashkv_wait(store, newest, &err));
  MUST(flashkv_get_kept(store, slice_of("a", 1), newest, &value, &err));
  flashkv_value_release(&value);
  MUST(flashkv_iterator_kept(store, newest, NULL, &iterator, &err));
  store_assert_rest(iterator, "a=1");
  flashkv_iterator_free(&iterator);
}

static void a_failed_write_is_a_moment_without_a_change(void **state) {
  (void)state;
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  kh_os_fault fault;
  kh_os_fault_init(&fault, sim_disk_os(disk));
  flashkv *store = open_on(&fault.os);
  store_put_text(store, "a", "1");
  kh_os_fault_plan(&fault, (kh_os_plan){.operation = KH_OS_OP_WRITE_AT, .fail_at = 1, .error = EIO});
  MUST_BE(FLASHKV_IO, flashkv_put(store, slice_of("b", 1), slice_of("2", 1), &err));
  assert_newest_is_readable(store);
  sim_disk *left = sim_disk_kill(disk);
  flashkv *opened = open_on(sim_disk_os(left));
  assert_newest_is_readable(opened);
  MUST(flashkv_close(&opened, &err));
  opened = open_on(sim_disk_os(left));
  assert_newest_is_readable(opened);
  store_put_text(opened, "c", "3");
  assert_int_equal(flashkv_sequence(opened), 3);
  MUST(flashkv_close(&opened, &err));
  MUST(flashkv_close(&store, &err));
  sim_disk_free(&left);
  sim_disk_free(&disk);
}

/* The store was opened again, and then the file that ends in the failed write was full. */
static void what_follows_on_a_failed_write_is_there(void **state) {
  (void)state;
  static const char large[3000];
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  kh_os_fault fault;
  kh_os_fault_init(&fault, sim_disk_os(disk));
  flashkv *store = open_on(&fault.os);
  store_put_text(store, "a", "1");
  kh_os_fault_plan(&fault, (kh_os_plan){.operation = KH_OS_OP_WRITE_AT, .fail_at = 1, .error = EIO});
  MUST_BE(FLASHKV_IO, flashkv_put(store, slice_of("b", 1), slice_of(large, sizeof large), &err));
  sim_disk *once = sim_disk_kill(disk);
  flashkv *opened = open_on(sim_disk_os(once));
  MUST(flashkv_put(opened, slice_of("c", 1), slice_of(large, sizeof large), &err));
  assert_int_equal(flashkv_sequence(opened), 3);
  sim_disk *twice = sim_disk_kill(once);
  flashkv *again = open_on(sim_disk_os(twice));
  store_assert_value(again, slice_of("c", 1), slice_of(large, sizeof large));
  assert_int_equal(flashkv_sequence(again), 3);
  MUST(flashkv_close(&again, &err));
  MUST(flashkv_close(&opened, &err));
  MUST(flashkv_close(&store, &err));
  sim_disk_free(&twice);
  sim_disk_free(&once);
  sim_disk_free(&disk);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_failed_write_is_a_moment_without_a_change),
      cmocka_unit_test(what_follows_on_a_failed_write_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
