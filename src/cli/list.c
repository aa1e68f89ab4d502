#include "list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- cells */

static void add_offset(kh_list_cells *cells) {
  int32_t end = (int32_t)cells->values.size;
  kh_text_add(&cells->offsets, &end, sizeof end);
}

static void add_validity(kh_list_cells *cells, bool valid) {
  if (cells->count % 8 == 0) kh_text_add_char(&cells->validity, 0);
  if (valid && !cells->validity.failed) cells->validity.data[cells->count / 8] |= (char)(1U << (cells->count % 8));
  cells->count++;
  cells->nulls += !valid;
}

static void add_to(kh_list_cells *cells, khonsu_slice value) {
  if (cells->count == 0) add_offset(cells);
  kh_text_add(&cells->values, value.data, value.size);
  add_offset(cells);
  add_validity(cells, true);
}

static bool have_failed(const kh_list_cells *cells) {
  return cells->validity.failed || cells->offsets.failed || cells->values.failed || cells->values.size > INT32_MAX;
}

static void fini_cells(kh_list_cells *cells) {
  kh_text_fini(&cells->validity);
  kh_text_fini(&cells->offsets);
  kh_text_fini(&cells->values);
}

/* ---- rows */

static void init(kh_list *list, const kh_list_column *columns, size_t count) {
  *list = (kh_list){.columns = columns, .count = count};
}

static void fini(kh_list *list) {
  for (size_t i = 0; i < list->count; i++) fini_cells(&list->cells[i]);
  kh_text_fini(&list->value.codes);
  kh_text_fini(&list->value.positions);
  fini_cells(&list->value.bytes);
  fini_cells(&list->value.number);
  fini_cells(&list->value.text);
  init(list, list->columns, list->count);
}

static void end_cell(kh_list *list, const kh_list_cells *cells) {
  list->failed |= have_failed(cells);
  if (++list->next < list->count) return;
  list->next = 0;
  list->rows++;
}

static void add_cell(kh_list *list, khonsu_slice value) {
  kh_list_cells *cells = &list->cells[list->next];
  add_to(cells, value);
  end_cell(list, cells);
}

void kh_list_add_null(kh_list *list) {
  static const uint64_t zero = 0;
  kh_list_cells *cells = &list->cells[list->next];
  bool is_number = list->columns[list->next].type == KH_LIST_NUMBER;
  if (cells->count == 0) add_offset(cells);
  kh_text_add(&cells->values, &zero, is_number ? sizeof zero : 0);
  add_offset(cells);
  add_validity(cells, false);
  end_cell(list, cells);
}

void kh_list_add_text(kh_list *list, const char *text) { add_cell(list, khonsu_key(text)); }
void kh_list_add_bytes(kh_list *list, khonsu_slice bytes) { add_cell(list, bytes); }
void kh_list_add_number(kh_list *list, uint64_t number) { add_cell(list, (khonsu_slice){&number, sizeof number}); }

static void add_value(kh_list *list, int8_t code, kh_list_cells *member, khonsu_slice value) {
  int32_t position = (int32_t)member->count;
  kh_text_add(&list->value.codes, &code, sizeof code);
  kh_text_add(&list->value.positions, &position, sizeof position);
  add_to(member, value);
  list->failed |= list->value.codes.failed || list->value.positions.failed;
  end_cell(list, member);
}

void kh_list_add_value_bytes(kh_list *list, khonsu_slice bytes) { add_value(list, 0, &list->value.bytes, bytes); }
void kh_list_add_value_number(kh_list *list, int64_t number) {
  add_value(list, 1, &list->value.number, (khonsu_slice){&number, sizeof number});
}
void kh_list_add_value_text(kh_list *list, khonsu_slice text) { add_value(list, 2, &list->value.text, text); }

/* ---- the stream */

typedef struct source {
  const kh_list_column *columns;
  size_t count;
  kh_list_fill fill;
  void *ctx;
  bool has_ended;
  khonsu_error error;
} source;

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  const source *self = stream->private_data;
  return kh_list_schema(self->columns, self->count, schema) ? 0 : ENOMEM;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *batch) {
  source *self = stream->private_data;
  kh_list list;
  int code = 0;
  init(&list, self->columns, self->count);
  khonsu_status status = self->has_ended ? KHONSU_OK : self->fill(self->ctx, &list, &self->error);
  self->has_ended |= list.is_last;
  batch->release = NULL;
  if (status != KHONSU_OK) code = status == KHONSU_NO_MEMORY ? ENOMEM : EIO;
  else if (list.failed || (list.rows > 0 && !kh_list_batch(&list, batch))) code = ENOMEM;
  fini(&list);
  return code;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  const source *self = stream->private_data;
  return self->error.message[0] != '\0' ? self->error.message : NULL;
}

static void release(struct ArrowArrayStream *stream) {
  source *self = stream->private_data;
  khonsu_error_clear(&self->error);
  free(self);
  stream->release = NULL;
}

khonsu_status kh_list_stream(const kh_list_column *columns, size_t count, kh_list_fill fill, void *ctx,
                             struct ArrowArrayStream *stream, khonsu_error *error) {
  source *self = malloc(sizeof *self);
  if (self == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory for a list");
  *self = (source){.columns = columns, .count = count, .fill = fill, .ctx = ctx, .error = KHONSU_ERROR_INIT};
  *stream = (struct ArrowArrayStream){.get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = get_last_error,
                                      .release = release,
                                      .private_data = self};
  return KHONSU_OK;
}
