/* Encoded tables come back as they were; damaged ones are refused and never believed; files appear whole or not. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "os_fault.h"
#include "type_cases.h"

static kh_buffer encode(const kh_table *table) {
  kh_ipc_encoded encoded = {0};
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_ipc_encode(table, &encoded, &error) != KHONSU_OK) fail_msg("%s", error.message);
  kh_free(encoded.parts);
  return encoded.bytes;
}

static kh_table *decode(const kh_buffer *bytes) {
  kh_table *table;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_ipc_decode(kh_slice(bytes->data, bytes->size), &no_limits, &table, &error) != KHONSU_OK)
    fail_msg("%s", error.message);
  return table;
}

static void assert_same_tables(kh_table *table, kh_table *other) {
  char *text = table_text(table, true), *other_text = table_text(other, true);
  assert_string_equal(text, other_text);
  free(text);
  free(other_text);
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_match(table, other, &error) != KHONSU_OK) fail_msg("%s", error.message);
}

static void round_trip(cut_fn *cut) {
  for (int i = 0; i < CASES; i++) {
    kh_table *table = table_of_case(&cases[i], cut, false);
    kh_buffer bytes = encode(table);
    kh_table *decoded = decode(&bytes);
    assert_same_tables(table, decoded);
    kh_table_unref(decoded);
    const uint32_t end[2] = {UINT32_MAX, 0};
    MUST(kh_buffer_append(&bytes, end, sizeof end));
    decoded = decode(&bytes);
    assert_same_tables(table, decoded);
    kh_table_unref(decoded);
    kh_buffer_fini(&bytes);
    kh_table_unref(table);
  }
}

static void every_type_comes_back(void **state) {
  (void)state;
  round_trip(cut_nothing);
}

/* Slices are written without what is cut off. */
static void slices_come_back(void **state) {
  (void)state;
  round_trip(cut_root);
  round_trip(cut_column);
}

static void append_part(kh_buffer *bytes, const kh_ipc_encoded *encoded, size_t part) {
  MUST(kh_buffer_append(bytes, encoded->bytes.data + encoded->parts[part].at, encoded->parts[part].size));
}

/* As a storage appends: pieces without schema go behind the bytes that are there, in any order. */
static void appended_bytes_are_appended_rows(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    kh_table *table = table_of_case(&cases[i], cut_nothing, false);
    kh_buffer bytes = {0};
    kh_ipc_encoded encoded = {0};
    MUST(kh_ipc_encode(table, &encoded, NULL));
    static const size_t parts[] = {0, 3, 1, 2, 3};
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) append_part(&bytes, &encoded, parts[part]);
    kh_ipc_encoded_fini(&encoded);
    kh_table *decoded = decode(&bytes);
    assert_int_equal(kh_table_chunk_count(decoded), 4);
    char *text = table_text(decoded, true), *whole = table_text(table, true);
    assert_non_null(strstr(text, whole));
    free(text);
    free(whole);
    kh_table_unref(decoded);
    kh_table_unref(table);
    kh_buffer_fini(&bytes);
  }
}

