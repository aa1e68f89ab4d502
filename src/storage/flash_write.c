/* flash_write: mutations as writes of flashkv, a flashkv commit for each commit. What is small is copied together; what is
 * large is written from where it is. */
#include "flash.h"
#include "flash_head.h"

enum { INLINE_MOST = 64 << 10 };

typedef struct writing {
  kh_flash *flash;
  khonsu_version version;
  uint32_t ordinal;
  khonsu_error *error;
} writing;

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for what a commit writes");
}

/* ---- writes of one commit */

static khonsu_status add(writing *to, flashkv_change_kind kind, khonsu_slice key, khonsu_slice value, bool aligned) {
  flashkv_write write = {
      .kind = kind, .aligned = aligned, .key = {key.data, key.size}, .value = {value.data, value.size}};
  return kh_buffer_append(&to->flash->writes, &write, sizeof write) == KHONSU_OK ? KHONSU_OK : no_memory(to->error);
}

static khonsu_status add_user(writing *to, flashkv_change_kind kind, khonsu_slice key, khonsu_slice value,
                              bool aligned) {
  uint8_t *copy = kh_blocks_take(&to->flash->scratch, key.size + 1);
  if (copy == NULL) return no_memory(to->error);
  return add(to, kind, kh_user_key(copy, key), value, aligned);
}

static khonsu_status add_part(writing *to, flashkv_change_kind kind, int space, kh_incarnation incarnation,
                              uint64_t number, khonsu_slice value) {
  uint8_t *key = kh_blocks_take(&to->flash->scratch, KH_PART_KEY_SIZE);
  if (key == NULL) return no_memory(to->error);
  return add(to, kind, kh_part_key(key, space, incarnation, number), value, space == KH_SPACE_CHUNK);
}

/* Bytes and a counter: as they are, and their type. */
static khonsu_status put_plain(writing *to, const khonsu_mutation *mutation) {
  size_t size = mutation->value.size;
  uint8_t *copy = kh_blocks_take(&to->flash->scratch, size + 1);
  if (copy == NULL) return no_memory(to->error);
  if (size != 0) memcpy(copy, mutation->value.data, size);
  copy[size] = (uint8_t)mutation->type;
  return add_user(to, FLASHKV_CHANGE_PUT, mutation->key, kh_slice(copy, size + 1), false);
}

/* ---- what is replaced */

/* Until the commit is written. Takes the value over. False: no memory. */
static bool keep_old(kh_flash *flash, flashkv_value *value) {
  if (kh_buffer_append(&flash->old, value, sizeof *value) == KHONSU_OK) return true;
  flashkv_value_release(value);
  return false;
}

/* The value there is, which stays as long as the commit is being written. `*bytes` without data: there is none. */
static khonsu_status look_at_old(writing *to, khonsu_slice key, khonsu_value_type *type, khonsu_slice *bytes) {
  kh_flash *flash = to->flash;
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  *bytes = kh_slice(NULL, 0);
  uint8_t *stored_key = kh_blocks_take(&flash->scratch, key.size + 1);
  if (stored_key == NULL) return no_memory(to->error);
  flashkv_status status = flashkv_get(flash->store, kh_flash_slice(kh_user_key(stored_key, key)), &value, &cause);
  if (status == FLASHKV_NOT_FOUND) return KHONSU_OK;
  if (status != FLASHKV_OK) return kh_flash_fail(to->error, status, &cause);
  if (!keep_old(flash, &value)) return no_memory(to->error);
  return kh_flash_value_split(key, kh_slice(value.data, value.size), type, bytes, to->error);
}

