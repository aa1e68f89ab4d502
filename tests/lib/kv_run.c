#include "kv_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "fixed_world.h"
#include "flashkv/hints.h"

void kv_run_complain(kv_run *run, const char *what, const char *detail) {
  if (run->complaint[0] == '\0') snprintf(run->complaint, sizeof run->complaint, "%s: %.500s", what, detail);
}

/* ---- keys and values: of a number each */

static khonsu_slice key_of(char text[32], uint64_t number) {
  return kh_slice(text, (size_t)snprintf(text, 32, "key-%0*llu", (int)(3 + number % 7), (unsigned long long)number));
}

enum { VALUE_ROOM = 1 << 17 };

/* Some values are empty, some need many blocks, some have a few bytes; no two are alike. */
static khonsu_slice value_of(kv_run *run, uint8_t bytes[VALUE_ROOM]) {
  uint64_t kind = kh_prng_below(&run->prng, 16), size = kh_prng_below(&run->prng, run->value_max);
  if (kind == 0) size = 0;
  if (kind == 1) size = 20 * size + 4096; /* some by a call */
  if (kind == 2) size %= 16;
  if (size > VALUE_ROOM) size = VALUE_ROOM;
  uint64_t noise = kh_prng_next(&run->prng);
  for (uint64_t i = 0; i < size; i++) bytes[i] = (uint8_t)(noise >> i % 8 * 8);
  if (size >= 8) memcpy(bytes + size - 8, &run->prng.state, 8);
  return kh_slice(bytes, size);
}

static flashkv_slice lend(khonsu_slice slice) { return (flashkv_slice){slice.data, slice.size}; }

/* ---- answers */

static void take_answer(kv_run *run, const char *call, flashkv_status status, const flashkv_error *error) {
  if (status == FLASHKV_OK || status == FLASHKV_NOT_FOUND) return;
  run->failures++;
  if (run->may_fail && kv_is_excuse(status)) return;
  char detail[600];
  snprintf(detail, sizeof detail, "%s: %s", flashkv_status_name(status), error->message);
  kv_run_complain(run, call, detail);
}

static void pause_run(kv_run *run) {
  if (run->pause != NULL) run->pause(run->pause_ctx, run);
}

static bool has_doubts(const kv_run *run) {
  for (size_t i = run->model.commit_count; i-- > 0;)
    if (run->model.commits[i].fate == KV_IN_DOUBT) return true;
  return false;
}

/* ---- steps */

static flashkv_durability some_durability(kv_run *run) {
  return kh_prng_below(&run->prng, 4) == 0 ? FLASHKV_SYNC : run->options.sync_writes;
}

/* What a commit that was answered with `status` is; a sync makes all before it durable. */
static void settle(kv_run *run, flashkv_status status, flashkv_durability durability, uint64_t sequence) {
  kv_model_end(&run->model, kv_fate_of(status, durability), status == FLASHKV_OK ? sequence : 0);
  if (status == FLASHKV_OK && durability == FLASHKV_SYNC) kv_model_synced(&run->model);
}

/* Keys expire at the ends of eras, which no step reaches but one that waits: so it is never in doubt what has. */
enum { ERA_MS = 1000000 };

static uint64_t now_ms(void) { return kh_os_wall_us() / 1000; }

static uint64_t some_expiry(kv_run *run) {
  switch (kh_prng_below(&run->prng, 16)) {
    case 0: return UINT64_C(4000000000000) + kh_prng_below(&run->prng, 100);
    case 1: return (now_ms() / ERA_MS + 1 + kh_prng_below(&run->prng, 3)) * ERA_MS;
    case 2: return kh_prng_below(&run->prng, 2); /* at once, or never */
    default: return 0;
  }
}

static void wait_for_the_next_era(void) { fixed_world_wait((now_ms() / ERA_MS + 1) * ERA_MS * 1000); }

