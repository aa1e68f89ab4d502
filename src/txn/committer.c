/* committer: what the holder of the seat does with a group of requests.
 *
 *   certify, link     each in turn; later members are certified against earlier ones
 *   write             one storage write for all of the group
 *     clean failure   what was not written is undone and goes singly, so that one oversized member fails alone
 *     unknown outcome the store stops; members are IN_DOUBT
 *   settle            the links are final
 *   publish           by one store; over a storage that has to be flushed, by the flusher, in order
 *
 * Everything that can fail comes before settle. */
#include "partition.h"
#include "report.h"
#include "transaction.h"

void kh_request_decide(kh_request *request) {
  uint32_t before = atomic_exchange(&request->state, KH_DECIDED); /* with the waiter's load */
  if (before & KH_ASLEEP) kh_os_wake_one(&request->state);
}

void kh_partition_stop(kh_partition *partition, const char *doing, const khonsu_error *cause) {
  if (kh_partition_stopped(partition)) return;
  const char *text = cause->message[0] != '\0' ? cause->message : khonsu_status_text(cause->status);
  size_t room = sizeof partition->stop_reason - 1, doing_size = strlen(doing), text_size = strlen(text);
  if (doing_size > room) doing_size = room;
  if (text_size > room - doing_size) text_size = room - doing_size;
  memcpy(partition->stop_reason, doing, doing_size);
  memcpy(partition->stop_reason + doing_size, text, text_size);
  partition->stop_reason[doing_size + text_size] = '\0';
  atomic_store_explicit(&partition->stopped, true, memory_order_release); /* with kh_partition_stopped */
}

/* ---- link */

/* Deleting what is not there changes nothing; but a storage may hold what memory does not. */
static bool changes_nothing(const kh_partition *partition, const kh_access *access) {
  if (access->staged->kind != KH_TOMBSTONE) return false;
  if (access->newest != NULL) return access->newest->kind == KH_TOMBSTONE;
  return partition->storage.ops == NULL || access->was_absent;
}

/* What an upsert makes is known only now: it must not exceed the limit either. */
static bool has_room_for(const kh_partition *partition, const kh_table *base, const kh_table *result) {
  uint64_t limit = partition->options.memory_bytes_max, before = kh_table_bytes_in_memory(base);
  uint64_t after = kh_table_bytes_in_memory(result), held = atomic_load(&partition->store.gauges.memory);
  return limit == 0 || after <= before || (held <= limit && after - before <= limit - held);
}

static khonsu_status upsert_into(const kh_partition *partition, const kh_request *request, kh_table *base,
                                 kh_access *access, kh_table **result) {
  uint64_t bytes;
  khonsu_status status =
      kh_upsert_apply(access->upsert, base, partition->storage.ops != NULL, result, &bytes, request->error);
  if (status != KHONSU_OK) return status;
  kh_version_accrued(access->staged)->charge = bytes;
  if (has_room_for(partition, base, *result)) return KHONSU_OK;
  kh_table_unref(*result);
  return KHONSU_MEMORY_LIMIT;
}

static khonsu_status append_to(const kh_partition *partition, const kh_request *request, const kh_version *head,
                               kh_access *access) {
  if (access->rows == NULL) access->rows = kh_table_ref(kh_version_table(access->staged)); /* of a put */
  kh_table *rows = access->rows, *joined = rows;
  access->joined = head != NULL && head->kind == KH_TABLE;
  if (access->joined) {
    kh_table *base = kh_version_table(head);
    khonsu_status status = access->upsert != NULL ? upsert_into(partition, request, base, access, &joined)
                                                  : kh_table_append(base, rows, &joined, request->error);
    if (status != KHONSU_OK) return status;
    joined = kh_table_coalesced(joined);
  } else {
    kh_table_ref(joined);
  }
  kh_version_set_table(access->staged, joined);
  return KHONSU_OK;
}

