#include "project.h"

#include "gather.h"
#include "predicate.h"

/* ---- the schema */

/* Where structs on the way to a column may be null, the column may be. */
static bool may_be_null(const kh_schema *schema, uint32_t field) {
  bool may = false;
  for (; field != 0; field = schema->fields[field].parent)
    may |= (schema->fields[field].arrow.flags & ARROW_FLAG_NULLABLE) != 0;
  return may;
}

/* Of a column of its own, its own name; of one from inside, its path. */
static const char *name_of(const kh_schema *schema, uint32_t field, char room[KH_FIELD_PATH_SIZE]) {
  const kh_field *chosen = &schema->fields[field];
  return chosen->parent == 0 ? chosen->arrow.name : kh_field_path(schema->fields, field, room);
}

static ArrowErrorCode make_column(const kh_schema *schema, uint32_t field, struct ArrowSchema *column) {
  char room[KH_FIELD_PATH_SIZE];
  NANOARROW_RETURN_NOT_OK(kh_field_copy(schema->fields, field, column));
  if (may_be_null(schema, field)) column->flags |= ARROW_FLAG_NULLABLE;
  return ArrowSchemaSetName(column, name_of(schema, field, room));
}

static ArrowErrorCode make_schema(const kh_schema *schema, const uint32_t *chosen, size_t count,
                                  struct ArrowSchema *made) {
  NANOARROW_RETURN_NOT_OK(kh_field_begin(&schema->fields[0], "+s", (int64_t)count, made));
  for (size_t i = 0; i < count; i++) NANOARROW_RETURN_NOT_OK(make_column(schema, chosen[i], made->children[i]));
  return NANOARROW_OK;
}

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for chosen columns");
}

static khonsu_status project_schema(kh_projection *projection, kh_schema *schema, const uint32_t *chosen, size_t count,
                                    khonsu_error *error) {
  struct ArrowSchema made = {.release = NULL};
  ArrowErrorCode code = make_schema(schema, chosen, count, &made);
  return kh_schema_made(&made, code, &projection->schema, error);
}

/* Level order has parents before their children, in both. */
static void find_sources(kh_projection *projection, const kh_schema *schema, const uint32_t *chosen) {
  const kh_schema *made = projection->schema;
  projection->sources[0] = 0;
  for (uint32_t field = 1; field < made->count; field++) {
    uint32_t parent = made->fields[field].parent, place = field - made->fields[parent].first;
    projection->sources[field] =
        parent == 0 ? chosen[place] : schema->fields[projection->sources[parent]].first + place;
    projection->is_nested |= parent == 0 && schema->fields[chosen[place]].parent != 0;
  }
}

/* ---- which columns */

static khonsu_status find_column(const kh_schema *schema, const char *column, kh_arena *arena, const uint32_t *chosen,
                                 size_t known, uint32_t *field, khonsu_error *error) {
  kh_path path;
  if (column == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the name of a column is NULL");
  khonsu_status status = kh_path_read(column, arena, &path, error);
  if (status == KHONSU_OK) status = kh_path_find(&path, schema, field, error);
  for (size_t i = 0; i < known && status == KHONSU_OK; i++)
    if (chosen[i] == *field)
      status = khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "column '%.128s' is chosen twice", column);
  return status;
}

khonsu_status kh_projection_init(kh_projection *projection, kh_schema *schema, const char *const *columns, size_t count,
                                 khonsu_error *error) {
  kh_arena arena = {NULL};
  *projection = (kh_projection){NULL, NULL, false};
  uint32_t *chosen = kh_arena_take_array(&arena, count, sizeof *chosen);
  khonsu_status status = chosen != NULL ? KHONSU_OK : no_memory(error);
  for (size_t i = 0; i < count && status == KHONSU_OK; i++)
    status = find_column(schema, columns[i], &arena, chosen, i, &chosen[i], error);
  if (status == KHONSU_OK) status = project_schema(projection, schema, chosen, count, error);
  if (status == KHONSU_OK) {
    projection->sources = kh_alloc_array(projection->schema->count, sizeof *projection->sources);
    if (projection->sources == NULL) status = no_memory(error);
    else find_sources(projection, schema, chosen);
  }
  kh_arena_fini(&arena);
  if (status != KHONSU_OK) kh_projection_fini(projection);
  return status;
}

void kh_projection_fini(kh_projection *projection) {
  kh_schema_unref(projection->schema);
  kh_free(projection->sources);
  *projection = (kh_projection){NULL, NULL, false};
}

/* ---- chunks */

static bool is_inside_null(const kh_chunk *chunk, uint32_t field) {
  const kh_field *fields = chunk->schema->fields;
  for (field = fields[field].parent; field != 0; field = fields[field].parent)
    if (kh_node_validity(&fields[field], &chunk->nodes[field]) != NULL) return true;
  return false;
}

