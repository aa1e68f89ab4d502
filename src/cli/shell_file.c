/* Files that statements read rows from. */
#include <string.h>
#include <strings.h>

#include "csv_file.h"
#include "shell.h"

khonsu_status kh_shell_file_path(const kh_words *words, size_t index, const char **path, khonsu_error *error) {
  *path = kh_word_string(words, index);
  if (*path != NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a path has no NUL bytes");
}

/* Arrow files and streams are told by how they begin (those from before Arrow 0.15 by a size of less than 16 MiB); of
 * others, what a name says is CSV is. What cannot be read is left for the library to complain about. */
static bool looks_like_csv(const char *path) {
  unsigned char first[4] = {0};
  size_t length = strlen(path);
  if (length < 4 || strcasecmp(path + length - 4, ".csv") != 0) return false;
  FILE *file = fopen(path, "rbe");
  size_t size = file != NULL ? fread(first, 1, sizeof first, file) : 0;
  if (file != NULL) fclose(file);
  bool is_arrow =
      size == 4 && (memcmp(first, "ARRO", 4) == 0 || memcmp(first, "\xff\xff\xff\xff", 4) == 0 || first[3] == 0);
  return file != NULL && !is_arrow;
}

khonsu_status kh_shell_file_read(const kh_words *words, size_t index, kh_shell_file *file, khonsu_error *error) {
  static const char *const formats[] = {"arrow", "csv", NULL};
  int format = 0;
  khonsu_status status = kh_shell_file_path(words, index, &file->path, error);
  if (status != KHONSU_OK) return status;
  bool is_told = words->count > index + 1;
  if (is_told) status = kh_shell_word_choice(words, index + 1, formats, "the format", &format, error);
  file->is_csv = is_told ? format == 1 : looks_like_csv(file->path);
  return status;
}

khonsu_status kh_shell_file_open(const kh_shell_file *file, struct ArrowArrayStream *rows, khonsu_error *error) {
  return file->is_csv ? kh_csv_open(file->path, rows, error) : khonsu_ipc_read(file->path, rows, error);
}
