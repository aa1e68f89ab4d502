#include <stdlib.h>
#include <string.h>

#include "cell.h"

/* ---- the table of types
 *
 * A format that ends in ':' stands for all that begin with it; the rest are its parameters. */

typedef struct format_row {
  const char *format, *name;
  kh_cell_writer *write;
  int32_t width, digits;
  bool is_number, is_quoted;
  kh_shape shape;
} format_row;

static const format_row formats[] = {
    {"n", "null", .shape = KH_SHAPE_NULL},
    {"b", "bool", .write = kh_write_bool},
    {"c", "int8", kh_write_signed, 1, .is_number = true},
    {"s", "int16", kh_write_signed, 2, .is_number = true},
    {"i", "int32", kh_write_signed, 4, .is_number = true},
    {"l", "int64", kh_write_signed, 8, .is_number = true},
    {"C", "uint8", kh_write_unsigned, 1, .is_number = true},
    {"S", "uint16", kh_write_unsigned, 2, .is_number = true},
    {"I", "uint32", kh_write_unsigned, 4, .is_number = true},
    {"L", "uint64", kh_write_unsigned, 8, .is_number = true},
    {"e", "float16", kh_write_float, 2, .is_number = true},
    {"f", "float32", kh_write_float, 4, .is_number = true},
    {"g", "float64", kh_write_float, 8, .is_number = true},
    {"d:", "decimal", kh_write_decimal, 16, .is_number = true, .is_quoted = true},
    {"u", "utf8", kh_write_text, .width = 4},
    {"U", "large_utf8", kh_write_text, .width = 8},
    {"vu", "utf8_view", .write = kh_write_text},
    {"z", "binary", kh_write_binary, .width = 4},
    {"Z", "large_binary", kh_write_binary, .width = 8},
    {"vz", "binary_view", .write = kh_write_binary},
    {"w:", "fixed_size_binary", .write = kh_write_binary},
    {"tdD", "date32", kh_write_date, 4, .is_quoted = true},
    {"tdm", "date64", kh_write_date, 8, .is_quoted = true},
    {"tts", "time32[s]", kh_write_time, 4, 0, .is_quoted = true},
    {"ttm", "time32[ms]", kh_write_time, 4, 3, .is_quoted = true},
    {"ttu", "time64[us]", kh_write_time, 8, 6, .is_quoted = true},
    {"ttn", "time64[ns]", kh_write_time, 8, 9, .is_quoted = true},
    {"tss:", "timestamp[s", kh_write_timestamp, 8, 0, .is_quoted = true},
    {"tsm:", "timestamp[ms", kh_write_timestamp, 8, 3, .is_quoted = true},
    {"tsu:", "timestamp[us", kh_write_timestamp, 8, 6, .is_quoted = true},
    {"tsn:", "timestamp[ns", kh_write_timestamp, 8, 9, .is_quoted = true},
    {"tDs", "duration[s]", kh_write_duration, 8, 0, .is_number = true, .is_quoted = true},
    {"tDm", "duration[ms]", kh_write_duration, 8, 3, .is_number = true, .is_quoted = true},
    {"tDu", "duration[us]", kh_write_duration, 8, 6, .is_number = true, .is_quoted = true},
    {"tDn", "duration[ns]", kh_write_duration, 8, 9, .is_number = true, .is_quoted = true},
    {"tiM", "interval[months]", kh_write_months, 4, .is_quoted = true},
    {"tiD", "interval[days, ms]", kh_write_days_time, 8, .is_quoted = true},
    {"tin", "interval[months, days, ns]", kh_write_month_day_nano, 16, .is_quoted = true},
    {"+l", "list", kh_write_list, .width = 4},
    {"+L", "large_list", kh_write_list, .width = 8},
    {"+vl", "list_view", kh_write_list_view, .width = 4},
    {"+vL", "large_list_view", kh_write_list_view, .width = 8},
    {"+w:", "fixed_size_list", .write = kh_write_fixed_list},
    {"+s", "struct", .write = kh_write_struct},
    {"+m", "map", kh_write_list, .width = 4},
    {"+ud:", "dense_union", .width = 4, .shape = KH_SHAPE_UNION},
    {"+us:", "sparse_union", .shape = KH_SHAPE_UNION},
    {"+r", "run_end_encoded", .shape = KH_SHAPE_RUNS},
};

static const format_row *find_format(const char *format) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    size_t size = strlen(formats[i].format);
    bool takes_more = formats[i].format[size - 1] == ':';
    if (strncmp(format, formats[i].format, size) == 0 && (takes_more || format[size] == '\0')) return &formats[i];
  }
  return NULL;
}

