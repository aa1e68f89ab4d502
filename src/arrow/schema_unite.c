/* schema_unite: the schema of the rows of two schemas together. Columns and fields of structs go by name; what only one
 * has is added, if it may be null; of two types the one that holds both is taken, or the least one that does. */
#include <stdio.h>

#include "cast.h"

typedef struct uniting {
  const kh_field *base, *tail;
  uint32_t rules;
  khonsu_error *error;
} uniting;

static khonsu_status unite(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made);

static khonsu_status no_memory(const uniting *to) {
  return khonsu_error_set(to->error, KHONSU_NO_MEMORY, "no memory for a schema");
}

static khonsu_status done(const uniting *to, ArrowErrorCode code) {
  return code == NANOARROW_OK ? KHONSU_OK : no_memory(to);
}

static khonsu_status refuse(const uniting *to, uint32_t ours, uint32_t theirs, const char *why) {
  char name[KH_TYPE_NAME_SIZE], other[KH_TYPE_NAME_SIZE];
  kh_field_type_name(to->base, ours, name);
  kh_field_type_name(to->tail, theirs, other);
  return kh_field_fail(to->base, ours, to->error, KHONSU_SCHEMA_MISMATCH, "%s in the table, %s in the rows%s", name,
                       other, why);
}

/* ---- structs, and the batch */

/* What one side lacks. */
static khonsu_status add(const uniting *to, const kh_field *fields, uint32_t index, const char *where,
                         struct ArrowSchema *made) {
  if ((to->rules & KHONSU_SCHEMA_ADD) == 0)
    return kh_field_fail(fields, index, to->error, KHONSU_SCHEMA_MISMATCH,
                         "it is not in the %s, and the rules of the table's schema do not say 'add'", where);
  if ((fields[index].arrow.flags & ARROW_FLAG_NULLABLE) == 0)
    return kh_field_fail(fields, index, to->error, KHONSU_SCHEMA_MISMATCH,
                         "it is not in the %s, and not nullable: there is nothing to make its values of", where);
  return done(to, kh_field_copy(fields, index, made));
}

/* `pairs` of our fields; then for each of theirs whether it is in a pair. */
static khonsu_status unite_fields(const uniting *to, uint32_t ours, uint32_t theirs, const uint32_t *pairs,
                                  uint32_t *taken, struct ArrowSchema *made) {
  uint32_t count = (uint32_t)to->base[ours].arrow.n_children, first = to->base[ours].first;
  uint32_t their_count = (uint32_t)to->tail[theirs].arrow.n_children, their_first = to->tail[theirs].first;
  uint32_t paired = 0;
  memset(taken, 0, their_count * sizeof *taken);
  for (uint32_t i = 0; i < count; i++) {
    if (pairs[i] == KH_NO_FIELD) continue;
    taken[pairs[i]] = 1;
    paired++;
  }
  ArrowErrorCode code =
      kh_field_begin(&to->base[ours], to->base[ours].arrow.format, (int64_t)count + their_count - paired, made);
  khonsu_status status = done(to, code);
  for (uint32_t i = 0; i < count && status == KHONSU_OK; i++)
    status = pairs[i] != KH_NO_FIELD ? unite(to, first + i, their_first + pairs[i], made->children[i])
                                     : add(to, to->base, first + i, "rows", made->children[i]);
  for (uint32_t i = 0, at = count; i < their_count && status == KHONSU_OK; i++)
    if (!taken[i]) status = add(to, to->tail, their_first + i, "table", made->children[at++]);
  return status;
}

static khonsu_status unite_structs(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  size_t count = (size_t)to->base[ours].arrow.n_children, their_count = (size_t)to->tail[theirs].arrow.n_children;
  uint32_t *pairs = kh_alloc_array(count + their_count, sizeof *pairs);
  khonsu_status status = KHONSU_OK;
  if (pairs == NULL || !kh_fields_pair(to->base, ours, to->tail, theirs, pairs)) status = no_memory(to);
  else status = unite_fields(to, ours, theirs, pairs, pairs + count, made);
  kh_free(pairs);
  return status;
}

/* ---- lists */

