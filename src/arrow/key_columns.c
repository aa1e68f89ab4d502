/* key_columns: columns found by their names, and whether keys of two schemas can be the same. */
#include "keyed_rows.h"

/* ---- by name */

/* Of the first column of that name; *second of the next one, 0 = there is none. */
static uint32_t find_named(const kh_schema *schema, const char *name, uint32_t *second) {
  uint32_t first = 0;
  *second = 0;
  for (uint32_t column = 1; column <= schema->fields[0].arrow.n_children; column++) {
    const char *here = schema->fields[column].arrow.name;
    if (strcmp(here != NULL ? here : "", name) != 0) continue;
    if (first != 0) {
      *second = column;
      break;
    }
    first = column;
  }
  return first;
}

static khonsu_status find_one(const kh_schema *schema, const char *name, const char *whose, khonsu_status status,
                              uint32_t *column, khonsu_error *error) {
  uint32_t second;
  *column = find_named(schema, name, &second);
  if (*column == 0) return khonsu_error_set(error, status, "%s no column '%.128s', which is a key column", whose, name);
  if (second == 0) return KHONSU_OK;
  return khonsu_error_set(error, status, "%s two columns '%.128s' (%u and %u), so that it cannot be a key column",
                          whose, name, *column, second);
}

khonsu_status kh_key_columns_find(const kh_schema *schema, const char *const *names, size_t count, uint32_t *columns,
                                  khonsu_error *error) {
  for (size_t k = 0; k < count; k++) {
    if (names[k] == NULL)
      return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the name of key column %zu is NULL", k);
    khonsu_status status = find_one(schema, names[k], "the input has", KHONSU_INVALID_ARGUMENT, &columns[k], error);
    if (status != KHONSU_OK) return status;
    for (size_t other = 0; other < k; other++)
      if (columns[other] == columns[k])
        return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "key column '%.128s' is named twice", names[k]);
  }
  return KHONSU_OK;
}

/* ---- types: as kh_rows_compare takes them */

/* What dictionaries and runs encode. */
static uint32_t encoded(const kh_schema *schema, uint32_t index) {
  for (;;) {
    const kh_field *field = &schema->fields[index];
    if (field->has_dictionary) index = kh_field_dictionary(field);
    else if (field->storage == NANOARROW_TYPE_RUN_END_ENCODED) index = field->first + 1;
    else return index;
  }
}

static bool is_plain_integer(const kh_field *field) {
  switch (field->type) {
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_UINT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_UINT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_UINT32:
    case NANOARROW_TYPE_INT64:
    case NANOARROW_TYPE_UINT64: return true;
    default: return false;
  }
}

static bool is_utf8(const kh_field *field) {
  return field->type == NANOARROW_TYPE_STRING || field->type == NANOARROW_TYPE_LARGE_STRING ||
         field->type == NANOARROW_TYPE_STRING_VIEW;
}

static bool is_map_entry(const kh_schema *schema, const kh_field *field) {
  return kh_field_is_map_entries(schema->fields, (uint32_t)(field - schema->fields));
}

static bool comparable(const kh_schema *a, uint32_t at_a, const kh_schema *b, uint32_t at_b);

static const char *name_of(const kh_field *field) { return field->arrow.name != NULL ? field->arrow.name : ""; }

/* Fields of structs are told by their names; what is in a list, or an entry of a map, has a name of no meaning. */
static bool children_comparable(const kh_schema *a, const kh_field *one, const kh_schema *b, const kh_field *other) {
  if (one->arrow.n_children != other->arrow.n_children) return false;
  bool are_named = kh_field_kind(one) == KH_KIND_STRUCT && !is_map_entry(a, one) && !is_map_entry(b, other);
  for (uint32_t child = 0; child < one->arrow.n_children; child++) {
    uint32_t in_a = one->first + child, in_b = other->first + child;
    if (are_named && strcmp(name_of(&a->fields[in_a]), name_of(&b->fields[in_b])) != 0) return false;
    if (!comparable(a, in_a, b, in_b)) return false;
  }
  return true;
}

/* Recursion is as deep as the schema, which is limited. */
static bool comparable(const kh_schema *a, uint32_t at_a, const kh_schema *b, uint32_t at_b) {
  at_a = encoded(a, at_a);
  at_b = encoded(b, at_b);
  const kh_field *one = &a->fields[at_a], *other = &b->fields[at_b];
  if (is_plain_integer(one) && is_plain_integer(other)) return true;
  kh_kind kind = kh_field_kind(one);
  if (kind != kh_field_kind(other)) return false;
  if (kind == KH_KIND_BYTES) return is_utf8(one) == is_utf8(other);
  if (kind == KH_KIND_LIST || kind == KH_KIND_STRUCT) return children_comparable(a, one, b, other);
  char name[KH_TYPE_NAME_SIZE], of_other[KH_TYPE_NAME_SIZE];
  kh_field_type_name(a->fields, at_a, name);
  kh_field_type_name(b->fields, at_b, of_other);
  return strcmp(name, of_other) == 0 && children_comparable(a, one, b, other);
}

khonsu_status kh_key_columns_match(const kh_schema *base, const kh_keyed_rows *keys, uint32_t *columns,
                                   khonsu_error *error) {
  for (size_t k = 0; k < keys->column_count; k++) {
    const char *name = keys->schema->fields[keys->columns[k]].arrow.name;
    khonsu_status status =
        find_one(base, name != NULL ? name : "", "the table has", KHONSU_SCHEMA_MISMATCH, &columns[k], error);
    if (status != KHONSU_OK) return status;
    if (comparable(base, columns[k], keys->schema, keys->columns[k])) continue;
    char ours[KH_TYPE_NAME_SIZE], theirs[KH_TYPE_NAME_SIZE];
    kh_field_type_name(base->fields, columns[k], ours);
    kh_field_type_name(keys->schema->fields, keys->columns[k], theirs);
    return kh_field_fail(base->fields, columns[k], error, KHONSU_SCHEMA_MISMATCH, "%s in the table, %s in the keys",
                         ours, theirs);
  }
  return KHONSU_OK;
}
