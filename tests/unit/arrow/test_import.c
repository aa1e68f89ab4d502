/* What may come in: everything that is valid, nothing that is not, with a text that says what and where. Inputs are
 * consumed either way. */
#include "arrow/schema.h"
#include "arrow_text.h"

static void (*nanoarrow_release)(struct ArrowArray *array);
static int released;

/* What is spoilt is mended before it is released, so that all of it goes. */
static struct ArrowArray good_root, good_column;

static void count_release(struct ArrowArray *array) {
  released++;
  array->n_children = good_root.n_children;
  array->children = good_root.children;
  if (good_root.n_children > 0) {
    good_root.children[0]->n_children = good_column.n_children;
    good_root.children[0]->children = good_column.children;
  }
  array->release = nanoarrow_release;
  array->release(array);
}

typedef void spoil(struct ArrowSchema *schema, struct ArrowArray *array);

/* Imports what `spoil_it` made of a good batch, both ways. */
static khonsu_status import(const char *type, const char *values, spoil *spoil_it, khonsu_error *error) {
  khonsu_status statuses[2];
  char first[KHONSU_ERROR_MESSAGE_SIZE] = "";
  for (int copy = 1; copy >= 0; copy--) {
    struct ArrowSchema schema = make_schema(type);
    struct ArrowArray array = make_array(&schema, values);
    good_root = array;
    if (array.n_children > 0) good_column = *array.children[0];
    spoil_it(&schema, &array);
    kh_table *table = NULL;
    nanoarrow_release = array.release;
    if (array.release != NULL) array.release = count_release;
    released = 0;
    khonsu_error_clear(error);
    statuses[copy] = copy ? kh_table_from_batch_copy(&schema, &array, &no_limits, &table, error)
                          : kh_table_from_batch(&schema, &array, &no_limits, &table, error);
    if (copy) {
      strcpy(first, error->message);
      assert_int_equal(released, 0);
      if (schema.release != NULL) schema.release(&schema);
      if (array.release != NULL) array.release(&array);
    } else {
      assert_null(schema.release);
      assert_null(array.release);
    }
    kh_table_unref(table);
    if (nanoarrow_release != NULL) assert_int_equal(released, 1);
  }
  assert_int_equal(statuses[0], statuses[1]);
  assert_string_equal(first, error->message);
  return statuses[0];
}

static void refuses(const char *type, const char *values, spoil *spoil_it, const char *expected) {
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(import(type, values, spoil_it, &error), KHONSU_INVALID_ARROW);
  if (expected != NULL) assert_string_equal(error.message, expected);
}

/* ---- schemas */

#define SPOIL(name, statement)                                                                                         \
  static void name(struct ArrowSchema *schema, struct ArrowArray *array) {                                             \
    (void)schema;                                                                                                      \
    (void)array;                                                                                                       \
    statement;                                                                                                         \
  }

static void give_format(struct ArrowSchema *schema, const char *format) { MUST(ArrowSchemaSetFormat(schema, format)); }

static void forget_children(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) schema->children[i]->release(schema->children[i]);
}

static void null_child(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)array;
  schema->children[0]->release(schema->children[0]);
  ArrowFree(schema->children[0]);
  schema->children[0] = NULL;
}

SPOIL(release_schema, schema->release(schema))
SPOIL(release_child_schema, schema->children[1]->release(schema->children[1]))
SPOIL(no_struct, give_format(schema, "i"))
SPOIL(unknown_format, give_format(schema->children[0], "?"))
SPOIL(no_format, ArrowFree((void *)(uintptr_t)schema->children[0]->format); schema->children[0]->format = NULL)
SPOIL(long_format, give_format(schema->children[0], "ii"))
SPOIL(no_children, null_child(schema, array); ArrowFree(schema->children); schema->children = NULL)
SPOIL(unknown_flags, schema->children[0]->flags = 64)
SPOIL(negative_children, schema->children[0]->n_children = -1)
SPOIL(negative_list, give_format(schema->children[0], "+w:-2"))
SPOIL(no_digits, give_format(schema->children[0], "d:0,2"))
SPOIL(digits_beyond_bits, give_format(schema->children[0], "d:19,2,64"))
SPOIL(same_type_ids, give_format(schema->children[0], "+us:1,1"))
SPOIL(float_indices, give_format(schema->children[0], "f"))
SPOIL(float_run_ends, give_format(schema->children[0]->children[0], "f"))
SPOIL(null_map_keys, schema->children[0]->children[0]->children[0]->flags = ARROW_FLAG_NULLABLE)

