#include "table_walk.h"

kh_table *kh_table_new(kh_schema *schema) {
  kh_table *table = kh_alloc_zero(sizeof *table);
  if (table == NULL) return NULL;
  atomic_init(&table->references, 1);
  table->schema = kh_schema_ref(schema);
  return table;
}

kh_table *kh_table_new_stored(kh_schema *schema, kh_stored_chunks *stored) {
  kh_table *table = kh_table_new(schema);
  if (table == NULL) return NULL;
  table->stored = kh_stored_chunks_ref(stored);
  table->stored_count = stored->extent.chunks;
  table->rows = stored->extent.rows;
  table->bytes = table->stored_bytes = stored->extent.bytes;
  return table;
}

kh_table *kh_table_made(kh_table *table) {
  if (table->stored_count > 0 || kh_chunk_list_count(&table->chunks) != 1) return table;
  kh_chunk *only = *kh_table_run(table, 0).chunks;
  if (only->schema != table->schema) return table;
  kh_chunk_ref(only);
  kh_table_unref(table);
  return kh_table_of_chunk(only);
}

kh_table *kh_table_from_chunk(kh_chunk *chunk) { return kh_table_of_chunk(chunk); }

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
  kh_stored_chunks_unref(table->stored);
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
  return kh_table_chunk(table) != NULL ? 1 : table->stored_count + kh_chunk_list_count(&table->chunks);
}

uint64_t kh_table_bytes(const kh_table *table) {
  const kh_chunk *chunk = kh_table_chunk(table);
  return chunk != NULL ? chunk->bytes : table->bytes;
}

uint64_t kh_table_bytes_in_memory(const kh_table *table) {
  const kh_chunk *chunk = kh_table_chunk(table);
  return chunk != NULL ? chunk->bytes : table->bytes - table->stored_bytes;
}

kh_chunk *kh_table_only_chunk(const kh_table *table) { return kh_table_chunk(table); }

khonsu_status kh_table_match(const kh_table *base, const kh_table *tail, khonsu_error *error) {
  return kh_schema_match(kh_table_schema(base), kh_table_schema(tail), error);
}

/* An empty table in the making begins with the same stored chunks as one that is not its chunk. */
static void share_stored(kh_table *table, const kh_table *from) {
  if (from->stored == NULL) return;
  table->stored = kh_stored_chunks_ref(from->stored);
  table->stored_count = from->stored_count;
  table->stored_bytes = from->stored_bytes;
}

static void share_chunks(kh_table *table, const kh_table *from) {
  share_stored(table, from);
  kh_chunk_list_share(&from->chunks, &table->chunks);
}

static khonsu_status add_only(kh_table *table, kh_chunk *only) {
  return kh_chunk_list_append(&(kh_chunk_list){NULL, 0}, &only, 1, &table->chunks);
}

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to append rows");
}

/* The table in the making gets the list, and behind it the chunks of the tail; most tails are one run. */
static khonsu_status append_runs(kh_table *table, const kh_chunk_list *list, const kh_table *tail,
                                 khonsu_error *error) {
  kh_table_walk walk = kh_table_walk_from(tail, 0);
  kh_chunk_run run;
  khonsu_status status;
  while ((status = kh_table_walk_run(&walk, &run, error)) == KHONSU_OK && run.count > 0) {
    kh_chunk_list longer;
    if (kh_chunk_list_append(list, run.chunks, (size_t)run.count, &longer) != KHONSU_OK) {
      status = no_memory(error);
      break;
    }
    kh_chunk_list_fini(&table->chunks);
    table->chunks = longer;
    list = &table->chunks;
  }
  kh_table_walk_end(&walk);
  return status;
}

static khonsu_status append_chunks(kh_table *table, const kh_table *base, const kh_table *tail, khonsu_error *error) {
  kh_chunk *only = kh_table_chunk(base);
  const kh_chunk_list *list = only != NULL ? &table->chunks : &base->chunks;
  if (only != NULL && add_only(table, only) != KHONSU_OK) return no_memory(error);
  if (only == NULL) share_stored(table, base);
  return append_runs(table, list, tail, error);
}

/* What comes of an append where one of the two has no chunks, and the other is not its chunk: that one, to share. */
static const kh_table *all_of_both(const kh_table *base, const kh_table *tail) {
  const kh_table *all = kh_table_chunk_count(tail) == 0 ? base : kh_table_chunk_count(base) == 0 ? tail : NULL;
  return all == NULL || kh_table_chunk(all) != NULL ? NULL : all;
}

khonsu_status kh_table_append(kh_table *base, kh_table *tail, kh_table **joined, khonsu_error *error) {
  kh_table *table = kh_table_new(kh_table_schema(base));
  if (table == NULL) return no_memory(error);
  table->rows = kh_table_rows(base) + kh_table_rows(tail);
  table->bytes = kh_table_bytes(base) + kh_table_bytes(tail);
  khonsu_status status = KHONSU_OK;
  const kh_table *all = all_of_both(base, tail);
  if (all != NULL) share_chunks(table, all);
  else status = append_chunks(table, base, tail, error);
  if (status == KHONSU_OK) *joined = table;
  else kh_table_unref(table);
  return status;
}

khonsu_status kh_table_under(kh_table *table, kh_schema *schema, kh_table **changed) {
  kh_table *made = kh_table_new(schema);
  if (made == NULL) return KHONSU_NO_MEMORY;
  made->rows = kh_table_rows(table);
  made->bytes = kh_table_bytes(table);
  khonsu_status status = KHONSU_OK;
  if (kh_table_chunk(table) != NULL) status = add_only(made, kh_table_chunk(table));
  else share_chunks(made, table);
  if (status == KHONSU_OK) *changed = made;
  else kh_table_unref(made);
  return status;
}

/* ---- all chunks at once */

/* References, into an array of the table's count; *held is how many there are, on failure too. */
static khonsu_status hold_chunks(const kh_table *table, kh_chunk **chunks, uint64_t *held, khonsu_error *error) {
  kh_table_walk walk = kh_table_walk_from(table, 0);
  kh_chunk *chunk;
  khonsu_status status;
  *held = 0;
  while ((status = kh_table_walk_next(&walk, &chunk, error)) == KHONSU_OK && chunk != NULL)
    chunks[(*held)++] = kh_chunk_ref(chunk);
  kh_table_walk_end(&walk);
  return status;
}

khonsu_status kh_table_to_chunk(const kh_table *table, kh_chunk **whole, khonsu_error *error) {
  uint64_t count = kh_table_chunk_count(table), held;
  kh_chunk *only, **chunks = count == 1 ? &only : kh_alloc_array(count, sizeof *chunks);
  if (chunks == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to list the chunks of a table");
  khonsu_status status = hold_chunks(table, chunks, &held, error);
  if (status == KHONSU_OK && count == 1) *whole = kh_chunk_ref(only);
  else if (status == KHONSU_OK) status = kh_chunk_concat(kh_table_schema(table), chunks, count, whole, error);
  while (held > 0) kh_chunk_unref(chunks[--held]);
  if (chunks != &only) kh_free(chunks);
  return status;
}