static void schemas_come_back(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{a=i!;b=+l{element=u!}!;c=tsn:Europe/Berlin;d=c>u}"), exported;
  struct ArrowArray array = make_array(&schema, "(1 ['x'] 5 'red')");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("ARROW:extension:name"), ArrowCharView("uuid")));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("key"), (struct ArrowStringView){"a\0b", 3}));
  MUST(ArrowSchemaSetMetadata(schema.children[3], (const char *)metadata.data));
  MUST(ArrowSchemaSetMetadata(&schema, (const char *)metadata.data));
  schema.children[3]->flags |= ARROW_FLAG_DICTIONARY_ORDERED;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  kh_buffer bytes = encode(table);
  kh_table *decoded = decode(&bytes);
  assert_same_tables(table, decoded);
  struct ArrowArrayStream stream;
  MUST(kh_table_export_stream(decoded, &stream));
  MUST(stream.get_schema(&stream, &exported));
  assert_string_equal(exported.children[2]->format, "tsn:Europe/Berlin");
  assert_string_equal(exported.children[1]->children[0]->name, "element");
  assert_int_equal(exported.children[0]->flags, 0);
  assert_int_equal(exported.children[3]->flags, ARROW_FLAG_NULLABLE | ARROW_FLAG_DICTIONARY_ORDERED);
  assert_int_equal(ArrowMetadataSizeOf(exported.metadata), metadata.size_bytes);
  assert_memory_equal(exported.metadata, metadata.data, (size_t)metadata.size_bytes);
  assert_memory_equal(exported.children[3]->metadata, metadata.data, (size_t)metadata.size_bytes);
  exported.release(&exported);
  stream.release(&stream);
  ArrowBufferReset(&metadata);
  kh_buffer_fini(&bytes);
  kh_table_unref(decoded);
  kh_table_unref(table);
}

/* Arrays without values may have NULL for buffers. */
static void empty_arrays_without_buffers(void **state) {
  (void)state;
  static const char *const types[] = {"u",
                                      "vu",
                                      "i",
                                      "b",
                                      "c>u",
                                      "+l{item=i}",
                                      "+vl{item=i}",
                                      "+vL{item=i}",
                                      "+w:2{item=i}",
                                      "+us:0{x=i}",
                                      "+ud:0,1{x=i;y=u}",
                                      "+s{x=u}",
                                      "+r{run_ends=i;values=u}"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    char type[128];
    snprintf(type, sizeof type, "+s{a=+l{item=%s}}", types[i]);
    struct ArrowSchema schema = make_schema(type);
    struct ArrowArray array = make_array(&schema, "([]) ([])"), *items = array.children[0]->children[0];
    for (int64_t buffer = 0; buffer < items->n_buffers; buffer++) items->buffers[buffer] = NULL;
    kh_table *table;
    MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
    kh_buffer bytes = encode(table);
    kh_table *decoded = decode(&bytes);
    assert_same_tables(table, decoded);
    kh_table_unref(decoded);
    kh_table_unref(table);
    kh_buffer_fini(&bytes);
  }
}

/* ---- damage */

static const char *damaged_type =
    "+s{a=i;b=u;c=+l{item=vu};d=c>u;e=+ud:0,1{x=i;y=+w:2{i=b}};f=+r{run_ends=s;values=u};g=+vl{item=l}}";
static const char *damaged_rows[2] = {
    "(1 'one' ['text that is long enough'] 'red' 0:1 'run' [1 2]) (_ _ _ _ 1:[1 0] = _)",
    "(2 'two' [] 'blue' 1:[0 _] 'two' [3])"};

static kh_table *damaged_table(void) {
  return append_table(make_table(damaged_type, damaged_rows[0]), make_table(damaged_type, damaged_rows[1]));
}

/* Every byte of what is decoded is in a block of its own, so that reading past the end is noticed. */
static khonsu_status try_decode(const void *bytes, size_t size, uint64_t *rows, khonsu_error *error) {
  void *copy = malloc(size > 0 ? size : 1);
  memcpy(copy, bytes, size);
  kh_table *table = NULL;
  kh_arrow_limits limits = {64, 1 << 20, NULL};
  khonsu_status status = kh_ipc_decode(kh_slice(copy, size), &limits, &table, error);
  *rows = 0;
  if (status == KHONSU_OK) {
    *rows = kh_table_rows(table);
    free(table_text(table, false)); /* looks at every value */
  } else {
    assert_null(table);
  }
  kh_table_unref(table);
  free(copy);
  return status;
}

