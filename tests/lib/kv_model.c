#include "kv_model.h"

#include <stdio.h>
#include <stdlib.h>

static void *copied(const void *bytes, size_t size) {
  void *copy = malloc(size ? size : 1);
  KH_ASSERT(copy != NULL);
  if (size > 0) memcpy(copy, bytes, size);
  return copy;
}

/* Room for one more. */
static void *grown(void *items, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return items;
  *capacity = *capacity ? 2 * *capacity : 16;
  void *larger = realloc(items, *capacity * size);
  KH_ASSERT(larger != NULL);
  return larger;
}

/* ---- noting */

void kv_model_fini(kv_model *model) {
  for (size_t i = 0; i < model->write_count; i++) {
    free((void *)(uintptr_t)model->writes[i].key.data);
    free((void *)(uintptr_t)model->writes[i].value.data);
  }
  free(model->writes);
  free(model->commits);
  *model = (kv_model){0};
}

void kv_model_begin(kv_model *model) {
  model->commits = grown(model->commits, model->commit_count, &model->commit_capacity, sizeof *model->commits);
  model->commits[model->commit_count++] = (kv_commit){.fate = KV_UNDER_WAY, .first = model->write_count};
}

static uint64_t hash_of(khonsu_slice key, khonsu_slice value, uint64_t expires_ms) {
  return kh_hash_bytes(key, kh_hash_bytes(value, expires_ms));
}

static void add_write(kv_model *model, kv_write write) {
  KH_ASSERT(model->commit_count > 0);
  write.hash = hash_of(write.key, write.value, write.expires_ms);
  write.key.data = copied(write.key.data, write.key.size);
  write.value.data = copied(write.value.data, write.value.size);
  model->writes = grown(model->writes, model->write_count, &model->write_capacity, sizeof write);
  model->writes[model->write_count++] = write;
  model->commits[model->commit_count - 1].count++;
}

void kv_model_put(kv_model *model, khonsu_slice key, khonsu_slice value, uint64_t expires_ms) {
  add_write(model, (kv_write){.key = key, .value = value, .expires_ms = expires_ms});
}

void kv_model_delete(kv_model *model, khonsu_slice key) { add_write(model, (kv_write){.key = key, .is_delete = true}); }

void kv_model_end(kv_model *model, kv_fate fate, uint64_t sequence) {
  kv_commit *commit = &model->commits[model->commit_count - 1];
  KH_ASSERT(model->commit_count > 0 && commit->fate == KV_UNDER_WAY);
  commit->fate = fate;
  commit->sequence = sequence;
}

void kv_model_copy(kv_model *copy, const kv_model *model) {
  *copy = (kv_model){.gaps = model->gaps};
  for (size_t i = 0; i < model->commit_count; i++) {
    const kv_commit *commit = &model->commits[i];
    kv_model_begin(copy);
    for (size_t at = 0; at < commit->count; at++) add_write(copy, model->writes[commit->first + at]);
    kv_model_end(copy, commit->fate, commit->sequence);
  }
}

void kv_model_synced(kv_model *model) {
  for (size_t i = 0; i < model->commit_count; i++)
    if (model->commits[i].fate == KV_BUFFERED) model->commits[i].fate = KV_SYNCED;
}

static int compare_keys(khonsu_slice left, khonsu_slice right) {
  size_t size = left.size < right.size ? left.size : right.size;
  int order = size == 0 ? 0 : memcmp(left.data, right.data, size);
  return order ? order : left.size < right.size ? -1 : left.size > right.size;
}

static int by_key(const void *left, const void *right) {
  return compare_keys(*(const khonsu_slice *)left, *(const khonsu_slice *)right);
}

khonsu_slice *kv_model_keys(const kv_model *model, size_t *count) {
  khonsu_slice *keys = malloc((model->write_count + 1) * sizeof *keys);
  KH_ASSERT(keys != NULL);
  for (size_t i = 0; i < model->write_count; i++) keys[i] = model->writes[i].key;
  qsort(keys, model->write_count, sizeof *keys, by_key);
  *count = 0;
  for (size_t i = 0; i < model->write_count; i++)
    if (*count == 0 || by_key(&keys[*count - 1], &keys[i]) != 0) keys[(*count)++] = keys[i];
  return keys;
}

