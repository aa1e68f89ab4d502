#include "ipc_layout.h"

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

static khonsu_status make_dictionary(kh_ipc_layout *layout, const found *first, uint64_t depth_max,
                                     khonsu_error *error) {
  const kh_field *fields = layout->batch.schema->fields;
  kh_ipc_dictionary *dictionary = &layout->dictionaries[layout->dictionary_count++];
  char path[KH_FIELD_PATH_SIZE];
  struct ArrowSchema column = *first->values, *columns[1] = {&column};
  column.name = kh_field_path(fields, kh_field_dictionary(&fields[first->field]), path);
  struct ArrowSchema root = {.format = "+s", .name = "", .n_children = 1, .children = columns, .release = keep};
  dictionary->id = first->id;
  return import(&root, depth_max, &dictionary->shape, error);
}

/* ---- who has which */

const kh_ipc_dictionary *kh_ipc_dictionary_find(const kh_ipc_layout *layout, int64_t id) {
  uint32_t low = 0, high = layout->dictionary_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (layout->dictionaries[middle].id < id) low = middle + 1;
    else high = middle;
  }
  bool is_there = low < layout->dictionary_count && layout->dictionaries[low].id == id;
  return is_there ? &layout->dictionaries[low] : NULL;
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

static khonsu_status link_field(const kh_ipc_layout *layout, kh_ipc_shape *shape, uint32_t index,
                                const struct ArrowSchema *arrow, khonsu_error *error);

static khonsu_status link_dictionary(const kh_ipc_layout *layout, kh_ipc_shape *shape, uint32_t index,
                                     const struct ArrowSchema *arrow, khonsu_error *error) {
  const kh_field *fields = shape->schema->fields;
  uint32_t values = kh_field_dictionary(&fields[index]);
  const kh_ipc_dictionary *dictionary =
      kh_ipc_dictionary_find(layout, ((const kh_ipc_node *)(const void *)arrow)->dictionary_id);
  if (!is_same_type(fields, values, dictionary->shape.schema->fields, 1))
    return kh_field_fail(fields, index, error, KHONSU_CORRUPT, "its dictionary has values of another type");
  shape->dictionaries[index] = (uint32_t)(dictionary - layout->dictionaries);
  shape->dictionary_count++;
  return link_field(layout, shape, values, arrow->dictionary, error);
}

static khonsu_status link_field(const kh_ipc_layout *layout, kh_ipc_shape *shape, uint32_t index,
                                const struct ArrowSchema *arrow, khonsu_error *error) {
  const kh_field *field = &shape->schema->fields[index];
  khonsu_status status = KHONSU_OK;
  if (field->has_dictionary) status = link_dictionary(layout, shape, index, arrow, error);
  for (int64_t child = 0; child < arrow->n_children && status == KHONSU_OK; child++)
    status = link_field(layout, shape, field->first + (uint32_t)child, arrow->children[child], error);
  return status;
}

/* `list`: sorted. */
static khonsu_status make_dictionaries(kh_ipc_layout *layout, const found *list, size_t count, uint64_t depth_max,
                                       khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  layout->dictionaries = kh_alloc_zero(count * sizeof *layout->dictionaries);
  if (layout->dictionaries == NULL) return no_memory(error);
  for (size_t i = 0; i < count && status == KHONSU_OK; i++)
    if (i == 0 || list[i].id != list[i - 1].id) status = make_dictionary(layout, &list[i], depth_max, error);
  for (size_t i = 0, next = 0; i < count && status == KHONSU_OK; i++)
    if (i == 0 || list[i].id != list[i - 1].id)
      status = link_field(layout, &layout->dictionaries[next++].shape, 1, list[i].values, error);
  return status;
}

/* ---- */

/* Zeroed, but for its reference. */
static khonsu_status make(kh_ipc_layout *layout, const kh_ipc_node *root, uint64_t depth_max, khonsu_error *error) {
  khonsu_status status = import(&root->arrow, depth_max, &layout->batch, error);
  if (status != KHONSU_OK) return status;
  const kh_schema *schema = layout->batch.schema;
  size_t count = 0;
  for (uint32_t index = 0; index < schema->count; index++) count += schema->fields[index].has_dictionary;
  if (count == 0) return KHONSU_OK;
  found *list = kh_alloc_array(count, sizeof *list);
  if (list == NULL) return no_memory(error);
  collect(schema, 0, &root->arrow, list);
  qsort(list, count, sizeof *list, compare);
  status = make_dictionaries(layout, list, count, depth_max, error);
  kh_free(list);
  return status == KHONSU_OK ? link_field(layout, &layout->batch, 0, &root->arrow, error) : status;
}

khonsu_status kh_ipc_layout_make(const kh_ipc_node *root, bool is_big_endian, uint64_t depth_max,
                                 kh_ipc_layout **layout, khonsu_error *error) {
  kh_ipc_layout *made = kh_alloc_zero(sizeof *made);
  if (made == NULL) return no_memory(error);
  atomic_init(&made->references, 1);
  made->is_big_endian = is_big_endian;
  khonsu_status status = make(made, root, depth_max, error);
  if (status == KHONSU_OK) *layout = made;
  else kh_ipc_layout_unref(made);
  return status;
}

kh_ipc_layout *kh_ipc_layout_ref(kh_ipc_layout *layout) {
  atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
  return layout;
}

static void shape_fini(kh_ipc_shape *shape) {
  kh_schema_unref(shape->schema);
  kh_free(shape->dictionaries);
}

void kh_ipc_layout_unref(kh_ipc_layout *layout) {
  if (layout == NULL) return;
  /* Acquire and release: what other holders read comes before it goes. */
  if (atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) != 1) return;
  for (uint32_t i = 0; i < layout->dictionary_count; i++) shape_fini(&layout->dictionaries[i].shape);
  kh_free(layout->dictionaries);
  shape_fini(&layout->batch);
  kh_free(layout);
}

kh_schema *kh_ipc_layout_schema(const kh_ipc_layout *layout) { return layout->batch.schema; }
