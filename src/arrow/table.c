#include "table.h"

kh_table *kh_table_new(kh_schema *schema) {
  kh_table *table = kh_alloc_zero(sizeof *table);
  if (table == NULL) return NULL;
  atomic_init(&table->references, 1);
  table->schema = kh_schema_ref(schema);
  return table;
}

kh_table *kh_table_made(kh_table *table) {
  if (kh_table_chunk_count(table) != 1) return table;
  kh_chunk *only = *kh_table_run(table, 0).chunks;
  if (only->schema != table->schema) return table;
  kh_chunk_ref(only);
  kh_table_unref(table);
  return kh_table_of_chunk(only);
}

kh_table *kh_table_ref(kh_table *table) {
  kh_chunk *chunk = kh_table_chunk(table);
  atomic_fetch_add_explicit(chunk != NULL ? &chunk->references : &table->references, 1, memory_order_relaxed);
  return table;
}

void kh_table_unref(kh_table *table) {
  kh_chunk *chunk = kh_table_chunk(table);
  if (chunk != NULL) {
    kh_chunk_unref(chunk);
    return;
  }
  if (table == NULL) return;
  if (atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1) return;
  kh_chunk_list_fini(&table->chunks);
  kh_schema_unref(table->schema);
  kh_free(table);
}

void kh_table_prefetch(const kh_table *table) {
  const kh_chunk *chunk = kh_table_chunk(table);
  kh_prefetch(chunk != NULL ? &chunk->references : &table->references);
}

uint64_t kh_table_rows(const kh_table *table) {
  const kh_chunk *chunk = kh_table_chunk(table);
  return chunk != NULL ? kh_chunk_rows(chunk) : table->rows;
}

uint64_t kh_table_chunk_count(const kh_table *table) {
  return kh_table_chunk(table) != NULL ? 1 : kh_chunk_list_count(&table->chunks);
}

static uint64_t bytes_of(const kh_table *table) {
  const kh_chunk *chunk = kh_table_chunk(table);
  return chunk != NULL ? chunk->bytes : table->bytes;
}

uint64_t kh_table_bytes(const kh_table *table, uint64_t first_chunk) {
  if (first_chunk == 0) return bytes_of(table);
  uint64_t bytes = 0, count = kh_table_chunk_count(table);
  for (uint64_t index = first_chunk; index < count;) {
    kh_chunk_run run = kh_table_run(table, index);
    for (uint64_t i = 0; i < run.count; i++) bytes += run.chunks[i]->bytes;
    index += run.count;
  }
  return bytes;
}

kh_chunk *kh_table_only_chunk(const kh_table *table) { return kh_table_chunk(table); }

khonsu_status kh_table_match(const kh_table *base, const kh_table *tail, khonsu_error *error) {
  return kh_schema_match(kh_table_schema(base), kh_table_schema(tail), error);
}

/* `list` is a list of its own where the table is a chunk. */
static khonsu_status list_of(const kh_table *table, kh_chunk_list *list) {
  kh_chunk *chunk = kh_table_chunk(table);
  if (chunk != NULL) return kh_chunk_list_append(&(kh_chunk_list){NULL, 0}, &chunk, 1, list);
  *list = table->chunks;
  return KHONSU_OK;
}

/* Adds the chunks of the tail to the list; most tails are one run. */
static khonsu_status append_runs(const kh_chunk_list *base, const kh_table *tail, kh_chunk_list *joined) {
  uint64_t count = kh_table_chunk_count(tail);
  if (count == 0) return kh_chunk_list_append(base, NULL, 0, joined);
  khonsu_status status = KHONSU_OK;
  kh_chunk_list shorter = *base, longer;
  for (uint64_t index = 0; index < count && status == KHONSU_OK;) {
    kh_chunk_run run = kh_table_run(tail, index);
    status = kh_chunk_list_append(&shorter, run.chunks, (size_t)run.count, &longer);
    if (index > 0) kh_chunk_list_fini(&shorter);
    if (status == KHONSU_OK) shorter = longer;
    index += run.count;
  }
  if (status == KHONSU_OK) *joined = shorter;
  return status;
}

static khonsu_status append_chunks(const kh_table *base, const kh_table *tail, kh_chunk_list *joined) {
  kh_chunk_list list;
  if (kh_table_chunk_count(base) == 0 && kh_table_chunk(tail) == NULL)
    return kh_chunk_list_append(&tail->chunks, NULL, 0, joined);
  khonsu_status status = list_of(base, &list);
  if (status != KHONSU_OK) return status;
  status = append_runs(&list, tail, joined);
  if (kh_table_chunk(base) != NULL) kh_chunk_list_fini(&list);
  return status;
}

khonsu_status kh_table_append(kh_table *base, kh_table *tail, kh_table **joined) {
  kh_table *table = kh_table_new(kh_table_schema(base));
  if (table == NULL) return KHONSU_NO_MEMORY;
  table->rows = kh_table_rows(base) + kh_table_rows(tail);
  table->bytes = bytes_of(base) + bytes_of(tail);
  khonsu_status status = append_chunks(base, tail, &table->chunks);
  if (status == KHONSU_OK) *joined = table;
  else kh_table_unref(table);
  return status;
}

khonsu_status kh_table_under(kh_table *table, kh_schema *schema, kh_table **changed) {
  kh_table *made = kh_table_new(schema);
  if (made == NULL) return KHONSU_NO_MEMORY;
  made->rows = kh_table_rows(table);
  made->bytes = bytes_of(table);
  khonsu_status status = kh_table_chunk(table) != NULL ? list_of(table, &made->chunks)
                                                       : kh_chunk_list_append(&table->chunks, NULL, 0, &made->chunks);
  if (status == KHONSU_OK) *changed = made;
  else kh_table_unref(made);
  return status;
}

khonsu_status kh_table_to_chunk(const kh_table *table, kh_chunk **whole, khonsu_error *error) {
  uint64_t count = kh_table_chunk_count(table);
  if (count == 1) {
    *whole = kh_chunk_ref(*kh_table_run(table, 0).chunks);
    return KHONSU_OK;
  }
  kh_chunk **chunks = kh_alloc_array(count, sizeof *chunks);
  if (chunks == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to list the chunks of a table");
  kh_chunk_list_copy(&table->chunks, chunks);
  khonsu_status status = kh_chunk_concat(kh_table_schema(table), chunks, count, whole, error);
  kh_free(chunks);
  return status;
}
