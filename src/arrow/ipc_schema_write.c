/* ipc_schema_write: a schema becomes a Schema flatbuffer. A dictionary-encoded field is written as its values, and
 * beside them what the indices are. */
#include "ipc_metadata.h"
#include "ipc_pairs.h"

int64_t kh_ipc_dictionary_id(const kh_schema *schema, uint32_t field) {
  int64_t id = 0;
  for (uint32_t index = 0; index < field; index++) id += schema->fields[index].has_dictionary;
  return id;
}

/* Calls on a builder fail for lack of memory only. */
static bool is_built(int result) { return result == 0; }

/* ---- types */

static bool write_int(flatcc_builder_t *builder, enum ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_INT8: return is_built(NS(Field_type_Int_create(builder, 8, 1)));
    case NANOARROW_TYPE_UINT8: return is_built(NS(Field_type_Int_create(builder, 8, 0)));
    case NANOARROW_TYPE_INT16: return is_built(NS(Field_type_Int_create(builder, 16, 1)));
    case NANOARROW_TYPE_UINT16: return is_built(NS(Field_type_Int_create(builder, 16, 0)));
    case NANOARROW_TYPE_INT32: return is_built(NS(Field_type_Int_create(builder, 32, 1)));
    case NANOARROW_TYPE_UINT32: return is_built(NS(Field_type_Int_create(builder, 32, 0)));
    case NANOARROW_TYPE_INT64: return is_built(NS(Field_type_Int_create(builder, 64, 1)));
    default: return is_built(NS(Field_type_Int_create(builder, 64, 0)));
  }
}

static bool write_timestamp(flatcc_builder_t *builder, const struct ArrowSchemaView *view) {
  if (!is_built(NS(Field_type_Timestamp_start(builder))) ||
      !is_built(NS(Timestamp_unit_add(builder, (NS(TimeUnit_enum_t))view->time_unit))))
    return false;
  if (view->timezone[0] != '\0' && !is_built(NS(Timestamp_timezone_create_str(builder, view->timezone)))) return false;
  return is_built(NS(Field_type_Timestamp_end(builder)));
}

static bool write_union(flatcc_builder_t *builder, const kh_field *field) {
  int32_t ids[128];
  size_t count = (size_t)field->arrow.n_children;
  for (size_t i = 0; i < count; i++) ids[i] = field->union_children[128 + i];
  bool is_dense = field->storage == NANOARROW_TYPE_DENSE_UNION;
  return is_built(NS(Field_type_Union_start(builder))) &&
         is_built(NS(Union_mode_add(builder, is_dense ? NS(UnionMode_Dense) : NS(UnionMode_Sparse)))) &&
         is_built(NS(Union_typeIds_create(builder, ids, count))) && is_built(NS(Field_type_Union_end(builder)));
}

