/* 64 record batches of 16 KiB as one. `memcpy`: their bytes, piece by piece, to memory that is there. */
#include "arrow_tables.h"

#include "arrow/table.h"

#define MUST(call) arrow_check((int)(call), #call)

typedef struct concat_store {
  kh_table *table;
  kh_chunk *chunks[CONCAT_CHUNKS];
  uint8_t *room;
} concat_store;

static void *open_store(concat_kind kind) {
  concat_store *store = engine_alloc(sizeof *store);
  store->table = arrow_tables_concat(kind);
  store->room = engine_alloc(arrow_table_bytes(store->table));
  for (uint64_t i = 0; i < CONCAT_CHUNKS; i++) store->chunks[i] = *kh_table_run(store->table, i).chunks;
  return store;
}

static void *open_numbers(const engine_config *config) {
  (void)config;
  return open_store(CONCAT_NUMBERS);
}

static void *open_text(const engine_config *config) {
  (void)config;
  return open_store(CONCAT_TEXT);
}

static void *open_dictionary(const engine_config *config) {
  (void)config;
  return open_store(CONCAT_DICTIONARY);
}

static void close_store(void *opened) {
  concat_store *store = opened;
  kh_table_unref(store->table);
  free(store->room);
  free(store);
}

static uint64_t get_ours(void *entered, const char *key) {
  concat_store *store = entered;
  kh_chunk *joined;
  (void)key;
  MUST(kh_chunk_concat(kh_table_schema(store->table), store->chunks, CONCAT_CHUNKS, &joined, NULL));
  uint64_t bytes = joined->bytes;
  kh_chunk_unref(joined);
  return bytes;
}

static uint64_t get_bytes(void *entered, const char *key) {
  concat_store *store = entered;
  uint8_t *to = store->room;
  (void)key;
  for (uint32_t index = 1; index < kh_table_schema(store->table)->count; index++) {
    const kh_field *field = &kh_table_schema(store->table)->fields[index];
    for (size_t i = 0; i < CONCAT_CHUNKS; i++) {
      const struct ArrowArray *node = &store->chunks[i]->nodes[index];
      for (uint32_t buffer = 1; buffer < kh_field_buffer_count(field); buffer++) {
        size_t size = (size_t)kh_node_buffer_size(field, node, buffer);
        memcpy(to, node->buffers[buffer], size);
        to += size;
      }
    }
  }
  __asm__ volatile("" ::"r"(store->room) : "memory");
  return store->room[0];
}

#define OURS "record batches concatenated"
#define BYTES "the same bytes copied to memory that is there"

const engine_ops engine_arrow_concat_numbers =
    ARROW_ENGINE("khonsu-concat", OURS, open_numbers, get_ours, khonsu_library_version);
const engine_ops engine_arrow_concat_text =
    ARROW_ENGINE("khonsu-concat-text", OURS, open_text, get_ours, khonsu_library_version);
const engine_ops engine_arrow_concat_dictionary =
    ARROW_ENGINE("khonsu-concat-dictionary", OURS, open_dictionary, get_ours, khonsu_library_version);
const engine_ops engine_memcpy_numbers = ARROW_ENGINE("memcpy", BYTES, open_numbers, get_bytes, arrow_no_version);
const engine_ops engine_memcpy_text = ARROW_ENGINE("memcpy", BYTES, open_text, get_bytes, arrow_no_version);
