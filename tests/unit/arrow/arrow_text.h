/* arrow_text: schemas and arrays written down as text, and arrays read back as text, for tests.
 *
 *   type    format [!] { name=type ; ... } > dictionary type         "+s{a=l;b=u!;c=+l{item=i};d=c>u}"
 *           `!`: not nullable. A map's entries and keys are not nullable by themselves.
 *   values  one for each row, separated by spaces; `_` is null       "(1 'x' [1 _] 'red') (2 _ _ 'blue')"
 *           numbers; 'text' (also binary); [items]; (fields); a union's child and value 1:'x';
 *           of run-end encoding a value, and `=` for each that the run goes on; of a map [(key value) ...]; an interval months/days/rest
 *
 * Values are read with nanoarrow's array views, which know nothing of the code under test. Runs come out one by one,
 * dictionaries as their values, so texts of arrays are equal when their values are. */
#ifndef TEST_ARROW_TEXT_H
#define TEST_ARROW_TEXT_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/arrow.h"
#include "nanoarrow/nanoarrow.h"
#include "unit.h"

#define MUST(expression) assert_int_equal((expression), 0)

/* ---- schemas */

static const char *schema_from(const char *text, struct ArrowSchema *schema);

static int64_t count_members(const char *text) {
  int64_t count = 1, depth = 0;
  for (; *text != '\0' && depth >= 0; text++) {
    if (*text == '{') depth++;
    else if (*text == '}') depth--;
    else if (*text == ';' && depth == 0) count++;
  }
  return count;
}

static const char *members_from(const char *text, struct ArrowSchema *schema) {
  int64_t count = *text == '}' ? 0 : count_members(text);
  MUST(ArrowSchemaAllocateChildren(schema, count));
  for (int64_t i = 0; i < count; i++) {
    size_t size = strcspn(text, "=");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    text = schema_from(text + size + 1, schema->children[i]);
    MUST(ArrowSchemaSetName(schema->children[i], name));
    if (*text == ';') text++;
  }
  assert_int_equal(*text, '}');
  return text + 1;
}

static const char *schema_from(const char *text, struct ArrowSchema *schema) {
  size_t size = strcspn(text, "!{;}>");
  char format[64];
  snprintf(format, sizeof format, "%.*s", (int)size, text);
  ArrowSchemaInit(schema);
  MUST(ArrowSchemaSetFormat(schema, format));
  MUST(ArrowSchemaSetName(schema, ""));
  text += size;
  if (*text == '!') {
    schema->flags = 0;
    text++;
  }
  if (*text == '{') text = members_from(text + 1, schema);
  if (strcmp(format, "+m") == 0) schema->children[0]->flags = schema->children[0]->children[0]->flags = 0;
  if (strcmp(format, "+r") == 0) schema->children[0]->flags = 0;
  if (*text == '>') {
    MUST(ArrowSchemaAllocateDictionary(schema));
    text = schema_from(text + 1, schema->dictionary);
  }
  return text;
}

static struct ArrowSchema make_schema(const char *text) {
  struct ArrowSchema schema;
  assert_string_equal(schema_from(text, &schema), "");
  return schema;
}

/* ---- arrays from text */

static const char *skip_spaces(const char *text) {
  while (*text == ' ') text++;
  return text;
}

/* Past one value. */
static const char *skip_value(const char *text) {
  int depth = 0;
  bool quoted = false;
  for (text = skip_spaces(text); *text != '\0'; text++) {
    if (*text == '\'') quoted = !quoted;
    if (quoted) continue;
    if (*text == '[' || *text == '(') depth++;
    if (*text == ']' || *text == ')') depth--;
    if (depth < 0 || (depth == 0 && *text == ' ')) break;
  }
  return text;
}

static void append_value(const struct ArrowSchema *schema, struct ArrowArray *array, const char *text);

/* Values between brackets, into a child each or all into the first. */
static void append_members(const struct ArrowSchema *schema, struct ArrowArray *array, const char *text, bool each) {
  int64_t index = 0;
  for (text = skip_spaces(text + 1); *text != ']' && *text != ')'; text = skip_spaces(skip_value(text))) {
    append_value(schema->children[each ? index : 0], array->children[each ? index : 0], text);
    index++;
  }
}

/* The values met so far stand in the dictionary in the order in which they came. */
static struct {
  const struct ArrowArray *array;
  char values[256][64];
} dictionaries[8];

static char (*known_values(const struct ArrowArray *array))[64] {
  size_t slot = 0;
  while (dictionaries[slot].array != NULL && dictionaries[slot].array != array) slot++;
  assert_true(slot + 1 < 8);
  dictionaries[slot].array = array;
  return dictionaries[slot].values;
}

