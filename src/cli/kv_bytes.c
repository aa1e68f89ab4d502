/* Keys and values in the notation of the options. */
#include <stdio.h>

#include "kv.h"

flashkv_status kh_kv_read_bytes(flashkv_slice written, kh_text *bytes, flashkv_error *error) {
  bool read = kh_notation_read(kh_kv_plain(written), bytes);
  if (bytes->failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  if (read) return FLASHKV_OK;
  return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "'%.*s' is not %s", written.size < 40 ? (int)written.size : 40,
                    (const char *)written.data, kh_notation_name());
}

void kh_kv_add_bytes(kh_text *line, flashkv_slice bytes) { kh_notation_add(line, kh_kv_plain(bytes)); }

flashkv_status kh_kv_print(kh_text *line, flashkv_error *error) {
  if (line->failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  if (line->size != 0) fwrite(line->data, 1, line->size, stdout);
  kh_text_clear(line);
  return kh_kv_state(error);
}

const char *kh_kv_key(flashkv_slice key, kh_key_text text) { return kh_key_show(kh_kv_plain(key), text); }
