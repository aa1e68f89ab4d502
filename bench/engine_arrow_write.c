/* A record batch of 1 MiB as an Arrow IPC message into a file that has that size already, over what it holds, so that
 * it is the page cache that is written to. `writev`: the same bytes in one call, made before. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "arrow_batch.h"
#include "nanoarrow/nanoarrow_ipc.h"

#define MUST(call) arrow_check((int)(call), #call)

enum { ROWS = 25400 }; /* some 41 bytes each */

typedef struct write_store {
  kh_file file;
  kh_chunk *chunk;
  kh_ipc_writer writer;
  kh_ipc_pieces pieces; /* of the whole message */
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct ArrowArrayView view;
  struct ArrowIpcWriter their_writer;
  int64_t their_offset;
} write_store;

static ArrowErrorCode write_theirs(struct ArrowIpcOutputStream *stream, const void *bytes, int64_t size,
                                   int64_t *written, struct ArrowError *error) {
  write_store *store = stream->private_data;
  (void)error;
  ssize_t done = pwrite(store->file, bytes, (size_t)size, store->their_offset);
  if (done < 0) return EIO;
  store->their_offset += done;
  *written = done;
  return NANOARROW_OK;
}

static void forget(struct ArrowIpcOutputStream *stream) { stream->release = NULL; }

static void open_theirs(write_store *store) {
  struct ArrowIpcOutputStream stream = {write_theirs, forget, store};
  arrow_batch_make(&store->schema, &store->batch, ROWS);
  MUST(ArrowArrayViewInitFromSchema(&store->view, &store->schema, NULL));
  MUST(ArrowArrayViewSetArray(&store->view, &store->batch, NULL));
  MUST(ArrowIpcWriterInit(&store->their_writer, &stream));
  MUST(ArrowIpcWriterWriteSchema(&store->their_writer, &store->schema, NULL));
}

static void *open_store(const engine_config *config) {
  write_store *store = engine_alloc(sizeof *store);
  struct ArrowSchema schema;
  struct ArrowArray batch;
  char path[4096];
  snprintf(path, sizeof path, "%s/message", config->directory);
  store->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (store->file < 0) engine_fail("cannot make %s", path);
  arrow_batch_make(&schema, &batch, ROWS);
  store->chunk = arrow_batch_chunk(&schema, &batch);
  MUST(kh_ipc_writer_init(&store->writer, store->chunk->schema, (kh_ipc_options){.codec = KH_IPC_PLAIN}, NULL));
  MUST(kh_ipc_write_chunk(&store->writer, store->chunk, NULL));
  store->pieces = store->writer.out; /* kept; the writer goes on with new ones */
  store->writer.out = (kh_ipc_pieces){0};
  open_theirs(store);
  return store;
}

static void close_store(void *opened) {
  write_store *store = opened;
  ArrowIpcWriterReset(&store->their_writer);
  ArrowArrayViewReset(&store->view);
  store->batch.release(&store->batch);
  store->schema.release(&store->schema);
  kh_ipc_writer_fini(&store->writer);
  kh_ipc_pieces_fini(&store->pieces);
  kh_chunk_unref(store->chunk);
  close(store->file);
  free(store);
}

static void write_pieces(const write_store *store, const kh_ipc_pieces *pieces) {
  MUST(KH_OS_CALL(kh_os_posix(), write_at, store->file, kh_ipc_pieces_slices(pieces), kh_ipc_pieces_count(pieces), 0));
}

static uint64_t get_ours(void *entered, const char *key) {
  write_store *store = entered;
  (void)key;
  MUST(kh_ipc_write_chunk(&store->writer, store->chunk, NULL));
  write_pieces(store, &store->writer.out);
  kh_ipc_pieces_clear(&store->writer.out);
  return 1;
}

static uint64_t get_bare(void *entered, const char *key) {
  write_store *store = entered;
  (void)key;
  write_pieces(store, &store->pieces);
  return 1;
}

static uint64_t get_theirs(void *entered, const char *key) {
  write_store *store = entered;
  (void)key;
  store->their_offset = 0;
  MUST(ArrowIpcWriterWriteArrayView(&store->their_writer, &store->view, NULL));
  return 1;
}

const engine_ops engine_arrow_write =
    ARROW_ENGINE("khonsu", "a list of slices to writev", open_store, get_ours, khonsu_library_version);
const engine_ops engine_nanoarrow_write = ARROW_ENGINE(
    "nanoarrow", "its writer over an output stream that calls pwrite", open_store, get_theirs, arrow_nanoarrow_version);
const engine_ops engine_bare_writev =
    ARROW_ENGINE("writev", "the same slices, made before", open_store, get_bare, arrow_no_version);
