#include "table_walk.h"

khonsu_status kh_table_walk_run(kh_table_walk *walk, kh_chunk_run *run, khonsu_error *error) {
  kh_chunk_unref(walk->loaded);
  walk->loaded = NULL;
  *run = (kh_chunk_run){NULL, 0};
  if (walk->next == walk->count) return KHONSU_OK;
  if (!kh_table_is_stored(walk->table, walk->next)) {
    *run = kh_table_run(walk->table, walk->next);
  } else {
    khonsu_status status = kh_stored_chunks_get(walk->table->stored, walk->next, &walk->loaded, error);
    if (status != KHONSU_OK) return status;
    *run = (kh_chunk_run){&walk->loaded, 1};
  }
  walk->next += run->count;
  return KHONSU_OK;
}

khonsu_status kh_table_add_unchanged(kh_table *table, const kh_table_walk *walk, kh_chunk *chunk, khonsu_error *error) {
  if (walk->loaded != chunk || table->stored_count != walk->next - 1)
    return kh_table_add(table, kh_chunk_ref(chunk), error);
  if (table->stored == NULL) table->stored = kh_stored_chunks_ref(walk->table->stored);
  table->stored_count++;
  table->rows += kh_chunk_rows(chunk);
  table->bytes += chunk->bytes;
  table->stored_bytes += chunk->bytes;
  return KHONSU_OK;
}