static void negative_metadata(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)array;
  int32_t numbers[2] = {0, 0};
  MUST(ArrowSchemaSetMetadata(schema->children[0], (const char *)numbers));
  numbers[0] = -1;
  memcpy((void *)(uintptr_t)schema->children[0]->metadata, numbers, sizeof numbers[0]);
}

static void schemas(void **state) {
  (void)state;
  refuses("+s{a=i;b=u}", "", release_schema, "the schema is released");
  refuses("+s{a=i;b=u}", "", release_child_schema, "child 1 of the schema is released");
  refuses("+s{a=i}", "", no_struct, "a table's schema must be a struct (format '+s'), not 'i'");
  refuses("+s{a=i}", "", unknown_format, "column 'a': Error parsing schema->format: Unknown format: '?'");
  refuses("+s{a=i}", "", no_format, "column 'a': the schema has no format");
  refuses("+s{a=i}", "", long_format, "column 'a': Error parsing schema->format 'ii': parsed 1/2 characters");
  refuses("+s{a=i}", "", unknown_flags, "column 'a': Unknown ArrowSchema flag");
  refuses("+s{a=i}", "", negative_children, "column 'a': the number of children is negative");
  refuses("+s{a=i}", "", no_children, "children is NULL");
  refuses("+s{a=i}", "", null_child, "child 0 of the schema is NULL");
  refuses("+s{a=i}", "", negative_metadata, "column 'a': its metadata have negative sizes");
  refuses("+s{a=+w:2{b=i}}", "", negative_list, "column 'a': a fixed-size list of size -2");
  refuses("+s{a=i}", "", no_digits, "column 'a': a decimal of 0 digits, of which 128 bits hold 1 to 38");
  refuses("+s{a=i}", "", digits_beyond_bits, "column 'a': a decimal of 19 digits, of which 64 bits hold 1 to 18");
  refuses("+s{a=+us:0,1{x=i;y=i}}", "", same_type_ids, "column 'a': type id 1 of the union occurs twice");
  refuses("+s{a=i>u}", "", float_indices,
          "column 'a': Expected dictionary schema index type to be an integral type but found 'f'");
  refuses("+s{a=+r{ends=i;values=u}}", "", float_run_ends, "column 'a': run ends must be int16, int32 or int64");
  refuses("+s{a=+m{entries=+s{key=u;value=u}}}", "", null_map_keys,
          "column 'a': Expected key of map type to be non-nullable but was nullable");
}

/* A union has at most 128 fields. */
static void wide_unions(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{a=+us:0{x=i}}");
  struct ArrowSchema *of = schema.children[0];
  forget_children(of);
  ArrowFree(of->children[0]);
  ArrowFree(of->children);
  of->children = NULL;
  of->n_children = 0;
  MUST(ArrowSchemaAllocateChildren(of, 200));
  char format[1024] = "+us:0", *to = format + 5;
  for (int i = 0; i < 200; i++) {
    MUST(ArrowSchemaInitFromType(of->children[i], NANOARROW_TYPE_INT32));
    if (i > 0) to += sprintf(to, ",%d", i % 128);
  }
  give_format(of, format);
  struct ArrowArray array = {.release = NULL};
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *table;
  assert_int_equal(kh_table_from_batch(&schema, &array, &no_limits, &table, &error), KHONSU_INVALID_ARROW);
  assert_string_equal(error.message, "column 'a': a union of 200 fields: more than 128");
}

