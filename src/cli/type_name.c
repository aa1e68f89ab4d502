/* Names after those that Arrow's own tools print, and that the library uses in its messages. */
#include <stdint.h>
#include <string.h>

#include "cell.h"

/* ---- metadata: a count, then keys and values with their sizes, all as int32 of the machine */

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

void kh_metadata_each(const struct ArrowSchema *schema, kh_metadata_visit *visit, void *ctx) {
  const char *at = schema->metadata;
  for (int32_t left = at != NULL ? read_size(&at) : 0; left > 0; left--) {
    khonsu_slice key = read_bytes(&at), value = read_bytes(&at);
    visit(ctx, key, value);
  }
}

static void find_extension(void *ctx, khonsu_slice key, khonsu_slice value) {
  khonsu_slice *name = ctx;
  if (name->data == NULL && kh_slice_is(key, "ARROW:extension:name")) *name = value;
}

khonsu_slice kh_extension_name(const struct ArrowSchema *schema) {
  khonsu_slice name = {NULL, 0};
  kh_metadata_each(schema, find_extension, &name);
  return name;
}

/* ---- names */

static void add_name(const kh_type *type, bool is_full, kh_text *text);

static void add_child(const kh_type *child, bool is_full, kh_text *text) {
  add_name(child, is_full, text);
  if (is_full && !(child->schema->flags & ARROW_FLAG_NULLABLE)) kh_text_add_string(text, " not null");
}

static void add_children(const kh_type *type, bool is_full, kh_text *text) {
  bool named = type->write == kh_write_struct || type->shape == KH_SHAPE_UNION;
  for (int64_t i = 0; i < type->count; i++) {
    const kh_type *child = &type->children[i];
    if (i > 0) kh_text_add_string(text, ", ");
    if (named) {
      kh_text_add_visible(text, khonsu_key(child->schema->name != NULL ? child->schema->name : ""));
      kh_text_add_string(text, ": ");
    }
    add_child(child, is_full, text);
  }
}

/* A map's child is a struct of key, which is never null, and value; the first of two children of runs says where they
 * end. */
static void add_nested_name(const kh_type *type, bool is_full, kh_text *text) {
  bool is_map = strcmp(type->name, "map") == 0 && type->count == 1 && type->children[0].count == 2;
  kh_text_add_string(text, type->name);
  kh_text_add_char(text, '<');
  if (is_map) {
    add_name(&type->children[0].children[0], is_full, text);
    kh_text_add_string(text, ", ");
    add_child(&type->children[0].children[1], is_full, text);
  } else if (type->shape == KH_SHAPE_RUNS && type->count == 2) add_child(&type->children[1], is_full, text);
  else add_children(type, is_full, text);
  kh_text_add_char(text, '>');
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

static void add_plain_name(const kh_type *type, kh_text *text) {
  kh_text_add_string(text, type->name);
  if (strncmp(type->schema->format, "w:", 2) == 0) kh_text_addf(text, "(%d)", (int)type->width);
}

/* In full, the indices are of the type that the format names. */
static void add_dictionary_name(const kh_type *type, bool is_full, kh_text *text) {
  kh_text_add_string(text, is_full ? "dictionary<values=" : "dictionary<");
  add_name(type->dictionary, is_full, text);
  if (is_full) {
    kh_text_add_string(text, ", indices=");
    add_plain_name(type, text);
    if (type->schema->flags & ARROW_FLAG_DICTIONARY_ORDERED) kh_text_add_string(text, ", ordered");
  }
  kh_text_add_char(text, '>');
}

static void add_name(const kh_type *type, bool is_full, kh_text *text) {
  khonsu_slice extension = kh_extension_name(type->schema);
  if (extension.size != 0 && !kh_slice_is(extension, KH_EXTENSION_BYTES)) kh_text_add_visible(text, extension);
  else if (type->dictionary != NULL) add_dictionary_name(type, is_full, text);
  else if (type->count != 0) add_nested_name(type, is_full, text);
  else if (type->write == kh_write_timestamp) add_timestamp_name(type, text);
  else if (type->write == kh_write_decimal) add_decimal_name(type, text);
  else add_plain_name(type, text);
}

void kh_type_add_name(const kh_type *type, kh_text *text) { add_name(type, false, text); }
void kh_type_add_full_name(const kh_type *type, kh_text *text) { add_name(type, true, text); }