static void put(kv_run *run) {
  static uint8_t bytes[VALUE_ROOM];
  char text[32];
  khonsu_slice key = key_of(text, kh_prng_below(&run->prng, run->keys)), value = value_of(run, bytes);
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.sync_writes = some_durability(run);
  options.aligned = kh_prng_below(&run->prng, 4) == 0;
  options.expires_ms = some_expiry(run);
  flashkv_error error = FLASHKV_ERROR_INIT;
  uint64_t sequence = 0;
  kv_model_begin(&run->model);
  kv_model_put(&run->model, key, value, options.expires_ms);
  flashkv_status status = flashkv_put_with(run->store, lend(key), lend(value), &options, &sequence, &error);
  pause_run(run);
  settle(run, status, options.sync_writes, sequence);
  take_answer(run, "put", status, &error);
}

static void delete_key(kv_run *run) {
  char text[32];
  khonsu_slice key = key_of(text, kh_prng_below(&run->prng, run->keys));
  flashkv_error error = FLASHKV_ERROR_INIT;
  kv_model_begin(&run->model);
  kv_model_delete(&run->model, key);
  flashkv_status status = flashkv_delete(run->store, lend(key), &error);
  pause_run(run);
  settle(run, status, run->options.sync_writes, 0);
  take_answer(run, "delete", status, &error);
}

static void sync_all(kv_run *run) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_sync(run->store, &error);
  pause_run(run);
  if (status == FLASHKV_OK) kv_model_synced(&run->model);
  take_answer(run, "sync", status, &error);
}

static flashkv_status fill_batch(kv_run *run, flashkv_batch *batch, flashkv_error *error) {
  static uint8_t bytes[VALUE_ROOM];
  char text[32];
  flashkv_status status = FLASHKV_OK;
  for (uint64_t left = 1 + kh_prng_below(&run->prng, 10); left > 0 && status == FLASHKV_OK; left--) {
    khonsu_slice key = key_of(text, kh_prng_below(&run->prng, run->keys)), value = value_of(run, bytes);
    if (kh_prng_below(&run->prng, 4) == 0) {
      status = flashkv_batch_delete(batch, lend(key), error);
      if (status == FLASHKV_OK) kv_model_delete(&run->model, key);
    } else {
      flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
      options.expires_ms = some_expiry(run);
      status = flashkv_batch_put(batch, lend(key), lend(value), &options, error);
      if (status == FLASHKV_OK) kv_model_put(&run->model, key, value, options.expires_ms);
    }
  }
  return status;
}

static void commit_batch(kv_run *run) {
  flashkv_batch_options options = FLASHKV_BATCH_OPTIONS_INIT;
  options.sync_writes = some_durability(run);
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_batch *batch = NULL;
  uint64_t sequence = 0;
  flashkv_status status = flashkv_batch_new(run->store, &options, &batch, &error);
  kv_model_begin(&run->model);
  if (status == FLASHKV_OK) status = fill_batch(run, batch, &error);
  if (status == FLASHKV_OK) status = flashkv_batch_commit(batch, &sequence, &error);
  pause_run(run);
  settle(run, status, options.sync_writes, sequence);
  take_answer(run, "batch", status, &error);
  flashkv_batch_free(&batch);
}

/* ---- snapshots */

static void let_go(kv_held *held) {
  if (held->snapshot == NULL) return;
  flashkv_snapshot_close(&held->snapshot);
  free(held->contents.entries);
  held->contents = (kv_contents){0};
}

static void let_all_go(kv_run *run) {
  for (int i = 0; i < KV_SNAPSHOTS_MAX; i++) let_go(&run->held[i]);
}

static void look_at_held(kv_run *run, const kv_held *held) {
  char why[512];
  if (held->snapshot == NULL) return;
  if (!kv_store_verify_snapshot(run->store, held->snapshot, &held->contents, run->may_fail, why))
    kv_run_complain(run, "snapshot", why);
}

static void hold(kv_run *run, kv_held *held) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  if (has_doubts(run)) return;
  flashkv_status status = flashkv_snapshot_open(run->store, &held->snapshot, &error);
  take_answer(run, "snapshot", status, &error);
  if (status == FLASHKV_OK) held->contents = kv_model_contents(&run->model, 0);
}

static void use_snapshot(kv_run *run) {
  kv_held *held = &run->held[kh_prng_below(&run->prng, KV_SNAPSHOTS_MAX)];
  if (held->snapshot == NULL) {
    hold(run, held);
    return;
  }
  look_at_held(run, held);
  if (kh_prng_below(&run->prng, 2) == 0) let_go(held);
}

