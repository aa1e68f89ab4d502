/* whole_file: small files that are read and written as a whole; and names that survive. */
#ifndef FKV_WHOLE_FILE_H
#define FKV_WHOLE_FILE_H

#include "os/os.h"

/* Writes `name` in the directory so that either what was there before or all of `parts` is found, whatever happens:
 * beside it, flushed, renamed, and the directory flushed. The directory is flushed before, too, so that files which the new
 * contents speak of are found with them. IN_DOUBT: either may be found; after all other failures it is what was there. */
KHONSU_MUST_USE khonsu_status fkv_whole_file_write(const kh_os *os, const char *dir_path, kh_file directory,
                                                   const char *name, const khonsu_slice *parts, size_t count,
                                                   khonsu_error *error);
/* Appends all of the file to `bytes`. `*absent`: there is none, and nothing is said in the error. */
KHONSU_MUST_USE khonsu_status fkv_whole_file_read(const kh_os *os, const char *path, kh_buffer *bytes, bool *absent,
                                                  khonsu_error *error);

/* Flushes the directory, which is open: the names in it survive a power loss. IO. */
KHONSU_MUST_USE khonsu_status fkv_directory_flush(const kh_os *os, const char *dir_path, kh_file directory,
                                                  khonsu_error *error);
/* Flushes the directory that `path` is in: so its name survives a power loss, whoever made it. Where that directory may
 * not be read, it is its owner's affair. */
KHONSU_MUST_USE khonsu_status fkv_name_flush(const kh_os *os, const char *path, khonsu_error *error);

#endif
