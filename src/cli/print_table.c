/* A table for people: names, types, the first rows and the last ones, and how many there are.
 *
 *   id     name
 *   int64  utf8
 *   ─────  ─────────
 *       1  a
 *   … 40 more rows
 *      42  a long o…
 *
 *   42 rows, 2 of them shown
 *
 * The first rows are made text as they come. Of the rest the newest batches are kept, as many as hold the last rows. */
#include <stdlib.h>

#include "cli.h"
#include "print.h"

enum { CELL_SIZE_MAX = 4096 };

typedef struct grid {
  const kh_printer *printer;
  const kh_look *look;
  const kh_type *type;
  size_t columns;
  kh_text *cells; /* row by row */
  bool *nulls;
  size_t rows, rows_max, head_rows;
  uint64_t rows_total;
  struct ArrowArray *batches; /* that hold the last rows, the oldest first */
  size_t batch_count, batch_room;
  int64_t batch_rows; /* in all of them */
  kh_text line, scratch;
} grid;

/* ---- rows become text */

/* A cell that is too large is cut, and between two characters. */
static void drop_half_character(kh_text *text) {
  size_t end = text->size;
  while (end > 0 && text->size - end < 3 && ((unsigned char)text->data[end - 1] & 0xc0) == 0x80) end--;
  uint32_t code;
  if (end > 0 && kh_utf8_next(text->data + end - 1, text->size - end + 1, &code) == 0) text->size = end - 1;
}

static void add_cell(grid *self, const struct ArrowArray *batch, size_t column, int64_t row) {
  const kh_type *type = &self->type->children[column];
  kh_text *cell = &self->cells[self->rows * self->columns + column], *scratch = &self->scratch;
  bool null = kh_cell_is_null(type, batch, (int64_t)column, row);
  self->nulls[self->rows * self->columns + column] = null;
  kh_text_clear(scratch);
  if (null) kh_text_add_string(scratch, self->look->null);
  else kh_cell_write(type, batch, (int64_t)column, row, KH_STYLE_TABLE, scratch);
  if (scratch->full) drop_half_character(scratch);
  kh_text_add_visible(cell, kh_text_slice(scratch));
  if (scratch->full) kh_text_add_string(cell, "\xe2\x80\xa6");
  self->line.failed |= cell->failed || scratch->failed;
}

static void add_row(grid *self, const struct ArrowArray *batch, int64_t row) {
  for (size_t i = 0; i < self->columns; i++) add_cell(self, batch, i, row);
  self->rows++;
}

/* ---- which rows */

/* Lets go of batches that the last rows are not in. */
static void forget_batches(grid *self, int64_t rows_kept) {
  size_t gone = 0;
  while (gone < self->batch_count && self->batch_rows - self->batches[gone].length >= rows_kept) {
    self->batch_rows -= self->batches[gone].length;
    self->batches[gone].release(&self->batches[gone]);
    gone++;
  }
  self->batch_count -= gone;
  for (size_t i = 0; i < self->batch_count; i++) self->batches[i] = self->batches[i + gone];
}

/* Keeps the batch, which is moved. */
static khonsu_status keep_batch(grid *self, struct ArrowArray *batch, khonsu_error *error) {
  if (self->batch_count == self->batch_room) {
    size_t room = 2 * self->batch_room + 4;
    struct ArrowArray *grown = realloc(self->batches, room * sizeof *grown);
    if (grown == NULL) {
      batch->release(batch);
      return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory while printing");
    }
    self->batches = grown;
    self->batch_room = room;
  }
  self->batches[self->batch_count++] = *batch;
  self->batch_rows += batch->length;
  forget_batches(self, (int64_t)(self->rows_max - self->head_rows));
  return KHONSU_OK;
}

static khonsu_status read_rows(grid *self, struct ArrowArrayStream *rows, khonsu_error *error) {
  for (;;) {
    struct ArrowArray batch;
    khonsu_status status = kh_next_batch(rows, &batch, error);
    if (status != KHONSU_OK || batch.release == NULL) return status;
    for (int64_t row = 0; row < batch.length && self->rows < self->head_rows; row++) add_row(self, &batch, row);
    self->rows_total += (uint64_t)batch.length;
    status = keep_batch(self, &batch, error);
    if (status == KHONSU_OK) status = kh_print_state(self->printer, &self->line, error);
    if (status != KHONSU_OK) return status;
  }
}

