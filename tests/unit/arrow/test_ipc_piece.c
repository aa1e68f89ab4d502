/* Encoded tables whose parts are stored apart: each chunk comes back from its piece alone, where the piece stands, as
 * validated input or trusted; what is damaged does not decode, or decodes to what lies within it. */
#include "arrow/chunk_check.h"
#include "arrow/ipc_message.h"
#include "arrow/ipc_writer.h"
#include "arrow/table.h"
#include "type_cases.h"

static kh_chunk *chunk_of(kh_table *table, uint64_t index) { return kh_table_run(table, index).chunks[0]; }

static khonsu_slice part_of(const kh_ipc_encoded *encoded, size_t part) {
  return kh_slice(encoded->bytes.data + encoded->parts[part].at, encoded->parts[part].size);
}

static kh_ipc_encoded encode(kh_table *table) {
  kh_ipc_encoded encoded = {0};
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_ipc_encode(table, &encoded, &error) != KHONSU_OK) fail_msg("%s", error.message);
  return encoded;
}

static kh_ipc_layout *layout_of(const kh_ipc_encoded *encoded) {
  kh_ipc_layout *layout;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_ipc_layout_new(part_of(encoded, 0), &no_limits, &layout, &error) != KHONSU_OK) fail_msg("%s", error.message);
  return layout;
}

static khonsu_status try_piece(kh_ipc_layout *layout, khonsu_slice piece, bool trusted, kh_chunk **chunk,
                               khonsu_error *error) {
  kh_memory *memory = kh_memory_new(piece, NULL, NULL);
  khonsu_status status = kh_ipc_decode_piece(layout, memory, piece, &no_limits, trusted, chunk, error);
  kh_memory_unref(memory);
  return status;
}

static kh_chunk *decode(kh_ipc_layout *layout, khonsu_slice piece, bool trusted) {
  kh_chunk *chunk;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (try_piece(layout, piece, trusted, &chunk, &error) != KHONSU_OK) fail_msg("%s", error.message);
  return chunk;
}

/* Takes the table, which gets "khonsu.compression" = `codec`. */
static kh_table *compressed_by(kh_table *table, const char *codec) {
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
  kh_table_unref(table);
  return changed;
}

/* ---- as they were */

static void assert_same_chunks(const kh_chunk *chunk, const kh_chunk *decoded, const char *what) {
  khonsu_error error = KHONSU_ERROR_INIT;
  if (!kh_chunk_equal(chunk, decoded, &error)) fail_msg("%s: %s", what, error.message);
  assert_int_equal(decoded->bytes, kh_chunk_count_bytes(decoded));
  for (uint32_t index = 0; index < chunk->schema->count; index++)
    if (kh_node_end(&chunk->nodes[index]) == kh_node_end(&decoded->nodes[index]))
      assert_int_equal(decoded->nodes[index].null_count, chunk->nodes[index].null_count);
}

static void assert_parts(const kh_ipc_encoded *encoded, kh_table *table) {
  assert_int_equal(encoded->part_count, kh_table_chunk_count(table) + 1);
  size_t at = 0;
  for (size_t part = 0; part < encoded->part_count; part++) {
    assert_int_equal(encoded->parts[part].at, at);
    at += encoded->parts[part].size;
    assert_int_equal(at % 64, 0);
    assert_int_equal(encoded->parts[part].rows, part == 0 ? 0 : kh_chunk_rows(chunk_of(table, part - 1)));
  }
  assert_int_equal(encoded->bytes.size, at);
  assert_int_equal(encoded->bytes.capacity, at); /* made in one go */
}

