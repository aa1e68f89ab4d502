/* error: what the library does with a khonsu_error beyond khonsu_error_set. */
#ifndef KH_BASE_ERROR_H
#define KH_BASE_ERROR_H

#include "khonsu.h"

/* Changes status and text, and keeps the conflict list. */
khonsu_status kh_error_restate(khonsu_error *error, khonsu_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