/* A stream cut short is refused, save where a message ends: then it has fewer batches. */
static void streams_cut_short(void **state) {
  (void)state;
  kh_table *table = damaged_table();
  kh_buffer bytes = encode(table);
  uint64_t rows, ends = 0, last = 0;
  for (size_t size = 0; size < bytes.size; size++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = try_decode(bytes.data, size, &rows, &error);
    if (status != KHONSU_OK) {
      assert_int_equal(status, KHONSU_CORRUPT);
      assert_true(error.message[0] != '\0');
      continue;
    }
    ends++;
    assert_true(rows >= last && rows < 3);
    last = rows;
  }
  assert_int_equal(ends, 4); /* behind the schema, a dictionary, a batch, a dictionary */
  assert_int_equal(last, 2);
  kh_buffer_fini(&bytes);
  kh_table_unref(table);
}

/* Any byte may be anything: never a crash, never a value that is not there. */
static void bytes_changed(void **state) {
  (void)state;
  kh_table *table = damaged_table();
  kh_buffer bytes = encode(table);
  static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  uint64_t rows;
  for (size_t i = 0; i < bytes.size; i++) {
    uint8_t before = bytes.data[i];
    for (size_t k = 0; k < sizeof values; k++) {
      bytes.data[i] = values[k];
      khonsu_status status = try_decode(bytes.data, bytes.size, &rows, NULL);
      if (status == KHONSU_NO_MEMORY || status == KHONSU_INVALID_ARROW || status == KHONSU_IO)
        fail_msg("byte %zu = %u: %s", i, values[k], khonsu_status_name(status));
    }
    bytes.data[i] = before;
  }
  kh_buffer_fini(&bytes);
  kh_table_unref(table);
}

static void words_changed(void **state) {
  (void)state;
  kh_table *table = damaged_table();
  kh_buffer bytes = encode(table);
  kh_prng prng = {unit_seed()};
  uint8_t *copy = malloc(bytes.size);
  uint64_t rows, steps = unit_steps(20000, 5000000);
  for (uint64_t step = 0; step < steps; step++) {
    memcpy(copy, bytes.data, bytes.size);
    for (uint64_t change = 0; change <= kh_prng_below(&prng, 3); change++) {
      size_t width = (size_t)1 << kh_prng_below(&prng, 4), at = kh_prng_below(&prng, bytes.size - 8) / width * width;
      uint64_t value = kh_prng_next(&prng);
      if (kh_prng_below(&prng, 2) == 0) value = kh_prng_below(&prng, 300);
      memcpy(copy + at, &value, width);
    }
    khonsu_status status = try_decode(copy, bytes.size, &rows, NULL);
    assert_true(status != KHONSU_NO_MEMORY && status != KHONSU_INVALID_ARROW);
  }
  free(copy);
  kh_buffer_fini(&bytes);
  kh_table_unref(table);
}

static void what_cannot_be_written(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_ipc_encoded encoded = {0};
  kh_table *table = make_table("+s{s=+s{d=c>s>u}}", "(('a')) (('b'))");
  assert_int_equal(kh_ipc_encode(table, &encoded, &error), KHONSU_UNSUPPORTED);
  assert_string_equal(
      error.message,
      "column 's.d': Arrow IPC cannot represent a dictionary of a dictionary; cast it to a dictionary of plain values");
  assert_null(encoded.parts);
  assert_null(encoded.bytes.data);
  kh_table_unref(table);
  struct ArrowSchema schema = make_schema("+s{d=c>u}");
  struct ArrowArray array = make_array(&schema, "('a')");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView("ARROW:extension:name"), ArrowCharView("mine")));
  MUST(ArrowSchemaSetMetadata(schema.children[0]->dictionary, (const char *)metadata.data));
  ArrowBufferReset(&metadata);
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  assert_int_equal(kh_ipc_encode(table, &encoded, &error), KHONSU_UNSUPPORTED);
  assert_string_equal(
      error.message,
      "column 'd': Arrow IPC cannot represent a dictionary of an extension type; make the column itself of that type");
  kh_table_unref(table);
  char type[1024] = "+s{", *to = type + 3, end[256] = "";
  for (int depth = 0; depth < 60; depth++) {
    to += sprintf(to, "x=+s{");
    strcat(end, "}");
  }
  sprintf(to, "x=i%s}", end);
  table = make_table(type, "");
  assert_int_equal(kh_ipc_encode(table, &encoded, &error), KHONSU_UNSUPPORTED);
  assert_string_equal(error.message, "Arrow IPC cannot represent this schema: it nests too deeply");
  kh_table_unref(table);
}