static khonsu_status add_to(const kh_version *head, kh_access *access) {
  int64_t there = head != NULL && head->kind == KH_COUNTER ? kh_version_number(head) : 0;
  bool overflows = __builtin_add_overflow(there, access->amount, &kh_version_accrued(access->staged)->number);
  return overflows ? KHONSU_COUNTER_OVERFLOW : KHONSU_OK;
}

/* Puts an append or add on top of the newest version. What they create has no last replacement: more of them commute. */
static khonsu_status accrue(const kh_partition *partition, const kh_request *request, kh_access *access) {
  const kh_version *newest = access->newest;
  kh_version *version = access->staged;
  uint64_t *incarnation = &kh_version_accrued(version)->incarnation;
  if (newest == NULL) *incarnation = 0;
  else *incarnation = newest->kind == version->kind ? kh_version_accrued(newest)->incarnation : newest->timestamp;
  return version->kind == KH_TABLE ? append_to(partition, request, newest, access) : add_to(newest, access);
}

/* An append or add onto what only the storage holds brings it into memory. */
static khonsu_status link_base(kh_partition *partition, const kh_request *request, kh_access *access) {
  if (access->newest != NULL) return KHONSU_OK;
  if (access->base == NULL) return access->had_base ? kh_recall(partition, request, access) : KHONSU_OK;
  khonsu_status status = kh_store_link(&partition->store, access->hash, NULL, access->base);
  if (status != KHONSU_OK) return status;
  access->newest = access->base;
  access->base = NULL;
  return KHONSU_OK;
}

static khonsu_status link_access(kh_partition *partition, const kh_request *request, kh_access *access) {
  if (changes_nothing(partition, access)) return KHONSU_OK;
  kh_version *version = access->staged;
  khonsu_status status = KHONSU_OK;
  access->joined = false;
  if (kh_kind_accrues((kh_version_kind)version->kind)) kh_version_accrued(version)->incarnation = request->version;
  if (access->accrues || access->fate == KH_APPENDED) {
    status = link_base(partition, request, access);
    if (status == KHONSU_OK) status = accrue(partition, request, access);
  }
  if (status != KHONSU_OK) return status;
  version->timestamp = request->version;
  version->writer = request->txn->id;
  status = kh_store_link(&partition->store, access->hash, access->newest, version);
  if (status != KHONSU_OK) return status;
  access->linked = version;
  access->staged = NULL;
  return KHONSU_OK;
}

/* A copy of a linked version, to be staged anew: the linked one may be under a reader's eyes. */
static kh_version *stage_again(kh_heap_cache *cache, const kh_access *access) {
  const kh_version *linked = access->linked;
  khonsu_slice key = access->key;
  switch ((kh_version_kind)linked->kind) {
    case KH_BYTES: return kh_version_new_bytes(cache, key, kh_version_bytes(linked));
    case KH_COUNTER: return kh_version_new_counter(cache, key, kh_version_number(linked));
    case KH_TOMBSTONE: return kh_version_new_tombstone(cache, key);
    case KH_TABLE: break;
  }
  kh_table *table = access->rows != NULL ? access->rows : kh_version_table(linked);
  kh_version *copy = kh_version_new_table(cache, key, table);
  if (copy != NULL) kh_version_accrued(copy)->charge = kh_table_bytes_in_memory(table);
  return copy;
}

/* Takes the request's links out again, newest first. With `again`, stages copies; false: out of memory for them. */
static bool undo_request(kh_partition *partition, kh_request *request, bool again) {
  bool whole = true;
  kh_token_undo(partition, request);
  kh_access_set *set = &request->txn->accesses;
  for (uint32_t i = set->count; i-- > 0;) {
    kh_access *access = &set->entries[i];
    if (access->linked == NULL) continue;
    if (again) access->staged = stage_again(set->cache, access);
    if (again && access->staged == NULL) whole = false;
    kh_store_undo(&partition->store, access->hash, access->linked);
    access->linked = NULL;
  }
  return whole;
}

