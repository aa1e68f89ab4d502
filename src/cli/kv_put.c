/* khonsu kv DIR put KEY VALUE */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kv_record.h"

static struct {
  const char *ttl;
  bool literal;
} settings;

/* ---- --ttl: a number and a unit */

static bool read_duration(const char *text, uint64_t *duration_ms) {
  static const struct {
    const char *name;
    uint64_t ms;
  } units[] = {{"ms", 1},          {"s", 1000},         {"m", 60 * 1000},
               {"h", 3600 * 1000}, {"d", 86400 * 1000}, {"w", 7 * UINT64_C(86400) * 1000}};
  char digits[24];
  uint64_t number;
  size_t size = strspn(text, "0123456789");
  if (size == 0 || size >= sizeof digits) return false;
  snprintf(digits, sizeof digits, "%.*s", (int)size, text);
  if (!kh_is_number(digits, &number)) return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(text + size, units[i].name) != 0) continue;
    *duration_ms = number * units[i].ms;
    return number <= (UINT64_MAX >> 1) / units[i].ms;
  }
  return false;
}

static flashkv_status read_expiry(uint64_t *expires_ms, flashkv_error *error) {
  uint64_t duration_ms;
  struct timespec now;
  if (settings.ttl == NULL) return FLASHKV_OK;
  if (!read_duration(settings.ttl, &duration_ms))
    return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "--ttl is '%s': must be a number and one of ms, s, m, h, d, w",
                      settings.ttl);
  clock_gettime(CLOCK_REALTIME, &now);
  *expires_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + duration_ms;
  return FLASHKV_OK;
}

/* ---- the value: the argument, or what it names */

static flashkv_status read_value(const char *word, kh_kv_input *input, kh_text *bytes, flashkv_slice *value,
                                 flashkv_error *error) {
  bool is_file = !settings.literal && (*word == '@' || strcmp(word, "-") == 0);
  flashkv_status status = is_file ? kh_kv_input_open(input, *word == '@' ? word + 1 : word, error)
                                  : kh_kv_read_bytes(flashkv_text(word), bytes, error);
  if (status == FLASHKV_OK && is_file) return kh_kv_input_rest(input, value, error);
  *value = kh_kv_slice(bytes);
  return status;
}

static flashkv_status put(flashkv *store, flashkv_slice key, flashkv_slice value, flashkv_error *error) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  uint64_t sequence;
  flashkv_status status = read_expiry(&options.expires_ms, error);
  if (status == FLASHKV_OK) status = flashkv_put_with(store, key, value, &options, &sequence, error);
  if (status == FLASHKV_OK && kh_kv.json) printf("{\"sequence\":%llu}\n", (unsigned long long)sequence);
  return status;
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  kh_text key = {.data = NULL}, bytes = {.data = NULL};
  kh_kv_input input = {.file = -1};
  flashkv_slice value = {NULL, 0};
  flashkv_status status = kh_kv_read_bytes(flashkv_text(kh_kv.rest.at[0]), &key, error);
  if (status == FLASHKV_OK) status = read_value(kh_kv.rest.at[1], &input, &bytes, &value, error);
  if (status == FLASHKV_OK) status = put(store, kh_kv_slice(&key), value, error);
  kh_kv_input_close(&input);
  kh_text_fini(&bytes);
  kh_text_fini(&key);
  return status;
}

static int run(void) { return kh_kv_run(KH_KV_MAKE, body); }

static const kh_option options[] = {
    {"ttl", "TIME", "the key expires after so long: 500ms, 30s, 5m, 12h, 7d, 2w", .text = &settings.ttl},
    {"literal", NULL, "VALUE is the value, also if it is - or begins with @", .flag = &settings.literal},
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

const kh_command kh_kv_put = {
    .name = "put",
    .summary = "give a key a value",
    .about =
        "Gives a key a value: VALUE itself; with - what comes on standard input, with @FILE what is in the file, both "
        "as "
        "they are, whatever the notation. Makes the store if there is none. --json: an object with the sequence of "
        "the commit.",
    .options = options,
    .argument = "KEY VALUE|-|@FILE",
    .least = 2,
    .most = 2,
    .arguments = &kh_kv.rest,
    .completes = 'f',
    .run = run,
    .outer = &kh_command_kv,
};