static void assert_comes_back(kh_table *table, const char *what) {
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  assert_parts(&encoded, table);
  for (size_t part = encoded.part_count; part-- > 1;) /* none needs another */
    for (int trusted = 0; trusted < 2; trusted++) {
      kh_chunk *chunk = decode(layout, part_of(&encoded, part), trusted == 1);
      assert_ptr_equal(chunk->schema, kh_ipc_layout_schema(layout));
      assert_same_chunks(chunk_of(table, part - 1), chunk, what);
      kh_chunk_unref(chunk);
    }
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

static void each_piece_comes_back(void **state) {
  (void)state;
  static cut_fn *const cuts[] = {cut_nothing, cut_root, cut_column};
  static const char *const codecs[] = {"none", "lz4", "zstd"};
  for (int i = 0; i < CASES; i++)
    for (size_t k = 0; k < 3; k++) {
      assert_comes_back(table_of_case(&cases[i], cuts[k], false), cases[i].type);
      assert_comes_back(compressed_by(table_of_case(&cases[i], cuts[k], false), codecs[k]), cases[i].type);
    }
}

static void tables_without_chunks_and_wide_ones(void **state) {
  (void)state;
  assert_comes_back(make_table("+s{a=i;b=c>u}", ""), "no rows");
  char type[4096] = "+s{", rows[4096] = "(", *to = type + 3, *row = rows + 1;
  for (int i = 0; i < 200; i++) {
    to += sprintf(to, "%sx%d=i", i == 0 ? "" : ";", i);
    row += sprintf(row, "%d ", i);
  }
  strcpy(to, "}");
  strcpy(row, ")");
  assert_comes_back(make_table(type, rows), "200 columns");
}

/* What a producer says of a record batch is part of it. */
static void metadata_of_batches(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i}", "(1)");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("origin"), ArrowCharView("a sensor")));
  chunk_of(table, 0)->metadata = (const char *)metadata.data;
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  kh_chunk *chunk = decode(layout, part_of(&encoded, 1), true);
  assert_int_equal(ArrowMetadataSizeOf(chunk->metadata), metadata.size_bytes);
  assert_memory_equal(chunk->metadata, metadata.data, (size_t)metadata.size_bytes);
  kh_chunk_unref(chunk);
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
  ArrowBufferReset(&metadata);
}

/* ---- where they stand */

static bool is_within(const void *pointer, int64_t size, khonsu_slice bytes) {
  const char *first = bytes.data;
  return (const char *)pointer >= first && (const char *)pointer + size <= first + bytes.size;
}

typedef void look_fn(const void *bytes, int64_t size, khonsu_slice piece);

static void must_lie_within(const void *bytes, int64_t size, khonsu_slice piece) {
  assert_true(is_within(bytes, size, piece));
}

/* Reads it all, which a sanitizer watches. */
static void must_be_there(const void *bytes, int64_t size, khonsu_slice piece) {
  (void)piece;
  for (int64_t i = 0; i < size; i++) (void)((const volatile uint8_t *)bytes)[i];
}

/* Nulls that are believed are no more than there are values, and have a bitmap. */
static void assert_nulls(const kh_field *field, const struct ArrowArray *node) {
  assert_in_range(node->null_count, 0, node->length);
  if (node->null_count > 0 && field->rules[0].is_validity) assert_non_null(node->buffers[0]);
}

/* At each buffer that has bytes, as far as lengths tell. */
static void look_at_buffers(const kh_chunk *chunk, look_fn *look, khonsu_slice piece) {
  for (uint32_t index = 1; index < chunk->schema->count; index++) {
    const kh_field *field = &chunk->schema->fields[index];
    const struct ArrowArray *node = &chunk->nodes[index];
    assert_nulls(field, node);
    for (uint32_t buffer = 0; buffer < kh_field_buffer_count(field); buffer++) {
      int64_t size;
      assert_true(kh_buffer_required_size(field, buffer, kh_node_end(node), &size));
      if (size > 0 && node->buffers[buffer] != NULL) look(node->buffers[buffer], size, piece);
    }
    for (int64_t i = 0; kh_field_is_view(field) && i < kh_node_variadic_count(node); i++)
      if (kh_node_variadic_sizes(node)[i] > 0) look(node->buffers[2 + i], kh_node_variadic_sizes(node)[i], piece);
  }
}