static void append_dictionary(const struct ArrowSchema *schema, struct ArrowArray *array, const char *text) {
  char(*known)[64] = known_values(array->dictionary), value[64];
  snprintf(value, sizeof value, "%.*s", (int)(skip_value(text) - text), text);
  int64_t index = 0;
  while (index < array->dictionary->length && strcmp(known[index], value) != 0) index++;
  if (index == array->dictionary->length) {
    assert_true(index < 256);
    strcpy(known[index], value);
    append_value(schema->dictionary, array->dictionary, text);
  }
  MUST(ArrowArrayAppendInt(array, index));
}

static void append_interval(struct ArrowArray *array, const char *text, enum ArrowType type) {
  struct ArrowInterval value;
  ArrowIntervalInit(&value, type);
  int months = 0, days = 0, rest = 0;
  sscanf(text, "%d/%d/%d", &months, &days, &rest);
  value.months = months;
  value.days = days;
  value.ms = rest;
  value.ns = rest;
  MUST(ArrowArrayAppendInterval(array, &value));
}

static void lengthen_run(struct ArrowArray *ends) {
  struct ArrowBuffer *buffer = ArrowArrayBuffer(ends, 1);
  switch (((struct ArrowArrayPrivateData *)ends->private_data)->storage_type) {
    case NANOARROW_TYPE_INT16: ((int16_t *)buffer->data)[ends->length - 1]++; break;
    case NANOARROW_TYPE_INT32: ((int32_t *)buffer->data)[ends->length - 1]++; break;
    default: ((int64_t *)buffer->data)[ends->length - 1]++; break;
  }
}

static void append_run(const struct ArrowSchema *schema, struct ArrowArray *array, const char *text) {
  array->length++;
  if (*text == '=') {
    lengthen_run(array->children[0]);
    return;
  }
  MUST(ArrowArrayAppendInt(array->children[0], array->length));
  append_value(schema->children[1], array->children[1], text);
}

static void append_scalar(const struct ArrowSchemaView *view, struct ArrowArray *array, const char *text) {
  if (*text == '\'') {
    size_t size = strcspn(text + 1, "'");
    MUST(ArrowArrayAppendBytes(array, (struct ArrowBufferView){{text + 1}, (int64_t)size}));
    return;
  }
  switch (view->type) {
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
    case NANOARROW_TYPE_HALF_FLOAT: MUST(ArrowArrayAppendDouble(array, strtod(text, NULL))); return;
    case NANOARROW_TYPE_INTERVAL_MONTHS:
    case NANOARROW_TYPE_INTERVAL_DAY_TIME:
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO: append_interval(array, text, view->type); return;
    case NANOARROW_TYPE_UINT64: MUST(ArrowArrayAppendUInt(array, strtoull(text, NULL, 10))); return;
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256: {
      struct ArrowDecimal decimal;
      ArrowDecimalInit(&decimal, view->decimal_bitwidth, view->decimal_precision, view->decimal_scale);
      ArrowDecimalSetInt(&decimal, strtoll(text, NULL, 10));
      MUST(ArrowArrayAppendDecimal(array, &decimal));
      return;
    }
    default: MUST(ArrowArrayAppendInt(array, strtoll(text, NULL, 10))); return;
  }
}

static void append_value(const struct ArrowSchema *schema, struct ArrowArray *array, const char *text) {
  struct ArrowSchemaView view;
  MUST(ArrowSchemaViewInit(&view, schema, NULL));
  if (*text == '_' && view.type != NANOARROW_TYPE_RUN_END_ENCODED) {
    MUST(ArrowArrayAppendNull(array, 1));
    return;
  }
  switch (view.type) {
    case NANOARROW_TYPE_DICTIONARY: append_dictionary(schema, array, text); return;
    case NANOARROW_TYPE_RUN_END_ENCODED: append_run(schema, array, text); return;
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION:
      append_value(schema->children[text[0] - '0'], array->children[text[0] - '0'], text + 2);
      MUST(ArrowArrayFinishUnionElement(array, (int8_t)(text[0] - '0')));
      return;
    case NANOARROW_TYPE_STRUCT: append_members(schema, array, text, true); break;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
    case NANOARROW_TYPE_MAP: append_members(schema, array, text, false); break;
    default: append_scalar(&view, array, text); return;
  }
  MUST(ArrowArrayFinishElement(array));
}

/* Unions with other type ids than 0, 1, ... are beyond nanoarrow's builder: it is told that they are these, and the ids
 * are set afterwards. */
