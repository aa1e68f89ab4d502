/* Whatever the bytes of a stored chunk: as input nothing is believed, as streams; trusted, its metadata may still be
 * anything: what comes out lies within it, and values, which may be anything then, are not looked at. */
#include "arrow/chunk_check.h"
#include "ipc_corpus.h"

/* A table's layout and its pieces. */
typedef struct stored {
  kh_ipc_layout *layout;
  fuzz_corpus pieces;
} stored;

enum { CODECS = 3, TABLES = (CASES + 1) * CODECS };

static stored tables[TABLES];

static kh_table *with_compression(kh_table *table, const char *codec) {
  struct ArrowSchema made = {.release = NULL};
  struct ArrowBuffer metadata;
  kh_schema *schema;
  kh_table *changed;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("khonsu.compression"), ArrowCharView(codec)));
  MUST(kh_field_copy(kh_table_schema(table)->fields, 0, &made));
  MUST(ArrowSchemaSetMetadata(&made, (const char *)metadata.data));
  ArrowBufferReset(&metadata);
  MUST(kh_schema_import(&made, &no_limits, &schema, NULL));
  MUST(kh_table_under(table, schema, &changed));
  kh_schema_unref(schema);
  return changed;
}

/* Takes the table. */
static void store(kh_table *table, stored *to) {
  static const char *const codecs[CODECS] = {"none", "lz4", "zstd"};
  for (size_t i = 0; i < CODECS; i++) {
    kh_table *coded = with_compression(table, codecs[i]);
    kh_ipc_encoded encoded = {0};
    MUST(kh_ipc_encode(coded, &encoded, NULL));
    MUST(kh_ipc_layout_new(kh_slice(encoded.bytes.data, encoded.parts[0].size), &no_limits, &to[i].layout, NULL));
    for (size_t part = 1; part < encoded.part_count; part++)
      fuzz_corpus_add(&to[i].pieces, kh_slice(encoded.bytes.data + encoded.parts[part].at, encoded.parts[part].size));
    kh_ipc_encoded_fini(&encoded);
    kh_table_unref(coded);
  }
  kh_table_unref(table);
}

/* Reads all of each buffer, as far as lengths tell, which AddressSanitizer watches. */
static void look_at_buffers(const kh_chunk *chunk) {
  for (uint32_t index = 1; index < chunk->schema->count; index++) {
    const kh_field *field = &chunk->schema->fields[index];
    const struct ArrowArray *node = &chunk->nodes[index];
    for (uint32_t buffer = 0; buffer < kh_field_buffer_count(field); buffer++) {
      int64_t size;
      assert_true(kh_buffer_required_size(field, buffer, kh_node_end(node), &size));
      const volatile uint8_t *bytes = node->buffers[buffer];
      for (int64_t i = 0; bytes != NULL && i < size; i++) (void)bytes[i];
    }
  }
}

static void use_chunk(kh_ipc_layout *layout, kh_chunk *chunk) {
  kh_table *table = kh_table_new(kh_ipc_layout_schema(layout));
  MUST(kh_table_add(table, kh_chunk_ref(chunk), NULL));
  table = kh_table_made(table);
  use_table(table);
  kh_table_unref(table);
}

static void read_mutated(void *ctx, kh_prng *prng) {
  (void)ctx;
  stored *of = &tables[kh_prng_below(prng, TABLES)];
  bool trusted = kh_prng_below(prng, 2) == 0;
  size_t size;
  uint8_t *bytes = fuzz_mutate(&of->pieces, prng, &size);
  kh_memory *memory = kh_memory_new(kh_slice(bytes, size), free, bytes);
  kh_arrow_limits limits = {64, BATCH_BYTES_MAX, NULL};
  kh_chunk *chunk = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  fuzz_allocations_begin();
  khonsu_status status =
      kh_ipc_decode_piece(of->layout, memory, kh_slice(bytes, size), &limits, trusted, &chunk, &error);
  fuzz_allocations_end(allocations_max(size, true));
  kh_memory_unref(memory);
  if (status != KHONSU_OK) {
    assert_true(status == KHONSU_CORRUPT || status == KHONSU_VALUE_TOO_LARGE);
    assert_true(error.message[0] != '\0');
  } else if (trusted) {
    fuzz_let_in();
    look_at_buffers(chunk);
  } else {
    use_chunk(of->layout, chunk);
  }
  kh_chunk_unref(chunk);
}

static void pieces(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) store(table_of_case(&cases[i], cut_nothing, false), &tables[i * CODECS]);
  store(append_table(make_table(many_columns, many_rows), make_table(many_columns, many_rows)),
        &tables[CASES * CODECS]);
  fuzz_all("IPC pieces", read_mutated, NULL);
  for (size_t i = 0; i < TABLES; i++) {
    kh_ipc_layout_unref(tables[i].layout);
    fuzz_corpus_fini(&tables[i].pieces);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pieces)};
  use_ipc_corpus();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
