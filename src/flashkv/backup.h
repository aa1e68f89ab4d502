/* backup: the parts of flashkv_backup.
 *
 *   target  the directory, which is ours from now on; and what it holds
 *   link    sealed files get a name in it, under files_lock, so that no merge can remove them meanwhile
 *   copy    what cannot be linked, and the files that still take records, up to the newest commit at the start
 *   check   what was copied is read back; values and all of where it came from, too
 *   publish copies get their names, and then a manifest; what was there before is whole until then
 *   tidy    what the manifest does not list goes
 *
 * A file with two names must never be written. Sealed files never are; but if a backup fails, an earlier manifest is still
 * in force, and may list as not sealed what has become so since: such files are copied. */
#ifndef FKV_BACKUP_H
#define FKV_BACKUP_H

#include "extent.h"

typedef struct fkv_backup {
  flashkv *store;
  fkv_files target; /* the directory; its files are of the store's identity */
  kh_file directory, lock_file;
  fkv_manifest before; /* of an earlier backup; no rows: there is none */
  fkv_extents extents;
  fkv_manifest made;
  bool *copied; /* of each extent: it is in a file of its own, that has no name yet */
  bool verify;
  flashkv_progress progress; /* may be NULL */
  void *progress_ctx;
  uint64_t bytes_done, bytes_total;
} fkv_backup;

/* backup_copy.c */

/* "<dir>/<id>.part": a copy that is not complete. */
enum { FKV_BACKUP_PART = 1 << 20 };
/* Copies an extent to a part, flushed, and reads it back. CORRUPT: what is to be copied, or was, is damaged. */
KHONSU_MUST_USE khonsu_status fkv_backup_copy(fkv_backup *backup, const fkv_extent *extent, khonsu_error *error);
/* Whether the file of an earlier backup is the same as that of the extent, which is sealed. */
bool fkv_backup_has(const fkv_backup *backup, const fkv_extent *extent);
/* Reads all of what the backup has of the extent. CORRUPT. */
KHONSU_MUST_USE khonsu_status fkv_backup_check(fkv_backup *backup, const fkv_extent *extent, khonsu_error *error);
/* So many bytes more are done. CANCELLED. */
KHONSU_MUST_USE khonsu_status fkv_backup_progress(fkv_backup *backup, uint64_t bytes, khonsu_error *error);

#endif
