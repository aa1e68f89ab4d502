#include "schema.h"

const kh_arrow_limits kh_no_limits = {UINT64_MAX, UINT64_MAX, NULL};

ArrowErrorCode kh_field_begin(const kh_field *field, const char *format, int64_t n_children, struct ArrowSchema *made) {
  ArrowSchemaInit(made);
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetFormat(made, format));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(made, field->arrow.name));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetMetadata(made, field->arrow.metadata));
  made->flags = field->arrow.flags;
  return ArrowSchemaAllocateChildren(made, n_children);
}

/* Recursion is as deep as the schema, which is limited. */
ArrowErrorCode kh_field_copy(const kh_field *fields, uint32_t index, struct ArrowSchema *made) {
  const kh_field *field = &fields[index];
  NANOARROW_RETURN_NOT_OK(kh_field_begin(field, field->arrow.format, field->arrow.n_children, made));
  for (int64_t child = 0; child < field->arrow.n_children; child++)
    NANOARROW_RETURN_NOT_OK(kh_field_copy(fields, field->first + (uint32_t)child, made->children[child]));
  if (!field->has_dictionary) return NANOARROW_OK;
  NANOARROW_RETURN_NOT_OK(ArrowSchemaAllocateDictionary(made));
  return kh_field_copy(fields, kh_field_dictionary(field), made->dictionary);
}

khonsu_status kh_schema_made(struct ArrowSchema *made, ArrowErrorCode code, kh_schema **schema, khonsu_error *error) {
  if (code == NANOARROW_OK) return kh_schema_import(made, &kh_no_limits, schema, error);
  if (made->release != NULL) made->release(made);
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a schema");
}
