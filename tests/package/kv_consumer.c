#include <flashkv.h>

/* Names from inside the library are free for its user; so are those of libkhonsu, which is made of the same rooms. */
int kh_check_failed(int argument);
int kh_check_failed(int argument) { return argument; }
int khonsu_error_set(int argument);
int khonsu_error_set(int argument) { return argument; }

int main(void) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv *store = NULL;
  options.dir_path = "kv_consumer_store";
  flashkv_status status = flashkv_open(&options, &store, NULL);
  if (status == FLASHKV_OK) status = flashkv_put(store, flashkv_text("key"), flashkv_text("value"), NULL);
  if (status == FLASHKV_OK) status = flashkv_get(store, flashkv_text("key"), &value, NULL);
  flashkv_value_release(&value);
  flashkv_status closed = flashkv_close(&store, NULL);
  int own = kh_check_failed(1) + khonsu_error_set(1);
  return status == FLASHKV_OK && closed == FLASHKV_OK && own == 2 ? 0 : 1;
}