static bool write_type(flatcc_builder_t *builder, const kh_field *field) {
  struct ArrowSchemaView view = kh_field_parameters(field);
  NS(TimeUnit_enum_t) unit = (NS(TimeUnit_enum_t))view.time_unit;
  switch (field->type) {
    case NANOARROW_TYPE_NA: return is_built(NS(Field_type_Null_create(builder)));
    case NANOARROW_TYPE_BOOL: return is_built(NS(Field_type_Bool_create(builder)));
    case NANOARROW_TYPE_HALF_FLOAT: return is_built(NS(Field_type_FloatingPoint_create(builder, NS(Precision_HALF))));
    case NANOARROW_TYPE_FLOAT: return is_built(NS(Field_type_FloatingPoint_create(builder, NS(Precision_SINGLE))));
    case NANOARROW_TYPE_DOUBLE: return is_built(NS(Field_type_FloatingPoint_create(builder, NS(Precision_DOUBLE))));
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256:
      return is_built(
          NS(Field_type_Decimal_create(builder, view.decimal_precision, view.decimal_scale, view.decimal_bitwidth)));
    case NANOARROW_TYPE_STRING: return is_built(NS(Field_type_Utf8_create(builder)));
    case NANOARROW_TYPE_LARGE_STRING: return is_built(NS(Field_type_LargeUtf8_create(builder)));
    case NANOARROW_TYPE_STRING_VIEW: return is_built(NS(Field_type_Utf8View_create(builder)));
    case NANOARROW_TYPE_BINARY: return is_built(NS(Field_type_Binary_create(builder)));
    case NANOARROW_TYPE_LARGE_BINARY: return is_built(NS(Field_type_LargeBinary_create(builder)));
    case NANOARROW_TYPE_BINARY_VIEW: return is_built(NS(Field_type_BinaryView_create(builder)));
    case NANOARROW_TYPE_FIXED_SIZE_BINARY:
      return is_built(NS(Field_type_FixedSizeBinary_create(builder, view.fixed_size)));
    case NANOARROW_TYPE_DATE32: return is_built(NS(Field_type_Date_create(builder, NS(DateUnit_DAY))));
    case NANOARROW_TYPE_DATE64: return is_built(NS(Field_type_Date_create(builder, NS(DateUnit_MILLISECOND))));
    case NANOARROW_TYPE_TIME32: return is_built(NS(Field_type_Time_create(builder, unit, 32)));
    case NANOARROW_TYPE_TIME64: return is_built(NS(Field_type_Time_create(builder, unit, 64)));
    case NANOARROW_TYPE_TIMESTAMP: return write_timestamp(builder, &view);
    case NANOARROW_TYPE_DURATION: return is_built(NS(Field_type_Duration_create(builder, unit)));
    case NANOARROW_TYPE_INTERVAL_MONTHS:
      return is_built(NS(Field_type_Interval_create(builder, NS(IntervalUnit_YEAR_MONTH))));
    case NANOARROW_TYPE_INTERVAL_DAY_TIME:
      return is_built(NS(Field_type_Interval_create(builder, NS(IntervalUnit_DAY_TIME))));
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO:
      return is_built(NS(Field_type_Interval_create(builder, NS(IntervalUnit_MONTH_DAY_NANO))));
    case NANOARROW_TYPE_LIST: return is_built(NS(Field_type_List_create(builder)));
    case NANOARROW_TYPE_LARGE_LIST: return is_built(NS(Field_type_LargeList_create(builder)));
    case NANOARROW_TYPE_LIST_VIEW: return is_built(NS(Field_type_ListView_create(builder)));
    case NANOARROW_TYPE_LARGE_LIST_VIEW: return is_built(NS(Field_type_LargeListView_create(builder)));
    case NANOARROW_TYPE_FIXED_SIZE_LIST: return is_built(NS(Field_type_FixedSizeList_create(builder, view.fixed_size)));
    case NANOARROW_TYPE_STRUCT: return is_built(NS(Field_type_Struct__create(builder)));
    case NANOARROW_TYPE_MAP:
      return is_built(NS(Field_type_Map_create(builder, (field->arrow.flags & ARROW_FLAG_MAP_KEYS_SORTED) != 0)));
    case NANOARROW_TYPE_RUN_END_ENCODED: return is_built(NS(Field_type_RunEndEncoded_create(builder)));
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION: return write_union(builder, field);
    default: return write_int(builder, field->type);
  }
}

/* ---- fields */

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to write a schema");
}

static bool write_encoding(flatcc_builder_t *builder, const kh_schema *schema, uint32_t index) {
  const kh_field *field = &schema->fields[index];
  int64_t bits = field->layout.element_size_bits[1];
  bool is_signed = field->storage == NANOARROW_TYPE_INT8 || field->storage == NANOARROW_TYPE_INT16 ||
                   field->storage == NANOARROW_TYPE_INT32 || field->storage == NANOARROW_TYPE_INT64;
  return is_built(NS(Field_dictionary_start(builder))) &&
         is_built(NS(DictionaryEncoding_id_add(builder, kh_ipc_dictionary_id(schema, index)))) &&
         is_built(NS(DictionaryEncoding_indexType_create(builder, (int32_t)bits, is_signed))) &&
         is_built(NS(
             DictionaryEncoding_isOrdered_add(builder, (field->arrow.flags & ARROW_FLAG_DICTIONARY_ORDERED) != 0))) &&
         is_built(NS(Field_dictionary_end(builder)));
}

