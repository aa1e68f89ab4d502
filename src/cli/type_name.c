/* Names after those that Arrow's own tools print, and that the library uses in its messages. */
#include <stdint.h>
#include <string.h>

#include "cell.h"

/* ---- extensions: metadata is a count, then keys and values with their sizes, all as int32 of the machine */

static int32_t read_size(const char **at) {
  int32_t size;
  memcpy(&size, *at, sizeof size);
  *at += sizeof size;
  return size;
}

static khonsu_slice read_bytes(const char **at) {
  int32_t size = read_size(at);
  khonsu_slice bytes = {*at, (size_t)size};
  *at += size;
  return bytes;
}

khonsu_slice kh_extension_name(const struct ArrowSchema *schema) {
  const char *at = schema->metadata;
  for (int32_t left = at != NULL ? read_size(&at) : 0; left > 0; left--) {
    khonsu_slice key = read_bytes(&at), value = read_bytes(&at);
    if (kh_slice_is(key, "ARROW:extension:name")) return value;
  }
  return (khonsu_slice){NULL, 0};
}

/* ---- names */

static void add_children(const kh_type *type, bool named, kh_text *text) {
  kh_text_add_char(text, '<');
  for (int64_t i = 0; i < type->count; i++) {
    const kh_type *child = &type->children[i];
    if (i > 0) kh_text_add_string(text, ", ");
    if (named) {
      kh_text_add_visible(text, khonsu_key(child->schema->name != NULL ? child->schema->name : ""));
      kh_text_add_string(text, ": ");
    }
    kh_type_add_name(child, text);
  }
  kh_text_add_char(text, '>');
}

static void add_nested_name(const kh_type *type, kh_text *text) {
  bool named = type->write == kh_write_struct || type->shape == KH_SHAPE_UNION;
  kh_text_add_string(text, type->name);
  /* A map's child is a struct of key and value, the first of two children of runs says where they end. */
  if (strcmp(type->name, "map") == 0 && type->count == 1) add_children(&type->children[0], false, text);
  else if (type->shape == KH_SHAPE_RUNS && type->count == 2) {
    kh_text_add_char(text, '<');
    kh_type_add_name(&type->children[1], text);
    kh_text_add_char(text, '>');
  } else add_children(type, named, text);
  if (type->write == kh_write_fixed_list) kh_text_addf(text, "(%d)", (int)type->width);
}

static void add_timestamp_name(const kh_type *type, kh_text *text) {
  kh_text_add_string(text, type->name);
  if (*type->parameters != '\0') {
    kh_text_add_string(text, ", tz=");
    kh_text_add_string(text, type->parameters);
  }
  kh_text_add_char(text, ']');
}

static void add_decimal_name(const kh_type *type, kh_text *text) {
  int precision = (int)strcspn(type->parameters, ",");
  kh_text_addf(text, "%s(%.*s, %d)", type->name, precision, type->parameters, (int)type->digits);
}

void kh_type_add_name(const kh_type *type, kh_text *text) {
  khonsu_slice extension = kh_extension_name(type->schema);
  if (extension.size != 0 && !kh_slice_is(extension, KH_EXTENSION_BYTES)) kh_text_add_visible(text, extension);
  else if (type->dictionary != NULL) {
    kh_text_add_string(text, "dictionary<");
    kh_type_add_name(type->dictionary, text);
    kh_text_add_char(text, '>');
  } else if (type->count != 0) add_nested_name(type, text);
  else if (type->write == kh_write_timestamp) add_timestamp_name(type, text);
  else if (type->write == kh_write_decimal) add_decimal_name(type, text);
  else {
    kh_text_add_string(text, type->name);
    if (strncmp(type->schema->format, "w:", 2) == 0) kh_text_addf(text, "(%d)", (int)type->width);
  }
}
