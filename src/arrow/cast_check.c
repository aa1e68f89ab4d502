/* cast_check: what may become what. */
#include "cast.h"

static khonsu_status check(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                           khonsu_error *error);

static khonsu_status refuse(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                            khonsu_error *error) {
  char name[KH_TYPE_NAME_SIZE], other[KH_TYPE_NAME_SIZE];
  kh_field_type_name(from, source, name);
  kh_field_type_name(to, target, other);
  return kh_field_fail(from, source, error, KHONSU_SCHEMA_MISMATCH, "%s cannot become %s without loss", name, other);
}

/* ---- types without children */

static unsigned bits_of(const kh_field *field) { return (unsigned)field->layout.element_size_bits[1]; }

static bool is_plain(const kh_field *field) { return field->type == field->storage; }

static bool same_format(const kh_field *a, const kh_field *b) { return strcmp(a->arrow.format, b->arrow.format) == 0; }

static bool int_fits(const kh_field *source, const kh_field *target) {
  if (!is_plain(source) || !is_plain(target)) {
    bool is_date = source->type == NANOARROW_TYPE_DATE32 && target->type == NANOARROW_TYPE_DATE64;
    return is_date || same_format(source, target);
  }
  if (source->storage == NANOARROW_TYPE_INTERVAL_MONTHS || target->storage == NANOARROW_TYPE_INTERVAL_MONTHS)
    return source->storage == target->storage;
  kh_kind signed_source = kh_field_kind(source), signed_target = kh_field_kind(target);
  if (signed_source == signed_target) return bits_of(source) <= bits_of(target);
  return signed_source == KH_KIND_UINT && bits_of(source) < bits_of(target);
}

/* Integers have no more bits than the float's significand. */
static bool float_fits(const kh_field *source, const kh_field *target) {
  if (kh_field_kind(source) == KH_KIND_FLOAT) return bits_of(source) <= bits_of(target);
  if (!is_plain(source) || source->storage == NANOARROW_TYPE_INTERVAL_MONTHS) return false;
  unsigned exact = bits_of(target) == 64 ? 53 : bits_of(target) == 32 ? 24 : 11;
  return bits_of(source) <= exact;
}

static bool decimal_fits(const kh_field *source, const kh_field *target) {
  struct ArrowSchemaView one = kh_field_parameters(source), other = kh_field_parameters(target);
  int64_t more = (int64_t)other.decimal_scale - one.decimal_scale; /* digits after the point */
  return bits_of(source) <= bits_of(target) && more >= 0 && more <= other.decimal_precision - one.decimal_precision;
}

static bool has_offsets(const kh_field *field) {
  return field->layout.buffer_type[1] == NANOARROW_BUFFER_TYPE_DATA_OFFSET;
}

static bool bytes_fit(const kh_field *source, const kh_field *target) {
  if (same_format(source, target)) return true;
  if (!has_offsets(target) || (kh_field_is_utf8(target) && !kh_field_is_utf8(source))) return false;
  return !has_offsets(source) || bits_of(source) <= bits_of(target);
}

static bool leaf_fits(const kh_field *source, const kh_field *target) {
  kh_kind kind = kh_field_kind(target), from = kh_field_kind(source);
  bool from_int = from == KH_KIND_INT || from == KH_KIND_UINT;
  switch (kind) {
    case KH_KIND_INT:
    case KH_KIND_UINT: return from_int && int_fits(source, target);
    case KH_KIND_FLOAT: return (from_int || from == kind) && float_fits(source, target);
    case KH_KIND_DECIMAL: return from == kind && decimal_fits(source, target);
    case KH_KIND_BYTES: return from == kind && bytes_fit(source, target);
    default: return from == kind && same_format(source, target);
  }
}

/* ---- types with children */

static khonsu_status check_children(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                                    khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (uint32_t child = 0; child < from[source].arrow.n_children && status == KHONSU_OK; child++)
    status = check(from, from[source].first + child, to, to[target].first + child, error);
  return status;
}

static bool names_one(const uint32_t *pairs, uint32_t count, uint32_t field) {
  for (uint32_t i = 0; i < count; i++)
    if (pairs[i] == field) return true;
  return false;
}

/* More fields than there are pairs: the first that is in none. */
static khonsu_status fail_lost(const kh_field *from, uint32_t source, const uint32_t *pairs, uint32_t count,
                               khonsu_error *error) {
  uint32_t lost = 0;
  while (names_one(pairs, count, lost)) lost++;
  return kh_field_fail(from, from[source].first + lost, error, KHONSU_SCHEMA_MISMATCH,
                       "there is no place for it: it would be lost");
}

