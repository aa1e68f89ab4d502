#include "print.h"

enum { READABLE_MIN = 8 };

static const char ellipsis[] = "\xe2\x80\xa6";

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* What columns take that are at most `cap` wide, with the gaps between them, and the mark behind them. */
static size_t total_width(const size_t *widths, size_t count, size_t cap, bool marked) {
  size_t total = (count - 1) * KH_COLUMN_GAP + (marked ? KH_COLUMN_GAP + 1 : 0);
  for (size_t i = 0; i < count; i++) total += least(widths[i], cap);
  return total;
}

static size_t widest(const size_t *widths, size_t count) {
  size_t width = 1;
  for (size_t i = 0; i < count; i++)
    if (widths[i] > width) width = widths[i];
  return width;
}

/* The most that the columns can be and still fit; 1 if nothing fits. A search by halves: the total grows with the
 * cap. */
static size_t find_cap(const size_t *widths, size_t count, size_t available, bool marked) {
  size_t low = 1, high = widest(widths, count);
  while (low < high) {
    size_t middle = low + (high - low + 1) / 2;
    if (total_width(widths, count, middle, marked) <= available) low = middle;
    else high = middle - 1;
  }
  return low;
}

size_t kh_layout_fit(size_t *widths, size_t count, size_t available) {
  if (count == 0) return 0;
  size_t shown = count;
  while (shown > 1 && total_width(widths, shown, READABLE_MIN, shown < count) > available) shown--;
  bool marked = shown < count;
  size_t cap = find_cap(widths, shown, available, marked);
  size_t used = total_width(widths, shown, cap, marked), spare = used < available ? available - used : 0;
  for (size_t i = 0; i < shown; i++) {
    if (widths[i] <= cap) continue;
    widths[i] = cap + (spare > 0);
    if (spare > 0) spare--;
  }
  return shown;
}

size_t kh_add_cut(kh_text *line, khonsu_slice text, size_t width) {
  size_t natural = kh_utf8_width(text);
  if (natural <= width) {
    kh_text_add(line, text.data, text.size);
    return natural;
  }
  size_t kept = kh_utf8_fit(text, width - 1);
  kh_text_add(line, text.data, kept);
  kh_text_add_string(line, ellipsis);
  return kh_utf8_width((khonsu_slice){text.data, kept}) + 1;
}
