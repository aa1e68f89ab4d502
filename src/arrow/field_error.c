/* field_error: texts that say which column they are about. A path is the names from the root down, joined by dots; a
 * dictionary's values go by "dictionary". Long paths lose their beginning. */
#include <stdarg.h>
#include <stdio.h>

#include "schema.h"

static const char *name_of(const kh_field *fields, uint32_t index) {
  const kh_field *parent = &fields[fields[index].parent];
  if (parent->has_dictionary && index == kh_field_dictionary(parent)) return "dictionary";
  return fields[index].arrow.name != NULL ? fields[index].arrow.name : "";
}

/* Written from the end, as a field knows its parent only. Returns where the path begins in `path`. */
const char *kh_field_path(const kh_field *fields, uint32_t index, char path[KH_FIELD_PATH_SIZE]) {
  size_t begin = KH_FIELD_PATH_SIZE - 1;
  path[begin] = '\0';
  for (; index != 0; index = fields[index].parent) {
    const char *name = name_of(fields, index);
    size_t size = strlen(name), dot = path[begin] != '\0';
    if (size + dot + 3 > begin) {
      begin -= 3;
      memcpy(path + begin, "...", 3);
      break;
    }
    if (dot) path[--begin] = '.';
    begin -= size;
    memcpy(path + begin, name, size);
  }
  return path + begin;
}

khonsu_status kh_field_fail(const kh_field *fields, uint32_t index, khonsu_error *error, khonsu_status status,
                            const char *format, ...) {
  if (error == NULL) return status;
  char text[KHONSU_ERROR_MESSAGE_SIZE], path[KH_FIELD_PATH_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (index == 0) return khonsu_error_set(error, status, "%s", text);
  return khonsu_error_set(error, status, "column '%s': %s", kh_field_path(fields, index, path), text);
}