/* ---- replaying: a sorted array of what is there, and a sum over it by which states are told apart */

typedef struct replay {
  const kv_write **there;
  size_t count;
  uint64_t sum;
  uint64_t now_ms;
} replay;

static size_t place_of(const replay *state, khonsu_slice key, bool *found) {
  size_t low = 0, high = state->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = compare_keys(state->there[middle]->key, key);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  *found = false;
  return low;
}

static void apply_write(replay *state, const kv_write *write) {
  bool found, gone = write->is_delete || (write->expires_ms != 0 && write->expires_ms <= state->now_ms);
  size_t at = place_of(state, write->key, &found);
  if (found) state->sum ^= state->there[at]->hash;
  if (found && gone) {
    state->count--;
    memmove(&state->there[at], &state->there[at + 1], (state->count - at) * sizeof *state->there);
  }
  if (gone) return;
  if (!found) {
    memmove(&state->there[at + 1], &state->there[at], (state->count - at) * sizeof *state->there);
    state->count++;
  }
  state->there[at] = write;
  state->sum ^= write->hash;
}

static void replay_init(replay *state, const kv_model *model, uint64_t now_ms) {
  *state = (replay){.now_ms = now_ms};
  state->there = malloc((model->write_count + 1) * sizeof *state->there);
  KH_ASSERT(state->there != NULL);
}

static bool is_doubtful(const kv_commit *commit) { return commit->fate == KV_UNDER_WAY || commit->fate == KV_IN_DOUBT; }

/* Applies a commit, unless it was refused, or is in doubt and not taken. `*doubtful` counts those in doubt. True: applied. */
static bool apply_commit(replay *state, const kv_model *model, size_t at, uint64_t taken, unsigned *doubtful) {
  const kv_commit *commit = &model->commits[at];
  if (commit->fate == KV_REFUSED) return false;
  if (is_doubtful(commit) && !(taken >> (*doubtful)++ & 1)) return false;
  for (size_t i = 0; i < commit->count; i++) apply_write(state, &model->writes[commit->first + i]);
  return true;
}

void kv_contents_add(kv_contents *contents, kv_entry entry) {
  contents->entries = grown(contents->entries, contents->count, &contents->capacity, sizeof entry);
  contents->entries[contents->count++] = entry;
}

kv_contents kv_model_contents(const kv_model *model, uint64_t now_ms) {
  replay state;
  unsigned doubtful = 0;
  kv_contents contents = {0};
  replay_init(&state, model, now_ms);
  for (size_t i = 0; i < model->commit_count; i++) (void)apply_commit(&state, model, i, UINT64_MAX, &doubtful);
  for (size_t i = 0; i < state.count; i++)
    kv_contents_add(&contents, (kv_entry){state.there[i]->key, state.there[i]->value, state.there[i]->expires_ms});
  free(state.there);
  return contents;
}

/* ---- comparing */

static uint64_t sum_of(const kv_contents *contents) {
  uint64_t sum = 0;
  for (size_t i = 0; i < contents->count; i++) {
    const kv_entry *entry = &contents->entries[i];
    sum ^= hash_of(entry->key, entry->value, entry->expires_ms);
  }
  return sum;
}

/* The commits that had to survive end before this one. */
static size_t least_commits(const kv_model *model, kv_fate least) {
  size_t count = model->commit_count;
  while (count > 0 && model->commits[count - 1].fate < least) count--;
  return count;
}

static void show(char text[80], khonsu_slice bytes) {
  size_t at = 0;
  const uint8_t *data = bytes.data;
  for (size_t i = 0; i < bytes.size && i < 12; i++) {
    bool plain = data[i] >= ' ' && data[i] < 127;
    at += (size_t)snprintf(text + at, 80 - at, plain ? "%c" : "\\x%02x", data[i]);
  }
  snprintf(text + at, 80 - at, "%s (%zu bytes)", bytes.size > 12 ? "..." : "", bytes.size);
}

static bool is_entry(const kv_write *write, const kv_entry *entry) {
  return compare_keys(write->key, entry->key) == 0 && compare_keys(write->value, entry->value) == 0 &&
         write->expires_ms == entry->expires_ms;
}

