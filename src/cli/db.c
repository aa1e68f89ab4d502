/* What options of commands over a database say. */
#include "db.h"

#include <inttypes.h>
#include <unistd.h>

enum { ROWS_SHOWN = 40 };

static const char *set_words[KH_LIST_MAX];

kh_db_settings kh_db = {
    .set = {.at = set_words}, .rows_max = ROWS_SHOWN, .isolation = KHONSU_SERIALIZABLE - KHONSU_READ_COMMITTED};

const char *const kh_durability_names[] = {"sync", "buffered", "async", NULL}; /* from KHONSU_SYNC on */

/* jsonl is what many call the same. */
const char *const kh_db_format_names[] = {"auto", "table", "json", "jsonl", "csv", "arrow", NULL};

int kh_db_format_of(int choice) {
  static const int formats[] = {KH_FORMAT_TABLE, KH_FORMAT_JSON, KH_FORMAT_JSON, KH_FORMAT_CSV, KH_FORMAT_ARROW};
  return formats[choice - 1];
}

bool kh_db_format_is_told(void) { return kh_db.json || kh_db.format > 0; }

int kh_db_format(kh_db_result result) {
  if (kh_db.json) return KH_FORMAT_JSON;
  if (kh_db.format > 0) return kh_db_format_of(kh_db.format);
  if (result == KH_DB_FIGURES || isatty(STDOUT_FILENO)) return KH_FORMAT_TABLE;
  return result == KH_DB_TABLE ? KH_FORMAT_ARROW : KH_FORMAT_JSON;
}

khonsu_status kh_db_bytes(const char *written, kh_text *bytes, khonsu_error *error) {
  bool read = kh_notation_read(khonsu_key(written), bytes);
  if (bytes->failed) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  if (read) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "'%.40s' is not %s", written, kh_notation_name());
}

void kh_db_print_version(const kh_shell *shell) {
  if (kh_db.json) printf("{\"version\":%" PRIu64 "}\n", shell->committed);
}