static void add_last_rows(grid *self) {
  uint64_t left = self->rows_total - self->rows, room = self->rows_max - self->rows;
  int64_t skipped = self->batch_rows - (int64_t)(left < room ? left : room);
  for (size_t i = 0; i < self->batch_count; i++) {
    const struct ArrowArray *batch = &self->batches[i];
    for (int64_t row = skipped < batch->length ? skipped : batch->length; row < batch->length; row++)
      add_row(self, batch, row);
    skipped = skipped > batch->length ? skipped - batch->length : 0;
  }
}

/* ---- drawing */

static void put_line(grid *self) {
  kh_text_add_char(&self->line, '\n');
  fwrite(self->line.data, 1, self->line.size, self->printer->out);
  kh_text_clear(&self->line);
}

static void add_blanks(kh_text *line, size_t count) {
  while (count-- > 0) kh_text_add_char(line, ' ');
}

static void begin_colour(grid *self, const char *code) {
  if (self->printer->colour && code != NULL) kh_text_add_string(&self->line, code);
}

static const char bold[] = "\033[1m", dim[] = "\033[2m", plain[] = "\033[0m";

static void add_aligned(grid *self, khonsu_slice text, size_t column, size_t width, bool last, const char *colour) {
  size_t natural = kh_utf8_width(text), blank = natural < width ? width - natural : 0;
  bool right = self->type->children[column].is_number;
  if (right) add_blanks(&self->line, blank);
  begin_colour(self, colour);
  size_t used = kh_add_cut(&self->line, text, width);
  if (colour != NULL) begin_colour(self, plain);
  if (!right && !last) add_blanks(&self->line, width - used);
  if (!last) add_blanks(&self->line, KH_COLUMN_GAP);
}

/* The text of a column in one of the lines of the head. */
typedef void describe_column(const kh_type *column, kh_text *text);

static void describe_name(const kh_type *column, kh_text *text) {
  kh_text_add_visible(text, khonsu_key(column->schema->name != NULL ? column->schema->name : ""));
}

static void draw_head(grid *self, const size_t *widths, size_t shown, describe_column *describe, const char *colour) {
  for (size_t i = 0; i < shown; i++) {
    kh_text_clear(&self->scratch);
    describe(&self->type->children[i], &self->scratch);
    add_aligned(self, kh_text_slice(&self->scratch), i, widths[i], i + 1 == self->columns, colour);
  }
  if (shown < self->columns) kh_text_add_string(&self->line, "\xe2\x80\xa6");
  put_line(self);
}

static void draw_rule(grid *self, const size_t *widths, size_t shown) {
  begin_colour(self, dim);
  for (size_t i = 0; i < shown; i++) {
    if (i > 0) add_blanks(&self->line, KH_COLUMN_GAP);
    for (size_t j = 0; j < widths[i]; j++) kh_text_add_string(&self->line, "\xe2\x94\x80");
  }
  begin_colour(self, plain);
  put_line(self);
}

static void draw_gap(grid *self) {
  kh_grouped_text hidden;
  begin_colour(self, dim);
  kh_text_addf(&self->line, "\xe2\x80\xa6 %s more %ss", kh_grouped(self->rows_total - self->rows, hidden),
               self->look->noun);
  begin_colour(self, plain);
  put_line(self);
}

static void draw_row(grid *self, size_t row, const size_t *widths, size_t shown) {
  for (size_t i = 0; i < shown; i++) {
    size_t cell = row * self->columns + i;
    add_aligned(self, kh_text_slice(&self->cells[cell]), i, widths[i], i + 1 == self->columns,
                self->nulls[cell] ? dim : NULL);
  }
  if (shown < self->columns) kh_text_add_string(&self->line, "\xe2\x80\xa6");
  put_line(self);
}

