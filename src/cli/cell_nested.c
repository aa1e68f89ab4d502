/* Nested values are JSON in every style: one notation that tells null from "null", and that is read by machines too. */
#include "cell.h"

static void write_items(const kh_type *item, const struct ArrowArray *items, int64_t from, int64_t count,
                        kh_text *text) {
  kh_text_add_char(text, '[');
  for (int64_t i = 0; i < count && !text->full; i++) {
    if (i > 0) kh_text_add_char(text, ',');
    kh_value_write(item, items, items->offset + from + i, KH_STYLE_JSON, text);
  }
  kh_text_add_char(text, ']');
}

void kh_write_list(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  int64_t from = kh_signed_at(array, 1, row, type->width), to = kh_signed_at(array, 1, row + 1, type->width);
  write_items(&type->children[0], array->children[0], from, to - from, text);
}

void kh_write_list_view(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                        kh_text *text) {
  (void)style;
  int64_t from = kh_signed_at(array, 1, row, type->width), count = kh_signed_at(array, 2, row, type->width);
  write_items(&type->children[0], array->children[0], from, count, text);
}

void kh_write_fixed_list(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                         kh_text *text) {
  (void)style;
  write_items(&type->children[0], array->children[0], row * type->width, type->width, text);
}

void kh_write_struct(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  kh_text_add_char(text, '{');
  for (int64_t i = 0; i < type->count && !text->full; i++) {
    const kh_type *field = &type->children[i];
    if (i > 0) kh_text_add_char(text, ',');
    kh_text_add_json(text, khonsu_key(field->schema->name != NULL ? field->schema->name : ""));
    kh_text_add_char(text, ':');
    kh_value_write(field, array->children[i], array->children[i]->offset + row, KH_STYLE_JSON, text);
  }
  kh_text_add_char(text, '}');
}
