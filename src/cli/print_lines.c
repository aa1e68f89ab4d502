#include <string.h>

#include "print.h"

static const char *name_of(const kh_type *column) { return column->schema->name != NULL ? column->schema->name : ""; }

/* One line at a time is written as a whole; `scratch` is for a cell on its way. */
typedef struct lines {
  const kh_printer *printer;
  const kh_type *type;
  kh_text line, scratch;
} lines;

typedef void add_row(lines *self, const struct ArrowArray *batch, int64_t row);

static void put_line(lines *self) {
  kh_text_add_char(&self->line, '\n');
  fwrite(self->line.data, 1, self->line.size, self->printer->out);
  kh_text_clear(&self->line);
}

static khonsu_status print_batch(lines *self, const struct ArrowArray *batch, add_row *add, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (int64_t row = 0; status == KHONSU_OK && row < batch->length; row++) {
    add(self, batch, row);
    status = kh_print_state(self->printer, &self->line, error);
    if (status == KHONSU_OK) put_line(self);
  }
  return status;
}

static khonsu_status print_all(lines *self, struct ArrowArrayStream *rows, add_row *add, khonsu_error *error) {
  for (;;) {
    struct ArrowArray batch;
    khonsu_status status = kh_next_batch(rows, &batch, error);
    if (status != KHONSU_OK || batch.release == NULL) return status;
    status = print_batch(self, &batch, add, error);
    batch.release(&batch);
    if (status != KHONSU_OK) return status;
  }
}

static khonsu_status finish(lines *self, khonsu_status status) {
  kh_text_fini(&self->line);
  kh_text_fini(&self->scratch);
  return status;
}

/* ---- JSON */

static void add_json_row(lines *self, const struct ArrowArray *batch, int64_t row) {
  kh_text_add_char(&self->line, '{');
  for (int64_t i = 0; i < self->type->count; i++) {
    const kh_type *column = &self->type->children[i];
    if (i > 0) kh_text_add_char(&self->line, ',');
    kh_text_add_json(&self->line, khonsu_key(name_of(column)));
    kh_text_add_char(&self->line, ':');
    kh_cell_write(column, batch, i, row, KH_STYLE_JSON, &self->line);
  }
  kh_text_add_char(&self->line, '}');
}

khonsu_status kh_print_json(const kh_printer *printer, const kh_type *type, struct ArrowArrayStream *rows,
                            khonsu_error *error) {
  lines self = {.printer = printer, .type = type};
  return finish(&self, print_all(&self, rows, add_json_row, error));
}

/* ---- CSV */

static void add_csv_row(lines *self, const struct ArrowArray *batch, int64_t row) {
  for (int64_t i = 0; i < self->type->count; i++) {
    const kh_type *column = &self->type->children[i];
    if (i > 0) kh_text_add_char(&self->line, ',');
    if (kh_cell_is_null(column, batch, i, row)) continue;
    kh_text_clear(&self->scratch);
    kh_cell_write(column, batch, i, row, KH_STYLE_CSV, &self->scratch);
    kh_text_add_csv(&self->line, kh_text_slice(&self->scratch));
  }
  self->line.failed |= self->scratch.failed;
}

khonsu_status kh_print_csv(const kh_printer *printer, const kh_type *type, struct ArrowArrayStream *rows,
                           khonsu_error *error) {
  lines self = {.printer = printer, .type = type};
  for (int64_t i = 0; i < type->count; i++) {
    if (i > 0) kh_text_add_char(&self.line, ',');
    kh_text_add_csv(&self.line, khonsu_key(name_of(&type->children[i])));
  }
  put_line(&self);
  return finish(&self, print_all(&self, rows, add_csv_row, error));
}