/* A segment of the directory, which stays as long as the commit is being written. */
static khonsu_status look_at_segment(writing *to, const kh_head *head, uint64_t number, const uint8_t **entries) {
  kh_flash *flash = to->flash;
  uint8_t key[KH_PART_KEY_SIZE];
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  khonsu_slice stored = kh_part_key(key, KH_SPACE_SEGMENT, head->incarnation, number);
  flashkv_status status = flashkv_get(flash->store, kh_flash_slice(stored), &value, &cause);
  if (status != FLASHKV_OK) return kh_flash_fail(to->error, status, &cause);
  *entries = value.data;
  if (!keep_old(flash, &value)) return no_memory(to->error);
  if (value.size == KH_SEGMENT_SIZE) return KHONSU_OK;
  return khonsu_error_set(to->error, KHONSU_CORRUPT, "a segment of a table's directory has %zu bytes", value.size);
}

static khonsu_status delete_chunks(writing *to, const kh_head *head, const uint8_t *entries, uint64_t count) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = add_part(to, FLASHKV_CHANGE_DELETE, KH_SPACE_CHUNK, head->incarnation, kh_entry_read(entries, i).id,
                      kh_slice(NULL, 0));
  return status;
}

static khonsu_status delete_parts(writing *to, const kh_head *head) {
  if (head->is_inline) return KHONSU_OK;
  khonsu_status status = kh_flash_tables_hold(to->flash, head->incarnation, to->error);
  for (uint64_t number = 0; number < kh_head_segments(head) && status == KHONSU_OK; number++) {
    const uint8_t *entries = NULL;
    status = look_at_segment(to, head, number, &entries);
    if (status == KHONSU_OK) status = delete_chunks(to, head, entries, KH_SEGMENT_ENTRIES);
    if (status == KHONSU_OK)
      status = add_part(to, FLASHKV_CHANGE_DELETE, KH_SPACE_SEGMENT, head->incarnation, number, kh_slice(NULL, 0));
  }
  return status == KHONSU_OK ? delete_chunks(to, head, head->entries, kh_head_tail(head)) : status;
}

/* Of the table that the key holds, if it holds one: all but the head, which is replaced. */
static khonsu_status delete_old_parts(writing *to, khonsu_slice key) {
  khonsu_value_type type;
  khonsu_slice bytes;
  kh_head head;
  khonsu_status status = look_at_old(to, key, &type, &bytes);
  if (status != KHONSU_OK || bytes.data == NULL || type != KHONSU_TABLE) return status;
  status = kh_head_read(key, bytes, &head, to->error);
  return status == KHONSU_OK ? delete_parts(to, &head) : status;
}

/* ---- tables */

static khonsu_slice part_bytes(const kh_ipc_encoded *encoded, size_t index) {
  return kh_slice(encoded->bytes.data + encoded->parts[index].at, encoded->parts[index].size);
}

/* Entries of the directory behind those that `head` has, full segments of them already written; *entries are those that
 * the new head will have. */
typedef struct growing {
  kh_head head;
  uint8_t *entries; /* of the segment that is not full yet: room for a whole one */
} growing;

static khonsu_status begin_to_grow(writing *to, growing *table, const kh_head *from) {
  table->head = *from;
  table->entries = kh_blocks_take(&to->flash->scratch, KH_SEGMENT_SIZE);
  if (table->entries == NULL) return no_memory(to->error);
  size_t tail_size = (size_t)kh_head_tail(from) * KH_ENTRY_SIZE;
  if (tail_size != 0) memcpy(table->entries, from->entries, tail_size);
  return KHONSU_OK;
}

static khonsu_status end_segment(writing *to, growing *table) {
  khonsu_slice segment = kh_slice(table->entries, KH_SEGMENT_SIZE);
  uint64_t number = kh_head_segments(&table->head) - 1;
  table->entries = kh_blocks_take(&to->flash->scratch, KH_SEGMENT_SIZE);
  if (table->entries == NULL) return no_memory(to->error);
  return add_part(to, FLASHKV_CHANGE_PUT, KH_SPACE_SEGMENT, table->head.incarnation, number, segment);
}

