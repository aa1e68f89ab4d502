#include "flash_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- findings */

void kh_check_found(kh_check *check, khonsu_slice key, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  check->result->findings++;
  khonsu_finding finding = {NULL, 0, text, key};
  if (check->options->finding != NULL) check->options->finding(check->options->ctx, &finding);
}

static void forward(void *ctx, const flashkv_finding *found) {
  const kh_check *check = ctx;
  const uint8_t *key = found->key.data;
  khonsu_finding finding = {found->file, found->offset, found->text, {NULL, 0}};
  if (found->key.size > 1 && key[0] == KH_SPACE_USER) finding.key = kh_slice(key + 1, found->key.size - 1);
  if (check->options->finding != NULL) check->options->finding(check->options->ctx, &finding);
}

static int forward_progress(void *ctx, const char *phase, uint64_t done, uint64_t total) {
  const khonsu_check_options *options = ((const kh_check *)ctx)->options;
  return options->progress == NULL ? 0 : options->progress(options->ctx, phase, done, total);
}

khonsu_status kh_check_flashkv(kh_check *check, kh_flashkv_look *look, const char *path) {
  flashkv_check_options options = FLASHKV_CHECK_OPTIONS_INIT;
  flashkv_check_result result = FLASHKV_CHECK_RESULT_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  options.finding = forward;
  options.progress = forward_progress;
  options.ctx = check;
  flashkv_status status = look(path, &options, &result, &cause);
  check->result->files = result.files;
  check->result->records = result.records;
  check->result->bytes = result.bytes;
  check->result->findings += result.findings;
  check->result->lost += result.records_lost;
  return kh_flash_tell(check->error, status, &cause);
}

/* ---- one table */

static khonsu_status no_memory(const kh_check *check) {
  return khonsu_error_set(check->error, KHONSU_NO_MEMORY, "no memory to check tables");
}

static bool is_fatal(khonsu_status status) {
  return status == KHONSU_NO_MEMORY || status == KHONSU_CANCELLED || status == KHONSU_IO;
}

/* A record of a table. NOT_FOUND, CORRUPT: told, as far as it is not damage, which flashkv has told. */
static khonsu_status get_part(kh_check *check, khonsu_slice key, const kh_head *head, int space, uint64_t number,
                              flashkv_value *value) {
  uint8_t bytes[KH_PART_KEY_SIZE];
  flashkv_error cause = FLASHKV_ERROR_INIT;
  khonsu_slice stored = kh_part_key(bytes, space, head->incarnation, number);
  flashkv_status status = flashkv_get(check->store, kh_flash_slice(stored), value, &cause);
  if (status == FLASHKV_OK) return KHONSU_OK;
  kh_check_found(check, key, "%s %llu of its table %s", space == KH_SPACE_CHUNK ? "chunk" : "directory segment",
                 (unsigned long long)number, status == FLASHKV_NOT_FOUND ? "is missing" : "cannot be read");
  return status == FLASHKV_NOT_FOUND || status == FLASHKV_CORRUPT ? KHONSU_NOT_FOUND
                                                                  : kh_flash_fail(check->error, status, &cause);
}

/* Whether the piece is a chunk of so many rows, values and all. */
static khonsu_status check_piece(kh_check *check, khonsu_slice key, kh_ipc_layout *layout, khonsu_slice piece,
                                 const kh_entry *entry, bool *whole) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_memory *memory = kh_memory_new(piece, NULL, NULL);
  kh_chunk *chunk;
  if (memory == NULL) return no_memory(check);
  khonsu_status status = kh_ipc_decode_piece(layout, memory, piece, check->limits, false, &chunk, &error);
  *whole = status == KHONSU_OK && kh_chunk_row_count(chunk) == entry->rows && piece.size == entry->bytes;
  if (status != KHONSU_OK) kh_check_found(check, key, "chunk %llu: %s", (unsigned long long)entry->id, error.message);
  else if (!*whole)
    kh_check_found(check, key, "chunk %llu has %llu rows in %zu bytes, and the directory says %llu in %llu",
                   (unsigned long long)entry->id, (unsigned long long)kh_chunk_row_count(chunk), piece.size,
                   (unsigned long long)entry->rows, (unsigned long long)entry->bytes);
  if (status == KHONSU_OK) kh_chunk_unref(chunk);
  kh_memory_unref(memory);
  khonsu_error_clear(&error);
  return status == KHONSU_NO_MEMORY ? no_memory(check) : KHONSU_OK;
}

