/* flashkv in real processes on a real file system, killed at any moment. A child opens the store, looks at all that is in
 * it, merges a file that holds a deletion and nothing that it hides, writes from four threads, merges, backs up into the
 * directory of the last backup, closes, opens again with other options, and so on until its parent kills it, at a random
 * time after it was seen to open, write, merge, back up or close. The next child finds what this one left.
 *
 * What must be there is known cheaply, as each thread has keys of its own: in memory that survives the child it notes the
 * state of each key, and what it is about to commit; when that has been answered, the state. So after a kill each thread's
 * keys are as they were noted, or that with all of the one commit that was under way. The commits since the last backup are
 * noted, too: one that was killed has of each thread's a beginning. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "store.h"

enum { THREADS = 4, KEYS = 32, WRITES_MAX = 12, VALUE_MAX = 1 << 17, STORE_LIFE = 60 /* cycles */, HISTORY = 1 << 14 };

/* ---- what survives the child */

typedef struct key_state {
  uint64_t counter;    /* which value; 0: none */
  uint64_t expires_ms; /* 0: never */
} key_state;

typedef struct noted_write {
  uint32_t key;
  key_state becomes;
} noted_write;

enum { NOTHING, UNDER_WAY, ANSWERED };

typedef struct thread_notes {
  key_state keys[KEYS];
  uint64_t counter;
  _Atomic uint32_t state; /* of the commit: written last, so that what it is about is there */
  uint32_t count;
  noted_write writes[WRITES_MAX];
  key_state backed_up[KEYS];    /* the keys in the last backup, */
  noted_write history[HISTORY]; /* and what was committed since, */
  bool ends_commit[HISTORY];    /* of each write of it, */
  uint32_t history_count;       /* also set last, */
  uint32_t history_at_backup;   /* before the backup that is under way */
} thread_notes;

typedef enum phase { OPENING, LOOKING, WRITING, BACKING_UP, CLOSING, PHASES } phase;

typedef struct notes {
  thread_notes threads[THREADS];
  _Atomic uint32_t phase, merging;
  _Atomic uint32_t backup; /* a state like those of commits */
  bool has_backup;
  _Atomic uint64_t commits, merges, openings, reads, found_under_way;
  _Atomic uint64_t backups, no_backup_yet, earlier_backup, backup_in_between, deletions_merged_alone;
  char complaint[400];
} notes;

static notes *shared;

static _Noreturn void complain(const char *what, const char *why) {
  if (shared->complaint[0] == '\0') snprintf(shared->complaint, sizeof shared->complaint, "%s: %.300s", what, why);
  _exit(1);
}

static void must(flashkv_status status, const flashkv_error *error, const char *call) {
  char why[400];
  snprintf(why, sizeof why, "%s: %.300s", flashkv_status_name(status), error->message);
  if (status != FLASHKV_OK) complain(call, why);
}

/* ---- keys and values: of a thread, a number and a counter */

static flashkv_slice key_of(char text[32], unsigned thread, uint32_t key) {
  return (flashkv_slice){text, (size_t)snprintf(text, 32, "%u/%0*u", thread, (int)(1 + key % 9), key)};
}

static bool parse_key(flashkv_slice slice, unsigned *thread, uint32_t *key) {
  char text[33] = "", again[32];
  if (slice.size > 31) return false;
  memcpy(text, slice.data, slice.size);
  if (sscanf(text, "%u/%u", thread, key) != 2 || *thread >= THREADS || *key >= KEYS) return false;
  return key_of(again, *thread, *key).size == slice.size && memcmp(again, text, slice.size) == 0;
}

/* Most are small; some go by a call, a few are as large as a data file. */
static flashkv_slice value_of(uint8_t *bytes, unsigned thread, uint32_t key, uint64_t counter) {
  uint64_t words[] = {thread, key, counter};
  kh_prng prng = {kh_hash_bytes(kh_slice(words, sizeof words), 1)};
  uint64_t kind = kh_prng_below(&prng, 64), size = kh_prng_below(&prng, 300);
  if (kind < 6) size = kh_prng_below(&prng, 6000);
  if (kind == 6) size = kh_prng_below(&prng, VALUE_MAX);
  if (kind == 7) size = 0;
  uint64_t noise = kh_prng_next(&prng);
  for (uint64_t at = 0; at < size; at++) bytes[at] = (uint8_t)(noise >> at % 8 * 8 ^ at / 8);
  return (flashkv_slice){bytes, size};
}