/* Chunks point into the memory and keep it, and are one block but for dictionaries. */
static void pieces_in_place(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    kh_table *table = table_of_case(&cases[i], cut_nothing, false);
    kh_ipc_encoded encoded = encode(table);
    kh_ipc_layout *layout = layout_of(&encoded);
    for (int trusted = 0; trusted < 2; trusted++) {
      kh_chunk *chunk = decode(layout, part_of(&encoded, 1), trusted == 1);
      look_at_buffers(chunk, must_lie_within, part_of(&encoded, 1));
      assert_null(chunk->arena.newest);
      kh_chunk_unref(chunk);
    }
    kh_ipc_layout_unref(layout);
    kh_ipc_encoded_fini(&encoded);
    kh_table_unref(table);
  }
}

static void count_release(void *ctx) { ++*(int *)ctx; }

static void memory_stays(void **state) {
  (void)state;
  int released = 0;
  kh_table *table = make_table("+s{a=l;d=c>u}", "(1 'red') (2 'blue')");
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  kh_memory *memory = kh_memory_new(kh_buffer_slice(&encoded.bytes), count_release, &released);
  kh_chunk *chunk;
  MUST(kh_ipc_decode_piece(layout, memory, part_of(&encoded, 1), &no_limits, true, &chunk, NULL));
  kh_memory_unref(memory);
  kh_ipc_layout_unref(layout);
  struct ArrowArray array;
  MUST(kh_chunk_export_move(chunk, &array));
  struct ArrowArray dictionary = {.release = NULL};
  assert_int_equal(released, 0);
  ArrowArrayMove(array.children[1], &dictionary);
  array.release(&array);
  assert_int_equal(released, 0);
  assert_memory_equal(dictionary.dictionary->buffers[2], "redblue", 7);
  dictionary.release(&dictionary);
  assert_int_equal(released, 1);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

/* A chunk of which nothing stands in the memory does not keep it; one buffer that did not get shorter does. */
static void memory_that_is_not_needed(void **state) {
  (void)state;
  static const struct {
    const char *type, *rows;
    int stays;
  } tables[] = {
      {"+s{a=l}", "(7) (7) (7) (7) (7) (7) (7) (7) (7) (7) (7) (7)", 0},
      {"+s{a=l;b=c}", "(7 1) (7 2) (7 3) (7 4) (7 5) (7 6) (7 7) (7 8) (7 9) (7 10) (7 11) (7 12)", 1},
  };
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    int released = 0;
    kh_table *table = compressed_by(make_table(tables[i].type, tables[i].rows), "zstd");
    kh_ipc_encoded encoded = encode(table);
    kh_ipc_layout *layout = layout_of(&encoded);
    kh_memory *memory = kh_memory_new(kh_buffer_slice(&encoded.bytes), count_release, &released);
    kh_chunk *chunk;
    MUST(kh_ipc_decode_piece(layout, memory, part_of(&encoded, 1), &no_limits, true, &chunk, NULL));
    kh_memory_unref(memory);
    assert_int_equal(released, !tables[i].stays);
    assert_same_chunks(chunk_of(table, 0), chunk, tables[i].type);
    kh_chunk_unref(chunk);
    assert_int_equal(released, 1);
    kh_ipc_layout_unref(layout);
    kh_ipc_encoded_fini(&encoded);
    kh_table_unref(table);
  }
}

/* Where numbers cannot be read they are copied; text lies anywhere. */
static void pieces_out_of_place(void **state) {
  (void)state;
  for (size_t shift = 1; shift < 8; shift++) {
    kh_table *table = make_table("+s{a=l;b=u;c=vu}", "(1 'one' 'a text of many bytes') (2 'two' 'another such text')");
    kh_ipc_encoded encoded = encode(table);
    kh_ipc_layout *layout = layout_of(&encoded);
    khonsu_slice part = part_of(&encoded, 1);
    char *block = malloc(part.size + shift);
    khonsu_slice piece = {memcpy(block + shift, part.data, part.size), part.size};
    kh_chunk *chunk = decode(layout, piece, shift % 2 == 0);
    assert_same_chunks(chunk_of(table, 0), chunk, "out of place");
    assert_int_equal((uintptr_t)chunk->nodes[1].buffers[1] % 8, 0);
    assert_true(is_within(chunk->nodes[2].buffers[2], 6, piece));
    kh_chunk_unref(chunk);
    free(block);
    kh_ipc_layout_unref(layout);
    kh_ipc_encoded_fini(&encoded);
    kh_table_unref(table);
  }
}

