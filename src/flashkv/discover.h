/* discover: which data files there are, where no manifest says so. */
#ifndef FKV_DISCOVER_H
#define FKV_DISCOVER_H

#include "survey.h"

/* An id that no file in the directory has, and none with a greater one is there. */
KHONSU_MUST_USE khonsu_status fkv_discover_next_id(const kh_os *os, const char *dir_path, uint64_t *next,
                                                   khonsu_error *error);
/* Opens all data files of the store in the directory: of the identity that a damaged manifest still shows, else of that
 * which most files have. Others are reported and left alone. NOT_A_STORE: there is none. */
KHONSU_MUST_USE khonsu_status fkv_discover(fkv_survey *survey, const kh_os *os, const char *dir_path,
                                           fkv_report *report, khonsu_error *error);

#endif
