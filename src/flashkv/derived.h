/* derived: files that are made from data files, and can be made again: the image of the index, hints, and the index on disk.
 * Who changes which data files there are without opening the store removes them. */
#ifndef FKV_DERIVED_H
#define FKV_DERIVED_H

#include "file.h"

/* Bytes of those that are there; of the index on disk, of that only which it does not tell itself, if it is open. */
uint64_t fkv_derived_size(const fkv_files *files, bool tree_is_open);
/* Removes those that are there. IO. */
KHONSU_MUST_USE khonsu_status fkv_derived_remove(const kh_os *os, const char *dir_path, khonsu_error *error);

#endif