/* What is gathered of a table on the way. */
typedef struct sums {
  kh_buffer all, whole; /* of kh_entry: of the directory; of these, those whose chunks are whole */
  uint64_t rows, bytes;
} sums;

static khonsu_status check_entry(kh_check *check, khonsu_slice key, const kh_head *head, kh_ipc_layout *layout,
                                 kh_entry entry, sums *to) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  bool whole;
  if (entry.id >= head->next_id)
    kh_check_found(check, key, "chunk %llu of its table has an id that was never given out",
                   (unsigned long long)entry.id);
  if (kh_buffer_append(&to->all, &entry, sizeof entry) != KHONSU_OK) return no_memory(check);
  khonsu_status status = get_part(check, key, head, KH_SPACE_CHUNK, entry.id, &value);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK;
  if (status != KHONSU_OK) return status;
  status = check_piece(check, key, layout, kh_slice(value.data, value.size), &entry, &whole);
  flashkv_value_release(&value);
  to->rows += entry.rows;
  to->bytes += entry.bytes;
  if (status == KHONSU_OK && whole && kh_buffer_append(&to->whole, &entry, sizeof entry) != KHONSU_OK)
    status = no_memory(check);
  return status;
}

static khonsu_status check_entries(kh_check *check, khonsu_slice key, const kh_head *head, kh_ipc_layout *layout,
                                   const uint8_t *entries, uint64_t count, sums *to) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = check_entry(check, key, head, layout, kh_entry_read(entries, i), to);
  return status;
}

static khonsu_status check_segment(kh_check *check, khonsu_slice key, const kh_head *head, kh_ipc_layout *layout,
                                   uint64_t number, sums *to) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  khonsu_status status = get_part(check, key, head, KH_SPACE_SEGMENT, number, &value);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK;
  if (status != KHONSU_OK) return status;
  if (value.size == KH_SEGMENT_SIZE)
    status = check_entries(check, key, head, layout, value.data, KH_SEGMENT_ENTRIES, to);
  else kh_check_found(check, key, "directory segment %llu has %zu bytes", (unsigned long long)number, value.size);
  flashkv_value_release(&value);
  return status;
}

static khonsu_status check_chunks(kh_check *check, khonsu_slice key, const kh_head *head, kh_ipc_layout *layout,
                                  sums *to) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t number = 0; number < kh_head_segments(head) && status == KHONSU_OK; number++)
    status = check_segment(check, key, head, layout, number, to);
  if (status != KHONSU_OK) return status;
  return check_entries(check, key, head, layout, head->entries, kh_head_tail(head), to);
}

static khonsu_status note_table(kh_check *check, kh_incarnation incarnation, uint64_t segments,
                                const kh_buffer *entries) {
  const kh_entry *all = (const kh_entry *)(const void *)entries->data;
  uint64_t count = entries->size / sizeof *all;
  kh_checked_table noted = {incarnation, segments, check->ids.size / sizeof(uint64_t), count};
  khonsu_status status = kh_buffer_append(&check->tables, &noted, sizeof noted);
  for (uint64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = kh_buffer_append(&check->ids, &all[i].id, sizeof all[i].id);
  return status == KHONSU_OK ? status : no_memory(check);
}

static khonsu_status end_table(kh_check *check, khonsu_slice stored_key, const kh_head *head, const sums *of) {
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1);
  uint64_t count = of->whole.size / sizeof(kh_entry);
  bool is_whole = count == head->chunk_count;
  if (is_whole && (of->rows != head->rows || of->bytes != head->bytes)) {
    kh_check_found(check, key, "its table's chunks have %llu rows in %llu bytes, and its head says %llu in %llu",
                   (unsigned long long)of->rows, (unsigned long long)of->bytes, (unsigned long long)head->rows,
                   (unsigned long long)head->bytes);
    is_whole = false;
  }
  if (is_whole || check->cut_table == NULL)
    return note_table(check, head->incarnation, kh_head_segments(head), &of->all);
  khonsu_status status = check->cut_table(check, stored_key, head, &of->whole);
  return status == KHONSU_OK ? note_table(check, head->incarnation, count / KH_SEGMENT_ENTRIES, &of->whole) : status;
}