/* The column as it is in the structs around it, their nulls aside. */
static void cut_column(const kh_chunk *chunk, uint32_t source, const kh_field *field, struct ArrowArray *node) {
  const kh_field *fields = chunk->schema->fields;
  int64_t from = 0;
  for (uint32_t outer = fields[source].parent; outer != 0; outer = fields[outer].parent)
    from += chunk->nodes[outer].offset;
  kh_node_cut(field, node, from, chunk->nodes[0].length);
}

/* The rows of the column, -1 where a struct around it is null. */
static void find_places(const kh_chunk *chunk, uint32_t source, int64_t *places) {
  const kh_field *fields = chunk->schema->fields;
  int64_t rows = chunk->nodes[0].length, at = 0;
  for (int64_t row = 0; row < rows; row++) places[row] = row;
  for (uint32_t outer = fields[source].parent; outer != 0; outer = fields[outer].parent)
    at += chunk->nodes[outer].offset;
  for (uint32_t outer = fields[source].parent; outer != 0; outer = fields[outer].parent) {
    const uint8_t *validity = kh_node_validity(&fields[outer], &chunk->nodes[outer]);
    for (int64_t row = 0; validity != NULL && row < rows; row++)
      if (!kh_bit_get(validity, at + row)) places[row] = -1;
    at -= chunk->nodes[outer].offset;
  }
}

/* Copies the column into `masked`. */
static khonsu_status mask_column(const kh_chunk *chunk, const kh_chunk *plain, kh_chunk *masked, uint32_t source,
                                 uint32_t column, khonsu_error *error) {
  int64_t rows = chunk->nodes[0].length;
  int64_t *places = kh_alloc_array((size_t)rows, sizeof *places);
  if (places == NULL) return no_memory(error);
  find_places(chunk, source, places);
  kh_gather gather = {plain->schema->fields, plain, masked, error};
  kh_pick pick = {.length = rows, .base = plain->nodes[column].offset, .places = places, .has_nulls = true};
  khonsu_status status = kh_gather_field(&gather, column, &pick);
  kh_free(places);
  return status;
}

/* With those below it; recursion is as deep as the schema, which is limited. */
static void copy_nodes(const kh_chunk *from, kh_chunk *to, uint32_t field) {
  const kh_field *shape = &from->schema->fields[field];
  to->nodes[field] = from->nodes[field];
  for (uint32_t child = shape->first; child < kh_field_dictionary(shape) + shape->has_dictionary; child++)
    copy_nodes(from, to, child);
}

static khonsu_status mask(const kh_projection *projection, const kh_chunk *chunk, const kh_chunk *plain,
                          kh_chunk **projected, khonsu_error *error) {
  kh_chunk *masked = kh_chunk_new_to_fill(projection->schema);
  if (masked == NULL) return no_memory(error);
  khonsu_status status = KHONSU_OK;
  masked->nodes[0] = plain->nodes[0];
  for (uint32_t column = 1; column <= (uint32_t)plain->nodes[0].n_children && status == KHONSU_OK; column++) {
    if (is_inside_null(chunk, projection->sources[column]))
      status = mask_column(chunk, plain, masked, projection->sources[column], column, error);
    else copy_nodes(plain, masked, column);
  }
  if (status == KHONSU_OK) *projected = masked;
  else kh_chunk_unref(masked);
  return status;
}

static bool needs_mask(const kh_projection *projection, const kh_chunk *chunk) {
  bool needs = false;
  for (uint32_t column = 1; projection->is_nested && column <= (uint32_t)projection->schema->fields[0].arrow.n_children;
       column++)
    needs |= is_inside_null(chunk, projection->sources[column]);
  return needs;
}

khonsu_status kh_chunk_project(const kh_projection *projection, kh_chunk *chunk, kh_chunk **projected,
                               khonsu_error *error) {
  kh_chunk *plain = kh_chunk_new(projection->schema), *made = plain;
  if (plain == NULL) return no_memory(error);
  for (uint32_t field = 0; field < projection->schema->count; field++)
    plain->nodes[field] = chunk->nodes[projection->sources[field]];
  plain->nodes[0].n_children = projection->schema->fields[0].arrow.n_children;
  for (uint32_t column = 1; column <= (uint32_t)plain->nodes[0].n_children; column++)
    cut_column(chunk, projection->sources[column], &projection->schema->fields[column], &plain->nodes[column]);
  if (needs_mask(projection, chunk)) {
    khonsu_status status = mask(projection, chunk, plain, &made, error);
    kh_chunk_unref(plain);
    if (status != KHONSU_OK) return status;
  }
  kh_chunk_keep(made, chunk);
  made->bytes = kh_chunk_count_bytes(made);
  *projected = made;
  return KHONSU_OK;
}
