/* khonsu kv DIR ls */
#include "kv_record.h"

static struct { bool values, details; } settings;

static void add_details(kh_text *line, const flashkv_value *value) {
  kh_text_add_number(line, value->size);
  kh_text_add_char(line, '\t');
  kh_text_add_number(line, value->sequence);
  kh_text_add_char(line, '\t');
  kh_text_add_time(line, value->timestamp_us);
  kh_text_add_char(line, '\t');
  if (value->expires_ms != 0) kh_text_add_time(line, value->expires_ms * 1000);
  else kh_text_add_char(line, '-');
  kh_text_add_char(line, '\t');
}

static void add_line(kh_text *line, flashkv_slice key, const flashkv_value *value) {
  if (settings.details) add_details(line, value);
  kh_kv_add_bytes(line, key);
  if (settings.values) kh_text_add_char(line, '\t');
  if (settings.values) kh_kv_add_bytes(line, (flashkv_slice){value->data, value->size});
  kh_text_add_char(line, kh_item_end());
}

static void add_object(kh_text *line, flashkv_slice key, const flashkv_value *value) {
  kh_text_add_char(line, '{');
  kh_kv_json_member(line, "key", key);
  if (settings.values) kh_kv_json_member(line, "value", (flashkv_slice){value->data, value->size});
  if (settings.details) {
    kh_json_number(line, "size", value->size);
    kh_json_number(line, "sequence", value->sequence);
    kh_json_number(line, "time_us", value->timestamp_us);
    if (value->expires_ms != 0) kh_json_number(line, "expires_ms", value->expires_ms);
  }
  kh_text_add_string(line, "}\n");
}

static flashkv_status visit(void *ctx, flashkv_slice key, const flashkv_value *value, flashkv_error *error) {
  kh_text *line = ctx;
  if (kh_kv.json) add_object(line, key, value);
  else add_line(line, key, value);
  return kh_kv_print(line, error);
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  kh_text line = {.data = NULL};
  flashkv_status status = kh_kv_walk(store, settings.values || settings.details, visit, &line, error);
  kh_text_fini(&line);
  return status;
}

static int run(void) { return kh_kv_run(KH_KV_READ, body); }

static const kh_option options[] = {
    KH_RANGE_OPTIONS,
    KH_LIST_OPTIONS,
    {"values", NULL, "with the values, behind a tab", .flag = &settings.values},
    {"long", NULL, "with size, sequence, time and expiry, before the key, with tabs between them",
     .flag = &settings.details},
    KH_BYTES_OPTIONS,
    KH_NULL_OPTION,
    {.name = NULL},
};

const kh_command kh_kv_ls = {
    .name = "ls",
    .summary = "list keys, in order",
    .about =
        "Lists keys in the order of their bytes, one on a line. Keys and values with line's ends in them need --null, "
        "--hex, --base64 or --json to be told apart. --json: an object for each key: key; with --values value; with "
        "--long size, sequence, time_us, expires_ms (not there if it never expires).",
    .options = options,
    .run = run,
    .outer = &kh_command_kv,
};
