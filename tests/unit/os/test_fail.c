/* What an errno becomes: a status of the right class, and a text that names the file. */
#include <errno.h>
#include <string.h>

#include "os/os.h"
#include "unit.h"

static void a_full_disk_is_a_limit(void **state) {
  (void)state;
  const kh_os_error full[] = {ENOSPC, EDQUOT, EFBIG};
  for (int i = 0; i < 3; i++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(kh_os_fail(&error, full[i], "write", "/data/1"), KHONSU_STORAGE_FULL);
    assert_int_equal(error.status, KHONSU_STORAGE_FULL);
  }
}

static void memory_is_memory_and_the_rest_is_io(void **state) {
  (void)state;
  assert_int_equal(kh_os_fail(NULL, ENOMEM, "map", "/data/1"), KHONSU_NO_MEMORY);
  const kh_os_error others[] = {EIO, ENOENT, EACCES, EMFILE, EROFS, EAGAIN, 4095};
  for (int i = 0; i < 7; i++) assert_int_equal(kh_os_fail(NULL, others[i], "open", "/data/1"), KHONSU_IO);
}

static void the_text_says_what_failed(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_os_fail(&error, ENOENT, "open", "/data/1");
  assert_string_equal(error.message, "cannot open /data/1: No such file or directory");
  kh_os_fail(&error, 4095, "open", "/data/1");
  assert_non_null(strstr(error.message, "4095"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_disk_is_a_limit),
      cmocka_unit_test(memory_is_memory_and_the_rest_is_io),
      cmocka_unit_test(the_text_says_what_failed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