/* ---- merging */

void kv_run_merge(kv_run *run) {
  static const double thresholds[] = {0, 0, -1, 0.3, 2};
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = thresholds[kh_prng_below(&run->prng, sizeof thresholds / sizeof thresholds[0])];
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_merge(run->store, &options, NULL, &error);
  pause_run(run);
  take_answer(run, "merge", status, &error);
  for (int i = 0; i < KV_SNAPSHOTS_MAX; i++) look_at_held(run, &run->held[i]);
}

/* ---- reading */

/* What is read is what the model has, or an error if there may be one. */
static void read_key(kv_run *run) {
  char text[32], why[100];
  khonsu_slice key = key_of(text, kh_prng_below(&run->prng, run->keys));
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get(run->store, lend(key), &value, &error);
  take_answer(run, "get", status, &error);
  if ((status == FLASHKV_OK || status == FLASHKV_NOT_FOUND) && !has_doubts(run)) {
    kv_contents wanted = kv_model_contents(&run->model, now_ms());
    const kv_entry *entry = NULL;
    for (size_t i = 0; i < wanted.count; i++)
      if (wanted.entries[i].key.size == key.size && memcmp(wanted.entries[i].key.data, key.data, key.size) == 0)
        entry = &wanted.entries[i];
    bool right = status == FLASHKV_NOT_FOUND
                     ? entry == NULL
                     : entry != NULL && entry->value.size == value.size &&
                           (value.size == 0 || memcmp(entry->value.data, value.data, value.size) == 0);
    free(wanted.entries);
    snprintf(why, sizeof why, "%.*s: another value than was put, or one where there is none, or none", (int)key.size,
             text);
    if (!right) kv_run_complain(run, "get", why);
  }
  flashkv_value_release(&value);
}

/* ---- opening and closing */

static khonsu_status open_on(const kv_run *run, const kh_os *os, flashkv **store, khonsu_error *error) {
  return fkv_open_on(os, &run->options, store, error);
}

/* What was opened again has what it must; what was in doubt is decided. If it cannot be read, it is closed. */
static bool verify(kv_run *run) {
  kv_match match;
  bool right = kv_store_verify(&run->model, run->store, KV_BUFFERED, &match);
  if (right) kv_model_adopt(&run->model, &match, KV_BUFFERED);
  else if (!run->may_fail) kv_run_complain(run, "after opening", match.difference);
  if (!right) (void)flashkv_close(&run->store, NULL);
  return right;
}

bool kv_run_open(kv_run *run) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = open_on(run, run->os, &run->store, &error);
  flashkv_error told = FLASHKV_ERROR_INIT;
  snprintf(told.message, sizeof told.message, "%s", error.message);
  khonsu_error_clear(&error);
  pause_run(run);
  take_answer(run, "open", status, &told);
  if (status != FLASHKV_OK) return false;
  return verify(run);
}

bool kv_run_close(kv_run *run) {
  if (run->store == NULL) return true;
  let_all_go(run);
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_close(&run->store, &error);
  pause_run(run);
  if (status == FLASHKV_OK) kv_model_synced(&run->model);
  take_answer(run, "close", status, &error);
  return status == FLASHKV_OK;
}

/* What may differ from one opening to the next. The index on disk is left out: it has files of its own. */
static void vary_options(kv_run *run) {
  static const uint64_t file_sizes[] = {4096, 20000, 65536, 1 << 20};
  static const flashkv_index_type indexes[] = {FLASHKV_INDEX_HASH, FLASHKV_INDEX_HASH, FLASHKV_INDEX_BTREE,
                                               FLASHKV_INDEX_SKIPLIST};
  run->options.data_file_size = file_sizes[kh_prng_below(&run->prng, 4)];
  run->options.index_type = indexes[kh_prng_below(&run->prng, 4)];
  run->options.mmap_at_startup = kh_prng_below(&run->prng, 4) != 0;
  run->options.merge_reserve = kh_prng_below(&run->prng, 3) * 10000;
  run->options.sync_writes = kh_prng_below(&run->prng, 4) == 0 ? FLASHKV_SYNC : FLASHKV_BUFFERED;
}

