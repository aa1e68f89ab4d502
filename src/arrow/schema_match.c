/* schema_match: whether rows under one schema may follow rows under another. */
#include "schema.h"

/* Names of a list's items, a map's entries, a run's ends and values mean nothing (Columnar format, "Recommendations")
 * and differ between producers. */
static bool child_names_matter(const kh_field *parent) {
  switch (parent->storage) {
    case NANOARROW_TYPE_STRUCT:
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: return true;
    default: return false;
  }
}

static bool names_differ(const kh_schema *base, const kh_schema *tail, uint32_t index) {
  const kh_field *field = &base->fields[index], *parent = &base->fields[field->parent];
  bool is_dictionary = parent->has_dictionary && index == kh_field_dictionary(parent);
  if (index == 0 || is_dictionary || !child_names_matter(parent) ||
      kh_field_is_map_entries(base->fields, field->parent))
    return false;
  return strcmp(field->arrow.name, tail->fields[index].arrow.name) != 0;
}

/* "d:9,2" and "d:9,2,128" are the same. Of a dictionary what its values are belongs to the type. */
bool kh_field_same_type(const kh_field *fields, uint32_t index, const kh_field *others, uint32_t other) {
  const kh_field *one = &fields[index], *two = &others[other];
  if (one->type != two->type) return false;
  if (one->has_dictionary && !kh_field_same_type(fields, kh_field_dictionary(one), others, kh_field_dictionary(two)))
    return false;
  if (strcmp(one->arrow.format, two->arrow.format) == 0) return true;
  char name[KH_TYPE_NAME_SIZE], of_other[KH_TYPE_NAME_SIZE];
  kh_field_type_name(fields, index, name);
  kh_field_type_name(others, other, of_other);
  return strlen(name) + 1 < KH_TYPE_NAME_SIZE && strcmp(name, of_other) == 0;
}

static struct ArrowStringView extension(const kh_field *field, const char *key) {
  struct ArrowStringView value = ArrowCharView("");
  (void)ArrowMetadataGetValue(field->arrow.metadata, ArrowCharView(key), &value);
  return value;
}

static bool views_differ(struct ArrowStringView a, struct ArrowStringView b) {
  return a.size_bytes != b.size_bytes || memcmp(a.data, b.data, (size_t)a.size_bytes) != 0;
}

static const char *or_none(struct ArrowStringView view) { return view.size_bytes > 0 ? view.data : "none"; }
static int size_or_none(struct ArrowStringView view) {
  return view.size_bytes == 0 ? 4 : view.size_bytes < 80 ? (int)view.size_bytes : 80;
}

khonsu_status kh_field_match_extension(const kh_field *base, uint32_t index, const kh_field *tail, uint32_t tail_index,
                                       khonsu_error *error) {
  const kh_field *ours = &base[index], *theirs = &tail[tail_index];
  if (ours->arrow.metadata == theirs->arrow.metadata) return KHONSU_OK;
  struct ArrowStringView our = extension(ours, "ARROW:extension:name"),
                         their = extension(theirs, "ARROW:extension:name");
  if (views_differ(our, their))
    return kh_field_fail(base, index, error, KHONSU_SCHEMA_MISMATCH,
                         "extension type %.*s in the table, %.*s in the rows", size_or_none(our), or_none(our),
                         size_or_none(their), or_none(their));
  if (our.size_bytes == 0 ||
      !views_differ(extension(ours, "ARROW:extension:metadata"), extension(theirs, "ARROW:extension:metadata")))
    return KHONSU_OK;
  return kh_field_fail(base, index, error, KHONSU_SCHEMA_MISMATCH, "the parameters of extension type %.*s differ",
                       size_or_none(our), or_none(our));
}

