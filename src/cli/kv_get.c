/* khonsu kv DIR get KEY...
 *
 * The value of one key is written as it is, without a line's end, so that it can be a file. The values of several, or of
 * a list, are a list themselves. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kv_record.h"

enum { MISSING_SAID_MAX = 10 };

static bool raw;

typedef struct task {
  flashkv *store;
  bool is_list;
  uint64_t count, missing;
  kh_text line;
} task;

static void add_object(kh_text *line, flashkv_slice key, const flashkv_value *value) {
  kh_text_add_char(line, '{');
  kh_kv_json_member(line, "key", key);
  kh_kv_json_member(line, "value", (flashkv_slice){value->data, value->size});
  kh_json_number(line, "size", value->size);
  kh_json_number(line, "sequence", value->sequence);
  kh_json_number(line, "time_us", value->timestamp_us);
  if (value->expires_ms != 0) kh_json_number(line, "expires_ms", value->expires_ms);
  kh_text_add_string(line, "}\n");
}

static void add_value(const task *self, kh_text *line, const flashkv_value *value) {
  flashkv_slice bytes = {value->data, value->size};
  if (raw) kh_text_add(line, bytes.data, bytes.size);
  else kh_kv_add_bytes(line, bytes);
  if (self->is_list || isatty(STDOUT_FILENO)) kh_text_add_char(line, kh_item_end());
}

static flashkv_status print(task *self, flashkv_slice key, const flashkv_value *value, flashkv_error *error) {
  if (kh_kv.json) add_object(&self->line, key, value);
  else add_value(self, &self->line, value);
  return kh_kv_print(&self->line, error);
}

static flashkv_status get(task *self, flashkv_slice key, flashkv_error *error) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  kh_key_text text;
  self->count++;
  flashkv_status status = flashkv_get(self->store, key, &value, error);
  if (status == FLASHKV_NOT_FOUND) {
    if (self->is_list && self->missing < MISSING_SAID_MAX)
      kh_complain("there is no value at key %s", kh_kv_key(key, text));
    else if (!self->is_list) kh_kv_fail(error, status, "there is no value at key %s", kh_kv_key(key, text));
    self->missing++;
    return FLASHKV_OK;
  }
  if (status != FLASHKV_OK) return status;
  status = print(self, key, &value, error);
  flashkv_value_release(&value);
  return status;
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  task self = {.store = store, .is_list = kh_kv.rest.count > 1 || strcmp(kh_kv.rest.at[0], "-") == 0};
  kh_kv_keys keys = {.next = 0};
  flashkv_slice key;
  flashkv_status status = kh_kv_keys_next(&keys, &key, error);
  for (; status == FLASHKV_OK; status = status == FLASHKV_OK ? kh_kv_keys_next(&keys, &key, error) : status)
    status = get(&self, key, error);
  kh_kv_keys_fini(&keys);
  kh_text_fini(&self.line);
  if (status != FLASHKV_END) return status;
  if (self.missing == 0) return FLASHKV_OK;
  if (!self.is_list) return FLASHKV_NOT_FOUND;
  return kh_kv_fail(error, FLASHKV_NOT_FOUND, "%llu of %llu keys have no value", (unsigned long long)self.missing,
                    (unsigned long long)self.count);
}

static int run(void) { return kh_kv_run(KH_KV_READ, body); }

static const kh_option options[] = {
    KH_BYTES_OPTIONS,
    {"raw", NULL, "values as they are, whatever the notation of keys is", .flag = &raw},
    KH_NULL_OPTION,
    {.name = NULL},
};

const kh_command kh_kv_get = {
    .name = "get",
    .summary = "print the value of a key, or of several",
    .about =
        "Prints the value of a key as it is, without a line's end. Of several keys, or of -, which stands for a list "
        "of "
        "keys on standard input, it prints a list of values. The exit status is 3 if a key has no value. --json: "
        "an object for each key that has one: key, value, size, sequence, time_us, expires_ms (not there if it "
        "never expires); what is not UTF-8 is in key_base64 and value_base64.",
    .options = options,
    .argument = "KEY...",
    .least = 1,
    .most = SIZE_MAX,
    .arguments = &kh_kv.rest,
    .run = run,
    .outer = &kh_command_kv,
};
