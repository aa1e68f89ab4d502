/* status: names and texts, from the one table in flashkv.h. */
#include "base/base.h"
#include "flashkv.h"

const char *flashkv_status_name(flashkv_status status) {
  switch (status) {
#define STATUS_NAME(name, class_name, number, text)                                                                    \
  case FLASHKV_##name: return "FLASHKV_" #name;
    FLASHKV_STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
    default: return "FLASHKV_UNKNOWN";
  }
}

const char *flashkv_status_text(flashkv_status status) {
  switch (status) {
#define STATUS_TEXT(name, class_name, number, text)                                                                    \
  case FLASHKV_##name: return text;
    FLASHKV_STATUS_TABLE(STATUS_TEXT)
#undef STATUS_TEXT
    default: return "not a status of this library";
  }
}

/* Rooms nearer the ground speak of the same statuses by khonsu.h's names; the numbers are the same. */
#define SAME(name) _Static_assert((int)FLASHKV_##name == (int)KHONSU_##name, "one number")
SAME(OK);
SAME(INVALID_ARGUMENT);
SAME(KEY_EMPTY);
SAME(NOT_FOUND);
SAME(END);
SAME(KEY_TOO_LARGE);
SAME(VALUE_TOO_LARGE);
SAME(STORAGE_FULL);
SAME(IO);
SAME(CORRUPT);
SAME(UNAVAILABLE);
SAME(IN_DOUBT);
SAME(NO_MEMORY);

const char *flashkv_version(void) { return "0.1.0"; }
