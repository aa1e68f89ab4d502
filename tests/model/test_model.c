/* Random transactions, interleaved at random on several handles, against a model: the history of committed states kept
 * whole. Every read must be what the level's rule says, every commit must succeed or fail exactly as certification over
 * the model says, and a table must hold exactly the rows of the appends that committed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "support.h"

enum { KEYS = 12, TABLES = 3, HANDLES = 8, HISTORY = 4096 };

/* One key's history: what was committed, and when. 0 = absent. */
typedef struct model_version {
  uint64_t version, value;
  bool append; /* tables: by an append, also one that created the table */
} model_version;

typedef struct model_key {
  model_version history[HISTORY];
  size_t count;
} model_key;

typedef struct model_txn {
  khonsu_txn *txn;
  khonsu_isolation level;
  bool read_only, observed[KEYS + TABLES], written[KEYS + TABLES];
  uint64_t snapshot, read_at[KEYS + TABLES], value[KEYS + TABLES];
  uint64_t appended[TABLES]; /* rows */
  bool replaced[TABLES];     /* deleted first: what is appended after that is all there is */
} model_txn;

typedef struct model {
  khonsu_db *db;
  kh_prng prng;
  uint64_t newest, next_value, commits, conflicts;
  model_key keys[KEYS + TABLES]; /* the tables last; their value is the row count */
  model_txn txns[HANDLES];
} model;

static const char *key_name(size_t key) {
  static char names[KEYS + TABLES][16];
  snprintf(names[key], sizeof names[key], key < KEYS ? "key%zu" : "table%zu", key);
  return names[key];
}

static const model_version *newest_at(const model_key *key, uint64_t at) {
  size_t i = key->count;
  while (i > 0 && key->history[i - 1].version > at) i--;
  return i > 0 ? &key->history[i - 1] : NULL;
}

static uint64_t value_at(const model_key *key, uint64_t at) {
  const model_version *version = newest_at(key, at);
  return version == NULL ? 0 : version->value;
}

static uint64_t version_of(const model_key *key) { return key->count == 0 ? 0 : key->history[key->count - 1].version; }

/* ---- steps */

static void begin(model *m, model_txn *t) {
  memset(t, 0, sizeof *t);
  t->level = (khonsu_isolation)(1 + kh_prng_below(&m->prng, 4));
  t->read_only = kh_prng_below(&m->prng, 5) == 0;
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = t->level;
  options.read_only = t->read_only;
  MUST(khonsu_begin(m->db, &options, &t->txn, &err));
  t->snapshot = khonsu_txn_snapshot(t->txn);
  assert_int_equal(t->snapshot, m->newest);
}

static uint64_t read_moment(const model *m, const model_txn *t) {
  return t->level == KHONSU_READ_COMMITTED ? m->newest : t->snapshot;
}

static void read_key(model *m, model_txn *t, size_t key) {
  char text[64];
  uint64_t expected = t->written[key] ? t->value[key] : value_at(&m->keys[key], read_moment(m, t));
  bool found = get_text(t->txn, key_name(key), text);
  assert_int_equal(found, expected != 0);
  if (found) assert_int_equal(strtoull(text, NULL, 10), expected);
  if (t->written[key] || t->read_only) return;
  t->observed[key] = true;
  t->read_at[key] = read_moment(m, t);
}

static void write_key(model *m, model_txn *t, size_t key) {
  if (t->read_only) return;
  char text[32];
  t->written[key] = true;
  if (kh_prng_below(&m->prng, 4) == 0) {
    t->value[key] = 0;
    MUST(khonsu_delete(t->txn, khonsu_key(key_name(key)), &err));
    return;
  }
  t->value[key] = m->next_value++;
  snprintf(text, sizeof text, "%llu", (unsigned long long)t->value[key]);
  put_text(t->txn, key_name(key), text);
}

static void append_to_table(model *m, model_txn *t, size_t key) {
  if (t->read_only) return;
  size_t rows = 1 + (size_t)kh_prng_below(&m->prng, 3);
  append_ids(t->txn, key_name(key), 0, rows);
  t->written[key] = true;
  t->appended[key - KEYS] += rows;
}

static void delete_table(model *m, model_txn *t, size_t key) {
  (void)m;
  if (t->read_only) return;
  MUST(khonsu_delete(t->txn, khonsu_key(key_name(key)), &err));
  t->written[key] = t->replaced[key - KEYS] = true;
  t->appended[key - KEYS] = 0;
}

static void read_table(model *m, model_txn *t, size_t key) {
  int64_t sum;
  uint64_t rows;
  sum_table(t->txn, key_name(key), &sum, &rows);
  bool own = t->replaced[key - KEYS];
  assert_int_equal(rows, (own ? 0 : value_at(&m->keys[key], read_moment(m, t))) + t->appended[key - KEYS]);
  if (t->read_only || own) return;
  t->observed[key] = true;
  t->read_at[key] = read_moment(m, t);
}