static uint64_t now_ms(void) { return kh_os_wall_us() / 1000; }

/* Whether a key that is in this state may be found, or not found, by who looked between these times. */
static bool may_be_found(key_state state, uint64_t from_ms) {
  return state.counter != 0 && (state.expires_ms == 0 || state.expires_ms > from_ms);
}
static bool may_be_missing(key_state state, uint64_t to_ms) {
  return state.counter == 0 || (state.expires_ms != 0 && state.expires_ms <= to_ms);
}

/* ---- looking */

static bool is_value(flashkv_slice found, unsigned thread, uint32_t key, uint64_t counter, uint8_t *bytes) {
  flashkv_slice wanted = value_of(bytes, thread, key, counter);
  return wanted.size == found.size && (found.size == 0 || memcmp(wanted.data, found.data, found.size) == 0);
}

/* Whether a get says what this state does. */
static bool get_is(flashkv *store, unsigned thread, uint32_t key, key_state state, uint8_t *bytes) {
  char text[32];
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  uint64_t from = now_ms();
  flashkv_status status = flashkv_get(store, key_of(text, thread, key), &value, &error);
  if (status == FLASHKV_NOT_FOUND) return may_be_missing(state, now_ms());
  must(status, &error, "get");
  bool is = may_be_found(state, from) && value.expires_ms == state.expires_ms &&
            is_value((flashkv_slice){value.data, value.size}, thread, key, state.counter, bytes);
  flashkv_value_release(&value);
  return is;
}

static key_state state_after(const thread_notes *own, uint32_t key) {
  key_state state = own->keys[key];
  for (uint32_t i = 0; i < own->count; i++)
    if (own->writes[i].key == key) state = own->writes[i].becomes;
  return state;
}

/* Once more if a kill comes in between: then the history has the commit twice, which says the same. */
static void apply(thread_notes *own) {
  for (uint32_t i = 0; i < own->count; i++) {
    own->keys[own->writes[i].key] = own->writes[i].becomes;
    own->history[own->history_count + i] = own->writes[i];
    own->ends_commit[own->history_count + i] = i + 1 == own->count;
  }
  atomic_signal_fence(memory_order_seq_cst);
  own->history_count += own->count;
  atomic_store(&own->state, NOTHING);
}

static bool has_room(const thread_notes *own) { return own->history_count + 2 * WRITES_MAX <= HISTORY; }

/* All keys of a thread, with the commit that was under way or without. */
static bool has_all(flashkv *store, unsigned thread, bool with_commit, uint32_t *differs, uint8_t *bytes) {
  const thread_notes *own = &shared->threads[thread];
  for (uint32_t key = 0; key < KEYS; key++) {
    key_state state = with_commit ? state_after(own, key) : own->keys[key];
    *differs = key;
    if (!get_is(store, thread, key, state, bytes)) return false;
  }
  return true;
}

static void look_at_thread(flashkv *store, unsigned thread, uint8_t *bytes) {
  thread_notes *own = &shared->threads[thread];
  uint32_t without = 0, with = 0, state = atomic_load(&own->state);
  if (state != ANSWERED && has_all(store, thread, false, &without, bytes)) {
    atomic_store(&own->state, NOTHING);
    return;
  }
  if (state != NOTHING && has_all(store, thread, true, &with, bytes)) {
    if (state == UNDER_WAY) shared->found_under_way++;
    apply(own);
    return;
  }
  char why[160];
  static const char *const names[] = {"none was", "one was under way", "the last was answered"};
  snprintf(why, sizeof why, "thread %u (of commits %s): key %u is not as it was, key %u not as it became", thread,
           names[state], without, with);
  complain("after opening", why);
}

