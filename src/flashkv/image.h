/* image: the keydir of the hash kind as a file, written when the store is closed, and mapped when it is opened again.
 *
 *   preamble (numbers: bytes of what follows up to the padding; CRC-32C of it and of the first 60 bytes of the hash map,
 *             which have checksums of the rest; generation of the manifest at close)
 *   offset  bytes  little-endian
 *       64      8  sequence and
 *       72      8  timestamp of the newest commit in it
 *       80      8  keys that have a value
 *       88     24  numbers of rows, links and expiries
 *      112      8  where the hash map begins, a multiple of 4,096
 *      120      8  its bytes
 *      128         rows of 80 bytes, one for each data file: id; the first span that words of it have; bytes that the image
 *                  covers; live, deletions', retained bytes; least and greatest sequence; bit 1: has values that expire;
 *                  zeros
 *                  links of 32 bytes, by age: from the word of a record to that of an older version; sequence of that, and
 *                  of what replaced it
 *                  expiries of 16 bytes: when, milliseconds since 1970, and the word of the record
 *                  zeros
 *                  the hash map, as index/hash_image.c describes it
 *
 * Checksums say that it is what was written; what it says is not believed for that. When it is taken, what its lists say is
 * held against the files, as far as that takes no look at records; a word of the hash map is looked at when it is used
 * (store.h). That a key has no word, that a word leads to the newest record of its key, and counts, are believed: check
 * looks at those (check_image.h).
 *
 * The image is of use as long as all of its files are in the store: what was written since stands behind what it covers, or
 * in files that it does not know. After a merge of one of its files the keydir is made from the files. */
#ifndef FKV_IMAGE_H
#define FKV_IMAGE_H

#include "store.h"

#define FKV_IMAGE_NAME "INDEX"

typedef struct fkv_image_head {
  uint64_t sequence, timestamp_us, keys, rows, links, expiries, hash_at, hash_size;
} fkv_image_head;
typedef struct fkv_image_row {
  uint64_t id, first_span, covered, live, tombstones, retained, sequence_min, sequence_max, bits, zero;
} fkv_image_row;
typedef struct fkv_image_link {
  uint64_t newer, older, from, until;
} fkv_image_link;
typedef struct fkv_image_expiry {
  uint64_t expires_ms, word;
} fkv_image_expiry;

/* The parts of an image, where they are in memory. */
typedef struct fkv_image {
  const fkv_image_head *head;
  const fkv_image_row *rows;
  const fkv_image_link *links;
  const fkv_image_expiry *expiries;
  const uint8_t *hash;
} fkv_image;

/* Whether it is an image, of the store with this identity, and whole, but for what the hash map has checksums of its own
 * for. `path` is for the texts. CORRUPT, UNSUPPORTED. */
KHONSU_MUST_USE khonsu_status fkv_image_read(const uint8_t *bytes, size_t size, const char *path,
                                             const uint8_t store_id[FKV_STORE_ID_SIZE], fkv_image *image,
                                             khonsu_error *error);
/* Whether all of its files are in the store. */
bool fkv_image_is_current(const fkv_image *image, const fkv_manifest *manifest);

/* Maps the image, if there is one that fits the manifest; else, and on any failure, there is none. */
void fkv_image_open(flashkv *store, const fkv_manifest *manifest);
/* What it says of a file; NULL: there is no image, or the file is not in it. */
const fkv_image_row *fkv_image_find(const flashkv *store, uint64_t id);
/* When the files are open: makes the keydir of it. False: it cannot be used, and the store is as without it. */
bool fkv_image_take(flashkv *store);
/* Gives up the mapping; nothing of the keydir is used any more. */
void fkv_image_close(flashkv *store);

/* What stands before the hash map, which has so many bytes and begins so, padding included: appended to `to`, which is empty. The state of
 * another kind of keydir is described by the same, with no bytes for the hash map. The write lock is held. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_image_describe(flashkv *store, uint64_t hash_size, const uint8_t *hash_header,
                                                 kh_buffer *to);

/* Removes it, so that the next opening reads the log: it has said what is wrong. */
void fkv_image_remove(const flashkv *store);

/* Writes one. Nobody else uses the store, and all is flushed. */
KHONSU_MUST_USE khonsu_status fkv_image_write(flashkv *store, khonsu_error *error);

#endif
