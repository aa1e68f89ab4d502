/* predicate_read: tokens of conditions, and names of columns. */
#include <strings.h>

#include "predicate.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static kh_token token_of(kh_token_kind kind, const char *from, const char *to) {
  khonsu_slice source = kh_slice(from, (size_t)(to - from));
  return (kh_token){kind, source, source};
}

/* From a quote on; a quote that is doubled goes on. */
static kh_token read_quoted(kh_token_kind kind, const char *from, const char *quoted, const char *end) {
  const char *next = quoted + 1;
  for (; next < end; next++) {
    if (*next != *quoted) continue;
    if (next + 1 < end && next[1] == *quoted) next++;
    else break;
  }
  if (next == end) return token_of(KH_TOKEN_WRONG, from, end);
  kh_token token = token_of(kind, from, next + 1);
  token.bytes = kh_slice(quoted + 1, (size_t)(next - quoted) - 1);
  return token;
}

static kh_token read_binary(const char *from, const char *end) {
  kh_token token = read_quoted(KH_TOKEN_BINARY, from, from + 1, end);
  const char *digits = token.bytes.data;
  bool is_right = token.kind == KH_TOKEN_BINARY && token.bytes.size % 2 == 0;
  for (size_t i = 0; is_right && i < token.bytes.size; i++) is_right = is_hex(digits[i]);
  if (!is_right) token.kind = KH_TOKEN_WRONG;
  return token;
}

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

/* A sign, digits, a point and digits, an exponent. What follows a number without a gap makes it wrong. */
static kh_token read_number(const char *from, const char *end) {
  const char *whole = from + (*from == '-' || *from == '+'), *at = skip_digits(whole, end);
  bool has_digits = at > whole;
  if (at < end && *at == '.') {
    const char *fraction = at + 1;
    at = skip_digits(fraction, end);
    has_digits |= at > fraction;
  }
  if (has_digits && at < end && (*at == 'e' || *at == 'E')) {
    const char *exponent = at + 1;
    if (exponent < end && (*exponent == '-' || *exponent == '+')) exponent++;
    at = skip_digits(exponent, end);
    has_digits = at > exponent;
  }
  bool goes_on = at < end && (begins_name(*at) || *at == '.');
  if (!has_digits || goes_on) return token_of(KH_TOKEN_WRONG, from, at < end ? at + 1 : end);
  return token_of(KH_TOKEN_NUMBER, from, at);
}

static kh_token read_sign(const char *from, const char *end) {
  static const char *const signs[] = {"<=", ">=", "!=", "<>", "==", "<", ">", "=", "(", ")", ",", ".", "*"};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    size_t size = strlen(signs[i]);
    if ((size_t)(end - from) >= size && memcmp(from, signs[i], size) == 0)
      return token_of(KH_TOKEN_SIGN, from, from + size);
  }
  return token_of(KH_TOKEN_WRONG, from, from + 1);
}

static kh_token read_name(const char *from, const char *end) {
  const char *at = from;
  while (at < end && (begins_name(*at) || is_digit(*at))) at++;
  return token_of(KH_TOKEN_NAME, from, at);
}

static kh_token read_token(const char *from, const char *end) {
  char c = *from, next = from + 1 < end ? from[1] : '\0';
  if (c == '\'') return read_quoted(KH_TOKEN_TEXT, from, from, end);
  if (c == '"') return read_quoted(KH_TOKEN_QUOTED, from, from, end);
  if ((c == 'x' || c == 'X') && next == '\'') return read_binary(from, end);
  if (is_digit(c) || c == '-' || c == '+' || (c == '.' && is_digit(next))) return read_number(from, end);
  return begins_name(c) ? read_name(from, end) : read_sign(from, end);
}

kh_token kh_token_read(const char **at, const char *end) {
  while (*at < end && is_blank(**at)) ++*at;
  if (*at == end) return token_of(KH_TOKEN_END, end, end);
  kh_token token = read_token(*at, end);
  *at += token.source.size;
  return token;
}

bool kh_token_is(const kh_token *token, const char *keyword) {
  if (token->kind != KH_TOKEN_NAME && token->kind != KH_TOKEN_SIGN) return false;
  return token->source.size == strlen(keyword) && strncasecmp(token->source.data, keyword, token->source.size) == 0;
}

/* ---- what quotes stand for */

static uint8_t hex_value(char c) { return (uint8_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10); }

