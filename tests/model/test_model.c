/* Random transactions, interleaved at random on several handles, against a model: the history of committed states kept
 * whole. Every read and every step of a scan must be what the level's rule says, every commit must succeed or fail exactly
 * as certification over the model says, with exactly the writes dropped that a strategy drops, and a table must hold
 * exactly the rows of the writes that committed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "support.h"

/* Keys by number, in the order of their names: counters, then bytes, then tables. */
enum { COUNTERS = 3, BYTES = 12, TABLES = 3, KEYS = COUNTERS + BYTES + TABLES };
enum { HANDLES = 8, SNAPSHOTS = 3, HISTORY = 4096 };

typedef enum kind { COUNTER, TEXT, TABLE } kind;

static kind kind_of(size_t key) { return key < COUNTERS ? COUNTER : key < COUNTERS + BYTES ? TEXT : TABLE; }

/* The value of a counter, the number in a text, the rows of a table. */
typedef struct value {
  bool present;
  int64_t number;
} value;

typedef struct model_version {
  uint64_t version;
  value value;
  bool accrued; /* by an append or add, also one that created it */
} model_version;

typedef struct model_key {
  model_version history[HISTORY];
  size_t count;
} model_key;

typedef enum write_kind { NOT_WRITTEN, REPLACED, ACCRUED } write_kind;

typedef struct model_access {
  write_kind written;
  value value; /* REPLACED: what it becomes; ACCRUED: what is added */
  khonsu_on_conflict strategy;
  bool observed, scanned;
  uint64_t read_at, scanned_at;
} model_access;

typedef struct model_txn {
  khonsu_txn *txn;
  khonsu_isolation level;
  khonsu_on_conflict strategy;
  bool read_only;
  uint64_t snapshot;
  model_access keys[KEYS];

  khonsu_scan *scan;
  bool reverse, keys_only;
  int next, last; /* keys ahead of the scan: from `next` on, up or down, to `last` */
  uint64_t left;
} model_txn;

typedef struct model {
  khonsu_db *db;
  kh_prng prng;
  uint64_t newest, commits, conflicts, dropped, steps_of_scans;
  int64_t next_text;
  model_key keys[KEYS];
  model_txn txns[HANDLES];
  khonsu_snapshot *snapshots[SNAPSHOTS];
} model;

static uint64_t below(model *m, uint64_t bound) { return kh_prng_below(&m->prng, bound); }

static const char *key_name(size_t key) {
  static char names[KEYS][16];
  static const char *const prefixes[] = {"counter", "key", "table"};
  snprintf(names[key], sizeof names[key], "%s%02zu", prefixes[kind_of(key)], key);
  return names[key];
}

/* ---- the model's answers */

static value value_at(const model_key *key, uint64_t at) {
  size_t i = key->count;
  while (i > 0 && key->history[i - 1].version > at) i--;
  return i > 0 ? key->history[i - 1].value : (value){false, 0};
}

static uint64_t version_of(const model_key *key) { return key->count == 0 ? 0 : key->history[key->count - 1].version; }

static value sum(value base, value more) { return (value){true, (base.present ? base.number : 0) + more.number}; }

static uint64_t moment_of(const model *m, const model_txn *t) {
  return t->level == KHONSU_READ_COMMITTED ? m->newest : t->snapshot;
}

static value view(const model *m, const model_txn *t, size_t key) {
  const model_access *access = &t->keys[key];
  if (access->written == REPLACED) return access->value;
  value committed = value_at(&m->keys[key], moment_of(m, t));
  return access->written == ACCRUED ? sum(committed, access->value) : committed;
}

/* ---- reading and writing */