/* Bytes that go once the request's puts and deletes are published and nobody looks at what they replace. */
static uint64_t replaced_bytes(const kh_request *request) {
  uint64_t bytes = 0;
  const kh_access_set *set = &request->txn->accesses;
  for (uint32_t i = 0; i < set->count; i++) {
    const kh_access *access = &set->entries[i];
    if (access->staged != NULL && !access->accrues && access->newest != NULL)
      bytes += kh_version_charge(access->newest);
  }
  return bytes;
}

static void find_newest(kh_partition *partition, const kh_access_set *set) {
  for (uint32_t i = 0; i < set->count; i++) {
    kh_access *access = &set->entries[i];
    access->newest = kh_store_find(&partition->store, access->key, access->hash);
  }
}

/* Makes room, as far as there is room to make. Tombstones that were certified against may have gone then. */
static void reclaim_all(kh_partition *partition, const kh_access_set *set) {
  while (kh_store_reclaim(&partition->store)) continue;
  find_newest(partition, set);
}

static bool has_room_in(kh_partition *partition, const kh_request *request, uint64_t limit) {
  if (limit == 0) return true;
  uint64_t replaced = replaced_bytes(request), room = limit > UINT64_MAX - replaced ? UINT64_MAX : limit + replaced;
  _Atomic uint64_t *held = &partition->store.gauges.memory;
  if (request->bytes > room) return false;
  if (atomic_load(held) <= room - request->bytes) return true;
  reclaim_all(partition, &request->txn->accesses);
  if (atomic_load(held) <= room - request->bytes) return true;
  (void)kh_partition_forget(partition, atomic_load(held) - (room - request->bytes));
  find_newest(partition, &request->txn->accesses);
  return atomic_load(held) <= room - request->bytes;
}

/* Where no limit was set, memory over a storage has a usual size, which is no reason to refuse anything. */
static bool fits_in_memory(kh_partition *partition, const kh_request *request) {
  return has_room_in(partition, request, partition->memory_size) || partition->options.memory_bytes_max == 0;
}

/* Versions are given out without gaps: one that nothing is linked for is the next one's. */
static khonsu_status link_request(kh_partition *partition, kh_request *request) {
  kh_access_set *set = &request->txn->accesses;
  bool links = false;
  request->version = partition->store.newest + 1;
  for (uint32_t i = 0; i < set->count; i++) {
    if (set->entries[i].staged == NULL || set->entries[i].fate == KH_DROPPED) continue;
    khonsu_status status = link_access(partition, request, &set->entries[i]);
    links |= set->entries[i].linked != NULL;
    if (status == KHONSU_OK) continue;
    undo_request(partition, request, false);
    return status;
  }
  bool leaves = request->txn->has_token && (request->txn->fences || !request->txn->asks);
  if (leaves) {
    khonsu_status status = kh_token_link(partition, request);
    if (status != KHONSU_OK) undo_request(partition, request, false);
    if (status != KHONSU_OK) return status;
    links = true;
  }
  if (links) partition->store.newest = request->version;
  else request->version = partition->store.newest;
  return KHONSU_OK;
}

/* Whether the token, or that it cannot be looked for, decides on the request. */
static bool is_known(kh_partition *partition, kh_request *group, kh_request *request) {
  const khonsu_txn *txn = request->txn;
  request->status = kh_token_look(partition, group, request);
  if (request->status != KHONSU_OK) return true;
  if (txn->outcome == KHONSU_OUTCOME_ABORTED && !txn->asks) request->status = KHONSU_TOKEN_FENCED;
  return txn->outcome != KHONSU_OUTCOME_UNSEEN;
}

static void certify_and_link(kh_partition *partition, kh_request *group, kh_request *request) {
  if (request->task != NULL) request->status = request->task(partition);
  else if (kh_partition_stopped(partition)) request->status = KHONSU_UNAVAILABLE;
  else if (kh_snapshot_expired(request->txn->slot)) request->status = KHONSU_SNAPSHOT_EXPIRED;
  else if (request->txn->has_token && is_known(partition, group, request)) return;
  else if (kh_certify(partition, group, request) != KHONSU_OK) return;
  else if (!fits_in_memory(partition, request)) request->status = KHONSU_MEMORY_LIMIT;
  else request->status = link_request(partition, request);
}

