/* fail: what an errno means to a user of the library. */
#include <errno.h>
#include <string.h>

#include "os.h"

static khonsu_status status_of(kh_os_error failed) {
  switch (failed) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return KHONSU_STORAGE_FULL; /* disk, quota, RLIMIT_FSIZE or the file system's largest file */
    case ENOMEM: return KHONSU_NO_MEMORY;
    default: return KHONSU_IO;
  }
}

khonsu_status kh_os_fail(khonsu_error *error, kh_os_error failed, const char *verb, const char *path) {
  KH_ASSERT(failed > 0);
  char buffer[128];
  const char *text = strerror_r(failed, buffer, sizeof buffer); /* the GNU form; strerror is not for threads */
  return khonsu_error_set(error, status_of(failed), "cannot %s %s: %s", verb, path, text);
}
