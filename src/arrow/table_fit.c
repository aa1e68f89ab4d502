/* table_fit: rows and tables brought under one schema, as the rules of the table's schema allow. */
#include "table_walk.h"

khonsu_status kh_table_fit(kh_table *base, kh_table *rows, kh_table **fitting, kh_schema **grown, khonsu_error *error) {
  kh_schema *schema = kh_table_schema(base), *united;
  *grown = NULL;
  khonsu_status status = kh_schema_match(schema, kh_table_schema(rows), error);
  if (status == KHONSU_OK) {
    *fitting = kh_table_ref(rows);
    return KHONSU_OK;
  }
  uint32_t rules = kh_schema_rules(schema);
  if (rules == KHONSU_SCHEMA_STRICT) return status;
  status = kh_schema_unite(schema, kh_table_schema(rows), rules, &united, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_cast(rows, united, fitting, error);
  if (status == KHONSU_OK && united != schema) *grown = kh_schema_ref(united);
  kh_schema_unref(united);
  return status;
}

static khonsu_status cast_chunks(const kh_table *table, kh_schema *to, kh_table *made, khonsu_error *error) {
  kh_table_walk walk = kh_table_walk_from(table, 0);
  kh_chunk *chunk, *cast;
  khonsu_status status;
  while ((status = kh_table_walk_next(&walk, &chunk, error)) == KHONSU_OK && chunk != NULL) {
    status = kh_chunk_cast(chunk, to, &cast, error);
    if (status == KHONSU_OK) status = kh_table_add(made, cast, error);
    if (status != KHONSU_OK) break;
  }
  kh_table_walk_end(&walk);
  return status;
}

khonsu_status kh_table_cast(kh_table *table, kh_schema *to, kh_table **cast, khonsu_error *error) {
  kh_table *made = kh_table_new(to);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  khonsu_status status = kh_schema_cast_check(kh_table_schema(table), to, error);
  if (status == KHONSU_OK) status = cast_chunks(table, to, made, error);
  if (status == KHONSU_OK) *cast = kh_table_made(made);
  else kh_table_unref(made);
  return status;
}

uint32_t kh_table_schema_rules(const kh_table *table) { return kh_schema_rules(kh_table_schema(table)); }

khonsu_status kh_table_with_rules(kh_table *table, uint32_t rules, kh_table **changed, khonsu_error *error) {
  kh_schema *schema;
  khonsu_status status = kh_schema_with_rules(kh_table_schema(table), rules, &schema, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_under(table, schema, changed);
  kh_schema_unref(schema);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory for a table");
}
