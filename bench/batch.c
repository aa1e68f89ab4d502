/* batch: see batch.h. The C data interface lets a consumer move children out of their parent and release them apart,
 * so the block counts its holders: the parent and each child. */
#include "batch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

enum { NAME_SIZE_MAX = 8, FIXED_VALUES = 1, OFFSETS = 1, TEXT = 2, HOLDERS = 1 + BATCH_COLUMNS };

typedef struct array_block {
  atomic_uint holders;
  struct ArrowArray columns[BATCH_COLUMNS], *children[BATCH_COLUMNS];
  const void *row_buffers[1], *column_buffers[BATCH_COLUMNS][3];
  int64_t ids[BATCH_ROWS];
  double prices[BATCH_ROWS];
  int32_t offsets[BATCH_ROWS + 1];
  char names[BATCH_ROWS * NAME_SIZE_MAX];
} array_block;

typedef struct schema_block {
  atomic_uint holders;
  struct ArrowSchema columns[BATCH_COLUMNS], *children[BATCH_COLUMNS];
} schema_block;

/* `holders` is the first member of both kinds of block. */
static void drop_block(void *block) {
  if (atomic_fetch_sub((atomic_uint *)block, 1) == 1) free(block);
}

static void release_column(struct ArrowArray *column) {
  column->release = NULL;
  drop_block(column->private_data);
}

static void release_batch(struct ArrowArray *batch) {
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

static void make_schema(struct ArrowSchema *schema) {
  static const char *const formats[BATCH_COLUMNS] = {"l", "g", "u"}, *const names[BATCH_COLUMNS] = {"id", "price",
                                                                                                    "name"};
  schema_block *block = engine_alloc(sizeof *block);
  block->holders = HOLDERS;
  for (int i = 0; i < BATCH_COLUMNS; i++) {
    block->columns[i] = (struct ArrowSchema){.format = formats[i],
                                             .name = names[i],
                                             .flags = ARROW_FLAG_NULLABLE,
                                             .release = release_field,
                                             .private_data = block};
    block->children[i] = &block->columns[i];
  }
  *schema = (struct ArrowSchema){.format = "+s",
                                 .name = "",
                                 .n_children = BATCH_COLUMNS,
                                 .children = block->children,
                                 .release = release_schema,
                                 .private_data = block};
}

static void fill_rows(array_block *block, uint64_t number) {
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

static void point_at_rows(array_block *block) {
  block->column_buffers[0][FIXED_VALUES] = block->ids;
  block->column_buffers[1][FIXED_VALUES] = block->prices;
  block->column_buffers[2][OFFSETS] = block->offsets;
  block->column_buffers[2][TEXT] = block->names;
  for (int i = 0; i < BATCH_COLUMNS; i++) {
    block->columns[i] = (struct ArrowArray){.length = BATCH_ROWS,
                                            .n_buffers = i == 2 ? 3 : 2,
                                            .buffers = block->column_buffers[i],
                                            .release = release_column,
                                            .private_data = block};
    block->children[i] = &block->columns[i];
  }
}

void batch_make(uint64_t number, struct ArrowSchema *schema, struct ArrowArray *batch) {
  make_schema(schema);
  array_block *block = engine_alloc(sizeof *block);
  block->holders = HOLDERS;
  fill_rows(block, number);
  point_at_rows(block);
  *batch = (struct ArrowArray){.length = BATCH_ROWS,
                               .n_buffers = 1,
                               .n_children = BATCH_COLUMNS,
                               .buffers = block->row_buffers,
                               .children = block->children,
                               .release = release_batch,
                               .private_data = block};
}

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
