#include "report.h"

#include "stretch.h"

/* A list is one block: the entries, then the bytes of their keys. */
typedef struct writer {
  khonsu_conflict *next;
  char *keys;
} writer;

static writer write_to(khonsu_conflict *block, size_t count) { return (writer){block, (char *)(block + count)}; }

static void write_entry(void *ctx, const khonsu_conflict *conflict) {
  writer *to = ctx;
  *to->next = *conflict;
  to->next++->key.data = to->keys;
  if (conflict->key.size != 0) memcpy(to->keys, conflict->key.data, conflict->key.size);
  to->keys += conflict->key.size;
}

/* The first in words. */
static void say(const khonsu_txn *txn, const khonsu_conflict *first, size_t count, khonsu_error *error) {
  static const char *const what[] = {
      "", "was read", "was written", "was read and written", "was written", "lies in a range that was scanned"};
  khonsu_error_set(error, KHONSU_CONFLICT,
                   "transaction %llu: key '%.*s' %s here, and changed to version %llu by transaction %llu%s (%zu %s)",
                   (unsigned long long)txn->id, (int)(first->key.size > 128 ? 128 : first->key.size),
                   (const char *)first->key.data, what[first->kind], (unsigned long long)first->winner_version,
                   (unsigned long long)first->winner,
                   first->kind == KHONSU_CONFLICT_SCHEMA ? ", with another schema or type" : "", count,
                   count == 1 ? "key in conflict" : "keys in conflict");
}

static khonsu_conflict conflict_of(const kh_access *access) {
  return (khonsu_conflict){access->key, access->conflict, access->read_version, access->winner_version, access->winner};
}

void kh_report_each(const khonsu_txn *txn, kh_conflict_visit visit, void *ctx) {
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    const kh_access *access = &txn->accesses.entries[i];
    if (access->conflict == 0 || access->fate == KH_DROPPED) continue;
    khonsu_conflict conflict = conflict_of(access);
    visit(ctx, &conflict);
  }
  for (const kh_stretch *stretch = txn->stretches; stretch != NULL; stretch = stretch->next) {
    if (!stretch->broken) continue;
    khonsu_conflict conflict = {kh_buffer_slice(&stretch->broken_key), KHONSU_CONFLICT_RANGE, 0,
                                stretch->winner_version, stretch->winner};
    visit(ctx, &conflict);
  }
}

typedef struct total {
  khonsu_conflict first;
  size_t count, key_bytes;
} total;

static void count_conflict(void *ctx, const khonsu_conflict *conflict) {
  total *sum = ctx;
  if (sum->count++ == 0) sum->first = *conflict;
  sum->key_bytes += conflict->key.size;
}

void kh_report_conflicts(const khonsu_txn *txn, khonsu_error *error) {
  if (error == NULL) return;
  total sum = {.count = 0};
  kh_report_each(txn, count_conflict, &sum);
  KH_ASSERT(sum.count > 0);
  say(txn, &sum.first, sum.count, error);
  khonsu_conflict *conflicts = kh_alloc(sum.count * sizeof *conflicts + sum.key_bytes);
  if (conflicts == NULL) return;
  writer to = write_to(conflicts, sum.count);
  kh_report_each(txn, write_entry, &to);
  error->private_data = conflicts;
  error->conflicts = conflicts;
  error->conflict_count = sum.count;
}

bool kh_report_reserve(khonsu_txn *txn) {
  size_t count = 0, key_bytes = 0;
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    const kh_access *access = &txn->accesses.entries[i];
    if (access->staged == NULL || access->on_conflict != KHONSU_ON_CONFLICT_IGNORE) continue;
    count++;
    key_bytes += access->key.size;
  }
  txn->dropped_room = count;
  txn->dropped = kh_alloc(count * sizeof *txn->dropped + key_bytes);
  return txn->dropped != NULL;
}

void kh_report_dropped(khonsu_txn *txn) {
  if (txn->dropped == NULL) return;
  writer to = write_to(txn->dropped, txn->dropped_room);
  for (uint32_t i = 0; i < txn->accesses.count; i++) {
    const kh_access *access = &txn->accesses.entries[i];
    if (access->fate != KH_DROPPED) continue;
    khonsu_conflict dropped = conflict_of(access);
    write_entry(&to, &dropped);
  }
  txn->dropped_count = (size_t)(to.next - txn->dropped);
}