static void nesting(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_arrow_limits limits = {2, UINT64_MAX, NULL};
  static const char *types[] = {"+s{a=i}", "+s{a=+l{b=i}}", "+s{a=+l{b=+l{c=i}}}", "+s{a=+l{b=i>u}}"};
  for (int i = 0; i < 4; i++) {
    struct ArrowSchema schema = make_schema(types[i]);
    struct ArrowArray array = make_array(&schema, "");
    kh_table *table;
    khonsu_status status = kh_table_from_batch(&schema, &array, &limits, &table, &error);
    assert_int_equal(status, i < 2 ? KHONSU_OK : KHONSU_NESTING_TOO_DEEP);
    if (i < 2) kh_table_unref(table);
    else assert_string_equal(error.message, "column 'a.b': the schema nests deeper than nesting_depth_max = 2");
  }
  kh_table *table = make_table("+s{a=+l{b=+l{c=i}}}", ""), *again;
  struct ArrowSchema schema;
  struct ArrowArray array;
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  assert_int_equal(kh_table_from_batch(&schema, &array, &limits, &again, &error), KHONSU_NESTING_TOO_DEEP);
  assert_null(array.release);
  kh_table_unref(table);
}

/* A schema that was imported before is not walked again, but measured. */
static void nesting_of_a_known_schema(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_schema *recent = NULL, *imported, *again;
  kh_arrow_limits enough = {2, UINT64_MAX, &recent}, less = {1, UINT64_MAX, &recent};
  struct ArrowSchema schema = make_schema("+s{a=+l{b=i}}");
  MUST(kh_schema_import_copy(&schema, &enough, &imported, NULL));
  assert_int_equal(kh_schema_import_copy(&schema, &less, &again, &error), KHONSU_NESTING_TOO_DEEP);
  assert_string_equal(error.message, "the schema nests 2 levels deep: more than nesting_depth_max = 1");
  schema.release(&schema);
  kh_schema_unref(imported);
  kh_schema_unref(recent);
}

static void too_many_children(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_schema *imported;
  struct ArrowSchema schema = make_schema("+s{a=i}");
  schema.n_children = INT64_MAX;
  assert_int_equal(kh_schema_import_copy(&schema, &no_limits, &imported, &error), KHONSU_INVALID_ARROW);
  assert_string_equal(error.message, "too many children");
  schema.n_children = 1;
  schema.release(&schema);
}

/* ---- arrays */

#define COLUMN array->children[0]
#define BUFFER(type, index) ((type *)(uintptr_t)COLUMN->buffers[index])

SPOIL(release_array, array->release(array))
SPOIL(release_column, array->children[1]->release(array->children[1]))
SPOIL(negative_length, COLUMN->length = -1)
SPOIL(negative_offset, array->offset = -1)
SPOIL(huge_offset, COLUMN->offset = INT64_MAX)
SPOIL(huge_length, COLUMN->length = INT64_MAX / 2)
SPOIL(short_column, COLUMN->length = 1)
SPOIL(extra_buffers, COLUMN->n_buffers = 4)
SPOIL(too_few_children, array->n_children = 0)
SPOIL(null_children, array->children = NULL)
SPOIL(null_column, static struct ArrowArray *none[1]; array->children = none)
SPOIL(false_null_count, COLUMN->null_count = 2)
SPOIL(missing_bitmap, COLUMN->null_count = 1)
SPOIL(null_data, COLUMN->buffers[1] = NULL)
SPOIL(null_buffers, COLUMN->buffers = NULL)
SPOIL(null_sizes, COLUMN->buffers[2] = NULL)
SPOIL(falling_offsets, BUFFER(int32_t, 1)[1] = 100)
SPOIL(negative_first, BUFFER(int32_t, 1)[0] = -4)
SPOIL(past_items, BUFFER(int32_t, 1)[2] = 50)
SPOIL(bad_index, BUFFER(int8_t, 1)[1] = 2)
SPOIL(negative_index, BUFFER(int8_t, 1)[0] = -1)
SPOIL(no_dictionary, COLUMN->dictionary->release(COLUMN->dictionary); ArrowFree(COLUMN->dictionary);
      COLUMN->dictionary = NULL)