/* Not ours to read: each is told by name. */
static void what_is_not_a_table(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  uint64_t rows;
  assert_int_equal(try_decode("", 0, &rows, &error), KHONSU_CORRUPT);
  assert_string_equal(error.message, "the encoded table: it does not begin with a schema");
  assert_int_equal(try_decode("hello, world", 12, &rows, &error), KHONSU_CORRUPT);
  assert_string_equal(error.message, "the encoded table: no message begins at byte 0");
  static const uint32_t huge[2] = {UINT32_MAX, 0x7ffffff0};
  assert_int_equal(try_decode(huge, sizeof huge, &rows, &error), KHONSU_CORRUPT);
  assert_string_equal(error.message, "the encoded table: it is cut short");
  kh_table *table = make_table("+s{a=i}", "(1)");
  kh_ipc_encoded encoded = {0};
  MUST(kh_ipc_encode(table, &encoded, NULL));
  khonsu_slice bytes = kh_buffer_slice(&encoded.bytes);
  size_t schema_size = encoded.parts[0].size;
  assert_int_equal(try_decode(encoded.bytes.data + schema_size, bytes.size - schema_size, &rows, &error),
                   KHONSU_CORRUPT);
  kh_arrow_limits small = {0, UINT64_MAX, NULL};
  kh_table *decoded;
  assert_int_equal(kh_ipc_decode(bytes, &small, &decoded, &error), KHONSU_NESTING_TOO_DEEP);
  small = (kh_arrow_limits){64, 3, NULL};
  assert_int_equal(kh_ipc_decode(bytes, &small, &decoded, &error), KHONSU_VALUE_TOO_LARGE);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

/* ---- files */

static char directory[64];
static char path[128];

static int make_directory(void **state) {
  (void)state;
  strcpy(directory, "/tmp/khonsu-ipc-XXXXXX");
  if (mkdtemp(directory) == NULL) return -1;
  snprintf(path, sizeof path, "%s/table.arrow", directory);
  return 0;
}

static int remove_directory(void **state) {
  (void)state;
  unlink(path);
  return rmdir(directory);
}

static int count_files(void) {
  int count = 0;
  DIR *opened = opendir(directory);
  while (readdir(opened) != NULL) count++;
  closedir(opened);
  return count - 2;
}

static khonsu_status write_table(const kh_os *os, kh_table *table, khonsu_ipc_format format, khonsu_error *error) {
  struct ArrowArrayStream stream;
  MUST(kh_table_export_stream(table, &stream));
  khonsu_status status = kh_ipc_write_path(os, path, format, &stream, error);
  assert_null(stream.release);
  return status;
}

static khonsu_status read_table(const kh_os *os, kh_table **table, khonsu_error *error) {
  struct ArrowArrayStream stream = {.release = NULL};
  khonsu_status status = kh_ipc_read_path(os, path, &stream, error);
  if (status != KHONSU_OK) {
    assert_null(stream.release);
    return status;
  }
  status = kh_table_from_stream(&stream, &no_limits, table, error);
  assert_null(stream.release);
  return status;
}

static void files_and_streams(void **state) {
  (void)state;
  for (int i = 0; i < 2 * CASES; i++) {
    kh_table *table = table_of_case(&cases[i / 2], i % 3 == 0 ? cut_root : cut_nothing, false), *read;
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_ipc_format format = i % 2 == 0 ? KHONSU_IPC_FILE : KHONSU_IPC_STREAM;
    if (write_table(kh_os_posix(), table, format, &error) != KHONSU_OK) fail_msg("%s", error.message);
    if (read_table(kh_os_posix(), &read, &error) != KHONSU_OK) fail_msg("%s", error.message);
    assert_same_tables(table, read);
    assert_int_equal(count_files(), 1);
    kh_table_unref(read);
    kh_table_unref(table);
  }
}

/* A file has one dictionary for a column: it grows by what is new in each batch. */
static void dictionaries_in_files(void **state) {
  (void)state;
  static const char *const tables[][4] = {
      {"+s{l=+l{item=c>u}}", "(['red' 'green'])", "(['red' 'green']) (['green'])", "(['red'])"},
      {"+s{d=c>u}", "('red') ('green')", "('blue') (_) ('green')", "('white') ('red') ('blue')"},
      {"+s{d=S>vu;e=l>i}", "('red' 1)", "('much longer than twelve' 2) ('red' 1) (_ _)", "('longer than twelve' 1)"},
      {"+s{d=c>g}", "(0.0) (nan)", "(-0.0) (nan)", "(nan) (0.0)"},
      {"+s{d=c>+l{item=u}}", "(['a' 'b']) ([])", "(['b']) (['a' 'b'])", "([]) (['b'])"},
      {"+s{d=c>u}", "(_)", "('a')", "(_) ('b')"},
  };
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    kh_table *table = make_table(tables[i][0], tables[i][1]), *read;
    khonsu_error error = KHONSU_ERROR_INIT;
    for (int chunk = 2; chunk < 4; chunk++) table = append_table(table, make_table(tables[i][0], tables[i][chunk]));
    if (write_table(kh_os_posix(), table, KHONSU_IPC_FILE, &error) != KHONSU_OK) fail_msg("%s", error.message);
    if (read_table(kh_os_posix(), &read, &error) != KHONSU_OK) fail_msg("%s", error.message);
    assert_same_tables(table, read);
    kh_table_unref(read);
    kh_table_unref(table);
  }
}

