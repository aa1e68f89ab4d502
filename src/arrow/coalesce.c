/* coalesce: small chunks at the end of a table put together, so that many small appends do not make a long list of small
 * chunks. As soon as FAN_IN of them stand there, none FAN_IN times as large as the last, they become one; so each row is
 * copied a few times on its way to a chunk that is no longer small, and an append copies a few of its own size. */
#include "concat.h"
#include "table.h"

enum { FAN_IN = 8, SMALL = 4096, FIELD_COSTS = 64 }; /* bytes */

static bool is_small(const kh_chunk *chunk) {
  return chunk->bytes + (uint64_t)FIELD_COSTS * chunk->schema->count < SMALL;
}

/* The last FAN_IN chunks; false: they are not to be put together. */
static bool find_tail(const kh_chunk_list *list, kh_chunk *tail[FAN_IN]) {
  uint64_t count = kh_chunk_list_count(list), rows_most = 0;
  for (uint64_t i = 1; i <= FAN_IN; i++) {
    if (i > count) return false;
    kh_chunk *chunk = *kh_chunk_list_run(list, count - i).chunks;
    if (i == 1) rows_most = FAN_IN * kh_chunk_rows(chunk);
    if (!is_small(chunk) || kh_chunk_rows(chunk) >= rows_most) return false;
    tail[FAN_IN - i] = chunk;
  }
  return true;
}

static uint64_t bytes_of(kh_chunk *const *chunks) {
  uint64_t bytes = 0;
  for (int i = 0; i < FAN_IN; i++) bytes += chunks[i]->bytes;
  return bytes;
}

/* False: there is nothing to do, or no memory to do it. */
static bool coalesce_tail(kh_table *table) {
  kh_chunk *tail[FAN_IN], *whole;
  kh_chunk_list shorter;
  if (!find_tail(&table->chunks, tail)) return false;
  if (kh_chunk_concat(table->schema, tail, FAN_IN, &whole, NULL) != KHONSU_OK) return false;
  kh_chunk_list rest = kh_chunk_list_cut(&table->chunks, kh_chunk_list_count(&table->chunks) - FAN_IN);
  bool done = kh_chunk_list_append(&rest, &whole, 1, &shorter) == KHONSU_OK;
  if (done) {
    table->bytes += whole->bytes - bytes_of(tail);
    kh_chunk_list_fini(&table->chunks);
    table->chunks = shorter;
  }
  kh_chunk_unref(whole);
  return done;
}

void kh_table_coalesce(kh_table *table) {
  while (coalesce_tail(table)) continue;
}

kh_table *kh_table_coalesced(kh_table *table) {
  if (kh_table_chunk(table) != NULL) return table;
  kh_table_coalesce(table);
  return kh_table_made(table);
}
