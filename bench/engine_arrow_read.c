/* From the bytes of a record batch message in memory, the schema being known, to an exported array, fully validated;
 * released again. Ours also looks at the text, and nanoarrow verifies the header as its own reader does. */
#include "arrow_batch.h"
#include "nanoarrow/nanoarrow_ipc.h"

#define MUST(call) arrow_check((int)(call), #call)

typedef struct read_store {
  kh_buffer bytes;
  size_t schema_size; /* the message begins behind it */
  struct ArrowSchema schema;
  kh_memory *memory;
  kh_ipc_reader reader;
  struct ArrowIpcDecoder decoder;
  struct ArrowBuffer body; /* shared */
  struct ArrowBufferView message;
} read_store;

static void encode(read_store *store, int64_t rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  kh_ipc_writer writer;
  arrow_batch_make(&schema, &batch, rows);
  MUST(ArrowSchemaDeepCopy(&schema, &store->schema));
  kh_chunk *chunk = arrow_batch_chunk(&schema, &batch);
  MUST(kh_ipc_writer_init(&writer, chunk->schema, (kh_ipc_options){false, KH_IPC_PLAIN}, NULL));
  MUST(kh_ipc_write_schema(&writer, NULL));
  store->schema_size = writer.out.size;
  MUST(kh_ipc_write_chunk(&writer, chunk, NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &store->bytes));
  kh_ipc_writer_fini(&writer);
  kh_chunk_unref(chunk);
}

static void open_ours(read_store *store) {
  khonsu_slice bytes = kh_buffer_slice(&store->bytes);
  kh_arrow_limits limits = {64, UINT64_MAX, NULL};
  store->memory = kh_memory_new(bytes, NULL, NULL);
  kh_ipc_source source = {.name = "a stream", .bytes = bytes, .memory = store->memory, .size = bytes.size};
  MUST(kh_ipc_reader_open(&store->reader, &source, &limits, NULL));
}

static void open_theirs(read_store *store) {
  struct ArrowBuffer copy;
  int32_t size;
  store->message.data.as_uint8 = store->bytes.data + store->schema_size;
  store->message.size_bytes = (int64_t)(store->bytes.size - store->schema_size);
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
  kh_ipc_reader_fini(&store->reader);
  kh_memory_unref(store->memory);
  store->schema.release(&store->schema);
  kh_buffer_fini(&store->bytes);
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
  store->reader.position = store->schema_size;
  MUST(kh_ipc_reader_next(&store->reader, &chunk, NULL));
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
