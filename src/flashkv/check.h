/* check and repair, on another operating system: for tests. */
#ifndef FKV_CHECK_H
#define FKV_CHECK_H

#include "survey.h"

/* Of dir_path: INVALID_ARGUMENT. */
KHONSU_MUST_USE khonsu_status fkv_check_dir_path(const char *dir_path, khonsu_error *error);
/* Opens the store as a reader, and counts its keys that have a value. As flashkv_open. */
KHONSU_MUST_USE khonsu_status fkv_check_keys(const kh_os *os, const char *dir_path, uint64_t *keys,
                                             khonsu_error *error);

/* Of a store that was surveyed: reports what is amiss in what is made from its data files, if there is nothing else; and
 * counts its keys. */
KHONSU_MUST_USE khonsu_status fkv_check_derived(fkv_survey *survey, khonsu_error *error);

khonsu_status fkv_check_on(const kh_os *os, const char *dir_path, const flashkv_check_options *options,
                           flashkv_check_result *result, khonsu_error *error);
khonsu_status fkv_repair_on(const kh_os *os, const char *dir_path, const flashkv_check_options *options,
                            flashkv_check_result *result, khonsu_error *error);

#endif