SPOIL(bad_type_id, BUFFER(int8_t, 0)[1] = 7)
SPOIL(one_past_the_end, BUFFER(int32_t, 1)[0] = 1)
SPOIL(list_view_past_end, BUFFER(int32_t, 2)[0] = 9)
SPOIL(large_view_overflows, BUFFER(int64_t, 1)[0] = 1; BUFFER(int64_t, 2)[0] = INT64_MAX)
SPOIL(no_runs, COLUMN->children[0]->length = COLUMN->children[1]->length = 0)
SPOIL(falling_runs, ((int16_t *)(uintptr_t)COLUMN->children[0]->buffers[1])[1] = 1)
SPOIL(view_past_end, BUFFER(union ArrowBinaryView, 1)[0].ref.offset = 1)
SPOIL(view_of_no_buffer, BUFFER(union ArrowBinaryView, 1)[0].ref.buffer_index = 1)
SPOIL(negative_view, BUFFER(union ArrowBinaryView, 1)[0].inlined.size = -1)
SPOIL(items_overflow, COLUMN->length = INT64_MAX / 4; COLUMN->buffers[0] = NULL)

/* A batch is a list of columns: it has no nulls of its own. */
static void null_rows(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)schema;
  struct ArrowBitmap bitmap;
  ArrowBitmapInit(&bitmap);
  MUST(ArrowBitmapAppend(&bitmap, 1, 1));
  MUST(ArrowBitmapAppend(&bitmap, 0, 1));
  ArrowArraySetValidityBitmap(array, &bitmap);
}

static void arrays(void **state) {
  (void)state;
  refuses("+s{a=i;b=u}", "", release_array, "the array is released");
  refuses("+s{a=i;b=u}", "", release_column, "column 'b': the array is released");
  refuses("+s{a=i}", "(1) (2)", negative_length, "column 'a': length -1 and offset 0");
  refuses("+s{a=i}", "(1) (2)", negative_offset, "length 2 and offset -1");
  refuses("+s{a=i}", "(1) (2)", huge_offset, "column 'a': length 2 and offset 9223372036854775807");
  refuses("+s{a=i}", "(1) (2)", huge_length, "column 'a': the size of buffer 1 overflows");
  refuses("+s{a=i}", "(1) (2)", short_column, "column 'a': 1 values, but its parent needs 2");
  refuses("+s{a=i}", "(1) (2)", extra_buffers, "column 'a': 4 buffers; expected 2");
  refuses("+s{a=i}", "(1) (2)", too_few_children, "the array has 0 children, the schema 1");
  refuses("+s{a=i}", "(1) (2)", null_children, "the array's children are NULL");
  refuses("+s{a=i}", "(1)", null_column, "child 0 of the array is NULL");
  refuses("+s{a=i}", "(1) (_)", false_null_count, "column 'a': null_count is 2, but 1 values are null");
  refuses("+s{a=i}", "(1) (2)", missing_bitmap, "column 'a': null_count is 1, but 0 values are null");
  refuses("+s{a=i}", "(1) (2)", null_rows, "1 rows of the record batch itself are null; only columns may hold nulls");
  refuses("+s{a=i}", "(1) (2)", null_data, "column 'a': buffer 1 is NULL");
  refuses("+s{a=i}", "(1) (2)", null_buffers, "column 'a': buffers is NULL");
  refuses("+s{a=u}", "('x') ('y')", falling_offsets, "column 'a': row 1: offsets fall from 100 to 2");
  refuses("+s{a=u}", "('x') ('y')", negative_first, "column 'a': row 0: the offset is -4");
  refuses("+s{a=+l{b=i}}", "([1]) ([2])", past_items, "column 'a': row 1: items up to 50, but there are 2");
  refuses("+s{a=c>u}", "('x') ('y')", bad_index, "column 'a': row 1: index 2 into a dictionary of 2");
  refuses("+s{a=c>u}", "('x') ('y')", negative_index, "column 'a': row 0: index -1 into a dictionary of 2");
  refuses("+s{a=c>u}", "('x') ('y')", no_dictionary, "column 'a': the array has no dictionary, the schema one");
  refuses("+s{a=+us:0,1{x=i;y=u}}", "(0:1) (1:'a')", bad_type_id,
          "column 'a': row 1: type id 7 is none of the union's");
  refuses("+s{a=+ud:0,1{x=i;y=u}}", "(0:1) (1:'a')", one_past_the_end,
          "column 'a': row 0: offset 1 into a child of length 1");
  refuses("+s{a=+vl{b=i}}", "([1]) ([2])", list_view_past_end, "column 'a': row 0: 9 items from 0 on, of 2");
  refuses("+s{a=+vl{b=i}}", "([1]) ([2])", null_sizes, "column 'a': buffer 2 is NULL");
  refuses("+s{a=+vL{b=i}}", "([1]) ([2])", large_view_overflows,
          "column 'a': row 0: 9223372036854775807 items from 1 on, of 2");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (=)", no_runs, "column 'a': no runs for 2 values");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (2)", falling_runs,
          "column 'a.e': value 1: a run ends at 1 after one that ends at 1");
  refuses("+s{a=vu}", "('thirteen bytes')", view_past_end,
          "column 'a': row 0: a view of 14 bytes beyond the end of its buffer");
  refuses("+s{a=vu}", "('thirteen bytes')", view_of_no_buffer,
          "column 'a': row 0: a view of 14 bytes in a buffer that is not there");
  refuses("+s{a=vu}", "('thirteen bytes')", negative_view, "column 'a': row 0: a view of -1 bytes are none");
  refuses("+s{a=+w:5{b=i}}", "([1 2 3 4 5])", items_overflow, "column 'a': the length of its items overflows");
  refuses("+s{a=+l{b=+s{c=u}}}", "([('x') ('y')])", null_children, "the array's children are NULL");
}

