#include <stdio.h>
#include <string.h>

#include "cell.h"

enum { DAY_S = 86400, DAY_MS = 86400000 };

static int64_t divide_down(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t ten_to(int digits) {
  int64_t power = 1;
  while (digits-- > 0) power *= 10;
  return power;
}

/* Days since 1970-01-01 as a date of the proleptic Gregorian calendar. Howard Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms", civil_from_days: years begin in March, so that the leap day is the last; 400 of them are an era.
 * */
static void write_date(int64_t days, kh_text *text) {
  const int64_t era_days = 146097, shifted = days + 719468;
  int64_t era = divide_down(shifted, era_days), day_of_era = shifted - era * era_days;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (era_days - 1)) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2);
  kh_text_addf(text, "%s%04lld-%02lld-%02lld", year < 0 ? "-" : "", (long long)(year < 0 ? -year : year),
               (long long)month, (long long)day);
}

/* A fraction of a second, without the zeros at its end; nothing if it is 0. */
static void write_fraction(int64_t fraction, int digits, kh_text *text) {
  if (fraction == 0) return;
  for (; fraction % 10 == 0; digits--) fraction /= 10;
  kh_text_addf(text, ".%0*lld", digits, (long long)fraction);
}

static void write_clock(int64_t value, int digits, kh_text *text) {
  int64_t unit = ten_to(digits), seconds = value / unit;
  kh_text_addf(text, "%02lld:%02lld:%02lld", (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
               (long long)(seconds % 60));
  write_fraction(value % unit, digits, text);
}

void kh_write_date(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  int64_t value = kh_signed_at(array, 1, row, type->width);
  write_date(type->width == 4 ? value : divide_down(value, DAY_MS), text);
}

void kh_write_time(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  write_clock(kh_signed_at(array, 1, row, type->width), type->digits, text);
}

void kh_write_timestamp(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                        kh_text *text) {
  int64_t value = kh_signed_at(array, 1, row, type->width), day = DAY_S * ten_to(type->digits);
  int64_t within = value % day; /* of the day; not by what is left of whole days, which might be out of range */
  if (within < 0) within += day;
  write_date(divide_down(value, day), text);
  kh_text_add_char(text, style == KH_STYLE_JSON ? 'T' : ' ');
  write_clock(within, type->digits, text);
  if (*type->parameters != '\0') kh_text_add_char(text, 'Z');
}

void kh_write_duration(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                       kh_text *text) {
  (void)style;
  static const char *const units[] = {"s", "ms", "us", "ns"};
  kh_text_addf(text, "%lld%s", (long long)kh_signed_at(array, 1, row, 8), units[type->digits / 3]);
}

/* ---- intervals, as ISO 8601 durations: a part that is 0 is left out, and what is left of nothing is P0D */

static void write_seconds(int64_t value, int digits, kh_text *text) {
  int64_t unit = ten_to(digits), whole = value / unit, fraction = value % unit;
  if (value == 0) return;
  kh_text_addf(text, "T%s%lld", value < 0 ? "-" : "", (long long)(whole < 0 ? -whole : whole));
  write_fraction(fraction < 0 ? -fraction : fraction, digits, text);
  kh_text_add_char(text, 'S');
}

static void write_interval(int64_t months, int64_t days, int64_t rest, int digits, kh_text *text) {
  kh_text_add_char(text, 'P');
  if (months != 0) kh_text_addf(text, "%lldM", (long long)months);
  if (days != 0 || (months == 0 && rest == 0)) kh_text_addf(text, "%lldD", (long long)days);
  write_seconds(rest, digits, text);
}

void kh_write_months(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  int64_t months = kh_signed_at(array, 1, row, type->width);
  if (months == 0) kh_text_add_string(text, "P0M");
  else write_interval(months, 0, 0, 0, text);
}

void kh_write_days_time(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                        kh_text *text) {
  (void)type, (void)style;
  int64_t days = kh_signed_at(array, 1, 2 * row, 4), milliseconds = kh_signed_at(array, 1, 2 * row + 1, 4);
  write_interval(0, days, milliseconds, 3, text);
}

typedef struct month_day_nano {
  int32_t months, days;
  int64_t nanoseconds;
} month_day_nano;

void kh_write_month_day_nano(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                             kh_text *text) {
  (void)type, (void)style;
  month_day_nano value = ((const month_day_nano *)array->buffers[1])[row];
  write_interval(value.months, value.days, value.nanoseconds, 9, text);
}
