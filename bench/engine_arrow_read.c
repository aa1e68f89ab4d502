/* From the bytes of a record batch message in memory, the schema being known, to an exported array, fully validated;
 * released again. Ours also looks at the text, and nanoarrow verifies the header as its own reader does. */
#include "arrow/table.h"
#include "arrow_batch.h"
#include "nanoarrow/nanoarrow_ipc.h"

#define MUST(call) arrow_check((int)(call), #call)

static const kh_arrow_limits no_limits = {64, UINT64_MAX, NULL};

typedef struct read_store {
  kh_ipc_encoded encoded;
  khonsu_slice piece; /* the message */
  struct ArrowSchema schema;
  kh_memory *memory;
  kh_ipc_layout *layout;
  struct ArrowIpcDecoder decoder;
  struct ArrowBuffer body; /* shared */
  struct ArrowBufferView message;
} read_store;

static void encode(read_store *store, int64_t rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  arrow_batch_make(&schema, &batch, rows);
  MUST(ArrowSchemaDeepCopy(&schema, &store->schema));
  kh_table *table = kh_table_of_chunk(arrow_batch_chunk(&schema, &batch));
  MUST(kh_ipc_encode(table, &store->encoded, NULL));
  store->piece = kh_slice(store->encoded.bytes.data + store->encoded.parts[1].at, store->encoded.parts[1].size);
  kh_table_unref(table);
}

static void open_ours(read_store *store) {
  khonsu_slice bytes = kh_buffer_slice(&store->encoded.bytes);
  store->memory = kh_memory_new(bytes, NULL, NULL);
  MUST(kh_ipc_layout_new(kh_slice(bytes.data, store->encoded.parts[0].size), &no_limits, &store->layout, NULL));
}

static void open_theirs(read_store *store) {
  struct ArrowBuffer copy;
  int32_t size;
  store->message.data.data = store->piece.data;
  store->message.size_bytes = (int64_t)store->piece.size;
  memcpy(&size, store->message.data.as_uint8 + 4, sizeof size);
  ArrowBufferInit(&copy);
  MUST(ArrowBufferAppend(&copy, store->message.data.as_uint8 + 8 + size, store->message.size_bytes - 8 - size));
  MUST(ArrowSharedBufferInit(&store->body, &copy));
  MUST(ArrowIpcDecoderInit(&store->decoder));
  MUST(ArrowIpcDecoderSetSchema(&store->decoder, &store->schema, NULL));
}

static void *open_store(int64_t rows) {
  read_store *store = engine_alloc(sizeof *store);
  encode(store, rows);
  open_ours(store);
  open_theirs(store);
  return store;
}

static void *open_10(const engine_config *config) {
  (void)config;
  return open_store(10);
}

static void *open_1000(const engine_config *config) {
  (void)config;
  return open_store(1000);
}

static void close_store(void *opened) {
  read_store *store = opened;
  ArrowIpcDecoderReset(&store->decoder);
  ArrowBufferReset(&store->body);
  kh_ipc_layout_unref(store->layout);
  kh_memory_unref(store->memory);
  store->schema.release(&store->schema);
  kh_ipc_encoded_fini(&store->encoded);
  free(store);
}

static uint64_t use(struct ArrowArray *array) {
  const int64_t *ids = array->children[0]->buffers[1];
  uint64_t sum = (uint64_t)(ids[0] + ids[array->length - 1]);
  array->release(array);
  return sum;
}

static uint64_t get_ours(void *entered, const char *key) {
  read_store *store = entered;
  struct ArrowArray array;
  kh_chunk *chunk;
  (void)key;
  MUST(kh_ipc_decode_piece(store->layout, store->memory, store->piece, &no_limits, false, &chunk, NULL));
  MUST(kh_chunk_export_move(chunk, &array));
  return use(&array);
}

static uint64_t get_theirs(void *entered, const char *key) {
  read_store *store = entered;
  struct ArrowArray array;
  (void)key;
  MUST(ArrowIpcDecoderVerifyHeader(&store->decoder, store->message, NULL));
  MUST(ArrowIpcDecoderDecodeHeader(&store->decoder, store->message, NULL));
  MUST(ArrowIpcDecoderDecodeArrayFromShared(&store->decoder, &store->body, -1, &array, NANOARROW_VALIDATION_LEVEL_FULL,
                                            NULL));
  return use(&array);
}

#define OURS "record batches read from memory that is pointed into"
#define THEIRS "its decoder: header verified, buffers shared, validation full"

const engine_ops engine_arrow_read_10 = ARROW_ENGINE("khonsu", OURS, open_10, get_ours, khonsu_library_version);
const engine_ops engine_arrow_read_1000 = ARROW_ENGINE("khonsu", OURS, open_1000, get_ours, khonsu_library_version);
const engine_ops engine_nanoarrow_read_10 =
    ARROW_ENGINE("nanoarrow", THEIRS, open_10, get_theirs, arrow_nanoarrow_version);
const engine_ops engine_nanoarrow_read_1000 =
    ARROW_ENGINE("nanoarrow", THEIRS, open_1000, get_theirs, arrow_nanoarrow_version);
