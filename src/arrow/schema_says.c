/* schema_says: whether an Arrow schema from outside says word for word what a known one does. Nothing in it is trusted but
 * what the C Data interface demands: strings end, children are as many as it says. */
#include "schema.h"
#include "schema_walk.h"

static bool same_text(const char *a, const char *b) {
  if (a == NULL || b == NULL) return a == b;
  return a == b || strcmp(a, b) == 0;
}

static bool same_metadata(const char *known, const char *given) {
  if (known == NULL || given == NULL || known == given) return known == given;
  if (!kh_metadata_is_sane(given)) return false;
  int64_t size = ArrowMetadataSizeOf(given);
  return size == ArrowMetadataSizeOf(known) && memcmp(known, given, (size_t)size) == 0;
}

/* Recursion is as deep as the known schema. */
static bool says(const kh_schema *known, const kh_field *field, const struct ArrowSchema *given) {
  const struct ArrowSchema *own = &field->arrow;
  if (given == NULL || given->release == NULL || given->flags != own->flags || given->n_children != own->n_children ||
      (given->dictionary != NULL) != field->has_dictionary || !same_text(own->format, given->format) ||
      !same_text(own->name, given->name) || !same_metadata(own->metadata, given->metadata))
    return false;
  if (own->n_children > 0 && given->children == NULL) return false;
  for (int64_t i = 0; i < own->n_children; i++)
    if (!says(known, &known->fields[field->first + i], given->children[i])) return false;
  return !field->has_dictionary || says(known, &known->fields[kh_field_dictionary(field)], given->dictionary);
}

bool kh_schema_says(const kh_schema *known, const struct ArrowSchema *arrow) {
  return says(known, &known->fields[0], arrow);
}
