/* batch: see batch.h. The C data interface lets a consumer move children out of their parent and release them apart,
 * so a block counts its holders: the parent and each child. */
#include "batch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

enum { NAME_SIZE_MAX = 8, COLUMNS_MAX = BATCH_COLUMNS, FIXED_VALUES = 1, OFFSETS = 1, TEXT = 2, BUFFERS_MAX = 3 };

typedef struct schema_block {
  atomic_uint holders;
  struct ArrowSchema columns[COLUMNS_MAX], *children[COLUMNS_MAX];
} schema_block;

typedef struct array_block {
  atomic_uint holders;
  struct ArrowArray columns[COLUMNS_MAX], *children[COLUMNS_MAX];
  const void *row_buffers[1], *column_buffers[COLUMNS_MAX][BUFFERS_MAX];
} array_block;

/* The block of a batch of values, which has its buffers with it. */
typedef struct values_block {
  array_block arrays;
  int64_t ids[BATCH_ROWS];
  double prices[BATCH_ROWS];
  int32_t offsets[BATCH_ROWS + 1];
  char names[BATCH_ROWS * NAME_SIZE_MAX];
} values_block;

/* A block with one buffer of its own. */
typedef struct numbers_block {
  array_block arrays;
  int64_t numbers[];
} numbers_block;

/* ---- releasing */

/* `holders` is the first member of every kind of block. */
static void drop_block(void *block) {
  if (atomic_fetch_sub((atomic_uint *)block, 1) == 1) free(block);
}

static void release_column(struct ArrowArray *column) {
  column->release = NULL;
  drop_block(column->private_data);
}

static void release_array(struct ArrowArray *batch) {
  for (int64_t i = 0; i < batch->n_children; i++)
    if (batch->children[i]->release != NULL) batch->children[i]->release(batch->children[i]);
  batch->release = NULL;
  drop_block(batch->private_data);
}

static void release_field(struct ArrowSchema *field) {
  field->release = NULL;
  drop_block(field->private_data);
}

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (schema->children[i]->release != NULL) schema->children[i]->release(schema->children[i]);
  schema->release = NULL;
  drop_block(schema->private_data);
}

void batch_release(held_batch *held) {
  held->schema.release(&held->schema);
  held->batch.release(&held->batch);
}

/* ---- making */

static void make_schema(const char *const *formats, const char *const *names, int columns, struct ArrowSchema *schema) {
  schema_block *block = engine_alloc(sizeof *block);
  block->holders = 1 + (unsigned)columns;
  for (int i = 0; i < columns; i++) {
    block->columns[i] = (struct ArrowSchema){.format = formats[i],
                                             .name = names[i],
                                             .flags = ARROW_FLAG_NULLABLE,
                                             .release = release_field,
                                             .private_data = block};
    block->children[i] = &block->columns[i];
  }
  *schema = (struct ArrowSchema){.format = "+s",
                                 .name = "",
                                 .n_children = columns,
                                 .children = block->children,
                                 .release = release_schema,
                                 .private_data = block};
}

/* The structs over the buffers, which the block points to already. */
static void make_array(array_block *block, int columns, int64_t rows, struct ArrowArray *batch) {
  block->holders = 1 + (unsigned)columns;
  for (int i = 0; i < columns; i++) {
    block->columns[i] = (struct ArrowArray){.length = rows,
                                            .n_buffers = block->column_buffers[i][TEXT] == NULL ? 2 : 3,
                                            .buffers = block->column_buffers[i],
                                            .release = release_column,
                                            .private_data = block};
    block->children[i] = &block->columns[i];
  }
  *batch = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .n_children = columns,
                               .buffers = block->row_buffers,
                               .children = block->children,
                               .release = release_array,
                               .private_data = block};
}

static void fill_values(values_block *block, uint64_t number) {
  int32_t end = 0;
  for (int row = 0; row < BATCH_ROWS; row++) {
    uint64_t hash = input_mix(number * BATCH_ROWS + (uint64_t)row);
    block->ids[row] = (int64_t)hash;
    block->prices[row] = (double)(hash % 100000) / 100;
    block->offsets[row] = end;
    end += snprintf(block->names + end, NAME_SIZE_MAX, "n%u", (unsigned)(hash % 100000));
  }
  block->offsets[BATCH_ROWS] = end;
}