static void begin(model *m, model_txn *t) {
  memset(t, 0, sizeof *t);
  t->level = (khonsu_isolation)(1 + below(m, 4));
  t->read_only = below(m, 5) == 0;
  t->strategy = below(m, 2) == 0 ? KHONSU_ON_CONFLICT_DEFAULT : (khonsu_on_conflict)below(m, 5);
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = t->level;
  options.read_only = t->read_only;
  options.on_conflict = t->strategy;
  if (t->level != KHONSU_READ_COMMITTED && below(m, 4) == 0) options.snapshot = m->snapshots[below(m, SNAPSHOTS)];
  MUST(khonsu_begin(m->db, &options, &t->txn, &err));
  t->snapshot = khonsu_txn_snapshot(t->txn);
  assert_int_equal(t->snapshot, options.snapshot != NULL ? khonsu_snapshot_version(options.snapshot) : m->newest);
}

static value read_value(const model_txn *t, size_t key) {
  const char *name = key_name(key);
  if (kind_of(key) == COUNTER) {
    int64_t number;
    khonsu_status status = khonsu_get_counter(t->txn, khonsu_key(name), &number, NULL);
    assert_true(status == KHONSU_OK || status == KHONSU_NOT_FOUND);
    return (value){status == KHONSU_OK, status == KHONSU_OK ? number : 0};
  }
  if (kind_of(key) == TEXT) {
    char text[64];
    bool found = get_text(t->txn, name, text);
    return (value){found, found ? strtoll(text, NULL, 10) : 0};
  }
  int64_t ids;
  uint64_t rows;
  sum_table(t->txn, name, &ids, &rows);
  return (value){rows != 0, (int64_t)rows};
}

static void observe(const model *m, model_txn *t, size_t key) {
  if (t->read_only || t->keys[key].written == REPLACED) return;
  t->keys[key].observed = true;
  t->keys[key].read_at = moment_of(m, t);
}

static void read_key(model *m, model_txn *t, size_t key) {
  value expected = view(m, t, key), got = read_value(t, key);
  assert_int_equal(got.present, expected.present);
  if (expected.present) assert_int_equal(got.number, expected.number);
  observe(m, t, key);
}

/* A write of a key that was scanned, and neither read nor written before, is not blind. */
static void note_write(model_txn *t, size_t key, write_kind how, value written) {
  model_access *access = &t->keys[key];
  if (access->scanned && !access->observed && access->written == NOT_WRITTEN) {
    access->observed = true;
    access->read_at = access->scanned_at;
  }
  access->written = how;
  access->value = written;
  access->strategy = t->strategy;
}

static void replace(model *m, model_txn *t, size_t key) {
  khonsu_slice name = khonsu_key(key_name(key));
  value written = {below(m, 4) != 0, 1 + (int64_t)below(m, 3)};
  if (!written.present) {
    MUST(khonsu_delete(t->txn, name, &err));
  } else if (kind_of(key) == COUNTER) {
    MUST(khonsu_put_counter(t->txn, name, written.number, &err));
  } else if (kind_of(key) == TEXT) {
    char text[32];
    written.number = m->next_text++;
    snprintf(text, sizeof text, "%lld", (long long)written.number);
    put_text(t->txn, key_name(key), text);
  } else {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    make_ids(&schema, &batch, 0, (size_t)written.number);
    MUST(khonsu_put_batch(t->txn, name, &schema, &batch, &err));
  }
  note_write(t, key, REPLACED, written);
}

static void accrue(model *m, model_txn *t, size_t key) {
  value more = {true, 1 + (int64_t)below(m, 3)};
  if (kind_of(key) == COUNTER) MUST(khonsu_add(t->txn, khonsu_key(key_name(key)), more.number, &err));
  else append_ids(t->txn, key_name(key), 0, (size_t)more.number);
  const model_access *access = &t->keys[key];
  if (access->written == NOT_WRITTEN) note_write(t, key, ACCRUED, more);
  else note_write(t, key, access->written, sum(access->value, more));
}