/* Whether only appends were committed to the table since `at`. */
static bool only_appends_since(const model_key *key, uint64_t at) {
  for (size_t i = key->count; i > 0 && key->history[i - 1].version > at; i--)
    if (!key->history[i - 1].append) return false;
  return true;
}

/* What certification must say, from the rules of docs/guarantees.md. */
static bool may_commit(const model *m, const model_txn *t) {
  bool moved = false, stale_read = false, writes = false;
  for (size_t key = 0; key < KEYS + TABLES; key++) writes |= t->written[key];
  if (!writes) return true;
  for (size_t key = 0; key < KEYS + TABLES; key++) {
    uint64_t newest = version_of(&m->keys[key]);
    if (t->observed[key] && newest > t->read_at[key]) {
      if (t->written[key] || t->level >= KHONSU_REPEATABLE_READ) return false;
      stale_read = true;
    } else if (!t->observed[key] && t->written[key] && newest > t->snapshot) {
      moved = true;
      if (t->level == KHONSU_READ_COMMITTED) continue;
      if (key < KEYS || t->replaced[key - KEYS] || !only_appends_since(&m->keys[key], t->snapshot)) return false;
    }
  }
  return !(moved && stale_read && t->level == KHONSU_SNAPSHOT);
}

static void record_commit(model *m, const model_txn *t, uint64_t version) {
  for (size_t key = 0; key < KEYS + TABLES; key++) {
    if (!t->written[key]) continue;
    model_key *k = &m->keys[key];
    bool append = key >= KEYS && !t->replaced[key - KEYS];
    uint64_t value = key < KEYS ? t->value[key] : t->appended[key - KEYS] + (append ? value_at(k, version) : 0);
    if (value == 0 && value_at(k, version) == 0) continue; /* deleting nothing changes nothing */
    if (k->count == HISTORY) {
      memmove(k->history, k->history + HISTORY / 2, HISTORY / 2 * sizeof *k->history);
      k->count = HISTORY / 2;
    }
    k->history[k->count++] = (model_version){version, value, append};
  }
}

static void commit(model *m, model_txn *t) {
  bool expected = may_commit(m, t), wrote = false;
  for (size_t key = 0; key < KEYS + TABLES; key++) wrote |= t->written[key];
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_commit(t->txn, &info, &error);
  if (status != KHONSU_OK && status != KHONSU_CONFLICT) fail_msg("commit: %s", error.message);
  if ((status == KHONSU_OK) != expected)
    fail_msg("level %d: commit %s, the model says otherwise: %s", (int)t->level, khonsu_status_name(status),
             error.message);
  if (status == KHONSU_OK && wrote) {
    assert_true(info.version > m->newest);
    m->newest = info.version;
    record_commit(m, t, info.version);
    m->commits++;
  }
  if (status != KHONSU_OK) {
    m->newest = stats_of(m->db).version; /* a refused commit may use up a version */
    m->conflicts++;
  }
  khonsu_error_clear(&error);
  khonsu_txn_free(&t->txn);
}

static void step(model *m) {
  model_txn *t = &m->txns[kh_prng_below(&m->prng, HANDLES)];
  if (t->txn == NULL) {
    begin(m, t);
    return;
  }
  size_t key = (size_t)kh_prng_below(&m->prng, KEYS), table = KEYS + (size_t)kh_prng_below(&m->prng, TABLES);
  switch (kh_prng_below(&m->prng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3: read_key(m, t, key); break;
    case 4:
    case 5:
    case 6: write_key(m, t, key); break;
    case 7: append_to_table(m, t, table); break;
    case 8: read_table(m, t, table); break;
    case 9:
    case 10: commit(m, t); break;
    default:
      if (kh_prng_below(&m->prng, 3) == 0) delete_table(m, t, table);
      else if (kh_prng_below(&m->prng, 3) == 0) khonsu_txn_free(&t->txn); /* aborts: nothing of it may be seen */
  }
}

static void random_transactions_do_what_the_model_does(void **state) {
  (void)state;
  model *m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->db = open_memory();
  m->prng.state = test_seed();
  m->next_value = 1;
  m->newest = stats_of(m->db).version;
  uint64_t steps = test_steps(1000000, 200000000);
  for (uint64_t i = 0; i < steps; i++) step(m);
  print_message("steps=%llu commits=%llu conflicts=%llu\n", (unsigned long long)steps, (unsigned long long)m->commits,
                (unsigned long long)m->conflicts);
  assert_true(m->commits > steps / 100 && m->conflicts > steps / 1000);
  for (size_t i = 0; i < HANDLES; i++) khonsu_txn_free(&m->txns[i].txn);
  close_db(&m->db);
  free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_transactions_do_what_the_model_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
