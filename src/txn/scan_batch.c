/* scan_batch: the committed side of a scan, read a batch at a time. Values are copied out, or kept by reference where
 * they are large: nothing outlives the epoch on trust. Memory is asked for well before it is needed, for all
 * of a batch, so that one wait serves many. */
#include "scan.h"

enum { BATCH_FIRST = 32, COPIED_MOST = 256 };

void kh_scan_batch_clear(kh_scan_batch *batch) {
  for (size_t i = 0; i < batch->count; i++) kh_version_unref(batch->items[i].kept, NULL);
  batch->count = batch->next = batch->plain_end = 0;
  batch->buffer.size = 0;
}

void kh_scan_batch_fini(kh_scan_batch *batch) {
  kh_scan_batch_clear(batch);
  kh_free(batch->items);
  kh_buffer_fini(&batch->buffer);
  kh_buffer_fini(&batch->reached);
}

khonsu_value_type kh_scan_type(kh_version_kind kind) {
  static const khonsu_value_type types[] = {
      [KH_BYTES] = KHONSU_BYTES, [KH_TABLE] = KHONSU_TABLE, [KH_COUNTER] = KHONSU_COUNTER};
  return types[kind];
}

static kh_limit where_to_go_on(const khonsu_scan *scan) {
  if (scan->batch.started)
    return (kh_limit){kh_buffer_slice(&scan->batch.reached), .bounded = true, .inclusive = false};
  return scan->reverse ? scan->high : scan->low;
}

static bool is_past_the_end(const khonsu_scan *scan, khonsu_slice key) {
  return scan->reverse ? !kh_limit_above(scan->low, key) : !kh_limit_below(scan->high, key);
}

khonsu_status kh_scan_batch_reached(kh_scan_batch *batch, khonsu_slice key) {
  batch->started = true;
  return kh_buffer_set(&batch->reached, key.data, key.size);
}

/* A copy in steps that the compiler does not make a call, or a slow instruction, of. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t size) {
  typedef struct {
    uint64_t words[2];
  } step;
  if (size < sizeof(step)) {
    for (size_t i = 0; i < size; i++) to[i] = from[i];
    return;
  }
  for (size_t i = 0; i + sizeof(step) < size; i += sizeof(step)) memcpy(to + i, from + i, sizeof(step));
  memcpy(to + size - sizeof(step), from + size - sizeof(step), sizeof(step));
}

/* There is room in the buffer for what is copied. */
static void take_value(khonsu_scan *scan, kh_scan_item *item, kh_version *version) {
  kh_buffer *buffer = &scan->batch.buffer;
  if (version->kind == KH_BYTES && version->size <= COPIED_MOST) {
    item->entry.bytes = kh_slice(buffer->data + buffer->size, version->size);
    copy_bytes(buffer->data + buffer->size, kh_version_value(version), version->size);
    buffer->size += version->size;
  } else if (version->kind == KH_COUNTER) {
    item->entry.counter = kh_version_number(version);
  } else if (version->kind != KH_TOMBSTONE) {
    item->kept = kh_version_ref(version);
    if (version->kind == KH_BYTES) item->entry.bytes = kh_version_bytes(version);
  }
}

static void take(khonsu_scan *scan, kh_key_place place, kh_version *version) {
  kh_scan_batch *batch = &scan->batch;
  kh_version_kind kind = (kh_version_kind)version->kind;
  kh_scan_item *item = &batch->items[batch->count++];
  item->entry = (khonsu_entry){
      .key = kh_key_at(batch->buffer.data, place), .type = kh_scan_type(kind), .version = version->timestamp};
  item->kept = NULL;
  item->kind = kind;
  if (place.size > batch->key_size_most) batch->key_size_most = place.size;
  if (!scan->keys_only) take_value(scan, item, version);
}

static void take_all(khonsu_scan *scan, const kh_key_place *places, size_t count) {
  const kh_partition *partition = scan->txn->partition;
  bool hides = partition->storage.ops != NULL; /* what is deleted in memory may still be in the storage */
  kh_lookup lookup;
  kh_lookup_begin(&lookup, &partition->store, scan->batch.buffer.data, places, count, !scan->keys_only);
  for (size_t i = 0; i < count; i++) {
    kh_version *version = kh_version_visible(kh_lookup_next(&lookup, i), scan->read_at);
    if (version != NULL && (version->kind != KH_TOMBSTONE || hides)) take(scan, places[i], version);
  }
}

/* How many of the keys, which are in order, lie in the range. */
static size_t within_range(const khonsu_scan *scan, const kh_key_place *places, size_t count) {
  const uint8_t *keys = scan->batch.buffer.data;
  while (count > 0 && is_past_the_end(scan, kh_key_at(keys, places[count - 1]))) count--;
  return count;
}

/* Inside the epoch. */
static khonsu_status read_piece(khonsu_scan *scan, size_t room) {
  kh_scan_batch *batch = &scan->batch;
  const kh_store *store = &scan->txn->partition->store;
  kh_key_place places[KH_SCAN_BATCH_MOST];
  size_t count;
  khonsu_status status =
      kh_store_read_order(store, where_to_go_on(scan), scan->reverse, &batch->buffer, places, room, &count);
  if (status != KHONSU_OK) return status;
  count = within_range(scan, places, count);
  if (!scan->keys_only) status = kh_buffer_reserve(&batch->buffer, count * COPIED_MOST); /* it stays where it is now */
  if (status != KHONSU_OK) return status;
  take_all(scan, places, count);
  batch->ended = count < room;
  if (batch->ended) return KHONSU_OK;
  return kh_scan_batch_reached(batch, kh_key_at(batch->buffer.data, places[count - 1]));
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
  if (room > batch->capacity) {
    kh_scan_item *items = kh_realloc_array(batch->items, room, sizeof *items);
    if (items == NULL) return KHONSU_NO_MEMORY;
    batch->items = items;
    batch->capacity = room;
  }
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
  if (scan->txn->past != NULL) scan->batch.ended = true; /* memory knows nothing of it */
  else if (status == KHONSU_OK) status = read_memory(scan, room, error);
  if (status == KHONSU_OK) status = kh_scan_merge_storage(scan, from, room, error);
  kh_buffer_fini(&key);
  return status;
}

static khonsu_status fill_at(khonsu_scan *scan, size_t room, khonsu_error *error) {
  bool both = scan->txn->partition->storage.ops != NULL;
  khonsu_status status;
  do {
    scan->batch.buffer.size = 0;
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
  scan->batch.plain_end = each_step ? 0 : scan->batch.count;
  return KH_UNLIKELY(kh_snapshot_expired(txn->slot)) ? kh_txn_expired(txn, error) : KHONSU_OK;
}
