#include "kv_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

kv_fate kv_fate_of(flashkv_status status, flashkv_durability durability) {
  if (status == FLASHKV_OK) return durability == FLASHKV_SYNC ? KV_SYNCED : KV_BUFFERED;
  return flashkv_status_is(status, FLASHKV_CLASS_IN_DOUBT) ? KV_IN_DOUBT : KV_REFUSED;
}

bool kv_is_excuse(flashkv_status status) {
  static const flashkv_class excuses[] = {FLASHKV_CLASS_IO, FLASHKV_CLASS_IN_DOUBT, FLASHKV_CLASS_UNAVAILABLE};
  for (size_t i = 0; i < sizeof excuses / sizeof excuses[0]; i++)
    if (flashkv_status_is(status, excuses[i])) return true;
  return status == FLASHKV_STORAGE_FULL || status == FLASHKV_NO_MEMORY || status == FLASHKV_CORRUPT;
}

static uint64_t now_ms(void) { return kh_os_wall_us() / 1000; }

static flashkv_slice to_flashkv(khonsu_slice slice) { return (flashkv_slice){slice.data, slice.size}; }

static khonsu_slice kept(flashkv_slice slice) {
  void *copy = malloc(slice.size ? slice.size : 1);
  KH_ASSERT(copy != NULL);
  if (slice.size > 0) memcpy(copy, slice.data, slice.size);
  return (khonsu_slice){copy, slice.size};
}

static void forget(kv_contents *contents) {
  for (size_t i = 0; i < contents->count; i++) {
    free((void *)(uintptr_t)contents->entries[i].key.data);
    free((void *)(uintptr_t)contents->entries[i].value.data);
  }
  free(contents->entries);
  *contents = (kv_contents){0};
}

static bool same_bytes(khonsu_slice left, khonsu_slice right) {
  return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

static bool is_damage(flashkv_status status) {
  return flashkv_status_is(status, FLASHKV_CLASS_CORRUPT) || flashkv_status_is(status, FLASHKV_CLASS_IO);
}

static bool complain(char why[512], const char *what, flashkv_status status, const flashkv_error *error) {
  snprintf(why, 512, "%s: %s: %.300s", what, flashkv_status_name(status), error->message);
  return false;
}

/* ---- reading it all */

/* Entries in the order of an iterator. Damaged ones are counted if `damaged` is not NULL, else they are failures. */
static bool iterate(flashkv *store, bool reverse, kv_contents *contents, uint64_t *damaged, char why[512]) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.reverse = reverse;
  flashkv_iterator *iterator = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_iterator_open(store, &options, &iterator, &error);
  if (damaged != NULL && is_damage(status)) ++*damaged;
  if (status != FLASHKV_OK) return complain(why, "an iterator cannot be opened", status, &error);
  contents->sequence = flashkv_iterator_sequence(iterator);
  uint64_t failures_max = 1 << 20; /* it must come to an end */
  for (;;) {
    flashkv_slice key, value;
    status = flashkv_iterator_next(iterator, &key, &value, &error);
    if (status == FLASHKV_OK) {
      kv_contents_add(contents, (kv_entry){kept(key), kept(value), 0});
      continue;
    }
    if (damaged == NULL || !is_damage(status) || failures_max-- == 0) break;
    ++*damaged;
  }
  flashkv_iterator_free(&iterator);
  return status == FLASHKV_END || complain(why, "an iterator fails", status, &error);
}

static bool same_entry(const kv_entry *left, const kv_entry *right) {
  return same_bytes(left->key, right->key) && same_bytes(left->value, right->value);
}

static bool same_backwards(const kv_contents *forwards, const kv_contents *backwards, char why[512]) {
  bool same = forwards->count == backwards->count;
  for (size_t i = 0; i < forwards->count && same; i++)
    same = same_entry(&forwards->entries[i], &backwards->entries[forwards->count - 1 - i]);
  if (!same)
    snprintf(why, 512, "backwards there are %zu entries, forwards %zu, or others", backwards->count, forwards->count);
  return same;
}

