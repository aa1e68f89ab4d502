#include "flash.h"
#include "flash_head.h"

enum { KEPT_CHUNKS_MOST = 4096 }; /* a chunk in memory is about a KiB beside its bytes, which are in the file */

typedef struct kh_flash_table {
  kh_flash *flash;
  kh_incarnation incarnation;
  kh_ipc_layout *layout;
  kh_arrow_limits limits;
  uint64_t chunk_count;
  uint8_t *tail;           /* entries of the last chunks */
  _Atomic(kh_hold *) hold; /* set once, before chunks are deleted; NULL: they are all there */
  kh_memory **pinned;      /* of each chunk, once the store is closed; NULL, or NULL in it: it cannot be read */
  struct kh_flash_table *next, *before; /* in the list of those that are lent out */
} flash_table;

/* ---- what a record holds, as memory of chunks */

static void release_memory(void *ctx) {
  flashkv_value_release(ctx);
  kh_free(ctx);
}

/* Takes the value over, on failure too. */
static khonsu_status memory_of(flashkv_value *value, kh_memory **memory, khonsu_error *error) {
  flashkv_value *kept = kh_alloc(sizeof *kept);
  *memory = NULL;
  if (kept != NULL) {
    *kept = *value;
    *memory = kh_memory_new(kh_slice(value->data, value->size), release_memory, kept);
  }
  if (*memory == NULL) {
    flashkv_value_release(value);
    kh_free(kept);
  }
  *value = (flashkv_value)FLASHKV_VALUE_INIT;
  return *memory != NULL ? KHONSU_OK : khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a stored chunk");
}

/* ---- loading */

/* A record of the table. Whoever deletes it has the table hold on to the moment before first: so if it is not there, there is
 * a hold. */
static khonsu_status get_part(const flash_table *table, int space, uint64_t number, flashkv_value *value,
                              khonsu_error *error) {
  uint8_t bytes[KH_PART_KEY_SIZE];
  flashkv *store = table->flash->store;
  flashkv_slice key = kh_flash_slice(kh_part_key(bytes, space, table->incarnation, number));
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = FLASHKV_NOT_FOUND;
  if (atomic_load(&table->hold) == NULL) status = flashkv_get(store, key, value, &cause);
  const kh_hold *hold = atomic_load(&table->hold);
  if (status == FLASHKV_NOT_FOUND && hold != NULL) status = flashkv_get_kept(store, key, hold->sequence, value, &cause);
  if (status == FLASHKV_NOT_FOUND)
    return khonsu_error_set(error, KHONSU_CORRUPT, "%s %llu of a table is missing in the store",
                            space == KH_SPACE_CHUNK ? "chunk" : "directory segment", (unsigned long long)number);
  return kh_flash_tell(error, status, &cause);
}

static khonsu_status find_entry(const flash_table *table, uint64_t index, kh_entry *entry, khonsu_error *error) {
  uint64_t segment = index / KH_SEGMENT_ENTRIES, in_segment = index % KH_SEGMENT_ENTRIES;
  if (segment == table->chunk_count / KH_SEGMENT_ENTRIES) {
    *entry = kh_entry_read(table->tail, in_segment);
    return KHONSU_OK;
  }
  flashkv_value value = FLASHKV_VALUE_INIT;
  khonsu_status status = get_part(table, KH_SPACE_SEGMENT, segment, &value, error);
  if (status != KHONSU_OK) return status;
  if (value.size == KH_SEGMENT_SIZE) *entry = kh_entry_read(value.data, in_segment);
  else status = khonsu_error_set(error, KHONSU_CORRUPT, "a segment of a table's directory has %zu bytes", value.size);
  flashkv_value_release(&value);
  return status;
}

static khonsu_status read_chunk(const flash_table *table, uint64_t index, kh_memory **memory, khonsu_error *error) {
  kh_entry entry;
  flashkv_value value = FLASHKV_VALUE_INIT;
  khonsu_status status = find_entry(table, index, &entry, error);
  if (status == KHONSU_OK) status = get_part(table, KH_SPACE_CHUNK, entry.id, &value, error);
  if (status != KHONSU_OK) return status;
  if (value.size == entry.bytes) return memory_of(&value, memory, error);
  status = khonsu_error_set(error, KHONSU_CORRUPT, "chunk %llu of a table has %zu bytes, and its directory says %llu",
                            (unsigned long long)entry.id, value.size, (unsigned long long)entry.bytes);
  flashkv_value_release(&value);
  return status;
}

static khonsu_status get_pinned(const flash_table *table, uint64_t index, kh_memory **memory, khonsu_error *error) {
  if (table->pinned == NULL || table->pinned[index] == NULL)
    return khonsu_error_set(error, KHONSU_IO, "the database is closed, and could not keep what it had lent out");
  *memory = kh_memory_ref(table->pinned[index]);
  return KHONSU_OK;
}

