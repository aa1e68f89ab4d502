/* scan_batch: the committed side of a scan, read a batch at a time. Values are copied out, or kept by reference where
 * they are large: nothing outlives the epoch on trust. Memory is asked for well before it is needed: all records of a
 * batch, then all their newest versions, so that one wait serves many. */
#include "scan.h"

enum { BATCH_FIRST = 32, COPIED_MOST = 1024 };

void kh_scan_batch_clear(kh_scan_batch *batch) {
  for (size_t i = 0; i < batch->count; i++) kh_version_unref(batch->items[i].kept);
  batch->count = batch->next = 0;
  batch->buffer.size = 0;
}

void kh_scan_batch_fini(kh_scan_batch *batch) {
  kh_scan_batch_clear(batch);
  kh_free(batch->items);
  kh_buffer_fini(&batch->buffer);
  kh_buffer_fini(&batch->reached);
}

khonsu_slice kh_scan_item_key(const kh_scan_batch *batch, const kh_scan_item *item) {
  return kh_slice(batch->buffer.data + item->key_at, item->key_size);
}

static inline khonsu_status copy(kh_buffer *buffer, khonsu_slice bytes, size_t *at) {
  *at = buffer->size;
  if (KH_UNLIKELY(buffer->capacity - buffer->size < bytes.size || bytes.size == 0))
    return kh_buffer_append(buffer, bytes.data, bytes.size);
  memcpy(buffer->data + buffer->size, bytes.data, bytes.size);
  buffer->size += bytes.size;
  return KHONSU_OK;
}

static khonsu_status take_value(kh_scan_batch *batch, kh_scan_item *item, kh_version *version) {
  if (version->kind == KH_COUNTER) item->number = version->number;
  if (version->kind == KH_TABLE || (version->kind == KH_BYTES && version->size > COPIED_MOST))
    item->kept = kh_version_ref(version);
  else if (version->kind == KH_BYTES) {
    item->bytes_size = (size_t)version->size;
    return copy(&batch->buffer, kh_slice(version->bytes, item->bytes_size), &item->bytes_at);
  }
  return KHONSU_OK;
}

khonsu_status kh_scan_batch_add(kh_scan_batch *batch, kh_scan_item *item, khonsu_slice key, kh_version_kind kind,
                                uint64_t timestamp, kh_version *value) {
  *item = (kh_scan_item){.key_size = key.size, .version = timestamp, .kind = kind};
  if (key.size > batch->key_size_most) batch->key_size_most = key.size;
  khonsu_status status = copy(&batch->buffer, key, &item->key_at);
  return status == KHONSU_OK && value != NULL ? take_value(batch, item, value) : status;
}

static kh_limit where_to_go_on(const khonsu_scan *scan) {
  if (scan->batch.started)
    return (kh_limit){kh_buffer_slice(&scan->batch.reached), .bounded = true, .inclusive = false};
  return scan->reverse ? scan->high : scan->low;
}

static bool is_past_the_end(const khonsu_scan *scan, khonsu_slice key) {
  return scan->reverse ? !kh_limit_above(scan->low, key) : !kh_limit_below(scan->high, key);
}

/* Has the memory fetched that the batch is read from: all records, then all their newest versions. (Asking for it a few
 * entries ahead instead, while others are read, was measured at twice the time.) */
static void prefetch(const uint64_t *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *record = (const char *)kh_word_record(words[i]);
    __builtin_prefetch(record);
    __builtin_prefetch(record + sizeof(kh_record) + 15); /* a short key's end may be on the next line */
  }
  for (size_t i = 0; i < count; i++) {
    const char *version = (const char *)atomic_load_explicit(&kh_word_record(words[i])->head, memory_order_relaxed);
    for (size_t line = 0; line < 3; line++) __builtin_prefetch(version + line * KH_CACHE_LINE);
  }
}

khonsu_status kh_scan_batch_reached(kh_scan_batch *batch, khonsu_slice key) {
  batch->started = true;
  return kh_buffer_set(&batch->reached, key.data, key.size);
}