static const char *flag_text(int64_t flags, int64_t changed) {
  if (changed & ARROW_FLAG_NULLABLE) return flags & ARROW_FLAG_NULLABLE ? "nullable" : "not nullable";
  if (changed & ARROW_FLAG_DICTIONARY_ORDERED)
    return flags & ARROW_FLAG_DICTIONARY_ORDERED ? "an ordered dictionary" : "a dictionary without order";
  return flags & ARROW_FLAG_MAP_KEYS_SORTED ? "map keys sorted" : "map keys not sorted";
}

static const char *child_name(const kh_schema *schema, uint32_t index, int64_t child) {
  const kh_field *field = &schema->fields[index];
  return child < field->arrow.n_children ? schema->fields[field->first + child].arrow.name : NULL;
}

static khonsu_status fail_counts(const kh_schema *base, const kh_schema *tail, uint32_t index, khonsu_error *error) {
  int64_t ours = base->fields[index].arrow.n_children, theirs = tail->fields[index].arrow.n_children, child = 0;
  while (child < ours && child < theirs && strcmp(child_name(base, index, child), child_name(tail, index, child)) == 0)
    child++;
  const char *our = child_name(base, index, child), *their = child_name(tail, index, child);
  return kh_field_fail(base->fields, index, error, KHONSU_SCHEMA_MISMATCH,
                       "%lld %s in the table, %lld in the rows; the first that differs: %s%.80s%s in the table, "
                       "%s%.80s%s in the rows",
                       (long long)ours, index == 0 ? "columns" : "fields", (long long)theirs, our ? "'" : "",
                       our ? our : "none", our ? "'" : "", their ? "'" : "", their ? their : "none", their ? "'" : "");
}

static khonsu_status match_field(const kh_schema *base, const kh_schema *tail, uint32_t index, khonsu_error *error) {
  const struct ArrowSchema *ours = &base->fields[index].arrow, *theirs = &tail->fields[index].arrow;
  if (!kh_field_same_type(base->fields, index, tail->fields, index)) {
    char name[KH_TYPE_NAME_SIZE], other[KH_TYPE_NAME_SIZE];
    kh_field_type_name(base->fields, index, name);
    kh_field_type_name(tail->fields, index, other);
    return kh_field_fail(base->fields, index, error, KHONSU_SCHEMA_MISMATCH, "%s in the table, %s in the rows", name,
                         other);
  }
  if (ours->n_children != theirs->n_children) return fail_counts(base, tail, index, error);
  int64_t changed = index == 0 ? 0 : ours->flags ^ theirs->flags;
  if (changed != 0)
    return kh_field_fail(base->fields, index, error, KHONSU_SCHEMA_MISMATCH, "%s in the table, %s in the rows",
                         flag_text(ours->flags, changed), flag_text(theirs->flags, changed));
  return kh_field_match_extension(base->fields, index, tail->fields, index, error);
}

/* Level order: while all fields before this one match in their numbers of children, equal numbers are equal places. */
khonsu_status kh_schema_match(const kh_schema *base, const kh_schema *tail, khonsu_error *error) {
  if (base == tail) return KHONSU_OK;
  for (uint32_t index = 0; index < base->count; index++) {
    if (names_differ(base, tail, index))
      return kh_field_fail(base->fields, index, error, KHONSU_SCHEMA_MISMATCH,
                           "it has this name in the table, '%.128s' in the rows", tail->fields[index].arrow.name);
    khonsu_status status = match_field(base, tail, index, error);
    if (status != KHONSU_OK) return status;
  }
  return KHONSU_OK;
}

bool kh_schema_same_layout(const kh_schema *a, const kh_schema *b) {
  if (a == b) return true;
  if (a->count != b->count) return false;
  for (uint32_t index = 0; index < a->count; index++) {
    const kh_field *one = &a->fields[index], *other = &b->fields[index];
    if (one->first != other->first || one->arrow.n_children != other->arrow.n_children ||
        one->has_dictionary != other->has_dictionary || strcmp(one->arrow.format, other->arrow.format) != 0)
      return false;
  }
  return true;
}