static khonsu_status check_parts(kh_check *check, khonsu_slice stored_key, const kh_head *head, kh_ipc_layout *layout) {
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1);
  sums of = {{NULL, 0, 0}, {NULL, 0, 0}, 0, 0};
  khonsu_status status = check_chunks(check, key, head, layout, &of);
  if (status == KHONSU_OK) status = end_table(check, stored_key, head, &of);
  kh_buffer_fini(&of.all);
  kh_buffer_fini(&of.whole);
  return status;
}

/* `why` has a text where it is CORRUPT. */
static khonsu_status check_table(kh_check *check, khonsu_slice stored_key, khonsu_slice bytes, khonsu_error *why) {
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1);
  kh_head head;
  kh_ipc_layout *layout;
  khonsu_status status = kh_head_read(key, bytes, &head, why);
  if (status == KHONSU_OK) status = kh_ipc_layout_new(head.schema, check->limits, &layout, why);
  if (status != KHONSU_OK) return status;
  bool whole = true;
  check->result->tables++;
  check->result->chunks += head.chunk_count;
  check->result->rows += head.rows;
  if (!head.is_inline) {
    status = check_parts(check, stored_key, &head, layout);
  } else {
    kh_entry entry = {0, head.rows, head.inline_piece.size};
    status = check_piece(check, key, layout, head.inline_piece, &entry, &whole);
  }
  kh_ipc_layout_unref(layout);
  if (status == KHONSU_OK && !whole && check->drop_key != NULL) status = check->drop_key(check, stored_key);
  return status;
}

/* ---- records, space by space */

static khonsu_status check_value(kh_check *check, khonsu_slice stored_key, khonsu_slice value) {
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1), bytes;
  khonsu_error why = KHONSU_ERROR_INIT;
  khonsu_value_type type;
  int64_t number;
  check->result->keys++;
  khonsu_status status = kh_flash_value_split(key, value, &type, &bytes, &why);
  if (status == KHONSU_OK && type == KHONSU_COUNTER) status = kh_storage_decode_counter(bytes, key, &number, &why);
  if (status == KHONSU_OK && type == KHONSU_TABLE) status = check_table(check, stored_key, bytes, &why);
  if (is_fatal(status)) {
    if (why.status == status) khonsu_error_set(check->error, status, "%s", why.message);
  } else if (status != KHONSU_OK) {
    kh_check_found(check, key, "%s", why.message);
    status = check->drop_key != NULL ? check->drop_key(check, stored_key) : KHONSU_OK;
  }
  khonsu_error_clear(&why);
  return status;
}

static int by_incarnation(const void *a, const void *b) {
  const kh_incarnation *one = a, *other = b; /* what a kh_checked_table begins with */
  if (one->version != other->version) return one->version < other->version ? -1 : 1;
  return one->ordinal < other->ordinal ? -1 : one->ordinal > other->ordinal;
}

static int by_number(const void *a, const void *b) {
  uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
  return one < other ? -1 : one > other;
}

static void sort_notes(kh_check *check) {
  kh_checked_table *tables = (kh_checked_table *)(void *)check->tables.data;
  uint64_t *ids = (uint64_t *)(void *)check->ids.data;
  size_t count = check->tables.size / sizeof *tables;
  if (count == 0) return;
  for (size_t i = 0; i < count; i++)
    if (tables[i].ids > 1) qsort(ids + tables[i].first_id, tables[i].ids, sizeof *ids, by_number);
  qsort(tables, count, sizeof *tables, by_incarnation);
}

static const kh_checked_table *find_table(const kh_check *check, kh_incarnation incarnation) {
  size_t count = check->tables.size / sizeof(kh_checked_table);
  if (count == 0) return NULL;
  return bsearch(&incarnation, check->tables.data, count, sizeof(kh_checked_table), by_incarnation);
}

