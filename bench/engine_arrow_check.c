/* Full validation of a million rows of utf8. `reading`: a sum over the bytes of its two buffers. */
#include "arrow_batch.h"

#define MUST(call) arrow_check((int)(call), #call)

enum { ROWS = 1000000, EVERY_TENTH = 10 };

typedef struct check_store {
  kh_chunk *chunk;
  struct ArrowArrayView view;
} check_store;

static void *open_store(int64_t every) {
  check_store *store = engine_alloc(sizeof *store);
  struct ArrowSchema schema;
  struct ArrowArray batch, exported;
  arrow_batch_make_text(&schema, &batch, ROWS, every);
  MUST(ArrowArrayViewInitFromSchema(&store->view, &schema, NULL));
  store->chunk = arrow_batch_chunk(&schema, &batch);
  MUST(kh_chunk_export(store->chunk, &exported));
  MUST(ArrowArrayViewSetArray(&store->view, &exported, NULL)); /* the chunk keeps the buffers */
  exported.release(&exported);
  return store;
}

static void *open_ascii(const engine_config *config) {
  (void)config;
  return open_store(0);
}

static void *open_mixed(const engine_config *config) {
  (void)config;
  return open_store(EVERY_TENTH);
}

static void close_store(void *opened) {
  check_store *store = opened;
  ArrowArrayViewReset(&store->view);
  kh_chunk_unref(store->chunk);
  free(store);
}

static uint64_t get_ours(void *entered, const char *key) {
  check_store *store = entered;
  (void)key;
  MUST(kh_chunk_check(store->chunk, NULL, UINT64_MAX, NULL));
  return 1;
}

static uint64_t get_theirs(void *entered, const char *key) {
  check_store *store = entered;
  (void)key;
  MUST(ArrowArrayViewValidate(&store->view, NANOARROW_VALIDATION_LEVEL_FULL, NULL));
  return 1;
}

static uint64_t sum_of(const void *bytes, size_t size) {
  const uint64_t *words = bytes;
  uint64_t sum = 0;
  for (size_t i = 0; i < size / sizeof *words; i++) sum += words[i];
  return sum;
}

static uint64_t get_bytes(void *entered, const char *key) {
  check_store *store = entered;
  const struct ArrowArray *texts = &store->chunk->nodes[1];
  (void)key;
  return sum_of(texts->buffers[1], (size_t)(texts->length + 1) * 4) +
         sum_of(texts->buffers[2], (size_t)((const int32_t *)texts->buffers[1])[texts->length]);
}

const engine_ops engine_arrow_check =
    ARROW_ENGINE("khonsu", "validation of a chunk, UTF-8 included", open_ascii, get_ours, khonsu_library_version);
const engine_ops engine_nanoarrow_check = ARROW_ENGINE("nanoarrow", "validation full, which does not look at text",
                                                       open_ascii, get_theirs, arrow_nanoarrow_version);
const engine_ops engine_reading =
    ARROW_ENGINE("reading", "a sum over all bytes", open_ascii, get_bytes, arrow_no_version);
const engine_ops engine_arrow_check_mixed =
    ARROW_ENGINE("khonsu-mixed", "validation of a chunk, UTF-8 included", open_mixed, get_ours, khonsu_library_version);
const engine_ops engine_reading_mixed =
    ARROW_ENGINE("reading-mixed", "a sum over all bytes", open_mixed, get_bytes, arrow_no_version);
