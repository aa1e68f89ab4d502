/* scan_storage: over a storage, memory is a cache: what is not there is asked of the storage as of the same moment. A key
 * that memory knows at that moment, deleted or not, hides what the storage holds. */
#include "scan.h"

typedef struct cold {
  khonsu_scan *scan;
  kh_scan_item *items;
  size_t count, room;
  size_t hot; /* item of the batch, which memory filled, that the storage has come to */
  bool cut;   /* there is more */
} cold;

/* Ends the storage's scan; never leaves this file. */
enum { ENOUGH = KHONSU_END };

static const kh_version_kind kinds[] = {
    [KHONSU_BYTES] = KH_BYTES, [KHONSU_TABLE] = KH_TABLE, [KHONSU_COUNTER] = KH_COUNTER};

/* The version holds the key that is shown, and the value; without values, the key alone. */
static kh_version *version_of(khonsu_scan *scan, khonsu_slice key, kh_stored_value *value) {
  return scan->keys_only ? kh_version_new_tombstone(&scan->txn->cache, key)
                         : kh_version_of_stored(scan->txn, key, value);
}

static khonsu_status take(void *ctx, khonsu_slice key, kh_stored_value *value) {
  cold *from = ctx;
  khonsu_scan *scan = from->scan;
  if (from->count == from->room) {
    from->cut = true;
    kh_stored_value_release(value);
    return ENOUGH;
  }
  kh_version_kind kind = kinds[value->type];
  uint64_t timestamp = value->version;
  kh_version *version = version_of(scan, key, value);
  if (version == NULL) return KHONSU_NO_MEMORY;
  kh_scan_item *item = &from->items[from->count++];
  *item = (kh_scan_item){.kept = version, .kind = kind};
  item->entry = (khonsu_entry){.key = kh_version_key(version), .type = kh_scan_type(kind), .version = timestamp};
  if (kind == KH_BYTES && !scan->keys_only) item->entry.bytes = kh_version_bytes(version);
  if (kind == KH_COUNTER && !scan->keys_only) item->entry.counter = kh_version_number(version);
  if (key.size > scan->batch.key_size_most) scan->batch.key_size_most = key.size;
  return KHONSU_OK;
}

static int compare(const khonsu_scan *scan, const kh_scan_item *a, const kh_scan_item *b) {
  int order = kh_slice_compare(a->entry.key, b->entry.key);
  return scan->reverse ? -order : order;
}

/* Both come in the order of the scan. */
static bool is_in_memory(void *ctx, khonsu_slice key) {
  cold *from = ctx;
  const kh_scan_batch *batch = &from->scan->batch;
  const kh_scan_item stored = {.entry = {.key = key}};
  while (from->hot < batch->count && compare(from->scan, &batch->items[from->hot], &stored) < 0) from->hot++;
  return from->hot < batch->count && compare(from->scan, &batch->items[from->hot], &stored) == 0;
}

khonsu_status kh_scan_bound(kh_limit limit, bool after, kh_buffer *key, khonsu_slice *bound) {
  *bound = limit.bounded ? limit.key : kh_slice(NULL, 0);
  if (!limit.bounded || !after) return KHONSU_OK;
  khonsu_status status = kh_buffer_append(key, limit.key.data, limit.key.size);
  if (status == KHONSU_OK) status = kh_buffer_append(key, "", 1); /* the next key in byte order */
  *bound = kh_buffer_slice(key);
  return status;
}

