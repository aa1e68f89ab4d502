/* The codec below kh_ipc_encode and kh_ipc_decode: what is not copied when it is written, compressed buffers that lie about
 * themselves, places in files that overlap. */
#include "arrow/ipc_reader.h"
#include "arrow/ipc_writer.h"
#include "arrow/table.h"
#include "type_cases.h"

static kh_chunk *chunk_of(kh_table *table, uint64_t index) { return kh_table_run(table, index).chunks[0]; }

static kh_buffer encode(kh_table *table, bool is_file, kh_ipc_codec codec) {
  kh_buffer bytes = {0};
  kh_ipc_writer writer;
  MUST(kh_ipc_writer_init(&writer, kh_table_schema(table), (kh_ipc_options){.is_file = is_file, .codec = codec}, NULL));
  MUST(kh_ipc_write_schema(&writer, NULL));
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++)
    MUST(kh_ipc_write_chunk(&writer, chunk_of(table, i), NULL));
  MUST(kh_ipc_write_end(&writer, NULL));
  MUST(kh_ipc_pieces_copy(&writer.out, &bytes));
  kh_ipc_writer_fini(&writer);
  return bytes;
}

static khonsu_status decode(khonsu_slice bytes, uint64_t most, kh_table **table, khonsu_error *error) {
  kh_arrow_limits limits = {64, most, NULL};
  return kh_ipc_decode(bytes, &limits, table, error);
}

static void refuses(const kh_buffer *bytes, uint64_t most, khonsu_status expected, const char *text) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *table;
  assert_int_equal(decode(kh_buffer_slice(bytes), most, &table, &error), expected);
  assert_string_equal(error.message, text);
}

/* ---- what is copied */

static const char *wide = "+s{a=l;b=u;c=vu}";
static const char *wide_rows = "(1 'one' 'a text of many bytes') (2 'two' 'and another such text')";

/* What is written are the arrays' own buffers, at multiples of 64. */
static void writing_in_place(void **state) {
  (void)state;
  kh_table *table = make_table(wide, wide_rows);
  kh_chunk *chunk = chunk_of(table, 0);
  kh_ipc_writer writer;
  MUST(kh_ipc_writer_init(&writer, kh_table_schema(table), (kh_ipc_options){.is_file = true, .codec = KH_IPC_PLAIN},
                          NULL));
  MUST(kh_ipc_write_schema(&writer, NULL));
  assert_int_equal(writer.position % 64, 0);
  assert_int_equal(writer.out.size, writer.position);
  MUST(kh_ipc_write_chunk(&writer, chunk, NULL));
  const void *own[] = {chunk->nodes[1].buffers[1], chunk->nodes[2].buffers[1], chunk->nodes[2].buffers[2],
                       chunk->nodes[3].buffers[1], chunk->nodes[3].buffers[2]};
  size_t found = 0;
  uint64_t place = 0;
  const khonsu_slice *slices = kh_ipc_pieces_slices(&writer.out);
  for (size_t i = 0; i < kh_ipc_pieces_count(&writer.out); i++) {
    for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
      if (slices[i].data != own[k]) continue;
      assert_int_equal(place % 64, 0);
      found++;
    }
    place += slices[i].size;
  }
  assert_int_equal(found, sizeof own / sizeof *own);
  kh_ipc_writer_fini(&writer);
  kh_table_unref(table);
}

/* ---- files */

/* The number at the end of a file's footer that is `old`, counted from the back. */
static void patch_last(kh_buffer *bytes, uint64_t old, uint64_t new) {
  for (size_t at = bytes->size - 8; at > 0; at--)
    if (memcmp(bytes->data + at, &old, sizeof old) == 0) {
      memcpy(bytes->data + at, &new, sizeof new);
      return;
    }
  fail_msg("%llu is not there", (unsigned long long)old);
}

static void places_that_overlap(void **state) {
  (void)state;
  kh_table *table = append_table(make_table("+s{a=i}", "(1)"), make_table("+s{a=i}", "(2)"));
  kh_buffer bytes = encode(table, true, KH_IPC_PLAIN);
  kh_ipc_source source = {.name = "a file", .bytes = kh_buffer_slice(&bytes), .size = bytes.size};
  kh_ipc_reader reader;
  MUST(kh_ipc_reader_open(&reader, &source, &no_limits, NULL));
  uint64_t first = reader.batches[0], second = reader.batches[1];
  kh_ipc_reader_fini(&reader);
  patch_last(&bytes, second, first);
  char text[128];
  snprintf(text, sizeof text, "the encoded table: its footer points twice to byte %llu", (unsigned long long)first);
  refuses(&bytes, UINT64_MAX, KHONSU_CORRUPT, text);
  patch_last(&bytes, first, first + 8); /* into the first message: it may not reach that far */
  refuses(&bytes, UINT64_MAX, KHONSU_CORRUPT, "the encoded table: record batch 0: it is cut short");
  patch_last(&bytes, first + 8, bytes.size);
  snprintf(text, sizeof text, "the encoded table: its footer points outside of it, to byte %zu", bytes.size);
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *none;
  assert_int_equal(decode(kh_buffer_slice(&bytes), UINT64_MAX, &none, &error), KHONSU_CORRUPT);
  assert_non_null(strstr(error.message, "its footer points outside of it, to byte"));
  kh_buffer_fini(&bytes);
  kh_table_unref(table);
}