/* ---- what is not a piece */

static void refuses_layout(khonsu_slice message, const kh_arrow_limits *limits, khonsu_status expected,
                           const char *text) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_ipc_layout *layout = NULL;
  assert_int_equal(kh_ipc_layout_new(message, limits, &layout, &error), expected);
  assert_null(layout);
  assert_string_equal(error.message, text);
}

static void what_is_not_a_schema(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i}", "(1)");
  kh_ipc_encoded encoded = encode(table);
  khonsu_slice schema = part_of(&encoded, 0);
  const kh_arrow_limits flat = {0, UINT64_MAX, NULL};
  refuses_layout(kh_buffer_slice(&encoded.bytes), &no_limits, KHONSU_CORRUPT,
                 "the stored schema: there is more than a schema message");
  refuses_layout(part_of(&encoded, 1), &no_limits, KHONSU_CORRUPT,
                 "the stored schema: it does not begin with a schema");
  refuses_layout(kh_slice("", 0), &no_limits, KHONSU_CORRUPT, "the stored schema: it does not begin with a schema");
  refuses_layout(kh_slice(schema.data, schema.size - 1), &no_limits, KHONSU_CORRUPT,
                 "the stored schema: it is cut short");
  refuses_layout(schema, &flat, KHONSU_NESTING_TOO_DEEP,
                 "the stored schema: the schema nests deeper than nesting_depth_max = 0");
  kh_ipc_writer writer;
  kh_buffer file = {0};
  MUST(kh_ipc_writer_init(&writer, kh_table_schema(table), (kh_ipc_options){.is_file = true, .codec = KH_IPC_PLAIN},
                          NULL));
  MUST(kh_ipc_write_schema(&writer, NULL));
  MUST(kh_ipc_write_end(&writer, NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &file));
  kh_ipc_writer_fini(&writer);
  refuses_layout(kh_buffer_slice(&file), &no_limits, KHONSU_CORRUPT,
                 "the stored schema: there is more than a schema message");
  kh_buffer_fini(&file);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

/* Both as input and trusted. */
static void refuses(kh_ipc_layout *layout, khonsu_slice piece, const char *text, const char *trusted_text) {
  for (int trusted = 0; trusted < 2; trusted++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    kh_chunk *chunk = NULL;
    assert_int_equal(try_piece(layout, piece, trusted == 1, &chunk, &error), KHONSU_CORRUPT);
    assert_null(chunk);
    assert_string_equal(error.message, trusted == 1 ? trusted_text : text);
  }
}

/* Where the first message of some bytes ends. */
static size_t message_end(khonsu_slice bytes) {
  kh_ipc_reader reader = {.source = {.bytes = bytes, .size = bytes.size}, .end = bytes.size};
  kh_ipc_message message;
  MUST(kh_ipc_message_read(&reader, 0, &message, NULL));
  kh_buffer_fini(&reader.metadata);
  return (size_t)(message.body + message.body_size);
}

