/* Everything allocated here is owned as the Arrow C Data interface wants it: each child frees its own memory, so that a
 * consumer may move a child out and release the parent. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, BUFFERS_MAX = 3 };

/* ---- reading */

kh_column_type kh_column_type_of(const struct ArrowSchema *column) {
  const char *format = column->format;
  if (column->dictionary != NULL) return KH_COLUMN_UNKNOWN;
  if (strcmp(format, "i") == 0) return KH_COLUMN_4_BYTES;
  if (strcmp(format, "l") == 0 || strcmp(format, "g") == 0 || strncmp(format, "ts", 2) == 0) return KH_COLUMN_8_BYTES;
  return strcmp(format, "u") == 0 ? KH_COLUMN_UTF8 : KH_COLUMN_UNKNOWN;
}

int64_t kh_column_find(const struct ArrowSchema *schema, const char *name, const char *format) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (strcmp(schema->children[i]->name, name) == 0 && strcmp(schema->children[i]->format, format) == 0) return i;
  return -1;
}

static int64_t first_row(const struct ArrowArray *batch, int64_t column) {
  return batch->offset + batch->children[column]->offset;
}

const int32_t *kh_column_int32(const struct ArrowArray *batch, int64_t column) {
  return (const int32_t *)batch->children[column]->buffers[1] + first_row(batch, column);
}

const int64_t *kh_column_int64(const struct ArrowArray *batch, int64_t column) {
  return (const int64_t *)batch->children[column]->buffers[1] + first_row(batch, column);
}

kh_texts kh_column_texts(const struct ArrowArray *batch, int64_t column) {
  const void **buffers = batch->children[column]->buffers;
  return (kh_texts){(const int32_t *)buffers[1] + first_row(batch, column), buffers[2]};
}

static bool bit(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

/* ---- schemas */

typedef struct schema_block {
  struct ArrowSchema *children; /* `children` array, then pointers, then strings: one allocation */
  struct ArrowSchema *pointers[];
} schema_block;

static void release_schema_column(struct ArrowSchema *column) {
  free(column->private_data);
  column->release = NULL;
}

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (schema->children[i]->release != NULL) schema->children[i]->release(schema->children[i]);
  free(schema->private_data);
  schema->release = NULL;
}

static bool copy_schema_column(const struct ArrowSchema *column, struct ArrowSchema *copy) {
  size_t format_size = strlen(column->format) + 1, name_size = strlen(column->name) + 1;
  char *text = malloc(format_size + name_size);
  if (text == NULL) return false;
  memcpy(text, column->format, format_size);
  memcpy(text + format_size, column->name, name_size);
  *copy = (struct ArrowSchema){.format = text,
                               .name = text + format_size,
                               .flags = column->flags,
                               .release = release_schema_column,
                               .private_data = text};
  return true;
}

bool kh_schema_copy(const struct ArrowSchema *schema, struct ArrowSchema *copy) {
  size_t columns = (size_t)schema->n_children;
  schema_block *block = malloc(sizeof *block + columns * (sizeof *block->pointers + sizeof *block->children));
  if (block == NULL) return false;
  block->children = (struct ArrowSchema *)(block->pointers + columns);
  *copy = (struct ArrowSchema){
      .format = "+s", .name = "", .children = block->pointers, .release = release_schema, .private_data = block};
  for (size_t i = 0; i < columns; i++) {
    block->pointers[i] = &block->children[i];
    if (!copy_schema_column(schema->children[i], &block->children[i])) {
      copy->release(copy);
      return false;
    }
    copy->n_children++;
  }
  return true;
}

/* ---- gathering */

/* What a column's array owns. */
typedef struct column_block {
  const void *buffers[BUFFERS_MAX];
  _Alignas(ALIGNMENT) uint8_t bytes[];
} column_block;

typedef struct batch_block {
  const void *buffers[1];
  struct ArrowArray *children;
  struct ArrowArray *pointers[];
} batch_block;

static void release_column(struct ArrowArray *column) {
  free(column->private_data);
  column->release = NULL;
}

static void release_batch(struct ArrowArray *batch) {
  for (int64_t i = 0; i < batch->n_children; i++)
    if (batch->children[i]->release != NULL) batch->children[i]->release(batch->children[i]);
  free(batch->private_data);
  batch->release = NULL;
}