/* A row for each of the numbers from `first` on. */
static kh_table *numbers_from(const char *type, int first, int count) {
  char rows[2048], *to = rows;
  for (int i = 0; i < count; i++) to += sprintf(to, "(%d) ", first + i);
  return make_table(type, rows);
}

static kh_table *ordered(const char *values) {
  struct ArrowSchema schema = make_schema("+s{d=c>u}");
  struct ArrowArray array = make_array(&schema, values);
  kh_table *table;
  schema.children[0]->flags |= ARROW_FLAG_DICTIONARY_ORDERED;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  return table;
}

/* Fails, and what was there before stays. */
static void refuses_file(kh_table *table, khonsu_status status, const char *text) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *old = make_table("+s{a=i}", "(1)"), *read;
  MUST(write_table(kh_os_posix(), old, KHONSU_IPC_FILE, NULL));
  assert_int_equal(write_table(kh_os_posix(), table, KHONSU_IPC_FILE, &error), status);
  assert_string_equal(error.message, text);
  MUST(read_table(kh_os_posix(), &read, NULL));
  assert_same_tables(old, read);
  assert_int_equal(count_files(), 1);
  kh_table_unref(read);
  kh_table_unref(old);
  kh_table_unref(table);
}

static void dictionaries_that_no_file_can_hold(void **state) {
  (void)state;
  const char *deep = "+s{d=c>+s{e=c>u}}";
  const char *no_way =
      "column 'd': its dictionary differs between record batches, but a file has one, and one that is "
      "ordered or holds dictionaries cannot be unified; write a stream";
  refuses_file(append_table(make_table(deep, "(('a'))"), make_table(deep, "(('b'))")), KHONSU_UNSUPPORTED, no_way);
  refuses_file(append_table(ordered("('a') ('b')"), ordered("('b') ('a')")), KHONSU_UNSUPPORTED, no_way);
  refuses_file(append_table(numbers_from("+s{d=c>i}", 0, 100), numbers_from("+s{d=c>i}", 72, 57)),
               KHONSU_VALUE_TOO_LARGE,
               "column 'd': dictionaries of 129 values together, of which a file has one: more than its indices can "
               "tell apart; cast the column to wider indices, or to plain values, or write a stream");
  kh_table *most = append_table(numbers_from("+s{d=c>i}", 0, 100), numbers_from("+s{d=c>i}", 72, 56)), *read;
  MUST(write_table(kh_os_posix(), most, KHONSU_IPC_FILE, NULL));
  MUST(read_table(kh_os_posix(), &read, NULL));
  assert_same_tables(most, read);
  kh_table_unref(read);
  kh_table_unref(most);
}

