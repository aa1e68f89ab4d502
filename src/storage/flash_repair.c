/* flash_repair: after flashkv has kept what records are whole, tables that miss some get along without them, and what belongs
 * to nothing goes. */
#include "flash_check.h"

static khonsu_status write(kh_check *check, const flashkv_write *writes, size_t count) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_write_all(check->store, writes, count, FLASHKV_BUFFERED, NULL, &cause);
  return kh_flash_tell(check->error, status, &cause);
}

static khonsu_status drop_key(kh_check *check, khonsu_slice stored_key) {
  flashkv_write deletion = {.kind = FLASHKV_CHANGE_DELETE, .key = kh_flash_slice(stored_key)};
  check->result->lost++;
  return write(check, &deletion, 1);
}

/* The table anew: the same incarnation, and of its chunks those that are whole. Chunks that are not, and segments that are
 * not needed any more, are found to belong to nothing when their records are walked through. */
typedef struct rebuilding {
  kh_check *check;
  kh_blocks memory;
  kh_buffer writes; /* of flashkv_write */
  kh_head head;
} rebuilding;

static khonsu_status no_memory(const rebuilding *table) {
  return khonsu_error_set(table->check->error, KHONSU_NO_MEMORY, "no memory to repair a table");
}

static khonsu_status add(rebuilding *table, khonsu_slice key, const void *value, size_t size) {
  flashkv_write put = {.kind = FLASHKV_CHANGE_PUT, .aligned = true, .key = kh_flash_slice(key), .value = {value, size}};
  return kh_buffer_append(&table->writes, &put, sizeof put) == KHONSU_OK ? KHONSU_OK : no_memory(table);
}

static khonsu_status add_segment(rebuilding *table, uint64_t number, const kh_entry *whole) {
  uint8_t *key = kh_blocks_take(&table->memory, KH_PART_KEY_SIZE),
          *entries = kh_blocks_take(&table->memory, KH_SEGMENT_SIZE);
  if (key == NULL || entries == NULL) return no_memory(table);
  for (uint64_t i = 0; i < KH_SEGMENT_ENTRIES; i++) kh_entry_write(entries, i, whole[number * KH_SEGMENT_ENTRIES + i]);
  return add(table, kh_part_key(key, KH_SPACE_SEGMENT, table->head.incarnation, number), entries, KH_SEGMENT_SIZE);
}

static khonsu_status add_head(rebuilding *table, khonsu_slice stored_key, const kh_entry *whole) {
  size_t size = kh_head_value_size(&table->head);
  uint8_t *value = kh_blocks_take_aligned(&table->memory, size), *entries, *piece;
  if (value == NULL) return no_memory(table);
  kh_head_write(&table->head, value, &entries, &piece);
  uint64_t first = kh_head_segments(&table->head) * KH_SEGMENT_ENTRIES;
  for (uint64_t i = 0; i < kh_head_tail(&table->head); i++) kh_entry_write(entries, i, whole[first + i]);
  return add(table, stored_key, value, size);
}

static khonsu_status rebuild(rebuilding *table, khonsu_slice stored_key, const kh_entry *whole) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t number = 0; number < kh_head_segments(&table->head) && status == KHONSU_OK; number++)
    status = add_segment(table, number, whole);
  if (status == KHONSU_OK) status = add_head(table, stored_key, whole);
  if (status != KHONSU_OK) return status;
  const flashkv_write *writes = (const flashkv_write *)(const void *)table->writes.data;
  return write(table->check, writes, table->writes.size / sizeof *writes);
}

static khonsu_status cut_table(kh_check *check, khonsu_slice stored_key, const kh_head *head, const kh_buffer *whole) {
  const kh_entry *entries = (const kh_entry *)(const void *)whole->data;
  rebuilding table = {.check = check, .head = *head};
  table.head.chunk_count = whole->size / sizeof(kh_entry);
  table.head.rows = table.head.bytes = 0;
  for (uint64_t i = 0; i < table.head.chunk_count; i++) {
    table.head.rows += entries[i].rows;
    table.head.bytes += entries[i].bytes;
    if (entries[i].id >= table.head.next_id) table.head.next_id = entries[i].id + 1;
  }
  check->result->lost += head->chunk_count - table.head.chunk_count;
  khonsu_status status = rebuild(&table, stored_key, entries);
  kh_buffer_fini(&table.writes);
  kh_blocks_fini(&table.memory);
  return status;
}

khonsu_status kh_storage_repair_flashkv(const char *path, const khonsu_check_options *options,
                                        const kh_arrow_limits *limits, khonsu_check_result *result,
                                        khonsu_error *error) {
  kh_check check = {.options = options,
                    .limits = limits,
                    .result = result,
                    .error = error,
                    .drop_key = drop_key,
                    .cut_table = cut_table};
  khonsu_status status = kh_check_flashkv(&check, flashkv_repair, path);
  flashkv_options writing = FLASHKV_OPTIONS_INIT;
  writing.dir_path = path;
  writing.create_if_missing = false;
  if (status == KHONSU_OK) status = kh_storage_open_store(&writing, &check.store, error);
  if (status != KHONSU_OK) return status;
  status = kh_flash_check_database(check.store, error);
  if (status == KHONSU_OK) status = kh_check_walk(&check);
  khonsu_status closed = kh_flash_close_store(check.store, status == KHONSU_OK ? error : NULL);
  return status == KHONSU_OK ? closed : status;
}
