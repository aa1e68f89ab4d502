#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "csv_file.h"
#include "print.h"

enum { BATCH_ROWS = 16384, TYPE_BITS = (1 << KH_CSV_TYPES) - 1 };

/* ---- types: every value takes away those that it cannot be */

typedef struct column {
  unsigned possible; /* bits by kh_csv_type */
  kh_csv_type type;
  bool has_values;
  kh_text validity, offsets, values; /* of the rows read so far */
  int64_t count, nulls;
} column;

typedef struct source {
  kh_csv_reader *reader;
  char *path;
  column *columns;
  size_t count;
  int64_t rows;
  bool at_end;
  khonsu_error error;
} source;

static khonsu_status narrow(void *ctx, size_t index, const char *text, size_t size, khonsu_error *error) {
  column *found = &((source *)ctx)->columns[index];
  kh_csv_value value;
  if (text == NULL) return KHONSU_OK;
  found->has_values = true;
  for (int type = 0; type < KH_CSV_TEXT; type++)
    if (found->possible & 1u << type && !kh_csv_value_read((kh_csv_type)type, text, size, &value))
      found->possible &= ~(1u << type);
  if (found->possible != 1u << KH_CSV_TEXT || kh_utf8_valid((khonsu_slice){text, size})) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the text is not UTF-8");
}

static void count_nothing(void *ctx) { (void)ctx; }

/* A column without values can be anything: text. */
static void settle(column *found) {
  found->type = KH_CSV_TEXT;
  for (int type = KH_CSV_TEXT; found->has_values && type-- > 0;)
    if (found->possible & 1u << type) found->type = (kh_csv_type)type;
}

static khonsu_status find_types(source *self, khonsu_error *error) {
  kh_csv_handler handler = {narrow, count_nothing, self};
  for (size_t i = 0; i < self->count; i++) self->columns[i].possible = TYPE_BITS;
  khonsu_status status = KHONSU_OK;
  for (bool at_end = false; status == KHONSU_OK && !at_end;)
    status = kh_interrupted ? KH_INTERRUPTED : kh_csv_read_some(self->reader, &handler, &at_end, error);
  for (size_t i = 0; i < self->count; i++) settle(&self->columns[i]);
  return status;
}

/* ---- values */

static void add_bit(kh_text *bits, int64_t at, bool bit) {
  if (at % 8 == 0) kh_text_add_char(bits, 0);
  if (bit && !bits->failed) bits->data[at / 8] = (char)(bits->data[at / 8] | 1 << at % 8);
}

static void add_value(column *to, const kh_csv_value *value, const char *text, size_t size) {
  int32_t day = (int32_t)value->integer, end;
  switch (to->type) {
    case KH_CSV_BOOL: add_bit(&to->values, to->count, value->integer); break;
    case KH_CSV_DATE: kh_text_add(&to->values, &day, sizeof day); break;
    case KH_CSV_TEXT:
      if (to->count == 0) kh_text_add(&to->offsets, &(int32_t){0}, sizeof end);
      if (size > 0) kh_text_add(&to->values, text, size);
      end = (int32_t)to->values.size;
      kh_text_add(&to->offsets, &end, sizeof end);
      break;
    default: kh_text_add(&to->values, value, sizeof *value); break;
  }
  add_bit(&to->validity, to->count++, text != NULL);
  to->nulls += text == NULL;
}

/* The file may be another than the one whose types were found. */
static khonsu_status add_field(void *ctx, size_t index, const char *text, size_t size, khonsu_error *error) {
  column *to = &((source *)ctx)->columns[index];
  kh_csv_value value = {.integer = 0};
  if (text != NULL && !kh_csv_value_read(to->type, text, size, &value))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the value is of another type now: the file has changed");
  if (to->values.size + size > INT32_MAX)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE, "more than 2 GiB of text in one batch");
  add_value(to, &value, text, size);
  bool failed = to->validity.failed || to->offsets.failed || to->values.failed;
  return failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory") : KHONSU_OK;
}

static void count_row(void *ctx) { ((source *)ctx)->rows++; }

/* ---- batches: each array owns its memory, so that a consumer may move it out */

typedef struct array_block {
  const void *buffers[3];
  kh_text validity, offsets, values;
  struct ArrowArray **children;
} array_block;

static void release_array(struct ArrowArray *array) {
  array_block *block = array->private_data;
  for (int64_t i = 0; i < array->n_children; i++) {
    if (array->children[i] != NULL && array->children[i]->release != NULL)
      array->children[i]->release(array->children[i]);
    free(array->children[i]);
  }
  kh_text_fini(&block->validity);
  kh_text_fini(&block->offsets);
  kh_text_fini(&block->values);
  free(block->children);
  free(block);
  array->release = NULL;
}

static bool begin_array(struct ArrowArray *array, int64_t length, size_t children) {
  array_block *block = calloc(1, sizeof *block);
  if (block != NULL) block->children = calloc(children + 1, sizeof *block->children);
  if (block == NULL || block->children == NULL) {
    free(block);
    return false;
  }
  *array = (struct ArrowArray){.length = length,
                               .buffers = block->buffers,
                               .n_children = (int64_t)children,
                               .children = block->children,
                               .release = release_array,
                               .private_data = block};
  return true;
}

