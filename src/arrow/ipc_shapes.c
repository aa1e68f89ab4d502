#include "ipc_shapes.h"

typedef struct found {
  int64_t id;
  uint32_t field; /* of the batch's schema */
  const struct ArrowSchema *values;
} found;

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read a schema");
}

static khonsu_status import(const struct ArrowSchema *root, uint64_t depth_max, kh_ipc_shape *shape,
                            khonsu_error *error) {
  kh_arrow_limits limits = {.nesting_depth_max = depth_max};
  khonsu_status status = kh_schema_import_copy(root, &limits, &shape->schema, error);
  if (status == KHONSU_INVALID_ARROW)
    return kh_error_restate(error, KHONSU_CORRUPT, "the schema is damaged: %s", error != NULL ? error->message : "");
  if (status != KHONSU_OK) return status;
  shape->dictionaries = kh_alloc_array(shape->schema->count, sizeof *shape->dictionaries);
  if (shape->dictionaries == NULL) return no_memory(error);
  memset(shape->dictionaries, 0xff, shape->schema->count * sizeof *shape->dictionaries);
  return KHONSU_OK;
}

/* ---- which dictionaries there are */

/* The schema has the tree's shape. Recursion is as deep as the schema. */
static found *collect(const kh_schema *schema, uint32_t index, const struct ArrowSchema *arrow, found *to) {
  const kh_field *field = &schema->fields[index];
  if (field->has_dictionary) {
    *to++ = (found){((const kh_ipc_node *)(const void *)arrow)->dictionary_id, index, arrow->dictionary};
    to = collect(schema, kh_field_dictionary(field), arrow->dictionary, to);
  }
  for (int64_t child = 0; child < arrow->n_children; child++)
    to = collect(schema, field->first + (uint32_t)child, arrow->children[child], to);
  return to;
}

static int compare(const void *a, const void *b) {
  const found *one = a, *other = b;
  if (one->id != other->id) return one->id < other->id ? -1 : 1;
  return one->field < other->field ? -1 : one->field > other->field;
}

static void keep(struct ArrowSchema *schema) { (void)schema; }

static khonsu_status make_dictionary(kh_ipc_shapes *shapes, const found *first, uint64_t depth_max,
                                     khonsu_error *error) {
  const kh_field *fields = shapes->batch.schema->fields;
  kh_ipc_dictionary *dictionary = &shapes->dictionaries[shapes->dictionary_count++];
  char path[KH_FIELD_PATH_SIZE];
  struct ArrowSchema column = *first->values, *columns[1] = {&column};
  column.name = kh_field_path(fields, kh_field_dictionary(&fields[first->field]), path);
  struct ArrowSchema root = {.format = "+s", .name = "", .n_children = 1, .children = columns, .release = keep};
  dictionary->id = first->id;
  return import(&root, depth_max, &dictionary->shape, error);
}

/* ---- who has which */

kh_ipc_dictionary *kh_ipc_dictionary_find(const kh_ipc_shapes *shapes, int64_t id) {
  uint32_t low = 0, high = shapes->dictionary_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (shapes->dictionaries[middle].id < id) low = middle + 1;
    else high = middle;
  }
  bool is_there = low < shapes->dictionary_count && shapes->dictionaries[low].id == id;
  return is_there ? &shapes->dictionaries[low] : NULL;
}

/* Whether two fields are of one type, all the way down: only then may they share a dictionary. */
static bool is_same_type(const kh_field *a_fields, uint32_t a, const kh_field *b_fields, uint32_t b) {
  const kh_field *one = &a_fields[a], *other = &b_fields[b];
  if (strcmp(one->arrow.format, other->arrow.format) != 0 || one->has_dictionary != other->has_dictionary ||
      one->arrow.n_children != other->arrow.n_children)
    return false;
  uint32_t links = kh_field_dictionary(one) + one->has_dictionary - one->first;
  for (uint32_t i = 0; i < links; i++)
    if (!is_same_type(a_fields, one->first + i, b_fields, other->first + i)) return false;
  return true;
}

