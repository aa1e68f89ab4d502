#include "scan.h"

enum { SPARE_MOST = 256 << 10 };

/* ---- opening */

static khonsu_slice keep(kh_buffer *bounds, khonsu_slice key) {
  if (key.size == 0) return key;
  memcpy(bounds->data + bounds->size, key.data, key.size);
  khonsu_slice kept = kh_slice(bounds->data + bounds->size, key.size);
  bounds->size += key.size;
  return kept;
}

/* The first key after all that begin with the prefix: the prefix without trailing 0xFF, its last byte one more. Empty:
 * there is none. */
static khonsu_slice keep_end_of_prefix(kh_buffer *bounds, khonsu_slice prefix) {
  size_t size = prefix.size;
  while (size > 0 && ((const uint8_t *)prefix.data)[size - 1] == 0xFF) size--;
  khonsu_slice end = keep(bounds, kh_slice(prefix.data, size));
  if (size != 0) bounds->data[bounds->size - 1]++;
  return end;
}

static void raise_low(khonsu_scan *scan, khonsu_slice first) {
  if (first.size == 0 || (scan->low.bounded && kh_slice_compare(first, scan->low.key) <= 0)) return;
  scan->low = (kh_limit){first, .bounded = true, .inclusive = true};
}

static void lower_high(khonsu_scan *scan, khonsu_slice end) {
  if (end.size == 0 || (scan->high.bounded && kh_slice_compare(end, scan->high.key) >= 0)) return;
  scan->high = (kh_limit){end, .bounded = true, .inclusive = false};
}

static khonsu_status set_range(khonsu_scan *scan, const khonsu_range *range) {
  if (range == NULL) return KHONSU_OK;
  khonsu_status status =
      kh_buffer_reserve(&scan->bounds, 2 * range->prefix.size + range->first.size + range->end.size + 1);
  if (status != KHONSU_OK) return status;
  lower_high(scan, keep_end_of_prefix(&scan->bounds, range->prefix));
  raise_low(scan, keep(&scan->bounds, range->prefix));
  raise_low(scan, keep(&scan->bounds, range->first));
  lower_high(scan, keep(&scan->bounds, range->end));
  return KHONSU_OK;
}

static void free_memory(khonsu_scan *scan) {
  kh_scan_batch_fini(&scan->batch);
  kh_free(scan->own.sorted);
  kh_buffer_fini(&scan->bounds);
  kh_buffer_fini(&scan->position);
  kh_free(scan);
}

khonsu_status kh_scan_open(khonsu_txn *txn, const khonsu_range *range, const khonsu_scan_options *options,
                           khonsu_scan **scan, khonsu_error *error) {
  const kh_storage_ops *storage = txn->partition->storage.ops;
  if (storage != NULL && storage->scan == NULL)
    return khonsu_error_set(error, KHONSU_UNSUPPORTED, "the storage has no scan operation");
  khonsu_status status = txn->past == NULL ? kh_txn_order_store(txn, error) : KHONSU_OK;
  if (status != KHONSU_OK) return status;
  khonsu_scan *opened = txn->spare_scan;
  txn->spare_scan = NULL;
  if (opened == NULL) opened = kh_alloc_zero(sizeof *opened);
  if (opened == NULL || set_range(opened, range) != KHONSU_OK) {
    if (opened != NULL) free_memory(opened);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a scan");
  }
  opened->txn = txn;
  opened->reverse = options->reverse;
  opened->keys_only = options->keys_only;
  opened->left = options->limit == 0 ? UINT64_MAX : options->limit;
  opened->next_of_txn = txn->scans;
  txn->scans = opened;
  *scan = opened;
  return KHONSU_OK;
}

/* ---- what was stepped through */

/* The stretch that goes on as of the batch's moment; at read committed, where moments change under way, perhaps a new
 * one. */
static khonsu_status go_on_with_stretch(khonsu_scan *scan) {
  if (scan->stretch != NULL && scan->stretch->read_at == scan->read_at) return KHONSU_OK;
  kh_limit from = scan->reverse ? scan->high : scan->low;
  if (scan->stands) from = (kh_limit){kh_buffer_slice(&scan->position), .bounded = true, .inclusive = false};
  kh_stretch *stretch = kh_stretch_new(from, scan->reverse, scan->read_at);
  if (stretch == NULL) return KHONSU_NO_MEMORY;
  stretch->next = scan->txn->stretches;
  scan->txn->stretches = stretch;
  scan->stretch = stretch;
  return KHONSU_OK;
}