static khonsu_status unite_lists(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  const kh_field *list = &to->base[ours], *other = &to->tail[theirs];
  const char *format = list->arrow.format;
  if (strcmp(format, other->arrow.format) != 0) {
    if ((to->rules & KHONSU_SCHEMA_WIDEN) == 0)
      return refuse(to, ours, theirs, ", and the rules of the table's schema do not say 'widen'");
    if (list->storage == NANOARROW_TYPE_MAP || other->storage == NANOARROW_TYPE_MAP)
      return refuse(to, ours, theirs, ": no type holds both without loss");
    if (!kh_cast_list_fits(other, list)) format = kh_cast_list_fits(list, other) ? other->arrow.format : "+L";
  }
  khonsu_status status = done(to, kh_field_begin(list, format, 1, made));
  if (status == KHONSU_OK) status = unite(to, list->first, other->first, made->children[0]);
  if (status == KHONSU_OK && (other->arrow.flags & ARROW_FLAG_MAP_KEYS_SORTED) == 0)
    made->flags &= ~(int64_t)ARROW_FLAG_MAP_KEYS_SORTED;
  return status;
}

/* ---- types that hold values of two others; false: there is none */

enum { FORMAT_SIZE = 32 };

static unsigned bits_of(const kh_field *field) { return (unsigned)field->layout.element_size_bits[1]; }
static unsigned larger(unsigned a, unsigned b) { return a > b ? a : b; }

/* One has a sign and the other has none. */
static bool common_integer(const kh_field *one, const kh_field *other, char format[FORMAT_SIZE]) {
  bool first = kh_field_kind(one) == KH_KIND_INT;
  unsigned bits = larger(bits_of(first ? one : other), 2 * bits_of(first ? other : one));
  if (bits > 64) return false;
  format[0] = bits == 16 ? 's' : bits == 32 ? 'i' : 'l';
  return true;
}

static bool common_float(const kh_field *integer, char format[FORMAT_SIZE]) {
  if (bits_of(integer) > 32) return false;
  format[0] = bits_of(integer) <= 16 ? 'f' : 'g';
  return true;
}

/* A scale may be any number. */
static bool common_decimal(const kh_field *one, const kh_field *other, char format[FORMAT_SIZE]) {
  struct ArrowSchemaView a = kh_field_parameters(one), b = kh_field_parameters(other);
  int64_t before_a = (int64_t)a.decimal_precision - a.decimal_scale;
  int64_t before_b = (int64_t)b.decimal_precision - b.decimal_scale;
  int64_t scale = a.decimal_scale > b.decimal_scale ? a.decimal_scale : b.decimal_scale;
  int64_t precision = (before_a > before_b ? before_a : before_b) + scale;
  unsigned bits = larger(bits_of(one), bits_of(other));
  while (bits < 256 && precision > (bits == 32 ? 9 : bits == 64 ? 18 : 38)) bits *= 2;
  if (precision > 76) return false;
  snprintf(format, FORMAT_SIZE, "d:%d,%d,%u", (int)precision, (int)scale, bits);
  return true;
}

static bool is_number(const kh_field *field) {
  kh_kind kind = kh_field_kind(field);
  bool is_integer = (kind == KH_KIND_INT || kind == KH_KIND_UINT) && field->type == field->storage &&
                    field->storage != NANOARROW_TYPE_INTERVAL_MONTHS;
  return is_integer || kind == KH_KIND_FLOAT;
}

static bool common_type(const kh_field *one, const kh_field *other, char format[FORMAT_SIZE]) {
  kh_kind kind = kh_field_kind(one), other_kind = kh_field_kind(other);
  memset(format, 0, FORMAT_SIZE);
  if (is_number(one) && is_number(other)) {
    if (kind == KH_KIND_FLOAT) return common_float(other, format);
    return other_kind == KH_KIND_FLOAT ? common_float(one, format) : common_integer(one, other, format);
  }
  if (kind != other_kind) return false;
  if (kind == KH_KIND_DECIMAL) return common_decimal(one, other, format);
  if (kind != KH_KIND_BYTES) return false;
  format[0] = kh_field_is_utf8(one) && kh_field_is_utf8(other) ? 'U' : 'Z';
  return true;
}

/* ---- all other types */

/* Under our name, and saying of itself what ours does. */
static khonsu_status rename_as(const uniting *to, uint32_t ours, struct ArrowSchema *made) {
  const struct ArrowSchema *field = &to->base[ours].arrow;
  khonsu_status status = done(to, ArrowSchemaSetName(made, field->name));
  return status == KHONSU_OK ? done(to, ArrowSchemaSetMetadata(made, field->metadata)) : status;
}

static khonsu_status unite_values(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  khonsu_status status = unite(to, kh_field_values(to->base, ours), kh_field_values(to->tail, theirs), made);
  return status == KHONSU_OK ? rename_as(to, ours, made) : status;
}