void kv_run_init(kv_run *run, const kh_os *os, const char *dir_path, uint64_t seed) {
  *run = (kv_run){.os = os, .prng = {seed}, .options = FLASHKV_OPTIONS_INIT};
  run->options.dir_path = dir_path;
  run->options.background = false;
  vary_options(run);
  run->keys = 4 + (uint32_t)kh_prng_below(&run->prng, 40);
  run->value_max = kh_prng_below(&run->prng, 2) ? 200 : 4000;
}

void kv_run_fini(kv_run *run) {
  let_all_go(run);
  if (run->store != NULL) (void)flashkv_close(&run->store, NULL);
  kv_model_fini(&run->model);
}

void kv_run_step(kv_run *run) {
  if (run->store == NULL) {
    if (kh_prng_below(&run->prng, 4) == 0) vary_options(run);
    (void)kv_run_open(run);
    return;
  }
  uint64_t step = kh_prng_below(&run->prng, 48);
  if (step < 18) put(run);
  else if (step < 22) delete_key(run);
  else if (step < 30) read_key(run);
  else if (step < 33) sync_all(run);
  else if (step < 34) (void)kv_run_close(run); /* the next step opens */
  else if (step < 38) commit_batch(run);
  else if (step < 40) kv_run_merge(run);
  else if (step < 43) use_snapshot(run);
  else if (step < 45) fkv_prepare_next(run->store); /* which the store's thread does otherwise, */
  else if (step < 47) fkv_hints_write(run->store);  /* and this */
  else wait_for_the_next_era();
}

/* ---- checking */

/* The same store, further: what was there and one more write are there after a merge, now and then, closing
 * and opening. */
static bool goes_on(const kv_run *run, const kh_os *os, const kv_match *match, flashkv **store, char why[600]) {
  kv_model model;
  kv_match again;
  kv_model_copy(&model, &run->model);
  kv_model_adopt(&model, match, KV_SYNCED);
  flashkv_error error = FLASHKV_ERROR_INIT;
  khonsu_error opening = KHONSU_ERROR_INIT;
  khonsu_slice key = kh_slice("one more", 8), value = kh_slice("value", 5);
  uint64_t sequence = 0;
  flashkv_status status = flashkv_put_with(*store, lend(key), lend(value), NULL, &sequence, &error);
  kv_model_begin(&model);
  kv_model_put(&model, key, value, 0);
  kv_model_end(&model, KV_SYNCED, sequence);
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = 0;
  if (status == FLASHKV_OK && run->model.commit_count % 2 == 0) status = flashkv_merge(*store, &merging, NULL, &error);
  if (status == FLASHKV_OK) status = flashkv_close(store, &error);
  if (status != FLASHKV_OK) snprintf(why, 600, "afterwards: %s: %.500s", flashkv_status_name(status), error.message);
  if (status == FLASHKV_OK) {
    status = open_on(run, os, store, &opening);
    if (status != FLASHKV_OK)
      snprintf(why, 600, "opened again: %s: %.500s", flashkv_status_name(status), opening.message);
  }
  bool right = status == FLASHKV_OK && kv_store_verify(&model, *store, KV_SYNCED, &again);
  if (status == FLASHKV_OK && !right) snprintf(why, 600, "opened again: %.500s", again.difference);
  khonsu_error_clear(&opening);
  kv_model_fini(&model);
  return right;
}

bool kv_run_check(const kv_run *run, const kh_os *os, kv_fate least, bool go_on, char why[600]) {
  flashkv *store = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = open_on(run, os, &store, &error);
  kv_match match;
  bool right = false;
  if (status != FLASHKV_OK) {
    snprintf(why, 600, "cannot be opened: %s: %.500s", flashkv_status_name(status), error.message);
  } else if (!kv_store_verify(&run->model, store, least, &match)) {
    snprintf(why, 600, "%.500s", match.difference);
  } else {
    right = !go_on || goes_on(run, os, &match, &store, why);
  }
  khonsu_error_clear(&error);
  if (store != NULL) (void)flashkv_close(&store, NULL);
  return right;
}
