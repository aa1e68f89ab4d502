/* Chosen rows of a million, by their numbers and by a mask, as a new record batch. `memcpy`: as many bytes as those rows
 * have, to memory that is there. */
#include "arrow_tables.h"

#include "arrow/table.h"

#define MUST(call) arrow_check((int)(call), #call)

typedef struct choice_store {
  kh_table *rows, *choice;
  size_t result_bytes;
  uint8_t *bytes; /* twice as many */
} choice_store;

static kh_chunk *take(const choice_store *store) {
  const struct ArrowArray *numbers = &kh_table_only_chunk(store->choice)->nodes[1];
  kh_row_indices indices = {numbers->buffers[1], NULL, NULL, numbers->length};
  kh_chunk *taken;
  MUST(kh_chunk_take(kh_table_only_chunk(store->rows), &indices, &taken, NULL));
  return taken;
}

static kh_chunk *filter(const choice_store *store) {
  kh_chunk *filtered;
  const uint8_t *bits = kh_table_only_chunk(store->choice)->nodes[1].buffers[1];
  MUST(kh_chunk_filter(kh_table_only_chunk(store->rows), bits, &filtered, NULL));
  return filtered;
}

static void *open_store(bool are_texts, kh_table *choice, kh_chunk *choose(const choice_store *)) {
  choice_store *store = engine_alloc(sizeof *store);
  store->rows = arrow_tables_rows(are_texts);
  store->choice = choice;
  kh_chunk *result = choose(store);
  store->result_bytes = (size_t)result->bytes;
  store->bytes = engine_alloc(2 * store->result_bytes);
  memset(store->bytes, 1, 2 * store->result_bytes);
  kh_chunk_unref(result);
  return store;
}

static void close_store(void *opened) {
  choice_store *store = opened;
  kh_table_unref(store->rows);
  kh_table_unref(store->choice);
  free(store->bytes);
  free(store);
}

static uint64_t get_taken(void *entered, const char *key) {
  (void)key;
  kh_chunk_unref(take(entered));
  return 1;
}

static uint64_t get_filtered(void *entered, const char *key) {
  (void)key;
  kh_chunk_unref(filter(entered));
  return 1;
}

static uint64_t get_bytes(void *entered, const char *key) {
  choice_store *store = entered;
  (void)key;
  memcpy(store->bytes, store->bytes + store->result_bytes, store->result_bytes);
  __asm__ volatile("" ::"r"(store->bytes) : "memory");
  return store->bytes[0];
}

/* `kind` ends in the percentage. */
#define CHOICE(operation, table, done, percent, kind, are_texts)                                                       \
  static void *open_##operation##_##kind(const engine_config *config) {                                                \
    (void)config;                                                                                                      \
    return open_store(are_texts, arrow_tables_##table(percent), operation);                                            \
  }                                                                                                                    \
  const engine_ops engine_arrow_##operation##_##kind =                                                                 \
      ARROW_ENGINE("khonsu-" #operation "-" #kind, "chosen rows as a record batch", open_##operation##_##kind,         \
                   get_##done, khonsu_library_version);                                                                \
  const engine_ops engine_memcpy_##operation##_##kind = ARROW_ENGINE(                                                  \
      "memcpy", "as many bytes, to memory that is there", open_##operation##_##kind, get_bytes, arrow_no_version)

CHOICE(take, numbers, taken, 10, 10, false);
CHOICE(take, numbers, taken, 90, 90, false);
CHOICE(take, numbers, taken, 10, text_10, true);
CHOICE(take, numbers, taken, 90, text_90, true);
CHOICE(filter, mask, filtered, 10, 10, false);
CHOICE(filter, mask, filtered, 90, 90, false);
CHOICE(filter, mask, filtered, 10, text_10, true);
CHOICE(filter, mask, filtered, 90, text_90, true);