static void look_with_iterator(flashkv *store, uint8_t *bytes) {
  flashkv_iterator *iterator = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  uint64_t from = now_ms(), found = 0, least = 0;
  must(flashkv_iterator_open(store, NULL, &iterator, &error), &error, "iterator");
  flashkv_status status;
  for (flashkv_slice key, value; (status = flashkv_iterator_next(iterator, &key, &value, &error)) == FLASHKV_OK;
       found++) {
    unsigned thread;
    uint32_t number;
    if (!parse_key(key, &thread, &number)) complain("iterator", "a key that nobody wrote");
    key_state state = shared->threads[thread].keys[number];
    if (!may_be_found(state, from) || !is_value(value, thread, number, state.counter, bytes))
      complain("iterator", "not the value that a get had");
  }
  flashkv_iterator_free(&iterator);
  if (status != FLASHKV_END) must(status, &error, "iterator");
  for (unsigned thread = 0; thread < THREADS; thread++)
    for (uint32_t key = 0; key < KEYS; key++) least += !may_be_missing(shared->threads[thread].keys[key], now_ms());
  if (found < least) complain("iterator", "it has fewer keys than there are");
}

static void look(flashkv *store) {
  static uint8_t bytes[VALUE_MAX];
  for (unsigned thread = 0; thread < THREADS; thread++) look_at_thread(store, thread, bytes);
  look_with_iterator(store, bytes);
}

/* ---- the backup */

/* What the last backup has is the keys as they are. */
static void note_backup(void) {
  for (unsigned thread = 0; thread < THREADS; thread++) {
    thread_notes *own = &shared->threads[thread];
    memcpy(own->backed_up, own->keys, sizeof own->keys);
    own->history_count = own->history_at_backup = 0;
  }
  shared->has_backup = true;
  atomic_store(&shared->backup, NOTHING);
}

/* Whether the backup has a thread's keys as they were after some of the commits that the history begins with. */
static bool has_a_beginning(flashkv *backup, unsigned thread, uint32_t *commits, uint8_t *bytes) {
  const thread_notes *own = &shared->threads[thread];
  bool is[KEYS];
  uint32_t wrong = 0;
  for (uint32_t key = 0; key < KEYS; key++)
    wrong += !(is[key] = get_is(backup, thread, key, own->backed_up[key], bytes));
  *commits = 0;
  for (uint32_t at = 0; wrong > 0 && at < own->history_at_backup;) {
    do {
      const noted_write *write = &own->history[at];
      bool is_now = get_is(backup, thread, write->key, write->becomes, bytes);
      wrong = wrong + is[write->key] - is_now;
      is[write->key] = is_now;
    } while (!own->ends_commit[at++]);
    ++*commits;
  }
  return wrong == 0;
}

static void look_at_backup(const char *folder) {
  static uint8_t bytes[VALUE_MAX];
  flashkv *backup = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = folder;
  options.read_only = true;
  if (atomic_load(&shared->backup) == ANSWERED) note_backup();
  flashkv_status status = flashkv_open(&options, &backup, &error);
  if (status == FLASHKV_NOT_A_STORE && !shared->has_backup) {
    shared->no_backup_yet++;
    return;
  }
  must(status, &error, "open the backup");
  uint32_t later = 0;
  for (unsigned thread = 0; thread < THREADS; thread++) {
    uint32_t commits;
    if (!has_a_beginning(backup, thread, &commits, bytes)) complain("the backup", "it has what the store never had");
    later += commits;
  }
  if (atomic_load(&shared->backup) == UNDER_WAY)
    *(later == 0 ? &shared->earlier_backup : &shared->backup_in_between) += 1;
  must(flashkv_close(&backup, &error), &error, "close the backup");
}

static void back_up(flashkv *store, const char *folder, kh_prng *prng) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  for (unsigned thread = 0; thread < THREADS; thread++)
    shared->threads[thread].history_at_backup = shared->threads[thread].history_count;
  atomic_store(&shared->backup, UNDER_WAY);
  must(flashkv_backup(store, folder, kh_prng_below(prng, 2), NULL, NULL, &error), &error, "backup");
  atomic_store(&shared->backup, ANSWERED);
  note_backup();
  shared->backups++;
}

/* ---- writing */

typedef struct worker {
  unsigned number;
  flashkv *store;
  kh_prng prng;
  const _Atomic bool *ends;
  uint8_t *bytes;
} worker;