static bool is_sorted(const kv_contents *contents, char why[512]) {
  for (size_t i = 1; i < contents->count; i++) {
    khonsu_slice left = contents->entries[i - 1].key, right = contents->entries[i].key;
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size == 0 ? 0 : memcmp(left.data, right.data, size);
    if (order < 0 || (order == 0 && left.size < right.size)) continue;
    snprintf(why, 512, "entry %zu of %zu is not after the one before it", i, contents->count);
    return false;
  }
  return true;
}

/* A get of each key in the contents finds what the iterator did, and says when it expires. */
static bool get_those_there(flashkv *store, kv_contents *contents, char why[512]) {
  for (size_t i = 0; i < contents->count; i++) {
    kv_entry *entry = &contents->entries[i];
    flashkv_value value = FLASHKV_VALUE_INIT;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_get(store, to_flashkv(entry->key), &value, &error);
    if (status != FLASHKV_OK) return complain(why, "a get of a key that the iterator has", status, &error);
    bool same = same_bytes(entry->value, (khonsu_slice){value.data, value.size});
    entry->expires_ms = value.expires_ms;
    flashkv_value_release(&value);
    if (!same) snprintf(why, 512, "get and iterator differ at entry %zu", i);
    if (!same) return false;
  }
  return true;
}

static const kv_entry *find(const kv_contents *contents, khonsu_slice key) {
  for (size_t i = 0; i < contents->count; i++)
    if (same_bytes(contents->entries[i].key, key)) return &contents->entries[i];
  return NULL;
}

/* Keys that were put once and are not in the contents are not found. */
static bool get_those_gone(const kv_model *model, flashkv *store, const kv_contents *contents, char why[512]) {
  size_t count;
  khonsu_slice *keys = kv_model_keys(model, &count);
  bool right = true;
  for (size_t i = 0; i < count && right; i++) {
    if (find(contents, keys[i]) != NULL) continue;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_value value = FLASHKV_VALUE_INIT;
    flashkv_status status = flashkv_get(store, to_flashkv(keys[i]), &value, &error);
    flashkv_value_release(&value);
    if (status == FLASHKV_NOT_FOUND) status = flashkv_exists(store, to_flashkv(keys[i]), &error);
    right = status == FLASHKV_NOT_FOUND || complain(why, "a get of a key that the iterator lacks", status, &error);
  }
  free(keys);
  return right;
}

static bool read_all(flashkv *store, kv_contents *contents, char why[512]) {
  kv_contents backwards = {0};
  bool right = iterate(store, false, contents, NULL, why) && iterate(store, true, &backwards, NULL, why) &&
               is_sorted(contents, why) && same_backwards(contents, &backwards, why);
  forget(&backwards);
  return right;
}

bool kv_store_verify(const kv_model *model, flashkv *store, kv_fate least, kv_match *match) {
  *match = (kv_match){0};
  kv_contents contents = {0};
  char *why = match->difference;
  bool right = read_all(store, &contents, why) && get_those_there(store, &contents, why) &&
               get_those_gone(model, store, &contents, why) &&
               kv_model_matches(model, &contents, least, now_ms(), match);
  forget(&contents);
  return right;
}

/* ---- the past */

/* Entries that have expired by now count for nothing, on either side. */
static const kv_entry *next_lasting(const kv_contents *contents, size_t *at) {
  while (*at < contents->count && contents->entries[*at].expires_ms != 0 &&
         contents->entries[*at].expires_ms <= now_ms())
    ++*at;
  return *at < contents->count ? &contents->entries[(*at)++] : NULL;
}

/* A get of each entry finds its value; the expiry of those found in `found` is noted. */
static bool get_those_at(flashkv *store, uint64_t sequence, const kv_contents *contents, bool may_fail, char why[512]) {
  const kv_entry *entry;
  for (size_t at = 0; (entry = next_lasting(contents, &at)) != NULL;) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_get_at(store, to_flashkv(entry->key), sequence, &value, &error);
    bool same = status == FLASHKV_OK && same_bytes(entry->value, (khonsu_slice){value.data, value.size});
    flashkv_value_release(&value);
    if (same || (may_fail && kv_is_excuse(status))) continue;
    return complain(why, "a get of a key as of a snapshot", status, &error);
  }
  return true;
}