void batch_make_values(uint64_t number, held_batch *made) {
  static const char *const formats[] = {"l", "g", "u"}, *const names[] = {"id", "price", "name"};
  values_block *block = engine_alloc(sizeof *block);
  fill_values(block, number);
  block->arrays.column_buffers[0][FIXED_VALUES] = block->ids;
  block->arrays.column_buffers[1][FIXED_VALUES] = block->prices;
  block->arrays.column_buffers[2][OFFSETS] = block->offsets;
  block->arrays.column_buffers[2][TEXT] = block->names;
  make_schema(formats, names, BATCH_COLUMNS, &made->schema);
  make_array(&block->arrays, BATCH_COLUMNS, BATCH_ROWS, &made->batch);
}

void batch_make_some_ints(int64_t rows, held_batch *made) {
  static const int64_t ints[BATCH_INTS_COLUMNS][BATCH_INTS_ROWS];
  static const char *const formats[] = {"l", "l"}, *const names[] = {"key", "amount"};
  array_block *block = engine_alloc(sizeof *block);
  for (int i = 0; i < BATCH_INTS_COLUMNS; i++) block->column_buffers[i][FIXED_VALUES] = ints[i];
  make_schema(formats, names, BATCH_INTS_COLUMNS, &made->schema);
  make_array(block, BATCH_INTS_COLUMNS, rows, &made->batch);
}

void batch_make_ints(held_batch *made) { batch_make_some_ints(BATCH_INTS_ROWS, made); }

void batch_make_tagged(int64_t tag, held_batch *made) {
  static const int64_t ids[BATCH_INTS_ROWS];
  static const double values[BATCH_INTS_ROWS];
  static const char *const formats[] = {"l", "l", "g"}, *const names[] = {"id", "tag", "value"};
  numbers_block *block = engine_alloc(sizeof *block + sizeof ids);
  for (int row = 0; row < BATCH_INTS_ROWS; row++) block->numbers[row] = tag;
  block->arrays.column_buffers[0][FIXED_VALUES] = ids;
  block->arrays.column_buffers[BATCH_TAG_COLUMN][FIXED_VALUES] = block->numbers;
  block->arrays.column_buffers[2][FIXED_VALUES] = values;
  make_schema(formats, names, BATCH_COLUMNS, &made->schema);
  make_array(&block->arrays, BATCH_COLUMNS, BATCH_INTS_ROWS, &made->batch);
}

void batch_make_column(int64_t seed, int64_t rows, held_batch *made) {
  static const char *const formats[] = {"l"}, *const names[] = {"number"};
  numbers_block *block = engine_alloc(sizeof *block + (size_t)rows * sizeof *block->numbers);
  for (int64_t row = 0; row < rows; row++) block->numbers[row] = seed + row;
  block->arrays.column_buffers[0][FIXED_VALUES] = block->numbers;
  make_schema(formats, names, 1, &made->schema);
  make_array(&block->arrays, 1, rows, &made->batch);
}

/* ---- touching */

uint64_t batch_touch_reference(const struct ArrowArray *batch) {
  if (batch->length != BATCH_ROWS) engine_fail("a batch of %lld rows", (long long)batch->length);
  return (uint64_t)batch->length + (uintptr_t)batch->children;
}

uint64_t batch_touch_values(const struct ArrowArray *batch) {
  const struct ArrowArray *ids = batch->children[0], *names = batch->children[BATCH_COLUMNS - 1];
  const int32_t *offsets = names->buffers[OFFSETS];
  const char *text = names->buffers[TEXT];
  uint64_t first = (uint64_t)((const int64_t *)ids->buffers[FIXED_VALUES])[ids->offset];
  return batch_touch_reference(batch) + first + (uint64_t)text[offsets[names->offset + names->length] - 1];
}