/* ---- lengths against each other */

#define CHILD(i) COLUMN->children[i]

SPOIL(short_field, CHILD(0)->length = 1)
SPOIL(short_items, CHILD(0)->length = 3)
SPOIL(null_run_end, CHILD(0)->null_count = 1; CHILD(0)->buffers[0] = "\2")
SPOIL(few_values, CHILD(1)->length = 1)
SPOIL(zero_run, ((int16_t *)(uintptr_t)CHILD(0)->buffers[1])[0] = 0)
SPOIL(early_end, ((int16_t *)(uintptr_t)CHILD(0)->buffers[1])[1] = 2)
SPOIL(negative_type_id, BUFFER(int8_t, 0)[0] = -1)
SPOIL(negative_union_offset, BUFFER(int32_t, 1)[1] = -1)
SPOIL(negative_list_offset, BUFFER(int32_t, 1)[0] = -1)
SPOIL(negative_list_size, BUFFER(int32_t, 2)[0] = -1)
SPOIL(short_dictionary, COLUMN->dictionary->length = 1)
SPOIL(wide_index, BUFFER(uint64_t, 1)[1] = UINT64_MAX)

static void lengths(void **state) {
  (void)state;
  refuses("+s{a=+s{x=i;y=u}}", "((1 'a')) ((2 'b'))", short_field, "column 'a.x': 1 values, but its parent needs 2");
  refuses("+s{a=+w:2{b=i}}", "([1 2]) ([3 4])", short_items, "column 'a.b': 3 values, but its parent needs 4");
  refuses("+s{a=+us:0,1{x=i;y=u}}", "(0:1) (1:'a')", short_field, "column 'a.x': 1 values, but its parent needs 2");
  refuses("+s{a=+us:0,1{x=i;y=u}}", "(0:1) (1:'a')", negative_type_id,
          "column 'a': row 0: type id -1 is none of the union's");
  refuses("+s{a=+ud:0,1{x=i;y=u}}", "(0:1) (1:'a')", negative_union_offset,
          "column 'a': row 1: offset -1 into a child of length 1");
  refuses("+s{a=+vl{b=i}}", "([1]) ([2])", negative_list_offset, "column 'a': row 0: 1 items from -1 on, of 2");
  refuses("+s{a=+vl{b=i}}", "([1]) ([2])", negative_list_size, "column 'a': row 0: -1 items from 0 on, of 2");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (2) (=)", null_run_end, "column 'a.e': 1 run ends are null");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (2) (=)", few_values, "column 'a': 2 runs of 1 values");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (2) (=)", zero_run,
          "column 'a.e': value 0: a run ends at 0 after one that ends at 0");
  refuses("+s{a=+r{e=s;v=i}}", "(1) (2) (=)", early_end, "column 'a': the last run ends at 2 of 3 values");
  refuses("+s{a=c>u}", "('x') ('y')", short_dictionary, "column 'a': row 1: index 1 into a dictionary of 1");
  refuses("+s{a=L>u}", "('x') ('y')", wide_index, "column 'a': row 1: index -1 into a dictionary of 2");
}