/* The first difference between a state and what was found. */
static void explain(const kv_model *model, const replay *state, const kv_contents *contents, size_t commits,
                    char difference[512]) {
  char key[80], wanted[80] = "nothing", found[80] = "nothing";
  size_t at = 0;
  while (at < state->count && at < contents->count && is_entry(state->there[at], &contents->entries[at])) at++;
  const kv_write *there = at < state->count ? state->there[at] : NULL;
  const kv_entry *entry = at < contents->count ? &contents->entries[at] : NULL;
  int order = there == NULL ? 1 : entry == NULL ? -1 : compare_keys(there->key, entry->key);
  if (order <= 0 && there != NULL) show(wanted, there->value);
  if (order >= 0 && entry != NULL) show(found, entry->value);
  show(key, order <= 0 && there != NULL ? there->key : entry != NULL ? entry->key : kh_slice("", 0));
  snprintf(difference, 512, "key %s: found %s, where after %zu of %zu commits there is %s; %zu keys found, %zu there",
           key, found, commits, model->commit_count, wanted, contents->count, state->count);
}

typedef struct search {
  const kv_model *model;
  const kv_contents *contents;
  size_t least;
  uint64_t sum;
  kv_match *match;
  bool found, exact; /* exact: by the sequence, too */
} search;

static void try_match(search *s, const replay *state, size_t commits, uint64_t taken, uint64_t sequence) {
  bool same = state->sum == s->sum && state->count == s->contents->count;
  bool exact = s->contents->sequence == 0 || sequence == 0 || sequence == s->contents->sequence ||
               (s->model->gaps && sequence < s->contents->sequence);
  if (!same || (s->found && !exact)) return;
  s->match->commits = commits;
  s->match->doubtful_taken = taken;
  s->found = true;
  s->exact = exact;
}

/* All beginnings that have these commits in doubt, from the shortest. Ends at one that matches exactly. */
static void search_beginnings(search *s, uint64_t taken, uint64_t now_ms) {
  replay state;
  unsigned doubtful = 0;
  uint64_t sequence = 0;
  replay_init(&state, s->model, now_ms);
  for (size_t i = 0; i <= s->model->commit_count && !s->exact; i++) {
    if (i > 0 && apply_commit(&state, s->model, i - 1, taken, &doubtful)) sequence = s->model->commits[i - 1].sequence;
    if (i < s->least) continue;
    if (s->contents->sequence == sequence || i == s->least)
      if (!s->found) explain(s->model, &state, s->contents, i, s->match->difference);
    try_match(s, &state, i, taken, sequence);
  }
  free(state.there);
}

bool kv_model_matches(const kv_model *model, const kv_contents *contents, kv_fate least, uint64_t now_ms,
                      kv_match *match) {
  unsigned doubtful = 0;
  for (size_t i = 0; i < model->commit_count; i++) doubtful += is_doubtful(&model->commits[i]);
  KH_ASSERT(doubtful <= KV_DOUBTFUL_MAX);
  *match = (kv_match){0};
  search s = {model, contents, least_commits(model, least), sum_of(contents), match, false, false};
  for (uint64_t taken = 0; taken < UINT64_C(1) << doubtful && !s.exact; taken++) search_beginnings(&s, taken, now_ms);
  if (s.found && !s.exact)
    snprintf(match->difference, sizeof match->difference, "holds %zu commits, but says its sequence is %llu",
             match->commits, (unsigned long long)contents->sequence);
  if (s.exact) match->difference[0] = '\0';
  return s.exact;
}

void kv_model_adopt(kv_model *model, const kv_match *match, kv_fate fate) {
  unsigned doubtful = 0;
  for (size_t i = 0; i < model->commit_count; i++) {
    kv_commit *commit = &model->commits[i];
    bool taken = i < match->commits && commit->fate != KV_REFUSED;
    if (is_doubtful(commit) && !(match->doubtful_taken >> doubtful++ & 1)) taken = false;
    if (!taken) commit->fate = KV_REFUSED;
    else if (commit->fate < fate) commit->fate = fate;
  }
}
