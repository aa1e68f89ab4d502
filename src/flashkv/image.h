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
 * The image is of use as long as all of its files are in the store: what was written since stands behind what it covers, or
 * in files that it does not know. After a merge of one of its files the keydir is made from the files. */
#ifndef FKV_IMAGE_H
#define FKV_IMAGE_H

#include "store.h"

#define FKV_IMAGE_NAME "INDEX"

typedef struct fkv_image_row {
  uint64_t id, first_span, covered, live, tombstones, retained, sequence_min, sequence_max, bits, zero;
} fkv_image_row;

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

/* Writes one. Nobody else uses the store, and all is flushed. */
KHONSU_MUST_USE khonsu_status fkv_image_write(flashkv *store, khonsu_error *error);

#endif