/* ---- text */

#define TEXT(index) BUFFER(char, index)

SPOIL(latin, TEXT(2)[1] = '\xe9')
SPOIL(cut_character, BUFFER(int32_t, 1)[1] = 2)
SPOIL(overlong, memcpy(TEXT(2), "\xc0\xaf", 2))
SPOIL(surrogate, memcpy(TEXT(2), "\xed\xa0\x80", 3))
SPOIL(beyond_unicode, memcpy(TEXT(2), "\xf4\x90\x80\x80", 4))
SPOIL(cut_at_end, TEXT(2)[2] = '\xc3')
SPOIL(other_prefix, BUFFER(union ArrowBinaryView, 1)[0].ref.prefix[2] = '!')
SPOIL(negative_place, BUFFER(union ArrowBinaryView, 1)[0].ref.offset = -1)
SPOIL(negative_buffer, BUFFER(union ArrowBinaryView, 1)[0].ref.buffer_index = -1)
SPOIL(trailing_bytes, BUFFER(union ArrowBinaryView, 1)[0].inlined.data[5] = 1)
SPOIL(too_many_buffers, COLUMN->n_buffers = (int64_t)INT32_MAX + 4)
SPOIL(crooked_sizes, COLUMN->buffers[3] = (const char *)COLUMN->buffers[3] + 1)
SPOIL(no_sizes, COLUMN->buffers[3] = NULL)
SPOIL(null_text, COLUMN->buffers[2] = NULL)
SPOIL(latin_inlined, BUFFER(union ArrowBinaryView, 1)[0].inlined.data[1] = 0xe9)
SPOIL(latin_in_buffer, TEXT(2)[8] = '\xe9')
SPOIL(view_within_character, BUFFER(union ArrowBinaryView, 1)[0].inlined.size = 13)

static void views_over_each_other(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)schema; /* the first text is looked at again and again */
  memcpy(TEXT(2) + 15, "text of 14 byt\xe9", 15);
  union ArrowBinaryView *views = BUFFER(union ArrowBinaryView, 1);
  for (int i = 1; i < 12; i++) views[i] = views[0];
}

static void texts(void **state) {
  (void)state;
  refuses("+s{a=u}", "('one') ('two')", latin, "column 'a': row 0: 3 bytes that are not UTF-8");
  refuses("+s{a=U}", "('one') ('two')", latin, NULL);
  refuses("+s{a=u}", "('a\xc3\xa9') ('b')", cut_character, "column 'a': row 0: 2 bytes that are not UTF-8");
  refuses("+s{a=u}", "('one') ('two')", overlong, "column 'a': row 0: 3 bytes that are not UTF-8");
  refuses("+s{a=u}", "('three') ('two')", surrogate, "column 'a': row 0: 5 bytes that are not UTF-8");
  refuses("+s{a=u}", "('three') ('two')", beyond_unicode, "column 'a': row 0: 5 bytes that are not UTF-8");
  refuses("+s{a=u}", "('one')", cut_at_end, "column 'a': row 0: 3 bytes that are not UTF-8");
  refuses("+s{a=vu}", "('thirteen bytes')", other_prefix, "column 'a': row 0: a view of 14 bytes with another prefix");
  refuses("+s{a=vz}", "('thirteen bytes')", other_prefix, "column 'a': row 0: a view of 14 bytes with another prefix");
  refuses("+s{a=vu}", "('thirteen bytes')", negative_place,
          "column 'a': row 0: a view of 14 bytes beyond the end of its buffer");
  refuses("+s{a=vu}", "('thirteen bytes')", negative_buffer,
          "column 'a': row 0: a view of 14 bytes in a buffer that is not there");
  refuses("+s{a=vu}", "('thirteen bytes')", too_many_buffers, "column 'a': 2147483648 buffers of text: too many");
  refuses("+s{a=vu}", "('thirteen bytes')", crooked_sizes, "column 'a': the sizes of its buffers are not aligned");
  refuses("+s{a=vu}", "('thirteen bytes')", no_sizes, "column 'a': the sizes of its 1 buffers are NULL");
  refuses("+s{a=vu}", "('thirteen bytes')", null_text, "column 'a': buffer 2 has 14 bytes but is NULL");
  refuses("+s{a=vu}", "('short')", trailing_bytes,
          "column 'a': row 0: a view of 5 bytes and others after them, not zeros");
  refuses("+s{a=vu}", "('short')", latin_inlined, "column 'a': row 0: a view of 5 bytes that are not UTF-8");
  refuses("+s{a=vu}", "('thirteen bytes')", latin_in_buffer,
          "column 'a': row 0: a view of 14 bytes that are not UTF-8");
  refuses("+s{a=vu}", "('twelve bytes\xc3\xa9')", view_within_character,
          "column 'a': row 0: a view of 13 bytes that are not UTF-8");
  refuses("+s{a=vu}", "('text of 14 byte') ('text of 14 byte') ('') ('') ('') ('') ('') ('') ('') ('') ('') ('')",
          views_over_each_other,
          "column 'a': row 8: a view of 15 bytes over others, in a buffer that is not all UTF-8");
}

