#include <stdlib.h>
#include <string.h>

#include "columns.h"

void kh_columns_fini(kh_columns *columns) {
  kh_text_fini(&columns->text);
  free(columns->names);
  *columns = (kh_columns){.count = 0};
}

static khonsu_status point_at_names(kh_columns *columns, khonsu_error *error) {
  columns->names = calloc(columns->count + 1, sizeof *columns->names);
  if (columns->names == NULL || columns->text.failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  const char *name = columns->text.data;
  for (size_t i = 0; i < columns->count; i++, name += strlen(name) + 1) columns->names[i] = name;
  return KHONSU_OK;
}

/* ---- reading */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* What is in the quotes, in which one that is doubled is one. False: they do not go around all of it. */
static bool add_unquoted(kh_text *text, const char *from, const char *to) {
  for (from++; from < to; from++) {
    if (*from == '"' && (++from == to || *from != '"')) return from == to;
    kh_text_add_char(text, *from);
  }
  return false;
}

/* A name without the blanks around it. False: there is none. */
static bool add_name(kh_columns *columns, const char *from, const char *to, kh_columns_reading reading) {
  while (from < to && is_blank(*from)) from++;
  while (from < to && is_blank(to[-1])) to--;
  if (from == to || memchr(from, '\0', (size_t)(to - from)) != NULL) return false;
  if (reading == KH_COLUMNS_AS_TYPED || memchr(from, '"', (size_t)(to - from)) == NULL)
    kh_text_add(&columns->text, from, (size_t)(to - from));
  else if (*from != '"' || !add_unquoted(&columns->text, from, to)) return false;
  kh_text_add_char(&columns->text, '\0');
  columns->count++;
  return true;
}

khonsu_status kh_columns_read(kh_columns *columns, khonsu_slice list, kh_columns_reading reading, khonsu_error *error) {
  const char *from = list.data, *end = from + list.size;
  bool in_quotes = false, are_names = true;
  for (const char *at = from; at < end; at++) {
    if (*at == '"') in_quotes = !in_quotes;
    if (*at != ',' || in_quotes) continue;
    are_names &= add_name(columns, from, at, reading);
    from = at + 1;
  }
  are_names &= add_name(columns, from, end, reading);
  if (are_names) return point_at_names(columns, error);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a column has no name; columns are a, b, ...%s",
                          reading == KH_COLUMNS_AS_TYPED ? " or *" : "; a name with blanks goes in double quotes");
}

khonsu_status kh_columns_copy(const kh_columns *columns, kh_columns *copy, khonsu_error *error) {
  *copy = (kh_columns){.count = columns->count};
  if (columns->count == 0) return KHONSU_OK;
  kh_text_add(&copy->text, columns->text.data, columns->text.size);
  khonsu_status status = point_at_names(copy, error);
  if (status != KHONSU_OK) kh_columns_fini(copy);
  return status;
}

/* ---- writing */

static bool is_plain(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return *name != '\0' && name[strspn(name, letters)] == '\0' && strcmp(name, "none") != 0;
}

static void add_quoted(kh_text *text, const char *name) {
  kh_text_add_char(text, '"');
  for (; *name != '\0'; name++) {
    if (*name == '"') kh_text_add_char(text, '"');
    kh_text_add_char(text, *name);
  }
  kh_text_add_char(text, '"');
}

void kh_columns_write(const kh_columns *columns, kh_text *text) {
  for (size_t i = 0; i < columns->count; i++) {
    if (i > 0) kh_text_add_char(text, ',');
    if (is_plain(columns->names[i])) kh_text_add_string(text, columns->names[i]);
    else add_quoted(text, columns->names[i]);
  }
}
