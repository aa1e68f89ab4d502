/* ipc_schema_read: a Schema flatbuffer becomes a tree of ArrowSchema nodes in an arena, and that a kh_schema. Verified
 * means that what is there is well-formed; tables and vectors may still be missing. */
#include <stdio.h>

#include "ipc_metadata.h"
#include "ipc_pairs.h"

typedef struct reading {
  kh_arena arena;
  uint64_t
      text_left; /* shared strings come out as many: bounds what they may come to. Tables the verifier has counted */
  khonsu_error *error;
} reading;

static khonsu_status no_memory(const reading *state) {
  return khonsu_error_set(state->error, KHONSU_NO_MEMORY, "no memory to read a schema");
}

static khonsu_status corrupt(const reading *state, const char *what) {
  return khonsu_error_set(state->error, KHONSU_CORRUPT, "the schema is damaged: %s", what);
}

static khonsu_status no_type(const reading *state, NS(Field_table_t) field) {
  const char *name = NS(Field_name(field)) != NULL ? NS(Field_name(field)) : "";
  if (NS(Field_type_type(field)) > NS(Type_LargeListView))
    return khonsu_error_set(state->error, KHONSU_UNSUPPORTED, "field '%.128s' is of a type that came after Arrow 21",
                            name);
  return khonsu_error_set(state->error, KHONSU_CORRUPT, "the schema is damaged: field '%.128s' has no type", name);
}

static void keep(struct ArrowSchema *schema) { schema->release = NULL; } /* the arena goes as a whole */

static size_t text_size(flatbuffers_string_t text) { return text == NULL ? 0 : flatbuffers_string_len(text); }

/* Text may be shared, within reason. */
static khonsu_status spend_text(reading *state, size_t size) {
  if (size > state->text_left) return corrupt(state, "more text than it has room for");
  state->text_left -= size;
  return KHONSU_OK;
}

/* ---- types */

static const char *format_copy(reading *state, const char *format, const char *tail) {
  size_t size = strlen(format) + strlen(tail) + 1;
  char *copy = kh_arena_take(&state->arena, size);
  if (copy != NULL) snprintf(copy, size, "%s%s", format, tail);
  return copy;
}

static const char *format_numbers(reading *state, const char *pattern, int one, int two, int three) {
  char text[64];
  snprintf(text, sizeof text, pattern, one, two, three);
  return format_copy(state, text, "");
}

static const char *int_format(NS(Int_table_t) type) {
  bool is_signed = type == NULL || NS(Int_is_signed(type)); /* a dictionary without index type has int32 */
  switch (type == NULL ? 32 : NS(Int_bitWidth(type))) {
    case 8: return is_signed ? "c" : "C";
    case 16: return is_signed ? "s" : "S";
    case 32: return is_signed ? "i" : "I";
    case 64: return is_signed ? "l" : "L";
    default: return "";
  }
}

static const char *float_format(NS(FloatingPoint_table_t) type) {
  switch (NS(FloatingPoint_precision(type))) {
    case NS(Precision_HALF): return "e";
    case NS(Precision_SINGLE): return "f";
    case NS(Precision_DOUBLE): return "g";
    default: return "";
  }
}

static const char *interval_format(NS(Interval_table_t) type) {
  switch (NS(Interval_unit(type))) {
    case NS(IntervalUnit_YEAR_MONTH): return "tiM";
    case NS(IntervalUnit_DAY_TIME): return "tiD";
    case NS(IntervalUnit_MONTH_DAY_NANO): return "tin";
    default: return "";
  }
}

/* "<prefix><unit><tail>" */
static const char *time_format(reading *state, const char *prefix, int unit, const char *tail) {
  static const char *units[4] = {"s", "m", "u", "n"};
  if (unit < 0 || unit > 3) return "";
  char head[8];
  snprintf(head, sizeof head, "%s%s", prefix, units[unit]);
  return format_copy(state, head, tail);
}

static const char *decimal_format(reading *state, NS(Decimal_table_t) type) {
  const char *pattern = NS(Decimal_bitWidth(type)) == 128 ? "d:%d,%d" : "d:%d,%d,%d";
  return format_numbers(state, pattern, NS(Decimal_precision(type)), NS(Decimal_scale(type)),
                        NS(Decimal_bitWidth(type)));
}