static void write_key(model *m, model_txn *t, size_t key) {
  if (t->read_only) return;
  if (below(m, 8) == 0) {
    t->strategy = (khonsu_on_conflict)below(m, 5);
    MUST(khonsu_set_on_conflict(t->txn, t->strategy, &err));
  }
  if (kind_of(key) != TEXT && below(m, 3) != 0) accrue(m, t, key);
  else replace(m, t, key);
}

/* ---- scans */

static void open_scan(model *m, model_txn *t) {
  int first = (int)below(m, KEYS), end = (int)below(m, KEYS);
  khonsu_range range = {.first = khonsu_key(key_name((size_t)first)), .end = khonsu_key(key_name((size_t)end))};
  if (below(m, 4) == 0) { /* all counters, keys or tables */
    kind of = (kind)below(m, 3);
    first = of == COUNTER ? 0 : of == TEXT ? COUNTERS : COUNTERS + BYTES;
    end = of == COUNTER ? COUNTERS : of == TEXT ? COUNTERS + BYTES : KEYS;
    range = (khonsu_range){.prefix = khonsu_key(of == COUNTER ? "counter" : of == TEXT ? "key" : "table")};
  }
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.reverse = t->reverse = below(m, 2) == 0;
  options.keys_only = t->keys_only = below(m, 4) == 0;
  options.limit = below(m, 4) == 0 ? 1 + below(m, 5) : 0;
  t->left = options.limit == 0 ? UINT64_MAX : options.limit;
  t->next = t->reverse ? end - 1 : first;
  t->last = t->reverse ? first : end - 1;
  MUST(khonsu_scan_open(t->txn, &range, &options, &t->scan, &err));
}

/* Goes from key to key as the scan should, up to the next with a value; -1: there is none. */
static int step_in_model(model *m, model_txn *t) {
  if (t->left == 0) return -1;
  while (t->reverse ? t->next >= t->last : t->next <= t->last) {
    int key = t->next;
    t->next += t->reverse ? -1 : 1;
    model_access *access = &t->keys[key];
    if (!t->read_only) {
      access->scanned = true;
      access->scanned_at = moment_of(m, t);
    }
    if (!view(m, t, (size_t)key).present) continue;
    t->left--;
    return key;
  }
  return -1;
}

static int64_t entry_number(model_txn *t, const khonsu_entry *entry) {
  if (entry->type == KHONSU_COUNTER) return entry->counter;
  if (entry->type == KHONSU_BYTES) {
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)entry->bytes.size, (const char *)entry->bytes.data);
    return strtoll(text, NULL, 10);
  }
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  int64_t rows = 0;
  MUST(khonsu_scan_get(t->scan, &stream, &err));
  while (stream.get_next(&stream, &batch) == 0 && batch.release != NULL) {
    rows += batch.length;
    batch.release(&batch);
  }
  stream.release(&stream);
  return rows;
}

static void step_scan(model *m, model_txn *t) {
  khonsu_entry entry;
  int key = step_in_model(m, t);
  m->steps_of_scans++;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_scan_next(t->scan, &entry, &error);
  must_be_at(status, key < 0 ? KHONSU_END : KHONSU_OK, &error, "khonsu_scan_next", __FILE__, __LINE__);
  khonsu_error_clear(&error);
  if (key < 0) {
    khonsu_scan_free(&t->scan);
    return;
  }
  const char *name = key_name((size_t)key);
  assert_int_equal(entry.key.size, strlen(name));
  assert_memory_equal(entry.key.data, name, entry.key.size);
  if (t->keys_only) return;
  assert_int_equal(entry_number(t, &entry), view(m, t, (size_t)key).number);
  if (t->keys[key].written == ACCRUED) observe(m, t, (size_t)key);
}

static void scan(model *m, model_txn *t) {
  if (t->scan == NULL) open_scan(m, t);
  for (uint64_t steps = 1 + below(m, 6); steps > 0 && t->scan != NULL; steps--) step_scan(m, t);
}

