/* khonsu kv DIR stat: the figures that mean something for a store that was opened just now. */
#include <stdio.h>
#include <string.h>

#include "kv_record.h"

enum { SALVAGE_FIGURES = 2 }; /* the last ones mean something with --salvage only */

typedef struct figure {
  const char *name, *json;
  uint64_t value;
  bool is_size;
} figure;

static void print_line(const figure *row) {
  kh_bytes_text size;
  kh_grouped_text number;
  printf("%-22s %s", row->name, kh_grouped(row->value, number));
  if (row->is_size && row->value >= 1024) printf("  (%s)", kh_bytes(row->value, size));
  putchar('\n');
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  flashkv_stats s = FLASHKV_STATS_INIT;
  flashkv_recovery opened = FLASHKV_RECOVERY_INIT;
  flashkv_stat(store, &s);
  flashkv_recovered(store, &opened);
  const figure figures[] = {
      {"keys", "keys", s.key_num, false},
      {"data files", "data_files", s.data_file_num, false},
      {"bytes on disk", "disk_bytes", s.disk_size, true},
      {"  of live records", "live_bytes", s.live_size, true},
      {"  that merging frees", "dead_bytes", s.reclaim_size, true},
      {"bytes of the index", "index_bytes", s.index_memory, true},
      {"newest commit", "sequence", s.sequence, false},
      {"replay possible from", "oldest_replay", s.oldest_replay, false},
      {"records retained", "retained", s.retained, false},
      {"read at opening", "records_read", opened.records, false},
      {"files read", "files_read", opened.files_scanned, false},
      {"bytes cut off by crash", "bytes_dropped", opened.bytes_dropped, true},
      {"damaged places", "findings", opened.findings, false},
      {"records lost", "records_lost", opened.records_lost, false},
  };
  kh_text line = {.data = NULL};
  kh_text_add_char(&line, '{');
  size_t count = sizeof figures / sizeof *figures - (kh_kv.salvage ? 0 : SALVAGE_FIGURES);
  for (size_t i = 0; i < count; i++) {
    if (kh_kv.json) kh_json_number(&line, figures[i].json, figures[i].value);
    else print_line(&figures[i]);
  }
  kh_text_addf(&line, ",\"clean\":%s}\n", opened.clean ? "true" : "false");
  flashkv_status status = kh_kv.json ? kh_kv_print(&line, error) : FLASHKV_OK;
  kh_text_fini(&line);
  return status;
}

static int run(void) { return kh_kv_run(KH_KV_READ, body); }

const kh_command kh_kv_stat = {
    .name = "stat",
    .summary = "print figures of the store",
    .about =
        "Prints how much there is of keys, files and bytes, and what opening had to read. --json: an object with keys, "
        "data_files, disk_bytes, live_bytes, dead_bytes, index_bytes, sequence, oldest_replay, retained, "
        "records_read, files_read, bytes_dropped, clean; with --salvage also findings, records_lost.",
    .run = run,
    .outer = &kh_command_kv,
};
