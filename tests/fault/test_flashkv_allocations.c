/* Every allocation is made to fail in turn, once and from then on, in calls of flashkv over stores of every index, on a disk
 * that writes back what it has at that very moment. Whatever fails says NO_MEMORY, leaks nothing, and has changed nothing:
 * now, after a power loss right behind it, and when the store is opened again. What is asked for a second time then
 * works. (The index on disk has files of its own, so that one is on a real disk, without power losses.) */
#include <stdio.h>
#include <string.h>

#include "fail_alloc.h"
#include "flashkv/check.h"
#include "flashkv/store.h"
#include "kv_store.h"
#include "sim_disk.h"
#include "store.h"

/* A store, what it must hold, and a snapshot that has old versions kept. */
typedef struct fixture {
  sim_disk *disk; /* NULL: a real one */
  const kh_os *os;
  char folder[FOLDER_PATH_SIZE], second[FOLDER_PATH_SIZE + 8];
  flashkv_options options;
  flashkv *store; /* NULL: a scenario closed it */
  kv_model model;
  flashkv_snapshot *snapshot;
  kv_contents seen; /* by the snapshot */
} fixture;

/* Does something that may fail anywhere; cleans up after itself. */
typedef flashkv_status (*scenario)(fixture *f);

static flashkv_status open_on(const flashkv_options *options, const kh_os *os, flashkv **store) {
  khonsu_error error = KHONSU_ERROR_INIT;
  flashkv_status status = fkv_open_on(os, options, store, &error);
  khonsu_error_clear(&error);
  return status;
}

/* ---- writes, of which the model is told */

static char bytes[20000];

static khonsu_slice in_model(flashkv_slice slice) { return kh_slice(slice.data, slice.size); }

static flashkv_status put(fixture *f, const char *key, size_t size, const flashkv_put_options *options) {
  flashkv_slice name = flashkv_text(key), value = {bytes + strlen(key), size};
  uint64_t sequence = 0;
  fail_alloc_pause(true);
  kv_model_begin(&f->model);
  kv_model_put(&f->model, in_model(name), in_model(value), options == NULL ? 0 : options->expires_ms);
  fail_alloc_pause(false);
  flashkv_status status = flashkv_put_with(f->store, name, value, options, &sequence, NULL);
  flashkv_durability durability = options == NULL ? FLASHKV_BUFFERED : options->sync_writes;
  kv_model_end(&f->model, kv_fate_of(status, durability), sequence);
  if (status == FLASHKV_OK && durability == FLASHKV_SYNC) kv_model_synced(&f->model);
  return status;
}

static flashkv_status delete_key(fixture *f, const char *key) {
  fail_alloc_pause(true);
  kv_model_begin(&f->model);
  kv_model_delete(&f->model, in_model(flashkv_text(key)));
  fail_alloc_pause(false);
  flashkv_status status = flashkv_delete(f->store, flashkv_text(key), NULL);
  kv_model_end(&f->model, kv_fate_of(status, FLASHKV_BUFFERED), 0);
  return status;
}

static flashkv_status put_keys(fixture *f, const char *prefix, int count, size_t size) {
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "%s%03d", prefix, i);
    TRY(put(f, key, size, NULL));
  }
  return FLASHKV_OK;
}

static flashkv_status fill_batch(fixture *f, flashkv_batch *batch, int count, size_t size) {
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "%s%03d", i % 2 ? "batch" : "key", i);
    flashkv_slice name = flashkv_text(key), value = {bytes + i, size};
    if (i % 5 == 4) TRY(flashkv_batch_delete(batch, name, NULL));
    else TRY(flashkv_batch_put(batch, name, value, NULL, NULL));
    fail_alloc_pause(true);
    if (i % 5 == 4) kv_model_delete(&f->model, in_model(name));
    else kv_model_put(&f->model, in_model(name), in_model(value), 0);
    fail_alloc_pause(false);
  }
  return FLASHKV_OK;
}

