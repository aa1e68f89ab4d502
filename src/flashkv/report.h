/* report: what check, repair and backup tell their caller while they work. */
#ifndef FKV_REPORT_H
#define FKV_REPORT_H

#include "base/base.h"
#include "flashkv.h"

typedef struct fkv_report {
  flashkv_check_options options;
  flashkv_check_result result;
  const char *phase;
  uint64_t bytes_done, bytes_total;
} fkv_report;

/* `options` may be NULL, or of another version. INVALID_ARGUMENT. */
KHONSU_MUST_USE khonsu_status fkv_report_begin(fkv_report *report, const flashkv_check_options *options,
                                               const char *phase, khonsu_error *error);
/* Copies the result to the caller's, which may be NULL. */
void fkv_report_end(const fkv_report *report, flashkv_check_result *result);

/* Counts a finding, and tells it. */
__attribute__((format(printf, 6, 7))) void fkv_report_finding(fkv_report *report, const char *file, uint64_t offset,
                                                              uint64_t size, khonsu_slice key, const char *format, ...);
/* So many bytes more are done. CANCELLED. */
KHONSU_MUST_USE khonsu_status fkv_report_progress(fkv_report *report, uint64_t bytes, khonsu_error *error);

#endif