/* Inside the epoch. */
static khonsu_status read_piece(khonsu_scan *scan, size_t room) {
  kh_scan_batch *batch = &scan->batch;
  uint64_t words[KH_SCAN_BATCH_MOST];
  size_t count = kh_store_read_order(&scan->txn->partition->store, where_to_go_on(scan), scan->reverse, words, room);
  prefetch(words, count);
  khonsu_status status = KHONSU_OK;
  bool hides = scan->txn->partition->storage.ops != NULL; /* what is deleted in memory may still be in the storage */
  batch->ended = count < room;
  for (size_t i = 0; i < count && status == KHONSU_OK; i++) {
    const kh_record *record = kh_word_record(words[i]);
    if (is_past_the_end(scan, kh_record_key(record))) {
      batch->ended = true;
      return KHONSU_OK;
    }
    kh_version *version = kh_record_visible(record, scan->read_at);
    if (version == NULL || (version->kind == KH_TOMBSTONE && !hides)) continue;
    status = kh_scan_batch_add(batch, &batch->items[batch->count], kh_record_key(record),
                               (kh_version_kind)version->kind, version->timestamp, scan->keys_only ? NULL : version);
    if (status == KHONSU_OK) batch->count++;
  }
  if (count > 0 && status == KHONSU_OK)
    status = kh_scan_batch_reached(batch, kh_record_key(kh_word_record(words[count - 1])));
  return status;
}

/* At read committed each step is of its own moment: it goes on from where the scan stands. */
static khonsu_status go_on_from_position(khonsu_scan *scan) {
  scan->batch.ended = false;
  if (!scan->stands) return KHONSU_OK;
  return kh_scan_batch_reached(&scan->batch, kh_buffer_slice(&scan->position));
}

/* The first batch is as large as the limit, or small and then larger: many scans are not read to their end. */
static size_t next_room(const khonsu_scan *scan) {
  if (scan->left <= KH_SCAN_BATCH_MOST) return (size_t)scan->left;
  size_t doubled = scan->batch.room == 0 ? BATCH_FIRST : scan->batch.room * 2;
  return doubled < KH_SCAN_BATCH_MOST ? doubled : KH_SCAN_BATCH_MOST;
}

static khonsu_status make_room(khonsu_scan *scan) {
  kh_scan_batch *batch = &scan->batch;
  size_t room = next_room(scan);
  if (room <= batch->room) return KHONSU_OK;
  kh_scan_item *items = kh_realloc_array(batch->items, room, sizeof *items);
  if (items == NULL) return KHONSU_NO_MEMORY;
  batch->items = items;
  batch->room = room;
  return KHONSU_OK;
}

static khonsu_status read_memory(khonsu_scan *scan, size_t room, khonsu_error *error) {
  kh_epoch_enter(scan->txn->participant);
  khonsu_status status = read_piece(scan, room);
  kh_epoch_exit(scan->txn->participant);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory for a batch of a scan");
}

static khonsu_status read_both(khonsu_scan *scan, size_t room, khonsu_error *error) {
  kh_buffer key = {NULL, 0, 0}; /* where both begin; the batch moves on from it */
  kh_limit from = where_to_go_on(scan);
  khonsu_status status = from.bounded ? kh_buffer_append(&key, from.key.data, from.key.size) : KHONSU_OK;
  from.key = kh_buffer_slice(&key);
  if (status != KHONSU_OK) khonsu_error_set(error, status, "no memory for a batch of a scan");
  if (status == KHONSU_OK) status = read_memory(scan, room, error);
  if (status == KHONSU_OK) status = kh_scan_merge_storage(scan, from, room, error);
  kh_buffer_fini(&key);
  return status;
}

static khonsu_status fill_at(khonsu_scan *scan, size_t room, khonsu_error *error) {
  bool both = scan->txn->partition->storage.ops != NULL;
  khonsu_status status;
  do {
    status = both ? read_both(scan, room, error) : read_memory(scan, room, error);
  } while (status == KHONSU_OK && scan->batch.count == 0 && !scan->batch.ended);
  return status;
}

khonsu_status kh_scan_fill(khonsu_scan *scan, khonsu_error *error) {
  khonsu_txn *txn = scan->txn;
  bool each_step = txn->isolation == KHONSU_READ_COMMITTED;
  kh_scan_batch_clear(&scan->batch);
  khonsu_status status = make_room(scan);
  if (status == KHONSU_OK && each_step) status = go_on_from_position(scan);
  if (status != KHONSU_OK) return khonsu_error_set(error, status, "no memory for a batch of a scan");
  if (each_step) {
    scan->read_at = kh_snapshot_read_begin(&txn->partition->store.snapshots, txn->slot);
    status = fill_at(scan, 1, error);
    kh_snapshot_read_end(txn->slot);
  } else {
    scan->read_at = txn->snapshot;
    status = fill_at(scan, scan->batch.room, error);
  }
  if (status != KHONSU_OK) return status;
  return KH_UNLIKELY(kh_snapshot_expired(txn->slot)) ? kh_txn_expired(txn, error) : KHONSU_OK;
}
