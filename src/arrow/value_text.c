/* value_text: a value as people read it. Numbers as such, text quoted, dates as 2013-01-31, moments in UTC, and what
 * has parts in brackets. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "value.h"

typedef struct writer {
  char *text;
  size_t size; /* KH_VALUE_TEXT_SIZE - 1: it is full */
} writer;

static bool is_full(const writer *to) { return to->size == KH_VALUE_TEXT_SIZE - 1; }

__attribute__((format(printf, 2, 3))) static void put(writer *to, const char *format, ...) {
  va_list arguments;
  size_t room = KH_VALUE_TEXT_SIZE - to->size;
  va_start(arguments, format);
  int size = vsnprintf(to->text + to->size, room, format, arguments);
  va_end(arguments);
  to->size += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static void put_value(writer *to, const kh_place *place);

/* ---- numbers */

static void put_float(writer *to, const kh_place *place) {
  double value = kh_place_float(place);
  bool is_double = kh_place_field(place)->storage == NANOARROW_TYPE_DOUBLE;
  if (isnan(value)) put(to, "nan");
  else put(to, is_double ? "%.17g" : "%.9g", value);
}

/* With its point among the digits, or not far off: else, as a scale may be any number, with an exponent. */
static void put_decimal(writer *to, const kh_place *place) {
  enum { FAR_OFF = 76 };
  struct ArrowSchemaView view = kh_field_parameters(kh_place_field(place));
  int64_t scale = view.decimal_scale;
  bool is_far_off = scale < -FAR_OFF || scale > FAR_OFF;
  struct ArrowDecimal decimal;
  uint64_t limbs[4];
  kh_place_decimal(place, limbs);
  bool is_zero = (limbs[0] | limbs[1] | limbs[2] | limbs[3]) == 0;
  ArrowDecimalInit(&decimal, 256, view.decimal_precision, is_far_off || (is_zero && scale < 0) ? 0 : (int32_t)scale);
  memcpy(decimal.words, limbs, sizeof limbs);
  struct ArrowBuffer buffer;
  ArrowBufferInit(&buffer);
  bool made = ArrowDecimalAppendStringToBuffer(&decimal, &buffer) == NANOARROW_OK;
  put(to, "%.*s", made ? (int)buffer.size_bytes : 1, made ? (const char *)buffer.data : "?");
  ArrowBufferReset(&buffer);
  if (is_far_off) put(to, "e%" PRId64, -scale);
}

/* ---- dates and times */

/* Proleptic Gregorian; after Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days. */
static void put_date(writer *to, int64_t days) {
  int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  int64_t day_of_era = shifted - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153, day = day_of_year - (153 * month + 2) / 5 + 1;
  int64_t year = year_of_era + era * 400 + (month >= 10);
  put(to, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year, month < 10 ? month + 3 : month - 9, day);
}

static int64_t units_per_second(enum ArrowTimeUnit unit) {
  static const int64_t units[] = {1, 1000, 1000000, 1000000000};
  return units[unit];
}

/* `units` since midnight. */
static void put_time(writer *to, int64_t units, enum ArrowTimeUnit unit) {
  int64_t per_second = units_per_second(unit), seconds = units / per_second;
  put(to, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (per_second > 1) put(to, ".%0*" PRId64, 3 * (int)unit, units % per_second);
}

static void put_moment(writer *to, int64_t value, enum ArrowTimeUnit unit, bool has_zone) {
  int64_t per_day = 86400 * units_per_second(unit), days = value / per_day, rest = value % per_day;
  if (rest < 0) {
    rest += per_day;
    days--;
  }
  put_date(to, days);
  put(to, " ");
  put_time(to, rest, unit);
  if (has_zone) put(to, "Z");
}

static void put_int(writer *to, const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  int64_t value = kh_place_int(place);
  if (field->type == field->storage) {
    put(to, kh_field_kind(field) == KH_KIND_UINT ? "%" PRIu64 : "%" PRId64, value);
    return;
  }
  struct ArrowSchemaView view = kh_field_parameters(field);
  switch (field->type) {
    case NANOARROW_TYPE_DATE32: put_date(to, value); return;
    case NANOARROW_TYPE_DATE64: put_moment(to, value, NANOARROW_TIME_UNIT_MILLI, false); return;
    case NANOARROW_TYPE_TIMESTAMP: put_moment(to, value, view.time_unit, view.timezone[0] != '\0'); return;
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64:
      if (value >= 0) put_time(to, value, view.time_unit);
      else put(to, "%" PRId64 " %s", value, ArrowTimeUnitString(view.time_unit));
      return;
    case NANOARROW_TYPE_DURATION: put(to, "%" PRId64 " %s", value, ArrowTimeUnitString(view.time_unit)); return;
    default: put(to, "%" PRId64, value); return;
  }
}

static void put_interval(writer *to, const kh_place *place) {
  int64_t parts[3];
  bool is_day_time = kh_place_field(place)->storage == NANOARROW_TYPE_INTERVAL_DAY_TIME;
  kh_place_interval(place, parts);
  put(to, "%" PRId64 " months %" PRId64 " days %" PRId64 " %s", parts[0], parts[1], parts[2],
      is_day_time ? "ms" : "ns");
}

/* ---- bytes */

static void put_bytes(writer *to, const kh_place *place) {
  khonsu_slice bytes = kh_place_bytes(place);
  const unsigned char *data = bytes.data;
  if (!kh_field_is_utf8(kh_place_field(place))) {
    put(to, "0x");
    for (size_t i = 0; i < bytes.size && !is_full(to); i++) put(to, "%02x", data[i]);
    return;
  }
  put(to, "'");
  for (size_t i = 0; i < bytes.size && !is_full(to); i++) {
    if (data[i] >= ' ' && data[i] != 0x7f) put(to, "%c", data[i]);
    else put(to, "\\x%02x", data[i]);
  }
  put(to, "'");
}

/* ---- parts */

static void put_items(writer *to, const kh_place *place) {
  kh_range items = kh_place_items(place);
  kh_place item = {place->chunk, kh_place_field(place)->first, items.start};
  put(to, "[");
  for (; item.at < items.start + items.length && !is_full(to); item.at++) {
    if (item.at > items.start) put(to, ", ");
    put_value(to, &item);
  }
  put(to, "]");
}

static void put_members(writer *to, const kh_place *place) {
  const kh_field *field = kh_place_field(place);
  put(to, "{");
  for (uint32_t child = field->first; child < kh_field_dictionary(field) && !is_full(to); child++) {
    kh_place member = kh_place_child(place, child, place->at);
    put(to, "%s%s: ", child > field->first ? ", " : "", kh_place_field(&member)->arrow.name);
    put_value(to, &member);
  }
  put(to, "}");
}

/* Recursion is as deep as the schema, which is limited. */
static void put_value(writer *to, const kh_place *given) {
  kh_place place = *given, child;
  if (!kh_place_resolve(&place)) {
    put(to, "null");
    return;
  }
  switch (kh_field_kind(kh_place_field(&place))) {
    case KH_KIND_BOOL: put(to, "%s", kh_place_bool(&place) ? "true" : "false"); return;
    case KH_KIND_FLOAT: put_float(to, &place); return;
    case KH_KIND_DECIMAL: put_decimal(to, &place); return;
    case KH_KIND_INTERVAL: put_interval(to, &place); return;
    case KH_KIND_BYTES: put_bytes(to, &place); return;
    case KH_KIND_LIST: put_items(to, &place); return;
    case KH_KIND_STRUCT: put_members(to, &place); return;
    case KH_KIND_UNION:
      child = kh_place_union(&place);
      put(to, "%d:", kh_place_type_id(&place));
      put_value(to, &child);
      return;
    default: put_int(to, &place); return;
  }
}

void kh_place_text(const kh_place *place, char text[KH_VALUE_TEXT_SIZE]) {
  writer to = {text, 0};
  text[0] = '\0';
  put_value(&to, place);
  if (is_full(&to)) memcpy(text + KH_VALUE_TEXT_SIZE - 4, "...", 4);
}