SPOIL(nothing_wrong, (void)0)
SPOIL(latin_far_in, TEXT(2)[40001] = '\xe9')
SPOIL(cut_far_in, BUFFER(int32_t, 1)[3000]++)

/* Text that is looked at in pieces, which do not end where characters do: one byte, then characters of two. */
static void long_texts(void **state) {
  (void)state;
  enum { ROWS = 4000 };
  static char values[ROWS * 20];
  char *to = stpcpy(values, "('x')");
  for (int row = 1; row < ROWS; row++) to = stpcpy(to, " ('\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4')");
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(import("+s{a=u}", values, nothing_wrong, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=U}", values, nothing_wrong, &error), KHONSU_OK);
  refuses("+s{a=u}", values, latin_far_in, "column 'a': row 3334: 12 bytes that are not UTF-8");
  refuses("+s{a=u}", values, cut_far_in, "column 'a': row 2999: 13 bytes that are not UTF-8");
}

/* Below the surface too, and the path is told. */
SPOIL(deep_damage, ((int32_t *)(uintptr_t)COLUMN->children[0]->children[0]->buffers[1])[1] = -7)
SPOIL(dictionary_damage, ((int32_t *)(uintptr_t)COLUMN->children[0]->dictionary->buffers[1])[1] = -7)

static void deep_arrays(void **state) {
  (void)state;
  refuses("+s{a=+l{b=+s{c=u}}}", "([('x') ('y')])", deep_damage, "column 'a.b.c': value 0: offsets fall from 0 to -7");
  refuses("+s{a=+l{b=c>u}}", "(['x' 'y'])", dictionary_damage,
          "column 'a.b.dictionary': value 0: offsets fall from 0 to -7");
}

/* What looks odd and is allowed. */
SPOIL(unknown_null_count, COLUMN->null_count = -1)
SPOIL(garbage_under_null, BUFFER(int8_t, 1)[1] = 99)

SPOIL(latin_under_null, TEXT(2)[3] = '\xe9'; BUFFER(int32_t, 1)[2] = 4; BUFFER(int32_t, 1)[3] = 4)
SPOIL(latin_bytes, TEXT(2)[0] = '\xe9')

static void allowed(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(import("+s{a=i}", "(1) (2)", unknown_null_count, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=i}", "(1) (_)", unknown_null_count, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=c>u}", "('x') (_)", garbage_under_null, &error), KHONSU_OK);
  assert_int_equal(import("+s{}", "() ()", nothing_wrong, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=u}", "('x\xc3\xa9') (_) ('y')", latin_under_null, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=z}", "('x') (_)", latin_bytes, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=vz}", "('thirteen bytes')", latin_in_buffer, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=u}",
                          "('\xc3\xa9') ('\xe2\x82\xac') ('\xf0\x9f\x98\x80') ('\xed\x9f\xbf') "
                          "('\xf4\x8f\xbf\xbf') ('\xe0\xa0\x80')",
                          nothing_wrong, &error),
                   KHONSU_OK);
  assert_int_equal(import("+s{=i;=u}", "(1 'x')", nothing_wrong, &error), KHONSU_OK);
  assert_int_equal(import("+s{a=vu}", "('thirteen bytes') (_)", nothing_wrong, &error), KHONSU_OK);
}

