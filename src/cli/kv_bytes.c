/* Keys and values, as people and pipes write them. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kv.h"

flashkv_status kh_kv_read_bytes(flashkv_slice written, kh_text *bytes, flashkv_error *error) {
  bool read = true;
  if (kh_kv.hex) read = kh_hex_read(kh_kv_plain(written), bytes);
  else if (kh_kv.base64) read = kh_base64_read(kh_kv_plain(written), bytes);
  else kh_text_add(bytes, written.data, written.size);
  if (bytes->failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  if (read) return FLASHKV_OK;
  return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "'%.*s' is not %s", written.size < 40 ? (int)written.size : 40,
                    (const char *)written.data, kh_kv.hex ? "hexadecimal" : "base64");
}

void kh_kv_add_bytes(kh_text *line, flashkv_slice bytes) {
  static int is_terminal = -1;
  if (is_terminal < 0) is_terminal = isatty(STDOUT_FILENO);
  if (kh_kv.hex) kh_text_add_hex(line, kh_kv_plain(bytes));
  else if (kh_kv.base64) kh_text_add_base64(line, kh_kv_plain(bytes));
  else if (is_terminal) kh_text_add_visible(line, kh_kv_plain(bytes));
  else kh_text_add(line, bytes.data, bytes.size);
}

char kh_kv_item_end(void) { return kh_kv.null ? '\0' : '\n'; }

flashkv_status kh_kv_print(kh_text *line, flashkv_error *error) {
  if (line->failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  if (line->size != 0) fwrite(line->data, 1, line->size, stdout);
  kh_text_clear(line);
  return kh_kv_state(error);
}

const char *kh_kv_key(flashkv_slice key, kh_kv_key_text text) {
  enum { SHOWN_MAX = 64 };
  kh_text visible = {.size_max = SHOWN_MAX};
  kh_text_add_visible(&visible, kh_kv_plain(key));
  snprintf(text, sizeof(kh_kv_key_text), "'%.*s%s'", (int)visible.size, visible.size > 0 ? visible.data : "",
           visible.full ? "..." : "");
  kh_text_fini(&visible);
  return text;
}

void kh_kv_add_time(kh_text *line, uint64_t time_us) {
  time_t seconds = (time_t)(time_us / 1000000);
  struct tm parts;
  char text[40];
  if (gmtime_r(&seconds, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
    kh_text_add_number(line, time_us);
    return;
  }
  kh_text_addf(line, "%s.%06uZ", text, (unsigned)(time_us % 1000000));
}
