/* hint: what the keydir needs of the records of one sealed data file, a tenth of their bytes: `NNN.hint` beside `NNN.data`.
 * After a crash the keydir of the hash kind is made from hints, and only files without one are read.
 *
 *   preamble (numbers: id of the data file; its salt; CRC-32C of bytes from 128 on, and of bytes 64 to 127)
 *   offset  bytes  little-endian
 *       64      8  bytes of the data file
 *       72      8  4 bytes, where its last record begins, in units of 8, and 4 bytes, the head checksum of that; zeros if it
 *                  has none
 *       80      8  seed of the hash of keys
 *       88      8  number of entries, and
 *       96      8  of expiries
 *      104      8  the greatest timestamp,
 *      112      8  the greatest sequence up to which a seal says that the log was flushed,
 *      120      8  and the greatest of a void, in the data file
 *      128         entries of 16 bytes, one for each write, in their order: hash of the key; 4 bytes, where the record
 *                  begins, and 4 bytes, its size, both in units of 8; of the latter, bit 31: a deletion, bit 30: it expires
 *                  expiries of 8 bytes, for each entry that has bit 30, in their order
 *
 * A hint can be made again: one that is damaged, or of another file than the one it stands beside, is as good as none.
 * Records found by a hint have not been looked at, as those of the image: their heads are checked when they are first read. A
 * hint whose checksum is right may lie nevertheless: where the opening finds that out, it goes by data files alone; where a
 * reader does, closing removes hints and image.
 *
 * Entries have no sequence. It would say which of two writes to a key is the newer one; but that they are to one key only
 * the keys can say, and who reads these has the sequences too. */
#ifndef FKV_HINT_H
#define FKV_HINT_H

#include "loader.h"
#include "store.h"

typedef struct fkv_hint_sums {
  uint64_t timestamp_us, synced_to, skipped;
} fkv_hint_sums;
typedef struct fkv_hint_head {
  uint64_t size;
  uint32_t last_at, last_crc;
  uint64_t hash_seed, entries, expiries;
  fkv_hint_sums sums;
} fkv_hint_head;
typedef struct fkv_hint_entry {
  uint64_t hash;
  uint32_t at, shape; /* in units */
} fkv_hint_entry;
#define FKV_HINT_DELETES (UINT32_C(1) << 31)
#define FKV_HINT_EXPIRES (UINT32_C(1) << 30)
#define FKV_HINT_UNITS (FKV_HINT_EXPIRES - 1)

/* The parts of a hint, where they are in memory. */
typedef struct fkv_hint {
  const fkv_hint_head *head;
  const fkv_hint_entry *entries;
  const uint8_t *expiries;
} fkv_hint;

/* Whether it is a hint, whole, and the file's; then each entry lies in the file, behind the one before it, and voids have no
 * sequence that the file has no room for, were all before it up to `last`. `bytes` are aligned to 8. */
bool fkv_hint_read(khonsu_slice bytes, const fkv_files *files, uint64_t hash_seed, fkv_file *file, uint64_t last,
                   fkv_hint *hint);

/* Takes bytes of a hint that is being made, and where they belong: in their order, but for the first 128, which come last. May
 * fail as it likes. */
typedef struct fkv_hint_sink {
  khonsu_status (*put)(void *ctx, uint64_t at, khonsu_slice bytes, khonsu_error *error);
  void *ctx;
} fkv_hint_sink;

/* Makes the hint of a sealed file; of one that can have none, nothing is put. IO, CORRUPT, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_hint_make(const fkv_files *files, uint64_t hash_seed, fkv_file *file,
                                            fkv_hint_sink sink, khonsu_error *error);

/* Adds the records of a sealed file by its hint, for which `bytes`, empty, has room. `last` is the greatest sequence met so
 * far, the file's included. `*found`: there was one to go by; else nothing was added. */
KHONSU_MUST_USE khonsu_status fkv_hint_load(fkv_loader *loader, fkv_file *file, uint64_t last, kh_buffer *bytes,
                                            fkv_hint_sums *sums, bool *found);

#endif