/* Buffers of numbers that we read may lie anywhere: they are copied to where they can be read. */
static void misaligned_buffers(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{t=u;l=+vl{i=s};d=s>u}");
  struct ArrowArray array = make_array(&schema, "('one' [1 2] 'x') ('two' [3] 'y')");
  char room[3][64];
  const void *moved[3] = {array.children[0]->buffers[1], array.children[1]->buffers[2], array.children[2]->buffers[1]};
  size_t sizes[3] = {12, 8, 4};
  for (int i = 0; i < 3; i++) memcpy(room[i] + 1, moved[i], sizes[i]);
  array.children[0]->buffers[1] = room[0] + 1;
  array.children[1]->buffers[2] = room[1] + 1;
  array.children[2]->buffers[1] = room[2] + 1;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  assert_table(table, "('one' [1 2] 'x') ('two' [3] 'y')");
  kh_table_unref(table);
}

static void limits_in_bytes(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i;b=u}", "(1 'abc') (2 'de')");
  assert_int_equal(kh_table_bytes(table), 8 + 12 + 5);
  for (uint64_t most = 24; most <= 25; most++) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    kh_table *again;
    kh_arrow_limits limits = {64, most, NULL};
    khonsu_error error = KHONSU_ERROR_INIT;
    MUST(kh_table_export_batch(table, &schema, &array, NULL));
    khonsu_status status = kh_table_from_batch(&schema, &array, &limits, &again, &error);
    assert_int_equal(status, most == 25 ? KHONSU_OK : KHONSU_VALUE_TOO_LARGE);
    if (most == 25) kh_table_unref(again);
    else assert_string_equal(error.message, "the record batch has 25 bytes: more than value_size_max = 24");
    schema = make_schema("+s{a=i;b=u}");
    array = make_array(&schema, "(1 'abc') (2 'de')");
    status = kh_table_from_batch(&schema, &array, &limits, &again, &error);
    assert_int_equal(status, most == 25 ? KHONSU_OK : KHONSU_VALUE_TOO_LARGE);
    if (most == 25) kh_table_unref(again);
  }
  kh_table_unref(table);
}

/* A schema that says the same as the one before is shared; one that differs in anything is not. */
static void equal_schemas_are_shared(void **state) {
  (void)state;
  kh_schema *recent = NULL;
  kh_arrow_limits limits = {64, UINT64_MAX, &recent};
  static const char *const different[] = {"+s{a=i;b=u}", "+s{a=l;b=u}",       "+s{a=i;c=u}",
                                          "+s{a=i}",     "+s{a=i;b=+l{x=u}}", "+s{a=i;b=+l{y=u}}"};
  kh_schema *first[sizeof different / sizeof *different];
  for (size_t i = 0; i < sizeof different / sizeof *different; i++)
    for (int again = 0; again < 3; again++) {
      struct ArrowSchema schema = make_schema(different[i]);
      kh_schema *imported;
      khonsu_status status = again == 2 ? kh_schema_import_copy(&schema, &limits, &imported, NULL)
                                        : kh_schema_import(&schema, &limits, &imported, NULL);
      assert_int_equal(status, KHONSU_OK);
      if (again == 2) schema.release(&schema);
      if (again == 0) first[i] = imported;
      else assert_ptr_equal(imported, first[i]);
      for (size_t other = 0; other < i; other++) assert_ptr_not_equal(imported, first[other]);
      assert_ptr_equal(recent, imported);
      if (again != 0) kh_schema_unref(imported);
    }
  for (size_t i = 0; i < sizeof different / sizeof *different; i++) kh_schema_unref(first[i]);
  kh_schema_unref(recent);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schemas),           cmocka_unit_test(wide_unions),
      cmocka_unit_test(nesting),           cmocka_unit_test(nesting_of_a_known_schema),
      cmocka_unit_test(too_many_children), cmocka_unit_test(arrays),
      cmocka_unit_test(lengths),           cmocka_unit_test(texts),
      cmocka_unit_test(long_texts),        cmocka_unit_test(deep_arrays),
      cmocka_unit_test(allowed),           cmocka_unit_test(misaligned_buffers),
      cmocka_unit_test(limits_in_bytes),   cmocka_unit_test(equal_schemas_are_shared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
