/* scan: the records of a data file, one after the other. */
#ifndef FKV_SCAN_H
#define FKV_SCAN_H

#include "file.h"

typedef struct fkv_scan {
  fkv_file *file;
  const fkv_files *files;
  uint64_t offset, end; /* where the next record begins; where records end at the latest */
  uint8_t *window;      /* of a file that is not mapped: what was read of it */
  uint64_t window_at;
  size_t window_size;
} fkv_scan;

static inline fkv_scan fkv_scan_begin(fkv_file *file, const fkv_files *files, uint64_t from, uint64_t end) {
  return (fkv_scan){.file = file, .files = files, .offset = from, .end = end};
}
static inline void fkv_scan_fini(fkv_scan *scan) { kh_free(scan->window); }

/* The record at scan->offset: whether it is sound, value and all if `with_value`, and all of it in memory. The scan does not
 * go on by itself: scan->offset is the caller's to move. `*record` is valid until the next call. IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_scan_look(fkv_scan *scan, bool with_value, const uint8_t **record,
                                            fkv_soundness *sound, khonsu_error *error);
static inline void fkv_scan_pass(fkv_scan *scan, const uint8_t *record) {
  scan->offset += fkv_record_size(record, scan->offset);
}

/* Has what comes somewhat later fetched: processors do so by themselves, but not from one page to the next. */
static inline void fkv_scan_prefetch(const fkv_scan *scan) {
  enum { AHEAD = 2048, LINES = 3 };
  if (scan->file->base == NULL || scan->end - scan->offset < AHEAD + LINES * KH_CACHE_LINE) return;
  for (int line = 0; line < LINES; line++) kh_prefetch(scan->file->base + scan->offset + AHEAD + line * KH_CACHE_LINE);
}

/* Goes on to the next place that holds a sound record, `*record`; NULL: there is none. */
KHONSU_MUST_USE khonsu_status fkv_scan_resume(fkv_scan *scan, const uint8_t **record, khonsu_error *error);

/* What stands from the scan's offset on, where the records end: up to where there are bytes that are not zero, or sound
 * records, `*end`, which is left if there are none; and the greatest number, if it is more than `*synced_to`, up to which a
 * seal there says that the log was flushed. The scan is of no use after. IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_scan_rest(fkv_scan *scan, uint64_t *end, uint64_t *synced_to, khonsu_error *error);

#endif