/* ---- write */

static size_t count_mutations(const kh_request *group) {
  size_t count = 0;
  for (const kh_request *request = group; request != NULL; request = request->member)
    if (request->status == KHONSU_OK && request->task == NULL) count += request->txn->accesses.writes + 1;
  return count;
}

static khonsu_slice encoded_from(const kh_ipc_encoded *encoded, size_t part) {
  size_t at = part < encoded->part_count ? encoded->parts[part].at : encoded->bytes.size;
  return kh_slice(encoded->bytes.data + at, encoded->bytes.size - at);
}

/* Of the whole table, or of the rows that come to it. */
static void add_table(const kh_access *access, kh_mutation *mutation) {
  bool replaces = access->joined && access->upsert != NULL && access->upsert->replaces;
  bool appends = access->joined && !replaces;
  mutation->encoded = replaces ? &access->upsert->whole : &access->encoded;
  mutation->as.type = KHONSU_TABLE;
  mutation->as.kind = appends ? KHONSU_MUTATION_APPEND : KHONSU_MUTATION_PUT;
  mutation->as.value = encoded_from(mutation->encoded, appends ? 1 : 0);
}

static kh_mutation mutation_of(kh_access *access, uint64_t version) {
  kh_mutation mutation = {.as = {.key = access->key, .version = version, .kind = KHONSU_MUTATION_PUT}};
  khonsu_mutation *as = &mutation.as;
  mutation.over_no_table = access->newest != NULL && access->newest->kind != KH_TABLE;
  switch ((kh_version_kind)access->linked->kind) {
    case KH_TOMBSTONE: as->kind = KHONSU_MUTATION_DELETE; break;
    case KH_BYTES:
      as->type = KHONSU_BYTES;
      as->value = kh_version_bytes(access->linked);
      break;
    case KH_COUNTER:
      as->type = KHONSU_COUNTER;
      kh_storage_encode_counter(kh_version_number(access->linked), access->encoded_counter);
      as->value = kh_slice(access->encoded_counter, sizeof access->encoded_counter);
      break;
    case KH_TABLE: add_table(access, &mutation); break;
  }
  return mutation;
}

/* With a storage that keeps tokens. */
static bool writes_token(const kh_partition *partition, const kh_request *request) {
  return request->task == NULL && request->txn->leaves_token && partition->storage.ops->token != NULL;
}

static kh_mutation mutation_of_token(const kh_partition *partition, const kh_request *request) {
  const khonsu_txn *txn = request->txn;
  return (kh_mutation){.as = {.version = request->version},
                       .token = &txn->token,
                       .fenced = txn->fences,
                       .expires_ms = txn->token.issued_ms + partition->options.token_age_ms_max};
}

static khonsu_status gather(kh_partition *partition, const kh_request *group, size_t *count) {
  size_t most = count_mutations(group);
  if (most > partition->mutation_capacity) {
    kh_mutation *mutations = kh_realloc_array(partition->mutations, most, sizeof *mutations);
    if (mutations == NULL) return KHONSU_NO_MEMORY;
    partition->mutations = mutations;
    partition->mutation_capacity = most;
  }
  *count = 0;
  for (const kh_request *request = group; request != NULL; request = request->member) {
    if (request->status != KHONSU_OK) continue;
    const kh_access_set *set = &request->txn->accesses;
    for (uint32_t i = 0; i < set->count; i++)
      if (set->entries[i].linked != NULL)
        partition->mutations[(*count)++] = mutation_of(&set->entries[i], request->version);
    if (writes_token(partition, request)) partition->mutations[(*count)++] = mutation_of_token(partition, request);
  }
  KH_ASSERT(*count <= most);
  return KHONSU_OK;
}

