/* Upserts by an int64 key, and the hashes of such a column. Rows are an int64 key and a float64, keys in random order; of
 * the input's 1,000 rows half have keys that are there. `copying`: a copy of the table's bytes, to memory that is there.
 * The input is made ready for each upsert. */
#include "arrow/keyed_rows.h"
#include "arrow_tables.h"
#include "base/hash.h"

#define MUST(call) arrow_check((int)(call), #call)

typedef struct upsert_store {
  kh_table *base, *rows;
  uint64_t *hashes;
} upsert_store;

static void *open_store(int64_t rows) {
  upsert_store *store = engine_alloc(sizeof *store);
  store->base = arrow_tables_base(rows);
  store->rows = arrow_tables_upserted(rows);
  store->hashes = engine_alloc((size_t)rows * sizeof *store->hashes);
  return store;
}

static void *open_few(const engine_config *config) {
  (void)config;
  return open_store(UPSERT_FEW);
}

static void *open_many(const engine_config *config) {
  (void)config;
  return open_store(UPSERT_MANY);
}

static void close_store(void *opened) {
  upsert_store *store = opened;
  kh_table_unref(store->base);
  kh_table_unref(store->rows);
  free(store->hashes);
  free(store);
}

static uint64_t upsert(void *entered, const char *key) {
  upsert_store *store = entered;
  kh_keyed_rows *keyed;
  kh_table *result;
  kh_upsert_counts counts;
  MUST(kh_keyed_rows_new(store->rows, (const char *[]){"key"}, 1, (uint64_t)(uintptr_t)key, true, &keyed, NULL));
  MUST(kh_table_upsert(store->base, keyed, &result, &counts, NULL));
  if (counts.updated != UPSERT_FEW / 2) engine_fail("%llu rows were updated", (unsigned long long)counts.updated);
  kh_table_unref(result);
  kh_keyed_rows_free(keyed);
  return counts.inserted;
}

static uint64_t copy(void *entered, const char *key) {
  upsert_store *store = entered;
  const kh_chunk *chunk = kh_table_only_chunk(store->base);
  (void)key;
  for (uint32_t column = 1; column <= 2; column++)
    memcpy(store->hashes, chunk->nodes[column].buffers[1], (size_t)chunk->nodes[column].length * 8);
  __asm__ volatile("" ::"r"(store->hashes) : "memory");
  return store->hashes[0];
}

static uint64_t hash_rows(void *entered, const char *key) {
  upsert_store *store = entered;
  static const uint32_t columns[] = {1};
  kh_chunk_hash_rows(kh_table_only_chunk(store->base), columns, 1, (uint64_t)(uintptr_t)key, store->hashes);
  return store->hashes[0];
}

static uint64_t hash_bytes(void *entered, const char *key) {
  upsert_store *store = entered;
  const struct ArrowArray *keys = &kh_table_only_chunk(store->base)->nodes[1];
  return kh_hash_bytes(kh_slice(keys->buffers[1], (size_t)keys->length * 8), (uint64_t)(uintptr_t)key);
}

const engine_ops engine_arrow_upsert_few =
    ARROW_ENGINE("khonsu-few", "the input made ready, and the upsert", open_few, upsert, khonsu_library_version);
const engine_ops engine_arrow_upsert_many =
    ARROW_ENGINE("khonsu-many", "the input made ready, and the upsert", open_many, upsert, khonsu_library_version);
const engine_ops engine_copying = ARROW_ENGINE("copying", "memcpy of the table", open_many, copy, arrow_no_version);
const engine_ops engine_arrow_hash =
    ARROW_ENGINE("khonsu-hash", "hashes of rows by their key column", open_many, hash_rows, khonsu_library_version);
const engine_ops engine_xxh3 =
    ARROW_ENGINE("xxh3", "XXH3 over the bytes of the column, one hash", open_many, hash_bytes, arrow_no_version);