static khonsu_status link_field(const kh_ipc_shapes *shapes, kh_ipc_shape *shape, uint32_t index,
                                const struct ArrowSchema *arrow, khonsu_error *error);

static khonsu_status link_dictionary(const kh_ipc_shapes *shapes, kh_ipc_shape *shape, uint32_t index,
                                     const struct ArrowSchema *arrow, khonsu_error *error) {
  const kh_field *fields = shape->schema->fields;
  uint32_t values = kh_field_dictionary(&fields[index]);
  kh_ipc_dictionary *dictionary =
      kh_ipc_dictionary_find(shapes, ((const kh_ipc_node *)(const void *)arrow)->dictionary_id);
  if (!is_same_type(fields, values, dictionary->shape.schema->fields, 1))
    return kh_field_fail(fields, index, error, KHONSU_CORRUPT, "its dictionary has values of another type");
  shape->dictionaries[index] = (uint32_t)(dictionary - shapes->dictionaries);
  shape->dictionary_count++;
  return link_field(shapes, shape, values, arrow->dictionary, error);
}

static khonsu_status link_field(const kh_ipc_shapes *shapes, kh_ipc_shape *shape, uint32_t index,
                                const struct ArrowSchema *arrow, khonsu_error *error) {
  const kh_field *field = &shape->schema->fields[index];
  khonsu_status status = KHONSU_OK;
  if (field->has_dictionary) status = link_dictionary(shapes, shape, index, arrow, error);
  for (int64_t child = 0; child < arrow->n_children && status == KHONSU_OK; child++)
    status = link_field(shapes, shape, field->first + (uint32_t)child, arrow->children[child], error);
  return status;
}

/* `list`: sorted. */
static khonsu_status make_dictionaries(kh_ipc_shapes *shapes, const found *list, size_t count, uint64_t depth_max,
                                       khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  shapes->dictionaries = kh_alloc_zero(count * sizeof *shapes->dictionaries);
  if (shapes->dictionaries == NULL) return no_memory(error);
  for (size_t i = 0; i < count && status == KHONSU_OK; i++)
    if (i == 0 || list[i].id != list[i - 1].id) status = make_dictionary(shapes, &list[i], depth_max, error);
  for (size_t i = 0, next = 0; i < count && status == KHONSU_OK; i++)
    if (i == 0 || list[i].id != list[i - 1].id)
      status = link_field(shapes, &shapes->dictionaries[next++].shape, 1, list[i].values, error);
  return status;
}

/* ---- */

khonsu_status kh_ipc_shapes_make(const kh_ipc_node *root, uint64_t depth_max, kh_ipc_shapes *shapes,
                                 khonsu_error *error) {
  khonsu_status status = import(&root->arrow, depth_max, &shapes->batch, error);
  if (status != KHONSU_OK) return status;
  const kh_schema *schema = shapes->batch.schema;
  size_t count = 0;
  for (uint32_t index = 0; index < schema->count; index++) count += schema->fields[index].has_dictionary;
  if (count == 0) return KHONSU_OK;
  found *list = kh_alloc_array(count, sizeof *list);
  if (list == NULL) return no_memory(error);
  collect(schema, 0, &root->arrow, list);
  qsort(list, count, sizeof *list, compare);
  status = make_dictionaries(shapes, list, count, depth_max, error);
  kh_free(list);
  return status == KHONSU_OK ? link_field(shapes, &shapes->batch, 0, &root->arrow, error) : status;
}

static void shape_fini(kh_ipc_shape *shape) {
  kh_schema_unref(shape->schema);
  kh_free(shape->dictionaries);
}

void kh_ipc_shapes_fini(kh_ipc_shapes *shapes) {
  for (uint32_t i = 0; i < shapes->dictionary_count; i++) {
    shape_fini(&shapes->dictionaries[i].shape);
    kh_chunk_unref(shapes->dictionaries[i].values);
  }
  kh_free(shapes->dictionaries);
  shape_fini(&shapes->batch);
  *shapes = (kh_ipc_shapes){0};
}