/* One that is to be synced as soon as it is written need not be asked for before: it waits for that in a moment. */
static khonsu_durability durability_of(const kh_request *group) {
  for (const kh_request *request = group; request != NULL; request = request->member)
    if (request->status == KHONSU_OK && request->task == NULL && request->durability == KHONSU_ASYNC)
      return KHONSU_ASYNC;
  return KHONSU_BUFFERED;
}

/* *written: mutations of the members that were, from the first on. */
static khonsu_status write_group(kh_partition *partition, const kh_request *group, size_t *written,
                                 khonsu_error *error) {
  const kh_storage *storage = &partition->storage;
  size_t count;
  *written = 0;
  if (storage->ops == NULL) return KHONSU_OK;
  khonsu_status status = gather(partition, group, &count);
  if (status != KHONSU_OK || count == 0) return status;
  return storage->ops->write(storage->ctx, partition->mutations, count, durability_of(group), written, error);
}

/* The statuses by which a storage promises that it has written nothing and may be asked again. */
static bool is_clean(khonsu_status status) {
  return khonsu_status_is(status, KHONSU_CLASS_LIMIT) || khonsu_status_is(status, KHONSU_CLASS_NO_MEMORY) ||
         khonsu_status_is(status, KHONSU_CLASS_BUSY);
}

static void fail_linked(kh_request *group, khonsu_status status, const khonsu_error *cause) {
  for (kh_request *request = group; request != NULL; request = request->member) {
    if (request->status != KHONSU_OK) continue;
    request->status = status;
    khonsu_error_set(request->error, status, "%s: %s", khonsu_status_text(status), cause->message);
  }
}

/* Up to `end`, which is not settled. */
static void settle_group(kh_partition *partition, kh_request *group, const kh_request *end) {
  for (kh_request *request = group; request != end; request = request->member) {
    if (request->status != KHONSU_OK) continue;
    kh_access_set *set = &request->txn->accesses;
    for (uint32_t i = 0; i < set->count; i++)
      if (set->entries[i].linked != NULL)
        kh_store_settle(&partition->store, set->entries[i].hash, set->entries[i].linked);
  }
}

/* Undoes all links, newest first: a later member may stand on an earlier one. Recursion is bounded by the group. */
static void undo_group(kh_partition *partition, kh_request *request) {
  if (request == NULL) return;
  undo_group(partition, request->member);
  if (request->status == KHONSU_OK && !undo_request(partition, request, true)) request->status = KHONSU_NO_MEMORY;
}

static size_t count_links(const kh_partition *partition, const kh_request *request) {
  if (request->task != NULL || request->status != KHONSU_OK) return 0;
  size_t count = writes_token(partition, request);
  const kh_access_set *set = &request->txn->accesses;
  for (uint32_t i = 0; i < set->count; i++) count += set->entries[i].linked != NULL;
  return count;
}

static kh_request *first_unwritten(const kh_partition *partition, kh_request *group, size_t written) {
  kh_request *request = group;
  for (; request != NULL; request = request->member) {
    size_t count = count_links(partition, request);
    if (count > written) break;
    written -= count;
  }
  return request;
}

static void run_singly(kh_partition *partition, kh_request *request);

/* Nothing is written of `rest` and those behind it, and they may try again. */
static void fail_cleanly(kh_partition *partition, kh_request *rest, khonsu_status status, const khonsu_error *cause) {
  const kh_storage *storage = &partition->storage;
  bool alone = rest->member == NULL;
  if (alone) {
    undo_request(partition, rest, false);
    fail_linked(rest, status, cause);
  } else {
    undo_group(partition, rest);
  }
  partition->store.newest = storage->ops->newest(storage->ctx);
  if (alone) return;
  for (kh_request *request = rest; request != NULL; request = request->member) run_singly(partition, request);
}

