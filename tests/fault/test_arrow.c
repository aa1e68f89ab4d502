/* Every allocation of the arrow room is made to fail in turn, once and from then on, for every type: what fails says
 * NO_MEMORY, consumes what it was to consume and leaks nothing. */
#include <stdio.h>
#include <unistd.h>

#include "../unit/arrow/type_cases.h"
#include "fail_alloc.h"

static struct {
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct ArrowArrayStream stream;
  kh_table *table; /* of three chunks */
  kh_ipc_encoded encoded;
} input;

static char path[64];

static void make_inputs(const case_of_type *of) {
  char type[256], values[512];
  wrap(of, 0, type, values);
  input.schema = make_schema(type);
  input.array = make_array(&input.schema, values);
  input.table = table_of_case(of, cut_root, false);
  MUST(kh_ipc_encode(input.table, &input.encoded, NULL));
  struct ArrowArrayStream stream;
  MUST(kh_table_export_stream(input.table, &stream));
  MUST(kh_ipc_write_path(kh_os_posix(), path, KHONSU_IPC_STREAM, &stream, NULL));
  MUST(kh_table_export_stream(input.table, &input.stream));
  struct ArrowArray array;
  MUST(input.stream.get_next(&input.stream, &array)); /* so that it is read and not taken back */
  array.release(&array);
}

static void release_inputs(void) {
  if (input.schema.release != NULL) input.schema.release(&input.schema);
  if (input.array.release != NULL) input.array.release(&input.array);
  if (input.stream.release != NULL) input.stream.release(&input.stream);
  kh_table_unref(input.table);
  kh_ipc_encoded_fini(&input.encoded);
}

typedef khonsu_status scenario(void);

static khonsu_status import_batch(void) {
  kh_table *table = NULL;
  khonsu_status status = kh_table_from_batch(&input.schema, &input.array, &no_limits, &table, NULL);
  assert_null(input.schema.release);
  assert_null(input.array.release);
  kh_table_unref(table);
  return status;
}

static khonsu_status import_copy(void) {
  kh_table *table = NULL;
  khonsu_status status = kh_table_from_batch_copy(&input.schema, &input.array, &no_limits, &table, NULL);
  assert_non_null(input.array.release);
  kh_table_unref(table);
  return status;
}

static khonsu_status import_stream(void) {
  kh_table *table = NULL;
  khonsu_status status = kh_table_from_stream(&input.stream, &no_limits, &table, NULL);
  assert_null(input.stream.release);
  kh_table_unref(table);
  return status;
}

static khonsu_status append_and_lend(void) {
  kh_table *joined;
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  struct ArrowArray array = {.release = NULL};
  khonsu_status status = kh_table_append(input.table, input.table, &joined, NULL);
  if (status != KHONSU_OK) return status;
  status = kh_table_export_stream(joined, &stream);
  kh_table_unref(joined);
  if (status != KHONSU_OK) return status;
  int failed = stream.get_schema(&stream, &schema);
  if (failed == 0) schema.release(&schema);
  if (failed == 0) failed = stream.get_next(&stream, &array);
  if (array.release != NULL) array.release(&array);
  stream.release(&stream);
  return failed == 0 ? KHONSU_OK : KHONSU_NO_MEMORY;
}

static khonsu_status lend_whole(void) {
  struct ArrowSchema schema;
  struct ArrowArray array;
  khonsu_status status = kh_table_export_batch(input.table, &schema, &array, NULL);
  if (status != KHONSU_OK) return status;
  schema.release(&schema);
  array.release(&array);
  return KHONSU_OK;
}

static khonsu_status encode(void) {
  kh_ipc_encoded encoded = {0};
  khonsu_status status = kh_ipc_encode(input.table, &encoded, NULL);
  if (status != KHONSU_OK) assert_null(encoded.parts);
  kh_ipc_encoded_fini(&encoded);
  return status;
}

static khonsu_status decode(void) {
  kh_table *table = NULL;
  khonsu_status status = kh_ipc_decode(kh_buffer_slice(&input.encoded.bytes), &no_limits, &table, NULL);
  kh_table_unref(table);
  return status;
}

