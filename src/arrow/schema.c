/* schema: how an ArrowSchema becomes a kh_schema.
 *
 *   walk     the tree is spread out in level order, without recursion, so that its depth is known before anything
 *            recurses; each node is only looked at as far as is needed to go on
 *   check    each field by nanoarrow's parser, and for what that lets through
 *   settle   into one block: fields, tables of unions, and for a copy the strings */
#include "schema.h"

#include "schema_walk.h"

/* ---- check */

static khonsu_status check_union(const kh_field *fields, uint32_t index, khonsu_error *error) {
  const struct ArrowSchema *arrow = &fields[index].arrow;
  int8_t ids[128];
  bool seen[128] = {false};
  if (arrow->n_children > 128)
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "a union of %lld fields: more than 128",
                         (long long)arrow->n_children);
  int32_t count = _ArrowParseUnionTypeIds(arrow->format + 4, ids);
  for (int32_t i = 0; i < count; i++) {
    if (seen[ids[i]])
      return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "type id %d of the union occurs twice", ids[i]);
    seen[ids[i]] = true;
  }
  return KHONSU_OK;
}

static bool is_run_end(enum ArrowType type) {
  return type == NANOARROW_TYPE_INT16 || type == NANOARROW_TYPE_INT32 || type == NANOARROW_TYPE_INT64;
}

/* Other implementations refuse what has more digits than its bits hold. A scale may be any. */
static khonsu_status check_decimal(const kh_field *fields, uint32_t index, const struct ArrowSchemaView *view,
                                   khonsu_error *error) {
  int32_t bits = view->decimal_bitwidth, most = bits == 32 ? 9 : bits == 64 ? 18 : bits == 128 ? 38 : 76;
  if (view->decimal_precision >= 1 && view->decimal_precision <= most) return KHONSU_OK;
  return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW,
                       "a decimal of %d digits, of which %d bits hold 1 to %d", (int)view->decimal_precision, (int)bits,
                       (int)most);
}

/* What nanoarrow's parser lets through. Children are parsed already: they come after their parents. */
static khonsu_status check_type(const kh_field *fields, uint32_t index, const struct ArrowSchemaView *view,
                                khonsu_error *error) {
  const kh_field *field = &fields[index];
  switch (field->storage) {
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256: return check_decimal(fields, index, view, error);
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: return check_union(fields, index, error);
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
      if (view->fixed_size >= 0) return KHONSU_OK;
      return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "a fixed-size list of size %d",
                           (int)view->fixed_size);
    case NANOARROW_TYPE_RUN_END_ENCODED:
      if (is_run_end(fields[field->first].type)) return KHONSU_OK;
      return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "run ends must be int16, int32 or int64");
    default: return KHONSU_OK;
  }
}

static khonsu_status check_field(kh_field *fields, uint32_t index, khonsu_error *error) {
  kh_field *field = &fields[index];
  struct ArrowSchemaView view;
  struct ArrowError reason;
  if (!kh_metadata_is_sane(field->arrow.metadata))
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "its metadata have negative sizes");
  if (ArrowSchemaViewInit(&view, &field->arrow, &reason) != NANOARROW_OK)
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "%s", reason.message);
  field->type = view.type;
  field->storage = view.storage_type;
  field->layout = view.layout;
  return check_type(fields, index, &view, error);
}

static khonsu_status check_fields(kh_field *fields, uint32_t count, khonsu_error *error) {
  if (strcmp(fields[0].arrow.format, "+s") != 0)
    return kh_field_fail(fields, 0, error, KHONSU_INVALID_ARROW,
                         "a table's schema must be a struct (format '+s'), not '%s'", fields[0].arrow.format);
  for (uint32_t index = count; index-- > 0;) { /* children first */
    khonsu_status status = check_field(fields, index, error);
    if (status != KHONSU_OK) return status;
  }
  khonsu_status status = kh_schema_rules_check(fields[0].arrow.metadata, error);
  return status == KHONSU_OK ? kh_schema_compression_check(fields[0].arrow.metadata, error) : status;
}

/* ---- settle */

typedef struct room {
  size_t unions, strings, size; /* offsets into the block, and its size */
} room;

static bool is_union(const kh_field *field) {
  return field->storage == NANOARROW_TYPE_SPARSE_UNION || field->storage == NANOARROW_TYPE_DENSE_UNION;
}

