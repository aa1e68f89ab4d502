/* khonsu kv DIR del KEY...
 *
 * Keys of arguments go in one commit, those of lists in commits of so many. */
#include <stdio.h>
#include <string.h>

#include "kv.h"

enum { COMMIT_KEYS = 10000, MISSING_SAID_MAX = 10 };

typedef struct task {
  flashkv *store;
  flashkv_batch *batch;
  uint64_t deleted, missing;
} task;

static flashkv_status commit(task *self, flashkv_error *error) {
  uint64_t count = flashkv_batch_count(self->batch);
  if (count == 0) return FLASHKV_OK;
  flashkv_status status = flashkv_batch_commit(self->batch, NULL, error);
  if (status == FLASHKV_OK) self->deleted += count;
  return status;
}

static flashkv_status add(task *self, const kh_kv_keys *keys, flashkv_slice key, flashkv_error *error) {
  kh_key_text text;
  flashkv_status status = flashkv_exists(self->store, key, error);
  if (status == FLASHKV_NOT_FOUND) {
    if (self->missing++ < MISSING_SAID_MAX) kh_complain("there is no value at key %s", kh_kv_key(key, text));
    return FLASHKV_OK;
  }
  if (status == FLASHKV_OK) status = flashkv_batch_delete(self->batch, key, error);
  if (status != FLASHKV_OK || !keys->reads || flashkv_batch_count(self->batch) < COMMIT_KEYS) return status;
  status = commit(self, error);
  if (status == FLASHKV_OK && kh_progress_count("deleting", self->deleted, 0)) return KH_INTERRUPTED;
  return status;
}

static flashkv_status delete_all(task *self, flashkv_error *error) {
  kh_kv_keys keys = {.next = 0};
  flashkv_slice key;
  flashkv_status status = kh_kv_keys_next(&keys, &key, error);
  for (; status == FLASHKV_OK; status = status == FLASHKV_OK ? kh_kv_keys_next(&keys, &key, error) : status)
    status = add(self, &keys, key, error);
  kh_kv_keys_fini(&keys);
  return status == FLASHKV_END ? commit(self, error) : status;
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  task self = {.store = store};
  flashkv_status status = flashkv_batch_new(store, NULL, &self.batch, error);
  if (status == FLASHKV_OK) status = delete_all(&self, error);
  flashkv_batch_free(&self.batch);
  if (kh_kv.json)
    printf("{\"deleted\":%llu,\"missing\":%llu}\n", (unsigned long long)self.deleted, (unsigned long long)self.missing);
  if (status != FLASHKV_OK)
    return kh_kv_fail_also(error, status, "%llu keys were deleted", (unsigned long long)self.deleted);
  if (self.missing == 0) return FLASHKV_OK;
  return kh_kv_fail(error, FLASHKV_NOT_FOUND, "%llu of %llu keys had no value; the others were deleted",
                    (unsigned long long)self.missing, (unsigned long long)(self.missing + self.deleted));
}

static int run(void) { return kh_kv_run(KH_KV_WRITE, body); }

static const kh_option options[] = {
    KH_BYTES_OPTIONS,
    KH_NULL_OPTION,
    {.name = NULL},
};

const kh_command kh_kv_del = {
    .name = "del",
    .summary = "delete keys",
    .about =
        "Deletes keys, all in one commit; - stands for a list of keys on standard input, which goes in commits of "
        "10,000. "
        "The exit status is 3 if a key had no value; the others are deleted nevertheless. --json: an object with "
        "how many were deleted and how many were missing.",
    .options = options,
    .argument = "KEY...",
    .least = 1,
    .most = SIZE_MAX,
    .arguments = &kh_kv.rest,
    .run = run,
    .outer = &kh_command_kv,
};