static bool are_same(const uniting *to, uint32_t ours, uint32_t theirs) {
  if (kh_cast_is_same(to->tail, theirs, to->base, ours)) return true;
  bool have_none = to->base[ours].arrow.n_children == 0 && to->tail[theirs].arrow.n_children == 0;
  return have_none && !to->base[ours].has_dictionary && kh_field_same_type(to->base, ours, to->tail, theirs);
}

static khonsu_status unite_types(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  char format[FORMAT_SIZE];
  if (are_same(to, ours, theirs)) return done(to, kh_field_copy(to->base, ours, made));
  if ((to->rules & KHONSU_SCHEMA_WIDEN) == 0)
    return refuse(to, ours, theirs, ", and the rules of the table's schema do not say 'widen'");
  khonsu_status status = kh_cast_check_type(to->tail, theirs, to->base, ours, NULL);
  if (status == KHONSU_OK) return done(to, kh_field_copy(to->base, ours, made));
  if (status == KHONSU_SCHEMA_MISMATCH) status = kh_cast_check_type(to->base, ours, to->tail, theirs, NULL);
  if (status == KHONSU_NO_MEMORY) return no_memory(to);
  if (status == KHONSU_OK) {
    status = done(to, kh_field_copy(to->tail, theirs, made));
    return status == KHONSU_OK ? rename_as(to, ours, made) : status;
  }
  if (kh_field_values(to->base, ours) != ours || kh_field_values(to->tail, theirs) != theirs)
    return unite_values(to, ours, theirs, made);
  if (common_type(&to->base[ours], &to->tail[theirs], format))
    return done(to, kh_field_begin(&to->base[ours], format, 0, made));
  return refuse(to, ours, theirs, ": no type holds both without loss");
}

/* ---- which of these */

static khonsu_status unite_any(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  kh_kind kind = kh_field_kind(&to->base[ours]);
  if (kind == kh_field_kind(&to->tail[theirs])) {
    if (kind == KH_KIND_STRUCT) return unite_structs(to, ours, theirs, made);
    if (kind == KH_KIND_LIST) return unite_lists(to, ours, theirs, made);
  }
  return unite_types(to, ours, theirs, made);
}

/* Recursion is as deep as the schemas, which is limited. */
static khonsu_status unite(const uniting *to, uint32_t ours, uint32_t theirs, struct ArrowSchema *made) {
  int64_t flags = to->base[ours].arrow.flags, other = to->tail[theirs].arrow.flags;
  khonsu_status status = kh_field_match_extension(to->base, ours, to->tail, theirs, to->error);
  if (status != KHONSU_OK) return status;
  bool differ = ours != 0 && ((flags ^ other) & ARROW_FLAG_NULLABLE) != 0;
  if (differ && (to->rules & KHONSU_SCHEMA_WIDEN) == 0)
    return kh_field_fail(to->base, ours, to->error, KHONSU_SCHEMA_MISMATCH,
                         "%s, and the rules of the table's schema do not say 'widen'",
                         flags & ARROW_FLAG_NULLABLE ? "nullable in the table, not nullable in the rows"
                                                     : "not nullable in the table, nullable in the rows");
  status = unite_any(to, ours, theirs, made);
  if (status != KHONSU_OK) return status;
  made->flags |= (flags | other) & ARROW_FLAG_NULLABLE;
  if ((flags & other & ARROW_FLAG_DICTIONARY_ORDERED) == 0) made->flags &= ~(int64_t)ARROW_FLAG_DICTIONARY_ORDERED;
  return KHONSU_OK;
}

khonsu_status kh_schema_unite(kh_schema *base, const kh_schema *tail, uint32_t rules, kh_schema **united,
                              khonsu_error *error) {
  struct ArrowSchema made = {.release = NULL};
  uniting to = {base->fields, tail->fields, rules, error};
  kh_schema *schema;
  khonsu_status status = unite(&to, 0, 0, &made);
  if (status != KHONSU_OK) {
    if (made.release != NULL) made.release(&made);
    return status;
  }
  status = kh_schema_made(&made, NANOARROW_OK, &schema, error);
  if (status != KHONSU_OK) return status;
  bool is_base = kh_schema_match(base, schema, NULL) == KHONSU_OK;
  *united = is_base ? kh_schema_ref(base) : schema;
  if (is_base) kh_schema_unref(schema);
  return KHONSU_OK;
}