static khonsu_status add_chunk(writing *to, growing *table, khonsu_slice piece, uint64_t rows) {
  kh_head *head = &table->head;
  khonsu_status status = add_part(to, FLASHKV_CHANGE_PUT, KH_SPACE_CHUNK, head->incarnation, head->next_id, piece);
  if (status != KHONSU_OK) return status;
  kh_entry_write(table->entries, kh_head_tail(head), (kh_entry){head->next_id, rows, piece.size});
  head->next_id++;
  head->chunk_count++;
  head->rows += rows;
  head->bytes += piece.size;
  return kh_head_tail(head) == 0 ? end_segment(to, table) : KHONSU_OK;
}

static khonsu_status add_chunks(writing *to, growing *table, const kh_ipc_encoded *encoded) {
  khonsu_status status = KHONSU_OK;
  for (size_t i = 1; i < encoded->part_count && status == KHONSU_OK; i++)
    status = add_chunk(to, table, part_bytes(encoded, i), encoded->parts[i].rows);
  return status;
}

static khonsu_status put_head(writing *to, khonsu_slice key, const growing *table) {
  size_t size = kh_head_value_size(&table->head);
  uint8_t *value = kh_blocks_take_aligned(&to->flash->scratch, size), *entries, *piece;
  if (value == NULL) return no_memory(to->error);
  kh_head_write(&table->head, value, &entries, &piece);
  memcpy(entries, table->entries, (size_t)kh_head_tail(&table->head) * KH_ENTRY_SIZE);
  if (piece != NULL) memcpy(piece, table->head.inline_piece.data, table->head.inline_piece.size);
  return add_user(to, FLASHKV_CHANGE_PUT, key, kh_slice(value, size), true);
}

static khonsu_status put_table(writing *to, const kh_mutation *mutation) {
  const kh_ipc_encoded *encoded = mutation->encoded;
  kh_head head = {.incarnation = {to->version, to->ordinal}, .schema = part_bytes(encoded, 0)};
  growing table;
  khonsu_status status = begin_to_grow(to, &table, &head);
  if (status != KHONSU_OK) return status;
  if (encoded->part_count == 2 && encoded->parts[1].size <= INLINE_MOST) {
    const kh_ipc_part *only = &encoded->parts[1];
    table.head.is_inline = true;
    table.head.inline_piece = part_bytes(encoded, 1);
    table.head.rows = only->rows;
    table.head.bytes = only->size;
    table.head.chunk_count = table.head.next_id = 1;
    kh_entry_write(table.entries, 0, (kh_entry){0, only->rows, only->size});
  } else {
    status = add_chunks(to, &table, encoded);
  }
  return status == KHONSU_OK ? put_head(to, mutation->as.key, &table) : status;
}

/* The chunk that stood in the head gets a record of its own. */
static khonsu_status move_out(writing *to, growing *table) {
  kh_head *head = &table->head;
  if (!head->is_inline) return KHONSU_OK;
  head->is_inline = false;
  return add_part(to, FLASHKV_CHANGE_PUT, KH_SPACE_CHUNK, head->incarnation, kh_entry_read(table->entries, 0).id,
                  head->inline_piece);
}

static khonsu_status append_to_table(writing *to, const kh_mutation *mutation) {
  khonsu_slice key = mutation->as.key, bytes;
  khonsu_value_type type;
  kh_head old;
  growing table;
  khonsu_status status = look_at_old(to, key, &type, &bytes);
  if (status != KHONSU_OK) return status;
  if (bytes.data == NULL || type != KHONSU_TABLE)
    return khonsu_error_set(to->error, KHONSU_CORRUPT, "the store has no table at key '%.*s' to append to",
                            (int)(key.size > 64 ? 64 : key.size), (const char *)key.data);
  status = kh_head_read(key, bytes, &old, to->error);
  if (status == KHONSU_OK) status = begin_to_grow(to, &table, &old);
  if (status == KHONSU_OK) status = move_out(to, &table);
  if (status == KHONSU_OK) status = add_chunks(to, &table, mutation->encoded);
  return status == KHONSU_OK ? put_head(to, key, &table) : status;
}