static key_state some_state(worker *w) {
  key_state state = {++shared->threads[w->number].counter, 0};
  uint64_t kind = kh_prng_below(&w->prng, 16);
  if (kind == 0) state.expires_ms = now_ms() + kh_prng_below(&w->prng, 40);
  if (kind == 1) state.expires_ms = now_ms() + 100000000;
  return state;
}

static flashkv_durability some_durability(worker *w) {
  static const flashkv_durability all[] = {FLASHKV_AS_STORE, FLASHKV_AS_STORE, FLASHKV_BUFFERED, FLASHKV_SYNC,
                                           FLASHKV_ASYNC};
  return kh_prng_below(&w->prng, 12) == 0 ? all[kh_prng_below(&w->prng, 5)] : FLASHKV_BUFFERED;
}

static void begin(worker *w, const noted_write *writes, uint32_t count) {
  thread_notes *own = &shared->threads[w->number];
  memcpy(own->writes, writes, count * sizeof *writes);
  own->count = count;
  atomic_store(&own->state, UNDER_WAY);
}

static void answered(worker *w, flashkv_status status, const flashkv_error *error, const char *call) {
  thread_notes *own = &shared->threads[w->number];
  must(status, error, call);
  atomic_store(&own->state, ANSWERED);
  apply(own);
  shared->commits++;
}

static void put_key(worker *w, uint32_t key) {
  char text[32];
  noted_write write = {key, some_state(w)};
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.expires_ms = write.becomes.expires_ms;
  options.sync_writes = some_durability(w);
  options.aligned = kh_prng_below(&w->prng, 8) == 0;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_slice value = value_of(w->bytes, w->number, write.key, write.becomes.counter);
  begin(w, &write, 1);
  answered(w, flashkv_put_with(w->store, key_of(text, w->number, write.key), value, &options, NULL, &error), &error,
           "put");
}

static void put(worker *w) { put_key(w, (uint32_t)kh_prng_below(&w->prng, KEYS)); }

static void delete_key(worker *w, uint32_t key) {
  char text[32];
  noted_write write = {key, {0, 0}};
  key_state before = shared->threads[w->number].keys[write.key];
  flashkv_error error = FLASHKV_ERROR_INIT;
  begin(w, &write, 1);
  flashkv_status status = flashkv_delete(w->store, key_of(text, w->number, write.key), &error);
  if (status == FLASHKV_NOT_FOUND && !may_be_missing(before, now_ms()))
    complain("delete", "a key that is there was not found");
  answered(w, status == FLASHKV_NOT_FOUND ? FLASHKV_OK : status, &error, "delete");
}

static void commit_batch(worker *w) {
  char text[32];
  noted_write writes[WRITES_MAX];
  uint32_t count = 1 + (uint32_t)kh_prng_below(&w->prng, WRITES_MAX);
  flashkv_batch_options options = FLASHKV_BATCH_OPTIONS_INIT;
  options.sync_writes = some_durability(w);
  flashkv_batch *batch = NULL;
  flashkv_error error = FLASHKV_ERROR_INIT;
  must(flashkv_batch_new(w->store, &options, &batch, &error), &error, "batch");
  for (uint32_t i = 0; i < count; i++) {
    bool deletes = kh_prng_below(&w->prng, 4) == 0;
    writes[i] = (noted_write){(uint32_t)kh_prng_below(&w->prng, KEYS), deletes ? (key_state){0, 0} : some_state(w)};
    flashkv_slice key = key_of(text, w->number, writes[i].key);
    flashkv_put_options how = FLASHKV_PUT_OPTIONS_INIT;
    how.expires_ms = writes[i].becomes.expires_ms;
    flashkv_slice value = value_of(w->bytes, w->number, writes[i].key, writes[i].becomes.counter);
    must(deletes ? flashkv_batch_delete(batch, key, &error) : flashkv_batch_put(batch, key, value, &how, &error),
         &error, "batch");
  }
  begin(w, writes, count);
  answered(w, flashkv_batch_commit(batch, NULL, &error), &error, "batch");
  flashkv_batch_free(&batch);
}

static void read_one(worker *w) {
  uint32_t key = (uint32_t)kh_prng_below(&w->prng, KEYS);
  if (!get_is(w->store, w->number, key, shared->threads[w->number].keys[key], w->bytes))
    complain("get", "not what the thread wrote");
  shared->reads++;
}

