/* schema_plain: the schema that is left when views, list views, dictionaries and run-end encoding are taken away. Names,
 * metadata and whether a field may be null stay. */
#include "schema.h"

static const char *plain_format(const kh_field *field) {
  switch (field->storage) {
    case NANOARROW_TYPE_STRING_VIEW: return "u";
    case NANOARROW_TYPE_BINARY_VIEW: return "z";
    case NANOARROW_TYPE_LIST_VIEW: return "+l";
    case NANOARROW_TYPE_LARGE_LIST_VIEW: return "+L";
    default: return field->arrow.format;
  }
}

/* On failure what was made stays for the caller to release. Recursion is as deep as the schema, which is limited. */
static ArrowErrorCode make_plain(const kh_field *fields, uint32_t index, struct ArrowSchema *plain) {
  uint32_t values = kh_field_decoded(fields, index);
  const kh_field *outer = &fields[index], *inner = &fields[values];
  NANOARROW_RETURN_NOT_OK(kh_field_begin(outer, plain_format(inner), inner->arrow.n_children, plain));
  plain->flags = outer->arrow.flags & ~(int64_t)ARROW_FLAG_DICTIONARY_ORDERED;
  plain->flags |= inner->arrow.flags & (ARROW_FLAG_NULLABLE | ARROW_FLAG_MAP_KEYS_SORTED);
  for (int64_t child = 0; child < inner->arrow.n_children; child++)
    NANOARROW_RETURN_NOT_OK(make_plain(fields, inner->first + (uint32_t)child, plain->children[child]));
  return NANOARROW_OK;
}

khonsu_status kh_schema_plain(const kh_schema *schema, kh_schema **plain, khonsu_error *error) {
  struct ArrowSchema made = {.release = NULL};
  ArrowErrorCode code = make_plain(schema->fields, 0, &made);
  return kh_schema_made(&made, code, plain, error);
}