/* From `from` to what memory was read to. */
static khonsu_status read_storage(cold *to, kh_limit from, khonsu_error *error) {
  khonsu_scan *scan = to->scan;
  kh_limit far = scan->reverse ? scan->low : scan->high;
  if (!scan->batch.ended) far = (kh_limit){kh_buffer_slice(&scan->batch.reached), .bounded = true, .inclusive = true};
  kh_limit low = scan->reverse ? far : from, high = scan->reverse ? from : far;
  kh_buffer low_key = {NULL, 0, 0}, high_key = {NULL, 0, 0};
  khonsu_storage_range range = {.reverse = scan->reverse, .keys_only = scan->keys_only};
  khonsu_status status = kh_scan_bound(low, !low.inclusive, &low_key, &range.first);
  if (status == KHONSU_OK) status = kh_scan_bound(high, high.inclusive, &high_key, &range.end);
  const kh_partition *partition = scan->txn->partition;
  const kh_stored_visitor visitor = {take, is_in_memory, to};
  if (status == KHONSU_OK)
    status = partition->storage.ops->scan(partition->storage.ctx, &range, scan->read_at, &partition->arrow_limits,
                                          &visitor, error);
  else khonsu_error_set(error, status, "no memory for the bounds of a scan");
  kh_buffer_fini(&low_key);
  kh_buffer_fini(&high_key);
  return status == ENOUGH && to->cut ? KHONSU_OK : status;
}

/* Where the storage had more than was asked for, the batch ends at the last key it gave. */
static khonsu_status cut_batch(khonsu_scan *scan, const cold *from) {
  kh_scan_batch *batch = &scan->batch;
  const kh_scan_item *last = &from->items[from->count - 1];
  while (batch->count > 0 && compare(scan, &batch->items[batch->count - 1], last) > 0)
    kh_version_unref(batch->items[--batch->count].kept, NULL);
  batch->ended = false;
  return kh_scan_batch_reached(batch, last->entry.key);
}

/* Into `merged`, which has room for all. */
static void merge(khonsu_scan *scan, const cold *from, kh_scan_item *merged) {
  kh_scan_batch *batch = &scan->batch;
  size_t hot = 0, next = 0, count = 0;
  while (hot < batch->count || next < from->count) {
    kh_scan_item *in_memory = hot < batch->count ? &batch->items[hot] : NULL;
    kh_scan_item *stored = next < from->count ? &from->items[next] : NULL;
    int order = in_memory == NULL ? 1 : stored == NULL ? -1 : compare(scan, in_memory, stored);
    if (order >= 0) next++;
    if (order <= 0) hot++;
    if (order == 0) kh_version_unref(stored->kept, NULL);
    kh_scan_item *chosen = order <= 0 ? in_memory : stored;
    if (chosen->kind != KH_TOMBSTONE) merged[count++] = *chosen;
  }
  kh_free(batch->items);
  batch->items = merged;
  batch->capacity = 2 * KH_SCAN_BATCH_MOST;
  batch->count = count;
}

/* Both together may have more than was asked for: the rest comes next. */
static khonsu_status cut_to_room(kh_scan_batch *batch, size_t room) {
  if (batch->count <= room) return KHONSU_OK;
  while (batch->count > room) kh_version_unref(batch->items[--batch->count].kept, NULL);
  batch->ended = false;
  return kh_scan_batch_reached(batch, batch->items[room - 1].entry.key);
}

khonsu_status kh_scan_merge_storage(khonsu_scan *scan, kh_limit from, size_t room, khonsu_error *error) {
  cold stored = {.scan = scan, .room = room};
  kh_scan_item *merged = kh_alloc_array(2 * KH_SCAN_BATCH_MOST, sizeof *merged);
  stored.items = kh_alloc_array(room, sizeof *stored.items);
  khonsu_status status = KHONSU_OK;
  if (merged == NULL || stored.items == NULL)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a batch of a scan");
  if (status == KHONSU_OK) status = read_storage(&stored, from, error);
  if (status == KHONSU_OK && stored.cut && cut_batch(scan, &stored) != KHONSU_OK)
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a batch of a scan");
  if (status == KHONSU_OK) {
    merge(scan, &stored, merged);
    status = cut_to_room(&scan->batch, room);
    if (status != KHONSU_OK) khonsu_error_set(error, status, "no memory for a batch of a scan");
  } else {
    for (size_t i = 0; i < stored.count; i++) kh_version_unref(stored.items[i].kept, NULL);
    kh_free(merged);
  }
  kh_free(stored.items);
  return status;
}