static size_t padded(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static bool has_nulls(const struct ArrowArray *column) { return column->buffers[0] != NULL && column->null_count != 0; }

/* Copies the rows' validity; returns how many are null. `to` is zeroed. */
static int64_t gather_validity(const struct ArrowArray *column, const int32_t *rows, int64_t first, int64_t count,
                               uint8_t *to) {
  int64_t nulls = 0;
  for (int64_t i = 0; i < count; i++) {
    if (bit(column->buffers[0], first + rows[i])) to[i >> 3] |= (uint8_t)(1 << (i & 7));
    else nulls++;
  }
  return nulls;
}

static void gather_4_bytes(const uint32_t *from, const int32_t *rows, int64_t count, uint32_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = from[rows[i]];
}

static void gather_8_bytes(const uint64_t *from, const int32_t *rows, int64_t count, uint64_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = from[rows[i]];
}

static size_t text_bytes(kh_texts from, const int32_t *rows, int64_t count) {
  size_t bytes = 0;
  for (int64_t i = 0; i < count; i++) bytes += (size_t)(from.offsets[rows[i] + 1] - from.offsets[rows[i]]);
  return bytes;
}

static void gather_texts(kh_texts from, const int32_t *rows, int64_t count, int32_t *offsets, char *bytes) {
  int32_t end = 0;
  for (int64_t i = 0; i < count; i++) {
    int32_t size = from.offsets[rows[i] + 1] - from.offsets[rows[i]];
    offsets[i] = end;
    if (size != 0) memcpy(bytes + end, from.bytes + from.offsets[rows[i]], (size_t)size);
    end += size;
  }
  offsets[count] = end;
}

static bool gather_column(kh_column_type type, const struct ArrowArray *batch, int64_t index, const int32_t *rows,
                          int64_t count, struct ArrowArray *gathered) {
  const struct ArrowArray *column = batch->children[index];
  int64_t first = first_row(batch, index);
  bool nulls = has_nulls(column), texts = type == KH_COLUMN_UTF8;
  size_t validity_size = nulls ? padded((size_t)count / 8 + 1) : 0;
  size_t values_size = texts ? padded(((size_t)count + 1) * sizeof(int32_t))
                             : padded((size_t)count * (type == KH_COLUMN_8_BYTES ? 8 : 4));
  size_t texts_size = texts ? padded(text_bytes(kh_column_texts(batch, index), rows, count)) : 0;
  column_block *block = aligned_alloc(ALIGNMENT, padded(sizeof *block + validity_size + values_size + texts_size));
  if (block == NULL) return false;
  memset(block->bytes, 0, validity_size);
  uint8_t *values = block->bytes + validity_size;
  switch (type) {
    case KH_COLUMN_UNKNOWN: free(block); return false;
    case KH_COLUMN_4_BYTES:
      gather_4_bytes((const uint32_t *)column->buffers[1] + first, rows, count, (void *)values);
      break;
    case KH_COLUMN_8_BYTES:
      gather_8_bytes((const uint64_t *)column->buffers[1] + first, rows, count, (void *)values);
      break;
    case KH_COLUMN_UTF8:
      gather_texts(kh_column_texts(batch, index), rows, count, (void *)values, (char *)values + values_size);
  }
  block->buffers[0] = nulls ? block->bytes : NULL;
  block->buffers[1] = values;
  block->buffers[2] = values + values_size;
  *gathered = (struct ArrowArray){.length = count,
                                  .null_count = nulls ? gather_validity(column, rows, first, count, block->bytes) : 0,
                                  .n_buffers = texts ? 3 : 2,
                                  .buffers = block->buffers,
                                  .release = release_column,
                                  .private_data = block};
  return true;
}

bool kh_rows_gather(const struct ArrowSchema *schema, const struct ArrowArray *batch, const int32_t *rows,
                    int64_t count, struct ArrowArray *gathered) {
  size_t columns = (size_t)schema->n_children;
  batch_block *block = malloc(sizeof *block + columns * (sizeof *block->pointers + sizeof *block->children));
  if (block == NULL) return false;
  block->buffers[0] = NULL;
  block->children = (struct ArrowArray *)(block->pointers + columns);
  *gathered = (struct ArrowArray){.length = count,
                                  .n_buffers = 1,
                                  .buffers = block->buffers,
                                  .children = block->pointers,
                                  .release = release_batch,
                                  .private_data = block};
  for (size_t i = 0; i < columns; i++) {
    block->pointers[i] = &block->children[i];
    kh_column_type type = kh_column_type_of(schema->children[i]);
    if (!gather_column(type, batch, (int64_t)i, rows, count, &block->children[i])) {
      gathered->release(gathered);
      return false;
    }
    gathered->n_children++;
  }
  return true;
}
