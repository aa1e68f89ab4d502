/* ls and scan: the same walk through a range of keys, with different columns. */
#include <string.h>

#include "shell.h"

typedef struct walk {
  kh_shell *shell;
  khonsu_range range;
  khonsu_scan_options options;
  bool with_values; /* scan; else ls */
  khonsu_scan *scan;
} walk;

static const kh_list_column ls_columns[] = {{"key", KH_LIST_BYTES},
                                            {"type", KH_LIST_TEXT},
                                            {"rows", KH_LIST_NUMBER},
                                            {"bytes", KH_LIST_NUMBER},
                                            {"version", KH_LIST_NUMBER}};
static const kh_list_column scan_columns[] = {
    {"key", KH_LIST_BYTES}, {"type", KH_LIST_TEXT}, {"version", KH_LIST_NUMBER}, {"value", KH_LIST_VALUE}};

/* ---- tables: how many rows, and of what */

static khonsu_status count_rows(khonsu_scan *scan, uint64_t *rows, khonsu_error *error) {
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_scan_get(scan, &table, error);
  if (status != KHONSU_OK) return status;
  *rows = 0;
  for (;;) {
    struct ArrowArray batch;
    status = kh_next_batch(&table, &batch, error);
    if (status != KHONSU_OK || batch.release == NULL) break;
    *rows += (uint64_t)batch.length;
    batch.release(&batch);
  }
  table.release(&table);
  return status;
}

static khonsu_status add_columns(khonsu_scan *scan, kh_text *text, khonsu_error *error) {
  struct ArrowArrayStream table;
  struct ArrowSchema schema;
  khonsu_status status = khonsu_scan_get(scan, &table, error);
  if (status != KHONSU_OK) return status;
  int code = table.get_schema(&table, &schema);
  table.release(&table);
  if (code != 0) return khonsu_error_set(error, KHONSU_NO_MEMORY, "cannot read a schema: %s", strerror(code));
  kh_type type;
  status = kh_type_init(&type, &schema, error);
  for (int64_t i = 0; status == KHONSU_OK && i < type.count; i++) {
    kh_text_add_string(text, i > 0 ? ", " : "");
    kh_text_add_visible(text, khonsu_key(type.children[i].schema->name != NULL ? type.children[i].schema->name : ""));
    kh_text_add_char(text, ' ');
    kh_type_add_name(&type.children[i], text);
  }
  if (status == KHONSU_OK) kh_type_fini(&type);
  schema.release(&schema);
  return status;
}

/* "12 rows: id int64, name utf8" */
static khonsu_status add_table(kh_list *list, khonsu_scan *scan, khonsu_error *error) {
  kh_text text = {.data = NULL};
  uint64_t rows = 0;
  khonsu_status status = count_rows(scan, &rows, error);
  kh_text_addf(&text, "%llu row%s: ", (unsigned long long)rows, rows == 1 ? "" : "s");
  if (status == KHONSU_OK) status = add_columns(scan, &text, error);
  if (status == KHONSU_OK) kh_list_add_value_text(list, kh_text_slice(&text));
  kh_text_fini(&text);
  return status;
}

/* ---- rows of the list */

static const char *type_name(khonsu_value_type type) {
  return type == KHONSU_TABLE ? "table" : type == KHONSU_COUNTER ? "counter" : "bytes";
}

/* What the current transaction wrote has no version yet. */
static void add_version(kh_list *list, khonsu_version version) {
  if (version != 0) kh_list_add_number(list, version);
  else kh_list_add_null(list);
}

static khonsu_status add_ls_row(kh_list *list, khonsu_scan *scan, const khonsu_entry *entry, khonsu_error *error) {
  uint64_t rows = 0;
  bool is_table = entry->type == KHONSU_TABLE;
  kh_list_add_bytes(list, entry->key);
  kh_list_add_text(list, type_name(entry->type));
  khonsu_status status = is_table ? count_rows(scan, &rows, error) : KHONSU_OK;
  if (is_table) kh_list_add_number(list, rows);
  else kh_list_add_null(list);
  if (entry->type == KHONSU_BYTES) kh_list_add_number(list, entry->bytes.size);
  else kh_list_add_null(list);
  add_version(list, entry->version);
  return status;
}

