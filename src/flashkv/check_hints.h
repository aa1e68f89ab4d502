/* check_hints: whether hints say what is in the data files. */
#ifndef FKV_CHECK_HINTS_H
#define FKV_CHECK_HINTS_H

#include "survey.h"

/* Makes the hint of each sealed file that has one anew, and reports those that are otherwise. After the survey was read. */
KHONSU_MUST_USE khonsu_status fkv_check_hints(fkv_survey *survey, khonsu_error *error);

#endif