/* ---- compressed buffers */

static kh_table *hundred_zeros(void) {
  char rows[512] = "", *to = rows;
  for (int i = 0; i < 100; i++) to += sprintf(to, "(0) ");
  return make_table("+s{a=l}", rows);
}

static void sizes_that_lie(void **state) {
  (void)state;
  kh_table *table = hundred_zeros();
  static const struct {
    kh_ipc_codec codec;
    uint64_t size, most;
    khonsu_status status;
    const char *text;
  } lies[] = {
      {KH_IPC_ZSTD, 799, UINT64_MAX, KHONSU_CORRUPT,
       "column 'a': a compressed buffer of 799 bytes where 800 are needed"},
      {KH_IPC_LZ4, 799, UINT64_MAX, KHONSU_CORRUPT,
       "column 'a': a compressed buffer of 799 bytes where 800 are needed"},
      {KH_IPC_ZSTD, 65537, UINT64_MAX, KHONSU_CORRUPT,
       "column 'a': a compressed buffer of 65537 bytes where 800 are needed"},
      {KH_IPC_ZSTD, 808, UINT64_MAX, KHONSU_CORRUPT, "column 'a': a buffer that is not 808 bytes compressed by zstd"},
      {KH_IPC_LZ4, 808, UINT64_MAX, KHONSU_CORRUPT, "column 'a': a buffer that is not 808 bytes compressed by lz4"},
      {KH_IPC_ZSTD, 800, 799, KHONSU_VALUE_TOO_LARGE,
       "column 'a': a record batch of more than value_size_max = 799 bytes when decompressed"},
  };
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    kh_buffer bytes = encode(table, false, lies[i].codec);
    patch_last(&bytes, 800, lies[i].size);
    char text[256];
    snprintf(text, sizeof text, "the encoded table: record batch 0: %s", lies[i].text);
    refuses(&bytes, lies[i].most, lies[i].status, text);
    kh_buffer_fini(&bytes);
  }
  kh_table_unref(table);
}

/* A size that no frame of these bytes can come to is refused before memory is asked for. */
static void bombs(void **state) {
  (void)state;
  static const uint64_t sizes[] = {UINT64_C(1) << 40, INT64_MAX, UINT64_MAX - 1};
  kh_table *table = hundred_zeros();
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    kh_buffer bytes = encode(table, false, KH_IPC_ZSTD);
    khonsu_error error = KHONSU_ERROR_INIT;
    kh_table *none;
    patch_last(&bytes, 800, sizes[i]);
    assert_int_equal(decode(kh_buffer_slice(&bytes), UINT64_MAX, &none, &error), KHONSU_CORRUPT);
    assert_non_null(strstr(error.message, "bytes cannot come out of"));
    kh_buffer_fini(&bytes);
  }
  kh_table_unref(table);
}

/* Bytes that do not get shorter stand as they are; nothing at all has not even a size. */
static void what_cannot_be_compressed(void **state) {
  (void)state;
  for (int codec = KH_IPC_LZ4; codec <= KH_IPC_ZSTD; codec++) {
    kh_table *table = make_table("+s{a=l;b=u;c=i}", "(123456789 '' _)"), *read;
    kh_buffer bytes = encode(table, false, (kh_ipc_codec)codec);
    MUST(decode(kh_buffer_slice(&bytes), UINT64_MAX, &read, NULL));
    assert_table(read, "(123456789 '' _)");
    kh_table_unref(read);
    kh_table_unref(table);
    kh_buffer_fini(&bytes);
  }
}

/* A dictionary grows by deltas only as far as a batch may. */
static void dictionaries_too_large(void **state) {
  (void)state;
  kh_table *table = append_table(make_table("+s{a=c>u}", "('a first text')"),
                                 make_table("+s{a=c>u}", "('a first text') ('a second text')"));
  kh_buffer bytes = encode(table, false, KH_IPC_PLAIN);
  refuses(&bytes, 30, KHONSU_VALUE_TOO_LARGE,
          "the encoded table: record batch 1: the dictionary has 41 bytes: more than value_size_max = 30");
  kh_buffer_fini(&bytes);
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writing_in_place),
      cmocka_unit_test(places_that_overlap),
      cmocka_unit_test(sizes_that_lie),
      cmocka_unit_test(bombs),
      cmocka_unit_test(what_cannot_be_compressed),
      cmocka_unit_test(dictionaries_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
