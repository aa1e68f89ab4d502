/* literal_time: dates, times, timestamps and durations from their texts, ISO 8601 as the shell prints them:
 *
 *   date        2013-01-31
 *   time        12:00, 12:00:01, 12:00:01.5
 *   timestamp   a date; or a date, T or a blank, and a time. With Z, +01:00 or -0130 behind it, of that offset; only where
 *               the type has a zone, and without it UTC
 *   duration    90s, 1500ms, -3us, 7ns */
#include "predicate.h"

typedef struct reader {
  const char *at, *end;
} reader;

static bool accept(reader *in, char c) {
  if (in->at == in->end || *in->at != c) return false;
  in->at++;
  return true;
}

/* Exactly so many digits. */
static bool read_digits(reader *in, int count, int64_t *number) {
  *number = 0;
  for (; count > 0; count--, in->at++) {
    if (in->at == in->end || *in->at < '0' || *in->at > '9') return false;
    *number = 10 * *number + (*in->at - '0');
  }
  return true;
}

static int64_t ten_to(int digits) {
  int64_t power = 1;
  while (digits-- > 0) power *= 10;
  return power;
}

static int days_of_month(int64_t year, int64_t month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && is_leap);
}

/* Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March, so that leap days come last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  int64_t y = year - (month <= 2), of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static bool read_date(reader *in, int64_t *days) {
  int64_t year, month, day;
  if (!read_digits(in, 4, &year) || !accept(in, '-') || !read_digits(in, 2, &month) || !accept(in, '-') ||
      !read_digits(in, 2, &day))
    return false;
  if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) return false;
  *days = days_of(year + 400, month, day) - 146097; /* no negative years on the way */
  return true;
}

/* A fraction in units of 10^-digits; what is finer is left out, and it is not exact then. */
static bool read_fraction(reader *in, int digits, int64_t *fraction, bool *is_exact) {
  const char *first = in->at;
  *fraction = 0;
  for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
    if (in->at - first < digits) *fraction = 10 * *fraction + (*in->at - '0');
    else *is_exact &= *in->at == '0';
  }
  for (int64_t read = in->at - first; read < digits; read++) *fraction *= 10;
  return in->at > first;
}

/* In units of 10^-digits seconds. */
static bool read_clock(reader *in, int digits, int64_t *time, bool *is_exact) {
  int64_t hour, minute, second = 0, fraction = 0;
  if (!read_digits(in, 2, &hour) || !accept(in, ':') || !read_digits(in, 2, &minute)) return false;
  if (accept(in, ':')) {
    if (!read_digits(in, 2, &second)) return false;
    if (accept(in, '.') && !read_fraction(in, digits, &fraction, is_exact)) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *time = (3600 * hour + 60 * minute + second) * ten_to(digits) + fraction;
  return true;
}

/* Seconds east of UTC; none if there is nothing. */
static bool read_offset(reader *in, bool is_allowed, int64_t *seconds) {
  int64_t hours, minutes;
  *seconds = 0;
  if (in->at == in->end) return true;
  if (!is_allowed || accept(in, 'Z')) return is_allowed;
  bool is_west = accept(in, '-');
  if ((!is_west && !accept(in, '+')) || !read_digits(in, 2, &hours)) return false;
  (void)accept(in, ':');
  if (!read_digits(in, 2, &minutes) || hours > 23 || minutes > 59) return false;
  *seconds = (is_west ? -1 : 1) * (3600 * hours + 60 * minutes);
  return true;
}

static bool read_timestamp(reader *in, int digits, bool has_zone, kh_exact *exact) {
  int64_t days, time = 0, offset = 0;
  bool is_exact = true;
  if (!read_date(in, &days)) return false;
  if (in->at < in->end) {
    if (!accept(in, 'T') && !accept(in, ' ')) return false;
    if (!read_clock(in, digits, &time, &is_exact) || !read_offset(in, has_zone, &offset)) return false;
  }
  *exact = kh_exact_of_int((__int128)(86400 * days - offset) * ten_to(digits) + time, is_exact);
  return true;
}

/* A number of one unit in another: the floor. */
static bool read_duration(reader *in, int digits, kh_exact *exact) {
  bool is_negative = accept(in, '-');
  int64_t number = 0;
  const char *first = in->at;
  for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++)
    if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *in->at - '0', &number))
      return false;
  if (in->at == first) return false;
  int unit = accept(in, 'm') ? 3 : accept(in, 'u') ? 6 : accept(in, 'n') ? 9 : 0;
  if (!accept(in, 's')) return false;
  if (is_negative) number = -number;
  __int128 scaled = (__int128)number * ten_to(digits), divisor = ten_to(unit), floor = scaled / divisor;
  bool is_exact = scaled % divisor == 0;
  *exact = kh_exact_of_int(floor - (scaled < 0 && !is_exact), is_exact);
  return true;
}

static int digits_of_unit(enum ArrowTimeUnit unit) {
  switch (unit) {
    case NANOARROW_TIME_UNIT_SECOND: return 0;
    case NANOARROW_TIME_UNIT_MILLI: return 3;
    case NANOARROW_TIME_UNIT_MICRO: return 6;
    default: return 9;
  }
}

bool kh_exact_of_time(khonsu_slice text, const kh_field *field, kh_exact *exact, const char **wanted) {
  struct ArrowSchemaView view = kh_field_parameters(field);
  reader in = {text.data, (const char *)text.data + text.size};
  int digits = digits_of_unit(view.time_unit);
  int64_t value;
  bool is_exact = true, is_read, has_zone = field->type == NANOARROW_TYPE_TIMESTAMP && view.timezone[0] != '\0';
  switch (field->type) {
    case NANOARROW_TYPE_DATE32:
    case NANOARROW_TYPE_DATE64:
      *wanted = "a date like '2013-01-31'";
      is_read = read_date(&in, &value);
      if (is_read) *exact = kh_exact_of_int(field->type == NANOARROW_TYPE_DATE32 ? value : value * 86400000, true);
      break;
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64:
      *wanted = "a time like '12:00:01.5'";
      is_read = read_clock(&in, digits, &value, &is_exact);
      if (is_read) *exact = kh_exact_of_int(value, is_exact);
      break;
    case NANOARROW_TYPE_DURATION:
      *wanted = "a duration like '1500ms'";
      is_read = read_duration(&in, digits, exact);
      break;
    default:
      *wanted = has_zone ? "a timestamp like '2013-01-31T12:00:01Z'" : "a timestamp like '2013-01-31 12:00:01'";
      is_read = read_timestamp(&in, digits, has_zone, exact);
      break;
  }
  return is_read && in.at == in.end;
}