/* What a field can say about its dictionary: it has the type of the values, their name and metadata as its own, and beside
 * them one encoding; there is no place for an encoding, or metadata, of the values themselves (Schema.fbs, "Field"). */
static khonsu_status check_dictionary(const kh_schema *schema, uint32_t index, khonsu_error *error) {
  const kh_field *values = &schema->fields[kh_field_dictionary(&schema->fields[index])];
  struct ArrowStringView extension = ArrowCharView(NULL);
  (void)ArrowMetadataGetValue(values->arrow.metadata, ArrowCharView("ARROW:extension:name"), &extension);
  if (values->has_dictionary)
    return kh_field_fail(
        schema->fields, index, error, KHONSU_UNSUPPORTED,
        "Arrow IPC cannot represent a dictionary of a dictionary; cast it to a dictionary of plain values");
  if (extension.data != NULL)
    return kh_field_fail(
        schema->fields, index, error, KHONSU_UNSUPPORTED,
        "Arrow IPC cannot represent a dictionary of an extension type; make the column itself of that type");
  return KHONSU_OK;
}

static khonsu_status write_field(flatcc_builder_t *builder, const kh_schema *schema, uint32_t index,
                                 khonsu_error *error);

static khonsu_status write_children(flatcc_builder_t *builder, const kh_schema *schema, const kh_field *field,
                                    khonsu_error *error) {
  if (field->arrow.n_children == 0) return KHONSU_OK;
  if (!is_built(NS(Field_children_start(builder)))) return no_memory(error);
  for (uint32_t child = field->first; child < kh_field_dictionary(field); child++) {
    if (!is_built(NS(Field_children_push_start(builder)))) return no_memory(error);
    khonsu_status status = write_field(builder, schema, child, error);
    if (status != KHONSU_OK) return status;
    if (NS(Field_children_push_end(builder)) == NULL) return no_memory(error);
  }
  return is_built(NS(Field_children_end(builder))) ? KHONSU_OK : no_memory(error);
}

/* Recursion is as deep as the schema, which is limited. */
static khonsu_status write_field(flatcc_builder_t *builder, const kh_schema *schema, uint32_t index,
                                 khonsu_error *error) {
  static const kh_ipc_pairs_ops pairs = KH_IPC_PAIRS_OPS(Field);
  const kh_field *field = &schema->fields[index], *values = field;
  if (field->has_dictionary) {
    khonsu_status status = check_dictionary(schema, index, error);
    if (status != KHONSU_OK) return status;
    values = &schema->fields[kh_field_dictionary(field)];
    if (!write_encoding(builder, schema, index)) return no_memory(error);
  }
  bool is_nullable = (field->arrow.flags & ARROW_FLAG_NULLABLE) != 0;
  if (!is_built(NS(Field_name_create_str(builder, field->arrow.name))) ||
      !is_built(NS(Field_nullable_add(builder, is_nullable))) || !write_type(builder, values))
    return no_memory(error);
  khonsu_status status = write_children(builder, schema, values, error);
  if (status != KHONSU_OK) return status;
  return kh_ipc_pairs_write(builder, field->arrow.metadata, &pairs) ? KHONSU_OK : no_memory(error);
}

khonsu_status kh_ipc_schema_write(flatcc_builder_t *builder, const kh_schema *schema, khonsu_error *error) {
  static const kh_ipc_pairs_ops pairs = KH_IPC_PAIRS_OPS(Schema);
  if (!is_built(NS(Schema_endianness_force_add(builder, NS(Endianness_Little)))) ||
      !is_built(NS(Schema_fields_start(builder))))
    return no_memory(error);
  for (uint32_t column = 1; column <= (uint32_t)schema->fields[0].arrow.n_children; column++) {
    if (!is_built(NS(Schema_fields_push_start(builder)))) return no_memory(error);
    khonsu_status status = write_field(builder, schema, column, error);
    if (status != KHONSU_OK) return status;
    if (NS(Schema_fields_push_end(builder)) == NULL) return no_memory(error);
  }
  if (!is_built(NS(Schema_fields_end(builder)))) return no_memory(error);
  return kh_ipc_pairs_write(builder, schema->fields[0].arrow.metadata, &pairs) ? KHONSU_OK : no_memory(error);
}
