/* table_fit: rows and tables brought under one schema, as the rules of the table's schema allow. */
#include "table.h"

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

khonsu_status kh_table_cast(kh_table *table, kh_schema *to, kh_table **cast, khonsu_error *error) {
  uint64_t count = kh_table_chunk_count(table);
  kh_table *made = kh_table_new(to);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  khonsu_status status = kh_schema_cast_check(kh_table_schema(table), to, error);
  for (uint64_t index = 0; index < count && status == KHONSU_OK;) {
    kh_chunk_run run = kh_table_run(table, index);
    for (uint64_t i = 0; i < run.count && status == KHONSU_OK; i++) {
      kh_chunk *chunk;
      status = kh_chunk_cast(run.chunks[i], to, &chunk, error);
      if (status == KHONSU_OK) status = kh_table_add(made, chunk, error);
    }
    index += run.count;
  }
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