static void draw_foot(grid *self, size_t shown) {
  kh_grouped_text total, rows;
  begin_colour(self, dim);
  kh_text_addf(&self->line, "%s %s%s", kh_grouped(self->rows_total, total), self->look->noun,
               self->rows_total == 1 ? "" : "s");
  if (self->rows < self->rows_total) kh_text_addf(&self->line, ", %s of them shown", kh_grouped(self->rows, rows));
  if (shown < self->columns) kh_text_addf(&self->line, "; %zu of %zu columns shown", shown, self->columns);
  begin_colour(self, plain);
  put_line(self);
}

static void draw(grid *self, const size_t *widths, size_t shown) {
  draw_head(self, widths, shown, describe_name, bold);
  if (!self->look->without_types) draw_head(self, widths, shown, kh_type_add_name, dim);
  draw_rule(self, widths, shown);
  for (size_t row = 0; row < self->rows; row++) {
    if (row == self->head_rows && self->rows < self->rows_total) draw_gap(self);
    draw_row(self, row, widths, shown);
  }
  draw_foot(self, shown);
}

/* ---- how wide */

static size_t greater(size_t a, size_t b) { return a > b ? a : b; }

/* A long type does not widen a column of short values much. */
enum { TYPE_WIDTH_MAX = 24 };

static size_t natural_width(grid *self, size_t column) {
  size_t width = 0;
  for (size_t row = 0; row < self->rows; row++)
    width = greater(width, kh_utf8_width(kh_text_slice(&self->cells[row * self->columns + column])));
  kh_text_clear(&self->scratch);
  describe_name(&self->type->children[column], &self->scratch);
  width = greater(greater(width, kh_utf8_width(kh_text_slice(&self->scratch))), 1);
  if (self->look->without_types || width >= TYPE_WIDTH_MAX) return width;
  kh_text_clear(&self->scratch);
  kh_type_add_name(&self->type->children[column], &self->scratch);
  size_t type_width = kh_utf8_width(kh_text_slice(&self->scratch));
  return greater(width, type_width < TYPE_WIDTH_MAX ? type_width : TYPE_WIDTH_MAX);
}

static khonsu_status lay_out_and_draw(grid *self, khonsu_error *error) {
  size_t *widths = calloc(self->columns + 1, sizeof *widths), shown = self->columns;
  if (widths == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory while printing");
  for (size_t i = 0; i < self->columns; i++) widths[i] = natural_width(self, i);
  if (self->printer->is_terminal) shown = kh_layout_fit(widths, self->columns, kh_terminal_width(self->printer->out));
  draw(self, widths, shown);
  free(widths);
  return KHONSU_OK;
}

/* ---- all of it */

static void fini(grid *self) {
  for (size_t i = 0; self->cells != NULL && i < self->rows_max * self->columns; i++) kh_text_fini(&self->cells[i]);
  for (size_t i = 0; i < self->batch_count; i++) self->batches[i].release(&self->batches[i]);
  free(self->cells);
  free(self->nulls);
  free(self->batches);
  kh_text_fini(&self->line);
  kh_text_fini(&self->scratch);
}

khonsu_status kh_print_table(const kh_printer *printer, const kh_look *look, const kh_type *type,
                             struct ArrowArrayStream *rows, khonsu_error *error) {
  size_t rows_max = (size_t)printer->rows_max, columns = (size_t)type->count;
  grid self = {.printer = printer,
               .look = look,
               .type = type,
               .columns = columns,
               .rows_max = rows_max,
               .head_rows = (rows_max + 1) / 2,
               .cells = calloc(rows_max * columns + 1, sizeof *self.cells),
               .nulls = calloc(rows_max * columns + 1, sizeof *self.nulls),
               .scratch.size_max = CELL_SIZE_MAX};
  khonsu_status status = self.cells != NULL && self.nulls != NULL
                             ? KHONSU_OK
                             : khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory while printing");
  if (status == KHONSU_OK) status = read_rows(&self, rows, error);
  if (status == KHONSU_OK) {
    add_last_rows(&self);
    status = lay_out_and_draw(&self, error);
  }
  if (status == KHONSU_OK) status = kh_print_state(printer, &self.line, error);
  fini(&self);
  return status;
}