static flashkv_status commit_batch(fixture *f, int count, size_t size) {
  flashkv_batch *batch = NULL;
  uint64_t sequence = 0;
  flashkv_status status = flashkv_batch_new(f->store, NULL, &batch, NULL);
  fail_alloc_pause(true);
  kv_model_begin(&f->model);
  fail_alloc_pause(false);
  if (status == FLASHKV_OK) status = fill_batch(f, batch, count, size);
  if (status == FLASHKV_OK) status = flashkv_batch_commit(batch, &sequence, NULL);
  kv_model_end(&f->model, kv_fate_of(status, FLASHKV_BUFFERED), sequence);
  flashkv_batch_free(&batch);
  return status;
}

/* ---- scenarios: writing */

static flashkv_status s_put(fixture *f) { return put(f, "new", 100, NULL); }
static flashkv_status s_put_over(fixture *f) { return put(f, "key001", 100, NULL); }
static flashkv_status s_put_over_what_a_snapshot_sees(fixture *f) { return put(f, "key020", 100, NULL); }
static flashkv_status s_put_large(fixture *f) { return put(f, "large", 9000, NULL); }
static flashkv_status s_put_for_a_while(fixture *f) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.expires_ms = UINT64_C(4000000000000);
  options.sync_writes = FLASHKV_SYNC;
  TRY(put(f, "key002", 100, &options));
  return put(f, "key003", 100, &options);
}
static flashkv_status s_grow(fixture *f) { return put_keys(f, "grow", 300, 20); }
static flashkv_status s_roll(fixture *f) { return put_keys(f, "roll", 12, 1500); }
static flashkv_status s_delete(fixture *f) {
  flashkv_status status = delete_key(f, "key010");
  if (status != FLASHKV_OK && status != FLASHKV_NOT_FOUND) return status; /* the second time it is gone */
  return put(f, "key010", 10, NULL);
}
static flashkv_status s_batch(fixture *f) { return commit_batch(f, 40, 50); }
static flashkv_status s_large_batch(fixture *f) { return commit_batch(f, 200, 400); }
static flashkv_status s_sync(fixture *f) {
  TRY(flashkv_sync(f->store, NULL));
  return flashkv_wait(f->store, flashkv_sequence(f->store), NULL);
}
static flashkv_status s_expire(fixture *f) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.expires_ms = 1;
  options.sync_writes = FLASHKV_BUFFERED;
  return put(f, "key005", 10, &options);
}

/* ---- scenarios: reading */

static flashkv_status s_get(fixture *f) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  char copy[1000];
  size_t size;
  TRY(flashkv_get(f->store, flashkv_text("key000"), &value, NULL));
  flashkv_value_release(&value);
  return flashkv_get_copy(f->store, flashkv_text("key001"), copy, sizeof copy, &size, NULL);
}
static flashkv_status s_miss(fixture *f) {
  flashkv_status status = flashkv_exists(f->store, flashkv_text("nobody"), NULL);
  return status == FLASHKV_NOT_FOUND ? FLASHKV_OK : status;
}
static flashkv_status s_multi_get(fixture *f) {
  enum { KEYS = 3 };
  flashkv_slice keys[KEYS] = {flashkv_text("key000"), flashkv_text("nobody"), flashkv_text("key001")};
  flashkv_value values[KEYS];
  flashkv_status statuses[KEYS], status = flashkv_multi_get(f->store, keys, KEYS, values, statuses, NULL);
  for (int i = 0; i < KEYS; i++) flashkv_value_release(&values[i]);
  return status;
}
static int pass(void *ctx, flashkv_slice key, flashkv_slice value) {
  (void)ctx, (void)key, (void)value;
  return 0;
}
static flashkv_status s_fold(fixture *f) {
  TRY(flashkv_fold(f->store, NULL, pass, NULL, NULL));
  return flashkv_list_keys(f->store, pass, NULL, NULL);
}
static flashkv_status step_through(flashkv_iterator *iterator) {
  flashkv_slice key, value;
  TRY(flashkv_iterator_seek(iterator, flashkv_text("key010"), NULL));
  for (;;) {
    flashkv_status status = flashkv_iterator_next(iterator, &key, &value, NULL);
    if (status != FLASHKV_OK) return status == FLASHKV_END ? FLASHKV_OK : status;
  }
}
static flashkv_status s_iterate(fixture *f) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.reverse = true;
  options.prefix = flashkv_text("key");
  flashkv_iterator *iterator = NULL;
  TRY(flashkv_iterator_open(f->store, &options, &iterator, NULL));
  flashkv_status status = step_through(iterator);
  flashkv_iterator_free(&iterator);
  return status;
}
static flashkv_status s_past(fixture *f) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_iterator *iterator = NULL;
  uint64_t sequence = flashkv_snapshot_sequence(f->snapshot);
  TRY(flashkv_get_at(f->store, flashkv_text("key010"), sequence, &value, NULL));
  flashkv_value_release(&value);
  TRY(flashkv_iterator_at(f->store, sequence, NULL, &iterator, NULL));
  flashkv_status status = step_through(iterator);
  flashkv_iterator_free(&iterator);
  return status;
}
static flashkv_status s_snapshots(fixture *f) {
  flashkv_snapshot *snapshots[20] = {NULL};
  flashkv_status status = FLASHKV_OK;
  for (int i = 0; i < 20 && status == FLASHKV_OK; i++) {
    status = flashkv_snapshot_open(f->store, &snapshots[i], NULL);
    if (status == FLASHKV_OK) status = put(f, "key006", 10 + (size_t)i, NULL);
  }
  for (int i = 0; i < 20; i++) flashkv_snapshot_close(&snapshots[i]);
  return status;
}
static flashkv_status s_retain(fixture *f) {
  TRY(flashkv_retain(f->store, flashkv_sequence(f->store), NULL));
  TRY(put(f, "key007", 10, NULL));
  TRY(put(f, "key007", 20, NULL));
  return flashkv_retain(f->store, UINT64_MAX, NULL);
}
static int pass_change(void *ctx, const flashkv_change *change) {
  (void)ctx, (void)change;
  return 0;
}
static flashkv_status s_replay(fixture *f) { return flashkv_replay(f->store, 1, UINT64_MAX, pass_change, NULL, NULL); }