/* ---- commits */

/* It is forgotten by itself when nobody may use the token any more. */
static khonsu_status add_token(writing *to, const kh_mutation *mutation) {
  static const uint8_t committed = 'c', fenced = 'f';
  uint8_t *key = kh_blocks_take(&to->flash->scratch, KH_TOKEN_KEY_SIZE);
  if (key == NULL) return no_memory(to->error);
  flashkv_write write = {.kind = FLASHKV_CHANGE_PUT,
                         .expires_ms = mutation->expires_ms,
                         .key = kh_flash_slice(kh_token_key(key, mutation->token)),
                         .value = {mutation->fenced ? &fenced : &committed, 1}};
  return kh_buffer_append(&to->flash->writes, &write, sizeof write) == KHONSU_OK ? KHONSU_OK : no_memory(to->error);
}

static khonsu_status add_mutation(writing *to, const kh_mutation *mutation) {
  const khonsu_mutation *as = &mutation->as;
  if (mutation->token != NULL) return add_token(to, mutation);
  if (as->kind == KHONSU_MUTATION_APPEND) return append_to_table(to, mutation);
  khonsu_status status = mutation->over_no_table ? KHONSU_OK : delete_old_parts(to, as->key);
  if (status != KHONSU_OK) return status;
  if (as->kind == KHONSU_MUTATION_DELETE) return add_user(to, FLASHKV_CHANGE_DELETE, as->key, kh_slice(NULL, 0), false);
  return as->type == KHONSU_TABLE ? put_table(to, mutation) : put_plain(to, as);
}

static khonsu_status commit(writing *to, khonsu_durability durability) {
  kh_flash *flash = to->flash;
  uint64_t sequence, next = flashkv_next_sequence(flash->store);
  flashkv_error cause = FLASHKV_ERROR_INIT;
  if (next != to->version)
    return khonsu_error_set(
        to->error, KHONSU_IO,
        "version %llu cannot be written: the next commit of the store is %llu; somebody else writes "
        "to it",
        (unsigned long long)to->version, (unsigned long long)next);
  flashkv_status status = flashkv_write_all(
      flash->store, (const flashkv_write *)(const void *)flash->writes.data, flash->writes.size / sizeof(flashkv_write),
      durability == KHONSU_ASYNC ? FLASHKV_ASYNC : FLASHKV_BUFFERED, &sequence, &cause);
  return kh_flash_tell(to->error, status, &cause);
}

static void forget(kh_flash *flash) {
  flashkv_value *old = (flashkv_value *)(void *)flash->old.data;
  for (size_t i = 0; i < flash->old.size / sizeof *old; i++) flashkv_value_release(&old[i]);
  flash->old.size = flash->writes.size = 0;
  kh_blocks_clear(&flash->scratch);
}

/* The mutations of one version. */
static khonsu_status write_commit(writing *to, const kh_mutation *mutations, size_t count,
                                  khonsu_durability durability) {
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++) {
    to->ordinal = (uint32_t)i;
    status = add_mutation(to, &mutations[i]);
  }
  if (status == KHONSU_OK) status = commit(to, durability);
  kh_flash_tables_settle(to->flash);
  forget(to->flash);
  return status;
}

khonsu_status kh_flash_write(void *ctx, const kh_mutation *mutations, size_t count, khonsu_durability durability,
                             size_t *written, khonsu_error *error) {
  while (*written < count) {
    writing to = {.flash = ctx, .version = mutations[*written].as.version, .error = error};
    size_t end = *written;
    while (end < count && mutations[end].as.version == to.version) end++;
    khonsu_status status = write_commit(&to, mutations + *written, end - *written, durability);
    if (status != KHONSU_OK) return status;
    *written = end;
  }
  return KHONSU_OK;
}