/* ---- certification, from the rules of docs/guarantees.md */

static bool only_accrued_since(const model_key *key, uint64_t at) {
  for (size_t i = key->count; i > 0 && key->history[i - 1].version > at; i--)
    if (!key->history[i - 1].accrued) return false;
  return true;
}

typedef enum fate { STANDS, DROPPED, APPENDED, LOST } fate;

/* Of a blind write onto a newer commit. */
static fate fate_of(const model *m, const model_txn *t, size_t key) {
  const model_access *access = &t->keys[key];
  bool accrues = access->written == ACCRUED;
  if (accrues && value_at(&m->keys[key], UINT64_MAX).present && only_accrued_since(&m->keys[key], t->snapshot))
    return STANDS;
  khonsu_on_conflict strategy = access->strategy;
  if (strategy == KHONSU_ON_CONFLICT_DEFAULT)
    strategy = t->level == KHONSU_READ_COMMITTED ? KHONSU_ON_CONFLICT_REPLACE : KHONSU_ON_CONFLICT_FAIL;
  if (strategy == KHONSU_ON_CONFLICT_IGNORE) return DROPPED;
  if (strategy == KHONSU_ON_CONFLICT_REPLACE) return STANDS;
  if (strategy == KHONSU_ON_CONFLICT_FAIL) return LOST;
  if (accrues) return STANDS;
  return kind_of(key) == TABLE && access->value.present ? APPENDED : LOST;
}

static bool may_commit(const model *m, const model_txn *t, fate fates[KEYS]) {
  bool moved = false, stale = false, lost = false, stale_range = false;
  for (size_t key = 0; key < KEYS; key++) {
    const model_access *access = &t->keys[key];
    uint64_t newest = version_of(&m->keys[key]);
    fates[key] = STANDS;
    if (access->scanned && newest > access->scanned_at) stale_range = true;
    if (access->observed) {
      if (newest <= access->read_at) continue;
      if (access->written != NOT_WRITTEN || t->level >= KHONSU_REPEATABLE_READ) lost = true;
      stale = true;
    } else if (access->written != NOT_WRITTEN && newest > t->snapshot) {
      fates[key] = fate_of(m, t, key);
      moved |= fates[key] == STANDS || fates[key] == APPENDED;
      lost |= fates[key] == LOST;
    }
  }
  if (t->level == KHONSU_SERIALIZABLE && stale_range) return false;
  if (moved && t->level != KHONSU_READ_COMMITTED && (stale || stale_range)) return false;
  return !lost;
}

static void record_commit(model *m, const model_txn *t, const fate fates[KEYS], uint64_t version) {
  for (size_t key = 0; key < KEYS; key++) {
    const model_access *access = &t->keys[key];
    if (access->written == NOT_WRITTEN || fates[key] == DROPPED) continue;
    model_key *k = &m->keys[key];
    bool accrued = access->written == ACCRUED || fates[key] == APPENDED;
    value before = value_at(k, UINT64_MAX), after = accrued ? sum(before, access->value) : access->value;
    if (!after.present && !before.present) continue; /* deleting nothing changes nothing */
    if (k->count == HISTORY) {
      memmove(k->history, k->history + HISTORY / 2, HISTORY / 2 * sizeof *k->history);
      k->count = HISTORY / 2;
    }
    k->history[k->count++] = (model_version){version, after, accrued};
  }
}

static size_t count_dropped(const fate fates[KEYS]) {
  size_t count = 0;
  for (size_t key = 0; key < KEYS; key++) count += fates[key] == DROPPED;
  return count;
}