static void merge_above(worker *w, double threshold) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = threshold;
  flashkv_error error = FLASHKV_ERROR_INIT;
  shared->merging++;
  flashkv_status status = flashkv_merge(w->store, &options, NULL, &error);
  shared->merging--;
  if (status == FLASHKV_MERGE_RUNNING) return;
  must(status, &error, "merge");
  shared->merges++;
}

static void merge(worker *w) {
  static const double thresholds[] = {0, 0.3, -1, 2};
  merge_above(w, thresholds[kh_prng_below(&w->prng, 4)]);
}

static uint64_t data_files(flashkv *store) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(store, &stats);
  return stats.data_file_num;
}

static bool begin_new_file(worker *w, uint32_t key) {
  for (uint64_t files = data_files(w->store), tries = 0; data_files(w->store) == files; tries++) {
    if (tries == 1000 || !has_room(&shared->threads[w->number])) return false;
    put_key(w, key);
  }
  return true;
}

/* A file with the values of many keys, and one with the deletion of one of them and of little else that is alive: the merge
 * takes the second and leaves the first. */
static void merge_a_deletion_alone(worker *w) {
  enum { DELETED = 3, CHURNED = KEYS - 1 };
  for (uint32_t key = 0; key < CHURNED; key++) put_key(w, key);
  if (!begin_new_file(w, CHURNED)) return;
  delete_key(w, DELETED);
  if (!begin_new_file(w, CHURNED)) return;
  merge_above(w, 0.5);
  shared->deletions_merged_alone++;
}

static void *work(void *ctx) {
  worker *w = ctx;
  while (!atomic_load(w->ends) && has_room(&shared->threads[w->number])) {
    uint64_t step = kh_prng_below(&w->prng, 64);
    flashkv_error error = FLASHKV_ERROR_INIT;
    if (w->number == 0 && step % 16 == 0) merge(w);
    else if (step < 34) put(w);
    else if (step < 42) delete_key(w, (uint32_t)kh_prng_below(&w->prng, KEYS));
    else if (step < 52) commit_batch(w);
    else if (step < 62) read_one(w);
    else if (step < 63) must(flashkv_sync(w->store, &error), &error, "sync");
  }
  return NULL;
}

/* ---- the child */

static flashkv_options some_options(kh_prng *prng, const char *folder) {
  static const uint64_t sizes[] = {8192, 65536, 262144, 1 << 20};
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = folder;
  options.data_file_size = sizes[kh_prng_below(prng, 4)];
  options.index_type =
      (flashkv_index_type)kh_prng_below(prng, FLASHKV_INDEX_BPTREE); /* that one has files of its own */
  options.mmap_at_startup = kh_prng_below(prng, 4) != 0;
  options.background = kh_prng_below(prng, 4) != 0;
  options.sync_writes = (flashkv_durability)kh_prng_below(prng, 3);
  options.merge_reserve = kh_prng_below(prng, 2) * 65536;
  options.bytes_per_sync = kh_prng_below(prng, 2) * 20000;
  options.merge_idle_ms = kh_prng_below(prng, 4);
  options.file_merge_threshold = 0.3;
  options.merge_busy_threshold = 0.5;
  return options;
}

static void write_for_a_while(flashkv *store, kh_prng *prng, bool small_files) {
  static uint8_t bytes[THREADS][VALUE_MAX];
  pthread_t threads[THREADS];
  worker workers[THREADS];
  _Atomic bool ends = false;
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (worker){i, store, {kh_prng_next(prng)}, &ends, bytes[i]};
    if (i == 0 && small_files && kh_prng_below(prng, 2) == 0) merge_a_deletion_alone(&workers[i]);
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) complain("thread", "cannot be made");
  }
  usleep((useconds_t)kh_prng_below(prng, 10000));
  atomic_store(&ends, true);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