/* ---- parameters */

/* "precision,scale" or "precision,scale,bits". */
static void read_decimal(kh_type *type) {
  char *next;
  long bits = 128;
  (void)strtol(type->parameters, &next, 10);
  if (*next == ',') type->digits = (int32_t)strtol(next + 1, &next, 10);
  if (*next == ',') bits = strtol(next + 1, NULL, 10);
  type->width = (int32_t)(bits / 8);
  type->name = bits == 32 ? "decimal32" : bits == 64 ? "decimal64" : bits == 256 ? "decimal256" : "decimal128";
}

/* "4,7,5": the code of each child. */
static bool read_union_codes(kh_type *type) {
  type->union_child = malloc(KH_UNION_CODES);
  if (type->union_child == NULL) return false;
  memset(type->union_child, -1, KH_UNION_CODES);
  const char *codes = type->parameters;
  for (int64_t child = 0; child < type->count && child < KH_UNION_CODES && *codes != '\0'; child++) {
    char *next;
    long code = strtol(codes, &next, 10);
    if (code >= 0 && code < KH_UNION_CODES) type->union_child[code] = (int8_t)child;
    codes = *next == ',' ? next + 1 : next;
  }
  return true;
}

static bool read_parameters(kh_type *type) {
  if (type->write == kh_write_decimal) read_decimal(type);
  else if (type->shape == KH_SHAPE_UNION) return read_union_codes(type);
  else if (strncmp(type->schema->format, "w:", 2) == 0 || type->write == kh_write_fixed_list)
    type->width = (int32_t)strtol(type->parameters, NULL, 10);
  return true;
}

static void read_extension(kh_type *type) {
  khonsu_slice name = kh_extension_name(type->schema);
  if (kh_slice_is(name, KH_EXTENSION_BYTES) && type->write == kh_write_binary) type->write = kh_write_store_bytes;
  else if (kh_slice_is(name, "arrow.uuid") && type->write == kh_write_binary && type->width == 16) {
    type->write = kh_write_uuid;
    type->is_quoted = true;
  }
}

/* ---- types */

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a schema");
}

static khonsu_status init_children(kh_type *type, khonsu_error *error) {
  const struct ArrowSchema *schema = type->schema;
  type->children = calloc((size_t)schema->n_children + 1, sizeof *type->children);
  if (type->children == NULL) return no_memory(error);
  khonsu_status status = KHONSU_OK;
  for (; status == KHONSU_OK && type->count < schema->n_children; type->count++)
    status = kh_type_init(&type->children[type->count], schema->children[type->count], error);
  return status;
}

static khonsu_status init_dictionary(kh_type *type, khonsu_error *error) {
  type->shape = KH_SHAPE_DICTIONARY;
  if (type->write == kh_write_signed) type->width = -type->width;
  type->dictionary = calloc(1, sizeof *type->dictionary);
  if (type->dictionary == NULL) return no_memory(error);
  return kh_type_init(type->dictionary, type->schema->dictionary, error);
}

khonsu_status kh_type_init(kh_type *type, const struct ArrowSchema *schema, khonsu_error *error) {
  const format_row *row = find_format(schema->format);
  if (row == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARROW, "column '%s' is of the unknown Arrow type '%s'",
                            schema->name != NULL ? schema->name : "", schema->format);
  const char *parameters = strchr(schema->format, ':');
  *type = (kh_type){.schema = schema,
                    .name = row->name,
                    .parameters = parameters != NULL ? parameters + 1 : "",
                    .shape = row->shape,
                    .write = row->write,
                    .is_number = row->is_number,
                    .is_quoted = row->is_quoted,
                    .width = row->width,
                    .digits = row->digits};
  khonsu_status status = init_children(type, error);
  if (status == KHONSU_OK && !read_parameters(type)) status = no_memory(error);
  if (status == KHONSU_OK) read_extension(type);
  if (status == KHONSU_OK && schema->dictionary != NULL) status = init_dictionary(type, error);
  if (status != KHONSU_OK) kh_type_fini(type);
  return status;
}

void kh_type_fini(kh_type *type) {
  for (int64_t i = 0; i < type->count; i++) kh_type_fini(&type->children[i]);
  if (type->dictionary != NULL) kh_type_fini(type->dictionary);
  free(type->children);
  free(type->dictionary);
  free(type->union_child);
  *type = (kh_type){.schema = NULL};
}
