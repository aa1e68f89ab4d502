/* ipc_corpus: tables of every type as streams and files, plain and compressed; and what to do with what comes out. */
#ifndef TEST_IPC_CORPUS_H
#define TEST_IPC_CORPUS_H

#include "../unit/arrow/type_cases.h"
#include "arrow/ipc_reader.h"
#include "arrow/ipc_writer.h"
#include "arrow/table.h"
#include "fuzz.h"

enum { BATCH_BYTES_MAX = 1 << 20, ROWS_TO_JOIN = 1 << 20 };

static const char *many_columns =
    "+s{a=i;b=u;c=+l{item=vu};d=c>u;e=+ud:0,1{x=i;y=+w:2{i=b}};f=+r{run_ends=s;values=u};g=+vl{item=l};h=c>u}";
static const char *many_rows =
    "(1 'one' ['text that is long enough'] 'red' 0:1 'run' [1 2] 'x') (_ _ _ _ 1:[1 0] = _ _)";

/* What the table is as a stream or file. A file holds its first chunk only where dictionaries cannot be unified. */
static kh_buffer encoded(kh_table *table, kh_ipc_options options) {
  kh_buffer bytes = {0};
  kh_ipc_writer writer;
  khonsu_error error = KHONSU_ERROR_INIT;
  MUST(kh_ipc_writer_init(&writer, kh_table_schema(table), options, NULL));
  MUST(kh_ipc_write_schema(&writer, NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &bytes));
  for (uint64_t index = 0; index < kh_table_chunk_count(table); index++) {
    kh_ipc_pieces_clear(&writer.out);
    kh_chunk_run run = kh_table_run(table, index);
    khonsu_status status = kh_ipc_write_chunk(&writer, run.chunks[0], &error);
    if (status == KHONSU_UNSUPPORTED) break;
    MUST(status);
    MUST(kh_ipc_pieces_copy(&writer.out, &bytes));
  }
  kh_ipc_pieces_clear(&writer.out);
  MUST(kh_ipc_write_end(&writer, NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &bytes));
  kh_ipc_writer_fini(&writer);
  return bytes;
}

static void add_table(fuzz_corpus *corpus, kh_table *table, bool is_file) {
  for (int codec = KH_IPC_PLAIN; codec <= KH_IPC_ZSTD; codec++) {
    kh_buffer bytes = encoded(table, (kh_ipc_options){.is_file = is_file, .codec = (kh_ipc_codec)codec});
    fuzz_corpus_add(corpus, kh_buffer_slice(&bytes));
    kh_buffer_fini(&bytes);
  }
  kh_table_unref(table);
}

static void make_corpus(fuzz_corpus *corpus, bool is_file) {
  for (int i = 0; i < CASES; i++) add_table(corpus, table_of_case(&cases[i], cut_nothing, false), is_file);
  add_table(corpus, append_table(make_table(many_columns, many_rows), make_table(many_columns, many_rows)), is_file);
}

/* What was let in must be whole: it is joined, which looks at every value, encoded, and read again. */
static void use_table(kh_table *table) {
  fuzz_let_in();
  kh_ipc_encoded encoded = {0};
  kh_table *again;
  khonsu_error error = KHONSU_ERROR_INIT;
  struct ArrowArray array;
  khonsu_status status = KHONSU_OK;
  /* Runs and nulls take no bytes, so that there may be any number of rows; joined with others they may need a bitmap. */
  if (kh_table_rows(table) <= ROWS_TO_JOIN) {
    status = kh_table_export_batch(table, NULL, &array, &error);
    if (status == KHONSU_OK) array.release(&array);
    else if (status != KHONSU_VALUE_TOO_LARGE && status != KHONSU_NO_MEMORY) fail_msg("%s", error.message);
  }
  status = kh_ipc_encode(table, &encoded, &error);
  if (status == KHONSU_OK) {
    kh_arrow_limits all = {1024, UINT64_MAX, NULL};
    if (kh_ipc_decode(kh_buffer_slice(&encoded.bytes), &all, &again, &error) != KHONSU_OK)
      fail_msg("%s", error.message);
    assert_int_equal(kh_table_rows(again), kh_table_rows(table));
    kh_table_unref(again);
  } else if (status != KHONSU_UNSUPPORTED) {
    fail_msg("%s", error.message);
  }
  kh_ipc_encoded_fini(&encoded);
}

/* A message is some 200 bytes at least, and of compressed ones each may come to the limit. What is not compressed makes
 * a few times its size: a schema some hundred times. */
static uint64_t allocations_max(size_t size, bool is_compressed) {
  return (1 << 16) + 400 * (uint64_t)size + (is_compressed ? (uint64_t)(size / 200 + 1) * BATCH_BYTES_MAX : 0);
}

static void decode_mutated(void *ctx, kh_prng *prng) {
  size_t size;
  uint8_t *bytes = fuzz_mutate(ctx, prng, &size);
  kh_arrow_limits limits = {64, BATCH_BYTES_MAX, NULL};
  kh_table *table = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  fuzz_allocations_begin();
  khonsu_status status = kh_ipc_decode(kh_slice(bytes, size), &limits, &table, &error);
  fuzz_allocations_end(allocations_max(size, true));
  free(bytes);
  if (status == KHONSU_OK) use_table(table);
  else assert_true(error.message[0] != '\0' && status != KHONSU_INVALID_ARROW && status != KHONSU_IO);
  kh_table_unref(table);
}

/* Not every target uses all of the above. */
static inline void use_ipc_corpus(void) { (void)make_corpus, (void)decode_mutated, (void)use_table; }

#endif
