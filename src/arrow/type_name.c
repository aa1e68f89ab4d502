/* type_name: the type of a field as people write it, after the names that Arrow's own tools print. */
#include <stdio.h>

#include "schema.h"

static const char *plain_name(enum ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_STRING: return "utf8";
    case NANOARROW_TYPE_LARGE_STRING: return "large_utf8";
    case NANOARROW_TYPE_STRING_VIEW: return "utf8_view";
    case NANOARROW_TYPE_NA: return "null";
    default: return ArrowTypeString(type);
  }
}

static void release_nothing(struct ArrowSchema *schema) { schema->release = NULL; }

/* They are read before children are looked at, which are not there. */
struct ArrowSchemaView kh_field_parameters(const kh_field *field) {
  struct ArrowSchemaView view = {0};
  struct ArrowSchema leaf = {.format = field->arrow.format, .release = release_nothing};
  (void)ArrowSchemaViewInit(&view, &leaf, NULL);
  return view;
}

/* Writes the type without what a dictionary makes of it. */
static void write_plain(const kh_field *field, enum ArrowType type, char *name, size_t size) {
  struct ArrowSchemaView view = kh_field_parameters(field);
  const char *plain = plain_name(type), *unit = ArrowTimeUnitString(view.time_unit);
  switch (type) {
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256:
      snprintf(name, size, "%s(%d, %d)", plain, (int)view.decimal_precision, (int)view.decimal_scale);
      return;
    case NANOARROW_TYPE_TIMESTAMP:
      snprintf(name, size, view.timezone[0] != '\0' ? "%s[%s, tz=%s]" : "%s[%s]", plain, unit, view.timezone);
      return;
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64:
    case NANOARROW_TYPE_DURATION: snprintf(name, size, "%s[%s]", plain, unit); return;
    case NANOARROW_TYPE_FIXED_SIZE_BINARY:
    case NANOARROW_TYPE_FIXED_SIZE_LIST: snprintf(name, size, "%s(%d)", plain, (int)view.fixed_size); return;
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: snprintf(name, size, "%s[%s]", plain, field->arrow.format + 4); return;
    default: snprintf(name, size, "%s", plain != NULL ? plain : field->arrow.format); return;
  }
}

void kh_field_type_name(const kh_field *fields, uint32_t index, char name[KH_TYPE_NAME_SIZE]) {
  const kh_field *field = &fields[index];
  if (!field->has_dictionary) {
    write_plain(field, field->type, name, KH_TYPE_NAME_SIZE);
    return;
  }
  char values[KH_TYPE_NAME_SIZE / 2];
  const kh_field *dictionary = &fields[kh_field_dictionary(field)];
  write_plain(dictionary, dictionary->has_dictionary ? dictionary->storage : dictionary->type, values, sizeof values);
  snprintf(name, KH_TYPE_NAME_SIZE, "dictionary<values=%s, indices=%s%s>", values, plain_name(field->storage),
           field->arrow.flags & ARROW_FLAG_DICTIONARY_ORDERED ? ", ordered" : "");
}
