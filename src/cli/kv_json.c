/* JSON lines: the text format of records; kv_record.h says what they are. What is read is RFC 8259's, and no more of it
 * than a record needs: one object of strings, numbers and truth values. A member that is not known is an error: were it
 * passed over, a misspelt "value" would put an empty one. */
#include <string.h>

#include "kv_record.h"

/* ---- writing */

void kh_kv_json_add(kh_text *text, const kh_kv_record *record) {
  kh_text_add_char(text, '{');
  if (record->sequence != 0) kh_json_number(text, "sequence", record->sequence);
  if (record->time_us != 0) kh_json_number(text, "time_us", record->time_us);
  if (record->is_delete) kh_kv_json_member(text, "op", flashkv_text("delete"));
  kh_kv_json_member(text, "key", record->key);
  if (!record->is_delete) kh_kv_json_member(text, "value", record->value);
  if (record->expires_ms != 0) kh_json_number(text, "expires_ms", record->expires_ms);
  if (record->more) kh_text_add_string(text, ",\"more\":true");
  kh_text_add_string(text, "}\n");
}

/* ---- reading: each function steps over what it reads; `failed` says what was expected instead */

typedef struct json {
  const char *at, *end;
  const char *failed;
} json;

static bool expect(json *self, const char *what) {
  if (self->failed == NULL) self->failed = what;
  return false;
}

static void skip_blanks(json *self) {
  while (self->at < self->end && memchr(" \t\r", *self->at, 3) != NULL) self->at++;
}

static bool take(json *self, char c) {
  skip_blanks(self);
  if (self->at == self->end || *self->at != c) return false;
  self->at++;
  return true;
}

static bool take_word(json *self, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(self->end - self->at) < size || memcmp(self->at, word, size) != 0) return false;
  self->at += size;
  return true;
}

static bool read_unit(json *self, uint32_t *unit) {
  char bytes[2];
  kh_text two = {.size_max = sizeof bytes};
  bool read = self->end - self->at >= 4 && kh_hex_read((khonsu_slice){self->at, 4}, &two);
  if (read && two.size == sizeof bytes) *unit = (uint32_t)(unsigned char)two.data[0] << 8 | (unsigned char)two.data[1];
  else read = false;
  kh_text_fini(&two);
  self->at += read ? 4 : 0;
  return read || expect(self, "four hexadecimal digits");
}

static void add_utf8(kh_text *text, uint32_t code) {
  static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
  int size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  kh_text_add_char(text, (char)(marks[size] | code >> 6 * (size - 1)));
  for (int i = size - 2; i >= 0; i--) kh_text_add_char(text, (char)(0x80 | (code >> 6 * i & 63)));
}

/* Characters beyond 16 bits are written as two units. */
static bool read_code(json *self, kh_text *text) {
  uint32_t unit, low;
  if (!read_unit(self, &unit)) return false;
  if (unit >= 0xd800 && unit < 0xdc00) {
    if (!take_word(self, "\\u") || !read_unit(self, &low) || low < 0xdc00 || low > 0xdfff)
      return expect(self, "the second half of a surrogate pair");
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  } else if (unit >= 0xdc00 && unit < 0xe000) return expect(self, "the first half of a surrogate pair");
  add_utf8(text, unit);
  return true;
}

static bool read_escape(json *self, kh_text *text) {
  static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  char c = '\0';
  if (self->at < self->end) c = *self->at++;
  if (c == 'u') return read_code(self, text);
  const char *found = c != '\0' ? strchr(names, c) : NULL;
  if (found == NULL) return expect(self, "an escape of JSON");
  kh_text_add_char(text, meanings[found - names]);
  return true;
}

static bool is_plain(char c) { return c != '"' && c != '\\' && (unsigned char)c >= 0x20; }

static bool read_string(json *self, kh_text *text) {
  if (!take(self, '"')) return expect(self, "a string");
  while (self->at < self->end) {
    const char *start = self->at;
    while (self->at < self->end && is_plain(*self->at)) self->at++;
    kh_text_add(text, start, (size_t)(self->at - start));
    if (self->at == self->end) break;
    char c = *self->at++;
    if (c == '"') return true;
    if (c != '\\') return expect(self, "an escape in the place of a control character");
    if (!read_escape(self, text)) return false;
  }
  return expect(self, "the end of a string");
}

static bool read_number(json *self, uint64_t *number) {
  skip_blanks(self);
  const char *start = self->at;
  *number = 0;
  for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++) {
    uint64_t digit = (uint64_t)(*self->at - '0');
    if (*number > (UINT64_MAX - digit) / 10) return expect(self, "a number of at most 64 bits");
    *number = *number * 10 + digit;
  }
  return self->at > start || expect(self, "a whole number");
}