static void what_is_not_a_piece(void **state) {
  (void)state;
  kh_table *table = append_table(make_table("+s{d=c>u}", "('red') (_)"), make_table("+s{d=c>u}", "('blue')"));
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  khonsu_slice one = part_of(&encoded, 1);
  size_t dictionary = message_end(one);
  static const char *ends = "the stored chunk: it ends before its record batch",
                    *second = "the stored chunk: a second schema", *cut = "the stored chunk: it is cut short";
  refuses(layout, kh_slice("", 0), ends, ends);
  refuses(layout, kh_slice(one.data, dictionary), ends, ends);
  refuses(layout, part_of(&encoded, 0), second, second);
  refuses(layout, kh_slice(one.data, one.size - 1), cut, cut);
  char text[128];
  snprintf(text, sizeof text, "the stored chunk: %zu bytes follow its record batch", part_of(&encoded, 2).size);
  refuses(layout, kh_slice(one.data, one.size + part_of(&encoded, 2).size), text, text);
  refuses(layout, kh_slice((const char *)one.data + dictionary, one.size - dictionary),
          "the stored chunk: column 'd': row 0: index 0 into a dictionary of 0",
          "the stored chunk: column 'd': 1 indices into no dictionary");
  kh_ipc_layout_unref(layout);
  kh_table *other = make_table("+s{d=u}", "('x')");
  kh_ipc_encoded other_encoded = encode(other);
  layout = layout_of(&other_encoded);
  refuses(layout, one, "the stored chunk: a dictionary of no column", "the stored chunk: a dictionary of no column");
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&other_encoded);
  kh_table_unref(other);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

static void limits_of_pieces(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=l;b=u}", "(1 'seven b')");
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  kh_memory *memory = kh_memory_new(kh_buffer_slice(&encoded.bytes), NULL, NULL);
  for (uint64_t most = 22; most <= 23; most++) /* 8, two offsets, 7 */
    for (int trusted = 0; trusted < 2; trusted++) {
      const kh_arrow_limits limits = {64, most, NULL};
      kh_chunk *chunk = NULL;
      khonsu_status status =
          kh_ipc_decode_piece(layout, memory, part_of(&encoded, 1), &limits, trusted == 1, &chunk, NULL);
      assert_int_equal(status, most == 22 ? KHONSU_VALUE_TOO_LARGE : KHONSU_OK);
      kh_chunk_unref(chunk);
    }
  kh_memory_unref(memory);
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

