/* scan_own: the transaction's own writes, in the order of keys, as a scan comes to them. Accesses made while it runs are
 * sorted in when they lie ahead; those behind cost nothing more than a look. */
#include <stdlib.h>

#include "scan.h"

static int by_key(const void *a, const void *b) {
  return kh_slice_compare(((const kh_own_write *)a)->key, ((const kh_own_write *)b)->key);
}

static bool is_ahead(const khonsu_scan *scan, khonsu_slice key) {
  if (scan->stands) {
    int order = kh_slice_compare(key, kh_buffer_slice(&scan->position));
    if (scan->reverse ? order >= 0 : order <= 0) return false;
  }
  return kh_limit_above(scan->low, key) && kh_limit_below(scan->high, key);
}

static khonsu_status take(kh_own_writes *own, kh_own_write taken) {
  if (own->count == own->capacity) {
    size_t capacity = own->capacity == 0 ? 16 : own->capacity * 2;
    kh_own_write *sorted = kh_realloc_array(own->sorted, capacity, sizeof *sorted);
    if (sorted == NULL) return KHONSU_NO_MEMORY;
    own->sorted = sorted;
    own->capacity = capacity;
  }
  own->sorted[own->count++] = taken;
  return KHONSU_OK;
}

static khonsu_status take_new(khonsu_scan *scan) {
  kh_own_writes *own = &scan->own;
  const kh_access_set *set = &scan->txn->accesses;
  size_t before = own->count;
  for (; own->seen < set->count; own->seen++) {
    khonsu_slice key = set->entries[own->seen].key;
    if (!is_ahead(scan, key)) continue;
    khonsu_status status = take(own, (kh_own_write){key, own->seen});
    if (status != KHONSU_OK) return status;
  }
  if (own->count != before) qsort(own->sorted, own->count, sizeof *own->sorted, by_key);
  return KHONSU_OK;
}

/* The first place in order, or in reverse the end of those, that lies beyond where the scan stands. */
static size_t place_ahead(const khonsu_scan *scan) {
  const kh_own_writes *own = &scan->own;
  if (!scan->stands) return scan->reverse ? own->count : 0;
  size_t low = 0, high = own->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = kh_slice_compare(own->sorted[middle].key, kh_buffer_slice(&scan->position));
    if (scan->reverse ? order < 0 : order <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

khonsu_status kh_own_writes_next(khonsu_scan *scan, kh_access **own, khonsu_error *error) {
  *own = NULL;
  if (scan->txn->accesses.writes == 0) return KHONSU_OK;
  if (take_new(scan) != KHONSU_OK)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the own writes of a scan");
  kh_access *entries = scan->txn->accesses.entries;
  for (size_t at = place_ahead(scan); scan->reverse ? at > 0 : at < scan->own.count;) {
    kh_access *access = &entries[scan->own.sorted[scan->reverse ? --at : at++].access];
    if (access->staged == NULL) continue;
    *own = access;
    break;
  }
  return KHONSU_OK;
}
