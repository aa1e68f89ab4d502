/* manifest: which data files make up the store. A new one takes the place of the old by one rename.
 *
 *   preamble (numbers: generation; bytes of what follows; CRC-32C of it)
 *   offset  bytes  little-endian
 *       64      8  id of the next data file: beyond all others, at most 2^48
 *       72      8  seed of the hash of keys
 *       80      8  the oldest sequence to be kept readable; 2^64 - 1: none but the newest
 *       88      8  the first sequence from which on every write is still in the files, in order
 *       96      8  number of rows
 *      104      8  a sequence, and
 *      112      8  a timestamp, that later commits are beyond
 *      120      8  bits that a reader must understand; 0 so far
 *      128         rows, by the order of their files in the log; merged ones first
 *   a row
 *        0      8  id of the file
 *        8      8  bits: 1 sealed, 2 made by a merge; a reader must understand all that are set
 *       16      8  bytes that were flushed; of a sealed file, its size
 *       24      8  the least and
 *       32      8  the greatest sequence of its records, as far as they were flushed
 *       40     24  the same: 0 so far */
#ifndef FKV_MANIFEST_H
#define FKV_MANIFEST_H

#include "file.h"

enum { FKV_ROW_SEALED = 1, FKV_ROW_MERGED = 2, FKV_ROW_BITS = FKV_ROW_SEALED | FKV_ROW_MERGED };
#define FKV_FILE_ID_MAX (UINT64_C(1) << 48)

typedef struct fkv_manifest_row {
  uint64_t id, bits, flushed, sequence_min, sequence_max;
} fkv_manifest_row;

typedef struct fkv_manifest {
  uint8_t store_id[FKV_STORE_ID_SIZE];
  uint64_t generation, next_file_id, hash_seed, retain_oldest, history_from, sequence, timestamp_us;
  size_t row_count;
  fkv_manifest_row *rows; /* the manifest's own */
} fkv_manifest;

#define FKV_MANIFEST_NAME "MANIFEST"

/* Bytes of its file. */
static inline uint64_t fkv_manifest_size(const fkv_manifest *manifest) { return 128 + 64 * manifest->row_count; }

/* The row of the file; NULL: it is not listed. */
static inline const fkv_manifest_row *fkv_manifest_find(const fkv_manifest *manifest, uint64_t id) {
  for (size_t index = 0; index < manifest->row_count; index++) {
    if (manifest->rows[index].id == id) return &manifest->rows[index];
  }
  return NULL;
}

/* Publishes: writes it beside, flushes, renames, flushes `directory`. On failure the old one is still in place, or, if the
 * directory could not be flushed, either may be found. */
KHONSU_MUST_USE khonsu_status fkv_manifest_write(const kh_os *os, const char *dir_path, kh_file directory,
                                                 const fkv_manifest *manifest, khonsu_error *error);
/* NOT_A_STORE: there is none. CORRUPT, UNSUPPORTED. */
KHONSU_MUST_USE khonsu_status fkv_manifest_read(const kh_os *os, const char *dir_path, fkv_manifest *manifest,
                                                khonsu_error *error);
void fkv_manifest_fini(fkv_manifest *manifest);

#endif
