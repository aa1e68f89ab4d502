#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csv_file.h"

const char *const kh_csv_formats[KH_CSV_TYPES] = {"l", "g", "b", "tdD", "tsu:", "tsu:UTC", "u"};

/* ---- numbers, as JSON writes them */

static const char *skip_digits(const char *at) {
  while (*at >= '0' && *at <= '9') at++;
  return at;
}

/* The end of a number's digits before the point; NULL: it has none, or a zero too many. */
static const char *skip_integer(const char *at) {
  at += *at == '-';
  const char *end = skip_digits(at);
  return end == at || (*at == '0' && end > at + 1) ? NULL : end;
}

static bool read_int(const char *text, const char *end, int64_t *integer) {
  if (skip_integer(text) != end || (text[0] == '-' && text[1] == '0')) return false; /* there is no -0 */
  errno = 0;
  *integer = strtoll(text, NULL, 10);
  return errno == 0;
}

static bool is_number(const char *text, const char *end) {
  const char *at = skip_integer(text);
  if (at == NULL) return false;
  if (*at == '.') {
    const char *fraction = at + 1;
    at = skip_digits(fraction);
    if (at == fraction) return false;
  }
  if (*at == 'e' || *at == 'E') {
    const char *exponent = at + 1 + (at[1] == '-' || at[1] == '+');
    at = skip_digits(exponent);
    if (at == exponent) return false;
  }
  return at == end;
}

/* Integers only as far as a double holds them all. */
static bool read_float(const char *text, const char *end, double *real) {
  static const int64_t exact_to = INT64_C(1) << 53;
  bool has_no_digits = strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0;
  if (!has_no_digits && !is_number(text, end)) return false;
  int64_t integer;
  if (skip_integer(text) == end && text[0] != '-' && !(read_int(text, end, &integer) && integer <= exact_to))
    return false;
  if (read_int(text, end, &integer) && integer < -exact_to) return false;
  *real = strtod(text, NULL);
  return true;
}

/* ---- dates and times, as the shell writes them */

/* Exactly so many digits. */
static bool read_digits(const char **at, int count, int64_t *number) {
  *number = 0;
  for (; count > 0; count--, ++*at) {
    if (**at < '0' || **at > '9') return false;
    *number = 10 * *number + (**at - '0');
  }
  return true;
}

static bool accept(const char **at, char c) {
  bool is_there = **at == c;
  *at += is_there;
  return is_there;
}

/* Days since 1970-01-01, counted in years that begin in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  int64_t y = year - (month <= 2) + 400, of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468 - 146097;
}

static bool read_date(const char **at, int64_t *days) {
  static const int of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year, month, day;
  if (!read_digits(at, 4, &year) || !accept(at, '-') || !read_digits(at, 2, &month) || !accept(at, '-') ||
      !read_digits(at, 2, &day) || month < 1 || month > 12)
    return false;
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  *days = days_of(year, month, day);
  return day >= 1 && day <= of_month[month - 1] + (month == 2 && is_leap);
}

/* Up to six digits behind the point. */
static bool read_clock(const char **at, int64_t *us) {
  int64_t hour, minute, second, fraction = 0;
  if (!read_digits(at, 2, &hour) || !accept(at, ':') || !read_digits(at, 2, &minute) || !accept(at, ':') ||
      !read_digits(at, 2, &second) || hour > 23 || minute > 59 || second > 59)
    return false;
  if (accept(at, '.')) {
    const char *end = skip_digits(*at);
    int count = end - *at < 7 ? (int)(end - *at) : 0;
    if (count == 0 || !read_digits(at, count, &fraction)) return false;
    for (; count < 6; count++) fraction *= 10;
  }
  *us = (3600 * hour + 60 * minute + second) * 1000000 + fraction;
  return true;
}

static bool read_timestamp(const char **at, bool is_utc, int64_t *us) {
  int64_t days, time;
  if (!read_date(at, &days) || (!accept(at, ' ') && !accept(at, 'T')) || !read_clock(at, &time)) return false;
  *us = days * INT64_C(86400000000) + time;
  return !is_utc || accept(at, 'Z');
}

bool kh_csv_value_read(kh_csv_type type, const char *text, size_t size, kh_csv_value *value) {
  const char *end = text + size, *at = text;
  switch (type) {
    case KH_CSV_INT: return read_int(text, end, &value->integer);
    case KH_CSV_FLOAT: return read_float(text, end, &value->real);
    case KH_CSV_BOOL:
      value->integer = strcmp(text, "true") == 0;
      return (value->integer || strcmp(text, "false") == 0) && strlen(text) == size;
    case KH_CSV_DATE: return read_date(&at, &value->integer) && at == end;
    case KH_CSV_TIMESTAMP: return read_timestamp(&at, false, &value->integer) && at == end;
    case KH_CSV_TIMESTAMP_UTC: return read_timestamp(&at, true, &value->integer) && at == end;
    default: return true;
  }
}
