#include "print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *const kh_format_names[] = {"table", "json", "csv", "arrow", NULL};
const kh_look kh_look_rows = {.noun = "row", .null = "NULL"};

static khonsu_status stream_failed(struct ArrowArrayStream *rows, int code, khonsu_error *error) {
  const char *why = rows->get_last_error(rows);
  return khonsu_error_set(error, code == ENOMEM ? KHONSU_NO_MEMORY : KHONSU_IO, "cannot read the rows: %s",
                          why != NULL ? why : strerror(code));
}

khonsu_status kh_next_batch(struct ArrowArrayStream *rows, struct ArrowArray *batch, khonsu_error *error) {
  int code = rows->get_next(rows, batch);
  return code == 0 ? KHONSU_OK : stream_failed(rows, code, error);
}

khonsu_status kh_print_state(const kh_printer *printer, const kh_text *line, khonsu_error *error) {
  if (line->failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory while printing");
  if (printer->interrupted != NULL && *printer->interrupted) {
    clearerr(printer->out); /* the signal may have ended a write */
    return KH_INTERRUPTED;
  }
  if (ferror(printer->out)) return khonsu_error_set(error, KHONSU_IO, "cannot write the rows: %s", strerror(errno));
  return KHONSU_OK;
}

static khonsu_status print_typed(const kh_printer *printer, const kh_look *look, const struct ArrowSchema *schema,
                                 struct ArrowArrayStream *rows, khonsu_error *error) {
  kh_type type;
  khonsu_status status = kh_type_init(&type, schema, error);
  if (status != KHONSU_OK) return status;
  if (printer->format == KH_FORMAT_JSON) status = kh_print_json(printer, &type, rows, error);
  else if (printer->format == KH_FORMAT_CSV) status = kh_print_csv(printer, &type, rows, error);
  else status = kh_print_table(printer, look, &type, rows, error);
  kh_type_fini(&type);
  return status;
}

static khonsu_status print_as_text(const kh_printer *printer, const kh_look *look, struct ArrowArrayStream *rows,
                                   khonsu_error *error) {
  struct ArrowSchema schema;
  int code = rows->get_schema(rows, &schema);
  khonsu_status status = code != 0 ? stream_failed(rows, code, error) : KHONSU_OK;
  if (status == KHONSU_OK) {
    status = print_typed(printer, look, &schema, rows, error);
    schema.release(&schema);
  }
  rows->release(rows);
  return status;
}

khonsu_status kh_print(const kh_printer *printer, const kh_look *look, struct ArrowArrayStream *rows,
                       khonsu_error *error) {
  if (printer->format != KH_FORMAT_ARROW) return print_as_text(printer, look, rows, error);
  if (!printer->is_terminal) return kh_print_arrow(printer->out, rows, error);
  rows->release(rows);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "Arrow is not for terminals: send standard output to a file or a pipe, or choose another "
                          "format");
}

size_t kh_terminal_width(FILE *out) {
  struct winsize size;
  int file = fileno(out); /* below zero: in memory, on its way to stdout */
  bool known = ioctl(file >= 0 ? file : STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}
