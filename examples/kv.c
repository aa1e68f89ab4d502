/* flashkv alone: a store of bytes in the directory "kv_example". */
#include <flashkv.h>
#include <stdio.h>

int main(void) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv *store = NULL;
  options.dir_path = "kv_example";

  flashkv_status status = flashkv_open(&options, &store, &error);
  if (status == FLASHKV_OK) status = flashkv_put(store, flashkv_text("greeting"), flashkv_text("hello"), &error);
  if (status == FLASHKV_OK) status = flashkv_get(store, flashkv_text("greeting"), &value, &error);
  if (status == FLASHKV_OK) printf("%.*s\n", (int)value.size, (const char *)value.data); /* in the mapped file itself */
  flashkv_value_release(&value);
  if (status == FLASHKV_OK)
    status = flashkv_close(&store, &error); /* flushes, and writes the index for the next time */
  if (status != FLASHKV_OK) fprintf(stderr, "%s: %s\n", flashkv_status_name(status), error.message);
  (void)flashkv_close(&store, NULL); /* does nothing if it is closed */
  return status == FLASHKV_OK ? 0 : 1;
}