/* Who counts himself as loading before the store is closed finds it there until he is done. */
static khonsu_status get_memory(flash_table *table, uint64_t index, kh_memory **memory, khonsu_error *error) {
  kh_flash *flash = table->flash;
  atomic_fetch_add(&flash->loading, 1);
  bool closed = atomic_load(&flash->closed); /* with kh_flash_tables_detach */
  khonsu_status status = closed ? KHONSU_OK : read_chunk(table, index, memory, error);
  atomic_fetch_sub(&flash->loading, 1);
  return closed ? get_pinned(table, index, memory, error) : status;
}

static khonsu_status load(void *ctx, uint64_t index, kh_chunk **chunk, khonsu_error *error) {
  flash_table *table = ctx;
  kh_memory *memory;
  khonsu_status status = get_memory(table, index, &memory, error);
  if (status != KHONSU_OK) return status;
  status = kh_ipc_decode_piece(table->layout, memory, kh_memory_bytes(memory), &table->limits, true, chunk, error);
  kh_memory_unref(memory);
  return status;
}

/* ---- life */

/* Returns whether chunks of it may be about to go. */
static bool enlist(kh_flash *flash, flash_table *table) {
  kh_lock_acquire(&flash->lock);
  bool deleting = flash->deleting;
  table->next = flash->tables;
  if (table->next != NULL) table->next->before = table;
  flash->tables = table;
  kh_lock_release(&flash->lock);
  return deleting;
}

static void delist(kh_flash *flash, flash_table *table) {
  kh_lock_acquire(&flash->lock);
  if (table->next != NULL) table->next->before = table->before;
  if (table->before != NULL) table->before->next = table->next;
  else flash->tables = table->next;
  kh_lock_release(&flash->lock);
}

static void unpin(flash_table *table) {
  for (uint64_t i = 0; table->pinned != NULL && i < table->chunk_count; i++) kh_memory_unref(table->pinned[i]);
  kh_free(table->pinned);
}

static void free_table(flash_table *table) {
  unpin(table);
  kh_hold_unref(atomic_load(&table->hold));
  kh_ipc_layout_unref(table->layout);
  kh_flash_unref(table->flash);
  kh_free(table->tail);
  kh_free(table);
}

static void release(void *ctx) {
  flash_table *table = ctx;
  delist(table->flash, table);
  free_table(table);
}

static flash_table *make(kh_flash *flash, const kh_head *head, const kh_arrow_limits *limits, kh_ipc_layout *layout) {
  flash_table *made = kh_alloc_zero(sizeof *made);
  if (made == NULL) return NULL;
  size_t tail_size = (size_t)kh_head_tail(head) * KH_ENTRY_SIZE;
  made->tail = kh_alloc(tail_size);
  if (made->tail == NULL) {
    kh_free(made);
    return NULL;
  }
  memcpy(made->tail, head->entries, tail_size);
  made->flash = kh_flash_ref(flash);
  made->incarnation = head->incarnation;
  made->layout = kh_ipc_layout_ref(layout);
  made->limits = *limits;
  made->limits.recent = NULL;
  made->chunk_count = head->chunk_count;
  return made;
}

static void hold_on(flash_table *table, khonsu_version version, khonsu_version at) {
  kh_hold *hold = kh_flash_past_ref(table->flash, at), *none = NULL;
  if (hold == NULL) hold = kh_flash_hold_ref(table->flash, version);
  if (hold != NULL && !atomic_compare_exchange_strong(&table->hold, &none, hold)) kh_hold_unref(hold);
}