static const char *union_format(reading *state, NS(Union_table_t) type, size_t children) {
  flatbuffers_int32_vec_t ids = NS(Union_typeIds(type));
  size_t count = ids != NULL ? flatbuffers_int32_vec_len(ids) : children;
  if (count > 128) return "";
  char *format = kh_arena_take(&state->arena, 8 + 12 * count);
  if (format == NULL) return NULL;
  char *to = format + snprintf(format, 8, NS(Union_mode(type)) == NS(UnionMode_Dense) ? "+ud:" : "+us:");
  for (size_t i = 0; i < count; i++)
    to += snprintf(to, 13, "%s%d", i == 0 ? "" : ",", ids != NULL ? (int)flatbuffers_int32_vec_at(ids, i) : (int)i);
  return format;
}

/* NULL: out of memory. "": no type at all, which the check of the schema will refuse. */
static const char *format_of(reading *state, NS(Field_table_t) field, size_t children) {
  flatbuffers_generic_t type = NS(Field_type(field));
  if (type == NULL) return "";
  switch (NS(Field_type_type(field))) {
    case NS(Type_Null): return "n";
    case NS(Type_Int): return int_format(type);
    case NS(Type_FloatingPoint): return float_format(type);
    case NS(Type_Binary): return "z";
    case NS(Type_Utf8): return "u";
    case NS(Type_Bool): return "b";
    case NS(Type_Decimal): return decimal_format(state, type);
    case NS(Type_Date): return NS(Date_unit(type)) == NS(DateUnit_DAY) ? "tdD" : "tdm";
    case NS(Type_Time): return time_format(state, "tt", NS(Time_unit(type)), "");
    case NS(Type_Timestamp): {
      const char *zone = NS(Timestamp_timezone(type)), *format;
      format = time_format(state, "ts", NS(Timestamp_unit(type)), ":");
      if (format == NULL || zone == NULL) return format;
      return spend_text(state, text_size(zone)) == KHONSU_OK ? format_copy(state, format, zone) : "";
    }
    case NS(Type_Interval): return interval_format(type);
    case NS(Type_List): return "+l";
    case NS(Type_Struct_): return "+s";
    case NS(Type_Union): return union_format(state, type, children);
    case NS(Type_FixedSizeBinary): return format_numbers(state, "w:%d", NS(FixedSizeBinary_byteWidth(type)), 0, 0);
    case NS(Type_FixedSizeList): return format_numbers(state, "+w:%d", NS(FixedSizeList_listSize(type)), 0, 0);
    case NS(Type_Map): return "+m";
    case NS(Type_Duration): return time_format(state, "tD", NS(Duration_unit(type)), "");
    case NS(Type_LargeBinary): return "Z";
    case NS(Type_LargeUtf8): return "U";
    case NS(Type_LargeList): return "+L";
    case NS(Type_RunEndEncoded): return "+r";
    case NS(Type_BinaryView): return "vz";
    case NS(Type_Utf8View): return "vu";
    case NS(Type_ListView): return "+vl";
    case NS(Type_LargeListView): return "+vL";
    default: return "";
  }
}

static khonsu_status read_metadata(reading *state, NS(KeyValue_vec_t) pairs, const char **metadata) {
  size_t size = kh_ipc_pairs_size(pairs);
  if (size == 0) return KHONSU_OK;
  khonsu_status status = spend_text(state, size);
  if (status != KHONSU_OK) return status;
  char *to = kh_arena_take(&state->arena, size);
  if (to == NULL) return no_memory(state);
  kh_ipc_pairs_read(pairs, to);
  *metadata = to;
  return KHONSU_OK;
}

/* ---- fields */

static kh_ipc_node *new_node(reading *state) {
  kh_ipc_node *made = kh_arena_take_zeros(&state->arena, sizeof *made);
  if (made == NULL) (void)no_memory(state);
  else made->arrow.release = keep;
  return made;
}

static khonsu_status read_fields(reading *state, NS(Field_vec_t) fields, struct ArrowSchema *parent);

