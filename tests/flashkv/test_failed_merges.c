/* Merges that fail at their last step, when nothing can be written any more: the store is as before, and so is the order of
 * its log. */
#include <errno.h>
#include <stdio.h>

#include "flashkv/store.h"
#include "os_fault.h"
#include "sim_disk.h"
#include "store.h"

enum { WRITES = 200, VALUE = 500 };

typedef struct fixture {
  sim_disk *disk;
  kh_os_fault fault;
  flashkv *store;
} fixture;

static void open_store(fixture *f) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  options.dir_path = "/store";
  options.background = false;
  options.data_file_size = 16384;
  if (fkv_open_on(&f->fault.os, &options, &f->store, &error) != FLASHKV_OK) fail_msg("%s", error.message);
}

static void begin(fixture *f) {
  f->disk = sim_disk_new(&(sim_options){0});
  kh_os_fault_init(&f->fault, sim_disk_os(f->disk));
  open_store(f);
}

static void end(fixture *f) {
  MUST(flashkv_close(&f->store, &err));
  sim_disk_free(&f->disk);
}

static void write_some(fixture *f) {
  char value[VALUE] = {0};
  for (uint32_t number = 0; number < WRITES; number++) {
    uint32_t key = number % 50;
    memcpy(value, &number, sizeof number);
    MUST(flashkv_put(f->store, slice_of(&key, sizeof key), slice_of(value, sizeof value), &err));
  }
}

/* Sequences come one after the other. */
static int follow(void *ctx, const flashkv_change *change) {
  uint64_t *next = ctx;
  assert_int_equal(change->sequence, *next);
  ++*next;
  return 0;
}

/* As the manifest has it: files of the log have ascending numbers. */
static void assert_order(const fixture *f) {
  fkv_manifest manifest;
  khonsu_error error = KHONSU_ERROR_INIT;
  uint64_t last = 0;
  if (fkv_manifest_read(sim_disk_os(f->disk), "/store", &manifest, &error) != FLASHKV_OK) fail_msg("%s", error.message);
  for (size_t index = 0; index < manifest.row_count; index++) {
    if (manifest.rows[index].bits & FKV_ROW_MERGED) continue;
    assert_true(manifest.rows[index].id > last);
    last = manifest.rows[index].id;
  }
  assert_true(last > 4);
  fkv_manifest_fini(&manifest);
}

static void the_log_keeps_its_order(void **state) {
  (void)state;
  fixture f;
  static const double thresholds[] = {0, -1};
  for (size_t at = 0; at < sizeof thresholds / sizeof thresholds[0]; at++) {
    begin(&f);
    write_some(&f);
    assert_true(store_stats(f.store).data_file_num > 4);
    flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
    options.threshold = thresholds[at];
    kh_os_fault_plan(&f.fault,
                     (kh_os_plan){.operation = KH_OS_OP_RENAME, .fail_at = 1, .from_then_on = true, .error = EIO});
    for (int attempt = 0; attempt < 2; attempt++) { /* the first ends when it has sealed the last file */
      MUST_BE(FLASHKV_IO, flashkv_merge(f.store, &options, NULL, &err));
      uint64_t next = 1;
      MUST(flashkv_replay(f.store, 1, UINT64_MAX, follow, &next, &err));
      assert_int_equal(next, WRITES + 1);
    }
    kh_os_fault_plan(&f.fault, (kh_os_plan){0});
    MUST(flashkv_close(&f.store, &err));
    assert_order(&f);
    open_store(&f);
    MUST(flashkv_merge(f.store, &options, NULL, &err));
    assert_int_equal(store_stats(f.store).key_num, 50);
    end(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_log_keeps_its_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
