#include "table.h"

kh_table *kh_table_new(kh_schema *schema) {
  kh_table *table = kh_alloc_zero(sizeof *table);
  if (table == NULL) return NULL;
  atomic_init(&table->references, 1);
  table->schema = kh_schema_ref(schema);
  return table;
}

kh_table *kh_table_ref(kh_table *table) {
  atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
  return table;
}

void kh_table_unref(kh_table *table) {
  if (table == NULL) return;
  if (atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1) return;
  kh_chunk_list_fini(&table->chunks);
  kh_schema_unref(table->schema);
  kh_free(table);
}

uint64_t kh_table_rows(const kh_table *table) { return table->rows; }
uint64_t kh_table_chunk_count(const kh_table *table) { return kh_chunk_list_count(&table->chunks); }

uint64_t kh_table_bytes(const kh_table *table, uint64_t first_chunk) {
  if (first_chunk == 0) return table->bytes;
  uint64_t bytes = 0, count = kh_table_chunk_count(table);
  for (uint64_t index = first_chunk; index < count;) {
    kh_chunk_run run = kh_chunk_list_run(&table->chunks, index);
    for (uint64_t i = 0; i < run.count; i++) bytes += run.chunks[i]->bytes;
    index += run.count;
  }
  return bytes;
}

kh_chunk *kh_table_only_chunk(const kh_table *table) {
  if (kh_table_chunk_count(table) != 1) return NULL;
  kh_chunk *only = *kh_chunk_list_run(&table->chunks, 0).chunks;
  return only->schema == table->schema ? only : NULL;
}

khonsu_status kh_table_match(const kh_table *base, const kh_table *tail, khonsu_error *error) {
  return kh_schema_match(base->schema, tail->schema, error);
}

/* Most tails are one run. */
static khonsu_status append_runs(const kh_chunk_list *base, const kh_chunk_list *tail, kh_chunk_list *joined) {
  uint64_t count = kh_chunk_list_count(tail);
  if (count == 0) return kh_chunk_list_append(base, NULL, 0, joined);
  if (kh_chunk_list_count(base) == 0) return kh_chunk_list_append(tail, NULL, 0, joined);
  khonsu_status status = KHONSU_OK;
  kh_chunk_list shorter = *base, longer;
  for (uint64_t index = 0; index < count && status == KHONSU_OK;) {
    kh_chunk_run run = kh_chunk_list_run(tail, index);
    status = kh_chunk_list_append(&shorter, run.chunks, (size_t)run.count, &longer);
    if (index > 0) kh_chunk_list_fini(&shorter);
    if (status == KHONSU_OK) shorter = longer;
    index += run.count;
  }
  if (status == KHONSU_OK) *joined = shorter;
  return status;
}

khonsu_status kh_table_append(kh_table *base, kh_table *tail, kh_table **joined) {
  kh_table *table = kh_table_new(base->schema);
  if (table == NULL) return KHONSU_NO_MEMORY;
  table->rows = base->rows + tail->rows;
  table->bytes = base->bytes + tail->bytes;
  khonsu_status status = append_runs(&base->chunks, &tail->chunks, &table->chunks);
  if (status == KHONSU_OK) *joined = table;
  else kh_table_unref(table);
  return status;
}

khonsu_status kh_table_to_chunk(const kh_table *table, kh_chunk **whole, khonsu_error *error) {
  uint64_t count = kh_table_chunk_count(table);
  if (count == 1) {
    *whole = kh_chunk_ref(*kh_chunk_list_run(&table->chunks, 0).chunks);
    return KHONSU_OK;
  }
  kh_chunk **chunks = kh_alloc_array(count, sizeof *chunks);
  if (chunks == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to list the chunks of a table");
  kh_chunk_list_copy(&table->chunks, chunks);
  khonsu_status status = kh_chunk_concat(table->schema, chunks, count, whole, error);
  kh_free(chunks);
  return status;
}