static void files_cut_short(void **state) {
  (void)state;
  const char *type = "+s{a=i;d=c>u}";
  kh_table *table = append_table(make_table(type, "(1 'red')"), make_table(type, "(2 'red')")), *read;
  MUST(write_table(kh_os_posix(), table, KHONSU_IPC_FILE, NULL));
  FILE *file = fopen(path, "r+b");
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  while (--size >= 0) {
    khonsu_error error = KHONSU_ERROR_INIT;
    assert_int_equal(ftruncate(fileno(file), size), 0);
    assert_int_equal(read_table(kh_os_posix(), &read, &error), KHONSU_CORRUPT);
    assert_non_null(strstr(error.message, path));
  }
  fclose(file);
  kh_table_unref(table);
}

static void file_bytes_changed(void **state) {
  (void)state;
  const char *type = "+s{a=i;d=c>u}";
  kh_table *table = append_table(make_table(type, "(1 'red')"), make_table(type, "(2 'red')")), *read;
  MUST(write_table(kh_os_posix(), table, KHONSU_IPC_FILE, NULL));
  FILE *file = fopen(path, "r+b");
  char bytes[8192];
  size_t size = fread(bytes, 1, sizeof bytes, file);
  setbuf(file, NULL);
  for (size_t i = 0; i < size; i++) {
    for (int value = 0; value < 256; value += 85) {
      fseek(file, (long)i, SEEK_SET);
      fputc(value, file);
      khonsu_error error = KHONSU_ERROR_INIT;
      khonsu_status status = read_table(kh_os_posix(), &read, &error);
      assert_true(status != KHONSU_NO_MEMORY);
      if (status == KHONSU_OK) kh_table_unref(read);
    }
    fseek(file, (long)i, SEEK_SET);
    fputc(bytes[i], file);
  }
  fclose(file);
  kh_table_unref(table);
}

/* Whatever call to the operating system fails: the old file stays, nothing is left behind. */
static void writing_fails(void **state) {
  (void)state;
  kh_table *old = make_table("+s{a=i}", "(1)"),
           *table = append_table(make_table("+s{a=i}", "(2)"), make_table("+s{a=i}", "(3)")), *read;
  MUST(write_table(kh_os_posix(), old, KHONSU_IPC_STREAM, NULL));
  kh_os_fault fault;
  kh_os_fault_init(&fault, kh_os_posix());
  kh_os_fault_plan(&fault, (kh_os_plan){.operation = KH_OS_OP_ANY});
  MUST(write_table(&fault.os, table, KHONSU_IPC_FILE, NULL));
  uint64_t calls = fault.counted;
  assert_true(calls > 8);
  for (uint64_t at = 1; at <= calls; at++) {
    khonsu_error error = KHONSU_ERROR_INIT;
    MUST(write_table(kh_os_posix(), old, KHONSU_IPC_STREAM, NULL));
    kh_os_fault_plan(
        &fault, (kh_os_plan){.operation = KH_OS_OP_ANY, .fail_at = at, .error = at % 2 ? EIO : ENOSPC, .partial = 5});
    khonsu_status status = write_table(&fault.os, table, KHONSU_IPC_FILE, &error);
    assert_int_equal(fault.failed, 1);
    assert_int_equal(count_files(), 1);
    MUST(read_table(kh_os_posix(), &read, NULL));
    bool is_old = kh_table_rows(read) == 1;
    kh_table_unref(read);
    if (is_old) assert_int_equal(status, at % 2 ? KHONSU_IO : KHONSU_STORAGE_FULL);
    else assert_true(at >= calls - 3); /* in place already: the directory could not be synced */
  }
  kh_table_unref(old);
  kh_table_unref(table);
}