static void allow_any_type_ids(struct ArrowArray *array) {
  ((struct ArrowArrayPrivateData *)array->private_data)->union_type_id_is_child_index = 1;
  for (int64_t i = 0; i < array->n_children; i++) allow_any_type_ids(array->children[i]);
  if (array->dictionary != NULL) allow_any_type_ids(array->dictionary);
}

static void set_type_ids(const struct ArrowSchema *schema, struct ArrowArray *array) {
  if (strncmp(schema->format, "+u", 2) == 0) {
    int8_t ids[128], *types = (int8_t *)(uintptr_t)array->buffers[0];
    _ArrowParseUnionTypeIds(schema->format + 4, ids);
    for (int64_t i = 0; i < array->length; i++) types[i] = ids[types[i]];
  }
  for (int64_t i = 0; i < array->n_children; i++) set_type_ids(schema->children[i], array->children[i]);
  if (array->dictionary != NULL) set_type_ids(schema->dictionary, array->dictionary);
}

static struct ArrowArray make_array(const struct ArrowSchema *schema, const char *text) {
  struct ArrowArray array;
  memset(dictionaries, 0, sizeof dictionaries);
  MUST(ArrowArrayInitFromSchema(&array, schema, NULL));
  allow_any_type_ids(&array);
  MUST(ArrowArrayStartAppending(&array));
  for (text = skip_spaces(text); *text != '\0'; text = skip_spaces(skip_value(text)))
    append_value(schema, &array, text);
  MUST(ArrowArrayFinishBuilding(&array, NANOARROW_VALIDATION_LEVEL_MINIMAL, NULL));
  set_type_ids(schema, &array);
  return array;
}

/* ---- text from arrays */

typedef struct text_buffer {
  char *bytes;
  size_t size, capacity;
} text_buffer;

__attribute__((format(printf, 2, 3))) static void put_text(text_buffer *to, const char *format, ...) {
  va_list arguments;
  for (;;) {
    va_start(arguments, format);
    int size = vsnprintf(to->bytes == NULL ? NULL : to->bytes + to->size, to->capacity - to->size, format, arguments);
    va_end(arguments);
    if (to->size + (size_t)size < to->capacity) {
      to->size += (size_t)size;
      return;
    }
    to->capacity = 2 * (to->capacity + (size_t)size) + 64;
    to->bytes = realloc(to->bytes, to->capacity);
    assert_non_null(to->bytes);
  }
}

static void put_value(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema, int64_t i);

static void put_items(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                      int64_t begin, int64_t end) {
  put_text(to, "[");
  for (int64_t i = begin; i < end; i++) {
    put_value(to, view->children[0], schema->children[0], i);
    if (i + 1 < end) put_text(to, " ");
  }
  put_text(to, "]");
}

static void put_list(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema, int64_t i) {
  int64_t at = view->offset + i;
  const int32_t *offsets = view->buffer_views[1].data.as_int32, *sizes = view->buffer_views[2].data.as_int32;
  const int64_t *large_offsets = view->buffer_views[1].data.as_int64,
                *large_sizes = view->buffer_views[2].data.as_int64;
  int64_t size = view->layout.child_size_elements;
  switch (view->storage_type) {
    case NANOARROW_TYPE_FIXED_SIZE_LIST: put_items(to, view, schema, at * size, (at + 1) * size); break;
    case NANOARROW_TYPE_LARGE_LIST: put_items(to, view, schema, large_offsets[at], large_offsets[at + 1]); break;
    case NANOARROW_TYPE_LIST_VIEW: put_items(to, view, schema, offsets[at], offsets[at] + sizes[at]); break;
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
      put_items(to, view, schema, large_offsets[at], large_offsets[at] + large_sizes[at]);
      break;
    default: put_items(to, view, schema, offsets[at], offsets[at + 1]); break;
  }
}

static void put_run(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema, int64_t i) {
  int64_t run = 0;
  while (ArrowArrayViewGetIntUnsafe(view->children[0], run) <= view->offset + i) run++;
  put_value(to, view->children[1], schema->children[1], run);
}

static void put_struct(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                       int64_t i) {
  put_text(to, "(");
  for (int64_t child = 0; child < view->n_children; child++) {
    if (child > 0) put_text(to, " ");
    put_value(to, view->children[child], schema->children[child], view->offset + i);
  }
  put_text(to, ")");
}

static void put_union(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema, int64_t i) {
  int8_t child = ArrowArrayViewUnionChildIndex(view, i);
  put_text(to, "%d:", child);
  put_value(to, view->children[child], schema->children[child], ArrowArrayViewUnionChildOffset(view, i));
}

static void put_raw(text_buffer *to, const struct ArrowArrayView *view, int64_t i) {
  int64_t width = view->layout.element_size_bits[1] / 8;
  for (int64_t k = 0; k < width; k++)
    put_text(to, "%02x", view->buffer_views[1].data.as_uint8[(view->offset + i) * width + k]);
}

