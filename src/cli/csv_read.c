/* libcsv calls back for each field and each line's end. It is fed line by line, so that what is wrong can be said to be in
 * a line: a field in quotes may go over several, and is found where it ends. */
#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csv_file.h"

enum { STEP_SIZE = 65536 }; /* bytes read at a time, and what is left of the row */

struct kh_csv_reader {
  FILE *file;
  const char *path; /* of the caller; good until the reader is closed */
  struct csv_parser parser;
  bool has_parser, has_names, after_return, at_end;
  uint64_t line; /* being read, from 1 on */
  size_t field;  /* fields read of the row */
  kh_text names; /* each followed by a NUL */
  size_t count;
  const kh_csv_handler *handler;
  khonsu_status status;
  khonsu_error *error;
  char *text; /* of the line */
  size_t room;
};

static void fail(kh_csv_reader *self, khonsu_status status, const char *what) {
  self->status =
      khonsu_error_set(self->error, status, "%s, line %llu: %s", self->path, (unsigned long long)self->line, what);
}

size_t kh_csv_column_count(const kh_csv_reader *reader) { return reader->count; }

const char *kh_csv_column_name(const kh_csv_reader *reader, size_t column) {
  const char *name = reader->names.data;
  for (; column > 0; column--) name += strlen(name) + 1;
  return name;
}

/* ---- what libcsv found */

static void add_name(kh_csv_reader *self, const char *text, size_t size) {
  if (size != 0 && (memchr(text, '\0', size) != NULL || !kh_utf8_valid((khonsu_slice){text, size}))) {
    fail(self, KHONSU_INVALID_ARGUMENT, "the name of a column is not UTF-8");
    return;
  }
  if (text != NULL) kh_text_add(&self->names, text, size);
  kh_text_add_char(&self->names, '\0');
  if (self->names.failed) fail(self, KHONSU_NO_MEMORY, "out of memory");
  self->count++;
}

/* In the text of the handler the place is put before. */
static void add_field(kh_csv_reader *self, const char *text, size_t size) {
  char what[KHONSU_ERROR_MESSAGE_SIZE];
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = self->handler->field(self->handler->ctx, self->field++, text, size, &error);
  if (status == KHONSU_OK) return;
  snprintf(what, sizeof what, "column '%.64s': %.400s", kh_csv_column_name(self, self->field - 1), error.message);
  fail(self, status, what);
  khonsu_error_clear(&error);
}

static void on_field(void *text, size_t size, void *ctx) {
  kh_csv_reader *self = ctx;
  self->after_return = false;
  if (self->status != KHONSU_OK) return;
  if (!self->has_names) add_name(self, text, size);
  else if (self->field < self->count) add_field(self, text, size);
  else self->field++;
}

static void end_row(kh_csv_reader *self) {
  char what[96];
  bool is_empty = self->field == 0;
  if (is_empty && self->count > 1) return; /* an empty line is a row of one null, where there is one column */
  if (is_empty) add_field(self, NULL, 0);
  if (self->status == KHONSU_OK && self->field != self->count) {
    snprintf(what, sizeof what, "%zu fields, but there are %zu columns", self->field, self->count);
    fail(self, KHONSU_INVALID_ARGUMENT, what);
  }
  if (self->status == KHONSU_OK) self->handler->row_done(self->handler->ctx);
  self->field = 0;
}

/* Of a return and a line feed both are told. */
static void on_end(int c, void *ctx) {
  kh_csv_reader *self = ctx;
  bool is_second = c == '\n' && self->after_return;
  self->after_return = c == '\r';
  if (self->status != KHONSU_OK || is_second || (c == -1 && self->field == 0 && self->has_names)) return;
  if (self->has_names) end_row(self);
  else if (self->count == 0) fail(self, KHONSU_INVALID_ARGUMENT, "there are no names of columns");
  self->has_names = true;
}

/* ---- reading */

static int is_no_space(unsigned char c) { return (void)c, 0; }

static void say_why(kh_csv_reader *self) {
  int code = csv_error(&self->parser);
  if (self->status != KHONSU_OK) return;
  if (code == CSV_EPARSE) fail(self, KHONSU_INVALID_ARGUMENT, "a quote stands where none can, or one is missing");
  else fail(self, KHONSU_NO_MEMORY, "out of memory");
}

static void end_file(kh_csv_reader *self) {
  self->at_end = true;
  if (self->line == 0) self->line = 1;
  if (!feof(self->file))
    self->status = khonsu_error_set(self->error, KHONSU_IO, "cannot read %s: %s", self->path, strerror(errno));
  else if (csv_fini(&self->parser, on_field, on_end, self) != 0) say_why(self);
  if (self->status == KHONSU_OK && !self->has_names)
    fail(self, KHONSU_INVALID_ARGUMENT, "there are no names of columns");
}

/* Returns the bytes of the line. */
static size_t read_line(kh_csv_reader *self) {
  static const char mark[] = "\xef\xbb\xbf"; /* that some put before UTF-8 */
  ssize_t size = getline(&self->text, &self->room, self->file);
  if (size < 0) {
    end_file(self);
    return 0;
  }
  const char *line = self->text;
  size_t rest = (size_t)size;
  if (self->line++ == 0 && rest >= 3 && memcmp(line, mark, 3) == 0) {
    line += 3;
    rest -= 3;
  }
  if (csv_parse(&self->parser, line, rest, on_field, on_end, self) != rest) say_why(self);
  return (size_t)size;
}

/* No row is left half read. */
khonsu_status kh_csv_read_some(kh_csv_reader *self, const kh_csv_handler *handler, bool *at_end, khonsu_error *error) {
  self->handler = handler;
  self->error = error;
  for (size_t read = 0; !self->at_end && self->status == KHONSU_OK && (read < STEP_SIZE || self->field > 0);)
    read += read_line(self);
  *at_end = self->at_end;
  return self->status;
}

/* ---- opening: the first line is read by itself */

static khonsu_status read_names(kh_csv_reader *self, khonsu_error *error) {
  self->error = error;
  while (self->status == KHONSU_OK && !self->has_names && !self->at_end) (void)read_line(self);
  return self->status;
}

khonsu_status kh_csv_reader_open(const char *path, kh_csv_reader **reader, khonsu_error *error) {
  kh_csv_reader *self = calloc(1, sizeof *self);
  if (self == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  self->path = path;
  self->file = fopen(path, "rbe");
  khonsu_status status = KHONSU_OK;
  if (self->file == NULL) status = khonsu_error_set(error, KHONSU_IO, "cannot open %s: %s", path, strerror(errno));
  unsigned char options = CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_EMPTY_IS_NULL | CSV_REPALL_NL;
  self->has_parser = status == KHONSU_OK && csv_init(&self->parser, options) == 0;
  if (self->has_parser) {
    csv_set_space_func(&self->parser, is_no_space); /* blanks are part of fields */
    status = read_names(self, error);
  }
  if (status == KHONSU_OK) *reader = self;
  else kh_csv_reader_close(self);
  return status;
}

void kh_csv_reader_close(kh_csv_reader *reader) {
  if (reader == NULL) return;
  if (reader->has_parser) csv_free(&reader->parser);
  if (reader->file != NULL) fclose(reader->file);
  free(reader->text);
  kh_text_fini(&reader->names);
  free(reader);
}
