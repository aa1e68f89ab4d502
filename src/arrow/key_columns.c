/* key_columns: columns found by their names, and whether keys of two schemas can be the same. */
#include "keyed_rows.h"

/* ---- by name */

/* Of the first column of that name; *second of the next one, 0 = there is none. */
static uint32_t find_named(const kh_schema *schema, const char *name, uint32_t *second) {
  uint32_t first = 0;
  *second = 0;
  for (uint32_t column = 1; column <= schema->fields[0].arrow.n_children; column++) {
    if (strcmp(schema->fields[column].arrow.name, name) != 0) continue;
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

static bool is_map_entry(const kh_schema *schema, const kh_field *field) {
  return kh_field_is_map_entries(schema->fields, (uint32_t)(field - schema->fields));
}

/* A key column of the table, and of the keys. */
typedef struct matching {
  const kh_schema *table, *keys;
  khonsu_error *error;
} matching;

static khonsu_status match(const matching *of, uint32_t in_table, uint32_t in_keys);

static khonsu_status fail_types(const matching *of, uint32_t in_table, uint32_t in_keys) {
  char ours[KH_TYPE_NAME_SIZE], theirs[KH_TYPE_NAME_SIZE];
  kh_field_type_name(of->table->fields, in_table, ours);
  kh_field_type_name(of->keys->fields, in_keys, theirs);
  return kh_field_fail(of->table->fields, in_table, of->error, KHONSU_SCHEMA_MISMATCH,
                       "%s in the table, %s in the keys", ours, theirs);
}

/* Fields of structs are told by their names; what is in a list, or an entry of a map, has a name of no meaning. */
static khonsu_status match_children(const matching *of, uint32_t in_table, uint32_t in_keys) {
  const kh_field *one = &of->table->fields[in_table], *other = &of->keys->fields[in_keys];
  int64_t ours = one->arrow.n_children, theirs = other->arrow.n_children;
  if (ours != theirs)
    return kh_field_fail(of->table->fields, in_table, of->error, KHONSU_SCHEMA_MISMATCH,
                         "%lld fields in the table, %lld in the keys", (long long)ours, (long long)theirs);
  bool are_named =
      kh_field_kind(one) == KH_KIND_STRUCT && !is_map_entry(of->table, one) && !is_map_entry(of->keys, other);
  khonsu_status status = KHONSU_OK;
  for (uint32_t child = 0; child < ours && status == KHONSU_OK; child++) {
    const char *name = of->keys->fields[other->first + child].arrow.name;
    if (are_named && strcmp(of->table->fields[one->first + child].arrow.name, name) != 0)
      return kh_field_fail(of->table->fields, one->first + child, of->error, KHONSU_SCHEMA_MISMATCH,
                           "it has this name in the table, '%.128s' in the keys", name);
    status = match(of, one->first + child, other->first + child);
  }
  return status;
}

/* Recursion is as deep as the schema, which is limited. */
static khonsu_status match(const matching *of, uint32_t in_table, uint32_t in_keys) {
  uint32_t at = kh_field_decoded(of->table->fields, in_table);
  uint32_t at_keys = kh_field_decoded(of->keys->fields, in_keys);
  const kh_field *one = &of->table->fields[at], *other = &of->keys->fields[at_keys];
  if (is_plain_integer(one) && is_plain_integer(other)) return KHONSU_OK;
  kh_kind kind = kh_field_kind(one);
  if (kind != kh_field_kind(other)) return fail_types(of, in_table, in_keys);
  if (kind == KH_KIND_BYTES)
    return kh_field_is_utf8(one) == kh_field_is_utf8(other) ? KHONSU_OK : fail_types(of, in_table, in_keys);
  if (kind == KH_KIND_LIST || kind == KH_KIND_STRUCT) return match_children(of, at, at_keys);
  if (!kh_field_same_type(of->table->fields, at, of->keys->fields, at_keys)) return fail_types(of, in_table, in_keys);
  return match_children(of, at, at_keys);
}

khonsu_status kh_key_columns_match(const kh_schema *base, const kh_keyed_rows *keys, uint32_t *columns,
                                   khonsu_error *error) {
  const matching of = {base, keys->schema, error};
  khonsu_status status = KHONSU_OK;
  for (size_t k = 0; k < keys->column_count && status == KHONSU_OK; k++) {
    const char *name = keys->schema->fields[keys->columns[k]].arrow.name;
    status = find_one(base, name, "the table has", KHONSU_SCHEMA_MISMATCH, &columns[k], error);
    if (status == KHONSU_OK) status = match(&of, columns[k], keys->columns[k]);
  }
  return status;
}
