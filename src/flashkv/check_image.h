/* check_image: whether INDEX is whole, and says what the data files say. A part of check.
 *
 *   open     the file by itself: preamble, lists, each segment of the hash map
 *   compare  with the store as its data files have it. Each entry must lead to the newest record of its key, stand where the
 *            key is looked for, and be there for each key that has a value; but for what was written since the image was.
 *            What it keeps for the past, and what expires, must be what it says
 *
 * An image of files that a merge has replaced is not used by anybody, and so is not compared. */
#ifndef FKV_CHECK_IMAGE_H
#define FKV_CHECK_IMAGE_H

#include "image.h"
#include "report.h"

typedef struct fkv_image_check {
  const fkv_files *files;
  fkv_report *report;
  uint8_t *bytes; /* mapped; NULL: there is none */
  size_t size;
  _Atomic bool unreadable; /* see os/guard.h */
  fkv_image image;
  kh_epoch epoch;
  kh_hash_map map; /* stands on it */
  bool whole;      /* it can be compared */
} fkv_image_check;

/* IO, NO_MEMORY, CANCELLED. To be closed whatever is returned. */
KHONSU_MUST_USE khonsu_status fkv_image_check_open(fkv_image_check *check, const fkv_files *files, fkv_report *report,
                                                   khonsu_error *error);
/* `log` is a reader of the store that was made from the data files alone (fkv_open_log). The same. */
KHONSU_MUST_USE khonsu_status fkv_image_check_compare(fkv_image_check *check, flashkv *log, khonsu_error *error);
void fkv_image_check_close(fkv_image_check *check);

#endif
