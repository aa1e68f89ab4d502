#include <string.h>

#include "txn_script.h"

static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">=", NULL};
static const char *const kinds[] = {"exists", "missing", "value", "version", "rows", NULL}; /* kh_condition_kind */

/* ---- reading */

static khonsu_status wrong(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT,
                          "a condition is one of: exists KEY, missing KEY, value KEY OP VALUE, version KEY OP NUMBER, "
                          "rows KEY OP NUMBER; OP is = != < <= > or >=");
}

static int find_word(const kh_words *words, size_t index, const char *const *choices) {
  const char *word = index < words->count ? kh_word_string(words, index) : NULL;
  return word != NULL ? kh_choice_find(choices, word) : -1;
}

khonsu_status kh_condition_read(const kh_words *words, kh_condition *condition, khonsu_error *error) {
  int kind = find_word(words, 1, kinds);
  bool compares = kind >= KH_CONDITION_VALUE;
  if (kind < 0 || words->count != (compares ? 5 : 3)) return wrong(error);
  *condition = (kh_condition){.kind = (kh_condition_kind)kind, .key = kh_word_at(words, 2)};
  if (!compares) return KHONSU_OK;
  condition->comparison = find_word(words, 3, signs);
  condition->wanted = kh_word_at(words, 4);
  if (condition->comparison < 0) return wrong(error);
  const char *number = kh_word_string(words, 4);
  if (kind == KH_CONDITION_VALUE || (number != NULL && kh_is_number(number, &condition->number))) return KHONSU_OK;
  return wrong(error);
}

/* ---- comparing: `order` is below, at or above zero */

static bool compare(int comparison, int order) {
  const bool results[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
  return results[comparison];
}

static int order_of_numbers(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }
static int order_of_counters(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

static int order_of_bytes(khonsu_slice a, khonsu_slice b) {
  size_t size = a.size < b.size ? a.size : b.size;
  int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
  return order != 0 ? order : order_of_numbers(a.size, b.size);
}

/* ---- what is there */

static khonsu_status count_rows(khonsu_txn *txn, khonsu_slice key, uint64_t *rows, khonsu_error *error) {
  struct ArrowArrayStream table;
  struct ArrowArray batch;
  khonsu_status status = khonsu_get(txn, key, &table, error);
  if (status != KHONSU_OK) return status;
  *rows = 0;
  while ((status = kh_next_batch(&table, &batch, error)) == KHONSU_OK && batch.release != NULL) {
    *rows += (uint64_t)batch.length;
    batch.release(&batch);
  }
  table.release(&table);
  return status;
}

/* A scan of this key alone knows its version. */
static khonsu_status find_version(khonsu_txn *txn, khonsu_slice key, khonsu_version *version, khonsu_error *error) {
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  khonsu_range range = {.prefix = key, .first = key};
  khonsu_entry entry;
  khonsu_scan *scan;
  options.keys_only = true;
  options.limit = 1;
  *version = 0;
  kh_text end = {.data = NULL};
  kh_text_add(&end, key.data, key.size);
  kh_text_add_char(&end, '\0');
  range.end = kh_text_slice(&end);
  khonsu_status status = end.failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory")
                                    : khonsu_scan_open(txn, &range, &options, &scan, error);
  kh_text_fini(&end);
  if (status != KHONSU_OK) return status;
  status = khonsu_scan_next(scan, &entry, error);
  if (status == KHONSU_OK) *version = entry.version;
  khonsu_scan_free(&scan);
  return status == KHONSU_END ? KHONSU_OK : status;
}

static khonsu_status compare_counter(const kh_condition *self, int64_t counter, bool *holds, khonsu_error *error) {
  kh_text wanted = {.data = NULL};
  int64_t number = 0;
  kh_text_add(&wanted, self->wanted.data, self->wanted.size);
  kh_text_add_char(&wanted, '\0');
  khonsu_status status = wanted.failed ? khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory")
                                       : kh_counter_read(wanted.data, &number, error);
  kh_text_fini(&wanted);
  *holds = compare(self->comparison, order_of_counters(counter, number));
  return status;
}

static khonsu_status compare_value(const kh_condition *self, khonsu_txn *txn, bool *holds, khonsu_error *error) {
  kh_value value;
  khonsu_status status = kh_value_get(txn, self->key, &value, error);
  if (status != KHONSU_OK) return status;
  if (value.type == KHONSU_TABLE)
    status = khonsu_error_set(error, KHONSU_WRONG_TYPE, "the key holds a table: compare its rows, or its version");
  else if (value.type == KHONSU_COUNTER) status = compare_counter(self, value.counter, holds, error);
  else
    *holds =
        compare(self->comparison, order_of_bytes((khonsu_slice){value.bytes.data, value.bytes.size}, self->wanted));
  kh_value_release(&value);
  return status;
}

static khonsu_status compare_rows(const kh_condition *self, khonsu_txn *txn, bool *holds, khonsu_error *error) {
  uint64_t rows = 0;
  khonsu_status status = count_rows(txn, self->key, &rows, error);
  *holds = compare(self->comparison, order_of_numbers(rows, self->number));
  return status;
}

static khonsu_status compare_version(const kh_condition *self, khonsu_txn *txn, bool *holds, khonsu_error *error) {
  khonsu_version version = 0;
  khonsu_status status = find_version(txn, self->key, &version, error);
  *holds = compare(self->comparison, order_of_numbers(version, self->number));
  return status;
}

khonsu_status kh_condition_holds(const kh_condition *self, khonsu_txn *txn, bool *holds, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  *holds = false;
  switch (self->kind) {
    case KH_CONDITION_EXISTS: return khonsu_exists(txn, self->key, holds, error);
    case KH_CONDITION_MISSING:
      status = khonsu_exists(txn, self->key, holds, error);
      *holds = !*holds;
      return status;
    case KH_CONDITION_VALUE: status = compare_value(self, txn, holds, error); break;
    case KH_CONDITION_VERSION: return compare_version(self, txn, holds, error);
    case KH_CONDITION_ROWS: status = compare_rows(self, txn, holds, error); break;
  }
  if (status != KHONSU_NOT_FOUND) return status;
  *holds = false;
  return KHONSU_OK;
}
