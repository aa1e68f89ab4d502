/* status: names, texts and error details, from the one table in khonsu.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"

const char *khonsu_status_name(khonsu_status status) {
  switch (status) {
#define STATUS_NAME(name, class_name, number, text)                                                                    \
  case KHONSU_##name: return "KHONSU_" #name;
    KHONSU_STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
    default: return "KHONSU_UNKNOWN";
  }
}

const char *khonsu_status_text(khonsu_status status) {
  switch (status) {
#define STATUS_TEXT(name, class_name, number, text)                                                                    \
  case KHONSU_##name: return text;
    KHONSU_STATUS_TABLE(STATUS_TEXT)
#undef STATUS_TEXT
    default: return "not a status of this library";
  }
}

/* Members beyond the caller's struct_size do not exist. */
#define HAS(error, member) ((error)->struct_size >= offsetof(khonsu_error, member) + sizeof(error)->member)

static void drop_conflicts(khonsu_error *error) {
  if (!HAS(error, private_data)) return;
  kh_free(error->private_data);
  error->private_data = NULL;
  error->conflicts = NULL;
  error->conflict_count = 0;
}

void khonsu_error_clear(khonsu_error *error) {
  if (error == NULL) return;
  drop_conflicts(error);
  if (HAS(error, status)) error->status = KHONSU_OK;
  if (error->struct_size > offsetof(khonsu_error, message)) error->message[0] = '\0';
}

/* Formats first: the arguments may point into the message that is replaced. */
static void set_message(khonsu_error *error, khonsu_status status, const char *format, va_list arguments) {
  char message[KHONSU_ERROR_MESSAGE_SIZE];
  vsnprintf(message, sizeof message, format, arguments);
  if (HAS(error, status)) error->status = status;
  if (error->struct_size <= offsetof(khonsu_error, message)) return;
  size_t room = error->struct_size - offsetof(khonsu_error, message), size = strlen(message) + 1;
  if (size > room) size = room;
  memcpy(error->message, message, size);
  error->message[size - 1] = '\0';
}

khonsu_status kh_error_restate(khonsu_error *error, khonsu_status status, const char *format, ...) {
  if (error == NULL) return status;
  va_list arguments;
  va_start(arguments, format);
  set_message(error, status, format, arguments);
  va_end(arguments);
  return status;
}

khonsu_status khonsu_error_set(khonsu_error *error, khonsu_status status, const char *format, ...) {
  if (error == NULL) return status;
  drop_conflicts(error);
  va_list arguments;
  va_start(arguments, format);
  set_message(error, status, format, arguments);
  va_end(arguments);
  return status;
}

void khonsu_bytes_release(khonsu_bytes *bytes) {
  if (bytes == NULL || bytes->release == NULL) return;
  bytes->release(bytes);
  *bytes = (khonsu_bytes){NULL, 0, NULL, NULL};
}