/* ---- scenarios: operating */

static flashkv_status merge(fixture *f, double threshold) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = threshold;
  return flashkv_merge(f->store, &options, NULL, NULL);
}
static flashkv_status s_merge(fixture *f) { return merge(f, 0); }
static flashkv_status s_merge_all(fixture *f) { return merge(f, -1); }
static flashkv_status s_backup(fixture *f) {
  TRY(flashkv_backup(f->store, f->second, true, NULL, NULL, NULL));
  TRY(put(f, "key008", 10, NULL));
  return flashkv_backup(f->store, f->second, false, NULL, NULL, NULL);
}
static flashkv_status s_check(fixture *f) { return fkv_check_on(f->os, f->options.dir_path, NULL, NULL, NULL); }
static flashkv_status read_beside(fixture *f, bool salvage) {
  flashkv_options options = f->options;
  flashkv *reader;
  options.read_only = true;
  options.salvage = salvage;
  TRY(open_on(&options, f->os, &reader));
  return flashkv_close(&reader, NULL);
}
static flashkv_status s_read_only(fixture *f) { return read_beside(f, false); }
static flashkv_status s_salvage(fixture *f) { return read_beside(f, true); }
static flashkv_status s_new_store(fixture *f) {
  flashkv_options options = f->options;
  flashkv *other;
  options.dir_path = f->second;
  TRY(open_on(&options, f->os, &other));
  flashkv_status status = flashkv_put(other, flashkv_text("key"), flashkv_text("value"), NULL);
  flashkv_status closed = flashkv_close(&other, NULL);
  return status == FLASHKV_OK ? closed : status;
}

static void let_go(fixture *f) {
  flashkv_snapshot_close(&f->snapshot);
  free(f->seen.entries);
  f->seen = (kv_contents){0};
}
static flashkv_status s_reopen(fixture *f) {
  let_go(f);
  if (f->store != NULL) TRY(flashkv_close(&f->store, NULL));
  return open_on(&f->options, f->os, &f->store);
}
/* What a process that dies now would leave. */
static flashkv_status s_recover(fixture *f) {
  let_go(f);
  if (f->store != NULL) {
    fail_alloc_pause(true);
    sim_disk *left = f->disk == NULL ? NULL : sim_disk_kill(f->disk);
    (void)flashkv_close(&f->store, NULL);
    sim_disk_free(&f->disk);
    f->disk = left;
    if (left != NULL) f->os = sim_disk_os(left);
    fail_alloc_pause(false);
  }
  return open_on(&f->options, f->os, &f->store);
}
static flashkv_status s_repair(fixture *f) {
  let_go(f);
  if (f->store != NULL) TRY(flashkv_close(&f->store, NULL));
  TRY(fkv_repair_on(f->os, f->options.dir_path, NULL, NULL, NULL));
  return open_on(&f->options, f->os, &f->store);
}