/* Certifies, links, writes and settles. */
static void run_group(kh_partition *partition, kh_request *group) {
  for (kh_request *request = group; request != NULL; request = request->member)
    certify_and_link(partition, group, request);
  khonsu_error error = KHONSU_ERROR_INIT;
  size_t written;
  khonsu_status status = write_group(partition, group, &written, &error);
  if (status == KHONSU_OK) {
    settle_group(partition, group, NULL);
  } else if (!is_clean(status)) {
    kh_partition_stop(partition, "a storage write failed: ", &error);
    fail_linked(group, KHONSU_IN_DOUBT, &error);
  } else {
    kh_request *rest = first_unwritten(partition, group, written);
    settle_group(partition, group, rest);
    fail_cleanly(partition, rest, status, &error);
  }
  khonsu_error_clear(&error);
}

/* As a group of one. Members that failed the first time for lack of memory keep that outcome; the verdicts of others
 * may have rested on links that are gone. */
static void run_singly(kh_partition *partition, kh_request *request) {
  if (request->status == KHONSU_NO_MEMORY) return;
  kh_request *next = request->member;
  request->member = NULL;
  run_group(partition, request);
  request->member = next;
}

/* ---- publish */

static void count_hot_key(void *ctx, const khonsu_conflict *conflict) {
  if (conflict->key.size != 0) kh_hot_keys_count(ctx, conflict->key);
}

static void count_conflict(kh_partition *partition, const khonsu_txn *txn) {
  kh_gauge_add(&partition->counters.conflicts, 1);
  kh_report_each(txn, count_hot_key, &partition->hot_keys);
}

/* In the last seat a request passes: the committer's, or over a storage the flusher's. */
static void count_outcomes(kh_partition *partition, const kh_request *group) {
  kh_gauge_add(&partition->counters.groups, 1);
  for (const kh_request *request = group; request != NULL; request = request->member) {
    if (request->task != NULL) continue;
    if (request->status == KHONSU_OK) kh_gauge_add(&partition->counters.commits, 1);
    else if (request->status == KHONSU_CONFLICT) count_conflict(partition, request->txn);
  }
}

static void decide_group(kh_request *group) {
  while (group != NULL) {
    kh_request *next = group->member;
    kh_request_decide(group);
    group = next;
  }
}

/* Hands the group to the flusher, in order; a conflict waits there for the fate of the version it lost to. */
static void hand_to_flusher(kh_partition *partition, kh_request *group) {
  while (group != NULL) {
    kh_request *next = group->member;
    if (group->task != NULL) {
      kh_request_decide(group);
    } else {
      atomic_fetch_or(&group->state, KH_WRITTEN);
      kh_link_queue_push(&partition->local.flusher.queue, &group->link);
    }
    group = next;
  }
}

void kh_commit_group(kh_partition *partition, kh_request *group) {
  run_group(partition, group);
  if (partition->storage.ops != NULL) {
    hand_to_flusher(partition, group);
    return;
  }
  kh_store_publish(&partition->store, partition->store.newest);
  count_outcomes(partition, group);
  decide_group(group);
}

/* After the stop: written but not flushed is in doubt; who lost to such a version has lost to nobody knows what. */
static void fail_unflushed(kh_partition *partition, kh_request *group) {
  uint64_t visible = kh_store_visible(&partition->store);
  for (kh_request *request = group; request != NULL; request = request->member) {
    if (request->status == KHONSU_OK) request->status = KHONSU_IN_DOUBT;
    else if (request->status == KHONSU_CONFLICT && request->lost_to > visible) request->status = KHONSU_UNAVAILABLE;
  }
}

void kh_flush_group(kh_partition *partition, kh_request *group) {
  uint64_t newest = 0;
  bool sync = false;
  for (kh_request *request = group; request != NULL; request = request->member) {
    if (request->status != KHONSU_OK) continue;
    if (request->version > newest) newest = request->version;
    sync |= request->durability == KHONSU_SYNC;
  }
  bool stopped = kh_partition_stopped(partition);
  if (!stopped && sync) stopped = kh_partition_sync(partition, newest, NULL) != KHONSU_OK;
  if (stopped) fail_unflushed(partition, group);
  else if (newest > kh_store_visible(&partition->store)) kh_store_publish(&partition->store, newest);
  count_outcomes(partition, group);
  decide_group(group);
}