static size_t string_room(const struct ArrowSchema *arrow) {
  size_t name = arrow->name != NULL ? strlen(arrow->name) + 1 : 0;
  return strlen(arrow->format) + 1 + name + (size_t)ArrowMetadataSizeOf(arrow->metadata);
}

/* Sizes are of memory that is there, and cannot overflow. */
static room room_for(const kh_field *fields, uint32_t count, bool copy) {
  room needed = {.unions = sizeof(kh_schema) + count * sizeof(kh_field)};
  needed.strings = needed.unions;
  for (uint32_t index = 0; index < count; index++)
    if (is_union(&fields[index])) needed.strings += 256;
  needed.size = needed.strings;
  for (uint32_t index = 0; copy && index < count; index++) needed.size += string_room(&fields[index].arrow);
  return needed;
}

static const char *put_bytes(char **strings, const char *bytes, size_t size) {
  if (bytes == NULL) return NULL;
  char *copy = memcpy(*strings, bytes, size);
  *strings += size;
  return copy;
}

static void copy_strings(struct ArrowSchema *arrow, char **strings) {
  arrow->format = put_bytes(strings, arrow->format, strlen(arrow->format) + 1);
  if (arrow->name != NULL) arrow->name = put_bytes(strings, arrow->name, strlen(arrow->name) + 1);
  arrow->metadata = put_bytes(strings, arrow->metadata, (size_t)ArrowMetadataSizeOf(arrow->metadata));
}

/* Child of type id, then type id of child. */
static void fill_union(kh_field *field, int8_t *table) {
  memset(table, -1, 256);
  int32_t count = _ArrowParseUnionTypeIds(field->arrow.format + 4, table + 128);
  for (int32_t child = 0; child < count; child++) table[table[128 + child]] = (int8_t)child;
  field->union_children = table;
}

static uint8_t alignment_of(const kh_schema *schema, const kh_field *field, uint32_t buffer) {
  int64_t unit = field->layout.element_size_bits[buffer] / 8;
  bool is_index = field->has_dictionary || schema->fields[field->parent].storage == NANOARROW_TYPE_RUN_END_ENCODED;
  switch (field->layout.buffer_type[buffer]) {
    case NANOARROW_BUFFER_TYPE_DATA_OFFSET:
    case NANOARROW_BUFFER_TYPE_UNION_OFFSET:
    case NANOARROW_BUFFER_TYPE_VIEW_OFFSET:
    case NANOARROW_BUFFER_TYPE_SIZE: return (uint8_t)unit;
    case NANOARROW_BUFFER_TYPE_DATA:
      if (field->is_view) return _Alignof(union ArrowBinaryView);
      return is_index && unit > 1 && unit <= 8 ? (uint8_t)unit : 1;
    default: return 1;
  }
}

static void settle_buffers(const kh_schema *schema, kh_field *field) {
  const enum ArrowBufferType *types = field->layout.buffer_type;
  field->is_view = field->storage == NANOARROW_TYPE_STRING_VIEW || field->storage == NANOARROW_TYPE_BINARY_VIEW;
  for (uint32_t i = 0; i < NANOARROW_MAX_FIXED_BUFFERS && types[i] != NANOARROW_BUFFER_TYPE_NONE; i++) {
    field->rules[i] = (kh_buffer_rule){.bits = field->layout.element_size_bits[i],
                                       .is_validity = types[i] == NANOARROW_BUFFER_TYPE_VALIDITY,
                                       .has_end = types[i] == NANOARROW_BUFFER_TYPE_DATA_OFFSET,
                                       .alignment = alignment_of(schema, field, i)};
    field->buffer_count++;
  }
}

static void settle_field(kh_schema *schema, uint32_t index, int8_t **unions) {
  kh_field *field = &schema->fields[index];
  field->arrow.children = NULL;
  field->arrow.dictionary = NULL;
  field->arrow.release = NULL;
  field->arrow.private_data = NULL;
  if (field->arrow.name == NULL) field->arrow.name = "";
  if (is_union(field)) {
    fill_union(field, *unions);
    *unions += 256;
  }
  if (field->depth > schema->depth) schema->depth = field->depth;
  settle_buffers(schema, field);
  schema->buffer_count += kh_field_buffer_count(field);
  schema->view_count += kh_field_is_view(field);
}