static void reading_fails(void **state) {
  (void)state;
  const char *type = "+s{a=i;d=c>u}";
  kh_table *table = append_table(make_table(type, "(1 'red')"), make_table(type, "(2 'red')")), *read;
  kh_os_fault fault;
  kh_os_fault_init(&fault, kh_os_posix());
  for (int format = KHONSU_IPC_FILE; format <= KHONSU_IPC_STREAM; format++) {
    MUST(write_table(kh_os_posix(), table, (khonsu_ipc_format)format, NULL));
    kh_os_fault_plan(&fault, (kh_os_plan){.operation = KH_OS_OP_ANY});
    MUST(read_table(&fault.os, &read, NULL));
    kh_table_unref(read);
    uint64_t calls = fault.counted - 1; /* the last one closes */
    for (uint64_t at = 1; at <= 2 * calls; at++) {
      khonsu_error error = KHONSU_ERROR_INIT;
      bool shrinks = at > calls;
      uint64_t opens = fault.calls[KH_OS_OP_OPEN], closes = fault.calls[KH_OS_OP_CLOSE];
      kh_os_fault_plan(&fault, (kh_os_plan){.operation = shrinks ? KH_OS_OP_READ_AT : KH_OS_OP_ANY,
                                            .fail_at = shrinks ? at - calls : at,
                                            .error = shrinks ? 0 : EIO,
                                            .partial = 3});
      khonsu_status status = read_table(&fault.os, &read, &error);
      if (fault.failed == 0) {
        assert_int_equal(status, KHONSU_OK);
        kh_table_unref(read);
      } else {
        assert_true(status == KHONSU_IO || status == KHONSU_CORRUPT || status == KHONSU_INVALID_ARROW);
        assert_non_null(strstr(error.message, path));
      }
      uint64_t opened = fault.calls[KH_OS_OP_OPEN] - opens - (at == 1);
      assert_int_equal(fault.calls[KH_OS_OP_CLOSE] - closes, opened);
    }
  }
  kh_table_unref(table);
}

static void no_such_file(void **state) {
  (void)state;
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_ipc_read_path(kh_os_posix(), "/nowhere/at/all", &stream, &error), KHONSU_IO);
  assert_string_equal(error.message, "cannot open /nowhere/at/all: No such file or directory");
  assert_int_equal(kh_ipc_read_path(kh_os_posix(), directory, &stream, &error), KHONSU_IO);
  char text[128];
  snprintf(text, sizeof text, "cannot read %s: it is a directory", directory);
  assert_string_equal(error.message, text);
  kh_table *table = make_table("+s{a=i}", "(1)");
  MUST(kh_table_export_stream(table, &stream));
  assert_int_equal(kh_ipc_write_path(kh_os_posix(), "/nowhere/at/all", KHONSU_IPC_FILE, &stream, &error), KHONSU_IO);
  assert_null(stream.release);
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_comes_back),
      cmocka_unit_test(slices_come_back),
      cmocka_unit_test(appended_bytes_are_appended_rows),
      cmocka_unit_test(schemas_come_back),
      cmocka_unit_test(empty_arrays_without_buffers),
      cmocka_unit_test(streams_cut_short),
      cmocka_unit_test(bytes_changed),
      cmocka_unit_test(words_changed),
      cmocka_unit_test(what_cannot_be_written),
      cmocka_unit_test(what_is_not_a_table),
      cmocka_unit_test(files_and_streams),
      cmocka_unit_test(dictionaries_in_files),
      cmocka_unit_test(dictionaries_that_no_file_can_hold),
      cmocka_unit_test(files_cut_short),
      cmocka_unit_test(file_bytes_changed),
      cmocka_unit_test(writing_fails),
      cmocka_unit_test(reading_fails),
      cmocka_unit_test(no_such_file),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