bool kv_store_verify_snapshot(flashkv *store, const flashkv_snapshot *snapshot, const kv_contents *contents,
                              bool may_fail, char why[512]) {
  flashkv_iterator *iterator = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  uint64_t sequence = flashkv_snapshot_sequence(snapshot);
  if (!get_those_at(store, sequence, contents, may_fail, why)) return false;
  flashkv_status status = flashkv_iterator_at(store, sequence, NULL, &iterator, &error);
  if (status != FLASHKV_OK)
    return (may_fail && kv_is_excuse(status)) || complain(why, "an iterator as of a snapshot", status, &error);
  bool right = true;
  size_t at = 0;
  const kv_entry *entry = next_lasting(contents, &at);
  for (flashkv_slice key, value; right;) {
    status = flashkv_iterator_next(iterator, &key, &value, &error);
    if (status != FLASHKV_OK) break;
    khonsu_slice found = {key.data, key.size};
    if (entry != NULL && same_bytes(entry->key, found)) {
      right = same_bytes(entry->value, (khonsu_slice){value.data, value.size});
      entry = next_lasting(contents, &at);
    } else {
      const kv_entry *expired = find(contents, found);
      right = expired != NULL && expired->expires_ms != 0 && expired->expires_ms <= now_ms();
    }
  }
  flashkv_iterator_free(&iterator);
  if (may_fail && kv_is_excuse(status)) return true;
  if (status != FLASHKV_OK && status != FLASHKV_END)
    return complain(why, "an iterator as of a snapshot", status, &error);
  if (!right || entry != NULL) snprintf(why, 512, "an iterator as of a snapshot sees other entries, by number %zu", at);
  return right && entry == NULL;
}

/* ---- judging one that may be damaged */

static kv_verdict judge_get(flashkv *store, khonsu_slice key, const kv_entry *wanted, char why[512]) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get(store, to_flashkv(key), &value, &error);
  bool same =
      status == FLASHKV_OK && wanted != NULL && same_bytes(wanted->value, (khonsu_slice){value.data, value.size});
  flashkv_value_release(&value);
  if (same || (status == FLASHKV_NOT_FOUND && wanted == NULL)) return KV_RIGHT;
  if (is_damage(status)) return KV_NOTICED;
  complain(why, wanted == NULL ? "a key that should be gone" : "a key that should be there, or another value", status,
           &error);
  return KV_WRONG;
}

static kv_verdict judge_gets(const kv_model *model, flashkv *store, const kv_contents *wanted, char why[512]) {
  size_t count;
  khonsu_slice *keys = kv_model_keys(model, &count);
  kv_verdict verdict = KV_RIGHT;
  for (size_t i = 0; i < count && verdict != KV_WRONG; i++) {
    kv_verdict one = judge_get(store, keys[i], find(wanted, keys[i]), why);
    if (one > verdict) verdict = one;
  }
  free(keys);
  return verdict;
}

static kv_verdict judge_iterator(flashkv *store, const kv_contents *wanted, char why[512]) {
  kv_contents found = {0};
  uint64_t damaged = 0;
  bool whole = iterate(store, false, &found, &damaged, why);
  kv_verdict verdict = damaged > 0 ? KV_NOTICED : KV_RIGHT;
  if (!whole && damaged == 0) verdict = KV_WRONG;
  for (size_t i = 0; i < found.count && verdict != KV_WRONG; i++) {
    const kv_entry *entry = find(wanted, found.entries[i].key);
    if (entry != NULL && same_bytes(entry->value, found.entries[i].value)) continue;
    snprintf(why, 512, "the iterator has an entry, number %zu, that should not be there", i);
    verdict = KV_WRONG;
  }
  if (verdict != KV_WRONG && whole && found.count + damaged < wanted->count) {
    snprintf(why, 512, "the iterator has %zu entries and %llu errors for %zu", found.count, (unsigned long long)damaged,
             wanted->count);
    verdict = KV_WRONG;
  }
  forget(&found);
  return verdict;
}

kv_verdict kv_store_judge(const kv_model *model, flashkv *store, char why[512]) {
  kv_contents wanted = kv_model_contents(model, now_ms());
  why[0] = '\0';
  kv_verdict gets = judge_gets(model, store, &wanted, why);
  kv_verdict iterator = gets == KV_WRONG ? gets : judge_iterator(store, &wanted, why);
  free(wanted.entries);
  return gets > iterator ? gets : iterator;
}