typedef struct named_scenario {
  const char *name;
  scenario run;
} named_scenario;

#define NAMED(name)                                                                                                    \
  { #name, name }
static const named_scenario scenarios[] = {
    NAMED(s_put),
    NAMED(s_put_over),
    NAMED(s_put_over_what_a_snapshot_sees),
    NAMED(s_put_large),
    NAMED(s_put_for_a_while),
    NAMED(s_grow),
    NAMED(s_roll),
    NAMED(s_delete),
    NAMED(s_batch),
    NAMED(s_large_batch),
    NAMED(s_sync),
    NAMED(s_expire),
    NAMED(s_get),
    NAMED(s_miss),
    NAMED(s_multi_get),
    NAMED(s_fold),
    NAMED(s_iterate),
    NAMED(s_past),
    NAMED(s_snapshots),
    NAMED(s_retain),
    NAMED(s_replay),
    NAMED(s_merge),
    NAMED(s_merge_all),
    NAMED(s_backup),
    NAMED(s_check),
    NAMED(s_read_only),
    NAMED(s_salvage),
    NAMED(s_new_store),
    NAMED(s_reopen),
    NAMED(s_recover),
    NAMED(s_repair),
};

/* ---- the fixture */

static void write_back(void *ctx) {
  fixture *f = ctx;
  if (f->disk != NULL) sim_disk_settle(f->disk);
}

static void must_be_ok(flashkv_status status, const char *what) {
  if (status != FLASHKV_OK) fail_msg("%s: %s", what, flashkv_status_name(status));
}

static void make_disk(fixture *f, bool real) {
  if (real) {
    folder_make(f->folder);
    f->os = kh_os_posix();
  } else {
    snprintf(f->folder, sizeof f->folder, "/store");
    f->disk = sim_disk_new(&(sim_options){0});
    f->os = sim_disk_os(f->disk);
    assert_int_equal(KH_OS_CALL(f->os, make_directory, f->folder), 0);
    sim_disk_settle(f->disk); /* whoever makes a directory sees to its name */
  }
  snprintf(f->second, sizeof f->second, "%s-2", f->folder);
}

static void free_disk(fixture *f) {
  if (f->disk == NULL) {
    folder_remove(f->folder);
    if (KH_OS_CALL(f->os, make_directory, f->second) != 0) folder_remove(f->second);
    else (void)KH_OS_CALL(f->os, remove_directory, f->second);
  }
  sim_disk_free(&f->disk);
}

/* In five files or so, of which the first is mostly dead; some of what is dead is seen by the snapshot. */
static void open_fixture(fixture *f, flashkv_index_type index_type, bool mapped) {
  *f = (fixture){.options = FLASHKV_OPTIONS_INIT, .model.gaps = true};
  make_disk(f, index_type == FLASHKV_INDEX_BPTREE);
  f->options.dir_path = f->folder;
  f->options.index_type = index_type;
  f->options.mmap_at_startup = mapped;
  f->options.background = false;
  f->options.data_file_size = 8192;
  f->options.merge_reserve = 64 << 10;
  must_be_ok(open_on(&f->options, f->os, &f->store), "open");
  must_be_ok(put_keys(f, "key", 30, 400), "put");
  must_be_ok(put_keys(f, "key", 12, 300), "put");
  must_be_ok(flashkv_snapshot_open(f->store, &f->snapshot, NULL), "snapshot");
  f->seen = kv_model_contents(&f->model, 0);
  must_be_ok(put_keys(f, "key", 15, 200), "put");
  must_be_ok(delete_key(f, "key013"), "delete");
  must_be_ok(commit_batch(f, 12, 100), "batch");
  fail_alloc_tell(write_back, f);
}

static void close_fixture(fixture *f) {
  fail_alloc_tell(NULL, NULL);
  let_go(f);
  if (f->store != NULL) (void)flashkv_close(&f->store, NULL);
  kv_model_fini(&f->model);
  free_disk(f);
}

/* ---- the sweep */

typedef struct attempt {
  const named_scenario *scenario;
  const char *kind;
  uint64_t n;
  bool from_then_on;
} attempt;

static void must_hold(bool right, const attempt *a, const char *when, const char *why) {
  if (right) return;
  print_error("%s, %s, allocation %llu%s, %s: %s\n", a->scenario->name, a->kind, (unsigned long long)a->n,
              a->from_then_on ? " and all after it" : "", when, why);
  fail();
}

static void must_be(flashkv_status status, const attempt *a, const char *when) {
  must_hold(status == FLASHKV_OK, a, when, flashkv_status_name(status));
}

/* What is on the disk is durable; what is not, is lost. */
static void look_after_a_power_loss(fixture *f, const attempt *a) {
  kh_prng prng = {a->n};
  kv_match match;
  flashkv *store;
  sim_disk *left = sim_disk_crash(f->disk, &prng, &(sim_policy){SIM_NONE, SIM_NONE, SIM_NONE, 0, false, false});
  must_be(open_on(&f->options, sim_disk_os(left), &store), a, "opening after a power loss");
  must_hold(kv_store_verify(&f->model, store, KV_SYNCED, &match), a, "after a power loss", match.difference);
  must_be(flashkv_close(&store, NULL), a, "closing after a power loss");
  sim_disk_free(&left);
}

static void look(fixture *f, const attempt *a, const char *when) {
  kv_match match;
  char why[512];
  must_hold(kv_store_verify(&f->model, f->store, KV_BUFFERED, &match), a, when, match.difference);
  if (f->snapshot == NULL) return;
  must_hold(kv_store_verify_snapshot(f->store, f->snapshot, &f->seen, false, why), a, when, why);
}

/* Whether an allocation failed. */
static bool try(const attempt *a, flashkv_index_type index_type, bool mapped) {
  fixture f;
  open_fixture(&f, index_type, mapped);
  fail_alloc_at(a->n, a->from_then_on);
  flashkv_status status = a->scenario->run(&f);
  bool failed = fail_alloc_off();
  if (!failed) must_be(status, a, "without a failure");
  must_hold(status == FLASHKV_OK || status == FLASHKV_NO_MEMORY, a, "it says", flashkv_status_name(status));
  if (f.disk != NULL) look_after_a_power_loss(&f, a);
  if (f.store != NULL) look(&f, a, "afterwards");
  if (status != FLASHKV_OK) must_be(a->scenario->run(&f), a, "the second time");
  must_be(s_reopen(&f), a, "opening again");
  look(&f, a, "opened again");
  close_fixture(&f);
  return failed;
}

typedef struct kind {
  const char *name;
  flashkv_index_type index_type;
  bool mapped;
} kind;

static uint64_t sweep(const kind *k, bool from_then_on) {
  uint64_t failures = 0;
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    attempt a = {&scenarios[i], k->name, fail_alloc_next(0), from_then_on};
    for (; try(&a, k->index_type, k->mapped); a.n = fail_alloc_next(a.n)) failures++;
  }
  return failures;
}

static void every_allocation_may_fail(void **state) {
  const kind *k = *state;
  bool both = k->index_type == FLASHKV_INDEX_HASH || getenv("KHONSU_SOAK") != NULL;
  uint64_t failures = sweep(k, false) + (both ? sweep(k, true) : 0);
  print_message("%s: %zu scenarios, %llu failed allocations\n", k->name, sizeof scenarios / sizeof *scenarios,
                (unsigned long long)failures);
}

static const kind kinds[] = {{"hash, mapped", FLASHKV_INDEX_HASH, true},
                             {"hash, by calls", FLASHKV_INDEX_HASH, false},
                             {"btree", FLASHKV_INDEX_BTREE, true},
                             {"skiplist", FLASHKV_INDEX_SKIPLIST, true},
                             {"bptree", FLASHKV_INDEX_BPTREE, true}};

#define OF_KIND(number)                                                                                                \
  { "every_allocation_may_fail", every_allocation_may_fail, NULL, NULL, (void *)(uintptr_t)&kinds[number] }

int main(void) {
  const struct CMUnitTest tests[] = {OF_KIND(0), OF_KIND(1), OF_KIND(2), OF_KIND(3), OF_KIND(4)};
  store_folders_in_memory();
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 251);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