static bool has_chunk(const kh_check *check, const kh_checked_table *table, uint64_t id) {
  const uint64_t *ids = (const uint64_t *)(const void *)check->ids.data;
  return table->ids != 0 && bsearch(&id, ids + table->first_id, table->ids, sizeof id, by_number) != NULL;
}

/* A chunk or segment must be some table's. */
static khonsu_status check_owner(kh_check *check, khonsu_slice stored_key, khonsu_slice value) {
  (void)value;
  kh_incarnation incarnation;
  uint64_t number;
  bool is_chunk = ((const uint8_t *)stored_key.data)[0] == KH_SPACE_CHUNK;
  const kh_checked_table *table = NULL;
  if (kh_part_key_read(stored_key, &incarnation, &number)) table = find_table(check, incarnation);
  if (table != NULL && (is_chunk ? has_chunk(check, table, number) : number < table->segments)) return KHONSU_OK;
  kh_check_found(check, kh_slice(NULL, 0), "a %s that is no table's takes up space",
                 is_chunk ? "chunk" : "directory segment");
  return check->drop_key != NULL ? check->drop_key(check, stored_key) : KHONSU_OK;
}

typedef khonsu_status check_record(kh_check *check, khonsu_slice stored_key, khonsu_slice value);

static khonsu_status next_record(kh_check *check, flashkv_iterator *iterator, check_record *look, bool *more) {
  flashkv_slice key, value;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_iterator_next(iterator, &key, &value, &cause);
  *more = status != FLASHKV_END;
  if (status == FLASHKV_END || status == FLASHKV_CORRUPT) return KHONSU_OK; /* which flashkv has told */
  if (status != FLASHKV_OK) return kh_flash_fail(check->error, status, &cause);
  return look(check, kh_slice(key.data, key.size), kh_slice(value.data, value.size));
}

static khonsu_status walk_space(kh_check *check, uint8_t space, bool keys_only, const char *phase, check_record *look) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  flashkv_iterator *iterator;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  options.prefix = (flashkv_slice){&space, 1};
  options.keys_only = keys_only;
  flashkv_status opened = flashkv_iterator_open(check->store, &options, &iterator, &cause);
  if (opened != FLASHKV_OK) return kh_flash_fail(check->error, opened, &cause);
  khonsu_status status = KHONSU_OK;
  bool more = true;
  for (uint64_t done = 0; more && status == KHONSU_OK; done++) {
    status = next_record(check, iterator, look, &more);
    if (status == KHONSU_OK && forward_progress(check, phase, done, check->result->records) != 0)
      status = khonsu_error_set(check->error, KHONSU_CANCELLED, "cancelled");
  }
  flashkv_iterator_free(&iterator);
  return status;
}

khonsu_status kh_check_walk(kh_check *check) {
  khonsu_status status = walk_space(check, KH_SPACE_USER, false, "checking values", check_value);
  sort_notes(check);
  if (status == KHONSU_OK) status = walk_space(check, KH_SPACE_SEGMENT, true, "checking directories", check_owner);
  if (status == KHONSU_OK) status = walk_space(check, KH_SPACE_CHUNK, true, "checking chunks", check_owner);
  kh_buffer_fini(&check->tables);
  kh_buffer_fini(&check->ids);
  return status;
}

/* ---- khonsu_check */

khonsu_status kh_storage_check_flashkv(const char *path, const khonsu_check_options *options,
                                       const kh_arrow_limits *limits, khonsu_check_result *result,
                                       khonsu_error *error) {
  kh_check check = {.options = options, .limits = limits, .result = result, .error = error};
  khonsu_status status = kh_check_flashkv(&check, flashkv_check, path);
  if (status != KHONSU_OK) return status;
  flashkv_options reading = FLASHKV_OPTIONS_INIT;
  reading.dir_path = path;
  reading.read_only = true;
  status = kh_storage_open_store(&reading, &check.store, error);
  if (status != KHONSU_OK) return status;
  status = kh_flash_check_database(check.store, error);
  if (status == KHONSU_OK) status = kh_check_walk(&check);
  (void)kh_flash_close_store(check.store, NULL);
  if (status != KHONSU_OK || result->findings == 0) return status;
  return khonsu_error_set(error, KHONSU_CORRUPT, "the database is damaged: %llu findings",
                          (unsigned long long)result->findings);
}