/* What is not the newest of its key any more has lost chunks, or may have. */
static khonsu_status hold_if_replaced(flash_table *table, khonsu_slice key, khonsu_version version, khonsu_version at,
                                      khonsu_error *error) {
  uint8_t *copy = kh_alloc(key.size + 1);
  flashkv_value newest = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  if (copy == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a key");
  flashkv_status status = flashkv_get(table->flash->store, kh_flash_slice(kh_user_key(copy, key)), &newest, &cause);
  bool is_newest = status == FLASHKV_OK && newest.sequence == version;
  flashkv_value_release(&newest);
  kh_free(copy);
  if (status != FLASHKV_OK && status != FLASHKV_NOT_FOUND) return kh_flash_fail(error, status, &cause);
  if (!is_newest) hold_on(table, version, at);
  return KHONSU_OK;
}

static khonsu_status lend(kh_flash *flash, khonsu_slice key, khonsu_version version, khonsu_version at,
                          const kh_head *head, const kh_arrow_limits *limits, kh_ipc_layout *layout, kh_table **table,
                          khonsu_error *error) {
  static const kh_stored_ops ops = {load, release};
  flash_table *made = make(flash, head, limits, layout);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  kh_stored_extent extent = {head->chunk_count, head->rows, head->bytes, head->chunk_count <= KEPT_CHUNKS_MOST};
  kh_stored_chunks *stored = kh_stored_chunks_new(&extent, &ops, made);
  if (stored == NULL) {
    free_table(made);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  }
  khonsu_status status = KHONSU_OK;
  if (enlist(flash, made)) hold_on(made, version, at);
  else status = hold_if_replaced(made, key, version, at, error);
  if (status == KHONSU_OK) {
    *table = kh_table_new_stored(kh_ipc_layout_schema(layout), stored);
    if (*table == NULL) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
  }
  kh_stored_chunks_unref(stored);
  return status;
}

static khonsu_status read_inline(kh_ipc_layout *layout, const kh_head *head, const kh_arrow_limits *limits,
                                 flashkv_value *value, kh_table **table, khonsu_error *error) {
  kh_memory *memory;
  kh_chunk *chunk;
  khonsu_status status = memory_of(value, &memory, error);
  if (status != KHONSU_OK) return status;
  status = kh_ipc_decode_piece(layout, memory, head->inline_piece, limits, true, &chunk, error);
  kh_memory_unref(memory);
  if (status == KHONSU_OK) *table = kh_table_from_chunk(chunk);
  return status;
}

static khonsu_status without_chunks(kh_ipc_layout *layout, kh_table **table, khonsu_error *error) {
  *table = kh_table_new(kh_ipc_layout_schema(layout));
  return *table != NULL ? KHONSU_OK : khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
}

khonsu_status kh_flash_table_read(kh_flash *flash, khonsu_slice key, khonsu_version at, flashkv_value *value,
                                  const kh_arrow_limits *limits, kh_table **table, khonsu_error *error) {
  kh_head head;
  kh_ipc_layout *layout;
  khonsu_status status = kh_head_read(key, kh_slice(value->data, value->size - 1), &head, error);
  if (status == KHONSU_OK) status = kh_ipc_layout_new(head.schema, limits, &layout, error);
  if (status != KHONSU_OK) return status;
  if (head.is_inline) status = read_inline(layout, &head, limits, value, table, error);
  else if (head.chunk_count == 0) status = without_chunks(layout, table, error);
  else status = lend(flash, key, value->sequence, at, &head, limits, layout, table, error);
  kh_ipc_layout_unref(layout);
  return status;
}

/* ---- before chunks go */

static void give_hold(kh_flash *flash, kh_incarnation incarnation, kh_hold *hold) {
  kh_lock_acquire(&flash->lock);
  for (flash_table *table = flash->tables; table != NULL; table = table->next) {
    kh_hold *none = NULL;
    if (!kh_incarnations_equal(table->incarnation, incarnation)) continue;
    if (atomic_compare_exchange_strong(&table->hold, &none, hold)) kh_hold_ref(hold);
  }
  kh_lock_release(&flash->lock);
}

/* Who comes later sees that chunks are being deleted. */
static bool is_lent(kh_flash *flash, kh_incarnation incarnation) {
  bool lent = false;
  kh_lock_acquire(&flash->lock);
  flash->deleting = true;
  for (const flash_table *table = flash->tables; table != NULL && !lent; table = table->next)
    lent = kh_incarnations_equal(table->incarnation, incarnation) && atomic_load(&table->hold) == NULL;
  kh_lock_release(&flash->lock);
  return lent;
}

/* Who is lent the table between this and the end of the commit holds on to it without being asked; who is lent it after
 * that sees that its head is not the newest. */
khonsu_status kh_flash_tables_hold(kh_flash *flash, kh_incarnation incarnation, khonsu_error *error) {
  if (!is_lent(flash, incarnation)) return KHONSU_OK;
  khonsu_status status = kh_flash_hold(flash, error);
  if (status == KHONSU_OK) give_hold(flash, incarnation, kh_flash_newest_hold(flash));
  return status;
}

void kh_flash_tables_settle(kh_flash *flash) {
  if (!flash->deleting) return; /* changed by this thread only */
  kh_lock_acquire(&flash->lock);
  flash->deleting = false;
  kh_lock_release(&flash->lock);
}

/* ---- before the store goes */

/* A hold is of a snapshot of the store, and has to go with it. */
static void pin(flash_table *table) {
  table->pinned = kh_alloc_zero_array(table->chunk_count, sizeof(kh_memory *));
  for (uint64_t i = 0; table->pinned != NULL && i < table->chunk_count; i++)
    if (read_chunk(table, i, &table->pinned[i], NULL) != KHONSU_OK) table->pinned[i] = NULL;
}

static void let_go(flash_table *table) {
  kh_hold_unref(atomic_load(&table->hold));
  atomic_store(&table->hold, NULL);
}

void kh_flash_tables_detach(kh_flash *flash) {
  kh_lock_acquire(&flash->lock);
  for (flash_table *table = flash->tables; table != NULL; table = table->next) pin(table);
  atomic_store(&flash->closed, true); /* with the load of get_memory: who has not seen it is counted as loading */
  while (atomic_load(&flash->loading) != 0) kh_os_yield();
  for (flash_table *table = flash->tables; table != NULL; table = table->next) let_go(table);
  kh_lock_release(&flash->lock);
}
