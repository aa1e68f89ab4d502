/* Keys and values, as people and pipes write them. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "text.h"

kh_notation_settings kh_notation;
kh_range_settings kh_range;

const char *kh_notation_name(void) { return kh_notation.hex ? "hexadecimal" : "base64"; }

bool kh_notation_read(khonsu_slice written, kh_text *bytes) {
  if (kh_notation.hex) return kh_hex_read(written, bytes);
  if (kh_notation.base64) return kh_base64_read(written, bytes);
  kh_text_add(bytes, written.data, written.size);
  return true;
}

void kh_notation_add(kh_text *line, khonsu_slice bytes) {
  static int is_terminal = -1;
  if (is_terminal < 0) is_terminal = isatty(STDOUT_FILENO);
  if (kh_notation.hex) kh_text_add_hex(line, bytes);
  else if (kh_notation.base64) kh_text_add_base64(line, bytes);
  else if (is_terminal) kh_text_add_visible(line, bytes);
  else kh_text_add(line, bytes.data, bytes.size);
}

char kh_item_end(void) { return kh_notation.null ? '\0' : '\n'; }

const char *kh_key_show(khonsu_slice key, kh_key_text text) {
  enum { SHOWN_MAX = 64 };
  kh_text visible = {.size_max = SHOWN_MAX};
  kh_text_add_visible(&visible, key);
  snprintf(text, sizeof(kh_key_text), "'%.*s%s'", (int)visible.size, visible.size > 0 ? visible.data : "",
           visible.full ? "..." : "");
  kh_text_fini(&visible);
  return text;
}

void kh_text_add_time(kh_text *line, uint64_t time_us) {
  time_t seconds = (time_t)(time_us / 1000000);
  struct tm parts;
  char text[40];
  if (gmtime_r(&seconds, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
    kh_text_add_number(line, time_us);
    return;
  }
  kh_text_addf(line, "%s.%06uZ", text, (unsigned)(time_us % 1000000));
}