static khonsu_status add_scan_row(kh_list *list, khonsu_scan *scan, const khonsu_entry *entry, khonsu_error *error) {
  kh_list_add_bytes(list, entry->key);
  kh_list_add_text(list, type_name(entry->type));
  add_version(list, entry->version);
  if (entry->type == KHONSU_TABLE) return add_table(list, scan, error);
  if (entry->type == KHONSU_COUNTER) kh_list_add_value_number(list, entry->counter);
  else kh_list_add_value_bytes(list, entry->bytes);
  return KHONSU_OK;
}

static khonsu_status fill(void *ctx, kh_list *list, khonsu_error *error) {
  walk *self = ctx;
  khonsu_status status = KHONSU_OK;
  while (status == KHONSU_OK && list->rows < KH_LIST_BATCH_ROWS) {
    khonsu_entry entry;
    status = khonsu_scan_next(self->scan, &entry, error);
    if (status == KHONSU_END) return KHONSU_OK;
    if (status != KHONSU_OK) return status;
    status = (self->with_values ? add_scan_row : add_ls_row)(list, self->scan, &entry, error);
  }
  return status;
}

static khonsu_status print_walk(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  walk *self = ctx;
  khonsu_status status = khonsu_scan_open(txn, &self->range, &self->options, &self->scan, error);
  if (status != KHONSU_OK) return status;
  const kh_list_column *columns = self->with_values ? scan_columns : ls_columns;
  size_t count =
      self->with_values ? sizeof scan_columns / sizeof *scan_columns : sizeof ls_columns / sizeof *ls_columns;
  status = kh_shell_print_list(self->shell, columns, count, "key", fill, self, error);
  khonsu_scan_free(&self->scan);
  return status;
}

khonsu_status kh_shell_list(kh_shell *shell, const khonsu_range *range, const khonsu_scan_options *options,
                            bool with_values, khonsu_error *error) {
  walk self = {.shell = shell, .range = *range, .options = *options, .with_values = with_values};
  return kh_shell_look(shell, print_walk, &self, error);
}

/* ---- statements */

khonsu_status kh_shell_ls(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  khonsu_range range = {.prefix = {NULL, 0}};
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  if (words->count > 1) range.prefix = kh_word_at(words, 1);
  return kh_shell_list(shell, &range, &options, false, error);
}

static bool is_keyword(const kh_words *words, size_t index) {
  return kh_word_is(words, index, "from") || kh_word_is(words, index, "to") || kh_word_is(words, index, "reverse") ||
         kh_word_is(words, index, "limit");
}

/* One keyword, at *at, which goes on to its value. */
static khonsu_status read_keyword(const kh_words *words, size_t *at, walk *self, khonsu_error *error) {
  if (kh_word_is(words, *at, "reverse")) {
    self->options.reverse = true;
    return KHONSU_OK;
  }
  bool is_from = kh_word_is(words, *at, "from"), is_to = kh_word_is(words, *at, "to");
  if (!is_from && !is_to && !kh_word_is(words, *at, "limit"))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                            "after the prefix there may be from KEY, to KEY, reverse, limit N");
  if (++*at >= words->count)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the last word wants a value behind it");
  if (is_from) self->range.first = kh_word_at(words, *at);
  else if (is_to) self->range.end = kh_word_at(words, *at);
  else {
    const char *text = kh_word_string(words, *at);
    if (text == NULL || !kh_is_number(text, &self->options.limit) || self->options.limit == 0)
      return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the limit must be a number from 1 on");
  }
  return KHONSU_OK;
}

khonsu_status kh_shell_scan(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  walk self = {.shell = shell, .options = KHONSU_SCAN_OPTIONS_INIT, .with_values = true};
  khonsu_status status = KHONSU_OK;
  size_t at = 1;
  if (words->count > 1 && !is_keyword(words, 1)) self.range.prefix = kh_word_at(words, at++);
  for (; status == KHONSU_OK && at < words->count; at++) status = read_keyword(words, &at, &self, error);
  return status == KHONSU_OK ? kh_shell_list(shell, &self.range, &self.options, true, error) : status;
}