static kh_schema *settle(const kh_field *fields, uint32_t count, bool copy) {
  room needed = room_for(fields, count, copy);
  kh_schema *schema = kh_alloc(needed.size);
  if (schema == NULL) return NULL;
  *schema = (kh_schema){.count = count};
  atomic_init(&schema->references, 1);
  memcpy(schema->fields, fields, count * sizeof *fields);
  char *strings = (char *)schema + needed.strings;
  int8_t *unions = (int8_t *)schema + needed.unions;
  for (uint32_t index = 0; index < count; index++) {
    if (copy) copy_strings(&schema->fields[index].arrow, &strings);
    settle_field(schema, index, &unions);
  }
  return schema;
}

/* ---- import */

static khonsu_status build(const struct ArrowSchema *source, uint64_t depth_max, bool copy, kh_schema **built,
                           khonsu_error *error) {
  kh_schema_walk walk = {0};
  khonsu_status status = kh_schema_walk_run(&walk, source, depth_max, error);
  if (status == KHONSU_OK) status = check_fields(walk.fields, walk.count, error);
  if (status == KHONSU_OK) {
    *built = settle(walk.fields, walk.count, copy);
    if (*built == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a schema");
  }
  kh_schema_walk_fini(&walk);
  return status;
}

static khonsu_status check_depth(const kh_schema *schema, uint64_t depth_max, khonsu_error *error) {
  if (schema->depth <= depth_max) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_NESTING_TOO_DEEP,
                          "the schema nests %u levels deep: more than nesting_depth_max = %llu", schema->depth,
                          (unsigned long long)depth_max);
}

/* The schema, if there is one already that says the same: it was lent out by this library, or imported just before. */
static kh_schema *find_same(const struct ArrowSchema *source, const kh_arrow_limits *limits) {
  kh_schema *own = kh_schema_of_export(source);
  if (own != NULL || limits->recent == NULL || *limits->recent == NULL) return own;
  return kh_schema_says(*limits->recent, source) ? *limits->recent : NULL;
}

static void note_recent(kh_schema *imported, const kh_arrow_limits *limits) {
  if (limits->recent == NULL || *limits->recent == imported) return;
  kh_schema_unref(*limits->recent);
  *limits->recent = kh_schema_ref(imported);
}

/* `*same`: nothing was built, and what `source` owns is not needed. */
static khonsu_status import(const struct ArrowSchema *source, const kh_arrow_limits *limits, bool copy, bool *same,
                            kh_schema **imported, khonsu_error *error) {
  kh_schema *known = find_same(source, limits);
  *same = known != NULL;
  khonsu_status status = KHONSU_OK;
  if (!*same) status = build(source, limits->nesting_depth_max, copy, imported, error);
  else if ((status = check_depth(known, limits->nesting_depth_max, error)) == KHONSU_OK)
    *imported = kh_schema_ref(known);
  if (status == KHONSU_OK) note_recent(*imported, limits);
  return status;
}

khonsu_status kh_schema_import_copy(const struct ArrowSchema *schema, const kh_arrow_limits *limits,
                                    kh_schema **imported, khonsu_error *error) {
  bool same;
  return import(schema, limits, true, &same, imported, error);
}

khonsu_status kh_schema_import(struct ArrowSchema *schema, const kh_arrow_limits *limits, kh_schema **imported,
                               khonsu_error *error) {
  bool same;
  khonsu_status status = import(schema, limits, false, &same, imported, error);
  if (status == KHONSU_OK && !same) ArrowSchemaMove(schema, &(*imported)->moved);
  if (schema->release != NULL) schema->release(schema);
  return status;
}

/* ---- life */

kh_schema *kh_schema_ref(kh_schema *schema) {
  atomic_fetch_add_explicit(&schema->references, 1, memory_order_relaxed);
  return schema;
}

void kh_schema_unref(kh_schema *schema) {
  if (schema == NULL) return;
  if (atomic_fetch_sub_explicit(&schema->references, 1, memory_order_acq_rel) != 1) return;
  if (schema->moved.release != NULL) schema->moved.release(&schema->moved);
  kh_free(schema);
}
