/* guard: mapped data files that cannot be read any more.
 *
 * The room os gives zeros for what is gone (os/guard.h), and marks the file. Zeros are no record, so what is checked is
 * found out by its checksum; what was checked before, and is not checked again, by the mark, which is looked at after the
 * bytes (fkv_file_is_unreadable). From then on the file answers IO. Values that were lent out before cannot be taken back:
 * they show zeros where the file is gone, and closing the store says so. Zeros in the image of the index are slots without words: from then on, what is
 * not found may be there nevertheless (fkv_check_index). */
#include "store.h"

static khonsu_status guard(khonsu_error *error) {
  kh_os_error failed = kh_guard_install();
  return failed ? kh_os_fail(error, failed, "install a handler for", "SIGBUS") : FLASHKV_OK;
}

flashkv_status flashkv_guard_mapped_files(flashkv_error *error) { FKV_TELL(error, guard(detail)); }