static bool read_flag(json *self, bool *flag) {
  skip_blanks(self);
  *flag = take_word(self, "true");
  return *flag || take_word(self, "false") || expect(self, "true or false");
}

/* ---- members */

enum { HAS_KEY = 1, HAS_VALUE = 2 };

static bool read_bytes(json *self, bool is_base64, kh_text *bytes) {
  kh_text_clear(bytes);
  if (!is_base64) return read_string(self, bytes);
  kh_text written = {.data = NULL};
  bool read = read_string(self, &written);
  if (read && !kh_base64_read(kh_text_slice(&written), bytes)) read = expect(self, "base64");
  bytes->failed |= written.failed;
  kh_text_fini(&written);
  return read;
}

static bool read_op(json *self, kh_kv_record *record) {
  kh_text op = {.size_max = 16};
  bool read = read_string(self, &op);
  record->is_delete = kh_slice_is(kh_text_slice(&op), "delete");
  if (read && !record->is_delete && !kh_slice_is(kh_text_slice(&op), "put"))
    read = expect(self, "\"put\" or \"delete\"");
  kh_text_fini(&op);
  return read;
}

static bool name_is(const char *name, const char *wanted, bool *is_base64) {
  size_t size = strlen(wanted);
  *is_base64 = strncmp(name, wanted, size) == 0 && strcmp(name + size, "_base64") == 0;
  return *is_base64 || strcmp(name, wanted) == 0;
}

static bool read_member(json *self, const char *name, kh_text *key, kh_text *value, kh_kv_record *record,
                        unsigned *has) {
  bool is_base64;
  uint64_t ignored;
  if (name_is(name, "key", &is_base64)) {
    *has |= HAS_KEY;
    return read_bytes(self, is_base64, key);
  }
  if (name_is(name, "value", &is_base64)) {
    *has |= HAS_VALUE;
    return read_bytes(self, is_base64, value);
  }
  if (strcmp(name, "op") == 0) return read_op(self, record);
  if (strcmp(name, "sequence") == 0) return read_number(self, &record->sequence);
  if (strcmp(name, "time_us") == 0) return read_number(self, &record->time_us);
  if (strcmp(name, "expires_ms") == 0) return read_number(self, &record->expires_ms);
  if (strcmp(name, "size") == 0) return read_number(self, &ignored); /* of what ls prints */
  if (strcmp(name, "more") == 0) return read_flag(self, &record->more);
  return expect(self, "a member of a record (key, value, key_base64, value_base64, op, expires_ms, more)");
}

static bool read_name(json *self, char name[32]) {
  kh_text text = {.size_max = 31};
  bool read = read_string(self, &text);
  if (text.size > 0) memcpy(name, text.data, text.size);
  name[text.size] = '\0';
  kh_text_fini(&text);
  return read;
}

static bool read_members(json *self, kh_text *key, kh_text *value, kh_kv_record *record, unsigned *has) {
  char name[32];
  if (!take(self, '{')) return expect(self, "an object");
  if (take(self, '}')) return true;
  do {
    if (!read_name(self, name)) return false;
    if (!take(self, ':')) return expect(self, "a colon");
    if (!read_member(self, name, key, value, record, has)) return false;
  } while (take(self, ','));
  return take(self, '}') || expect(self, "a comma or the end of the object");
}

static bool read_object(json *self, kh_text *key, kh_text *value, kh_kv_record *record) {
  unsigned has = 0;
  if (!read_members(self, key, value, record, &has)) return false;
  skip_blanks(self);
  if (self->at != self->end) return expect(self, "nothing behind the object");
  if (!(has & HAS_KEY)) return expect(self, "a key");
  return record->is_delete || has & HAS_VALUE || expect(self, "a value");
}

flashkv_status kh_kv_json_read(flashkv_slice line, kh_text *key, kh_text *value, kh_kv_record *record,
                               flashkv_error *error) {
  json self = {.at = line.data, .end = (const char *)line.data + line.size};
  *record = (kh_kv_record){.is_delete = false};
  kh_text_clear(key);
  kh_text_clear(value);
  bool read = read_object(&self, key, value, record);
  if (key->failed || value->failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory for a record");
  if (!read)
    return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "column %zu: %s was expected",
                      (size_t)(self.at - (const char *)line.data) + 1, self.failed);
  record->key = kh_kv_slice(key);
  record->value = record->is_delete ? (flashkv_slice){NULL, 0} : kh_kv_slice(value);
  return FLASHKV_OK;
}