static void commit(model *m, model_txn *t) {
  fate fates[KEYS];
  bool wrote = false;
  for (size_t key = 0; key < KEYS; key++) wrote |= t->keys[key].written != NOT_WRITTEN;
  bool expected = may_commit(m, t, fates) || !wrote;
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_commit(t->txn, &info, &error);
  if (status != KHONSU_OK && status != KHONSU_CONFLICT) fail_msg("commit: %s", error.message);
  if ((status == KHONSU_OK) != expected)
    fail_msg("level %d: commit %s, the model says otherwise: %s", (int)t->level, khonsu_status_name(status),
             error.message);
  if (status == KHONSU_OK && wrote) {
    assert_true(info.version >= m->newest); /* the same, if it changed nothing */
    assert_int_equal(info.dropped_count, count_dropped(fates));
    m->newest = info.version;
    record_commit(m, t, fates, info.version);
    m->commits++;
    m->dropped += info.dropped_count;
  }
  if (status != KHONSU_OK) {
    assert_true(error.conflict_count > 0);
    m->newest = stats_of(m->db).version; /* a refused commit may use up a version */
    m->conflicts++;
  }
  khonsu_commit_info_clear(&info);
  khonsu_error_clear(&error);
  khonsu_scan_free(&t->scan);
  khonsu_txn_free(&t->txn);
}

/* ---- the run */

static void renew_snapshot(model *m) {
  khonsu_snapshot **snapshot = &m->snapshots[below(m, SNAPSHOTS)];
  khonsu_snapshot_close(snapshot);
  MUST(khonsu_snapshot_open(m->db, snapshot, &err));
  assert_int_equal(khonsu_snapshot_version(*snapshot), m->newest);
}

static void step(model *m) {
  model_txn *t = &m->txns[below(m, HANDLES)];
  if (t->txn == NULL) {
    begin(m, t);
    return;
  }
  size_t key = (size_t)below(m, KEYS);
  switch (below(m, 14)) {
    case 0:
    case 1:
    case 2:
    case 3: read_key(m, t, key); break;
    case 4:
    case 5:
    case 6:
    case 7: write_key(m, t, key); break;
    case 8: scan(m, t); break;
    case 9:
    case 10:
    case 11: commit(m, t); break;
    case 12:
      if (below(m, 8) == 0) renew_snapshot(m);
      break;
    default:
      if (below(m, 3) != 0) break;
      khonsu_scan_free(&t->scan);
      khonsu_txn_free(&t->txn); /* aborts: nothing of it may be seen */
  }
}

static void end_all(model *m) {
  for (size_t i = 0; i < HANDLES; i++) {
    khonsu_scan_free(&m->txns[i].scan);
    khonsu_txn_free(&m->txns[i].txn);
  }
  for (size_t i = 0; i < SNAPSHOTS; i++) khonsu_snapshot_close(&m->snapshots[i]);
}

static void open_snapshots(model *m) {
  for (size_t i = 0; i < SNAPSHOTS; i++) MUST(khonsu_snapshot_open(m->db, &m->snapshots[i], &err));
}

static void begin_again(model *m) {
  end_all(m);
  reopen_anywhere(&m->db);
  assert_int_equal(stats_of(m->db).version, m->newest);
  open_snapshots(m);
}

static void random_transactions_do_what_the_model_does(void **state) {
  (void)state;
  model *m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->db = open_anywhere();
  m->prng.state = test_seed();
  m->next_text = 1;
  m->newest = stats_of(m->db).version;
  open_snapshots(m);
  uint64_t steps = test_steps(1000000, 200000000);
  for (uint64_t i = 1; i <= steps; i++) {
    step(m);
    if (i % 50000 == 0) begin_again(m);
  }
  print_message("steps=%llu commits=%llu conflicts=%llu dropped=%llu scanned=%llu\n", (unsigned long long)steps,
                (unsigned long long)m->commits, (unsigned long long)m->conflicts, (unsigned long long)m->dropped,
                (unsigned long long)m->steps_of_scans);
  assert_true(m->commits > steps / 100 && m->conflicts > steps / 1000 && m->dropped > steps / 1000);
  end_all(m);
  close_anywhere(&m->db);
  free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_transactions_do_what_the_model_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
