/* The keys of a range, in order, with their values if they are wanted, as of one moment. */
#include <string.h>

#include "kv.h"

/* What slices of the range point to. */
typedef struct bounds {
  kh_text prefix, from, to;
} bounds;

static flashkv_status read_bound(const char *written, kh_text *bytes, flashkv_slice *bound, flashkv_error *error) {
  if (written == NULL) return FLASHKV_OK;
  flashkv_status status = kh_kv_read_bytes(flashkv_text(written), bytes, error);
  *bound = kh_kv_slice(bytes);
  return status;
}

static flashkv_status read_bounds(bounds *self, flashkv_iterator_options *options, flashkv_error *error) {
  flashkv_status status = read_bound(kh_range.prefix, &self->prefix, &options->prefix, error);
  if (status == FLASHKV_OK) status = read_bound(kh_range.from, &self->from, &options->lower, error);
  if (status == FLASHKV_OK) status = read_bound(kh_range.to, &self->to, &options->upper, error);
  options->reverse = kh_range.reverse;
  options->keys_only = true;
  return status;
}

/* ---- entries */

typedef struct walk {
  flashkv *store;
  flashkv_iterator *iterator;
  bool values;
  kh_kv_visit visit;
  void *ctx;
  uint64_t count;
  flashkv_status passed_over; /* why, if anything was */
} walk;

static bool can_be_passed_over(flashkv_status status) { return status == FLASHKV_CORRUPT || status == FLASHKV_IO; }

/* An iterator has no times and sequences, so the key is looked for at the moment that the iterator sees. */
static flashkv_status visit_key(walk *self, flashkv_slice key, flashkv_error *error) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status status = FLASHKV_OK;
  if (self->values) status = flashkv_get_at(self->store, key, flashkv_iterator_sequence(self->iterator), &value, error);
  if (status == FLASHKV_NOT_FOUND) return FLASHKV_OK; /* expired */
  if (status != FLASHKV_OK) return status;
  status = self->visit(self->ctx, key, &value, error);
  flashkv_value_release(&value);
  self->count++;
  return status;
}

static flashkv_status step(walk *self, flashkv_error *error) {
  flashkv_slice key;
  flashkv_status status = flashkv_iterator_next(self->iterator, &key, NULL, error);
  if (status == FLASHKV_OK) status = visit_key(self, key, error);
  if (!can_be_passed_over(status) || kh_kv_state(error) != FLASHKV_OK) return status;
  kh_progress_clear();
  kh_complain("%s", error->message);
  self->passed_over = status;
  return FLASHKV_OK;
}

static flashkv_status walk_all(walk *self, flashkv_error *error) {
  flashkv_status status = FLASHKV_OK;
  while (status == FLASHKV_OK && (kh_range.limit == 0 || self->count < kh_range.limit)) {
    status = kh_interrupted ? KH_INTERRUPTED : step(self, error);
  }
  if (status == FLASHKV_END) status = FLASHKV_OK;
  if (status != FLASHKV_OK || self->passed_over == FLASHKV_OK) return status;
  return kh_kv_fail(error, self->passed_over, "not everything could be read");
}

flashkv_status kh_kv_walk(flashkv *store, bool values, kh_kv_visit visit, void *ctx, flashkv_error *error) {
  walk self = {.store = store, .values = values, .visit = visit, .ctx = ctx};
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  bounds ends = {.prefix = {.data = NULL}};
  flashkv_status status = read_bounds(&ends, &options, error);
  if (status == FLASHKV_OK) status = flashkv_iterator_open(store, &options, &self.iterator, error);
  if (status == FLASHKV_OK) status = walk_all(&self, error);
  flashkv_iterator_free(&self.iterator);
  kh_text_fini(&ends.prefix);
  kh_text_fini(&ends.from);
  kh_text_fini(&ends.to);
  return status;
}