bool kh_token_unquote(const kh_token *token, kh_arena *arena, khonsu_slice *bytes) {
  const char *from = token->bytes.data;
  char *to = kh_arena_take(arena, token->bytes.size);
  if (to == NULL) return false;
  size_t size = 0;
  if (token->kind == KH_TOKEN_BINARY) {
    for (; size < token->bytes.size / 2; size++)
      to[size] = (char)(hex_value(from[2 * size]) << 4 | hex_value(from[2 * size + 1]));
  } else {
    char quote = token->kind == KH_TOKEN_TEXT ? '\'' : token->kind == KH_TOKEN_QUOTED ? '"' : '\0';
    for (size_t i = 0; i < token->bytes.size; i++) {
      to[size++] = from[i];
      if (from[i] == quote) i++; /* the second of two */
    }
  }
  *bytes = kh_slice(to, size);
  return true;
}

/* ---- paths */

static khonsu_status path_is_wrong(const char *text, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "'%.128s' is not the name of a column", text);
}

/* One name; `*at` moves behind it. */
static khonsu_status read_path_name(const char *text, const char **at, const char *end, kh_arena *arena,
                                    khonsu_slice *name, khonsu_error *error) {
  kh_token token;
  if (**at == '"') {
    token = read_quoted(KH_TOKEN_QUOTED, *at, *at, end);
  } else {
    const char *dot = memchr(*at, '.', (size_t)(end - *at));
    token = token_of(KH_TOKEN_NAME, *at, dot != NULL ? dot : end);
    if (token.source.size == 0) return path_is_wrong(text, error);
  }
  if (token.kind == KH_TOKEN_WRONG) return path_is_wrong(text, error);
  *at += token.source.size;
  if (!kh_token_unquote(&token, arena, name)) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a name");
  return KHONSU_OK;
}

khonsu_status kh_path_read(const char *text, kh_arena *arena, kh_path *path, khonsu_error *error) {
  const char *at = text, *end = text + strlen(text);
  size_t most = 1;
  for (const char *dot = text; *dot != '\0'; dot++) most += *dot == '.';
  *path = (kh_path){kh_arena_take_array(arena, most, sizeof *path->names), 0, kh_slice(text, (size_t)(end - text))};
  if (path->names == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a name");
  for (;;) {
    khonsu_status status = read_path_name(text, &at, end, arena, &path->names[path->count++], error);
    if (status != KHONSU_OK || at == end) return status;
    if (*at++ != '.') return path_is_wrong(text, error);
  }
}

static khonsu_status no_such_field(const kh_path *path, const kh_schema *schema, uint32_t parent, uint32_t found,
                                   khonsu_error *error) {
  const kh_field *of = &schema->fields[parent];
  int shown = (int)(path->source.size > 128 ? 128 : path->source.size);
  char room[KH_FIELD_PATH_SIZE];
  const char *name = kh_field_path(schema->fields, parent, room);
  if (found > 1)
    return khonsu_error_set(error, KHONSU_SCHEMA_MISMATCH, "there is more than one column '%.*s'", shown,
                            (const char *)path->source.data);
  if (kh_field_kind(of) != KH_KIND_STRUCT) {
    char type[KH_TYPE_NAME_SIZE];
    kh_field_type_name(schema->fields, parent, type);
    return khonsu_error_set(error, KHONSU_SCHEMA_MISMATCH, "there is no column '%.*s': '%s' is %s, which has no fields",
                            shown, (const char *)path->source.data, name, type);
  }
  return khonsu_error_set(error, KHONSU_SCHEMA_MISMATCH, "there is no column '%.*s'%s%s%s", shown,
                          (const char *)path->source.data, parent == 0 ? "" : ": '", parent == 0 ? "" : name,
                          parent == 0 ? "" : "' has no such field");
}

khonsu_status kh_path_find(const kh_path *path, const kh_schema *schema, uint32_t *field, khonsu_error *error) {
  uint32_t parent = 0;
  for (size_t i = 0; i < path->count; i++) {
    const kh_field *of = &schema->fields[parent];
    uint32_t found = 0, at = 0;
    bool has_fields = kh_field_kind(of) == KH_KIND_STRUCT;
    for (uint32_t child = 0; has_fields && child < of->arrow.n_children; child++) {
      if (!kh_slice_equal(khonsu_key(schema->fields[of->first + child].arrow.name), path->names[i])) continue;
      at = of->first + child;
      found++;
    }
    if (found != 1) return no_such_field(path, schema, parent, found, error);
    parent = at;
  }
  *field = parent;
  return KHONSU_OK;
}