static khonsu_status decode_pieces(void) {
  const kh_ipc_part *parts = input.encoded.parts;
  const uint8_t *bytes = input.encoded.bytes.data;
  kh_ipc_layout *layout;
  khonsu_status status = kh_ipc_layout_new(kh_slice(bytes, parts[0].size), &no_limits, &layout, NULL);
  if (status != KHONSU_OK) return status;
  kh_memory *memory = kh_memory_new(kh_buffer_slice(&input.encoded.bytes), NULL, NULL);
  if (memory == NULL) status = KHONSU_NO_MEMORY;
  for (size_t part = 1; part < input.encoded.part_count && status == KHONSU_OK; part++) {
    kh_chunk *chunk = NULL;
    status = kh_ipc_decode_piece(layout, memory, kh_slice(bytes + parts[part].at, parts[part].size), &no_limits,
                                 part % 2 == 0, &chunk, NULL);
    kh_chunk_unref(chunk);
  }
  kh_memory_unref(memory);
  kh_ipc_layout_unref(layout);
  return status;
}

static khonsu_status read_path(void) {
  struct ArrowArrayStream stream;
  kh_table *table = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = kh_ipc_read_path(kh_os_posix(), path, &stream, &error);
  if (status != KHONSU_OK) return status;
  status = kh_table_from_stream(&stream, &no_limits, &table, &error);
  kh_table_unref(table);
  return status;
}

static khonsu_status write_path(void) {
  khonsu_status status = kh_ipc_write_path(kh_os_posix(), path, KHONSU_IPC_FILE, &input.stream, NULL);
  assert_null(input.stream.release);
  return status;
}

static void fail_each(scenario *run, const case_of_type *of, bool from_then_on) {
  for (uint64_t at = fail_alloc_next(0);; at = fail_alloc_next(at)) {
    make_inputs(of);
    fail_alloc_at(at, from_then_on);
    khonsu_status status = run();
    bool failed = fail_alloc_off();
    release_inputs();
    memset(&input, 0, sizeof input);
    if (!failed) {
      if (status != KHONSU_OK) fail_msg("%s: %s", of->type, khonsu_status_name(status));
      return;
    }
    if (status != KHONSU_NO_MEMORY && status != KHONSU_OK)
      fail_msg("%s, allocation %llu: %s", of->type, (unsigned long long)at, khonsu_status_name(status));
    if (from_then_on) assert_int_equal(status, KHONSU_NO_MEMORY);
  }
}

static void fail_every(scenario *run) {
  for (int i = 0; i < CASES; i++) {
    fail_each(run, &cases[i], false);
    fail_each(run, &cases[i], true);
  }
}

#define TEST(run)                                                                                                      \
  static void run##_fails(void **state) {                                                                              \
    (void)state;                                                                                                       \
    fail_every(run);                                                                                                   \
  }

TEST(import_batch)
TEST(import_copy)
TEST(import_stream)
TEST(append_and_lend)
TEST(lend_whole)
TEST(encode)
TEST(decode)
TEST(decode_pieces)
TEST(read_path)
TEST(write_path)

static int make_path(void **state) {
  (void)state;
  snprintf(path, sizeof path, "%s/khonsu-fault-%ld.arrow", unit_folder_in_memory(), (long)getpid());
  return 0;
}

static int remove_path(void **state) {
  (void)state;
  return unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(import_batch_fails),  cmocka_unit_test(import_copy_fails),
      cmocka_unit_test(import_stream_fails), cmocka_unit_test(append_and_lend_fails),
      cmocka_unit_test(lend_whole_fails),    cmocka_unit_test(encode_fails),
      cmocka_unit_test(decode_fails),        cmocka_unit_test(decode_pieces_fails),
      cmocka_unit_test(read_path_fails),     cmocka_unit_test(write_path_fails),
  };
  return cmocka_run_group_tests(tests, make_path, remove_path);
}