/* The column's memory goes with the array. */
static bool move_column(column *from, struct ArrowArray *array) {
  if (!begin_array(array, from->count, 0)) return false;
  array_block *block = array->private_data;
  bool is_text = from->type == KH_CSV_TEXT;
  block->validity = from->validity;
  block->offsets = from->offsets;
  block->values = from->values;
  block->buffers[0] = block->validity.data;
  block->buffers[1] = is_text ? block->offsets.data : block->values.data;
  block->buffers[2] = block->values.data != NULL ? block->values.data : "";
  array->n_buffers = is_text ? 3 : 2;
  array->null_count = from->nulls;
  from->validity = from->offsets = from->values = (kh_text){.data = NULL};
  from->count = from->nulls = 0;
  return true;
}

static bool make_batch(source *self, struct ArrowArray *batch) {
  if (!begin_array(batch, self->rows, self->count)) return false;
  bool whole = true;
  batch->n_buffers = 1;
  for (size_t i = 0; whole && i < self->count; i++) {
    batch->children[i] = calloc(1, sizeof *batch->children[i]);
    whole = batch->children[i] != NULL && move_column(&self->columns[i], batch->children[i]);
  }
  if (!whole) batch->release(batch);
  self->rows = 0;
  return whole;
}

/* ---- the schema: names stand behind the node's children */

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (schema->children[i] != NULL && schema->children[i]->release != NULL)
      schema->children[i]->release(schema->children[i]);
    free(schema->children[i]);
  }
  free(schema->children);
  free(schema->private_data);
  schema->release = NULL;
}

static bool make_leaf(struct ArrowSchema **leaf, const char *format, const char *name) {
  *leaf = calloc(1, sizeof **leaf);
  char *copy = *leaf != NULL ? strdup(name) : NULL;
  if (copy == NULL) return false;
  **leaf = (struct ArrowSchema){
      .format = format, .name = copy, .flags = ARROW_FLAG_NULLABLE, .release = release_schema, .private_data = copy};
  return true;
}

static bool make_schema(const source *self, struct ArrowSchema *schema) {
  *schema = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
  schema->children = calloc(self->count, sizeof *schema->children);
  bool whole = schema->children != NULL;
  if (whole) schema->n_children = (int64_t)self->count;
  for (size_t i = 0; whole && i < self->count; i++)
    whole = make_leaf(&schema->children[i], kh_csv_formats[self->columns[i].type], kh_csv_column_name(self->reader, i));
  if (!whole) schema->release(schema);
  return whole;
}

/* ---- the stream */

static int answer(source *self, khonsu_status status) {
  self->error.status = status;
  if (status == KHONSU_OK) return 0;
  return status == KHONSU_NO_MEMORY ? ENOMEM : EINVAL;
}

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  source *self = stream->private_data;
  return answer(self, make_schema(self, schema) ? KHONSU_OK : no_memory(&self->error));
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *batch) {
  source *self = stream->private_data;
  kh_csv_handler handler = {add_field, count_row, self};
  khonsu_status status = KHONSU_OK;
  batch->release = NULL;
  while (status == KHONSU_OK && self->rows < BATCH_ROWS && !self->at_end)
    status = kh_csv_read_some(self->reader, &handler, &self->at_end, &self->error);
  if (status == KHONSU_OK && self->rows > 0 && !make_batch(self, batch)) status = no_memory(&self->error);
  return answer(self, status);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  const source *self = stream->private_data;
  return self->error.status != KHONSU_OK ? self->error.message : NULL;
}

static void close_source(source *self) {
  kh_csv_reader_close(self->reader);
  for (size_t i = 0; self->columns != NULL && i < self->count; i++) {
    kh_text_fini(&self->columns[i].validity);
    kh_text_fini(&self->columns[i].offsets);
    kh_text_fini(&self->columns[i].values);
  }
  free(self->columns);
  free(self->path);
  free(self);
}

static void release_stream(struct ArrowArrayStream *stream) {
  close_source(stream->private_data);
  stream->release = NULL;
}

static khonsu_status open_source(source *self, const char *path, khonsu_error *error) {
  self->path = strdup(path);
  if (self->path == NULL) return no_memory(error);
  khonsu_status status = kh_csv_reader_open(self->path, &self->reader, error);
  if (status != KHONSU_OK) return status;
  self->count = kh_csv_column_count(self->reader);
  self->columns = calloc(self->count, sizeof *self->columns);
  status = self->columns != NULL ? find_types(self, error) : no_memory(error);
  kh_csv_reader_close(self->reader);
  self->reader = NULL;
  if (status == KHONSU_OK) status = kh_csv_reader_open(self->path, &self->reader, error);
  if (status == KHONSU_OK && kh_csv_column_count(self->reader) != self->count)
    status = khonsu_error_set(error, KHONSU_IO, "%s has changed while it was read", path);
  return status;
}

khonsu_status kh_csv_open(const char *path, struct ArrowArrayStream *rows, khonsu_error *error) {
  source *self = calloc(1, sizeof *self);
  if (self == NULL) return no_memory(error);
  self->error = (khonsu_error)KHONSU_ERROR_INIT;
  khonsu_status status = open_source(self, path, error);
  if (status == KHONSU_OK)
    *rows = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_stream, self};
  else close_source(self);
  return status;
}