/* From the values themselves to indices with the values below. */
static khonsu_status encode_dictionary(reading *state, NS(DictionaryEncoding_table_t) encoding, kh_ipc_node *made) {
  kh_ipc_node *values = new_node(state);
  if (values == NULL) return KHONSU_NO_MEMORY;
  values->arrow = made->arrow;
  values->arrow.name = "";
  values->arrow.metadata = NULL; /* what a field says of itself it says of the column */
  values->arrow.flags |= ARROW_FLAG_NULLABLE;
  made->arrow.format = int_format(NS(DictionaryEncoding_indexType(encoding)));
  made->arrow.n_children = 0;
  made->arrow.children = NULL;
  made->arrow.dictionary = &values->arrow;
  made->arrow.flags &= ARROW_FLAG_NULLABLE;
  if (NS(DictionaryEncoding_isOrdered(encoding))) made->arrow.flags |= ARROW_FLAG_DICTIONARY_ORDERED;
  made->dictionary_id = NS(DictionaryEncoding_id(encoding));
  return KHONSU_OK;
}

static khonsu_status read_field(reading *state, NS(Field_table_t) field, struct ArrowSchema **link) {
  kh_ipc_node *made = new_node(state);
  if (made == NULL) return KHONSU_NO_MEMORY;
  *link = &made->arrow;
  khonsu_status status = spend_text(state, text_size(NS(Field_name(field))));
  if (status != KHONSU_OK) return status;
  NS(Field_vec_t) children = NS(Field_children(field));
  made->arrow.format = format_of(state, field, NS(Field_vec_len(children)));
  if (made->arrow.format == NULL) return no_memory(state);
  if (made->arrow.format[0] == '\0') return no_type(state, field);
  made->arrow.name = NS(Field_name(field));
  if (NS(Field_nullable(field))) made->arrow.flags |= ARROW_FLAG_NULLABLE;
  if (strcmp(made->arrow.format, "+m") == 0 && NS(Map_keysSorted((NS(Map_table_t))NS(Field_type(field)))))
    made->arrow.flags |= ARROW_FLAG_MAP_KEYS_SORTED;
  status = read_metadata(state, NS(Field_custom_metadata(field)), &made->arrow.metadata);
  if (status == KHONSU_OK) status = read_fields(state, children, &made->arrow);
  NS(DictionaryEncoding_table_t) encoding = NS(Field_dictionary(field));
  if (status == KHONSU_OK && encoding != NULL) status = encode_dictionary(state, encoding, made);
  return status;
}

/* Recursion is as deep as the verifier allowed the flatbuffer to be. */
static khonsu_status read_fields(reading *state, NS(Field_vec_t) fields, struct ArrowSchema *parent) {
  size_t count = NS(Field_vec_len(fields));
  if (count == 0) return KHONSU_OK;
  parent->children = kh_arena_take_array(&state->arena, count, sizeof *parent->children);
  if (parent->children == NULL) return no_memory(state);
  parent->n_children = (int64_t)count;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++)
    status = read_field(state, NS(Field_vec_at(fields, i)), &parent->children[i]);
  return status;
}

/* ---- schema */

static khonsu_status read_root(reading *state, NS(Schema_table_t) table, struct ArrowSchema *root) {
  khonsu_status status = read_metadata(state, NS(Schema_custom_metadata(table)), &root->metadata);
  return status != KHONSU_OK ? status : read_fields(state, NS(Schema_fields(table)), root);
}

khonsu_status kh_ipc_schema_read(NS(Schema_table_t) table, uint64_t size, uint64_t depth_max, kh_ipc_layout **layout,
                                 khonsu_error *error) {
  reading state = {{NULL}, size * 64, error};
  kh_ipc_node root = {.arrow = {.format = "+s", .name = "", .release = keep}};
  khonsu_status status = read_root(&state, table, &root.arrow);
  bool is_big_endian = NS(Schema_endianness(table)) != NS(Endianness_Little);
  if (status == KHONSU_OK) status = kh_ipc_layout_make(&root, is_big_endian, depth_max, layout, error);
  kh_arena_fini(&state.arena);
  return status;
}
