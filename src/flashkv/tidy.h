/* tidy: what the opening of a store removes: files that the manifest does not list, of a merge, or of the making of a file,
 * that did not come to its end. Only those that say that they are of this store, or that nothing was written to but their
 * first bytes; what else has a name like theirs is left alone, and the number in it not used. */
#ifndef FKV_TIDY_H
#define FKV_TIDY_H

#include "store.h"

/* When the list of files is complete. IO. */
KHONSU_MUST_USE khonsu_status fkv_tidy(flashkv *store, khonsu_error *error);

/* Whether a file, which nothing lists, is such a one. */
bool fkv_may_be_removed(const fkv_files *files, const char *path, fkv_file_kind kind);

#endif