/* Makes room for stepping to keys of this size, so that noting it cannot fail. */
static khonsu_status prepare_to_step(khonsu_scan *scan, size_t key_size, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  if (scan->position.capacity < key_size) status = kh_buffer_reserve(&scan->position, key_size);
  if (status == KHONSU_OK && !scan->txn->read_only) {
    status = go_on_with_stretch(scan);
    if (status == KHONSU_OK) status = kh_stretch_reserve(scan->stretch, key_size);
  }
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory to remember what was scanned");
}

static void stand_at(khonsu_scan *scan, khonsu_slice key, uint64_t entries) {
  memcpy(scan->position.data, key.data, key.size);
  scan->position.size = key.size;
  scan->stands = true;
  if (scan->stretch != NULL) kh_stretch_reach(scan->stretch, key, entries);
}

static void catch_up(khonsu_scan *scan) {
  if (scan->lag == 0) return;
  const kh_scan_batch *batch = &scan->batch;
  stand_at(scan, batch->items[batch->next - 1].entry.key, scan->lag);
  scan->left -= scan->lag;
  scan->lag = 0;
}

void kh_scan_catch_up_all(khonsu_txn *txn) {
  for (khonsu_scan *scan = txn->scans; scan != NULL; scan = scan->next_of_txn) catch_up(scan);
}

static khonsu_status finish(khonsu_scan *scan, khonsu_error *error) {
  if (!scan->txn->read_only) {
    khonsu_status status = go_on_with_stretch(scan);
    if (status == KHONSU_OK) status = kh_stretch_finish(scan->stretch, scan->reverse ? scan->low : scan->high);
    if (status != KHONSU_OK) return khonsu_error_set(error, status, "no memory to remember what was scanned");
  }
  scan->ended = true;
  return KHONSU_END;
}

/* ---- closing */

static void drop_entry(khonsu_scan *scan) {
  kh_table_unref(scan->table);
  kh_version_unref(scan->kept, NULL);
  scan->table = NULL;
  scan->kept = NULL;
}

void kh_scan_free_spare(khonsu_txn *txn) {
  if (txn->spare_scan != NULL) free_memory(txn->spare_scan);
  txn->spare_scan = NULL;
}

static size_t memory_of(const khonsu_scan *scan) {
  const kh_scan_batch *batch = &scan->batch;
  return batch->buffer.capacity + batch->reached.capacity + scan->bounds.capacity + scan->position.capacity +
         scan->own.capacity * sizeof *scan->own.sorted;
}

/* Keeps the memory of a scan for the next, where it is not large. */
static void keep_memory(khonsu_txn *txn, khonsu_scan *scan) {
  kh_scan_batch_clear(&scan->batch);
  khonsu_scan kept = {.batch = {.items = scan->batch.items,
                                .capacity = scan->batch.capacity,
                                .buffer = scan->batch.buffer,
                                .reached = scan->batch.reached},
                      .own = {.sorted = scan->own.sorted, .capacity = scan->own.capacity},
                      .bounds = scan->bounds,
                      .position = scan->position};
  kept.batch.reached.size = kept.bounds.size = kept.position.size = 0;
  *scan = kept;
  txn->spare_scan = scan;
}

void kh_scan_free(khonsu_scan *scan) {
  khonsu_txn *txn = scan->txn;
  drop_entry(scan);
  if (txn == NULL) {
    free_memory(scan);
    return;
  }
  catch_up(scan);
  khonsu_scan **link = &txn->scans;
  while (*link != scan) link = &(*link)->next_of_txn;
  *link = scan->next_of_txn;
  if (txn->spare_scan == NULL && memory_of(scan) <= SPARE_MOST) keep_memory(txn, scan);
  else free_memory(scan);
}

void kh_scan_detach_all(khonsu_txn *txn) {
  for (khonsu_scan *scan = txn->scans; scan != NULL; scan = scan->next_of_txn) scan->txn = NULL;
  txn->scans = NULL;
}

/* ---- stepping */

/* Keeps what the entry leads to. */
static void show_version(khonsu_scan *scan, kh_version *version, khonsu_entry *entry) {
  if (version->kind == KH_TABLE) scan->table = kh_table_ref(kh_version_table(version));
  if (version->kind != KH_BYTES) return;
  scan->kept = kh_version_ref(version);
  entry->bytes = kh_version_bytes(version);
}

/* The batch keeps what the entry points to, until the next is read. */
static inline void show_item(khonsu_scan *scan, const kh_scan_item *item, khonsu_entry *entry) {
  *entry = item->entry;
  if (KH_UNLIKELY(item->kind == KH_TABLE && !scan->keys_only)) scan->table = kh_table_ref(kh_version_table(item->kept));
}

static kh_look look_at_item(const kh_scan_item *item) {
  kh_look look = {.kind = KH_TOMBSTONE};
  if (item == NULL) return look;
  look.kind = item->kind;
  if (item->kind == KH_TABLE) look.table = kh_version_table(item->kept);
  else look.number = item->entry.counter;
  return look;
}