/* Values are looked at in what is not trusted, and only there. */
static void what_trust_is(void **state) {
  (void)state;
  static const struct {
    const char *type, *row;
    uint32_t field, buffer;
    uint8_t byte;
    const char *text;
  } bad[] = {
      {"+s{a=u}", "('text')", 1, 2, 0xff, "column 'a': row 0: 4 bytes that are not UTF-8"},
      {"+s{a=u}", "('text')", 1, 1, 5, "column 'a': row 0: offsets fall from 5 to 4"},
      {"+s{d=c>u}", "('x')", 1, 1, 1, "column 'd': row 0: index 1 into a dictionary of 1"},
      {"+s{a=+ud:0,1{x=i;y=u}}", "(0:1)", 1, 0, 2, "column 'a': row 0: type id 2 is none of the union's"},
      {"+s{a=+r{run_ends=i;values=i}}", "(1)", 2, 1, 0,
       "column 'a.run_ends': value 0: a run ends at 0 after one that ends at 0"},
      {"+s{a=i}", "(_) (1)", 1, 0, 0, "column 'a': null_count is 1, but 2 values are null"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    kh_table *table = make_table(bad[i].type, bad[i].row);
    kh_ipc_encoded encoded = encode(table);
    kh_ipc_layout *layout = layout_of(&encoded);
    kh_chunk *chunk = decode(layout, part_of(&encoded, 1), true), *again = NULL;
    *(uint8_t *)(uintptr_t)chunk->nodes[bad[i].field].buffers[bad[i].buffer] = bad[i].byte;
    kh_chunk_unref(chunk);
    khonsu_error error = KHONSU_ERROR_INIT;
    char text[256];
    snprintf(text, sizeof text, "the stored chunk: %s", bad[i].text);
    assert_int_equal(try_piece(layout, part_of(&encoded, 1), false, &again, &error), KHONSU_CORRUPT);
    assert_string_equal(error.message, text);
    assert_null(again);
    kh_chunk_unref(decode(layout, part_of(&encoded, 1), true));
    kh_ipc_layout_unref(layout);
    kh_ipc_encoded_fini(&encoded);
    kh_table_unref(table);
  }
}

/* To put a delta behind what is there would be to look at both. */
static void dictionaries_in_parts(void **state) {
  (void)state;
  kh_table *table = append_table(make_table("+s{d=c>u}", "('red')"), make_table("+s{d=c>u}", "('red') ('blue')"));
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  kh_ipc_writer writer;
  kh_buffer stream = {0}, piece = {0};
  MUST(kh_ipc_writer_init(&writer, kh_table_schema(table), (kh_ipc_options){.codec = KH_IPC_PLAIN}, NULL));
  for (uint64_t i = 0; i < 2; i++) MUST(kh_ipc_write_chunk(&writer, chunk_of(table, i), NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &stream));
  kh_ipc_writer_fini(&writer);
  khonsu_slice first = kh_buffer_slice(&stream);
  size_t dictionary = message_end(first);
  size_t batch = dictionary + message_end(kh_slice(stream.data + dictionary, stream.size - dictionary));
  MUST(kh_buffer_append(&piece, stream.data, dictionary));
  MUST(kh_buffer_append(&piece, stream.data + batch, stream.size - batch));
  kh_chunk *chunk = decode(layout, kh_buffer_slice(&piece), false);
  assert_same_chunks(chunk_of(table, 1), chunk, "a delta");
  kh_chunk_unref(chunk);
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(try_piece(layout, kh_buffer_slice(&piece), true, &chunk, &error), KHONSU_CORRUPT);
  assert_string_equal(error.message, "the stored chunk: a dictionary in two parts");
  kh_buffer_fini(&stream);
  kh_buffer_fini(&piece);
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

/* ---- damage */

/* Any byte of a trusted piece may be anything: all that comes out of it is there. */
static void bytes_of_trusted_pieces(void **state) {
  (void)state;
  static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  kh_table *table = make_table(
      "+s{a=i;b=u;c=+l{item=vu};d=c>u;e=+ud:0,1{x=i;y=+w:2{i=b}};f=+r{run_ends=s;values=u};g=+vl{item=l};h=+s{x=i}}",
      "(1 'one' ['text that is long enough'] 'red' 0:1 'run' [1 2] (1)) (_ _ _ _ 1:[1 0] = _ _)");
  kh_ipc_encoded encoded = encode(table);
  kh_ipc_layout *layout = layout_of(&encoded);
  khonsu_slice part = part_of(&encoded, 1);
  size_t let_in = 0, refused = 0;
  uint8_t *bytes = malloc(part.size); /* exactly as many, so that reading past the end is noticed */
  memcpy(bytes, part.data, part.size);
  for (size_t i = 0; i < part.size; i++) {
    for (size_t k = 0; k < sizeof values; k++) {
      kh_chunk *chunk;
      khonsu_error error = KHONSU_ERROR_INIT;
      bytes[i] = values[k];
      khonsu_status status = try_piece(layout, kh_slice(bytes, part.size), true, &chunk, &error);
      if (status == KHONSU_OK) {
        let_in++;
        look_at_buffers(chunk, must_be_there, kh_slice(bytes, part.size));
        kh_chunk_unref(chunk);
      } else {
        refused++;
        assert_int_equal(status, KHONSU_CORRUPT);
        assert_non_null(strstr(error.message, "the stored chunk: "));
      }
    }
    bytes[i] = ((const uint8_t *)part.data)[i];
  }
  assert_true(let_in > 1000 && refused > 1000);
  free(bytes);
  kh_ipc_layout_unref(layout);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_piece_comes_back),
      cmocka_unit_test(tables_without_chunks_and_wide_ones),
      cmocka_unit_test(metadata_of_batches),
      cmocka_unit_test(pieces_in_place),
      cmocka_unit_test(memory_stays),
      cmocka_unit_test(memory_that_is_not_needed),
      cmocka_unit_test(pieces_out_of_place),
      cmocka_unit_test(what_is_not_a_schema),
      cmocka_unit_test(what_is_not_a_piece),
      cmocka_unit_test(limits_of_pieces),
      cmocka_unit_test(what_trust_is),
      cmocka_unit_test(dictionaries_in_parts),
      cmocka_unit_test(bytes_of_trusted_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