/* Until it is killed. */
static _Noreturn void live(const char *folder, const char *backup, uint64_t seed) {
  kh_prng prng = {seed};
  for (;;) {
    flashkv *store = NULL;
    flashkv_error error = FLASHKV_ERROR_INIT;
    flashkv_options options = some_options(&prng, folder);
    atomic_store(&shared->phase, OPENING);
    must(flashkv_open(&options, &store, &error), &error, "open");
    shared->openings++;
    atomic_store(&shared->phase, LOOKING);
    look(store);
    look_at_backup(backup);
    atomic_store(&shared->phase, WRITING);
    write_for_a_while(store, &prng, options.data_file_size <= 65536);
    if (kh_prng_below(&prng, 2) == 0) {
      atomic_store(&shared->phase, BACKING_UP);
      back_up(store, backup, &prng);
    }
    atomic_store(&shared->phase, CLOSING);
    must(flashkv_close(&store, &error), &error, "close");
  }
}

/* ---- the parent */

enum { MERGING = PHASES, TARGETS };

static bool is_at(uint32_t target) {
  return target == MERGING ? atomic_load(&shared->merging) > 0 : atomic_load(&shared->phase) == target;
}

/* Returns as soon as the child has come so far, and a little later; at the latest when it should have. */
static void wait_for(uint32_t target, kh_prng *prng) {
  uint64_t patience_ns = UINT64_C(50000000), begun = kh_os_now_ns();
  while (!is_at(target) && kh_os_now_ns() - begun < patience_ns) usleep(20);
  uint64_t later_us = kh_prng_below(prng, target == WRITING ? 8000 : 400);
  if (kh_prng_below(prng, 4) != 0) usleep((useconds_t)later_us);
}

static void run_once(const char *folder, const char *backup, kh_prng *prng, uint64_t killed[TARGETS]) {
  uint64_t seed = kh_prng_next(prng);
  shared->merging = 0;
  shared->phase = OPENING;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) live(folder, backup, seed);
  wait_for((uint32_t)kh_prng_below(prng, TARGETS), prng);
  kill(child, SIGKILL);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    print_error("%s: %s (status %#x, options of seed %#llx)\n", folder, shared->complaint, status,
                (unsigned long long)seed);
    fail();
  }
  killed[atomic_load(&shared->phase)]++;
  killed[MERGING] += atomic_load(&shared->merging) > 0;
}

static void killed_at_any_moment(void **state) {
  (void)state;
  kh_prng prng = {unit_fixed_seed()};
  uint64_t cycles = unit_steps(unit_size(1000), 100000), killed[TARGETS] = {0};
  uint64_t begun = kh_os_now_ns();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  char folder[FOLDER_PATH_SIZE] = "", backup[FOLDER_PATH_SIZE];
  for (uint64_t cycle = 0; cycle < cycles; cycle++) {
    if (cycle % STORE_LIFE == 0) {
      if (folder[0] != '\0') folder_remove(folder), folder_remove(backup);
      memset(shared->threads, 0, sizeof shared->threads);
      shared->backup = shared->has_backup = 0;
      folder_make(folder);
      folder_make(backup);
    }
    run_once(folder, backup, &prng, killed);
  }
  folder_remove(folder);
  folder_remove(backup);
  print_message(
      "%llu kills: %llu opening, %llu looking, %llu writing, %llu backing up, %llu closing; of these, %llu "
      "merging\n",
      (unsigned long long)cycles, (unsigned long long)killed[OPENING], (unsigned long long)killed[LOOKING],
      (unsigned long long)killed[WRITING], (unsigned long long)killed[BACKING_UP], (unsigned long long)killed[CLOSING],
      (unsigned long long)killed[MERGING]);
  print_message(
      "%llu backups; of those killed, %llu were as before, %llu had more, %llu times there was none yet; %llu "
      "merges of a deletion alone\n",
      (unsigned long long)shared->backups, (unsigned long long)shared->earlier_backup,
      (unsigned long long)shared->backup_in_between, (unsigned long long)shared->no_backup_yet,
      (unsigned long long)shared->deletions_merged_alone);
  print_message("%llu openings, %llu commits, %llu merges, %llu gets; %llu commits under way were there; %llu s\n",
                (unsigned long long)shared->openings, (unsigned long long)shared->commits,
                (unsigned long long)shared->merges, (unsigned long long)shared->reads,
                (unsigned long long)shared->found_under_way,
                (unsigned long long)((kh_os_now_ns() - begun) / UINT64_C(1000000000)));
  munmap(shared, sizeof *shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
