/* Each child owns its own memory, as the Arrow C Data Interface wants it, so that a consumer may move it out. */
#include <stdlib.h>
#include <string.h>

#include "cell.h"
#include "list.h"

enum { VALUE_MEMBERS = 3 };

/* ---- schemas */

typedef struct schema_children {
  struct ArrowSchema *pointers[KH_LIST_COLUMNS_MAX], nodes[KH_LIST_COLUMNS_MAX];
} schema_children;

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (schema->children[i]->release != NULL) schema->children[i]->release(schema->children[i]);
  free(schema->private_data);
  schema->release = NULL;
}

/* One pair: the extension's name. Sizes are int32 of the machine. */
static const char *bytes_metadata(void) {
  static const char key[] = "ARROW:extension:name", value[] = KH_EXTENSION_BYTES;
  static char metadata[sizeof key + sizeof value + 3 * sizeof(int32_t)];
  const int32_t pairs = 1, key_size = sizeof key - 1, value_size = sizeof value - 1;
  char *at = metadata;
  memcpy(at, &pairs, sizeof pairs);
  memcpy(at += sizeof pairs, &key_size, sizeof key_size);
  memcpy(at += sizeof key_size, key, sizeof key - 1);
  memcpy(at += key_size, &value_size, sizeof value_size);
  memcpy(at + sizeof value_size, value, sizeof value - 1);
  return metadata;
}

static void set_leaf(struct ArrowSchema *schema, const char *name, kh_list_type type) {
  static const char *const formats[] = {"u", "z", "L", "+ud:0,1,2"};
  *schema = (struct ArrowSchema){.format = formats[type],
                                 .name = name,
                                 .metadata = type == KH_LIST_BYTES ? bytes_metadata() : NULL,
                                 .flags = ARROW_FLAG_NULLABLE,
                                 .release = release_schema};
}

static bool add_children(struct ArrowSchema *schema, size_t count) {
  schema_children *children = calloc(1, sizeof *children);
  if (children == NULL) return false;
  for (size_t i = 0; i < count; i++) children->pointers[i] = &children->nodes[i];
  schema->children = children->pointers;
  schema->n_children = (int64_t)count;
  schema->private_data = children;
  return true;
}

static bool set_column(struct ArrowSchema *schema, const kh_list_column *column) {
  set_leaf(schema, column->name, column->type);
  if (column->type != KH_LIST_VALUE) return true;
  if (!add_children(schema, VALUE_MEMBERS)) return false;
  set_leaf(schema->children[0], "bytes", KH_LIST_BYTES);
  set_leaf(schema->children[1], "counter", KH_LIST_NUMBER);
  schema->children[1]->format = "l";
  set_leaf(schema->children[2], "table", KH_LIST_TEXT);
  return true;
}

bool kh_list_schema(const kh_list_column *columns, size_t count, struct ArrowSchema *schema) {
  *schema = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
  bool whole = add_children(schema, count);
  for (size_t i = 0; whole && i < count; i++) whole = set_column(schema->children[i], &columns[i]);
  if (!whole) schema->release(schema);
  return whole;
}

/* ---- batches */

typedef struct array_block {
  const void *buffers[3];
  kh_list_cells cells; /* of a leaf */
  kh_text codes, positions;
  struct ArrowArray *pointers[KH_LIST_COLUMNS_MAX], nodes[KH_LIST_COLUMNS_MAX];
} array_block;

static void release_array(struct ArrowArray *array) {
  array_block *block = array->private_data;
  for (int64_t i = 0; i < array->n_children; i++)
    if (array->children[i]->release != NULL) array->children[i]->release(array->children[i]);
  kh_text_fini(&block->cells.validity);
  kh_text_fini(&block->cells.offsets);
  kh_text_fini(&block->cells.values);
  kh_text_fini(&block->codes);
  kh_text_fini(&block->positions);
  free(block);
  array->release = NULL;
}

static array_block *new_array(struct ArrowArray *array, int64_t length, int64_t buffers) {
  array_block *block = calloc(1, sizeof *block);
  if (block == NULL) return NULL;
  for (size_t i = 0; i < KH_LIST_COLUMNS_MAX; i++) block->pointers[i] = &block->nodes[i];
  *array = (struct ArrowArray){.length = length,
                               .n_buffers = buffers,
                               .buffers = block->buffers,
                               .children = block->pointers,
                               .release = release_array,
                               .private_data = block};
  return block;
}

/* Never NULL, which a consumer might take for a missing buffer. */
static const void *buffer_of(const kh_text *text) { return text->data != NULL ? text->data : ""; }

static bool move_cells(kh_list_cells *cells, bool fixed, struct ArrowArray *array) {
  static const int32_t no_offsets[2] = {0, 0};
  array_block *block = new_array(array, cells->count, fixed ? 2 : 3);
  if (block == NULL) return false;
  block->cells = *cells;
  *cells = (kh_list_cells){.count = 0};
  array->null_count = block->cells.nulls;
  block->buffers[0] = array->null_count > 0 ? block->cells.validity.data : NULL;
  block->buffers[1] = block->cells.offsets.data != NULL ? (const void *)block->cells.offsets.data : no_offsets;
  block->buffers[2] = buffer_of(&block->cells.values);
  if (fixed) block->buffers[1] = block->buffers[2];
  return true;
}

static bool move_value(kh_list *list, struct ArrowArray *array) {
  array_block *block = new_array(array, list->rows, 2);
  if (block == NULL) return false;
  block->codes = list->value.codes;
  block->positions = list->value.positions;
  list->value.codes = list->value.positions = (kh_text){.data = NULL};
  block->buffers[0] = buffer_of(&block->codes);
  block->buffers[1] = buffer_of(&block->positions);
  kh_list_cells *members[VALUE_MEMBERS] = {&list->value.bytes, &list->value.number, &list->value.text};
  for (size_t i = 0; i < VALUE_MEMBERS; i++, array->n_children++)
    if (!move_cells(members[i], members[i] == &list->value.number, array->children[i])) return false;
  return true;
}

static bool move_column(kh_list *list, size_t column, struct ArrowArray *array) {
  kh_list_type type = list->columns[column].type;
  return type == KH_LIST_VALUE ? move_value(list, array)
                               : move_cells(&list->cells[column], type == KH_LIST_NUMBER, array);
}

bool kh_list_batch(kh_list *list, struct ArrowArray *batch) {
  bool whole = new_array(batch, list->rows, 1) != NULL;
  if (!whole) {
    batch->release = NULL;
    return false;
  }
  for (size_t i = 0; whole && i < list->count; i++, batch->n_children++)
    whole = move_column(list, i, batch->children[i]);
  if (!whole) batch->release(batch);
  return whole;
}