/* An own append or add, on top of what is committed: the key is observed by that. */
static khonsu_status show_own_increment(khonsu_scan *scan, kh_access *own, const kh_scan_item *under,
                                        khonsu_entry *entry, khonsu_error *error) {
  kh_look look = look_at_item(under);
  khonsu_status status = kh_txn_look_through_own(scan->txn, own, &look, error);
  if (status != KHONSU_OK) return status;
  own->observed = true;
  own->read_at = scan->read_at;
  own->read_version = under == NULL ? 0 : under->entry.version;
  entry->type = kh_scan_type(look.kind);
  if (look.kind == KH_COUNTER) entry->counter = look.number;
  if (look.kind == KH_TABLE) scan->table = kh_table_ref(look.table);
  return KHONSU_OK;
}

static khonsu_status show_own(khonsu_scan *scan, kh_access *own, const kh_scan_item *under, khonsu_entry *entry,
                              khonsu_error *error) {
  *entry = (khonsu_entry){.key = own->key, .type = kh_scan_type((kh_version_kind)own->staged->kind)};
  if (scan->keys_only) return KHONSU_OK;
  if (own->accrues) return show_own_increment(scan, own, under, entry, error);
  if (own->staged->kind == KH_COUNTER) entry->counter = kh_version_number(own->staged);
  show_version(scan, own->staged, entry);
  return KHONSU_OK;
}

/* What comes next on both sides. */
static khonsu_status look_ahead(khonsu_scan *scan, kh_access **own, kh_scan_item **item, khonsu_error *error) {
  kh_scan_batch *batch = &scan->batch;
  khonsu_status status = kh_own_writes_next(scan, own, error);
  bool each_step = scan->txn->isolation == KHONSU_READ_COMMITTED;
  if (status == KHONSU_OK && (each_step || (batch->next == batch->count && !batch->ended))) {
    status = kh_scan_fill(scan, error);
    if (status == KHONSU_OK && batch->count != 0) status = prepare_to_step(scan, batch->key_size_most, error);
  }
  *item = batch->next < batch->count ? &batch->items[batch->next] : NULL;
  return status;
}

/* Which of the two keys comes first: < 0 the own, 0 both are one. */
static int compare(const khonsu_scan *scan, const kh_access *own, const kh_scan_item *item) {
  if (own == NULL) return 1;
  if (item == NULL) return -1;
  int order = kh_slice_compare(own->key, item->entry.key);
  return scan->reverse ? -order : order;
}

static khonsu_status step(khonsu_scan *scan, khonsu_entry *entry, bool *found, khonsu_error *error) {
  kh_access *own;
  kh_scan_item *item;
  khonsu_status status = look_ahead(scan, &own, &item, error);
  if (status != KHONSU_OK) return status;
  if (own == NULL && item == NULL) return finish(scan, error);
  int order = compare(scan, own, item);
  khonsu_slice key = order <= 0 ? own->key : item->entry.key;
  status = prepare_to_step(scan, key.size, error);
  if (status != KHONSU_OK) return status;
  *found = order > 0 || own->staged->kind != KH_TOMBSTONE;
  if (order > 0) show_item(scan, item, entry);
  else if (*found) status = show_own(scan, own, order == 0 ? item : NULL, entry, error);
  if (status != KHONSU_OK) return status;
  stand_at(scan, key, 1);
  if (order >= 0) scan->batch.next++;
  return KHONSU_OK;
}

/* Most steps: to the next item of a batch, with no own writes between. Room was made for it. */
static inline bool step_in_batch(khonsu_scan *scan, khonsu_entry *entry) {
  kh_scan_batch *batch = &scan->batch;
  if (batch->next >= batch->plain_end || scan->txn->accesses.writes != 0) return false;
  show_item(scan, &batch->items[batch->next++], entry);
  scan->lag++;
  return true;
}

khonsu_status kh_scan_next(khonsu_scan *scan, khonsu_entry *entry, khonsu_error *error) {
  if (KH_UNLIKELY(scan->table != NULL || scan->kept != NULL)) drop_entry(scan);
  if (KH_LIKELY(step_in_batch(scan, entry))) return KHONSU_OK;
  catch_up(scan);
  khonsu_status status = KHONSU_OK;
  khonsu_entry next;
  for (bool found = false; !found && status == KHONSU_OK;) {
    if (scan->ended || scan->left == 0) return KHONSU_END;
    status = step(scan, &next, &found, error);
  }
  if (status != KHONSU_OK) return status;
  scan->left--;
  *entry = next;
  return KHONSU_OK;
}
