/* Members of JSON objects, as programs read them. */
#include "text.h"

static void add_name(kh_text *text, const char *name, const char *suffix) {
  bool is_first = text->size > 0 && text->data[text->size - 1] == '{';
  kh_text_addf(text, "%s\"%s%s\":", is_first ? "" : ",", name, suffix);
}

void kh_json_number(kh_text *text, const char *name, uint64_t number) {
  add_name(text, name, "");
  kh_text_add_number(text, number);
}

void kh_json_member(kh_text *text, const char *name, khonsu_slice bytes) {
  bool is_text = kh_utf8_valid(bytes);
  add_name(text, name, is_text ? "" : "_base64");
  if (is_text) {
    kh_text_add_json(text, bytes);
    return;
  }
  kh_text_add_char(text, '"');
  kh_text_add_base64(text, bytes);
  kh_text_add_char(text, '"');
}
