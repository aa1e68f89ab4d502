/* How a table's chunks are compressed where they are stored: its schema says so. */
#include "arrow/table.h"
#include "type_cases.h"

static khonsu_status import_saying(const char *value, kh_schema **schema, khonsu_error *error) {
  struct ArrowSchema made = make_schema("+s{a=l;b=u}");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("origin"), ArrowCharView("zstd")));
  if (value != NULL)
    MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("khonsu.compression"), ArrowCharView(value)));
  MUST(ArrowSchemaSetMetadata(&made, (const char *)metadata.data));
  ArrowBufferReset(&metadata);
  return kh_schema_import(&made, &no_limits, schema, error);
}

static void assert_codec(const char *value, kh_ipc_codec codec) {
  kh_schema *schema;
  MUST(import_saying(value, &schema, NULL));
  assert_int_equal(kh_schema_compression(schema), codec);
  kh_schema_unref(schema);
}

static void codecs_have_names(void **state) {
  (void)state;
  assert_codec(NULL, KH_IPC_PLAIN);
  assert_codec("none", KH_IPC_PLAIN);
  assert_codec("lz4", KH_IPC_LZ4);
  assert_codec("zstd", KH_IPC_ZSTD);
}

static void other_names_are_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "ZSTD", "zstd ", "zst", "gzip", "lz4,zstd"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    kh_schema *schema;
    khonsu_error error = KHONSU_ERROR_INIT;
    char text[128];
    snprintf(text, sizeof text, "the schema's metadata say khonsu.compression = '%s': it must be zstd, lz4 or none",
             wrong[i]);
    assert_int_equal(import_saying(wrong[i], &schema, &error), KHONSU_INVALID_ARROW);
    assert_string_equal(error.message, text);
  }
}

/* As many equal rows as take some 24 KB. */
static size_t encoded_size(const char *codec) {
  kh_schema *schema;
  kh_table *table, *under;
  kh_ipc_encoded encoded = {0};
  char *rows = malloc(24 * 1000), *to = rows;
  for (int i = 0; i < 1000; i++) to += sprintf(to, "(123456789 'abcdefgh') ");
  table = make_table("+s{a=l;b=u}", rows);
  free(rows);
  MUST(import_saying(codec, &schema, NULL));
  MUST(kh_table_under(table, schema, &under));
  kh_schema_unref(schema);
  kh_table_unref(table);
  MUST(kh_ipc_encode(under, &encoded, NULL));
  size_t size = encoded.parts[1].size;
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(under);
  return size;
}

static void tables_are_encoded_so(void **state) {
  (void)state;
  size_t plain = encoded_size("none"), lz4 = encoded_size("lz4"), zstd = encoded_size("zstd");
  assert_true(plain > 20000);
  assert_true(lz4 < plain / 2);
  assert_true(zstd < plain / 2 && zstd != lz4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(codecs_have_names),
      cmocka_unit_test(other_names_are_refused),
      cmocka_unit_test(tables_are_encoded_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