static void put_value(text_buffer *to, const struct ArrowArrayView *view, const struct ArrowSchema *schema, int64_t i) {
  if (view->storage_type == NANOARROW_TYPE_RUN_END_ENCODED) {
    put_run(to, view, schema, i);
    return;
  }
  if (ArrowArrayViewIsNull(view, i)) {
    put_text(to, "_");
    return;
  }
  if (view->dictionary != NULL) {
    put_value(to, view->dictionary, schema->dictionary, ArrowArrayViewGetIntUnsafe(view, i));
    return;
  }
  switch (view->storage_type) {
    case NANOARROW_TYPE_STRUCT: put_struct(to, view, schema, i); return;
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: put_union(to, view, schema, i); return;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
    case NANOARROW_TYPE_MAP: put_list(to, view, schema, i); return;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY_VIEW:
    case NANOARROW_TYPE_FIXED_SIZE_BINARY: {
      struct ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(view, i);
      put_text(to, "'%.*s'", (int)bytes.size_bytes, bytes.data.as_char);
      return;
    }
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
    case NANOARROW_TYPE_HALF_FLOAT: put_text(to, "%g", ArrowArrayViewGetDoubleUnsafe(view, i)); return;
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256:
    case NANOARROW_TYPE_INTERVAL_MONTHS:
    case NANOARROW_TYPE_INTERVAL_DAY_TIME:
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO: put_raw(to, view, i); return;
    default: put_text(to, "%lld", (long long)ArrowArrayViewGetIntUnsafe(view, i)); return;
  }
}

/* The values of an array that has to be valid, nanoarrow says. Freed by the caller. */
static char *text_of(const struct ArrowSchema *schema, const struct ArrowArray *array) {
  struct ArrowArrayView view;
  struct ArrowError error = {""};
  text_buffer text = {NULL, 0, 0};
  MUST(ArrowArrayViewInitFromSchema(&view, schema, NULL));
  if (ArrowArrayViewSetArray(&view, array, &error) != 0 ||
      ArrowArrayViewValidate(&view, NANOARROW_VALIDATION_LEVEL_FULL, &error) != 0)
    fail_msg("%s", error.message);
  put_text(&text, "%s", "");
  for (int64_t i = 0; i < array->length; i++) {
    if (i > 0) put_text(&text, " ");
    put_value(&text, &view, schema, i);
  }
  ArrowArrayViewReset(&view);
  return text.bytes;
}

/* ---- tables */

static const kh_arrow_limits no_limits = {64, UINT64_MAX, NULL};

/* A table of one chunk; `type` is that of the record batch. */
static kh_table *make_table(const char *type, const char *values) {
  struct ArrowSchema schema = make_schema(type);
  struct ArrowArray array = make_array(&schema, values);
  kh_table *table = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_from_batch(&schema, &array, &no_limits, &table, &error) != KHONSU_OK) fail_msg("%s", error.message);
  assert_null(schema.release);
  assert_null(array.release);
  return table;
}

/* The rows of all chunks, separated by spaces; `|` between chunks if `bars`. */
static char *table_text(kh_table *table, bool bars) {
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  text_buffer text = {NULL, 0, 0};
  MUST(kh_table_export_stream(table, &stream));
  MUST(stream.get_schema(&stream, &schema));
  put_text(&text, "%s", "");
  for (bool first = true;; first = false) {
    struct ArrowArray array;
    MUST(stream.get_next(&stream, &array));
    if (array.release == NULL) break;
    char *rows = text_of(&schema, &array);
    put_text(&text, "%s%s", first ? "" : bars ? " | " : " ", rows);
    free(rows);
    array.release(&array);
  }
  schema.release(&schema);
  stream.release(&stream);
  return text.bytes;
}

static void assert_table(kh_table *table, const char *expected) {
  char *text = table_text(table, true);
  assert_string_equal(text, expected);
  free(text);
}

/* Takes `tail` over, and `base` too. */
static kh_table *append_table(kh_table *base, kh_table *tail) {
  kh_table *joined;
  MUST(kh_table_append(base, tail, &joined, NULL));
  kh_table_unref(base);
  kh_table_unref(tail);
  return joined;
}

static bool tables_equal(const kh_table *a, const kh_table *b, khonsu_error *difference) {
  bool equal;
  MUST(kh_table_equal(a, b, &equal, difference));
  return equal;
}

/* Not every test uses all of the above. */
static inline void use_arrow_text(void) {
  (void)make_table, (void)assert_table, (void)append_table, (void)tables_equal, (void)isspace;
}

#endif