static khonsu_status check_pairs(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                                 const uint32_t *pairs, khonsu_error *error) {
  uint32_t count = (uint32_t)to[target].arrow.n_children, found = 0;
  for (uint32_t child = 0; child < count; child++) {
    uint32_t field = to[target].first + child;
    khonsu_status status = KHONSU_OK;
    found += pairs[child] != KH_NO_FIELD;
    if (pairs[child] != KH_NO_FIELD) status = check(from, from[source].first + pairs[child], to, field, error);
    else if ((to[field].arrow.flags & ARROW_FLAG_NULLABLE) == 0)
      status = kh_field_fail(to, field, error, KHONSU_SCHEMA_MISMATCH,
                             "it is not nullable, and there is nothing to make its values of");
    if (status != KHONSU_OK) return status;
  }
  return found == (uint32_t)from[source].arrow.n_children ? KHONSU_OK : fail_lost(from, source, pairs, count, error);
}

static khonsu_status check_struct(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                                  khonsu_error *error) {
  uint32_t *pairs = kh_alloc_array((size_t)to[target].arrow.n_children, sizeof *pairs);
  khonsu_status status;
  if (pairs == NULL || !kh_fields_pair(to, target, from, source, pairs))
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to compare schemas");
  else status = check_pairs(from, source, to, target, pairs, error);
  kh_free(pairs);
  return status;
}

bool kh_cast_list_fits(const kh_field *source, const kh_field *target) {
  if (same_format(source, target)) return true;
  if (source->storage == NANOARROW_TYPE_MAP) return false;
  if (target->storage == NANOARROW_TYPE_LARGE_LIST) return true;
  return target->storage == NANOARROW_TYPE_LIST && source->storage != NANOARROW_TYPE_LARGE_LIST &&
         source->storage != NANOARROW_TYPE_LARGE_LIST_VIEW;
}

/* ---- encodings, and which of all these it is */

static khonsu_status check_encoded(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                                   khonsu_error *error) {
  kh_kind kind = kh_field_kind(&from[source]);
  bool stays = kind == kh_field_kind(&to[target]), is_dictionary = kind == KH_KIND_DICTIONARY;
  uint32_t values = kh_field_values(from, source);
  if (!stays) return check(from, values, to, target, error);
  if (is_dictionary) {
    struct kh_field index = from[source], wider = to[target];
    index.type = index.storage;
    wider.type = wider.storage;
    index.has_dictionary = wider.has_dictionary = false;
    if (!int_fits(&index, &wider)) return refuse(from, source, to, target, error);
    return check(from, values, to, kh_field_dictionary(&to[target]), error);
  }
  khonsu_status status = check(from, from[source].first, to, to[target].first, error);
  return status != KHONSU_OK ? status : check(from, values, to, to[target].first + 1, error);
}

static bool loses_nulls(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target) {
  return source != 0 && (from[source].arrow.flags & ARROW_FLAG_NULLABLE) != 0 &&
         (to[target].arrow.flags & ARROW_FLAG_NULLABLE) == 0;
}

khonsu_status kh_cast_check_type(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                                 khonsu_error *error) {
  kh_kind kind = kh_field_kind(&from[source]), wanted = kh_field_kind(&to[target]);
  if (kind == KH_KIND_NULL) return KHONSU_OK;
  if (kind == KH_KIND_DICTIONARY || kind == KH_KIND_RUNS) return check_encoded(from, source, to, target, error);
  if (kind == KH_KIND_STRUCT && wanted == kind) return check_struct(from, source, to, target, error);
  bool fits = kind == KH_KIND_LIST ? wanted == kind && kh_cast_list_fits(&from[source], &to[target])
                                   : leaf_fits(&from[source], &to[target]);
  if (!fits) return refuse(from, source, to, target, error);
  return check_children(from, source, to, target, error);
}

/* Recursion is as deep as the schemas, which is limited. */
static khonsu_status check(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target,
                           khonsu_error *error) {
  if (loses_nulls(from, source, to, target))
    return kh_field_fail(from, source, error, KHONSU_SCHEMA_MISMATCH, "it is nullable and cannot become not nullable");
  return kh_cast_check_type(from, source, to, target, error);
}

khonsu_status kh_schema_cast_check(const kh_schema *from, const kh_schema *to, khonsu_error *error) {
  return check(from->fields, 0, to->fields, 0, error);
}
