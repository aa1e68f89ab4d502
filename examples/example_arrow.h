/* A record batch of two columns, id (utf8) and value (int64), made and read by hand on the Arrow C Data interface
 * (https://arrow.apache.org/docs/format/CDataInterface.html). Programs that use an Arrow library export from that one
 * instead; khonsu takes the same two structs from any of them. */
#ifndef EXAMPLE_ARROW_H
#define EXAMPLE_ARROW_H

#include <khonsu.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLE_ID = 0, EXAMPLE_VALUE = 1, EXAMPLE_COLUMNS = 2 };

/* ---- the schema: its strings are literals, so that only the list of columns is allocated */

struct example_schema {
  struct ArrowSchema columns[EXAMPLE_COLUMNS];
  struct ArrowSchema *pointers[EXAMPLE_COLUMNS];
};

static inline void example_release_field(struct ArrowSchema *field) { field->release = NULL; }

static inline void example_release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (schema->children[i]->release != NULL) schema->children[i]->release(schema->children[i]);
  free(schema->private_data);
  schema->release = NULL;
}

static inline bool example_make_schema(struct ArrowSchema *schema) {
  struct example_schema *own = calloc(1, sizeof *own);
  if (own == NULL) return false;
  own->columns[EXAMPLE_ID] = (struct ArrowSchema){.format = "u", .name = "id", .release = example_release_field};
  own->columns[EXAMPLE_VALUE] = (struct ArrowSchema){.format = "l", .name = "value", .release = example_release_field};
  for (int i = 0; i < EXAMPLE_COLUMNS; i++) own->pointers[i] = &own->columns[i];
  *schema = (struct ArrowSchema){.format = "+s",
                                 .name = "",
                                 .n_children = EXAMPLE_COLUMNS,
                                 .children = own->pointers,
                                 .release = example_release_schema,
                                 .private_data = own};
  return true;
}

/* ---- the batch: each column owns its buffers, the batch the list of columns */

struct example_array {
  struct ArrowArray columns[EXAMPLE_COLUMNS];
  struct ArrowArray *pointers[EXAMPLE_COLUMNS];
  const void *buffers[1]; /* the batch's validity: none */
};

struct example_column {
  const void *buffers[3]; /* validity: none; then int64 values, or offsets and text */
  int64_t memory[];
};

static inline void example_release_column(struct ArrowArray *column) {
  free(column->private_data);
  column->release = NULL;
}

static inline void example_release_batch(struct ArrowArray *batch) {
  for (int64_t i = 0; i < batch->n_children; i++)
    if (batch->children[i]->release != NULL) batch->children[i]->release(batch->children[i]);
  free(batch->private_data);
  batch->release = NULL;
}

/* A column without values as yet; NULL: out of memory. */
static inline struct example_column *example_make_column(struct ArrowArray *column, int64_t rows, int64_t buffer_count,
                                                         size_t bytes) {
  struct example_column *own = malloc(sizeof *own + bytes);
  if (own == NULL) return NULL;
  own->buffers[0] = NULL;
  own->buffers[1] = own->memory;
  *column = (struct ArrowArray){.length = rows,
                                .n_buffers = buffer_count,
                                .buffers = own->buffers,
                                .release = example_release_column,
                                .private_data = own};
  return own;
}

static inline bool example_make_ids(struct ArrowArray *column, const char *const *ids, int64_t rows) {
  size_t offsets_size = ((size_t)rows + 1) * sizeof(int32_t), text_size = 0;
  for (int64_t i = 0; i < rows; i++) text_size += strlen(ids[i]);
  struct example_column *own = example_make_column(column, rows, 3, offsets_size + text_size);
  if (own == NULL) return false;
  int32_t *offsets = (int32_t *)own->memory;
  char *text = (char *)own->memory + offsets_size;
  own->buffers[2] = text;
  offsets[0] = 0;
  for (int64_t i = 0; i < rows; i++) {
    size_t size = strlen(ids[i]);
    memcpy(text + offsets[i], ids[i], size);
    offsets[i + 1] = offsets[i] + (int32_t)size;
  }
  return true;
}

static inline bool example_make_values(struct ArrowArray *column, const int64_t *values, int64_t rows) {
  size_t size = (size_t)rows * sizeof *values;
  struct example_column *own = example_make_column(column, rows, 2, size);
  if (own != NULL && rows != 0) memcpy(own->memory, values, size);
  return own != NULL;
}

/* Makes schema and batch, to be moved into khonsu. False: out of memory, and there is nothing to release. */
static inline bool example_make(struct ArrowSchema *schema, struct ArrowArray *batch, const char *const *ids,
                                const int64_t *values, int64_t rows) {
  struct example_array *own = calloc(1, sizeof *own);
  if (own == NULL) return false;
  for (int i = 0; i < EXAMPLE_COLUMNS; i++) own->pointers[i] = &own->columns[i];
  *batch = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .n_children = EXAMPLE_COLUMNS,
                               .buffers = own->buffers,
                               .children = own->pointers,
                               .release = example_release_batch,
                               .private_data = own};
  if (example_make_ids(&own->columns[EXAMPLE_ID], ids, rows) &&
      example_make_values(&own->columns[EXAMPLE_VALUE], values, rows) && example_make_schema(schema))
    return true;
  batch->release(batch);
  return false;
}

/* ---- reading: offsets of batch and column count */

static inline int64_t example_value(const struct ArrowArray *batch, int64_t row) {
  const struct ArrowArray *column = batch->children[EXAMPLE_VALUE];
  return ((const int64_t *)column->buffers[1])[batch->offset + column->offset + row];
}

/* The text is not NUL-terminated; it is good as long as the batch. */
static inline khonsu_slice example_id(const struct ArrowArray *batch, int64_t row) {
  const struct ArrowArray *column = batch->children[EXAMPLE_ID];
  const int32_t *offsets = (const int32_t *)column->buffers[1] + batch->offset + column->offset + row;
  return (khonsu_slice){(const char *)column->buffers[2] + offsets[0], (size_t)(offsets[1] - offsets[0])};
}

#endif
