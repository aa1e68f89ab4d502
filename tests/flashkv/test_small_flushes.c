/* Records go through system calls while little is to be flushed each time, and through the mapping otherwise: a synced put
 * in between, or that of opening, does not make all puts after it slow. */
#include "flashkv/store.h"
#include "os_fault.h"
#include "store.h"

enum { VALUE = 1000, FEW = 50, MANY = 1000 };

typedef struct fixture {
  char folder[FOLDER_PATH_SIZE];
  kh_os_fault os;
  flashkv *store;
} fixture;

static void begin(fixture *f) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  folder_make(f->folder);
  kh_os_fault_init(&f->os, kh_os_posix());
  options.dir_path = f->folder;
  options.background = false;
  if (fkv_open_on(&f->os.os, &options, &f->store, &error) != FLASHKV_OK) fail_msg("%s", error.message);
}

static void end(fixture *f) {
  MUST(flashkv_close(&f->store, &err));
  folder_remove(f->folder);
}

/* Returns how many calls wrote. */
static uint64_t put_some(fixture *f, uint32_t count, flashkv_durability durability) {
  static const char value[VALUE];
  uint64_t before = f->os.calls[KH_OS_OP_WRITE_AT];
  for (uint32_t key = 0; key < count; key++) {
    flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
    options.sync_writes = durability;
    MUST(flashkv_put_with(f->store, slice_of(&key, sizeof key), slice_of(value, sizeof value), &options, NULL, &err));
  }
  return f->os.calls[KH_OS_OP_WRITE_AT] - before;
}

static void small_flushes_are_written_by_calls(void **state) {
  fixture f;
  (void)state;
  begin(&f);
  put_some(&f, 1, FLASHKV_SYNC);
  assert_true(put_some(&f, FEW, FLASHKV_SYNC) >= FEW);
  end(&f);
}

static void what_is_not_flushed_goes_through_the_mapping(void **state) {
  fixture f;
  (void)state;
  begin(&f);
  for (int i = 0; i < 2; i++) {
    put_some(&f, 1, FLASHKV_SYNC);
    assert_true(put_some(&f, MANY, FLASHKV_BUFFERED) <= 2 * FKV_SMALL_FLUSH / VALUE);
    assert_true(put_some(&f, MANY, FLASHKV_BUFFERED) <= 2);
    put_some(&f, 2, FLASHKV_SYNC); /* the second is small again */
  }
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_flushes_are_written_by_calls),
      cmocka_unit_test(what_is_not_flushed_goes_through_the_mapping),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
