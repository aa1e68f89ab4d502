/* recall: certification against what memory has forgotten, which is only for transactions that began before. Deletions are not
 * forgotten before such have ended. */
#include "scan.h"
#include "stretch.h"
#include "transaction.h"

khonsu_status kh_recall(kh_partition *partition, const kh_request *request, kh_access *access) {
  const kh_storage *storage = &partition->storage;
  kh_stored_value value;
  khonsu_status status = storage->ops->get(storage->ctx, access->key, kh_store_visible(&partition->store),
                                           &partition->arrow_limits, &value, request->error);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK;
  if (status != KHONSU_OK) return status;
  kh_version *version = kh_version_of_stored(request->txn, access->key, &value);
  if (version == NULL) return KHONSU_NO_MEMORY;
  status = kh_store_link(&partition->store, access->hash, NULL, version);
  if (status == KHONSU_OK) access->newest = version;
  else kh_version_unref(version, NULL);
  return status;
}

typedef struct looking {
  const kh_store *store;
  kh_stretch *stretch;
} looking;

/* The value is empty, as only keys are asked for. */
static khonsu_status look_at_stored(void *ctx, khonsu_slice key, kh_stored_value *value) {
  const looking *at = ctx;
  if (value->version <= at->stretch->read_at || !kh_stretch_holds(at->stretch, key)) return KHONSU_OK;
  if (kh_store_find(at->store, key, kh_store_hash(at->store, key)) != NULL) return KHONSU_OK; /* memory knows better */
  kh_stretch_break_at(at->stretch, key, value->version);
  return KHONSU_CONFLICT;
}

static khonsu_status set_range(const kh_stretch *stretch, khonsu_storage_range *range, kh_buffer *low,
                               kh_buffer *high) {
  khonsu_status status = kh_scan_bound(stretch->low, !stretch->low.inclusive, low, &range->first);
  return status == KHONSU_OK ? kh_scan_bound(stretch->high, stretch->high.inclusive, high, &range->end) : status;
}

khonsu_status kh_stretch_certify_forgotten(kh_partition *partition, kh_stretch *stretch, khonsu_error *error) {
  const kh_storage *storage = &partition->storage;
  kh_store *store = &partition->store;
  looking at = {store, stretch};
  const kh_stored_visitor visitor = {.visit = look_at_stored, .ctx = &at};
  khonsu_storage_range range = {.keys_only = true};
  kh_buffer low = {NULL, 0, 0}, high = {NULL, 0, 0};
  if (stretch->entries == 0 || stretch->broken) return KHONSU_OK;
  khonsu_status status = set_range(stretch, &range, &low, &high);
  if (status == KHONSU_OK)
    status =
        storage->ops->scan(storage->ctx, &range, kh_store_visible(store), &partition->arrow_limits, &visitor, error);
  kh_buffer_fini(&low);
  kh_buffer_fini(&high);
  return status;
}
